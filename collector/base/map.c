/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/map.h"

#include "base/alloc.h"

#include <stdlib.h>

enum { NEIGHBOURS = 8 };

/* One cache line holds four: a look-up touches one. */
struct map_entry {
	uint64_t key;
	uint32_t value;
	uint32_t used;
};

/* splitmix64's finaliser (Steele, Lea, Flood 2014): hostile keys are kernel ids, not chosen. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/*
 * The slot of `key`, or the free one where it belongs. Ids are given one after the other and asked
 * for in that order: eight in a row have slots side by side, so that the cache has the next ones.
 */
static struct map_entry *slot_of(const struct map *m, uint64_t key)
{
	uint32_t i = (uint32_t)(mix(key / NEIGHBOURS) + key % NEIGHBOURS) & (m->cap - 1);

	while (m->at[i].used && m->at[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return &m->at[i];
}

static void grow(struct map *m, uint32_t cap)
{
	struct map old = *m;

	m->cap = cap;
	m->at = xcalloc(m->cap, sizeof(*m->at));
	for (uint32_t i = 0; i < old.cap; i++)
		if (old.at[i].used)
			*slot_of(m, old.at[i].key) = old.at[i];
	map_release(&old);
}

/* One more key: it stays half empty. */
static void make_room(struct map *m)
{
	if (2 * (m->count + 1) > m->cap)
		grow(m, m->cap ? 2 * m->cap : 16);
}

void map_reserve(struct map *m, uint32_t count)
{
	uint32_t cap = m->cap ? m->cap : 16;

	while (cap / 2 < count && cap < 1u << 31)
		cap *= 2;
	if (count && cap > m->cap)
		grow(m, cap);
}

void map_put(struct map *m, uint64_t key, uint32_t value)
{
	struct map_entry *e;

	make_room(m);
	e = slot_of(m, key);
	m->count += !e->used;
	*e = (struct map_entry){ .key = key, .value = value, .used = 1 };
}

uint32_t map_add(struct map *m, uint64_t key, uint32_t value)
{
	struct map_entry *e;

	make_room(m);
	e = slot_of(m, key);
	if (e->used)
		return e->value;
	m->count++;
	*e = (struct map_entry){ .key = key, .value = value, .used = 1 };
	return value;
}

bool map_find(const struct map *m, uint64_t key, uint32_t *value)
{
	const struct map_entry *e;

	if (!m->cap)
		return false;
	e = slot_of(m, key);
	if (!e->used)
		return false;
	if (value)
		*value = e->value;
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
	free(m->at);
	*m = (struct map)MAP_INIT;
}
