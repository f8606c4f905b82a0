/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/values/py_exceptions.h"

#include "lib/unit_interp.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>

/* Both print where their thread is, then wait for ever. */
#define HANDLING                                                                                   \
	"r, w = os.pipe()\n"                                                                       \
	"def gen():\n"                                                                             \
	"  try: raise LookupError('in a generator')\n"                                             \
	"  except LookupError: yield os.read(r, 1)\n"                                              \
	"def opens():\n"                                                                           \
	"  try: open('/nowhere/at all')\n"                                                         \
	"  except OSError: os.read(r, 1)\n"                                                        \
	"def numbers():\n"                                                                         \
	"  try: sys.exit(7)\n"                                                                     \
	"  finally: os.read(r, 1)\n"                                                               \
	"class Mine(Exception): pass\n"                                                            \
	"def long():\n"                                                                            \
	"  try: raise Mine('\\u00e4' * 500)\n"                                                     \
	"  except Mine: os.read(r, 1)\n"                                                           \
	"threads = [threading.Thread(target=f) for f in (opens, numbers, long,\n"                  \
	"           lambda: os.read(r, 1))]\n"                                                     \
	"for t in threads: t.start()\n"                                                            \
	"def waits(tid): return open('/proc/self/task/%d/syscall' % tid).read()[:2] == '0 '\n"     \
	"while not all(waits(t.native_id) for t in threads): pass\n"                               \
	"for t in threads: print(t.ident)\n"                                                       \
	"print(threading.get_ident(), flush=True)\n"                                               \
	"try: raise KeyError('outside')\n"                                                         \
	"except KeyError:\n"                                                                       \
	"  for x in gen(): pass\n"

/* "LookupError:in a generator" or "SystemExit:" of the n-th exception of the next thread. */
static void expect(struct interp *x, const char *const *wanted)
{
	struct strtab *t = py_strings(x->p->objs);
	struct py_exception list[PY_EXCEPTIONS_MAX];
	int64_t at = py_find_thread(x->p, 0, python_number(&x->py));
	uint32_t n, i;

	cr_assert_geq(at, 0, "%s", x->py.path);
	n = py_exceptions(x->p, &x->p->threads[at], list, PY_EXCEPTIONS_MAX);
	for (i = 0; i < n && wanted[i]; i++) {
		const char *text = strtab_get(t, list[i].text);
		size_t type = strcspn(wanted[i], ":");

		cr_expect_eq(strncmp(strtab_get(t, list[i].type), wanted[i], type), 0, "%s: %s",
			     x->py.path, strtab_get(t, list[i].type));
		cr_expect_str_eq(text ? text : "", wanted[i] + type + 1, "%s", x->py.path);
		cr_expect_not(list[i].raised);
	}
	cr_expect_null(wanted[i], "%s: %u exceptions, not more", x->py.path, n);
	cr_expect_eq(n, i, "%s: %u exceptions", x->py.path, n);
}

Test(py_exceptions, of_each_thread, .timeout = 120)
{
	static const char *const none[] = { NULL };
	static const char *const os[] = { "FileNotFoundError:[Errno 2] No such file or directory",
					  NULL };
	static const char *const number[] = { "SystemExit:", NULL };
	static const char *const both[] = { "LookupError:in a generator", "KeyError:outside",
					    NULL };
	char text[256] = "Mine:";
	const char *const cut[] = { text, NULL };
	struct interp x;

	for (int i = 0; i < PY_MESSAGE_BYTES / 2; i++)
		strcat(text, "\xc3\xa4");
	strcat(text, "...");
	python_need();
	for (uint32_t i = 0; interp_start(&x, i, HANDLING); i++) {
		python_wait(&x.py, SYS_read);
		interp_open(&x);
		expect(&x, os);
		expect(&x, number);
		expect(&x, cut);
		expect(&x, none);
		expect(&x, both);
		interp_end(&x);
	}
}

