/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/strtab.h"

#include "base/alloc.h"
#include "base/vec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Strings are many and small and die together: they lie side by side in blocks. */
enum { BLOCK_BYTES = 64 << 10 };

struct block {
	struct block *next;
	char bytes[];
};

struct entry {
	const char *text;
	uint64_t hash;
	uint32_t next; /* id of the next one in the bucket, 0 none */
};

struct strtab {
	struct block *blocks;	   /* the first one is being filled */
	size_t used, size;	   /* bytes of it */
	VEC(struct entry) entries; /* id - 1 */
	uint32_t *buckets;	   /* id of the first one */
	uint32_t nbuckets;
};

struct strtab *strtab_new(void)
{
	struct strtab *t = xcalloc(1, sizeof(*t));

	t->nbuckets = 64;
	t->buckets = xcalloc(t->nbuckets, sizeof(*t->buckets));
	return t;
}

void strtab_free(struct strtab *t)
{
	if (!t)
		return;
	while (t->blocks) {
		struct block *next = t->blocks->next;

		free(t->blocks);
		t->blocks = next;
	}
	vec_release(&t->entries);
	free(t->buckets);
	free(t);
}

/*
 * Eight bytes a step, each folded in by a multiplication that keeps both halves of the product (as
 * wyhash does). The start differs from table to table: whoever names files cannot choose
 * collisions.
 */
static uint64_t hash_of(const struct strtab *t, const char *s, size_t n)
{
	uint64_t h = (uintptr_t)t ^ n, word;

	for (; n > 0; s += sizeof(word)) {
		size_t take = n < sizeof(word) ? n : sizeof(word);
		unsigned __int128 product;

		word = 0;
		memcpy(&word, s, take);
		product = (unsigned __int128)(h ^ word ^ 0xa0761d6478bd642full) *
			  0xe7037ed1a0b428dbull;
		h = (uint64_t)product ^ (uint64_t)(product >> 64);
		n -= take;
	}
	return h;
}

/* A copy of `n` bytes and a NUL, which never moves. */
static const char *keep(struct strtab *t, const char *s, size_t n)
{
	char *at;

	if (!t->blocks || t->size - t->used <= n) {
		struct block *b;

		t->size = n < BLOCK_BYTES ? BLOCK_BYTES : n + 1;
		t->used = 0;
		b = xmalloc(sizeof(*b) + t->size);
		b->next = t->blocks;
		t->blocks = b;
	}
	at = t->blocks->bytes + t->used;
	memcpy(at, s, n);
	at[n] = '\0';
	t->used += n + 1;
	return at;
}

static void rehash(struct strtab *t)
{
	free(t->buckets);
	t->nbuckets *= 2;
	t->buckets = xcalloc(t->nbuckets, sizeof(*t->buckets));
	for (uint32_t i = 0; i < t->entries.count; i++) {
		struct entry *e = &t->entries.at[i];
		uint32_t *head = &t->buckets[e->hash & (t->nbuckets - 1)];

		e->next = *head;
		*head = i + 1;
	}
}

uint32_t strtab_addn(struct strtab *t, const char *s, size_t n)
{
	size_t len;
	uint64_t h;
	uint32_t *head;
	struct entry *e;

	if (!s)
		return 0;
	len = strnlen(s, n);
	h = hash_of(t, s, len);
	for (uint32_t id = t->buckets[h & (t->nbuckets - 1)]; id; id = e->next) {
		e = &t->entries.at[id - 1];
		if (e->hash == h && !strncmp(e->text, s, len) && !e->text[len])
			return id;
	}
	if (t->entries.count >= t->nbuckets)
		rehash(t);
	head = &t->buckets[h & (t->nbuckets - 1)];
	e = vec_push(&t->entries);
	e->text = keep(t, s, len);
	e->hash = h;
	e->next = *head;
	*head = t->entries.count;
	return t->entries.count;
}

uint32_t strtab_add(struct strtab *t, const char *s)
{
	return s ? strtab_addn(t, s, strlen(s)) : 0;
}

uint32_t strtab_addv(struct strtab *t, const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	char line[256];
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n >= (int)sizeof(line))
		n = vasprintf(&text, fmt, again);
	va_end(again);
	if (n < 0) {
		text = NULL; /* undefined after a failure */
		return 0;
	}
	return strtab_addn(t, text ? text : line, (size_t)n);
}

uint32_t strtab_addf(struct strtab *t, const char *fmt, ...)
{
	va_list ap;
	uint32_t id;

	va_start(ap, fmt);
	id = strtab_addv(t, fmt, ap);
	va_end(ap);
	return id;
}

const char *strtab_get(const struct strtab *t, uint32_t id)
{
	return id && id <= t->entries.count ? t->entries.at[id - 1].text : NULL;
}

uint32_t strtab_count(const struct strtab *t)
{
	return t->entries.count;
}
