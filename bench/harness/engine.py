"""The engine as users run it: a process on its own core, and `doorbuster load` on the other."""
import contextlib
import os
import pathlib
import re
import threading
import time
import urllib.request

from bench.harness import process

SERVER_ADDRESS = "198.18.0.1:7700"
METRICS_ADDRESS = "127.0.0.1:9464"
# A peer of memif that comes while the last one is still being cleared away was seen to end the
# process (DPDK 22.11), so we wait.
PEER_PAUSE_S = 0.3
# A closed loop loses nothing, so it waits: on a busy machine the engine may not run for a while.
PATIENT_MS = 30000
FULL = 29
# Verdicts that a request of a sale may get; other answers do not count.
SALE_VERDICTS = {"ACCEPTED", "SOLD_OUT", "LIMIT_REACHED"}
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Sale:
    """A catalog, and the load's arguments for it."""

    def __init__(self, scenario="singles-day", skus=100000, buyers=0, limit=100, requests=0,
                 hold_seconds=0, holds_max=0):
        self.flags = ["--scenario", scenario]
        self.catalog_flags = []
        self.requests = requests
        self.hold_seconds = hold_seconds
        self.serve_flags = ["--max-holds", holds_max] if holds_max else []
        if scenario == "singles-day":
            self.flags += ["--skus", skus, "--units-max", 1]
            self.catalog_flags = ["--limit", limit]
            if buyers:
                self.flags += ["--buyers", buyers]

    def allow_holds(self, catalog):
        """Of every SKU: the last column of the file, which is empty."""
        if self.hold_seconds == 0:
            return
        head, *offers = catalog.read_text().splitlines()
        if not head.endswith(",hold_seconds") or not all(line.endswith(",") for line in offers):
            raise process.Failed(f"{catalog}: its last column is not what it was")
        catalog.write_text("\n".join([head, *(f"{line}{self.hold_seconds}" for line in offers)])
                           + "\n")


