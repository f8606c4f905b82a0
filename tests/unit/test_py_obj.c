/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_obj.h"

#include "lib/unit_python.h"
#include "runtimes/python/py_types.h"
#include "read/mem.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/syscall.h>

/* What the script keeps alive; it prints their addresses in order. */
static const char script[] =
	"import ctypes\n"
	"class Slots:\n"
	"    __slots__ = ('first', 'second', 'empty')\n"
	"class More(Slots):\n"
	"    __slots__ = ('third',)\n"
	"class Plain:\n"
	"    pass\n"
	"class Str(str):\n"
	"    pass\n"
	"slots = More(); slots.first = 11; slots.second = 22; slots.third = 33\n"
	"plain = Plain(); plain.one = 1; plain.two = 'two'; plain.three = None\n"
	"other = Plain(); other.one = -5; vars(other)['late'] = 7\n"
	"many = Plain()\n"
	"for i in range(100): setattr(many, 'a%d' % i, i)\n"
	"err = ValueError('x'); err.extra = 12\n"
	"mixed = {1: 'one', 'k': 99, (2,): 3}\n"
	"big = {'key%d' % i: i for i in range(1000)}\n"
	"del big['key3']\n"
	"x = [plain, other, slots, many, err, mixed, big, [1, 2, 3], (4, 5), {6, 7, 8},\n"
	"     frozenset([9]), 'plain', '\\u00e9t\\u00e9', '\\u6f22', '\\U0001f600', '',\n"
	"     Str('sub'),\n"
	"     0, 1, -1, 2**29, -2**31, 2**59, 2**60, True, 1.5, b'bytes', None, Plain,\n"
	"     'y' * 5000]\n"
	"print(ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, '_Py_HashSecret')))\n"
	"for o in x: print(id(o))\n"
	"print(flush=True)\n"
	"input()\n";

enum {
	PLAIN,
	OTHER,
	SLOTS,
	MANY,
	ERR,
	MIXED,
	BIG,
	LIST,
	TUPLE,
	SET,
	FROZEN,
	ASCII,
	LATIN,
	HAN,
	SMILE,
	EMPTY,
	SUB,
	ZERO,
	ONE,
	MINUS,
	POWER29,
	MINUS31,
	POWER59,
	POWER60,
	YES,
	FLOAT,
	BYTES,
	NONE,
	TYPE,
	LONG,
	OBJECTS
};

struct scene {
	struct python py;
	struct mem *mem;
	struct py_mem *pages;
	struct py_objs *p;
	uint64_t at[OBJECTS];
};

/* `hashes`: look keys up by them. */
static bool scene_begin(struct scene *s, uint32_t i, bool hashes)
{
	uint64_t secret;

	if (!python_at(i, &s->py))
		return false;
	python_start(&s->py, script);
	secret = python_number(&s->py);
	for (int k = 0; k < OBJECTS; k++)
		s->at[k] = python_number(&s->py);
	python_wait(&s->py, SYS_read);
	s->mem = mem_new(s->py.tgid, false);
	s->pages = py_mem_of(s->mem);
	cr_assert(py_offsets_of(s->py.minor), "3.%u", s->py.minor);
	s->p = py_objs_new(s->pages, py_offsets_of(s->py.minor));
	if (hashes)
		py_objs_use_hash(s->p, secret);
	return true;
}

static void scene_end(struct scene *s)
{
	py_objs_free(s->p);
	py_mem_free(s->pages);
	mem_free(s->mem);
	python_end(&s->py);
}

static int64_t number(struct scene *s, uint64_t obj)
{
	int64_t v = INT64_MIN;

	cr_assert(py_int(s->p, obj, &v), "%s", s->py.path);
	return v;
}

static int64_t attr_number(struct scene *s, int which, const char *name)
{
	uint64_t v = 0;

	cr_assert(py_attr(s->p, s->at[which], name, &v), "%s: .%s", s->py.path, name);
	return number(s, v);
}

static void check_attributes(struct scene *s)
{
	uint64_t v = 0;

	cr_assert_eq(attr_number(s, SLOTS, "first"), 11);
	cr_assert_eq(attr_number(s, SLOTS, "second"), 22);
	cr_assert_eq(attr_number(s, SLOTS, "third"), 33);
	cr_assert_not(py_attr(s->p, s->at[SLOTS], "empty", &v));
	cr_assert_not(py_attr(s->p, s->at[SLOTS], "fourth", &v));
	cr_assert_eq(attr_number(s, PLAIN, "one"), 1);
	cr_assert(py_attr(s->p, s->at[PLAIN], "two", &v));
	cr_assert_str_eq(py_text(s->p, v), "two");
	cr_assert(py_attr(s->p, s->at[PLAIN], "three", &v) && py_is_none(s->p, v));
	cr_assert_not(py_attr(s->p, s->at[PLAIN], "late", &v));
	cr_assert_eq(attr_number(s, OTHER, "one"), -5);
	cr_assert_eq(attr_number(s, OTHER, "late"), 7);
	cr_assert_not(py_attr(s->p, s->at[OTHER], "two", &v));
	cr_assert_eq(attr_number(s, MANY, "a0"), 0);
	cr_assert_eq(attr_number(s, MANY, "a99"), 99);
	cr_assert_eq(attr_number(s, ERR, "extra"), 12);
}

