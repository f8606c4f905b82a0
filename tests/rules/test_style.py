import unittest

import style
from body import branches, nesting
from source import blank
from tree import Tree


def complaints(texts):
    with Tree(texts) as tree:
        return tree.complaints(style.check)


def one(case, path, text, line, words):
    """`text` at `path` gets exactly one complaint, at `line`, with `words` in it."""
    found = complaints({path: text})
    case.assertEqual(len(found), 1, found)
    case.assertTrue(found[0].startswith(f"{path}:{line}: "), found)
    case.assertIn(words, found[0])


def none(case, texts):
    """Nothing is said about these files."""
    case.assertEqual(complaints(texts), [], list(texts))


def function(lines, above=""):
    """A function of `lines` lines, that of its name and the closing brace counted."""
    return above + "int f(void)\n{\n" + "\tg();\n" * (lines - 3) + "}\n"


class Sizes(unittest.TestCase):
    def test_function_length(self):
        none(self, {"viewer/a.c": function(60)})
        one(self, "viewer/a.c", function(61), 1, "61 lines")

    def test_flat_excuses_length_and_says_why(self):
        none(self, {"viewer/a.c": function(90, "/* flat: a table of 80 rows */\n")})
        two = "/*\n * All.\n * flat: a table\n */\n"
        none(self, {"viewer/a.c": function(90, two)})
        one(self, "viewer/a.c", function(90, "/* flat: */\n"), 2, "90 lines")
        one(self, "viewer/a.c", function(90, "/* flat: of another */\nint x;\n"), 3, "90 lines")

    def test_branches(self):
        body = "int f(int a)\n{\n" + "\tif (a)\n\t\ta++;\n" * 20
        body += "\treturn a ? 1 : a && a || a;\n}\n"
        none(self, {"viewer/a.c": body})
        more = body.replace("return a", "return a && a && a && a")
        one(self, "viewer/a.c", more, 1, "26 branches")

    def test_nesting(self):
        deep = "void f(int a)\n{\n\tfor (;;)\n\t\twhile (a)\n\t\t\tif (a)\n"
        deep += "\t\t\t\tdo {\n%s\t\t\t\t} while (a);\n}\n"
        none(self, {"viewer/a.c": deep % "\t\t\t\t\ta++;\n"})
        one(self, "viewer/a.c", deep % "\t\t\t\t\tif (a)\n\t\t\t\t\t\ta++;\n", 1, "5 levels")

    def test_parameters(self):
        five = "void f(int a, int (*b)(int, int), int c, int d, int e)\n{\n}\n"
        none(self, {"viewer/a.c": five})
        one(self, "viewer/a.c", five.replace("int e", "int e, int g"), 1, "6 parameters")

    def test_columns_count_tabs_as_eight(self):
        none(self, {"viewer/a.c": "int a;\n\t/* " + "x" * 86 + " */\n"})
        one(self, "viewer/a.c", "int a;\n\t/* " + "x" * 87 + " */\n", 2, "101 columns")

    def test_file_and_header(self):
        none(self, {"viewer/a.c": "int a;\n" * 800})
        one(self, "viewer/a.c", "int a;\n" * 801, 801, "801 lines")
        header = "#pragma once\n" + "struct s;\n" * 200
        one(self, "viewer/a.h", header, 201, "201 lines")
        none(self, {"bpf/a.bpf.h": "/* BSD-2-Clause OR GPL-2.0 */\n" + header})

    def test_includes(self):
        text = "".join(f'#include "base/{i}.h"\n' for i in range(13))
        one(self, "viewer/a.c", text, 1, "13 project includes")


class Words(unittest.TestCase):
    def test_each_banned_word(self):
        for text, words in [
            ("void f(void)\n{\n\tgoto out;\n}\n", "goto"),
            ("int a;\nint b;\n#if 0\nint c;\n#endif\n", "#if 0"),
            ("int a;\nint b;\ntypedef struct { int a; } s;\n", "typedef"),
            ("int a;\n\n/* TODO: later */\n", "TODO"),
            ("int a;\n\n/* foo(bar); */\n", "commented-out"),
            ("int a;\n\n// x = 3;\n", "commented-out"),
            ("void f(char *a)\n{\n\tstrcpy(a, a);\n}\n", "unbounded"),
            ("int a;\n\nint b; \n", "blanks"),
        ]:
            one(self, "viewer/a.c", text, 3, words)

    def test_collector_only(self):
        for call, words in [("printf(a)", "only viewer/"), ("fprintf(stderr, a)", "only viewer/"),
                            ("ptrace(a)", "disturb"), ("malloc(3)", "alloc.h")]:
            text = f"void f(char *a)\n{{\n\t{call};\n}}\n"
            one(self, "collector/read/a.c", text, 3, words)
            none(self, {"viewer/a.c": text})

    def test_words_in_comments_and_strings_are_free(self):
        text = 'const char *a = "goto malloc(3) printf(";\n'
        text += "/* goto the end, TODO (#12) says printf(x) */\n"
        none(self, {"collector/read/a.c": text})

    def test_licence_of_bpf(self):
        good = "/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */\n"
        none(self, {"bpf/a.bpf.c": good})
        one(self, "bpf/a.bpf.c", "/* SPDX-License-Identifier: BSD-2-Clause */\n", 1, "SPDX")


