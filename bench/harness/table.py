"""The result as text: tables in Markdown, which a terminal shows as well."""
from bench.harness import budget
from bench.harness.stats import Results, dig, median

ENGINES = ("engine memory full", "engine durable full", "engine memory single",
           "engine durable single", "engine memory drop", "engine durable drop",
           "engine durable lo")
PEERS = ("testpmd full", "testpmd single", "udp echo full", "udp echo single", "redis no",
         "redis everysec", "redis always", "postgres off", "postgres on")
ACK = {"redis no": "memory", "redis everysec": "disk, a second late",
       "redis always": "disk", "postgres off": "disk, later", "postgres on": "disk"}
HEADLINE_ROWS = ("relay file", "relay nats R1", "relay nats R3")


def rate(value):
    if value is None:
        return "-"
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.1f} k"


def micros(value):
    if value is None:
        return "-"
    return f"{value / 1000:.1f} ms" if value >= 1000 else f"{value:.0f} us"


def percent(value):
    return "-" if value is None else f"{value * 100:.0f} %"


def tags(results, name):
    return ", ".join(f"{count} {tag}" for tag, count in sorted(results.tags(name).items()))


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def headline(result):
    """What a run was about, in a few words."""
    if not isinstance(result, dict):
        return ""
    if "rows" in result:
        return "  ".join(f"{name} {rate(row['orders_per_s'])}" for name, row in
                         result["rows"].items() if name in HEADLINE_ROWS and "orders_per_s" in row)
    if "basket" in result:
        return (f"pair of BUY, full {result['full']['pair_of_buy']:.2f}, single "
                f"{result['single']['pair_of_buy']:.2f}  basket line "
                f"{result['basket']['line_of_buy']:.2f} BUYs")
    if "with" in result:
        return "  ".join(f"{what} p99.9 {micros(result[what]['p99.9_us'])}"
                         for what in ("without", "with"))
    if "ns" in result:
        return "  ".join(f"{name} {value:.1f}" for name, value in result["ns"].items())[:60]
    for part in ("capacity", "best", "spike"):
        if part in result:
            result = dict(result[part])
    if "requests_per_s" in result:
        latency = result.get("latency_us", {})
        return (f"{rate(result['requests_per_s'])} requests/s  "
                f"{rate(result.get('orders_per_s'))} orders/s  p50 {micros(latency.get('p50'))}  "
                f"p99 {micros(latency.get('p99'))}")
    return ""


def engine_rows(results):
    rows = []
    for name in ENGINES:
        if name not in results.by_name:
            continue
        rows.append([name.removeprefix("engine "),
                     rate(results.median(name, "capacity/requests_per_s")),
                     rate(results.median(name, "capacity/orders_per_s")),
                     percent(results.spread(name, "capacity/requests_per_s")),
                     *(micros(results.median(name, f"capacity/latency_us/{quantile}"))
                       for quantile in ("p50", "p99", "p99.9")),
                     *(percent(results.median(name, f"capacity/{share}_share"))
                       for share in ("busy", "aside", "idle")), tags(results, name)])
    return rows


def load_rows(results):
    rows = []
    for name in ENGINES[:4]:
        for share in ("10", "50", "80", "95"):
            at = f"open/{share}"
            if results.median(name, f"{at}/offered_per_s") is None:
                continue
            rows.append(load_row(results, name, at, f"{share} %"))
        if results.median(name, "overload/offered_per_s") is not None:
            rows.append(load_row(results, name, "overload", "250 %"))
    return rows


def load_row(results, name, at, share):
    offered = sum(filter(None, results.values(name, f"{at}/offered"))) or 1
    lost = sum((dig(run["result"], f"{at}/lost") or 0)
               + (dig(run["result"], f"{at}/lost_at_port") or 0)
               for run in results.by_name[name])
    return [name.removeprefix("engine "), share,
            rate(results.median(name, f"{at}/offered_per_s")),
            rate(results.median(name, f"{at}/requests_per_s")), f"{lost / offered * 100:.2f} %",
            *(micros(results.median(name, f"{at}/latency_us/{quantile}"))
              for quantile in ("p50", "p90", "p99", "p99.9", "max")),
            micros(results.median(name, f"{at}/late_us/p99")), late_mark(results, name, at),
            percent(results.median(name, f"{at}/busy_share"))]


