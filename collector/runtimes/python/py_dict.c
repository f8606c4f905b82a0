/* SPDX-License-Identifier: BSD-2-Clause */
/* Containers and attributes: Objects/dictobject.c, setobject.c, Include/internal/pycore_dict.h. */
#include "runtimes/python/py_obj.h"

#include "base/alloc.h"
#include "runtimes/python/py_types.h"

#include <string.h>

enum {
	SLOT_BYTES = 40, /* struct PyMemberDef, Include/descrobject.h */
	SLOT_TYPE = 8,
	SLOT_OFFSET = 16,
	SLOT_OBJECT = 6,     /* T_OBJECT, _Py_T_OBJECT */
	SLOT_OBJECT_EX = 16, /* T_OBJECT_EX, Py_T_OBJECT_EX */
	BASES_MAX = 32,
	DICT_FROM_OBJECT = 24, /* the managed dict is so far in front of the object */
	VALUES_FROM_OBJECT = 32,
	CHUNK = 64, /* entries read at once */
	PROBES_MAX = 1024,
	PROOFS_MAX = 8, /* keys that are tried to see whether our hashes are right */
};

/* ---- lists and sets -------------------------------------------------------------------------- */

static uint64_t sequence_at(struct py_objs *p, uint64_t obj)
{
	if (py_has_flag(p, obj, PY_IS_TUPLE))
		return obj + py_layout(p)->tuple_items;
	if (py_has_flag(p, obj, PY_IS_LIST))
		return py_mem_u64(py_mem_in(p), obj + PY_LIST_ITEMS);
	return 0;
}

static bool is_set(struct py_objs *p, uint64_t obj)
{
	return py_derives(p, obj, "set") || py_derives(p, obj, "frozenset");
}

uint32_t py_len(struct py_objs *p, uint64_t obj)
{
	uint64_t n = 0;

	obj = py_untag(p, obj);
	/* ma_used of a dict is where ob_size of the others is. */
	if (py_has_flag(p, obj, PY_IS_TUPLE | PY_IS_LIST | PY_IS_DICT))
		n = py_mem_u64(py_mem_in(p), obj + PY_OB_SIZE);
	else if (is_set(p, obj))
		n = py_mem_u64(py_mem_in(p), obj + PY_SET_USED);
	return n <= PY_ITEMS_MAX ? (uint32_t)n : 0;
}

uint64_t py_item(struct py_objs *p, uint64_t obj, uint32_t i)
{
	uint64_t at;

	obj = py_untag(p, obj);
	at = sequence_at(p, obj);
	return at && i < py_len(p, obj) ? py_ref(p, at + (uint64_t)i * 8) : 0;
}

static uint32_t set_items(struct py_objs *p, uint64_t obj, uint64_t *items, uint32_t max)
{
	uint64_t mask = py_mem_u64(py_mem_in(p), obj + PY_SET_MASK);
	uint64_t table = py_mem_u64(py_mem_in(p), obj + PY_SET_TABLE);
	uint32_t used = py_len(p, obj), count = 0;

	if (mask & (mask + 1) || mask >= PY_ITEMS_MAX * 8u)
		return 0;
	max = used < max ? used : max;
	for (uint64_t i = 0; i <= mask && count < max; i++) {
		uint64_t entry[2]; /* key, hash; -1: a dummy */

		if (!py_mem_read(py_mem_in(p), table + i * sizeof(entry), entry, sizeof(entry)))
			return count;
		entry[0] = py_untag(p, entry[0]);
		if (entry[0] && entry[1] != UINT64_MAX)
			items[count++] = entry[0];
	}
	return count;
}

uint32_t py_items(struct py_objs *p, uint64_t obj, uint64_t *items, uint32_t max)
{
	uint32_t n, count = 0;
	uint64_t at;

	obj = py_untag(p, obj);
	if (is_set(p, obj))
		return set_items(p, obj, items, max);
	at = sequence_at(p, obj);
	n = at ? py_len(p, obj) : 0;
	for (uint32_t i = 0; i < n && count < max; i++) {
		items[count] = py_ref(p, at + (uint64_t)i * 8);
		count += items[count] != 0;
	}
	if (py_has_flag(p, obj, PY_IS_DICT)) {
		uint32_t pairs_max = py_len(p, obj) < max ? py_len(p, obj) : max;
		_cleanup_free_ struct py_pair *pairs = xcalloc(pairs_max + 1, sizeof(*pairs));

		count = py_dict_pairs(p, obj, pairs, pairs_max);
		for (uint32_t i = 0; i < count; i++)
			items[i] = pairs[i].key;
	}
	return count;
}

