"""What bench/downstream_profile.sh does inside its namespaces."""
import collections
import contextlib
import re
import subprocess
import sys

from bench.harness import brokers, downstream, process
from bench.harness.engine import Sale, engine

ORDERS = 8000000
SAMPLES_A_SECOND = 999
RELAY = "doorbuster-rela"  # as the kernel cuts it
SHOWN = {RELAY: "relay"}


def profiled(work, name, command):
    """Runs it; seconds from the relay's first sample to its last, and (who, where) of each sample
    of both CPUs in between."""
    record = work / f"{name}.perf"
    done = subprocess.run(
        ["taskset", "-c", str(process.SERVER_CPU), "perf", "record", "-q", "-a", "-e", "cpu-clock",
         "-F", str(SAMPLES_A_SECOND), "-o", record, "--", *map(str, command)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise process.Failed(f"{name}: {done.stderr[-500:]}")
    script = subprocess.run(["perf", "script", "-i", record, "-F", "comm,time,ip,sym,dso"],
                            capture_output=True, text=True, check=True).stdout
    samples = []
    for line in script.splitlines():
        found = re.match(r"\s*(.+?)\s+([0-9.]+):\s+[0-9a-f]+ (\S+).*\((.*)\)$", line)
        if found:
            samples.append((float(found[2]), found[1], found[3], found[4].rpartition("/")[2]))
    times = [at for at, who, _, _ in samples if who == RELAY]
    return times[-1] - times[0], [
        (who, function if function != "[unknown]" else "own code, stripped", where)
        for at, who, function, where in samples if times[0] <= at <= times[-1]]


def tell(name, seconds, samples, lines):
    used = collections.Counter(who for who, _, _ in samples)
    used.pop("swapper", None)
    print(f"\n{name}: {ORDERS / seconds / 1e6:.2f} M orders/s, {seconds:.2f} s")
    for who, cnt in used.most_common(3):
        if cnt / SAMPLES_A_SECOND / seconds < 0.02:
            continue
        functions = collections.Counter((where, function) for by, function, where in samples
                                        if by == who)
        kernel = sum(hits for (where, _), hits in functions.items() if "kernel" in where)
        spent = cnt / SAMPLES_A_SECOND
        print(f"  {SHOWN.get(who, who)}: {spent:.2f} s, {spent / seconds:.2f} cores; "
              f"{100 * kernel / cnt:.0f} % of it the kernel's")
        for (where, function), hits in functions.most_common(lines):
            print(f"    {100 * hits / cnt:5.1f} %  {function} ({where})")


def main():
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    with engine(Sale(limit=0), "durable", ORDERS + 2000000) as running:
        work = running.keys.parent
        running.closed_loop(ORDERS, in_flight=downstream.IN_FLIGHT)
        running.stop()
        for name, start, flags in (
                ("file", None, ()), ("JetStream R1", brokers.jetstream_alone, ()),
                ("JetStream R3", brokers.jetstream_cluster, ("--set", "replicas=3"))):
            with contextlib.ExitStack() as servers:
                to = f"file:{work / 'copy'}"
                if start is not None:
                    to, started = start(work)
                    for server in started:
                        servers.enter_context(process.serving(server, good=(0, 1)))
                key = name.lower().replace(" ", "-")
                tell(name, *profiled(work, key, downstream.relay_command(
                    work / "data", key, to, "--once", *flags)), lines)


main()