def floor_rows(results):
    """What machine, port and disk take by themselves, and the engine at half load."""
    rows = []

    def row(what, step, at, quantiles=("p50", "p99", "p99.9"), suffix="", note=""):
        values = [results.median(step, f"{at}/{quantile}{suffix}") for quantile in quantiles]
        if any(value is not None for value in values):
            rows.append([step.removeprefix("engine "), what, *map(tenths, values),
                         *[""] * (3 - len(values)), note])

    for name in ENGINES[:4]:
        row("machine: a spinning thread on each of the two cores", name, "jitter/both/wait_us",
            note=gaps_of(results, name))
        row("port: testpmd 5tswap, as many datagrams", name, "port/latency_us")
        for depth in sorted({depth for run in results.by_name.get(name, [])
                             for depth in run["result"].get("raw", {})}, key=int):
            kib = results.median(name, f"raw/{depth}/kib")
            row(f"disk: one raw durable write of {kib:.0f} KiB, {depth} out", name,
                f"raw/{depth}", ("p50", "p99"), "_us")
        row("engine", name, "open/50/latency_us")
    return rows


def gaps_of(results, name):
    counts = [results.median(name, f"jitter/{core}/gaps_over_us/{bound}")
              for core in ("1", "0") for bound in ("10", "100", "1000")]
    if None in counts:
        return ""
    words = [f"{count:.0f}" for count in counts]
    return (f"gaps a second over 10, 100, 1,000 us: server's core {', '.join(words[:3])}, load's "
            f"{', '.join(words[3:])}")


def tenths(value):
    return "-" if value is None else micros(value) if value >= 10 else f"{value:.1f} us"


def late_mark(results, name, at):
    """The load's own lateness at p99.9; marked where it is most of that latency."""
    late = results.median(name, f"{at}/late_us/p99.9")
    latency = results.median(name, f"{at}/latency_us/p99.9")
    if late is None:
        return "-"
    return micros(late) + (" (!)" if latency and late > latency / 2 else "")


def spike_rows(results):
    rows = []
    for name, at, what in (("spike", "spike", "36 times as much within a second, durable ack"),
                           ("mixed", "", "every kind of request and refusal, durable ack")):
        at = at + "/" if at else ""
        if results.median(name, f"{at}requests_per_s") is None:
            continue
        rows.append([name, what, rate(results.median(name, f"{at}requests_per_s")),
                     f"{results.median(name, f'{at}unanswered'):,.0f}",
                     *(micros(results.median(name, f"{at}latency_us/{quantile}"))
                       for quantile in ("p50", "p99", "p99.9", "max"))])
    return rows


def hold_rows(results):
    """Rates of holds, payments and baskets beside purchases of the same run."""
    rows = []
    for fill, datagrams in (("full", 29), ("single", 1)):
        buy = results.median("holds", f"{fill}/buy_per_s")
        for what in ("buy", "hold", "confirm"):
            value = results.median("holds", f"{fill}/{what}_per_s")
            if value is not None:
                rows.append([what.upper(), str(datagrams), rate(value), f"{value / buy:.2f}"])
    for what, at in (("basket of four, a line", "lines"), ("BUY", "buys")):
        value = results.median("holds", f"basket/{at}_per_s")
        if value is not None:
            rows.append([what, "4", rate(value), ""])
    return rows


def end_rows(results):
    """What others wait for while holds end."""
    return [[f"{what} a million holds that end"]
            + [micros(results.median("holds that end", f"{what}/{quantile}_us"))
               for quantile in ("p50", "p99", "p99.9", "max")]
            + [f"{results.median('holds that end', f'{what}/lost'):,.0f}"]
            for what in ("without", "with")
            if results.median("holds that end", f"{what}/p50_us") is not None]


def worker_rows(results):
    """Several workers, each on a core with its load."""
    rows = []
    for what, note in (("one worker", ""), ("two workers", "of one engine"),
                       ("two engines", "with nothing in common")):
        at = f"{what}/orders_per_s"
        value = results.median("workers", at)
        if value is None:
            continue
        times, spread = results.ratio(("workers", at), ("workers", "one worker/orders_per_s"))
        rows.append([what, note, rate(value), f"{times:.2f}", percent(spread)])
    return rows