static void check_containers(struct scene *s)
{
	uint64_t items[16], v = 0;
	struct py_pair pairs[1024];
	int64_t sum = 0;

	cr_assert_eq(py_len(s->p, s->at[LIST]), 3);
	cr_assert_eq(py_items(s->p, s->at[LIST], items, 16), 3);
	cr_assert_eq(number(s, items[2]), 3);
	cr_assert_eq(py_items(s->p, s->at[LIST], items, 2), 2);
	cr_assert_eq(py_items(s->p, s->at[TUPLE], items, 16), 2);
	cr_assert_eq(number(s, py_item(s->p, s->at[TUPLE], 1)), 5);
	cr_assert_eq(py_item(s->p, s->at[TUPLE], 2), 0);
	cr_assert_eq(py_items(s->p, s->at[SET], items, 16), 3);
	for (int i = 0; i < 3; i++)
		sum += number(s, items[i]);
	cr_assert_eq(sum, 21);
	cr_assert_eq(py_items(s->p, s->at[FROZEN], items, 16), 1);
	cr_assert(py_dict_get(s->p, s->at[MIXED], "k", &v));
	cr_assert_eq(number(s, v), 99);
	cr_assert_eq(py_dict_pairs(s->p, s->at[MIXED], pairs, 1024), 3);
	cr_assert_eq(py_items(s->p, s->at[MIXED], items, 16), 3);
	cr_assert_eq(py_len(s->p, s->at[BIG]), 999);
	cr_assert_eq(py_dict_pairs(s->p, s->at[BIG], pairs, 1024), 999);
	cr_assert(py_dict_get(s->p, s->at[BIG], "key999", &v));
	cr_assert_eq(number(s, v), 999);
	cr_assert_not(py_dict_get(s->p, s->at[BIG], "key3", &v));
	cr_assert_eq(py_len(s->p, s->at[PLAIN]), 0);
}

static void check_values(struct scene *s)
{
	double d = 0;
	bool on = false;
	int64_t v;
	char buf[16];

	cr_assert_str_eq(py_text(s->p, s->at[ASCII]), "plain");
	cr_assert(py_str_is(s->p, s->at[ASCII], "plain"));
	cr_assert_not(py_str_is(s->p, s->at[ASCII], "plaim"));
	cr_assert_str_eq(py_text(s->p, s->at[LATIN]), "\xc3\xa9t\xc3\xa9");
	cr_assert_str_eq(py_text(s->p, s->at[HAN]), "\xe6\xbc\xa2");
	cr_assert_str_eq(py_text(s->p, s->at[SMILE]), "\xf0\x9f\x98\x80");
	cr_assert_str_eq(py_text(s->p, s->at[EMPTY]), "");
	cr_assert_str_eq(py_text(s->p, s->at[SUB]), "sub");
	cr_assert_eq(strlen(py_text(s->p, s->at[LONG])), PY_STR_MAX);
	cr_assert_eq(number(s, s->at[ZERO]), 0);
	cr_assert_eq(number(s, s->at[ONE]), 1);
	cr_assert_eq(number(s, s->at[MINUS]), -1);
	cr_assert_eq(number(s, s->at[POWER29]), 1 << 29);
	cr_assert_eq(number(s, s->at[MINUS31]), -(1ll << 31));
	cr_assert_eq(number(s, s->at[POWER59]), 1ll << 59);
	cr_assert_not(py_int(s->p, s->at[POWER60], &v));
	cr_assert(py_bool(s->p, s->at[YES], &on) && on);
	cr_assert(py_float(s->p, s->at[FLOAT], &d));
	cr_assert_eq(d, 1.5);
	cr_assert_eq(py_bytes(s->p, s->at[BYTES], buf, sizeof(buf)), 5);
	cr_assert_arr_eq(buf, "bytes", 5);
	cr_assert(py_is_none(s->p, s->at[NONE]));
	cr_assert(py_is(s->p, s->at[PLAIN], "Plain"));
	cr_assert(py_is(s->p, s->at[TYPE], "type"));
	cr_assert(py_has_flag(s->p, s->at[ERR], PY_IS_EXCEPTION));
	cr_assert_not(py_int(s->p, s->at[ASCII], &v));
	cr_assert_str_eq(py_text(s->p, s->at[ONE]), "");
}

Test(py_obj, objects_of_live_interpreters, .timeout = 120)
{
	struct scene s = { .mem = NULL };

	python_need();
	for (int hashes = 0; hashes < 2; hashes++)
		for (uint32_t i = 0; scene_begin(&s, i, hashes); i++) {
			check_attributes(&s);
			check_containers(&s);
			check_values(&s);
			scene_end(&s);
		}
}

Test(py_obj, what_is_no_object, .timeout = 120)
{
	struct scene s = { .mem = NULL };
	uint64_t v = 0, items[4];

	python_need();
	cr_assert(scene_begin(&s, 0, true));
	for (uint64_t at = s.at[PLAIN] - 64; at < s.at[PLAIN] + 256; at++) {
		if (at == s.at[PLAIN])
			continue;
		py_text(s.p, at);
		py_attr(s.p, at, "one", &v);
		py_items(s.p, at, items, 4);
		py_dict_get(s.p, at, "one", &v);
	}
	cr_assert_str_eq(py_type_name(s.p, 0), "");
	cr_assert_str_eq(py_type_name(s.p, UINT64_MAX), "");
	cr_assert_str_eq(py_type_name(s.p, 1ull << 63), "");
	cr_assert_str_eq(py_type_name(s.p, s.at[PLAIN] + 1), "");
	scene_end(&s);
}

Test(py_obj, hashes_are_those_of_the_interpreter, .timeout = 120)
{
	struct scene s = { .mem = NULL };
	uint64_t v = 0, hash;

	python_need();
	for (uint32_t i = 0; scene_begin(&s, i, true); i++) {
		cr_assert(py_dict_get(s.p, s.at[BIG], "key7", &v));
		cr_assert_eq(number(&s, v), 7);
		cr_assert(py_hash_of(s.p, "key7", &hash), "%s: not proven", s.py.path);
		scene_end(&s);
	}
}
