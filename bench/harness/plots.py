"""The plots of the page, each a self-contained SVG. Needs python3-matplotlib."""
import io

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot, ticker  # noqa: E402

from bench.harness.stats import Results  # noqa: E402

INK = "#1d2733"
FAINT = "#d9dfe6"
OURS = {"engine memory full": "#0b6e99", "engine durable full": "#12908e",
        "engine memory single": "#5b8dd6", "engine durable single": "#7fb77e"}
PEER_COLOURS = {"redis": "#c8553d", "postgres": "#8a6bbe"}
SHARES = ("10", "50", "80", "95")
QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999),
             ("p99.99", 0.9999))

pyplot.rcParams.update({
    "font.size": 10, "axes.edgecolor": FAINT, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.grid": True, "grid.color": FAINT,
    "grid.linewidth": 0.7, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "legend.frameon": False, "figure.facecolor": "white",
})


def millions(value, _=None):
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"


def micros(value, _=None):
    if value >= 1e6:
        return f"{value / 1e6:g} s"
    return f"{value / 1e3:g} ms" if value >= 1e3 else f"{value:g} us"


def svg_of(figure, name):
    """Ids differ between plots, as they share a page."""
    out = io.StringIO()
    pyplot.rcParams["svg.hashsalt"] = name
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
    text = out.getvalue()
    return text[text.index("<svg"):]


def label_of(name):
    return name.removeprefix("engine ")


def log_latency(axes, which="y"):
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    axis.set_major_locator(ticker.LogLocator(subs=(1, 3), numticks=12))
    axis.set_major_formatter(ticker.FuncFormatter(micros))
    axis.set_minor_formatter(ticker.NullFormatter())


def bars(results):
    """Orders a second, all of them, on one logarithmic axis."""
    entries = []
    for name, colour in OURS.items():
        value = results.median(name, "capacity/orders_per_s")
        if value:
            entries.append((f"doorbuster, {label_of(name)}", value, colour,
                            results.values(name, "capacity/orders_per_s")))
    for name in results.by_name:
        peer = name.split()[0]
        value = results.median(name, "best/orders_per_s")
        if peer in PEER_COLOURS and value:
            entries.append((f"{name}, its best", value, PEER_COLOURS[peer],
                            results.values(name, "best/orders_per_s")))
    if not entries:
        return None
    entries.sort(key=lambda entry: entry[1])
    figure, axes = pyplot.subplots(figsize=(9, 0.45 * len(entries) + 0.9))
    for at, (label, value, colour, values) in enumerate(entries):
        axes.barh(at, value, color=colour, height=0.62)
        axes.plot([min(values), max(values)], [at, at], color=INK, linewidth=1.2)
        axes.text(max(values) * 1.12, at, millions(float(f"{value:.3g}")), va="center")
    axes.set_yticks(range(len(entries)), [entry[0] for entry in entries])
    axes.set_xscale("log")
    axes.set_xlim(entries[0][1] / 3, entries[-1][1] * 3)
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(millions))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("orders a second (logarithmic); the line is least to most")
    return svg_of(figure, "bars")


def curve(results):
    """Latency over what is served, at 10, 50, 80 and 95 % of capacity."""
    figure, pair = pyplot.subplots(1, 2, figsize=(11, 4), sharey=True)
    drawn = False
    for axes, fill in zip(pair, ("full", "single")):
        for name, colour in OURS.items():
            if not name.endswith(fill):
                continue
            for quantile, style in (("p50", "-"), ("p99", "--"), ("p99.9", ":")):
                points = [(results.median(name, f"open/{share}/requests_per_s"),
                           results.median(name, f"open/{share}/latency_us/{quantile}"))
                          for share in SHARES]
                points = [point for point in points if None not in point]
                if points:
                    drawn = True
                    axes.plot(*zip(*points), style, color=colour, marker="o", markersize=4,
                              label=f"{label_of(name).split()[0]} ack, {quantile}")
        axes.set_title("29 requests a datagram" if fill == "full" else "1 request a datagram",
                       loc="left", fontsize=10)
        log_latency(axes)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(millions))
        axes.set_xlabel("requests served a second")
    pair[0].set_ylabel("latency since it was due")
    for axes in pair:
        if axes.lines:
            axes.legend(fontsize=8, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    return svg_of(figure, "curve") if drawn else None


def percentiles(results):
    figure, axes = pyplot.subplots(figsize=(9, 4.2))
    lines = [(name, f"open/{share}/latency_us", colour, "-" if share == "50" else "--",
              f"{label_of(name)}, {share} % load")
             for name, colour in OURS.items() for share in ("50", "95")]
    for name, colour in (("redis no", "#c8553d"), ("redis always", "#e39a7c")):
        lines.append((name, "runs/1x32/latency_us", colour, "-", f"{name}, 32 out"))
    for name, colour in (("postgres off", "#8a6bbe"), ("postgres on", "#b9a5dc")):
        lines.append((name, "runs/1x1/latency_us", colour, "-", f"{name}, one by one"))
    lines += [("engine memory full", "port/latency_us", INK, ":",
               "testpmd 5tswap, as many datagrams"),
              ("engine memory full", "jitter/both/wait_us", "#9aa7b5", ":",
               "the two cores, only spinning")]
    for name, at, colour, style, label in lines:
        points = [(1 / (1 - share), results.median(name, f"{at}/{quantile}"))
                  for quantile, share in QUANTILES]
        points = [point for point in points if point[1]]
        if points:
            axes.plot(*zip(*points), style, color=colour, marker=".", label=label)
    if not axes.lines:
        pyplot.close(figure)
        return None
    axes.set_xscale("log")
    axes.set_xticks([1 / (1 - share) for _, share in QUANTILES],
                    [quantile for quantile, _ in QUANTILES])
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    log_latency(axes)
    axes.set_ylabel("latency")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return svg_of(figure, "percentiles")


def spike(results):
    """Singles Day, window by window."""
    runs = results.by_name.get("spike")
    if not runs:
        return None
    result = runs[0]["result"]["spike"]
    step_s = result["window_ms"] / 1000
    windows = result["windows"]
    at = [i * step_s for i in range(len(windows))]
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(9, 4.6), sharex=True,
                                             height_ratios=(3, 2))
    above.plot(at, [window[0] / step_s for window in windows], color="#9aa7b5", linewidth=3,
               label="offered")
    above.plot(at, [window[1] / step_s for window in windows], color=OURS["engine durable full"],
               linewidth=1.2, label="served")
    above.yaxis.set_major_formatter(ticker.FuncFormatter(millions))
    above.set_ylabel("requests a second")
    above.legend(fontsize=8)
    below.plot(at, [max(window[2], 1) for window in windows], color=INK, linewidth=1)
    log_latency(below)
    below.set_ylabel("worst latency")
    below.set_xlabel("seconds")
    return svg_of(figure, "spike")