def lane_rows(results):
    """The journal on the disk, and recovery from it."""
    rows = []
    for run in results.by_name.get("journal", []):
        rows += [["journal, " + at, rate(value["orders_per_s"]), micros(value["p50_us"]),
                  micros(value["p99_us"])] for at, value in run["result"]["speeds"].items()]
    for run in results.by_name.get("recover", []):
        rows += [["recovery, " + what, rate(value), "", ""]
                 for what, value in run["result"]["orders_per_s"].items()]
    return rows


def stage_rows(results):
    rows = []
    for name in ENGINES:
        stages = results.stages(name)
        if stages:
            rows.append([name.removeprefix("engine "),
                         ", ".join(f"{stage} {cycles:.0f}" for stage, cycles in stages.items()),
                         percent(results.median(name, "capacity/busy_share"))])
    return rows


def peer_rows(results):
    rows = []
    for name in PEERS:
        runs = [run["result"] for run in results.by_name.get(name, [])]
        if not runs:
            continue
        if "runs" not in runs[0]:
            rows.append([name, "", "nothing", rate(results.median(name, "requests_per_s")) +
                         " datagrams", percent(results.spread(name, "requests_per_s")),
                         *(micros(results.median(name, f"latency_us/{quantile}"))
                           for quantile in ("p50", "p99")), tags(results, name)])
            continue
        for mode in runs[0]["runs"]:
            batch, depth = mode.split("x")
            at = f"runs/{mode}"
            rows.append([name, f"{batch} a call, {depth} out", ACK[name],
                         rate(results.median(name, f"{at}/orders_per_s")) + " orders",
                         percent(results.spread(name, f"{at}/orders_per_s")),
                         *(micros(results.median(name, f"{at}/latency_us/{quantile}"))
                           for quantile in ("p50", "p99")), tags(results, name)])
    return rows


def ratio_rows(results):
    rows = []
    for ack, full, names in (("memory", "engine memory full", ("redis no", "redis everysec",
                                                               "postgres off")),
                             ("durable", "engine durable full", ("redis always", "postgres on"))):
        for name in names:
            value, spread = results.ratio((full, "capacity/orders_per_s"),
                                          (name, "best/orders_per_s"))
            if value is not None:
                rows.append([f"{ack} ack, full datagrams", f"{name}, its best", f"{value:.0f}",
                             percent(spread)])
    return rows


def scale_rows(results):
    rows = []
    for name in results.by_name:
        kind, _, at = name.partition(" ")
        if kind in ("skus", "buyers") and at.isdigit():
            rows.append([kind, f"{int(at):,}", rate(results.median(name, "orders_per_s"))])
    for name, what in (("fill", "requests a datagram"), ("growth", "remembered orders"),
                       ("growth 100 M", "remembered orders")):
        rows += [[what, f"{at:,}", rate(value)]
                 for at, value in results.points(name, "orders_per_s")]
    return rows


def micro_rows(results):
    """Medians, in ns, of what is measured without the rest."""
    rows = []
    for name in ("decide", "decide holds", "baskets", "packet", "tag", "append"):
        for run in results.by_name.get(name, [])[:1]:
            rows += [[name, case, f"{ns:.1f}"] for case, ns in run["result"]["ns"].items()]
    for name in ("tables", "tables 100 M"):
        for run in results.by_name.get(name, [])[:1]:
            rows += [[f"decide, {int(orders) // 1000000} M orders", case, f"{ns:.1f}"]
                     for orders, result in run["result"].items()
                     for case, ns in result["ns"].items()]
    return rows


def downstream_row(name, row, durable_per_s):
    if "skipped" in row:
        return [name, "-", "-", "-", "-", row["skipped"]]
    seconds = row["seconds"]
    cpu = ", ".join(f"{who} {(times['user'] + times['system']) / seconds:.2f} "
                    f"({times['system'] / seconds:.2f})" for who, times in
                    row.get("cpu_s", {}).items())
    behind = ""
    if row.get("behind_records"):
        behind = (f"behind at most {rate(max(row['behind_records']))} orders, "
                  f"{row['behind_s']:.2f} s; had all {row['caught_up_s']:.1f} s after the last")
    return [name, rate(row["orders"]), rate(row["orders_per_s"]),
            f"{row['orders_per_s'] / durable_per_s:.2f}", cpu, behind]


