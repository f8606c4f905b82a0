#!/usr/bin/env python3
"""wrap.py FILE...: bring C comments inside the line width, in place: half of `make format`.

clang-format can do it too, but leaves a "*/" alone on a line or squeezes text into the last
columns. A line that is too wide gives its last words to the next one of its paragraph; a comment
beside code moves above it. Code is never touched: a file whose code would change is refused.
"""

import re
import sys

from source import blank, width

COLUMNS = 100
# indent, "/* " or " * ", text
_ROW = re.compile(r"^([ \t]*)(/\*|\*| \*)[ ]?(.*)$")
# Rows of a table, an example or a list keep to themselves.
_OWN_LINE = re.compile(r"^(\t|  |- |\* |\d+[.)] |\|)")


def split(text, room):
    """The words of `text` that fit `room` columns, and the rest."""
    cut = text.rfind(" ", 0, room + 1)
    return (text[:cut].rstrip(), text[cut + 1:].lstrip()) if cut > 0 else (text, "")


def fill(prefix, following, text):
    """`text` as lines of a comment: the first starts with `prefix`, the others with `following`."""
    rows = []
    while True:
        head, rest = text, ""
        if width(prefix + text) > COLUMNS:
            head, rest = split(text, COLUMNS - width(prefix))
        rows.append(prefix + head)
        if not rest:
            return rows
        prefix, text = following, rest


def whole(indent, text):
    """A comment of its own lines that says `text`."""
    single = f"{indent}/* {text} */"
    if width(single) > COLUMNS and text.endswith("----"):
        single = f"{indent}/* {text[:COLUMNS - width(single)]} */"
    if width(single) <= COLUMNS:
        return [single]
    return [indent + "/*"] + fill(indent + " * ", indent + " * ", text) + [indent + " */"]


def reflow(rows):
    """The lines of one comment of several lines, each inside the width where words allow it."""
    result = []
    carried = ""
    for row in rows:
        match = _ROW.match(row)
        text = match.group(3) if match else ""
        close = text.endswith("*/") and text[:-2].strip() or row.strip() == "*/"
        if carried and (not match or not text or row.strip() == "*/" or _OWN_LINE.match(text)):
            result += fill(prefix, prefix, carried)
            carried = ""
        if not match or (width(row) <= COLUMNS and not carried):
            result.append(row)
            continue
        indent = match.group(1)
        prefix = indent + ("* " if match.group(2) == "*" else " * ")
        first = indent + "/* " if match.group(2) == "/*" else prefix
        text = f"{carried} {text}" if carried else text
        carried = ""
        if _OWN_LINE.match(text) or width(first + text) <= COLUMNS:
            result.append(first + text)
        elif close:
            result += fill(first, prefix, text)
        else:
            head, carried = split(text, COLUMNS - width(first))
            result.append(first + head)
    return result + (fill(prefix, prefix, carried) if carried else [])


def beside(line):
    """Code and the comment to its right as two things, or None."""
    match = re.match(r"^([ \t]*)(\S.*?)[ \t]*/\*[ ]*(.*?)[ ]*\*/$", line)
    if not match or "/*" in match.group(3) or line.endswith("\\") or match.group(2).count('"') % 2:
        return None
    return match.groups()


def wrap(text):
    result = []
    lines = text.split("\n")
    at = 0
    off = False
    while at < len(lines):
        line = lines[at]
        off = "clang-format off" in line or (off and "clang-format on" not in line)
        start = line.lstrip().startswith("/*")
        end = at
        while start and "*/" not in lines[end] and end + 1 < len(lines):
            end += 1
        if start and end > at:
            result += reflow(lines[at:end + 1])
        elif width(line) <= COLUMNS or off:
            result.append(line)
        elif start and line.endswith("*/"):
            indent = line[:len(line) - len(line.lstrip())]
            result += whole(indent, line.strip()[2:-2].strip())
        elif beside(line):
            indent, code, comment = beside(line)
            result += whole(indent, comment) + [indent + code]
        else:
            result.append(line)
        at = end + 1
    return "\n".join(result)


def main(argv):
    refused = 0
    for path in argv[1:]:
        with open(path, encoding="utf-8") as file:
            old = file.read()
        new = wrap(old)
        if blank(new).split() != blank(old).split():
            print(f"{path}:1: would change code: wrap its comments by hand", file=sys.stderr)
            refused += 1
        elif new != old:
            with open(path, "w", encoding="utf-8") as file:
                file.write(new)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
