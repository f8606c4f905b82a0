import unittest

from source import blank, width
from wrap import wrap

LONG = "aaaa " * 30 + "end"


class Wrap(unittest.TestCase):
    def check(self, text):
        """`text` wrapped: inside the width, the same words and code, and stable."""
        new = wrap(text)
        for line in new.split("\n"):
            self.assertLessEqual(width(line), 100, new)
        self.assertEqual(blank(new).split(), blank(text).split())
        self.assertEqual(new.replace("*", " ").replace("/", " ").split().count("aaaa"),
                         text.count("aaaa"))
        self.assertEqual(wrap(new), new)
        return new

    def test_single_becomes_block(self):
        self.assertTrue(self.check(f"\t/* {LONG} */\nint a;").startswith("\t/*\n\t * aaaa"))

    def test_block_gives_words_to_the_next_line(self):
        new = self.check(f"/*\n * {LONG}\n * next line\n *\n * other\n */")
        self.assertIn("end next line\n *\n * other\n */", new)

    def test_open_and_close_on_text_lines(self):
        self.check(f"/* {LONG}\n * {LONG} */\nint a;")

    def test_beside_goes_above(self):
        new = self.check(f"struct s {{\n\tint a;\t\t/* {LONG[-88:]} */\n}};")
        self.assertTrue(new.endswith(" */\n\tint a;\n};"), new)

    def test_examples_and_lists_keep_their_lines(self):
        text = f"/*\n * {LONG}\n *\tcode(a);\n * - item\n */"
        new = self.check(text)
        self.assertIn("\n *\tcode(a);\n * - item\n */", new)

    def test_separator_is_cut(self):
        new = self.check("/* ---- life " + "-" * 90 + " */")
        self.assertEqual(width(new), 100)

    def test_narrow_text_and_clang_format_off_stay(self):
        text = "/* a */\nint a; /* b */\n/*\n * c\n * d\n */\n"
        self.assertEqual(wrap(text), text)
        table = f"/* clang-format off */\nint a; /* {LONG} */\n/* clang-format on */\n"
        self.assertEqual(wrap(table), table)

    def test_strings_that_look_like_comments(self):
        text = 'const char *a = "/* ' + "x " * 60 + '*/";'
        self.assertEqual(wrap(text), text)


if __name__ == "__main__":
    unittest.main()