/* ---- keys of a dict -------------------------------------------------------------------------- */

/* A PyDictKeysObject. */
struct keys {
	uint64_t entries; /* address of the first one */
	uint32_t count, bytes, key_at;
	uint64_t indices, size; /* the table from hashes to entries, and how many it has */
	uint32_t width;		/* of one, in bytes */
};

/* 3.9 and 3.10: struct _dictkeysobject of Objects/dict-common.h. */
static bool open_old_keys(struct py_objs *p, uint64_t at, struct keys *k)
{
	uint64_t size = py_mem_u64(py_mem_in(p), at + 8);
	uint64_t count = py_mem_u64(py_mem_in(p), at + 32);
	uint64_t index = size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;

	if (!size || size & (size - 1) || count > size || count > PY_ITEMS_MAX)
		return false;
	*k = (struct keys){ .entries = at + 40 + size * index,
			    .count = (uint32_t)count,
			    .bytes = 24,
			    .key_at = 8,
			    .indices = at + 40,
			    .size = size,
			    .width = (uint32_t)index };
	return true;
}

static bool open_keys(struct py_objs *p, uint64_t at, struct keys *k)
{
	uint8_t size, index, kind;
	uint64_t count;

	if (!at || at % 8)
		return false;
	if (py_layout(p)->minor < 11)
		return open_old_keys(p, at, k);
	size = py_mem_u8(py_mem_in(p), at + 8);
	index = py_mem_u8(py_mem_in(p), at + 9);
	kind = py_mem_u8(py_mem_in(p), at + 10);
	count = py_mem_u64(py_mem_in(p), at + 24);
	/* At least a byte an index, at most eight; a key object of nothing has one byte too few. */
	if (size > 40 || index > size + 3 || index + 1 < size || kind > 2 || count > 1ull << size ||
	    count > PY_ITEMS_MAX)
		return false;
	*k = (struct keys){ .entries = at + 32 + (1ull << index),
			    .count = (uint32_t)count,
			    .bytes = kind ? 16 : 24,
			    .key_at = kind ? 0 : 8,
			    .indices = at + 32,
			    .size = 1ull << size,
			    .width = index >= size ? 1u << (index - size) : 0 };
	return true;
}

/* Entries [from, from + *got) of `k`, at most CHUNK. */
static bool read_entries(struct py_objs *p, const struct keys *k, uint32_t from, uint64_t *words,
			 uint32_t *got)
{
	*got = k->count - from < CHUNK ? k->count - from : CHUNK;
	return py_mem_read(py_mem_in(p), k->entries + (uint64_t)from * k->bytes, words,
			   (size_t)*got * k->bytes);
}

/* Is entry `index` that of the key? Then *value is its value. */
static bool is_key(struct py_objs *p, const struct keys *k, uint64_t index, const char *key,
		   uint64_t *value)
{
	uint64_t e[2];

	if (!py_mem_read(py_mem_in(p), k->entries + index * k->bytes + k->key_at, e, sizeof(e)) ||
	    !e[0] || !py_str_is(p, e[0], key))
		return false;
	*value = py_untag(p, e[1]);
	return true;
}

/* A key that is looked for. */
struct wanted {
	const char *key;
	uint64_t hash;
};

/* By its hash, as Objects/dictobject.c looks it up. */
static bool find_hashed(struct py_objs *p, const struct keys *k, const struct wanted *w,
			uint32_t *index, uint64_t *value)
{
	uint64_t mask = k->size - 1, at = w->hash & mask, perturb = w->hash;

	for (int i = 0; i < PROBES_MAX; i++) {
		uint64_t found = 0,
			 empty = k->width == 8 ? UINT64_MAX : (1ull << (k->width * 8)) - 1;

		if (!py_mem_read(py_mem_in(p), k->indices + at * k->width, &found, k->width) ||
		    found == empty)
			return false;
		if (found < k->count && is_key(p, k, found, w->key, value)) {
			*index = (uint32_t)found;
			return true;
		}
		perturb >>= 5;
		at = (at * 5 + perturb + 1) & mask;
	}
	return false;
}

