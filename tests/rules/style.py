#!/usr/bin/env python3
"""style.py [ROOT]: the rules of docs/STYLE.md that a script can see, all offences at once.

Sizes: function 60 lines, 25 branches, 4 levels of nesting, 5 parameters; file 800 lines,
header 200, line 100 columns, 12 project includes. A flat table or switch may be longer when a
comment "flat: why" stands directly above it.
"""

import fnmatch
import json
import os
import re
import subprocess
import sys

from body import branches, nesting
from source import Report, blank, comments, files, read, width

FUNCTION_LINES, BRANCHES, NESTING, PARAMETERS = 60, 25, 4, 5
BPF_LICENCE = "BSD-2-Clause OR GPL-2.0"
FILE_LINES, HEADER_LINES, COLUMNS, INCLUDES = 800, 200, 100, 12

# pattern in text without comments and strings, what is wrong with it, which files
BANNED = [
    (r"\bgoto\b", "goto: use a cleanup attribute (base/cleanup.h)", "*"),
    (r"^[ \t]*#[ \t]*if[ \t]+0\b", "#if 0: dead code goes", "*"),
    (r"\btypedef\s+(?:struct|union|enum)\b", "typedef of a struct, union or enum", "*"),
    (r"\b(?:printf|puts|putchar|perror|vprintf)\s*\(", "only viewer/ prints", "collector/*"),
    (r"\bf(?:printf|puts|write)\s*\([^;]*\bstd(?:out|err)\b", "only viewer/ prints", "collector/*"),
    (r"\b(?:ptrace|process_vm_writev|pidfd_send_signal|pidfd_getfd)\s*\(",
     "snag does not disturb what it looks at", "collector/*"),
    (r"\b(?:strcpy|strcat|sprintf|vsprintf|gets|alloca)\s*\(", "an unbounded copy", "[!t]*"),
    (r"\b(?:malloc|calloc|realloc|reallocarray|strdup|strndup)\s*\(",
     "base/alloc.h ends the program when memory does", "collector/*"),
]
# The one file that is the exception to a rule, by the rule's words.
EXEMPT = {
    "only viewer/ prints": ["collector/base/log.c"],
    "base/alloc.h ends the program when memory does": ["collector/base/alloc.c"],
}

