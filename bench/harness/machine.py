"""The machine: what it is, how far its two cores are apart, hugepages for the time of a run."""
import contextlib
import fcntl
import os
import pathlib
import platform
import subprocess

from bench.harness import process

# A cache line's round trip: 80 to 260 ns when near, 450 to 570 when far, on the guests seen so far.
NEAR_NS = 350
HUGEPAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
HUGEPAGE_KIB = 2048


def distance_ns():
    done = subprocess.run([process.BIN / "bench/core_distance", str(process.LOAD_CPU),
                           str(process.SERVER_CPU)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise process.Failed("core_distance: " + done.stderr.strip())
    return int(done.stdout)


def jitter(seconds):
    """For how long threads that only spin on both cores don't get them: bench/jitter.c."""
    return process.run_json([process.BIN / "bench/jitter", seconds, process.LOAD_CPU,
                             process.SERVER_CPU], cpu=None)


def tag_of(before_ns, after_ns):
    """near, far, or changed while it was measured."""
    tags = {"near" if ns < NEAR_NS else "far" for ns in (before_ns, after_ns)}
    return tags.pop() if len(tags) == 1 else "changed"


def memory_kib(name):
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def waited_us():
    """For how long, since the start of the machine, some task waited for a CPU; None: unknown."""
    try:
        text = pathlib.Path("/proc/pressure/cpu").read_text()
        return int(text.split("total=")[1].split()[0])
    except (OSError, IndexError, ValueError):
        return None


def describe():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    commit = subprocess.run(["git", "-C", str(process.TOP), "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
        "memory_gib": round(memory_kib("MemTotal") / 1024 / 1024, 1), "commit": commit or "unknown",
        "load_average_before": os.getloadavg()[0],
        "hypervisor": "hypervisor" in pathlib.Path("/proc/cpuinfo").read_text(),
    }


def change_hugepages(pages):
    """Adds or removes pages; returns how many more there are. Others may do so meanwhile, too."""
    with open(HUGEPAGES, "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = int(file.read())
        file.seek(0)
        file.write(str(max(0, before + pages)))
        file.flush()
        file.seek(0)
        return int(file.read()) - before


@contextlib.contextmanager
def hugepages(wanted_mib):
    """Reserved for the block, and given back; yields how many MiB there are more than before."""
    added = 0
    with contextlib.suppress(OSError, ValueError):
        if memory_kib("MemAvailable") > 2 * wanted_mib * 1024:
            added = change_hugepages(wanted_mib * 1024 // HUGEPAGE_KIB)
    try:
        yield added * HUGEPAGE_KIB // 1024
    finally:
        if added:
            with contextlib.suppress(OSError, ValueError):
                change_hugepages(-added)
