#!/usr/bin/python3
"""Measures the engine and the programs it is compared with; writes a table, JSON and a page.

  bench/run.py [--rounds N] [--what path,peers,spike,workers,scale,downstream,micro,huge]
               [--out DIR] [--minutes N] [--cpus LOAD,SERVER]

Runs in namespaces of its own, ends by itself, leaves the machine as it was: hugepages that it
reserves are given back, what it starts ends with it, files lie under build/ and are removed. Makes
no sense on a machine that does anything else. bench/README.md tells what the figures mean.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench.harness import machine, process, sections, table  # noqa: E402

INSIDE = "DB_BENCH_INSIDE"
HUGEPAGES_MIB = 4096


def options_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--what", default=",".join(sections.DEFAULT),
                        help="sections, or names of steps, separated by commas")
    parser.add_argument("--out", default=str(process.TOP / "build/bench-results"))
    parser.add_argument("--minutes", type=float, default=20,
                        help="begin nothing new after so long")
    parser.add_argument("--hugepages-mib", type=int, default=HUGEPAGES_MIB,
                        help="reserve so many for the time of the run; 0: none")
    parser.add_argument("--cpus", default=f"{process.LOAD_CPU},{process.SERVER_CPU}",
                        help="of the load and of the server (default 0,1)")
    options = parser.parse_args(argv)
    options.what = [what.strip() for what in options.what.split(",") if what.strip()]
    known = {**sections.ROUNDS, **sections.SOME_ROUNDS, **sections.ONCE}
    steps = {name for section in known.values() for name, _ in section}
    for what in options.what:
        if what not in known and what not in steps:
            parser.error(f"--what: '{what}' is none; expected {', '.join(known)}, or a step: "
                         + ", ".join(sorted(steps)))
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    cpus = options.cpus.split(",")
    if (len(cpus) != 2 or cpus[0] == cpus[1]
            or not all(cpu.isdigit() and int(cpu) in os.sched_getaffinity(0) for cpu in cpus)):
        parser.error(f"--cpus: '{options.cpus}' is none; expected two of "
                     f"{sorted(os.sched_getaffinity(0))}, separated by a comma")
    os.environ[process.CPUS] = options.cpus
    process.LOAD_CPU, process.SERVER_CPU = map(int, cpus)
    return options


def wanted(section_map, what):
    return [(name, step) for section, steps in section_map.items() for name, step in steps
            if section in what or name in what]


class Run:
    """The document that grows, and what was skipped or failed."""

    def __init__(self, options, hugepages_mib):
        self.deadline = time.monotonic() + options.minutes * 60
        self.out = pathlib.Path(options.out)
        self.document = {
            "version": 1, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "command": f"make bench WHAT={','.join(options.what)} ROUNDS={options.rounds}",
            "machine": machine.describe(), "hugepages_mib": hugepages_mib,
            "rounds": options.rounds, "runs": [], "skipped": {}, "failed": [],
            "no_time": [],
        }

    def save(self):
        """Saves what was measured so far, in case the run is ended."""
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "results.json").write_text(json.dumps(self.document, indent=1) + "\n")

    def over(self):
        return time.monotonic() > self.deadline

    def step(self, name, measure, turn):
        """One measurement, between two probes of the distance."""
        if name in self.document["skipped"]:
            return
        if self.over():
            self.document["no_time"].append({"name": name, "round": turn})
            print(f"  {name}: no time left (--minutes)", flush=True)
            return
        before = machine.distance_ns()
        waited = machine.waited_us()
        began = time.monotonic()
        try:
            result = measure()
        except process.Skipped as skipped:
            self.document["skipped"][name] = str(skipped)
            print(f"  {name}: skipped: {skipped}", flush=True)
            return
        except (process.Failed, subprocess.SubprocessError, OSError, ValueError,
                LookupError) as failed:
            self.document["failed"].append({"name": name, "round": turn,
                                            "why": str(failed) or repr(failed)})
            print(f"  {name}: FAILED: {failed}", flush=True)
            return
        seconds = time.monotonic() - began
        waited = (machine.waited_us() - waited) / 1e6 / seconds if waited is not None else None
        after = machine.distance_ns()
        self.document["runs"].append({
            "name": name, "round": turn, "result": result,
            "distance_ns": [before, after], "distance": machine.tag_of(before, after),
            "seconds": round(seconds, 1),
            "waited_share": waited,
        })
        self.save()
        print(f"  {name:24} {table.headline(result):60} {self.document['runs'][-1]['distance']}",
              flush=True)


def take_turns(run, steps, rounds):
    """Every step, then all again. Returns how many rounds were begun in time."""
    begun = 0
    for turn in range(1, rounds + 1 if steps else 1):
        begun += not run.over()
        print(f"round {turn} of {rounds}:", flush=True)
        for name, step in steps:
            run.step(name, step, turn)
    return begun


def measure_all(options, hugepages_mib):
    run = Run(options, hugepages_mib)
    for section_map, rounds in ((sections.ROUNDS, options.rounds), (sections.ONCE, 1),
                                (sections.SOME_ROUNDS, min(options.rounds, sections.TURNS))):
        done = take_turns(run, wanted(section_map, options.what), rounds)
        if section_map is sections.ROUNDS:
            run.document["rounds"] = max(done, 1)
    run.document["machine"]["load_average_after"] = os.getloadavg()[0]
    run.save()
    return run.document


def write(document, out):
    text = table.render(document)
    (out / "table.md").write_text(text)
    print()
    print(text)
    try:
        from bench.harness import page
    except ImportError as missing:
        print(f"no page: {missing} (tools/setup/setup.sh bench installs python3-matplotlib)")
        return
    (out / "index.html").write_text(page.render(document))
    print(f"{out}/index.html and {out}/results.json")


def enter_namespaces(argv, options):
    """The rest as a child in namespaces; out here hugepages are given back whatever becomes of it.
    """
    if os.geteuid() != 0:
        print("bench: needs root, for namespaces and hugepages", file=sys.stderr)
        return 2
    child = None

    def end(*_):
        """unshare itself blocks SIGTERM while it waits: its child is meant."""
        if child is None:
            sys.exit(143)
        below = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children")
        pids = below.read_text().split()
        for pid in pids:
            os.kill(int(pid), signal.SIGTERM)
        if not pids:
            child.kill()

    for how in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(how, end)
    with machine.hugepages(options.hugepages_mib) as hugepages_mib:
        child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork",
             "--kill-child=SIGTERM", "--mount-proc", "--propagation", "private", sys.executable,
             __file__, *argv],
            env=dict(os.environ, **{INSIDE: f"{hugepages_mib} {own_mounts()}"}))
        # Ctrl-C reaches the child without us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return child.wait()


def own_mounts():
    return os.readlink("/proc/self/ns/mnt")


def inside():
    """(MiB of hugepages) if this is the child in namespaces of its own, else None: what it mounts
    must never be the machine's."""
    mib, _, outside = os.environ.get(INSIDE, "").partition(" ")
    return int(mib) if mib.isdigit() and outside not in ("", own_mounts()) else None


def main(argv):
    options = options_of(argv)
    if os.cpu_count() < 2:
        print("bench: needs two cores, one for the server and one for its load", file=sys.stderr)
        return 2
    hugepages_mib = inside()
    if hugepages_mib is None:
        return enter_namespaces(argv, options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    # The engine, the load and testpmd write under /run, and end with this namespace.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    document = measure_all(options, hugepages_mib)
    write(document, pathlib.Path(options.out))
    return 1 if document["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
