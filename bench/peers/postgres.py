#!/usr/bin/python3
"""PostgreSQL with the function of sale.sql: the same purchases, over a unix socket.

The best that is known for it: one prepared call a purchase in libpq's pipeline mode, several of
them a transaction, so that they share a commit; tables that fit shared_buffers; minimal WAL, no
checkpoint, no autovacuum while it is measured; a core for the server, a core for its client.

  bench/peers/postgres.py [--synchronous-commit on|off] [--requests N] [--limit N]
                          [--scenario drop|singles-day] [--runs BATCHxDEPTH,...]

BATCH purchases a transaction, DEPTH transactions out. Prints {"BATCHxDEPTH": result, ...}. Each run
checks what redis.py checks. The server sees itself as another user than root in a user namespace:
it refuses to run as root.
"""
import argparse
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from bench.harness import process  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
RUNS = "128x4,1x1"
SETTINGS = {
    "listen_addresses": "", "fsync": "on", "wal_level": "minimal", "max_wal_senders": "0",
    "shared_buffers": "1GB", "max_wal_size": "16GB", "min_wal_size": "1GB",
    "checkpoint_timeout": "1h", "autovacuum": "off", "jit": "off", "wal_buffers": "64MB",
    "max_connections": "10", "bgwriter_lru_maxpages": "0", "track_activities": "off",
    "track_counts": "off", "huge_pages": "try", "logging_collector": "off",
    # Plans are made once, while the tables are still empty: never read them whole.
    "enable_seqscan": "off", "enable_bitmapscan": "off", "plan_cache_mode": "force_generic_plan",
}


def options_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--synchronous-commit", choices=("on", "off"), default="on")
    parser.add_argument("--requests", type=int, default=30000)
    parser.add_argument("--scenario", default="singles-day")
    parser.add_argument("--skus", type=int, default=100000)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--runs", default=RUNS)
    return parser.parse_args(argv)


def as_another(command):
    """Not root as the program sees it, whoever we are."""
    if os.geteuid() != 0:
        return command
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", *command]


def start(work, options):
    initdb = process.need("initdb")
    postgres = process.need("postgres")
    data = work / "data"
    done = subprocess.run(as_another([initdb, "-D", data, "-U", "bench", "-A", "trust", "-N",
                                      "--locale=C", "-E", "UTF8"]),
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise process.Skipped("initdb: " + done.stderr.strip()[-300:])
    settings = dict(SETTINGS, unix_socket_directories=str(work),
                    synchronous_commit=options.synchronous_commit)
    flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return process.Server(work, "postgres", as_another([postgres, "-D", data, *flags]))


def measure(argv):
    options = options_of(argv)
    load = process.need_built("peers/postgres_load")
    results = {}
    with process.work_directory("postgres") as work:
        server = start(work, options)
        # SIGINT: a fast shutdown.
        with process.serving(server, how=2):
            server.wait_for(lambda: "ready to accept" in server.err.read_text())
            for run in options.runs.split(","):
                batch, depth = run.split("x")
                # One commit at a time is slow: fewer of them give the same figure.
                requests = options.requests if int(batch) > 1 else options.requests // 10
                results[run] = process.run_json(
                    [load, "--socket", work, "--script", HERE / "sale.sql", "--scenario",
                     options.scenario, "--requests", requests, "--skus", options.skus,
                     "--limit", options.limit, "--batch", batch, "--depth", depth])
    version = subprocess.run([process.need("postgres"), "--version"], capture_output=True,
                             text=True, check=False)
    return {"version": version.stdout.strip(), "runs": results}


if __name__ == "__main__":
    sys.exit(process.script(lambda: measure(sys.argv[1:])))