class Headers(unittest.TestCase):
    def test_once(self):
        one(self, "viewer/a.h", "struct a;\n", 1, "#pragma once")

    def test_prototype_without_comment(self):
        text = "#pragma once\n\n/* One. */\nint f(void);\n\nint g(void);\n"
        one(self, "viewer/a.h", text, 6, "g()")

    def test_comment_above_beside_or_of_the_group(self):
        none(self, {"viewer/a.h": """#pragma once
/*
 * Two lines.
 */
SNAG_MUST_CHECK
int f(int a,
      int b);

int g(void); /* beside */

/* A pair. */
int lock(void);
int unlock(void);
DEFINE_GUARD(graph)
#define _cleanup_graph_ _cleanup_(graph_free_guard)

/* After a guard. */
const struct edge *edges(const struct graph *g);
"""})

    def test_guard_does_not_hide_the_next_prototype(self):
        one(self, "viewer/a.h", "#pragma once\nDEFINE_GUARD(graph)\n\nint g(void);\n", 4, "g()")


class Twins(unittest.TestCase):
    MODULE = {"collector/read/maps.c": "int a;\n", "collector/read/maps.h": "#pragma once\n"}

    def test_missing(self):
        self.assertEqual(complaints(self.MODULE),
                         ["collector/read/maps.c:1: no tests/unit/test_maps.c"])
        none(self, {"collector/read/maps.c": "int a;\n"})

    def test_found(self):
        for name in ("test_maps.c", "read/test_maps.c", "test_read_maps.c", "test_read.c"):
            none(self, {**self.MODULE, f"tests/unit/{name}": "int a;\n"})

    def test_folders_in_folders(self):
        module = {"collector/waits/lock/x.c": "int a;\n",
                  "collector/waits/lock/x.h": "#pragma once\n"}
        for name in ("test_x.c", "test_lock_x.c", "test_lock.c", "test_waits_lock.c"):
            none(self, {**module, f"tests/unit/{name}": "int a;\n"})
        self.assertEqual(len(complaints({**module, "tests/unit/test_waits.c": "int a;\n"})), 1)

    def test_exceptions_have_reasons_and_grow_stale(self):
        excuse = "tests/rules/untested.txt"
        line = "collector/read/maps.c: only structs\n"
        none(self, {**self.MODULE, excuse: line})
        found = complaints({**self.MODULE, excuse: "collector/read/maps.c:\n"})
        self.assertIn(f"{excuse}:1: says no reason", found)
        found = complaints({**self.MODULE, excuse: line, "tests/unit/test_maps.c": "int a;\n"})
        self.assertEqual(found, [f"{excuse}:1: collector/read/maps.c has a test now"])
        self.assertEqual(complaints({excuse: line}), [f"{excuse}:1: collector/read/maps.c is gone"])


class Body(unittest.TestCase):
    def test_nesting(self):
        for text, levels in [
            ("{ a(); }", 0),
            ("{ if (a) b(); else if (c) d(); else e(); }", 1),
            ("{ for_each(x, y) { if (a) b(); } }", 2),
            ("{ struct s x = { .a = { 1 } }; int y[] = { 1, 2 }; }", 0),
            ("{ switch (a) { case 1: if (b) c(); break; default: d(); } }", 2),
            ("{ do a(); while (b); if (c) { d(); } }", 1),
            ("{ x = ({ int y = 3; y; }); while (a) ; }", 1),
            ("{ out: if (a) b(); }", 1),
            ("{ { { a(); } } }", 2),
            ("{ return (struct s) { .a = 1 }; }", 0),
        ]:
            self.assertEqual(nesting(text), levels, text)

    def test_broken_text_ends(self):
        for text in ["{", "{ if (", "{ do", "{ x = {", "{ case", "{ } }", "{ else else }", "{ ) }"]:
            nesting(text)

    def test_branches(self):
        text = "if (a && b || c) for (;;) while (x) ; switch (y) { case 1: case 2: ; } z ? 1 : 2"
        self.assertEqual(branches(text), 8)

    def test_blank_keeps_lines(self):
        text = 'a /* x\ny */ "b\\"c" \'"\' d // e\nf'
        self.assertEqual(blank(text).count("\n"), text.count("\n"))
        self.assertEqual(blank(text).split(), ["a", '"', '"', "'", "'", "d", "f"])


if __name__ == "__main__":
    unittest.main()
