#!/usr/bin/python3
"""Redis with sale.lua: the same purchases, from the same generator, over a unix socket.

The best that is known for it: one EVALSHA a request or a gateway's batch of requests in one,
pipelined; binary ids; one content string instead of many fields; no snapshots, no AOF rewrite and
no latency tracking while it is measured; a core for Redis, the other for its client (hiredis) and,
as of the engine, for what Redis does in the background.

  bench/peers/redis.py [--fsync no|everysec|always] [--requests N] [--scenario drop|singles-day]
                       [--limit N] [--runs BATCHxDEPTH,...]

Prints {"BATCHxDEPTH": result, ...}. Each run checks that every purchase was accepted (drop: 15,000
of them), that the stream has each order once, and that just as many units left the stock.
"""
import argparse
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from bench.harness import process  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# Throughput as Redis likes it; a gateway's full datagram in one call; at a sane latency.
RUNS = "1x512,29x16,64x32,1x32"


def options_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fsync", choices=("no", "everysec", "always"), default="no")
    parser.add_argument("--requests", type=int, default=120000)
    parser.add_argument("--scenario", default="singles-day")
    parser.add_argument("--skus", type=int, default=100000)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--runs", default=RUNS)
    return parser.parse_args(argv)


def configuration(work, fsync):
    append_only = [] if fsync == "no" else ["--appendfsync", fsync, "--appenddirname", "aof",
                                            "--auto-aof-rewrite-percentage", "0"]
    return ["--port", "0", "--unixsocket", work / "redis.sock", "--unixsocketperm", "700",
            "--dir", work, "--save", "", "--daemonize", "no", "--io-threads", "1",
            "--latency-tracking", "no", "--server_cpulist", process.SERVER_CPU,
            "--bio_cpulist", process.LOAD_CPU, "--appendonly", "no" if fsync == "no" else "yes",
            *append_only]


def measure(argv):
    options = options_of(argv)
    program = process.need("redis-server")
    load = process.need_built("peers/redis_load")
    results = {}
    with process.work_directory("redis") as work:
        server = process.Server(work, "redis", [program, *configuration(work, options.fsync)],
                                cpu=None)
        socket = work / "redis.sock"
        with process.serving(server):
            server.wait_for(lambda: socket.exists() and server.says("ready to accept"))
            for run in options.runs.split(","):
                batch, depth = run.split("x")
                results[run] = process.run_json(
                    [load, "--socket", socket, "--script", HERE / "sale.lua", "--scenario",
                     options.scenario, "--requests", options.requests, "--skus", options.skus,
                     "--limit", options.limit, "--batch", batch, "--depth", depth])
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return {"version": " ".join(version.stdout.split()[:3]), "runs": results}


if __name__ == "__main__":
    sys.exit(process.script(lambda: measure(sys.argv[1:])))