def scaling(results):
    series = {"SKUs": [], "buyers": [], "remembered orders": [], "requests a datagram": []}
    for name in results.by_name:
        kind, _, at = name.partition(" ")
        if kind in ("skus", "buyers") and at.isdigit():
            series["SKUs" if kind == "skus" else kind].append(
                (int(at), results.median(name, "orders_per_s")))
    for name, what in (("growth", "remembered orders"), ("growth 100 M", "remembered orders"),
                       ("fill", "requests a datagram")):
        series[what] += results.points(name, "orders_per_s")
    series = {what: sorted(points) for what, points in series.items() if points}
    if not series:
        return None
    figure, row = pyplot.subplots(1, len(series), figsize=(3.1 * len(series), 3), sharey=True,
                                  squeeze=False)
    for axes, (what, points) in zip(row[0], series.items()):
        axes.plot(*zip(*points), color=OURS["engine memory full"], marker="o")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(millions))
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
        if what == "requests a datagram":
            axes.set_xticks([point[0] for point in points], [str(point[0]) for point in points])
            axes.xaxis.set_minor_locator(ticker.NullLocator())
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(millions))
        axes.set_xlabel(what)
    highest = max(point[1] for points in series.values() for point in points)
    row[0][0].set_ylim(0, highest * 1.1)
    row[0][0].set_ylabel("orders a second")
    return svg_of(figure, "scaling")


def stages(results):
    """Where a request's cycles go."""
    columns = {}
    for name in list(OURS) + ["engine memory drop", "engine durable drop", "engine durable lo"]:
        stages_of = results.stages(name)
        stages_of.pop("all", None)
        if stages_of:
            columns[name] = stages_of
    if not columns:
        return None
    names = list(columns)
    figure, axes = pyplot.subplots(figsize=(9, 0.5 * len(names) + 1.2))
    left = [0.0] * len(names)
    every = list(dict.fromkeys(stage for column in columns.values() for stage in column))
    colours = matplotlib.colormaps["tab20"].colors
    for number, stage in enumerate(every):
        widths = [columns[name].get(stage, 0) for name in names]
        axes.barh([label_of(name) for name in names], widths, left=left, label=stage, height=0.6,
                  color=colours[number % len(colours)])
        left = [before + width for before, width in zip(left, widths)]
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("cycles a request")
    axes.legend(fontsize=8, ncol=min(6, len(every)), loc="upper center",
                bbox_to_anchor=(0.5, -0.45 / max(1, len(names)) * 2))
    return svg_of(figure, "stages")


def plots(document):
    """(title, caption, SVG) of each plot there is something for."""
    results = Results(document)
    every = [
        ("Orders a second", "Every system does the same job: request id with the same answer "
         "again and conflict, limit per buyer, stock, opening times, and a record of the order.",
         bars(results)),
        ("Latency and throughput", "Open loop: Poisson arrivals at 10, 50, 80 and 95 % of "
         "capacity, latency from the instant a request was due.", curve(results)),
        ("Percentiles", "At half and at 95 % load; dotted: what port and machine take without an "
         "engine; the others closed loop.",
         percentiles(results)),
        ("Singles Day", "36 times as many requests within a second, durable ack.",
         spike(results)),
        ("Scaling", "Capacity over memif, memory ack.", scaling(results)),
        ("Cycles a request by stage", "At capacity, sampled by the engine itself.",
         stages(results)),
    ]
    return [entry for entry in every if entry[2] is not None]