class Engine:
    """A running engine; `load` sells, `report` is what it printed when it drained."""

    def __init__(self, work, sale, ack, orders_max, port, cores, metrics):
        self.metrics = metrics
        self.counting = threading.Lock()
        self.sale = sale
        self.ack = ack
        self.told = self.lost = 0
        if port == "lo":
            self.port, self.cpu = "lo", process.LOAD_CPU
            self.to = ["--server", "127.0.0.1:7700"]
        else:
            self.port, self.cpu = f"memif:{work}/memif.sock", None
            self.to = ["--server", SERVER_ADDRESS, "--port", self.port, "--core",
                       process.LOAD_CPU]
        self.keys = work / "keys"
        catalog = work / "catalog.csv"
        load = process.BIN / "doorbuster-load"
        process.subprocess.run([process.BIN / "doorbuster-keygen", self.keys], check=True,
                               capture_output=True)
        process.subprocess.run([str(word) for word in (
            load, *sale.flags, *sale.catalog_flags, "--requests", sale.requests or orders_max,
            "--catalog-out", catalog)], check=True)
        sale.allow_holds(catalog)
        began = time.monotonic()
        self.server = process.Server(work, "engine", [
            process.BIN / "doorbuster-serve", "--port", self.port, "--data",
            work / "data", "--catalog", catalog, "--keys", self.keys, "--ack", ack, "--cores",
            ",".join(map(str, cores)), "--shards", len(cores), "--max-orders", orders_max,
            "--metrics", metrics, *sale.serve_flags],
            cpu=None)
        self.server.wait_for(lambda: self.server.says("ready "))
        self.start_s = time.monotonic() - began
        self.report = {}

    def load(self, *flags, good=(0,)):
        """One load; its JSON, and what it cost the engine. With 1 among the good codes lost
        requests are a result, too."""
        time.sleep(PEER_PAUSE_S)
        before, aside = scrape(self.metrics), self.aside_s()
        try:
            result = process.run_json(
                [process.BIN / "doorbuster-load", *self.sale.flags, *self.to, "--keys", self.keys,
                 "--prepared", "--ack", self.ack, "--json", *flags], cpu=self.cpu, good=good)
        except process.Failed as failed:
            raise process.Failed(f"{failed}; dropped by the engine so far: "
                                 f"{drops(self.metrics) or 'nothing'}") from None
        others = set(result["verdicts"]) - SALE_VERDICTS
        if (result["contradictions"] != 0 or result["replies_bad_tag"] != 0
                or (others and result["scenario"] != "mixed")):
            raise process.Failed(f"wrong answers: {result}")
        with self.counting:
            self.told += result["orders"]
            self.lost += result["unanswered"]
        result.update(cost(before, scrape(self.metrics), result["seconds"]))
        result["aside_share"] = (self.aside_s() - aside) / max(result["seconds"], 1e-9)
        return result

    def closed_loop(self, requests, fill=FULL, in_flight=128):
        return self.load("--requests", requests, "--fill", fill, "--in-flight", in_flight,
                         "--timeout-ms", PATIENT_MS)

    def open_loop(self, rate, seconds, fill=FULL, *flags):
        return self.load("--rate", max(1, round(rate)), "--seconds", seconds, "--fill", fill,
                         "--arrivals", "poisson", *flags, good=(0, 1))

    def aside_s(self):
        """CPU seconds so far of the engine's threads that are no workers: they share the load's
        core."""
        seconds = 0
        for task in pathlib.Path(f"/proc/{self.server.process.pid}/task").glob("*"):
            with contextlib.suppress(OSError):
                if "worker" not in (task / "comm").read_text():
                    fields = (task / "stat").read_text().rpartition(")")[2].split()
                    seconds += (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        return seconds

    def stop(self):
        self.server.stop()
        self.report = parse_report(self.server.out.read_text(), self.server.err.read_text())
        if not self.told <= self.report["orders"] <= self.told + self.lost:
            raise process.Failed(f"the engine has {self.report['orders']} orders, and told "
                                 f"{self.told} of them; {self.lost} requests had no answer")


@contextlib.contextmanager
def engine(sale, ack="memory", orders_max=20000000, port="memif", cores=None,
           metrics=METRICS_ADDRESS):
    """A worker on each of the cores (default: the server's), with a shard each."""
    with process.work_directory("engine") as work:
        running = Engine(work, sale, ack, orders_max, port, cores or (process.SERVER_CPU,), metrics)
        try:
            yield running
        except BaseException:
            running.server.kill()
            raise
        running.stop()


def metrics_of(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=300) as answer:
        return answer.read().decode()


def drops(address):
    """Frames that the engine dropped, by reason; why a load lost requests."""
    found = re.findall(r'^doorbuster_drops_total\{reason="(\w+)"\} ([1-9]\d*)$',
                       metrics_of(address), re.MULTILINE)
    return ", ".join(f"{reason} {count}" for reason, count in found)


def scrape(address):
    """The engine's metrics of its time: {(name, stage): sum over workers}."""
    sums = {}
    for name, labels, value in re.findall(r"^(doorbuster_worker_\w+)\{([^}]*)\} (\S+)",
                                          metrics_of(address), re.MULTILINE):
        stage = re.search(r'stage="([^"]*)"', labels)
        key = (name.removeprefix("doorbuster_worker_"), stage[1] if stage else "")
        sums[key] = sums.get(key, 0) + float(value)
    return sums


def cost(before, after, seconds):
    """Of a load: cycles a request by stage, of the turns that were timed, and the share of its time
    in which the engine had something to do."""
    spent = {key: after[key] - before.get(key, 0) for key in after}
    requests = spent.get(("timed_requests_total", ""), 0)
    stages = {stage: cycles / requests for (name, stage), cycles in spent.items()
              if name == "stage_cycles_total" and requests > 0}
    if stages:
        stages["all"] = sum(stages.values())
    return {"stages": stages,
            "busy_share": min(1, spent.get(("busy_seconds_total", ""), 0) / max(seconds, 1e-9))}


def pairs(line):
    return dict(re.findall(r"(\S+?)=\s*(\S+)", line))


def parse_report(out, err):
    """The closing report: stages, workers, orders; empty where an engine doesn't print it."""
    report = {"stages": {}, "workers": []}
    for line in out.splitlines():
        words = line.split()
        if line.startswith("stage "):
            values = pairs(line)
            report["stages"][words[1]] = {
                "cycles": float(values.get("cycles", "nan")),
                "ns": float(values.get("ns", "nan")), "share": float(values.get("share", "nan"))}
        elif line.startswith("worker "):
            report["workers"].append(pairs(line))
        elif line.startswith("drained "):
            report["orders"] = int(pairs(line)["orders"])
        elif line.startswith("ready "):
            report["ready"] = pairs(line)
            # A result may be published, so it must not name this machine's directories.
            port = report["ready"].get("port", "")
            report["ready"]["port"] = port.split(":")[0]
    report["conserved"] = "conserved=no" not in out and "conserved=yes" in out
    # Time and level stand before the text.
    found = re.search(r"hugepages: .*", err)
    report["hugepages"] = found.group() if found else ""
    if not report["conserved"]:
        raise process.Failed("the engine's sums are not conserved: " + out)
    return report
