"""What is measured. A section is a list of steps; a step has a name and gives a result as a dict.

Steps alternate: every one once, then all again, so that what the machine does in the meantime hits
all of them alike.
"""
import json
import os
import re
import subprocess

from bench.harness import machine, process
from bench.harness.downstream import downstream_step
from bench.harness.engine import FULL, Sale, engine
from bench.harness.holds import ends_step, rates_step
from bench.harness.workers import workers_step

LOADS = (10, 50, 80, 95)
OPEN_SECONDS = 0.6
# At half load, where quantiles are promised: one stall of the machine is less of it.
HALF_SECONDS = 1.5
JITTER_SECONDS = 1
# Beside a durable step: what the disk itself takes, then some orders that are not measured.
RAW_ORDERS = 200000
# Divides the number of requests: a test of the harness is not a measurement.
SHRINK = int(os.environ.get("DB_BENCH_SHRINK", "1"))
FULL_REQUESTS = 4000000 // SHRINK
CAPACITY_REQUESTS = {FULL: 3000000 // SHRINK, 1: 1000000 // SHRINK}
WORKER_REQUESTS = 3000000 // SHRINK
DROP_REQUESTS = 8000000 // SHRINK
# Datagrams out, in turn, until more of them bring no more than GAIN: in flight / latency is all
# that a closed loop can show.
IN_FLIGHT = {FULL: (128, 512, 1024), 1: (256, 512, 1024)}
GAIN = 1.03
IN_FLIGHT_USUAL = 512
ORDERS_MAX = {FULL: 40000000 // SHRINK, 1: 24000000 // SHRINK}
# Twice what the engine takes, and more.
OVERLOAD = 2.5
PEER_SECONDS = 180
GROWTH_POINTS = (1000000, 10000000, 30000000)
GROWTH_CHUNK = 10000000
BUYERS_BEFORE = 12000000 // SHRINK
HOLDS = 1000000 // SHRINK
# Measured in turn within one engine, so often.
TURNS = 3


def path_step(ack, fill):
    """Capacity, then open loop at shares of it, then far above it. In the same step what the
    machine, the port and the disk take by themselves: no latency of an engine is less."""
    def measure():
        jitter = machine.jitter(JITTER_SECONDS)
        with engine(Sale(), ack, orders_max=ORDERS_MAX[fill]) as running:
            capacity = capacity_of(running, fill)
            rate = capacity["requests_per_s"]
            result = {"capacity": capacity, "start_s": running.start_s, "jitter": jitter,
                      "open": {}}
            for share in LOADS:
                seconds = HALF_SECONDS if share == 50 else OPEN_SECONDS
                result["open"][str(share)] = running.open_loop(rate * share / 100, seconds, fill)
            result["overload"] = running.open_loop(rate * OVERLOAD, OPEN_SECONDS / 2, fill)
        result["report"] = running.report
        if ack == "memory":
            result["port"] = port_alone(rate / fill / 2, fill)
        else:
            result["raw"] = raw_writes()
        return result
    return measure


def capacity_of(running, fill):
    """The best closed loop, and under "in_flight" what each gave."""
    best, tried = None, {}
    for in_flight in IN_FLIGHT[fill]:
        run = running.closed_loop(CAPACITY_REQUESTS[fill], fill, in_flight)
        tried[str(in_flight)] = run["requests_per_s"]
        grew = best is None or run["requests_per_s"] > best["requests_per_s"] * GAIN
        if best is None or run["requests_per_s"] > best["requests_per_s"]:
            best = dict(run, datagrams_out=in_flight)
        if not grew:
            break
    return dict(best, in_flight=tried)


def port_alone(datagrams_per_s, fill):
    """testpmd under the open loop of an engine at half load; None where there is none."""
    try:
        return peer_step("testpmd.py", "--fill", fill, "--rate", max(1, round(datagrams_per_s)),
                         "--datagrams", max(1, round(datagrams_per_s * HALF_SECONDS)))()
    except process.Skipped:
        return None


def raw_writes():
    with process.work_directory("raw") as work:
        return raw_of(text_of([process.BIN / "bench/bench_journal", work / "journal", RAW_ORDERS]))


def drop_step(ack):
    def measure():
        with engine(Sale("drop", limit=1), ack, orders_max=100000) as running:
            capacity = running.closed_loop(DROP_REQUESTS, in_flight=IN_FLIGHT_USUAL)
        if capacity["orders"] != 15000 or running.report["orders"] != 15000:
            raise process.Failed(f"a drop sold {running.report['orders']}, not 15,000")
        return {"capacity": capacity, "report": running.report}
    return measure


def lo_step():
    with engine(Sale(), "durable", port="lo") as running:
        capacity = running.closed_loop(FULL_REQUESTS // 2)
    return {"capacity": capacity, "report": running.report}


def spike_step():
    """Singles Day: 36 times as much within one second, up to 80 % of what the engine takes."""
    with engine(Sale(), "durable", orders_max=25000000) as running:
        rate = running.closed_loop(FULL_REQUESTS, in_flight=IN_FLIGHT_USUAL)["requests_per_s"]
        spike = running.load("--rate", round(rate * 0.8 / 36), "--spike", "36,0.5,1,0.5",
                             "--seconds", 2.5, "--arrivals", "poisson", "--window-ms", 20,
                             good=(0, 1))
    return {"capacity_per_s": rate, "spike": spike, "report": running.report}


def mixed_step():
    requests = 2000000 // SHRINK
    with engine(Sale("mixed", requests=requests), "durable", orders_max=requests) as running:
        return running.closed_loop(requests)


def peer_step(script, *flags):
    def measure():
        command = [process.TOP / "bench/peers" / script, *flags]
        # A session of its own: what the script started ends with it, whatever becomes of it.
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, start_new_session=True) as peer:
            try:
                out, err = peer.communicate(timeout=PEER_SECONDS)
            finally:
                process.end_session(peer)
        if peer.returncode == 77:
            raise process.Skipped(err.strip().removeprefix("skipped: "))
        if peer.returncode != 0:
            raise process.Failed(err.strip())
        result = json.loads(out)
        runs = result.get("runs")
        if runs:
            result["best"] = max(runs.values(), key=lambda run: run["orders_per_s"])
        return result
    return measure


def skus_step(skus):
    def measure():
        with engine(Sale(skus=skus), orders_max=6000000) as running:
            return running.closed_loop(FULL_REQUESTS, in_flight=IN_FLIGHT_USUAL)
    return measure


def buyers_step(buyers):
    """Buyers drawn from this many, when BUYERS_BEFORE orders are there already."""
    def measure():
        with engine(Sale(buyers=buyers), orders_max=BUYERS_BEFORE + FULL_REQUESTS * 2) as running:
            running.closed_loop(BUYERS_BEFORE)
            return running.closed_loop(FULL_REQUESTS, in_flight=IN_FLIGHT_USUAL)
    return measure


def middle(runs):
    """The run with the median of orders a second."""
    return sorted(runs, key=lambda run: run["orders_per_s"])[len(runs) // 2]


def fill_step():
    fills = (1, 2, 4, 8, 16, FULL)
    runs = {fill: [] for fill in fills}
    with engine(Sale(), orders_max=16000000) as running:
        for fill in fills * TURNS:
            runs[fill].append(running.closed_loop(50000 * max(8, fill), fill,
                                                  IN_FLIGHT_USUAL))
    return {str(fill): middle(runs[fill]) for fill in fills}


def growth_step(points):
    """One engine that remembers more and more orders, measured at some points."""
    def measure():
        result = {}
        orders = 0
        with engine(Sale(limit=0), orders_max=points[-1] + 4000000) as running:
            for point in points:
                while orders < point:
                    chunk = min(GROWTH_CHUNK, point - orders)
                    orders += running.closed_loop(chunk)["orders"]
                runs = [running.closed_loop(1000000) for _ in range(TURNS)]
                orders += sum(run["orders"] for run in runs)
                result[str(point)] = middle(runs)
        result["report"] = running.report
        return result
    return measure


def text_of(command, seconds=300):
    done = subprocess.run(["taskset", "-c", str(process.SERVER_CPU), *map(str, command)],
                          capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise process.Failed(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def tag_step():
    """ns a datagram by kernel, of one request and of 29, one by one and 64 at once."""
    text = text_of([process.BIN / "bench/bench_tag"])
    head, *lines = text.splitlines()
    kernels = head.split()[2:-3]
    ns = {}
    for line in lines:
        entries, burst, *values = line.split()
        if entries in ("1", "29") and burst in ("1", "64"):
            ns.update({f"{kernel}-{entries}x{burst}": float(value)
                       for kernel, value in zip(kernels, values)})
    return found({"text": text, "ns": ns}, ns)


def raw_of(text):
    """{writes in flight: p50 and p99} of what bench_journal says of raw durable writes."""
    raws = {}
    for match in re.finditer(r"^raw (\d+) KiB(?: durable write|, (\d+) in flight).*?"
                             r"p50 +([\d.]+) us +p99 +([\d.]+) us", text, re.MULTILINE):
        raws[match[2] or "1"] = {"kib": int(match[1]), "p50_us": float(match[3]),
                                 "p99_us": float(match[4])}
    if "1" not in raws:
        raise process.Failed("bench_journal tells of no raw write: " + text[-300:])
    return raws


def journal_step():
    with process.work_directory("journal") as work:
        text = text_of([process.BIN / "bench/bench_journal", work / "journal"])
    result = {"text": text, "raw": raw_of(text), "speeds": {}}
    for line in re.finditer(r"^(full speed|[\d.]+ M/s) +([\d.]+) M orders/s.*?p50 +([\d.]+) us +"
                            r"p99 +([\d.]+) us", text, re.MULTILINE):
        result["speeds"][line[1]] = {"orders_per_s": float(line[2]) * 1e6,
                                     "p50_us": float(line[3]), "p99_us": float(line[4])}
    return found(result, result["speeds"])


def found(result, figures):
    """The result, if there is anything in it: a program that prints otherwise must not pass."""
    if not figures:
        raise process.Failed("no figures in: " + result["text"][-300:])
    return result


def cases_step(program, *arguments):
    """Cases of a program that prints their medians, by bench_print of bench/common.c."""
    def measure():
        text = text_of([process.BIN / "bench" / program, *arguments])
        ns = {match[1]: float(match[2]) for match in re.finditer(
            r"^([a-z][\w.-]*) +(\d+\.\d) +\d+\.\d +\d+\.\d$", text, re.MULTILINE)}
        return found({"text": text, "ns": ns}, ns)
    return measure


def recover_step():
    with process.work_directory("recover") as work:
        text = text_of([process.BIN / "bench/bench_recover", work / "recover"])
    speeds = {}
    for line in re.finditer(r"^(\S.*?) +([\d.]+) M orders/s", text, re.MULTILINE):
        speeds.setdefault(line[1].strip(), []).append(float(line[2]) * 1e6)
    return found({"text": text, "orders_per_s": {name: sorted(values)[len(values) // 2]
                                                 for name, values in speeds.items()}}, speeds)


def tables_step(*points):
    """Decide with tables of that many entries."""
    def measure():
        return {str(orders): cases_step("bench_decide", 1000000, orders, TURNS)()
                for orders in points}
    return measure


ROUNDS = {
    "path": [
        ("testpmd full", peer_step("testpmd.py")),
        ("engine memory full", path_step("memory", FULL)),
        ("engine durable full", path_step("durable", FULL)),
        ("testpmd single", peer_step("testpmd.py", "--fill", 1, "--in-flight", IN_FLIGHT_USUAL,
                                     "--datagrams", 3000000)),
        ("engine memory single", path_step("memory", 1)),
        ("engine durable single", path_step("durable", 1)),
        ("engine memory drop", drop_step("memory")),
        ("engine durable drop", drop_step("durable")),
        ("engine durable lo", lo_step),
    ],
    "peers": [
        ("redis no", peer_step("redis.py", "--fsync", "no")),
        ("redis everysec", peer_step("redis.py", "--fsync", "everysec")),
        ("redis always", peer_step("redis.py", "--fsync", "always", "--requests", 60000)),
        ("postgres off", peer_step("postgres.py", "--synchronous-commit", "off")),
        ("postgres on", peer_step("postgres.py", "--synchronous-commit", "on")),
        ("udp echo full", peer_step("udp_echo.py")),
        ("udp echo single", peer_step("udp_echo.py", "--fill", 1)),
    ],
}

# Likewise, but not more often than TURNS.
SOME_ROUNDS = {
    "spike": [("spike", spike_step), ("mixed", mixed_step), ("holds", rates_step(HOLDS)),
              ("holds that end", ends_step(HOLDS))],
    "workers": [("workers", workers_step(WORKER_REQUESTS))],
    "scale": [
        *((f"skus {skus}", skus_step(skus)) for skus in (1, 1000, 100000, 1000000)),
        *((f"buyers {buyers}", buyers_step(buyers)) for buyers in (1000000, 10000000, 100000000)),
        ("fill", fill_step),
        ("growth", growth_step(GROWTH_POINTS)),
    ],
}

# They have rounds of their own.
ONCE = {
    "downstream": [("downstream", downstream_step)],
    "huge": [("tables 100 M", tables_step(1000000, 100000000)),
             ("growth 100 M", growth_step((1000000, 10000000, 100000000)))],
    "micro": [("decide", cases_step("bench_decide")),
              ("decide holds", cases_step("bench_hold")),
              ("baskets", cases_step("bench_basket")),
              ("tables", tables_step(1000000, 10000000)),
              ("packet", cases_step("bench_packet")), ("tag", tag_step),
              ("append", cases_step("bench_append")), ("journal", journal_step),
              ("recover", recover_step)],
}

# 100 M orders take minutes, 22 GiB of memory and 7 of disk: only when asked for.
DEFAULT = ("path", "peers", "spike", "workers", "scale", "downstream", "micro")
