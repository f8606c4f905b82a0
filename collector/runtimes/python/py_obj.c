/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_obj.h"

#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "runtimes/python/py_hash.h"
#include "runtimes/python/py_types.h"

#include <ctype.h>
#include <string.h>

enum {
	BASES_MAX = 32,
	SLOTS_MAX = 256,
	TYPE_READY = 1 << 12, /* Py_TPFLAGS_READY */
	PLACE_SORTS = 2,
	NEAR_TYPES = 64,
};

/* A type that was asked for. */
struct near_type {
	uint64_t addr;
	uint32_t at;
};

struct py_objs {
	struct py_mem *mem;
	struct py_offsets off;
	struct strtab *strings;
	VEC(struct py_type_info) types;
	uint64_t secret[2]; /* key of hash() */
	bool has_secret, proven;
	struct map type_ids; /* address -> index */
	struct near_type near[NEAR_TYPES];
	struct map texts;		/* address of a str -> string */
	struct map places[PLACE_SORTS]; /* type and name -> where */
};

struct py_objs *py_objs_new(struct py_mem *mem, const struct py_offsets *off)
{
	struct py_objs *p = xcalloc(1, sizeof(*p));

	p->mem = mem;
	p->off = *off;
	p->strings = strtab_new();
	return p;
}

void py_objs_free(struct py_objs *p)
{
	if (!p)
		return;
	strtab_free(p->strings);
	vec_release(&p->types);
	map_release(&p->type_ids);
	map_release(&p->texts);
	for (int i = 0; i < PLACE_SORTS; i++)
		map_release(&p->places[i]);
	free(p);
}

struct py_mem *py_mem_in(const struct py_objs *p)
{
	return p->mem;
}

const struct py_offsets *py_layout(const struct py_objs *p)
{
	return &p->off;
}

struct strtab *py_strings(const struct py_objs *p)
{
	return p->strings;
}

/*
 * _PyStackRef and f_executable of 3.14 and later (Include/internal/pycore_stackref.h): bit 0 "not
 * counted", both bits a small number, 1 alone NULL.
 */
uint64_t py_untag(const struct py_objs *p, uint64_t word)
{
	if (p->off.minor >= 14) {
		if ((word & 3) == 3)
			return 0;
		word &= ~3ull;
	}
	return word % 8 || word < PY_MEM_PAGE ? 0 : word;
}

uint64_t py_ref(struct py_objs *p, uint64_t addr)
{
	return py_untag(p, py_mem_u64(p->mem, addr));
}

/* ---- types ----------------------------------------------------------------------------------- */

/* The text at `addr` behind its last dot; 0: that is no name. */
static uint32_t read_type_name(struct py_objs *p, uint64_t addr)
{
	char name[PY_TYPE_NAME_MAX];
	size_t n = py_mem_upto(p->mem, addr, name, sizeof(name) - 1);
	const char *dot;

	name[n] = '\0';
	for (const char *c = name; *c; c++)
		if (iscntrl((unsigned char)*c))
			return 0;
	dot = strrchr(name, '.');
	dot = dot ? dot + 1 : name;
	return *dot ? strtab_add(p->strings, dot) : 0;
}

static uint64_t count_slots(struct py_objs *p, uint64_t type)
{
	uint64_t n = py_mem_u64(p->mem, type + PY_OB_SIZE);

	return n <= SLOTS_MAX ? n : 0;
}

/* Thousands of objects are of a few types. */
static struct near_type *near_type(struct py_objs *p, uint64_t addr)
{
	return &p->near[(addr >> 4 ^ addr >> 10) % NEAR_TYPES];
}

const struct py_type_info *py_type_at(struct py_objs *p, uint64_t addr)
{
	struct near_type *near = near_type(p, addr);
	struct py_type_info *t;
	uint64_t flags;

	if (addr && near->addr == addr)
		return &p->types.at[near->at];
	if (map_find(&p->type_ids, addr, &near->at)) {
		near->addr = addr;
		return &p->types.at[near->at];
	}
	map_put(&p->type_ids, addr, p->types.count);
	t = vec_push(&p->types);
	t->addr = addr;
	flags = py_mem_u64(p->mem, addr + PY_TP_FLAGS);
	if (!(flags & TYPE_READY))
		return t;
	t->flags = (uint32_t)flags;
	t->name = read_type_name(p, py_mem_u64(p->mem, addr + PY_TP_NAME));
	t->base = py_ref(p, addr + PY_TP_BASE);
	t->basic_size = (int64_t)py_mem_u64(p->mem, addr + PY_TP_BASICSIZE);
	t->dict_offset = (int64_t)py_mem_u64(p->mem, addr + PY_TP_DICTOFFSET);
	t->slots = t->flags & PY_HEAPTYPE ? count_slots(p, addr) : 0;
	if (t->basic_size < 0 || t->basic_size > 1 << 20 || t->dict_offset > 1 << 20 ||
	    t->dict_offset < -(1 << 20))
		t->name = 0;
	return t;
}

