#!/usr/bin/env python3
"""Checks the page of a what-if against the CSV of the same run, and how it is drawn.

    page_check.py PAGE.html SALES.csv

Every figure of the page's tables is compared with the CSV. The labels of the drawings must be
inside of them, by the widest digits that a font has. If there is a browser (chromium), it also says
so for its own font, and that nothing is wider than a phone's screen of 390 pixels; where there is
none, or it cannot start, that part is left out. Ends with an AssertionError at the first fault.
"""
import csv
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree
from datetime import datetime
from pathlib import Path

DIGIT_WIDTH = 7.2
LETTER_WIDTH = 6.2
PHONE_PIXELS = 390
BROWSER_LIMIT_S = 60

LOOK = """<script>
const wide = document.scrollingElement.scrollWidth;
const texts = [...document.querySelectorAll("svg text")];
const cut = texts.filter(text => {
    const box = text.getBBox(), view = text.ownerSVGElement.viewBox.baseVal;
    return box.x < 0 || box.y < 0 || box.x + box.width > view.width ||
        box.y + box.height > view.height;
}).map(text => text.textContent);
const small = texts.filter(text => {
    const drawn = text.ownerSVGElement;
    const scale = drawn.getBoundingClientRect().width / drawn.viewBox.baseVal.width;
    return parseFloat(getComputedStyle(text).fontSize) * scale < 8.5;
}).map(text => text.textContent);
parent.document.title = JSON.stringify({inner: innerWidth, wide: wide, cut: cut, small: small});
</script></body>"""


def cells(table):
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def instant_ns(text):
    """An instant like 2027-01-15T08:00:00.004Z."""
    whole, _, decimals = text.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 10**9 + int((decimals + "0" * 9)[:9])


class Sales:
    """The rows of the CSV, summed up."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))
        self.by_sku = {(r["sale"], r["sku"]): r for r in self.rows if not r["channel"]}

    def sum(self, sale, column, channel=""):
        return sum(int(r[column]) for r in self.rows
                   if r["sale"] == sale and r["channel"] == channel)


def check_outline(root):
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids)) > 0, ids
    order = [e.tag for e in root.iter() if e.tag in ("svg", "table")]
    curves = order.index("table")
    assert curves > 0 and "svg" not in order[curves:], order
    folded = [t for d in root.iter("details") for t in d.iter("table")]
    assert len(folded) == order.count("table") == 3, order
    content = {e.get("name"): e.get("content") for e in root.iter("meta")}
    assert content["viewport"] == "width=device-width, initial-scale=1", content


def check_labels(root):
    for svg in root.iter("svg"):
        _, _, width, height = map(float, svg.get("viewBox").split())
        for text in svg.iter("text"):
            room = sum(DIGIT_WIDTH if c.isdigit() else LETTER_WIDTH for c in text.text)
            x, y = float(text.get("x")), float(text.get("y"))
            x -= {"end": room, "middle": room / 2}.get(text.get("text-anchor"), 0)
            assert 0 <= x and x + room <= width, (text.text, x, room)
            assert 9 <= y <= height - 3, (text.text, y)


def check_totals(rows, sales):
    assert rows
    for row in rows:
        sale = row["sale"]
        assert row["units sold"] == f"{sales.sum(sale, 'units'):,}", row
        assert row["units on sale"] == f"{sales.sum(sale, 'stock'):,}", row
        assert row["units left"] == f"{sales.sum(sale, 'left'):,}", row
        assert row["orders"] == f"{sales.sum(sale, 'orders'):,}", row
        assert row["revenue"] == f"{sales.sum(sale, 'revenue'):,}", row
        more = sales.sum(sale, "revenue") - sales.sum("1", "revenue")
        assert row["revenue against sale 1"] == (f"{more:+,}" if more else "0"), row


def check_channels(rows, sales):
    assert any(row["channel"] == "all" for row in rows)
    for row in rows:
        channel = row["channel"] if row["channel"] != "all" else ""
        for head, column in ("units sold", "units"), ("orders",) * 2, ("revenue",) * 2:
            assert row[head] == f"{sales.sum(row['sale'], column, channel):,}", row


def check_skus(rows, sales):
    assert len(rows) == len(sales.by_sku), rows
    for row in rows:
        want = sales.by_sku[row["sale"], row["SKU"]]
        after = row["sold out after its opening"]
        for head, column in (("units on sale", "stock"), ("units sold", "units"),
                             ("units left", "left"), ("orders", "orders"),
                             ("buyers", "buyers"), ("revenue", "revenue")):
            assert row[head] == f"{int(want[column]):,}", (row, column)
        if want["sold_out_at"]:
            took_ns = instant_ns(want["sold_out_at"]) - instant_ns(want["opened_at"])
            shown_ns = round(float(after.removesuffix(" s")) * 1e9)
            assert 0 <= took_ns - shown_ns < 10**6, (row, took_ns)
        else:
            assert after == "not", row


def look(page):
    """What a browser says of the page at a phone's width; None: there is none that can."""
    browser = shutil.which("chromium")
    if browser is None:
        return None
    with tempfile.TemporaryDirectory(dir=".") as folder:
        copy = Path(folder, "look.html").resolve()
        text = page.replace("<details>", "<details open='open'>").replace("</body>", LOOK)
        # A window has a least width of its own; a frame has none.
        copy.write_text(f"<!DOCTYPE html><title></title><iframe width={PHONE_PIXELS} height=800 "
                        f"style='border:0' srcdoc='{html.escape(text)}'></iframe>",
                        encoding="utf-8")
        try:
            out = subprocess.run(
                [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                 "--disable-dev-shm-usage", f"--user-data-dir={folder}/profile",
                 "--dump-dom", copy.as_uri()],
                capture_output=True, timeout=BROWSER_LIMIT_S, check=False).stdout.decode()
        except subprocess.TimeoutExpired:
            return None
    seen = re.search(r"<title>(\{.*?\})</title>", out)
    return seen and json.loads(html.unescape(seen[1]))


def main():
    page = Path(sys.argv[1]).read_text(encoding="utf-8")
    sales = Sales(sys.argv[2])
    root = tree.fromstring(page)
    check_outline(root)
    check_labels(root)
    totals, channels, skus = map(cells, root.iter("table"))
    check_totals(totals, sales)
    check_channels(channels, sales)
    check_skus(skus, sales)
    seen = look(page)
    if seen is None:
        print("page: no browser looked at it")
        return
    print("page: a browser says", seen)
    assert seen["wide"] <= seen["inner"] == PHONE_PIXELS, seen
    assert not seen["cut"] and not seen["small"], seen


main()
