/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_types.h - types of a CPython process, each read once. For py_obj.c and py_dict.c; everybody
 * else includes py_obj.h.
 */
#pragma once

#include "runtimes/python/py_obj.h"

/* What is needed of a type object. */
struct py_type_info {
	uint64_t addr, base;
	uint32_t name; /* string of py_strings(), without module; 0: this is no type */
	uint32_t flags;
	int64_t basic_size, dict_offset;
	uint64_t slots; /* members that __slots__ made: how many of them at tp_members */
};

/* The type at `addr`, of which `name` is 0 when there is none. Borrowed until the next call. */
const struct py_type_info *py_type_at(struct py_objs *p, uint64_t addr);

/* The hash of an ASCII text; false: the secret is not known, or has been found wrong. */
bool py_hash_of(const struct py_objs *p, const char *text, uint64_t *hash);

/*
 * A str of the process, to see by what it keeps of its hash whether ours is right. Once is enough.
 */
void py_hash_prove(struct py_objs *p, uint64_t str);

/*
 * Where attributes of instances of `type` are found is remembered: the number kept for `name`, or
 * false. `sort`: 0 slots, 1 keys.
 */
bool py_place_find(struct py_objs *p, uint64_t type, const char *name, int sort, uint32_t *place);
/* See py_place_find(). */
void py_place_keep(struct py_objs *p, uint64_t type, const char *name, int sort, uint32_t place);
