"""The result as one HTML file that needs nothing else."""
import html
import json

from bench.harness import table
from bench.harness.plots import plots

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; background: #f3f5f8; margin: 0; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 0 0 4px; }
p { margin: 0 0 12px; color: #51606f; }
code { font: 13px ui-monospace, monospace; background: #e8ecf1; border-radius: 4px;
	padding: 1px 5px; }
section { background: white; border: 1px solid #e2e7ed; border-radius: 10px; padding: 20px 22px;
	margin-top: 20px; overflow-x: auto; }
svg { width: 100%; max-width: 1060px; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; font-size: 13px;
	font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: #51606f; border-bottom: 2px solid #e2e7ed; }
th, td { padding: 5px 10px 5px 0; vertical-align: top; }
td { border-bottom: 1px solid #eef1f5; }
td.command { font: 12px ui-monospace, monospace; color: #51606f; }
.kept { color: #1b7f4d; font-weight: 600; }
.missed { color: #b8402a; font-weight: 600; }
.figures { display: flex; flex-wrap: wrap; gap: 16px; margin-top: 20px; }
.figure { background: white; border: 1px solid #e2e7ed; border-radius: 10px; padding: 14px 18px;
	flex: 1 1 180px; }
.figure b { display: block; font-size: 26px; line-height: 1.2; }
"""


def cell(value):
    text = html.escape(str(value))
    if value in ("kept", "missed"):
        return f'<td class="{value}">{text}</td>'
    if str(value).startswith("make bench"):
        return f'<td class="command">{text}</td>'
    return f"<td>{text}</td>"


def html_table(head, rows):
    lines = ["<table><tr>", *(f"<th>{html.escape(word)}</th>" for word in head), "</tr>"]
    for row in rows:
        lines += ["<tr>", *(cell(value) for value in row), "</tr>"]
    return "".join(lines) + "</table>"


def figures(document):
    """What most readers want to know first."""
    results = table.Results(document)
    memory, _ = results.ratio(("engine memory full", "capacity/orders_per_s"),
                              ("redis no", "best/orders_per_s"))
    durable, _ = results.ratio(("engine durable full", "capacity/orders_per_s"),
                               ("redis always", "best/orders_per_s"))
    entries = [
        (table.rate(results.median("engine durable full", "capacity/orders_per_s")),
         "durable orders a second on one core"),
        (table.rate(results.median("engine memory full", "capacity/orders_per_s")),
         "orders a second, memory ack"),
        (table.micros(results.median("engine memory full", "open/50/latency_us/p50")),
         "p50 at half load, memory ack"),
        ("-" if durable is None else f"{durable:.0f} x", "Redis' best with appendfsync always"),
        ("-" if memory is None else f"{memory:.0f} x", "Redis' best without persistence"),
    ]
    return '<div class="figures">' + "".join(
        f'<div class="figure"><b>{html.escape(value)}</b>{html.escape(what)}</div>'
        for value, what in entries if value != "-") + "</div>"


def render(document):
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<title>doorbuster: benchmarks</title><style>{STYLE}</style><main>",
        "<h1>doorbuster: benchmarks</h1>",
        f"<p>{html.escape(table.introduction(document))}<br>Made by "
        f"<code>{html.escape(document['command'])}</code>. Compare ratios within a run, not runs: "
        "near and far say how far the two cores were apart (a cache line's round trip under or "
        "over 350 ns), which changes by itself on virtual machines.</p>",
        figures(document),
    ]
    for title, caption, svg in plots(document):
        parts.append(f"<section><h2>{html.escape(title)}</h2><p>{html.escape(caption)}</p>{svg}"
                     "</section>")
    for title, head, rows in table.tables(document):
        parts.append(f"<section><h2>{html.escape(title)}</h2>{html_table(head, rows)}</section>")
    for entry in document.get("no_time", ()):
        parts.append(f"<p>No time for {html.escape(entry['name'])}, round {entry['round']}</p>")
    for name, why in document["skipped"].items():
        parts.append(f"<p>Skipped: {html.escape(name)}: {html.escape(why)}</p>")
    for entry in document["failed"]:
        parts.append(f"<p class=missed>Failed: {html.escape(json.dumps(entry))}</p>")
    return "\n".join(parts) + "</main></html>\n"