uint64_t py_type(struct py_objs *p, uint64_t obj)
{
	uint64_t type;

	obj = py_untag(p, obj);
	type = obj ? py_ref(p, obj + PY_OB_TYPE) : 0;
	return type && py_type_at(p, type)->name ? type : 0;
}

const char *py_type_name(struct py_objs *p, uint64_t obj)
{
	uint64_t type = py_type(p, obj);

	return type ? strtab_get(p->strings, py_type_at(p, type)->name) : "";
}

bool py_is(struct py_objs *p, uint64_t obj, const char *type_name)
{
	return strcmp(py_type_name(p, obj), type_name) == 0;
}

bool py_derives(struct py_objs *p, uint64_t obj, const char *type_name)
{
	uint64_t type = py_type(p, obj);

	for (int i = 0; type && i < BASES_MAX; i++) {
		const struct py_type_info *t = py_type_at(p, type);

		if (t->name && strcmp(strtab_get(p->strings, t->name), type_name) == 0)
			return true;
		type = t->base;
	}
	return false;
}

bool py_has_flag(struct py_objs *p, uint64_t obj, uint32_t flags)
{
	uint64_t type = py_type(p, obj);

	return type && py_type_at(p, type)->flags & flags;
}

bool py_is_none(struct py_objs *p, uint64_t obj)
{
	return py_is(p, obj, "NoneType");
}

/* An address of user space leaves 16 bits free above itself. */
static uint64_t place_key(struct py_objs *p, uint64_t type, const char *name)
{
	uint32_t id = strtab_add(p->strings, name);

	return type >> 47 || id >> 16 ? 0 : type << 16 | id;
}

bool py_place_find(struct py_objs *p, uint64_t type, const char *name, int sort, uint32_t *place)
{
	uint64_t key = place_key(p, type, name);

	return key && map_find(&p->places[sort], key, place);
}

void py_place_keep(struct py_objs *p, uint64_t type, const char *name, int sort, uint32_t place)
{
	uint64_t key = place_key(p, type, name);

	if (key)
		map_put(&p->places[sort], key, place);
}

/* ---- hashes ---------------------------------------------------------------------------------- */

void py_objs_use_hash(struct py_objs *p, uint64_t secret)
{
	p->has_secret = secret && py_mem_read(p->mem, secret, p->secret, sizeof(p->secret));
}

void py_hash_prove(struct py_objs *p, uint64_t str)
{
	const char *text;
	uint64_t kept, mine;

	if (!p->has_secret || p->proven)
		return;
	text = py_text(p, str);
	kept = py_mem_u64(p->mem, py_untag(p, str) + PY_STR_HASH);
	/* one that has no hash yet, or is more than ASCII, proves nothing */
	for (const char *c = text; *c; c++)
		if (*c & 0x80)
			return;
	if (!*text || kept == UINT64_MAX || strlen(text) >= PY_STR_MAX)
		return;
	mine = py_hash(p->off.minor, p->secret, text, strlen(text));
	p->proven = mine == kept;
	/* some other hash function was built in */
	p->has_secret = p->proven;
}

