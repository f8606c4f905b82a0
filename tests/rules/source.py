"""What the rule scripts share: the files, C text without comments and strings, complaints."""

import os
import re
import sys

CODE_DIRS = ("bpf", "collector", "viewer", "tests")

_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    """`text` with comments and the insides of literals as spaces; line numbers stay true."""

    def replace(match):
        token = match.group(0)
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]

    return _TOKEN.sub(replace, text)


def comments(text):
    """(line number, text) of each comment."""
    for match in _TOKEN.finditer(text):
        if match.group(0)[0] == "/":
            yield text.count("\n", 0, match.start()) + 1, match.group(0)


def width(line):
    """Columns of a line, a tab reaching to the next multiple of 8."""
    return len(line.expandtabs(8))


def files(root, suffixes, dirs=CODE_DIRS):
    """Paths below `root`, relative to it, sorted."""
    found = []
    for top in dirs:
        for folder, subfolders, names in os.walk(os.path.join(root, top)):
            subfolders[:] = [d for d in subfolders if d not in ("corpus", "__pycache__")]
            found += [os.path.join(folder, n) for n in names if n.endswith(suffixes)]
    return sorted(os.path.relpath(path, root) for path in found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


class Report:
    """Complaints, printed together at the end so that one run shows them all."""

    def __init__(self, name):
        self.name = name
        self.lines = []

    def add(self, path, line, text):
        self.lines.append((path, line, text))

    def finish(self):
        for path, line, text in sorted(set(self.lines)):
            print(f"{path}:{line}: {text}")
        if self.lines:
            print(f"{self.name}: {len(set(self.lines))} offences", file=sys.stderr)
        return 1 if self.lines else 0
