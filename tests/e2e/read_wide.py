"""Do readers of others keep our values of 64 bits? read_wide.py CSV JSONL: reads both files with
those of jq, sqlite3, pandas and DuckDB that are here, in the ways that DOWNSTREAM.md names, and
compares every value with the text of the files. Says which readers are not here."""
import csv
import json
import shutil
import subprocess
import sys

csv_path, json_path = sys.argv[1:]
with open(csv_path, encoding="utf-8") as file:
    orders = list(csv.DictReader(file))
with open(json_path, encoding="utf-8") as file:
    lines = file.read().splitlines()
names = list(orders[0])
WIDE = ["order_id", "at_ns", "buyer", "sku", "unit_price", "max_price"]


def compare(reader, got):
    if got != orders:
        sys.exit(f"{reader} changes values: {got} of {orders}")
    print(f"{reader} keeps all")


def jq():
    got = subprocess.run(["jq", "-c", ".", json_path], check=True, capture_output=True, text=True)
    if got.stdout.splitlines() != lines:
        sys.exit(f"jq changes values: {got.stdout} of {lines}")
    print("jq keeps all")


def sqlite():
    if shutil.which("sqlite3") is None:
        print("sqlite3 is not here: not tried")
        return
    commands = (f".import --csv '{csv_path}' orders\n"
                ".mode json\nSELECT * FROM orders ORDER BY rowid;\n")
    got = subprocess.run(["sqlite3", ":memory:"], input=commands, check=True,
                         capture_output=True, text=True)
    compare("sqlite3", json.loads(got.stdout))


def pandas():
    try:
        import pandas as pd
    except ImportError:
        print("pandas is not here: not tried")
        return
    frame = pd.read_csv(csv_path, dtype={"request_id": str} | dict.fromkeys(WIDE, "uint64"))
    compare("pandas, CSV", frame.astype(str).to_dict("records"))
    frame = pd.read_json(json_path, lines=True, dtype=False)
    frame = frame[frame.kind == "order"].astype({"quantity": int, "channel": int})
    compare("pandas, JSON", frame[names].astype(str).to_dict("records"))


def duckdb():
    try:
        import duckdb as db
    except ImportError:
        print("DuckDB is not here: not tried")
        return
    types = {"request_id": "VARCHAR"} | dict.fromkeys(WIDE, "UBIGINT")
    for reader, query in {
            "DuckDB, CSV": f"SELECT * FROM read_csv('{csv_path}', types={types})",
            "DuckDB, JSON": f"SELECT * FROM read_json('{json_path}') WHERE kind = 'order' "
                            "ORDER BY lane, lsn"}.items():
        result = db.sql(query)
        columns = result.columns
        rows = [dict(zip(columns, map(str, row))) for row in result.fetchall()]
        compare(reader, [{name: row[name] for name in names} for row in rows])


jq()
sqlite()
pandas()
duckdb()
