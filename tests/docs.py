#!/usr/bin/env python3
"""Finds what the documents say of the tree that is not true. Prints one line for each finding,
`file:line: what`; exit code 1 if there is any. Changes nothing.

    tests/docs.py [DIR]    default: this repository

Every link must lead to a file that is there, and to a heading that it has. Every name of a source
in backticks must exist: as a path from the top, from the document's folder, or as the end of a
path; `tool` or `room/thing` may leave out .c and .h, `port_xdp*.c` names several. In examples of
commands, words that begin with a top-level folder are paths. tests/tidy.sh runs this;
tests/tidy_self.sh proves that it still finds something.
"""
import re
import sys
from pathlib import Path

ROOMS = ("engine/", "net/", "alloc/", "tools/", "bench/", "tests/", "findings/")
SUFFIXES = (".c", ".h", ".def", ".sh", ".py", ".md", ".S")
# Names of files that programs write.
WRITTEN = {"table.md"}


def slug(heading):
    """The anchor that a heading gets."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


def anchors(path):
    return {slug(line.lstrip("#")) for line in path.read_text().splitlines()
            if line.startswith("#")}


def exists(root, folder, name):
    for base in (root, folder):
        for ending in ("", ".c", ".h"):
            if any(base.glob(name.rstrip("/") + ending)):
                return True
    if name.startswith(ROOMS):
        return False
    return any(any(root.glob(room + "**/" + name)) for room in ROOMS)


def is_source(word):
    if not re.fullmatch(r"[\w.*/-]+", word) or word in WRITTEN:
        return False
    return word.startswith(ROOMS) or word.endswith(SUFFIXES) and not word.startswith(".")


def words_of(line):
    """The names of sources in a line: those in backticks, and paths in an example of a command."""
    if line.startswith("    "):
        return [word.rstrip(",;:") for word in line.split("#")[0].split()
                if word.startswith(ROOMS) and not word.endswith("/")]
    words = re.findall(r"`([^`]+)`", line)
    return [word for text in words for word in text.split() if is_source(word)]


def wrong_links(document, line):
    for target in re.findall(r"\]\(([^)\s]+)\)", line):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = document.parent / path if path else document
        if not there.exists():
            yield f"link to {target}: there is no such file"
        elif anchor and anchor not in anchors(there):
            yield f"link to {target}: it has no such heading"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    found = 0
    for document in sorted(root.glob("**/*.md")):
        name = document.relative_to(root)
        if name.parts[0] in ("build", ".git"):
            continue
        for number, line in enumerate(document.read_text().splitlines(), 1):
            wrong = list(wrong_links(document, line))
            wrong += [f"there is no {word}" for word in words_of(line)
                      if not exists(root, document.parent, word)]
            for what in wrong:
                print(f"{name}:{number}: {what}")
            found += len(wrong)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
