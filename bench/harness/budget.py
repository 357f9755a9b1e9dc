"""The budgets of design.md section 9, the measured values, and the command of each."""
from bench.harness.stats import Results

# Units of a value: factor and text.
NS = (1, "ns")
MILLION = (1e-6, "M/s")
US = (1, "us")
RATIO = (1, "")

REDIS_MEMORY = 100
REDIS_DURABLE = 60


def number(value, unit):
    factor, text = unit
    value *= factor
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {text}".strip()


class Row:
    """A line: what, the budget (None: stands beside the line before), the value (None: not
    measured), whether less is better."""

    def __init__(self, what, budget, value, unit, command, less=False, spread=None):
        self.what = what
        self.budget = budget
        self.value = value
        self.unit = unit
        self.command = command
        self.less = less
        self.spread = spread

    def kept(self):
        if self.value is None or self.budget is None:
            return None
        return self.value <= self.budget if self.less else self.value >= self.budget

    def cells(self):
        word = "at most" if self.less else "at least"
        measured = "not measured" if self.value is None else number(self.value, self.unit)
        verdict = {None: "", True: "kept", False: "missed"}[self.kept()]
        spread = "" if self.spread is None else f"{self.spread * 100:.0f} %"
        budget = "" if self.budget is None else f"{word} {number(self.budget, self.unit)}"
        return [self.what, budget, measured, spread, verdict, self.command]


def decide_ns(results, *names):
    for name in names:
        value = results.median("decide", f"ns/{name}")
        if value is not None:
            return value
    return None


def allocated_bytes(results):
    """The most of all workers that reported it."""
    told = []
    for name in results.by_name:
        for run in results.by_name[name]:
            report = run["result"].get("report", {}) if isinstance(run["result"], dict) else {}
            told += [int(worker["allocated_bytes"]) for worker in report.get("workers", ())
                     if "allocated_bytes" in worker]
    return max(told) if told else None


def growth(results):
    for name, last in (("growth 100 M", 100000000), ("growth", 30000000)):
        first = results.median(name, "1000000/orders_per_s")
        end = results.median(name, f"{last}/orders_per_s")
        if first and end:
            return last, end / first
    return 100000000, None


def decide_growth(results):
    """Of decide alone, accepted: how fast with the most orders, of the speed with 1 M."""
    for name, last in (("tables 100 M", 100000000), ("tables", 10000000)):
        first = results.median(name, "1000000/ns/accepted")
        end = results.median(name, f"{last}/ns/accepted")
        if first and end:
            return last, first / end
    return 100000000, None


def beside(results, step, whats):
    """What port and machine gave in the same step, without an engine."""
    return [Row(f"- {what}", None, results.median(step, at), US, f'make bench WHAT="{step}"',
                spread=results.spread(step, at)) for what, at in whats]


def best_redis(results, mode):
    return f"redis {mode}", "best/orders_per_s"


def held(results):
    """What holds and baskets cost: decide alone, then through the whole path."""
    ns = {case: results.median("decide holds", f"ns/{case}")
          for case in ("buy", "hold", "confirm", "basket-line")}
    measured = all(ns.values())
    alone = ns["buy"] / (ns["hold"] + ns["confirm"]) if measured else None
    line = ns["basket-line"] / ns["buy"] if measured else None
    alone_command = 'make bench WHAT="decide holds"'
    path = "make bench WHAT=holds"
    spanning = {case: results.median("baskets", f"ns/{case}")
                for case in ("buy", "basket-within", "basket-over")}
    over = spanning["basket-over"] / spanning["buy"] if all(spanning.values()) else None
    return [
        Row("HOLD and CONFIRM as a pair, decide alone, of BUY's rate", 0.45, alone, RATIO,
            alone_command),
        *(Row(f"HOLD and CONFIRM as a pair, whole path, {text}, of BUY's rate", 0.45,
              results.median("holds", f"{fill}/pair_of_buy"), RATIO, path,
              spread=results.spread("holds", f"{fill}/pair_of_buy"))
          for fill, text in (("full", "full datagrams"), ("single", "one request a datagram"))),
        Row("a line of a basket of four in one shard, decide alone, of BUY's time", 1.3, line,
            RATIO, alone_command, less=True),
        Row("a line of a basket of four in one shard, whole path, of BUY's time", 1.3,
            results.median("holds", "basket/line_of_buy"), RATIO, path, less=True,
            spread=results.spread("holds", "basket/line_of_buy")),
        Row("a basket of two lines over two shards, in lanes on a disk in memory, of BUY's time",
            4, over, RATIO, "make bench WHAT=baskets", less=True),
        Row("a million holds that end at once: p99.9 of others at half load, of that without",
            1.5, results.median("holds that end", "p99.9_ratio"), RATIO,
            'make bench WHAT="holds that end"', less=True,
            spread=results.spread("holds that end", "p99.9_ratio")),
    ]


