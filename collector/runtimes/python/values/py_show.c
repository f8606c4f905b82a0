/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/values/py_show.h"

#include "runtimes/python/py_types.h"
#include "runtimes/python/values/py_exceptions.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_SHOWN = 4 /* coroutines that await each other */ };

size_t py_show_fit(const char *text, size_t max)
{
	size_t n = strnlen(text, max);

	while (n && (text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* ---- what has no parts ----------------------------------------------------------------------- */

/* One byte inside of quotes, as Python would write it; the high ones of a str are UTF-8. */
static void add_byte(struct strbuf *out, unsigned char c, bool text)
{
	if (c == '\'' || c == '\\')
		strbuf_addf(out, "\\%c", c);
	else if (c == '\n')
		strbuf_adds(out, "\\n");
	else if (c < ' ' || c == 0x7f || (c >= 0x80 && !text))
		strbuf_addf(out, "\\x%02x", c);
	else
		strbuf_addc(out, (char)c);
}

static void show_str(struct py *py, uint64_t obj, struct strbuf *out)
{
	const char *text = py_text(py->objs, obj);
	uint64_t length = py_mem_u64(py->mem, py_untag(py->objs, obj) + PY_STR_LENGTH);
	size_t n = py_show_fit(text, PY_SHOW_CHARS);

	strbuf_addc(out, '\'');
	for (size_t i = 0; i < n; i++)
		add_byte(out, (unsigned char)text[i], true);
	strbuf_addc(out, '\'');
	if (text[n] || (length && !n))
		strbuf_addf(out, "... %" PRIu64 " characters", length);
}

static void show_bytes(struct py *py, uint64_t obj, struct strbuf *out)
{
	uint64_t size = py_mem_u64(py->mem, py_untag(py->objs, obj) + PY_OB_SIZE);
	uint8_t bytes[PY_SHOW_CHARS];
	size_t n = py_bytes(py->objs, obj, bytes, sizeof(bytes));

	strbuf_adds(out, "b'");
	for (size_t i = 0; i < n; i++)
		add_byte(out, bytes[i], false);
	strbuf_addc(out, '\'');
	if (n < size)
		strbuf_addf(out, "... %" PRIu64 " bytes", size);
}

/* The shortest that gives the same number again, as repr() does. */
static void show_float(double value, struct strbuf *out)
{
	char text[40] = "";

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	strbuf_adds(out, text);
	if (isfinite(value) && !strpbrk(text, ".e"))
		strbuf_adds(out, ".0");
}

/* How many bits an int has that is too long to be written, Include/cpython/longintrepr.h. */
static bool show_long(struct py *py, uint64_t obj, struct strbuf *out)
{
	uint64_t size;

	if (!py_has_flag(py->objs, obj, PY_IS_INT))
		return false;
	size = py_mem_u64(py->mem, py_untag(py->objs, obj) + PY_INT_SIZE);
	if (py->minor >= 12)
		size >>= 3;
	else if ((int64_t)size < 0)
		size = -size;
	strbuf_addf(out, "<int of about %" PRIu64 " digits>", size > 1 << 28 ? 0 : size * 9);
	return true;
}

/* False: it has more to it, or is none of these. */
static bool show_plain(struct py *py, uint64_t obj, struct strbuf *out)
{
	int64_t number;
	double real;

	if (py_is_none(py->objs, obj))
		strbuf_adds(out, "None");
	else if (py_is(py->objs, obj, "bool") && py_int(py->objs, obj, &number))
		strbuf_adds(out, number ? "True" : "False");
	else if (py_int(py->objs, obj, &number))
		strbuf_addf(out, "%" PRId64, number);
	else if (py_has_flag(py->objs, obj, PY_IS_STR))
		show_str(py, obj, out);
	else if (py_has_flag(py->objs, obj, PY_IS_BYTES))
		show_bytes(py, obj, out);
	else if (py_float(py->objs, obj, &real))
		show_float(real, out);
	else
		return false;
	return true;
}

/* ---- generators and coroutines ------------------------------------------------------------- */

static const char *words_of(uint8_t state)
{
	switch (state) {
	case PY_GEN_CREATED:
		return "not begun";
	case PY_GEN_RUNNING:
		return "running";
	case PY_GEN_DONE:
		return "done";
	default:
		return "suspended";
	}
}

static void add_place(struct py *py, const struct py_frame *f, struct strbuf *out)
{
	const char *name = strtab_get(py_strings(py->objs), f->qualname ? f->qualname : f->name);
	const char *file = strtab_get(py_strings(py->objs), f->file);
	const char *slash = file ? strrchr(file, '/') : NULL;

	strbuf_addf(out, "%s (%s:%u)", name ? name : "?",
		    slash ? slash + 1 :
		    file  ? file :
			    "?",
		    f->line);
}

/* "<coroutine fetch (a.py:7), suspended in read (b.py:9)>": where it is, and below which others. */
static bool show_gen(struct py *py, uint64_t obj, struct strbuf *out)
{
	struct py_gen gen;
	struct py_frame f;

	if (!py_gen_open(py, obj, &gen))
		return false;
	strbuf_addf(out, "<%s", py_type_name(py->objs, obj));
	for (int i = 0; gen.frame && py_frame_at(py, gen.frame, &f); i++) {
		if (i == CHAIN_SHOWN) {
			strbuf_adds(out, " > ...");
			break;
		}
		strbuf_adds(out, i ? " > " : " ");
		add_place(py, &f, out);
		/* before 3.13 a yield looks like an await, but a coroutine has none */
		if (gen.state != PY_GEN_AWAITING && (gen.state != PY_GEN_SUSPENDED ||
						     py->minor >= 13 || f.kind != SCRIPT_COROUTINE))
			break;
		if (!py_gen_open(py, py_frame_top(py, gen.frame), &gen))
			break;
	}
	if (py_gen_open(py, obj, &gen))
		strbuf_addf(out, ", %s", words_of(gen.state));
	strbuf_addc(out, '>');
	return true;
}

/* ---- anything -------------------------------------------------------------------------------- */

static void show_class(struct py *py, uint64_t obj, struct strbuf *out)
{
	const struct py_type_info *info = py_type_at(py->objs, py_untag(py->objs, obj));
	const char *name = strtab_get(py_strings(py->objs), info->name);

	strbuf_addf(out, "<class %s>", name ? name : "?");
}

static void show_module(struct py *py, uint64_t obj, struct strbuf *out)
{
	uint64_t dict = py_ref(py->objs, py_untag(py->objs, obj) + PY_MODULE_DICT), name = 0;

	if (dict && !py_dict_get(py->objs, dict, "__name__", &name))
		name = 0;
	strbuf_addf(out, "<module %s>", name ? py_text(py->objs, name) : "?");
}

static bool show_exception(struct py *py, uint64_t obj, struct strbuf *out)
{
	struct py_exception e;

	if (!py_exception_of(py, obj, &e))
		return false;
	strbuf_addf(out, "<%s", strtab_get(py_strings(py->objs), e.type));
	if (e.text)
		strbuf_addf(out, ": %s", strtab_get(py_strings(py->objs), e.text));
	strbuf_addc(out, '>');
	return true;
}

/* A container by its length. */
static bool show_length(struct py *py, uint64_t obj, struct strbuf *out)
{
	if (!py_has_flag(py->objs, obj, PY_IS_LIST | PY_IS_TUPLE | PY_IS_DICT) &&
	    !py_derives(py->objs, obj, "set") && !py_derives(py->objs, obj, "frozenset"))
		return false;
	strbuf_addf(out, "<%s of %u>", py_type_name(py->objs, obj), py_len(py->objs, obj));
	return true;
}

/* Whatever it is, without its items. */
static void show_item(struct py *py, uint64_t obj, struct strbuf *out)
{
	const char *type = py_type_name(py->objs, obj);

	if (!*type)
		strbuf_addc(out, '?');
	else if (py_derives(py->objs, obj, "type"))
		show_class(py, obj, out);
	else if (py_derives(py->objs, obj, "module"))
		show_module(py, obj, out);
	else if (!show_plain(py, obj, out) && !show_gen(py, obj, out) &&
		 !show_exception(py, obj, out) && !show_long(py, obj, out) &&
		 !show_length(py, obj, out))
		strbuf_addf(out, "<%s 0x%" PRIx64 ">", type, py_untag(py->objs, obj));
}

static void show_dict(struct py *py, uint64_t obj, struct strbuf *out)
{
	struct py_pair pairs[PY_SHOW_ITEMS];
	uint32_t n = py_dict_pairs(py->objs, obj, pairs, PY_SHOW_ITEMS);

	strbuf_addc(out, '{');
	for (uint32_t i = 0; i < n; i++) {
		strbuf_adds(out, i ? ", " : "");
		show_item(py, pairs[i].key, out);
		strbuf_adds(out, ": ");
		show_item(py, pairs[i].value, out);
	}
	if (n < py_len(py->objs, obj))
		strbuf_addf(out, "%s... %u in all", n ? ", " : "", py_len(py->objs, obj));
	strbuf_addc(out, '}');
}

static void show_items(struct py *py, uint64_t obj, struct strbuf *out)
{
	bool tuple = py_has_flag(py->objs, obj, PY_IS_TUPLE);
	bool list = py_has_flag(py->objs, obj, PY_IS_LIST);
	uint64_t items[PY_SHOW_ITEMS];
	uint32_t n = py_items(py->objs, obj, items, PY_SHOW_ITEMS);

	strbuf_addc(out, tuple ? '(' : list ? '[' : '{');
	for (uint32_t i = 0; i < n; i++) {
		strbuf_adds(out, i ? ", " : "");
		show_item(py, items[i], out);
	}
	if (n < py_len(py->objs, obj))
		strbuf_addf(out, "%s... %u in all", n ? ", " : "", py_len(py->objs, obj));
	strbuf_adds(out, tuple ? n == 1 ? ",)" : ")" : list ? "]" : "}");
}

void py_show(struct py *py, uint64_t obj, struct strbuf *out)
{
	if (py_has_flag(py->objs, obj, PY_IS_DICT))
		show_dict(py, obj, out);
	else if (py_has_flag(py->objs, obj, PY_IS_LIST | PY_IS_TUPLE) ||
		 ((py_derives(py->objs, obj, "set") || py_derives(py->objs, obj, "frozenset")) &&
		  py_len(py->objs, obj)))
		show_items(py, obj, out);
	else
		show_item(py, obj, out);
}
