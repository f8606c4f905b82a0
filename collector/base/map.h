/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h - 64-bit keys to 32-bit values; open addressing, keys are never removed.
 *
 *	_cleanup_map_ struct map m = MAP_INIT;
 *	map_put(&m, key, 7);
 *	if (map_find(&m, key, &value)) ...
 */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

struct map {
	struct map_entry *at;
	uint32_t count, cap; /* cap is a power of two or 0 */
};

#define MAP_INIT                                                                                   \
	{                                                                                          \
		.at = NULL                                                                         \
	}

/* A key of two halves, such as (tgid, fd) or (pid, start). Not a hash: nothing is lost. */
static inline uint64_t map_pair(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

/* Make room for `count` keys in all, which then come without the map growing. */
void map_reserve(struct map *m, uint32_t count);

/* Set the value of `key`, a new or an old one. */
void map_put(struct map *m, uint64_t key, uint32_t value);

/* The value of `key`, which is `value` when it was not there before. */
uint32_t map_add(struct map *m, uint64_t key, uint32_t value);

/* True and *value if `key` is there; `value` may be NULL. */
bool map_find(const struct map *m, uint64_t key, uint32_t *value);

/* The value of `key`, or `none` if it is not there. */
uint32_t map_get(const struct map *m, uint64_t key, uint32_t none);

/* Free the memory; the map is empty and may be used again. */
void map_release(struct map *m);
DEFINE_PLACE_GUARD(map)
#define _cleanup_map_ _cleanup_(map_release_guard)