def rows(document):
    results = Results(document)
    bench = "make bench WHAT="
    recovery = results.median("recover", "orders_per_s/a start, whole lane")
    remembered, grown = growth(results)
    single, single_spread = results.ratio(
        ("engine memory single", "capacity/requests_per_s"),
        ("testpmd single", "requests_per_s"))
    memory, memory_spread = results.ratio(
        ("engine memory full", "capacity/orders_per_s"), best_redis(results, "no"))
    durable, durable_spread = results.ratio(
        ("engine durable full", "capacity/orders_per_s"), best_redis(results, "always"))
    full = "engine durable full"
    durable_p99, p99_spread = results.ratio((full, "open/50/latency_us/p99"),
                                            (full, "raw/1/p99_us"))
    decided, decide_grown = decide_growth(results)
    return [
        Row("decide, sold out, 1 M SKUs, random buyers", 20,
            decide_ns(results, "sold-out"), NS, bench + "decide", less=True),
        Row("decide, accepted, 1 M SKUs, random buyers", 45,
            decide_ns(results, "accepted"), NS, bench + "decide", less=True),
        Row("memif, one request a datagram, of testpmd 5tswap", 0.6, single, RATIO,
            bench + '"testpmd single,engine memory single"', spread=single_spread),
        Row("durable orders, whole path, full datagrams", 5.8e6,
            results.median(full, "capacity/orders_per_s"), MILLION, bench + f'"{full}"',
            spread=results.spread(full, "capacity/orders_per_s")),
        Row("latency p50 at half load, memory ack, memif", 10,
            results.median("engine memory full", "open/50/latency_us/p50"), US,
            bench + '"engine memory full"', less=True,
            spread=results.spread("engine memory full", "open/50/latency_us/p50")),
        Row("latency p99.9 at half load, memory ack, memif", 50,
            results.median("engine memory full", "open/50/latency_us/p99.9"), US,
            bench + '"engine memory full"', less=True,
            spread=results.spread("engine memory full", "open/50/latency_us/p99.9")),
        *beside(results, "engine memory full", (
            ("p99.9 of testpmd 5tswap, as many datagrams", "port/latency_us/p99.9"),
            ("p99.9 of the two cores, nothing but spinning threads on them",
             "jitter/both/wait_us/p99.9"))),
        Row("durable ack p99 at half load, of one raw durable 16 KiB write's", 3, durable_p99,
            RATIO, bench + f'"{full}"', less=True, spread=p99_spread),
        *beside(results, full, (
            ("p99 of the answers", "open/50/latency_us/p99"),
            ("p99 of one raw durable 16 KiB write", "raw/1/p99_us"),
            ("p99 of the two cores, nothing but spinning threads on them",
             "jitter/both/wait_us/p99"))),
        Row("recovery, orders/s: a start from files that no cache holds", 10e6, recovery, MILLION,
            bench + "recover"),
        Row("allocation in the loop after start, bytes", 0, allocated_bytes(results), RATIO,
            bench + '"engine memory full"', less=True),
        Row(f"decide's speed, accepted, with {decided // 1000000} M remembered orders, of that "
            "with 1 M", 0.7, decide_grown, RATIO,
            bench + ('"tables 100 M"' if decided == 100000000 else "tables")),
        Row(f"whole path's speed with {remembered // 1000000} M remembered orders, of that with "
            "1 M", 0.7, grown, RATIO, bench + ("huge" if remembered == 100000000 else "growth")),
        *held(results),
        Row("orders/s, memory ack, of Redis' best without persistence", REDIS_MEMORY, memory,
            RATIO, bench + '"redis no,engine memory full"', spread=memory_spread),
        Row("orders/s, durable ack, of Redis' best with appendfsync always", REDIS_DURABLE,
            durable, RATIO, bench + '"redis always,engine durable full"', spread=durable_spread),
    ]