bool py_hash_of(const struct py_objs *p, const char *text, uint64_t *hash)
{
	if (!p->proven)
		return false;
	*hash = py_hash(p->off.minor, p->secret, text, strlen(text));
	return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

bool py_int(struct py_objs *p, uint64_t obj, int64_t *value)
{
	int64_t size, sign = 1, v = 0;
	uint64_t tag;

	obj = py_untag(p, obj);
	if (!py_has_flag(p, obj, PY_IS_INT))
		return false;
	tag = py_mem_u64(p->mem, obj + PY_INT_SIZE);
	if (p->off.minor >= 12) {
		size = (int64_t)(tag >> 3);
		sign = (tag & 3) == 2 ? -1 : 1;
	} else {
		size = (int64_t)tag;
		sign = size < 0 ? -1 : 1;
		size = size < 0 && size > -3 ? -size : size;
	}
	if (size < 0 || size > 2)
		return false;
	for (int64_t i = size; i-- > 0;)
		v = v << 30 |
		    (py_mem_u32(p->mem, obj + PY_INT_DIGITS + (uint64_t)i * 4) & ((1u << 30) - 1));
	*value = sign * v;
	return true;
}

bool py_bool(struct py_objs *p, uint64_t obj, bool *value)
{
	int64_t v;

	if (!py_int(p, obj, &v))
		return false;
	*value = v != 0;
	return true;
}

bool py_float(struct py_objs *p, uint64_t obj, double *value)
{
	obj = py_untag(p, obj);
	return py_derives(p, obj, "float") &&
	       py_mem_read(p->mem, obj + PY_FLOAT_VALUE, value, sizeof(*value));
}

/* ---- text ------------------------------------------------------------------------------------ */

/* A str: how many characters of how many bytes each, and where they are. */
struct text {
	uint64_t length, data;
	uint32_t width;
	bool ascii;
};

static bool open_text(struct py_objs *p, uint64_t obj, struct text *t)
{
	uint32_t state;

	if (!py_has_flag(p, obj, PY_IS_STR))
		return false;
	t->length = py_mem_u64(p->mem, obj + PY_STR_LENGTH);
	state = py_mem_u32(p->mem, obj + PY_STR_STATE);
	t->width = state >> 2 & 7;
	t->ascii = state >> 6 & 1;
	if (state >> 5 & 1)
		t->data = obj + (t->ascii ? p->off.str_ascii : p->off.str_compact);
	else
		t->data = py_mem_u64(p->mem, obj + p->off.str_compact);
	return t->width == 1 || t->width == 2 || t->width == 4;
}

static void add_utf8(struct strbuf *b, uint32_t c)
{
	if (c >= 0xd800 && (c < 0xe000 || c > 0x10ffff))
		c = 0xfffd;
	if (c < 0x80) {
		strbuf_addc(b, (char)c);
	} else if (c < 0x800) {
		strbuf_addc(b, (char)(0xc0 | c >> 6));
		strbuf_addc(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		strbuf_addc(b, (char)(0xe0 | c >> 12));
		strbuf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		strbuf_addc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		strbuf_addc(b, (char)(0xf0 | c >> 18));
		strbuf_addc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		strbuf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		strbuf_addc(b, (char)(0x80 | (c & 0x3f)));
	}
}

static uint32_t decode(struct py_objs *p, const struct text *t)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint8_t raw[1024];
	uint64_t left = t->length < PY_STR_MAX ? t->length : PY_STR_MAX, at = t->data;

	while (left) {
		size_t want = left * t->width < sizeof(raw) ? left * t->width : sizeof(raw);
		size_t got = py_mem_upto(p->mem, at, raw, want) / t->width;

		for (size_t i = 0; i < got; i++) {
			uint32_t c = 0;

			memcpy(&c, raw + i * t->width, t->width);
			add_utf8(&b, c ? c : 0xfffd);
		}
		if (got * t->width < want)
			return 0;
		at += want;
		left -= got;
	}
	return b.len ? strtab_add(p->strings, b.s) : 0;
}

uint32_t py_str(struct py_objs *p, uint64_t obj)
{
	struct text t;
	uint32_t id;

	obj = py_untag(p, obj);
	if (map_find(&p->texts, obj, &id))
		return id;
	id = open_text(p, obj, &t) ? decode(p, &t) : 0;
	map_put(&p->texts, obj, id);
	return id;
}

const char *py_text(struct py_objs *p, uint64_t obj)
{
	uint32_t id = py_str(p, obj);

	return id ? strtab_get(p->strings, id) : "";
}

bool py_str_is(struct py_objs *p, uint64_t obj, const char *text)
{
	size_t len = strlen(text);
	char there[PY_TYPE_NAME_MAX];
	struct text t;

	obj = py_untag(p, obj);
	return len <= sizeof(there) && py_mem_u64(p->mem, obj + PY_STR_LENGTH) == len &&
	       open_text(p, obj, &t) && t.ascii && t.width == 1 &&
	       py_mem_read(p->mem, t.data, there, len) && memcmp(there, text, len) == 0;
}

size_t py_bytes(struct py_objs *p, uint64_t obj, void *buf, size_t max)
{
	uint64_t size;

	obj = py_untag(p, obj);
	if (!py_has_flag(p, obj, PY_IS_BYTES))
		return 0;
	size = py_mem_u64(p->mem, obj + PY_OB_SIZE);
	return py_mem_upto(p->mem, obj + PY_BYTES_DATA, buf, size < max ? size : max);
}

/* ---- references ------------------------------------------------------------------------------ */

uint64_t py_uncell(struct py_objs *p, uint64_t obj)
{
	obj = py_untag(p, obj);
	return py_is(p, obj, "cell") ? py_ref(p, obj + PY_CELL_VALUE) : obj;
}

uint64_t py_deref(struct py_objs *p, uint64_t weakref)
{
	uint64_t target;

	weakref = py_untag(p, weakref);
	/* The type is "weakref" since 3.9.?; "ReferenceType" is its name in C's tp_name as well. */
	if (!py_derives(p, weakref, "weakref") && !py_derives(p, weakref, "ReferenceType"))
		return 0;
	target = py_ref(p, weakref + PY_WEAKREF_TARGET);
	return py_is_none(p, target) ? 0 : target;
}