def downstream_rows(results):
    rows = []
    for run in results.by_name.get("downstream", [])[:1]:
        every = run["result"]["rows"]
        durable_per_s = every["engine alone, durable"]["orders_per_s"]
        rows += [downstream_row(name, row, durable_per_s) for name, row in every.items()]
    return rows


def tables(document):
    """(title, head, rows) of each table that has any."""
    results = Results(document)
    latency = ["p50", "p99", "p99.9"]
    every = [
        ("Budgets", ["what", "budget", "measured", "spread", "", "command"],
         [row.cells() for row in budget.rows(document)]),
        ("Engine, whole path over memif (lo: from kernel sockets), closed loop",
         ["ack, datagrams", "requests/s", "orders/s", "spread", *latency, "busy", "CPU beside it",
          "load idle", "cores"],
         engine_rows(results)),
        ("Engine, open loop, Poisson arrivals; latency from when a request was due",
         ["ack, datagrams", "load", "offered/s", "served/s", "lost", "p50", "p90", "p99", "p99.9",
          "max", "sent late p99", "p99.9", "busy"], load_rows(results)),
        ("Singles Day, and every kind of answer",
         ["step", "what", "requests/s", "lost", "p50", "p99", "p99.9", "max"],
         spike_rows(results)),
        ("Holds and baskets, memory ack, closed loop",
         ["what", "requests a datagram", "requests/s", "of BUY"], hold_rows(results)),
        ("Holds that end, memory ack, other requests at half load",
         ["what", "p50", "p99", "p99.9", "max", "lost"], end_rows(results)),
        ("Latency at half load, and what machine, port and disk take without an engine",
         ["ack, datagrams", "what", *latency, ""], floor_rows(results)),
        ("Cycles a request by stage, at capacity", ["ack, datagrams", "stages", "busy"],
         stage_rows(results)),
        ("Beside it", ["what", "how", "answers rest on", "a second", "spread", "p50", "p99",
                       "cores"], peer_rows(results)),
        ("How many times as many orders/s", ["engine", "than", "times", "spread"],
         ratio_rows(results)),
        ("Several workers, each with a load of its own on its own core; memory ack, full datagrams",
         ["what", "", "orders/s", "of one worker", "spread"], worker_rows(results)),
        ("Scaling, memory ack, full datagrams unless it says otherwise",
         ["what", "how many", "orders/s"], scale_rows(results)),
        ("Parts by themselves: ns a request (packet: a datagram of 1 and of 29; append: a record)",
         ["part", "case", "ns"], micro_rows(results)),
        ("The journal by itself, and recovery", ["what", "orders/s", "p50", "p99"],
         lane_rows(results)),
        ("Downstream, all from one sale's lane",
         ["what", "orders", "orders/s", "of the engine's", "cores used (of that, by the kernel)",
          ""], downstream_rows(results)),
    ]
    return [(title, head, rows) for title, head, rows in every if rows]


def crowding(document):
    """How much tasks got into each other's way: figures of a busy machine are worth little."""
    waited = median([run.get("waited_share") for run in document["runs"]])
    return "" if waited is None else (f" In {waited * 100:.0f} % of the time, in the median step, "
                                      "some task waited for a CPU.")


def introduction(document):
    about = document["machine"]
    return (f"{about['cpu']}, {about['cores']} cores{', virtual' if about['hypervisor'] else ''}, "
            f"Linux {about['kernel']}, commit {about['commit']}, {document['when']}; "
            f"{document['rounds']} rounds, medians; spread is (most - least) / median; "
            f"{document['hugepages_mib']} MiB of hugepages; load before "
            f"{about['load_average_before']:.1f}." + crowding(document))


def render(document):
    parts = [introduction(document), f"    {document['command']}", ""]
    for title, head, rows in tables(document):
        parts += [f"## {title}", "", markdown(head, rows)]
    if document.get("no_time"):
        parts.append("No time for: " + ", ".join(f"{entry['name']} (round {entry['round']})"
                                                  for entry in document["no_time"]))
    parts += [f"Skipped: {name}: {why}" for name, why in document["skipped"].items()]
    parts += [f"Failed: {entry['name']}, round {entry['round']}: {entry['why']}"
              for entry in document["failed"]]
    return "\n".join(parts).rstrip() + "\n"
