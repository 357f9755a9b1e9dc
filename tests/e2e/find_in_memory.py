#!/usr/bin/env python3
"""find_in_memory.py PID HEX: where a process has these bytes, by whether a core dump would have
them. Prints `excluded=N dumped=N`, and a line for each mapping that would be dumped with them.

What a dump has: readable private memory without the flag `dd` (MADV_DONTDUMP), and of shared memory
what /proc/PID/coredump_filter says.
"""
import re
import sys

ANON_SHARED, FILE_SHARED, HUGE_SHARED = 1 << 1, 1 << 3, 1 << 6
CHUNK = 16 << 20


def mappings(pid):
    """(start, end, permissions, name, flags) of each mapping."""
    current = None
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
        for line in smaps:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
            if head:
                start, end, permissions, name = head.groups()
                current = [int(start, 16), int(end, 16), permissions, name.strip()]
            elif line.startswith("VmFlags:"):
                yield (*current, line.split()[1:])


def is_dumped(permissions, name, flags, core_filter):
    """Whether a core has this mapping, as far as its flags say."""
    if "dd" in flags or "io" in flags:
        return False
    if "s" not in permissions:
        return True
    if "ht" in flags:
        return bool(core_filter & HUGE_SHARED)
    anonymous = "(deleted)" in name or name == ""
    return bool(core_filter & (ANON_SHARED if anonymous else FILE_SHARED))


def count(memory, start, end, needle):
    """How often the bytes lie there."""
    found = 0
    at = start
    while at < end:
        memory.seek(at)
        try:
            chunk = memory.read(min(CHUNK + len(needle) - 1, end - at))
        except OSError:
            return found
        found += chunk.count(needle)
        at += CHUNK
    return found


def main():
    pid, needle = sys.argv[1], bytes.fromhex(sys.argv[2])
    with open(f"/proc/{pid}/coredump_filter", encoding="ascii") as file:
        core_filter = int(file.read(), 16)
    found = {True: 0, False: 0}
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, permissions, name, flags in mappings(pid):
            if "r" not in permissions or name in ("[vvar]", "[vsyscall]"):
                continue
            dumped = is_dumped(permissions, name, flags, core_filter)
            here = count(memory, start, end, needle)
            found[dumped] += here
            if dumped and here:
                print(f"{start:x}-{end:x} {permissions} {name}: {here}")
    print(f"excluded={found[False]} dumped={found[True]}")


main()