/* The index of a key, and its value as the entry has it; false: not there. */
static bool find_key(struct py_objs *p, const struct keys *k, const char *key, uint32_t *index,
		     uint64_t *value)
{
	uint64_t words[CHUNK * 3];
	uint32_t got, stride = k->bytes / 8;
	struct wanted w = { .key = key };

	for (uint32_t i = 0; i < k->count && i < PROOFS_MAX; i++)
		py_hash_prove(p, py_mem_u64(py_mem_in(p),
					    k->entries + (uint64_t)i * k->bytes + k->key_at));
	if (k->width && py_hash_of(p, key, &w.hash))
		return find_hashed(p, k, &w, index, value);
	for (uint32_t from = 0; from < k->count; from += got) {
		if (!read_entries(p, k, from, words, &got))
			return false;
		for (uint32_t i = 0; i < got; i++) {
			const uint64_t *e = words + i * stride + k->key_at / 8;

			if (!e[0] || !py_str_is(p, e[0], key))
				continue;
			*index = from + i;
			*value = py_untag(p, e[1]);
			return true;
		}
	}
	return false;
}

/* Value `index` of a split table whose values are at `values`. */
static uint64_t split_value(struct py_objs *p, uint64_t values, uint32_t index)
{
	return py_ref(p, values + py_layout(p)->values_items + (uint64_t)index * 8);
}

/* ---- dicts ----------------------------------------------------------------------------------- */

static bool open_dict(struct py_objs *p, uint64_t dict, struct keys *k, uint64_t *values)
{
	if (!py_has_flag(p, dict, PY_IS_DICT))
		return false;
	*values = py_mem_u64(py_mem_in(p), dict + PY_DICT_VALUES);
	return open_keys(p, py_mem_u64(py_mem_in(p), dict + PY_DICT_KEYS), k);
}

uint32_t py_dict_pairs(struct py_objs *p, uint64_t dict, struct py_pair *pairs, uint32_t max)
{
	uint64_t words[CHUNK * 3], values;
	uint32_t got, count = 0;
	struct keys k;

	dict = py_untag(p, dict);
	if (!open_dict(p, dict, &k, &values))
		return 0;
	for (uint32_t from = 0; from < k.count; from += got) {
		if (!read_entries(p, &k, from, words, &got))
			return count;
		for (uint32_t i = 0; i < got && count < max; i++) {
			const uint64_t *e = words + i * (k.bytes / 8) + k.key_at / 8;
			uint64_t key = py_untag(p, e[0]);
			uint64_t v = values ? split_value(p, values, from + i) : py_untag(p, e[1]);

			if (key && v)
				pairs[count++] = (struct py_pair){ key, v };
		}
	}
	return count;
}

bool py_dict_get(struct py_objs *p, uint64_t dict, const char *key, uint64_t *value)
{
	uint64_t values, v;
	uint32_t index;
	struct keys k;

	dict = py_untag(p, dict);
	if (!open_dict(p, dict, &k, &values) || !find_key(p, &k, key, &index, &v))
		return false;
	if (values)
		v = split_value(p, values, index);
	if (!v)
		return false;
	*value = v;
	return true;
}

/* ---- attributes ------------------------------------------------------------------------------ */

/* How far into an instance of `type` the slot `name` is; 0: it has none. */
static uint32_t find_slot(struct py_objs *p, uint64_t type, const char *name)
{
	struct py_mem *m = py_mem_in(p);
	size_t len = strlen(name) + 1;
	char there[PY_TYPE_NAME_MAX];
	uint64_t members;

	if (len > sizeof(there) || !py_type_at(p, type)->slots)
		return 0;
	members = py_mem_u64(m, type + PY_TP_MEMBERS);
	for (uint64_t i = 0; i < py_type_at(p, type)->slots; i++) {
		uint64_t at = members + i * SLOT_BYTES;
		uint32_t kind = py_mem_u32(m, at + SLOT_TYPE);
		uint64_t offset = py_mem_u64(m, at + SLOT_OFFSET);

		if ((kind == SLOT_OBJECT || kind == SLOT_OBJECT_EX) && offset < 1 << 20 &&
		    py_mem_read(m, py_mem_u64(m, at), there, len) && memcmp(there, name, len) == 0)
			return (uint32_t)offset;
	}
	return 0;
}

