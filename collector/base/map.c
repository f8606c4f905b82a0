/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/map.h"

#include "base/alloc.h"

#include <stdlib.h>

/* splitmix64's finaliser (Steele, Lea, Flood 2014): hostile keys are kernel ids, not chosen. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* The slot of `key`, or the free one where it belongs. */
static uint32_t slot_of(const struct map *m, uint64_t key)
{
	uint32_t i = (uint32_t)mix(key) & (m->cap - 1);

	while (m->used[i] && m->keys[i] != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->cap = old.cap ? 2 * old.cap : 16;
	m->keys = xcalloc(m->cap, sizeof(*m->keys));
	m->values = xcalloc(m->cap, sizeof(*m->values));
	m->used = xcalloc(m->cap, sizeof(*m->used));
	for (uint32_t i = 0; i < old.cap; i++) {
		uint32_t to;

		if (!old.used[i])
			continue;
		to = slot_of(m, old.keys[i]);
		m->used[to] = 1;
		m->keys[to] = old.keys[i];
		m->values[to] = old.values[i];
	}
	map_release(&old);
}

void map_put(struct map *m, uint64_t key, uint32_t value)
{
	uint32_t i;

	if (2 * (m->count + 1) > m->cap)
		grow(m);
	i = slot_of(m, key);
	m->count += !m->used[i];
	m->used[i] = 1;
	m->keys[i] = key;
	m->values[i] = value;
}

bool map_find(const struct map *m, uint64_t key, uint32_t *value)
{
	uint32_t i;

	if (!m->cap)
		return false;
	i = slot_of(m, key);
	if (!m->used[i])
		return false;
	if (value)
		*value = m->values[i];
	return true;
}

uint32_t map_get(const struct map *m, uint64_t key, uint32_t none)
{
	uint32_t value = none;

	map_find(m, key, &value);
	return value;
}

void map_release(struct map *m)
{
	free(m->keys);
	free(m->values);
	free(m->used);
	*m = (struct map)MAP_INIT;
}
