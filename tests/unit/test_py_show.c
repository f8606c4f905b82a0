/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/values/py_show.h"

#include "lib/unit_interp.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/syscall.h>

/*
 * Values and what is said of them: what Python would say where nothing else is written. The address
 * of an object stands for itself.
 */
static const char script[] =
	"import enum\n"
	"class Foo: pass\n"
	"class Level(enum.IntEnum): HIGH = 3\n"
	"class Text(str): pass\n"
	"def gen():\n"
	"  yield 1\n"
	"async def inner(): await Waits()\n"
	"async def outer(): await inner()\n"
	"class Waits:\n"
	"  def __await__(self): yield 1\n"
	"g, h, c, d, foo = gen(), gen(), outer(), outer(), Foo()\n"
	"next(h); d.send(None)\n"
	"values = [(v, repr(v)) for v in [\n"
	"  None, True, False, 0, -7, 2**59, -2**59, 1.5, -0.1, 1e300, 3.0, float('inf'),\n"
	"  float('nan'), 'a text', '\\u00e4\\u6f22', '', 'x' * 60, b'bytes\\x00\\xff', b'',\n"
	"  [], [1, 'two', None], (), (1,), (1, 2), {}, {'a': 1, 2: 'b'}, {7}, "
	"[1, 2, 3, 4, 5, 6]]]\n"
	"values += [\n"
	"  ('x' * 61, repr('x' * 60) + '... 61 characters'),\n"
	"  ('\\u6f22' * 30, repr('\\u6f22' * 20) + '... 30 characters'),\n"
	"  ('it\\'s\\n\\x1b', \"'it\\\\'s\\\\n\\\\x1b'\"),\n"
	"  (bytes(100), repr(bytes(60)) + '... 100 bytes'),\n"
	"  (2**100, '<int of about 36 digits>'),\n"
	"  (list(range(9)), '[0, 1, 2, 3, 4, 5, ... 9 in all]'),\n"
	"  (dict.fromkeys(range(9)), '{0: None, 1: None, 2: None, 3: None, 4: None, 5: None, "
	"... 9 in all}'),\n"
	"  ([[1, 2], {}, (3,)], '[<list of 2>, <dict of 0>, <tuple of 1>]'),\n"
	"  (foo, '<Foo 0x%x>' % id(foo)), ([foo], '[<Foo 0x%x>]' % id(foo)),\n"
	"  (Foo, '<class Foo>'), (sys, '<module sys>'), (Level.HIGH, '3'),\n"
	"  (Text('derived'), \"'derived'\"),\n"
	"  (KeyError('no'), '<KeyError: no>'), (Exception(1), '<Exception>'),\n"
	"  (h, '<generator gen (<string>:8), suspended>'),\n"
	"  (set(), '<set of 0>'),\n"
	"  (d, '<coroutine outer (<string>:10) > inner (<string>:9) > '\n"
	"      '%s__await__ (<string>:12), suspended>' %\n"
	"      ('Waits.' if sys.version_info >= (3, 11) else '')),\n"
	"]\n"
	"itself = []; itself.append(itself); values.append((itself, '[<list of 1>]'))\n"
	"for v, text in values: print(id(v)); print(text)\n"
	"print(id(g)); print('<generator gen (<string>:7), not begun>')\n"
	"print('done', flush=True)\n"
	"sys.stdin.read(1)\n";

Test(py_show, in_a_few_words, .timeout = 120)
{
	struct interp x;

	python_need();
	for (uint32_t i = 0; interp_start(&x, i, script); i++) {
		uint32_t count = 0;
		uint64_t obj;
		const char *line;

		python_wait(&x.py, SYS_read);
		interp_open(&x);
		for (; strcmp(line = python_line(&x.py), "done") != 0; count++) {
			_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

			obj = strtoull(line, NULL, 10);
			py_show(x.p, obj, &b);
			line = python_line(&x.py);
			/* before 3.11 a generator that has not begun is at no line */
			if (strstr(line, "not begun") && x.py.minor < 11)
				continue;
			cr_expect_str_eq(strbuf_str(&b), line, "%s: %s, not %s", x.py.path,
					 strbuf_str(&b), line);
		}
		cr_expect_eq(count, 49, "%u", count);
		interp_end(&x);
	}
}

Test(py_show, what_makes_no_sense, .timeout = 120)
{
	struct interp x;

	python_need();
	cr_assert(interp_start(&x, 0, "print(id([1]), flush=True)\nsys.stdin.read(1)\n"));
	python_wait(&x.py, SYS_read);
	interp_open(&x);
	for (uint64_t at = 0; at < 64; at++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		py_show(x.p, at * 8, &b);
		cr_expect_str_eq(strbuf_str(&b), "?");
	}
	interp_end(&x);
}

Test(py_show, whole_characters)
{
	cr_expect_eq(py_show_fit("abc", 10), 3);
	cr_expect_eq(py_show_fit("abc", 2), 2);
	cr_expect_eq(py_show_fit("a\xe6\xbc\xa2", 3), 1);
	cr_expect_eq(py_show_fit("a\xe6\xbc\xa2", 4), 4);
	cr_expect_eq(py_show_fit("\xe6\xbc\xa2", 1), 0);
}
