#!/usr/bin/env python3
"""Counts functions and assertions (CHECK, DCHECK, static_assert) of the rooms that decide a sale.

    tests/assertions.py [--check] [DIR]    default: this repository

Prints one line for each room: room, functions, assertions, ratio. With --check it prints only what
is wrong, one `file:line: what` for each room below its floor, and ends with 1 if there is any. The
line is that of the first function without an assertion, in the file that lacks most.

A function is a brace in the first column after a parameter list. Definitions of macros, comments
and strings do not count.
"""

import os
import re
import sys

# The least assertions for each function that a room must have on average.
FLOORS = {
    "sale": 1.0,
    "lane": 1.0,
    "worker": 1.0,
    "journal": 1.0,
}

ASSERTION = re.compile(r"\b(?:CHECK|DCHECK|static_assert)\s*\(")
# What is not code. It is replaced so that every line keeps its number.
DEAD = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
        | ^[ \t]*\#(?:[^\n\\]|\\.)* """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


def code_of(text):
    return DEAD.sub(lambda dead: " " + "\n" * dead.group().count("\n"), text)


def functions_of(code):
    """(line, assertions) of each function."""
    functions = []
    for brace in re.finditer(r"^\{", code, re.MULTILINE):
        before = code[: brace.start()]
        head = before[max(before.rfind(end) for end in ";}") + 1 :].strip()
        if "(" not in head or head.endswith("="):
            continue
        end = code.find("\n}", brace.start())
        body = code[brace.start() : end if end >= 0 else len(code)]
        line = before.count("\n") + 1
        functions.append((line, len(ASSERTION.findall(body))))
    return functions


class Room:
    def __init__(self, path):
        self.function_cnt = 0
        self.assertion_cnt = 0
        self.barest = f"{path}:1"
        most = 0
        for name in sorted(os.listdir(path)):
            if not name.endswith((".c", ".h")):
                continue
            with open(os.path.join(path, name), encoding="utf-8") as file:
                code = code_of(file.read())
            functions = functions_of(code)
            assertion_cnt = len(ASSERTION.findall(code))
            self.function_cnt += len(functions)
            self.assertion_cnt += assertion_cnt
            bare = [line for line, cnt in functions if cnt == 0]
            if bare and len(functions) - assertion_cnt > most:
                most = len(functions) - assertion_cnt
                self.barest = f"{path}/{name}:{bare[0]}"

    def ratio(self):
        return self.assertion_cnt / self.function_cnt if self.function_cnt > 0 else 1.0


def main(arguments):
    check = "--check" in arguments
    dirs = [argument for argument in arguments if argument != "--check"]
    if len(dirs) > 1 or any(name.startswith("-") for name in dirs):
        sys.exit("usage: tests/assertions.py [--check] [DIR]")
    os.chdir(dirs[0] if dirs else os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    bad = False
    for name, floor in FLOORS.items():
        path = f"engine/{name}"
        if not os.path.isdir(path):
            print(f"{path}:1: no such room; its floor stands in tests/assertions.py")
            bad = True
            continue
        room = Room(path)
        below = room.function_cnt > 0 and room.ratio() < floor
        bad = bad or below
        if not check:
            print(f"{path:16} {room.function_cnt:4} functions {room.assertion_cnt:4} assertions "
                  f"{room.ratio():5.2f}")
        elif below:
            print(f"{room.barest}: {path} has {room.assertion_cnt} assertions in "
                  f"{room.function_cnt} functions, {floor:.2f} a function is the least")
    return 1 if check and bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
