/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_obj.h - objects of a CPython process, read from outside.
 *
 * Nothing of the process is believed: each pointer is checked by reading what it points to, each
 * length is capped, nothing recurses. An object that makes no sense gives false, 0 or "", and
 * spoils nothing else. Addresses of objects may carry the tag bits of 3.14 and later; they are
 * taken off here.
 *
 *	uint64_t scope, called;
 *	bool on;
 *	if (py_attr(p, task, "_cancel_status", &scope) && py_is(p, scope, "CancelStatus") &&
 *	    py_attr(p, scope, "effectively_cancelled", &called) && py_bool(p, called, &on))
 *		...
 */
#pragma once

#include "base/strtab.h"
#include "runtimes/python/py_mem.h"
#include "runtimes/python/py_offsets.h"

enum {
	PY_STR_MAX = 4096,	/* characters of one string; longer ones are cut */
	PY_ITEMS_MAX = 1 << 18, /* of one container */
	PY_TYPE_NAME_MAX = 128,
};

/* Bits of tp_flags, Include/object.h. */
enum py_flag {
	PY_INLINE_VALUES = 1 << 2,
	PY_MANAGED_DICT = 1 << 4,
	PY_HEAPTYPE = 1 << 9,
	PY_IS_INT = 1 << 24,
	PY_IS_LIST = 1 << 25,
	PY_IS_TUPLE = 1 << 26,
	PY_IS_BYTES = 1 << 27,
	PY_IS_STR = 1 << 28,
	PY_IS_DICT = 1 << 29,
	PY_IS_EXCEPTION = 1 << 30,
};

struct py_objs;

/* Objects in `mem`, which must outlive it, laid out as `off` says (copied). Never NULL. */
struct py_objs *py_objs_new(struct py_mem *mem, const struct py_offsets *off);

/* Where _Py_HashSecret is: keys of dicts are then found by their hashes, if that proves right. */
void py_objs_use_hash(struct py_objs *p, uint64_t secret);

/* Free it. NULL is fine. */
void py_objs_free(struct py_objs *p);
DEFINE_GUARD(py_objs)
#define _cleanup_py_objs_ _cleanup_(py_objs_free_guard)

/* Its memory, its layout, its strings. Borrowed. */
struct py_mem *py_mem_in(const struct py_objs *p);
/* See py_mem_in(). */
const struct py_offsets *py_layout(const struct py_objs *p);
/* See py_mem_in(). */
struct strtab *py_strings(const struct py_objs *p);

/* The pointer in a slot of a frame or container, without tags; 0: NULL, or a tagged number. */
uint64_t py_untag(const struct py_objs *p, uint64_t word);

/* The object that the word at `addr` points to; 0: none, or it cannot be read. */
uint64_t py_ref(struct py_objs *p, uint64_t addr);

/* The type of an object, 0 when it has none that can be one. */
uint64_t py_type(struct py_objs *p, uint64_t obj);

/* tp_name without the module, "Runner"; "" when it is no object. Borrowed until py_objs_free(). */
const char *py_type_name(struct py_objs *p, uint64_t obj);

/* Is the type of `obj` called so? Names of types written in C lose their module too. */
bool py_is(struct py_objs *p, uint64_t obj, const char *type_name);

/* Is `obj` an instance of a type with that name, or of one derived from it? */
bool py_derives(struct py_objs *p, uint64_t obj, const char *type_name);

/* Has its type one of these bits (enum py_flag)? */
bool py_has_flag(struct py_objs *p, uint64_t obj, uint32_t flags);

/* Is it None? */
bool py_is_none(struct py_objs *p, uint64_t obj);

/* True, False or another int as a number; false: it is none, or needs more than 60 bits. */
bool py_int(struct py_objs *p, uint64_t obj, int64_t *value);
/* See py_int(). */
bool py_bool(struct py_objs *p, uint64_t obj, bool *value);
/* A float. */
bool py_float(struct py_objs *p, uint64_t obj, double *value);

/*
 * A str in UTF-8, at most PY_STR_MAX characters of it: its id in py_strings(); 0: it is none, or
 * empty. The same object is decoded once.
 */
uint32_t py_str(struct py_objs *p, uint64_t obj);

/* That as text, "" for what is none. Borrowed until py_objs_free(). */
const char *py_text(struct py_objs *p, uint64_t obj);

/* Is it the str `text`, which is ASCII? Cheaper than py_text(). */
bool py_str_is(struct py_objs *p, uint64_t obj, const char *text);

/* The bytes of a bytes object: up to `max` of them into `buf`, how many. */
size_t py_bytes(struct py_objs *p, uint64_t obj, void *buf, size_t max);

/* How many items a list, tuple, set, frozenset or dict has; 0: it is none of these. */
uint32_t py_len(struct py_objs *p, uint64_t obj);

/*
 * The items of a list, tuple, set or frozenset, or the keys of a dict, in the order of memory: up
 * to `max` of them, how many. Slots that cannot be read are left out.
 */
uint32_t py_items(struct py_objs *p, uint64_t obj, uint64_t *items, uint32_t max);

/* Item `i` of a list or tuple, 0 when it is not there. */
uint64_t py_item(struct py_objs *p, uint64_t obj, uint32_t i);

struct py_pair {
	uint64_t key, value;
};

/* Keys and values of a dict, combined or split: up to `max` pairs, how many. */
uint32_t py_dict_pairs(struct py_objs *p, uint64_t dict, struct py_pair *pairs, uint32_t max);

/* The value of an ASCII string key; false when it is not there. */
bool py_dict_get(struct py_objs *p, uint64_t dict, const char *key, uint64_t *value);

/*
 * The attribute of an instance: a slot, or in its dict, in any of the shapes that CPython has had
 * for one. Not properties, nor what only its class has. False when it is not there.
 */
bool py_attr(struct py_objs *p, uint64_t obj, const char *name, uint64_t *value);
/* As py_attr(); 0: it is not there, or None. An `obj` of 0 has none. */
uint64_t py_attr_value(struct py_objs *p, uint64_t obj, const char *name);
/* An attribute that is a number, or `none`. */
int64_t py_attr_number(struct py_objs *p, uint64_t obj, const char *name, int64_t none);

/* The object that a cell holds, or `obj` itself when it is no cell; 0 for an empty one. */
uint64_t py_uncell(struct py_objs *p, uint64_t obj);

/* The object that a weak reference refers to; 0: dead, or no weakref. */
uint64_t py_deref(struct py_objs *p, uint64_t weakref);