TODO = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!\s*\(#\d+\))")
DEAD_LINE = re.compile(r"^(?://|/\*)\s*(?:[\w>.\[\]*-]+\s*(?:=[^=].*|\(.*\))\s*;|\}|return\b.*;)"
                       r"\s*(?:\*/)?$")


def functions(root, paths):
    """Functions and prototypes as ctags sees them: path, name, line, end, kind, signature."""
    if not paths:
        return []
    ignored = "SNAG_MUST_CHECK,DEFINE_GUARD+,DEFINE_PLACE_GUARD+"
    command = ["ctags", "--options=NONE", "--quiet", "-I", ignored, "--output-format=json",
               "--languages=C", "--langmap=C:.c.h", "--kinds-C=fp", "--fields=+neKS",
               "-L", "-", "-o", "-"]
    done = subprocess.run(command, cwd=root, input="\n".join(paths), capture_output=True, text=True,
                          check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def parameters(tag):
    """How many parameters; BPF_PROG(name, ...) and its kin spend the first one on the name."""
    inside = tag.get("signature", "()").strip()[1:-1].strip()
    if inside in ("", "void"):
        return 0
    depth = 0
    count = 1
    for char in inside:
        depth += (char in "([") - (char in ")]")
        count += char == "," and depth == 0
    return count - (tag["name"].startswith("BPF_"))


def commented(lines, number):
    """Whether line `number`, or the group of lines it is in, has a comment above or beside."""
    if "/*" in lines[number - 1]:
        return True
    at = number - 2
    while at >= 0 and lines[at].strip():
        if lines[at].rstrip().endswith("*/"):
            return True
        at -= 1
    return False


def is_flat(lines, number):
    """Whether the comment directly above the function on line `number` says "flat: why"."""
    at = number - 2
    while at >= 0 and lines[at].strip() and not lines[at].rstrip().endswith(("*/", "}", ";")):
        at -= 1
    if at < 0 or not lines[at].rstrip().endswith("*/"):
        return False
    text = lines[at]
    while "/*" not in lines[at] and at > 0:
        at -= 1
        text = lines[at] + "\n" + text
    return re.search(r"\bflat: +\w", text) is not None


def check_function(tag, texts, report):
    lines = texts[tag["path"]].split("\n")
    bare = blank(texts[tag["path"]]).split("\n")
    line, end = tag["line"], tag.get("end", tag["line"])
    body = "\n".join(bare[line - 1:end])
    flat = is_flat(lines, line)
    facts = [
        (end - line + 1, FUNCTION_LINES, "lines", flat),
        (branches(body), BRANCHES, "branches", flat),
        (nesting(body), NESTING, "levels of nesting", False),
        (parameters(tag), PARAMETERS, "parameters", False),
    ]
    for value, limit, what, exempt in facts:
        if value > limit and not exempt:
            report.add(tag["path"], line, f"{tag['name']}() has {value} {what}, more than {limit}")


def check_text(path, text, report):
    # bpf programs are not linked: the functions they share live in .bpf.h files, which are code.
    header = path.endswith(".h") and not path.endswith(".bpf.h")
    lines = text.split("\n")
    limit = HEADER_LINES if header else FILE_LINES
    if len(lines) - 1 > limit:
        report.add(path, limit + 1, f"{len(lines) - 1} lines, more than {limit}")
    for number, line in enumerate(lines, 1):
        if width(line) > COLUMNS and "://" not in line:
            report.add(path, number, f"{width(line)} columns, more than {COLUMNS}")
        if line != line.rstrip():
            report.add(path, number, "blanks at the end of the line")
    if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.M):
        report.add(path, 1, "no #pragma once")


def check_c(path, text, report):
    bare = blank(text)
    for pattern, why, where in BANNED:
        if not fnmatch.fnmatch(path, where) or path in EXEMPT.get(why, ()):
            continue
        for match in re.finditer(pattern, bare, re.M):
            report.add(path, bare.count("\n", 0, match.start()) + 1, why)
    for number, comment in comments(text):
        for offset, line in enumerate(comment.split("\n")):
            if TODO.search(line):
                report.add(path, number + offset, "a TODO without its issue: TODO (#N)")
        if DEAD_LINE.match(comment.strip()):
            report.add(path, number, "commented-out code goes")
    includes = re.findall(r'^[ \t]*#[ \t]*include[ \t]*"', text, re.M)
    if len(includes) > INCLUDES:
        report.add(path, 1, f"{len(includes)} project includes, more than {INCLUDES}")
    if path.startswith("bpf/") and BPF_LICENCE not in text.split("\n", 1)[0]:
        report.add(path, 1, f"its first line is not /* SPDX-License-Identifier: {BPF_LICENCE} */")


def check_prototypes(tags, texts, report):
    for tag in tags:
        path = tag["path"]
        if tag["kind"] != "prototype" or not path.endswith(".h") or tag["name"].isupper():
            continue
        if not commented(texts[path].split("\n"), tag["line"]):
            report.add(path, tag["line"], f"{tag['name']}() has no comment")


def exceptions(root, report):
    """Modules without a test of their own, from tests/rules/untested.txt: "path: reason" a line."""
    path = "tests/rules/untested.txt"
    found = {}
    if not os.path.exists(os.path.join(root, path)):
        return found
    for number, line in enumerate(read(root, path).split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        module, colon, reason = line.partition(": ")
        if not colon or not reason.strip():
            report.add(path, number, "says no reason")
        elif not os.path.exists(os.path.join(root, module)):
            report.add(path, number, f"{module} is gone")
        found[module] = (path, number)
    return found


def check_twins(root, paths, report):
    """collector/a/b/x.c with x.h has a test_x.c, test_b_x.c, test_b.c or test_a_b.c."""
    tests = {os.path.basename(p) for p in paths if p.startswith("tests/unit/")}
    excused = exceptions(root, report)
    for path in paths:
        if not re.match(r"collector/.*\.c$", path) or path[:-2] + ".h" not in paths:
            continue
        *areas, name = path.split("/")[1:]
        twins = [name] + [f"{a}_{name}" for a in areas[-1:]] + [f"{a}.c" for a in areas[-1:]]
        twins.append("_".join(areas) + ".c")
        tested = not tests.isdisjoint(f"test_{twin}" for twin in twins)
        if not tested and path not in excused:
            report.add(path, 1, f"no tests/unit/test_{name}")
        if tested and path in excused:
            report.add(*excused[path], f"{path} has a test now")


def check(root, report):
    paths = files(root, (".c", ".h"))
    texts = {path: read(root, path) for path in paths}
    for path in paths:
        check_text(path, texts[path], report)
        check_c(path, texts[path], report)
    for path in files(root, (".py", ".sh", ".mk", ".sql")) + ["Makefile"]:
        if os.path.exists(os.path.join(root, path)):
            check_text(path, read(root, path), report)
    tags = functions(root, paths)
    for tag in tags:
        if tag["kind"] == "function":
            check_function(tag, texts, report)
    check_prototypes(tags, texts, report)
    check_twins(root, paths, report)


def main(argv):
    report = Report("style")
    check(argv[1] if len(argv) > 1 else os.path.join(os.path.dirname(__file__), "..", ".."), report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