static uint32_t slot_of(struct py_objs *p, uint64_t type, const char *name)
{
	uint64_t first = type;
	uint32_t offset = 0;

	if (py_place_find(p, first, name, 0, &offset))
		return offset;
	for (int i = 0; type && !offset && i < BASES_MAX; i++) {
		offset = find_slot(p, type, name);
		type = py_type_at(p, type)->base;
	}
	py_place_keep(p, first, name, 0, offset);
	return offset;
}

/* The index of an attribute among the keys that the instances of a type share, from 1 on. */
static uint32_t shared_index(struct py_objs *p, uint64_t type, const char *name)
{
	uint64_t at = py_mem_u64(py_mem_in(p), type + py_layout(p)->type_cached_keys), v;
	uint32_t index = 0, place;
	struct keys k;

	if (py_place_find(p, type, name, 1, &place))
		return place;
	place = open_keys(p, at, &k) && find_key(p, &k, name, &index, &v) ? index + 1 : 0;
	py_place_keep(p, type, name, 1, place);
	return place;
}

/* Where the managed dict of an instance is, or the values that stand for one. */
static void find_managed(struct py_objs *p, uint64_t obj, uint64_t *dict, uint64_t *values)
{
	struct py_mem *m = py_mem_in(p);
	uint32_t minor = py_layout(p)->minor;
	const struct py_type_info *t = py_type_at(p, py_type(p, obj));
	uint64_t word = py_mem_u64(m, obj - DICT_FROM_OBJECT), inlined = obj;

	*dict = word;
	*values = 0;
	if (minor == 11) {
		*values = py_mem_u64(m, obj - VALUES_FROM_OBJECT);
	} else if (minor == 12 && word & 1) {
		*values = word + 1;
		*dict = 0;
	} else if (minor >= 13 && !word && t->flags & PY_INLINE_VALUES) {
		/* capacity, size, embedded, valid: struct _dictvalues */
		inlined += (uint64_t)t->basic_size;
		*values = py_mem_u8(m, inlined + 3) ? inlined : 0;
	}
}

static bool managed_attr(struct py_objs *p, uint64_t obj, const char *name, uint64_t *value)
{
	uint64_t dict, values, v;
	uint32_t index;

	find_managed(p, obj, &dict, &values);
	if (!values)
		return dict && py_dict_get(p, dict, name, value);
	index = shared_index(p, py_type(p, obj), name);
	v = index ? split_value(p, values, index - 1) : 0;
	if (v)
		*value = v;
	return v != 0;
}

static bool dict_attr(struct py_objs *p, uint64_t obj, const char *name, uint64_t *value)
{
	const struct py_type_info *t = py_type_at(p, py_type(p, obj));
	int64_t offset = t->dict_offset;
	uint64_t dict;

	if (offset < 0)
		offset += t->basic_size;
	dict = offset > 0 ? py_ref(p, obj + (uint64_t)offset) : 0;
	return dict && py_dict_get(p, dict, name, value);
}

bool py_attr(struct py_objs *p, uint64_t obj, const char *name, uint64_t *value)
{
	uint64_t type = py_type(p, obj), v;
	uint32_t slot;

	obj = py_untag(p, obj);
	if (!type)
		return false;
	slot = slot_of(p, type, name);
	if (slot) {
		v = py_ref(p, obj + slot);
		if (v)
			*value = v;
		return v != 0;
	}
	if (py_type_at(p, type)->flags & PY_MANAGED_DICT && py_layout(p)->minor >= 11)
		return managed_attr(p, obj, name, value);
	return dict_attr(p, obj, name, value);
}

uint64_t py_attr_value(struct py_objs *p, uint64_t obj, const char *name)
{
	uint64_t value;

	return obj && py_attr(p, obj, name, &value) && !py_is_none(p, value) ? value : 0;
}

int64_t py_attr_number(struct py_objs *p, uint64_t obj, const char *name, int64_t none)
{
	uint64_t value = py_attr_value(p, obj, name);
	int64_t number;

	return value && py_int(p, value, &number) ? number : none;
}
