#!/usr/bin/python3
"""Makes table and page of a result again.

  bench/render.py RESULTS.json [--page FILE]     the tables go to stdout
"""
import argparse
import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench.harness import table  # noqa: E402


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path)
    options = parser.parse_args(argv)
    try:
        document = json.loads(options.results.read_text())
    except (OSError, ValueError) as wrong:
        parser.error(f"{options.results}: {wrong}")
    if options.page is not None:
        from bench.harness import page
        options.page.write_text(page.render(document))
    print(table.render(document), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