/* Nothing blocks while an exception is on its way up, so that is written into what is read. */
Test(py_exceptions, one_on_its_way_up, .timeout = 120)
{
	struct interp x;

	python_need();
	for (uint32_t i = 0; interp_start(&x, i,
					  "e = ValueError('raised')\n"
					  "print(id(ValueError), id(e), id('a text'), sep='\\n',\n"
					  "      flush=True)\n"
					  "sys.stdin.read(1)\n");
	     i++) {
		uint64_t type = python_number(&x.py), value = python_number(&x.py);
		uint64_t text = python_number(&x.py), at;
		struct py_exception e;

		python_wait(&x.py, SYS_read);
		interp_open(&x);
		cr_expect_eq(py_exceptions(x.p, &x.p->threads[0], &e, 1), 0);
		at = x.p->threads[0].addr + py_layout(x.p->objs)->ts_raised;
		x.patches[0] = (struct interp_patch){ at, x.py.minor < 12 ? type : value };
		x.patches[1] = (struct interp_patch){ at + 8, value };
		x.patch_count = x.py.minor < 12 ? 2 : 1;
		interp_open(&x);
		cr_assert_eq(py_exceptions(x.p, &x.p->threads[0], &e, 1), 1, "%s", x.py.path);
		cr_expect(e.raised);
		cr_expect_str_eq(strtab_get(py_strings(x.p->objs), e.type), "ValueError");
		cr_expect_str_eq(strtab_get(py_strings(x.p->objs), e.text), "raised");
		/* not made yet: its text is all there is */
		if (x.py.minor < 12) {
			x.patches[1].value = text;
			interp_open(&x);
			cr_assert_eq(py_exceptions(x.p, &x.p->threads[0], &e, 1), 1);
			cr_expect_str_eq(strtab_get(py_strings(x.p->objs), e.type), "ValueError");
			cr_expect_str_eq(strtab_get(py_strings(x.p->objs), e.text), "a text");
		}
		/* what is no exception is none */
		x.patches[0].value = x.patches[1].value = text;
		interp_open(&x);
		cr_expect_eq(py_exceptions(x.p, &x.p->threads[0], &e, 1), 0, "%s", x.py.path);
		interp_end(&x);
	}
}

/* The list of what is handled leads back to itself. */
Test(py_exceptions, a_circle_ends, .timeout = 120)
{
	struct interp x;

	python_need();
	for (uint32_t i = 0; interp_start(&x, i,
					  "try: 1 // 0\n"
					  "except ArithmeticError: sys.stdin.read(1)\n");
	     i++) {
		struct py_exception list[PY_EXCEPTIONS_MAX];
		uint64_t item;

		python_wait(&x.py, SYS_read);
		interp_open(&x);
		cr_expect_eq(py_exceptions(x.p, &x.p->threads[0], list, PY_EXCEPTIONS_MAX), 1);
		item = py_mem_u64(x.pages,
				  x.p->threads[0].addr + py_layout(x.p->objs)->ts_exc_info);
		x.patches[0] =
			(struct interp_patch){ item + py_layout(x.p->objs)->ei_previous, item };
		x.patch_count = 1;
		interp_open(&x);
		cr_expect_eq(py_exceptions(x.p, &x.p->threads[0], list, PY_EXCEPTIONS_MAX),
			     PY_EXCEPTIONS_MAX);
		interp_end(&x);
	}
}

Test(py_exceptions, of_what_does_not_run, .timeout = 120)
{
	struct interp x;

	python_need();
	for (uint32_t i = 0; interp_start(&x, i,
					  "def gen():\n"
					  "  try: raise KeyError('kept')\n"
					  "  except KeyError: yield 1\n"
					  "  yield 2\n"
					  "g, h, done = gen(), gen(), gen()\n"
					  "next(g); next(h); next(h); list(done)\n"
					  "print(id(g), id(h), id(done), id(gen), sep='\\n',\n"
					  "      flush=True)\n"
					  "sys.stdin.read(1)\n");
	     i++) {
		struct py_exception e;

		python_wait(&x.py, SYS_read);
		interp_open(&x);
		cr_expect(py_gen_exception(x.p, python_number(&x.py), &e), "%s", x.py.path);
		cr_expect_str_eq(strtab_get(py_strings(x.p->objs), e.type), "KeyError");
		cr_expect_str_eq(strtab_get(py_strings(x.p->objs), e.text), "kept");
		cr_expect_not(py_gen_exception(x.p, python_number(&x.py), &e), "%s", x.py.path);
		cr_expect_not(py_gen_exception(x.p, python_number(&x.py), &e));
		cr_expect_not(py_gen_exception(x.p, python_number(&x.py), &e));
		interp_end(&x);
	}
}
