#!/usr/bin/env python3
"""Shows how the rooms depend on each other, from the sources' own includes.

  tests/include_graph.py [DIR]          prints which room includes which, and how often
  tests/include_graph.py --check [DIR]  prints one line for each fault, exit code 1 if there is
                                        one: an include that tests/layers.txt forbids, a room
                                        without a row there, a row that goes against the order,
                                        and circles of modules

A room is a folder of engine/ or tools/, or net, or alloc. A module is a .c with the .h of its name;
a header without a .c belongs to every file that includes it. Only includes of the project's own
headers count. tests/layers.txt says what its rows mean.
"""
import re
import sys
from collections import Counter
from pathlib import Path

TOPS = ("engine", "net", "alloc", "tools")
LAYERS = "tests/layers.txt"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def room_of(path):
    """The room of a file, or the room itself."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in ("engine", "tools") else parts[0]


def read_sources(root):
    """{path: [(line, included path)]} of every source of the product."""
    sources = {}
    for top in TOPS:
        for path in sorted((root / top).glob("**/*.[ch]")):
            lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            found = ((line, INCLUDE.match(text)) for line, text in lines)
            sources[str(path.relative_to(root))] = [(line, m[1]) for line, m in found if m]
    return sources


def read_layers(root):
    """{room: (line of its row, rooms and headers that it may include)}, in the table's order."""
    layers = {}
    path = root / LAYERS
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if line[0].isspace() and layers:
            layers[list(layers)[-1]][1].update(words)
        else:
            layers[words[0]] = (number, set(words[1:]))
    return layers


def wrong_rows(sources, layers):
    for path in sources:
        if room_of(path) not in layers:
            yield f"{path}:1: {room_of(path)} has no row in {LAYERS}"
    rooms = {room_of(path) for path in sources}
    above = set()
    for room, (line, allowed) in layers.items():
        if room not in rooms:
            yield f"{LAYERS}:{line}: {room} has no sources"
        for name in sorted(allowed):
            if room_of(name) not in above:
                yield f"{LAYERS}:{line}: {room} may include {name}, which has no row above it"
        above.add(room)


def wrong_includes(sources, layers):
    for path, includes in sources.items():
        room = room_of(path)
        allowed = layers[room][1] if room in layers else set()
        for line, included in includes:
            other = room_of(included)
            if room in layers and other != room and not allowed & {other, included}:
                yield f"{path}:{line}: {room} may not include {included}: see {LAYERS}"


def modules_of(sources):
    """{module: modules it includes}, those of headers without a .c counted as the includer's."""
    modules = {path[:-2] for path in sources if path.endswith(".c")}

    def reached(path, seen):
        for _, included in sources.get(path, ()):
            if included in seen:
                continue
            seen.add(included)
            if included[:-2] in modules:
                yield included[:-2]
            else:
                yield from reached(included, seen)

    return {
        module: {
            other
            for suffix in (".c", ".h")
            for other in reached(module + suffix, set())
            if other != module
        }
        for module in modules
    }


def circles_of(graph):
    """Groups of nodes each of which can be reached from each other (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(found)


def all_circles(sources):
    """Circles of modules, and circles of headers that no module has as its own."""
    headers = {
        path: {included for _, included in includes if included in sources}
        for path, includes in sources.items()
        if path.endswith(".h")
    }
    groups = circles_of(modules_of(sources))
    return groups + [
        group
        for group in circles_of(headers)
        if any(f"{header[:-2]}.c" not in sources for header in group)
    ]


def check(sources, layers):
    faults = list(wrong_rows(sources, layers)) + list(wrong_includes(sources, layers))
    for group in all_circles(sources):
        first = group[0] if group[0] in sources else f"{group[0]}.c"
        faults.append(f"{first}:1: a circle of includes: {', '.join(group)}")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def show(sources, layers):
    counts = Counter(
        (room_of(path), room_of(included))
        for path, includes in sources.items()
        for _, included in includes
    )
    for (room, other), cnt in sorted(counts.items()):
        if room != other:
            print(f"{room:18} -> {other:18} {cnt:4}")
    groups = all_circles(sources)
    for group in groups:
        print(f"circle: {', '.join(group)}")
    print(
        f"circles: {len(groups)}, includes that layers.txt does not allow: "
        f"{len(list(wrong_includes(sources, layers)))}"
    )
    return 0


def main(args):
    rest = [arg for arg in args if arg != "--check"]
    root = Path(rest[0]) if rest else Path(__file__).resolve().parent.parent
    return (check if "--check" in args else show)(read_sources(root), read_layers(root))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
