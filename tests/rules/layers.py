#!/usr/bin/env python3
"""layers.py [ROOT]: includes point downward only, and never in a circle.

Every larger project ends up with a header that knows everything; it begins with one arrow up.
tests/ may look anywhere. bpf/ knows only itself, the kernel and libbpf. tests/runtime/ (grove) has
layers of its own and knows nothing of snag, nor snag of it, but for one public header.
"""

import os
import posixpath
import re
import sys

from source import Report, blank, files, read

# Lowest first. collector/*.c and *.h themselves (session.c, snag.h) are "session".
ORDER = ["base", "event", "probe", "read", "model", "unwind", "runtimes", "waits", "graph",
         "capture", "session", "viewer"]
RANK = {name: i for i, name in enumerate(ORDER)}
ABI = "bpf/event.h"

# grove, lowest first; two folders of one row do not know each other. Its programs and the tests
# of its own, which lie beside and above these folders, are the top.
GROVE = "tests/runtime/"
GROVE_ABI = GROVE + "snag_runtime.h"
GROVE_ORDER = [["abi"], ["core"], ["wire"], ["actor"], ["spawn", "res"], ["fault"], ["programs"]]
GROVE_RANK = {name: i for i, row in enumerate(GROVE_ORDER) for name in row}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.M)


def layer(path):
    """The layer of a file of the tree, "bpf", "tests", or None when its folder is none we know."""
    parts = path.split("/")
    if parts[0] in ("bpf", "viewer", "tests"):
        return parts[0]
    if parts[0] != "collector":
        return None
    if len(parts) == 2:
        return "session"
    return parts[1] if parts[1] in RANK else None


def resolve(known, includer, name):
    """The file of the tree that `name` means, searched as the compiler does, or None."""
    more = ["tests"] if includer.startswith("tests/") else []
    for base in [posixpath.dirname(includer), "collector", ""] + more:
        path = posixpath.normpath(posixpath.join(base, name))
        if path in known:
            return path
    return None


def generated(known, name):
    """What the build makes `name` of: the source of a bpf skeleton, or SQL as a string."""
    base = posixpath.basename(name)
    if base.endswith(".skel.h"):
        wanted = base[: -len(".skel.h")] + ".bpf.c"
        return next((p for p in known if posixpath.basename(p) == wanted), None)
    if base.endswith(".sql.h"):
        wanted = base[: -len(".h")]
        return next((p for p in known if posixpath.basename(p) == wanted), None)
    return None


def grove_layer(path):
    """The folder of a file of grove, "abi" or "programs"; None when its folder is none we know."""
    if path == GROVE_ABI:
        return "abi"
    parts = path[len(GROVE):].split("/")
    if len(parts) == 1 or parts[0] == "test":
        return "programs"
    return parts[0] if parts[0] in GROVE_RANK else None


def wrong_in_grove(path, target):
    """Why `path` of grove may not include `target`, or None."""
    if not target.startswith(GROVE):
        return "grove knows nothing of snag and its tests"
    here, there = grove_layer(path), grove_layer(target)
    if there is not None and GROVE_RANK[there] > GROVE_RANK[here]:
        return f"grove's {here} may not include {there}: that arrow points up"
    if there is not None and here != there and GROVE_RANK[there] == GROVE_RANK[here]:
        return f"grove's {here} and {there} do not know each other"
    return None


def wrong(path, target):
    """Why `path` may not include `target`, or None."""
    here, there = layer(path), layer(target)
    if path.startswith(GROVE):
        return wrong_in_grove(path, target)
    if here == "tests" or target == GROVE_ABI:
        return None
    if there == "tests":
        return "the program does not include its tests"
    if here == "bpf":
        return None if there == "bpf" else "bpf/ runs in the kernel and includes only bpf/"
    if there == "bpf":
        skeleton = target.endswith(".bpf.c") and here in ("probe", "read")
        if target == ABI or skeleton:
            return None
        return f"of bpf/ the collector sees only {ABI}; skeletons belong to probe/ and read/"
    if RANK[there] > RANK[here]:
        return f"{here} may not include {there}: that arrow points up"
    return None


def find_cycle(graph):
    """One include cycle as a list of files, or None."""
    done = set()
    for start in sorted(graph):
        stack = [(start, iter(graph[start]))] if start not in done else []
        trail = [start]
        while stack:
            node, successors = stack[-1]
            following = next(successors, None)
            if following is None:
                stack.pop()
                trail.pop()
                done.add(node)
            elif following in trail:
                return trail[trail.index(following):] + [following]
            elif following not in done:
                stack.append((following, iter(graph.get(following, ()))))
                trail.append(following)
    return None


def check(root, report):
    sources = files(root, (".c", ".h"))
    known = set(sources) | set(files(root, (".sql",)))
    graph = {}
    for path in sources:
        if layer(path) is None or path.startswith(GROVE) and grove_layer(path) is None:
            report.add(path, 1, "its folder is in no layer: see ORDER in tests/rules/layers.py")
            continue
        # Blanking would take the name out of its quotes, so only the comments go.
        text = read(root, path)
        bare = blank(text).split("\n")
        graph[path] = []
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            if "include" not in bare[line - 1]:
                continue
            target = resolve(known, path, match.group(1))
            if target:
                graph[path].append(target)
            else:
                target = generated(known, match.group(1))
            if target is None:
                report.add(path, line, f'"{match.group(1)}" is no file of this tree')
            elif layer(target) is not None and wrong(path, target):
                report.add(path, line, f"{wrong(path, target)} ({target})")
    cycle = find_cycle(graph)
    if cycle:
        report.add(cycle[0], 1, "include cycle: " + " -> ".join(cycle))


def main(argv):
    report = Report("layers")
    check(argv[1] if len(argv) > 1 else os.path.join(os.path.dirname(__file__), "..", ".."), report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
