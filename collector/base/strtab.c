/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/strtab.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Strings are many and small and die together: they lie side by side in blocks. */
enum { BLOCK_BYTES = 64 << 10 };

struct block {
	struct block *next;
	char bytes[];
};

/* What a look-up reads before it reads a string: a miss costs one line of the cache. */
struct slot {
	uint32_t hash;
	uint32_t id; /* 0: free */
};

struct strtab {
	struct block *blocks;	 /* the first one is being filled */
	size_t used, size;	 /* bytes of it */
	VEC(const char *) texts; /* id - 1 */
	struct slot *slots;	 /* of the strings that may be asked for */
	uint32_t count, nslots;	 /* nslots is a power of two */
	struct strbuf scratch;
};

struct strtab *strtab_new(void)
{
	struct strtab *t = xcalloc(1, sizeof(*t));

	t->nslots = 64;
	t->slots = xcalloc(t->nslots, sizeof(*t->slots));
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
	vec_release(&t->texts);
	free(t->slots);
	strbuf_release(&t->scratch);
	free(t);
}

/*
 * Eight bytes a step, each folded in by a multiplication that keeps both halves of the product (as
 * wyhash does). The start differs from table to table: whoever names files cannot choose
 * collisions.
 */
static uint64_t hash_step(uint64_t h, const char *s, size_t n)
{
	unsigned __int128 product;
	uint64_t word = 0;

	memcpy(&word, s, n);
	product = (unsigned __int128)(h ^ word ^ 0xa0761d6478bd642full) * 0xe7037ed1a0b428dbull;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const struct strtab *t, const char *s, size_t n)
{
	uint64_t h = (uintptr_t)t ^ n;

	for (; n > sizeof(h); s += sizeof(h), n -= sizeof(h))
		h = hash_step(h, s, sizeof(h));
	return n ? hash_step(h, s, n) : h;
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

/* Twice the slots: they are filled to two thirds. */
static void grow(struct strtab *t)
{
	struct slot *old = t->slots;
	uint32_t count = t->nslots;

	t->nslots *= 2;
	t->slots = xcalloc(t->nslots, sizeof(*t->slots));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = old[i].hash & (t->nslots - 1);

		if (!old[i].id)
			continue;
		while (t->slots[at].id)
			at = (at + 1) & (t->nslots - 1);
		t->slots[at] = old[i];
	}
	free(old);
}

static bool is_text(const struct strtab *t, uint32_t id, const char *s, size_t len)
{
	const char *text = t->texts.at[id - 1];

	return !strncmp(text, s, len) && !text[len];
}

uint32_t strtab_append(struct strtab *t, const char *s, size_t n)
{
	*vec_push(&t->texts) = keep(t, s, strnlen(s, n));
	return t->texts.count;
}

uint32_t strtab_addn(struct strtab *t, const char *s, size_t n)
{
	uint32_t hash, at;
	size_t len;

	if (!s)
		return 0;
	len = strnlen(s, n);
	hash = (uint32_t)hash_of(t, s, len);
	if (3 * (t->count + 1) > 2 * t->nslots)
		grow(t);
	for (at = hash & (t->nslots - 1); t->slots[at].id; at = (at + 1) & (t->nslots - 1))
		if (t->slots[at].hash == hash && is_text(t, t->slots[at].id, s, len))
			return t->slots[at].id;
	t->slots[at] = (struct slot){ .hash = hash, .id = strtab_append(t, s, len) };
	t->count++;
	return t->slots[at].id;
}

uint32_t strtab_add(struct strtab *t, const char *s)
{
	return s ? strtab_addn(t, s, strlen(s)) : 0;
}

/* Into the scratch buffer, until the next one. */
__attribute__((format(printf, 2, 0))) static const struct strbuf *
format(struct strtab *t, const char *fmt, va_list ap)
{
	strbuf_reset(&t->scratch);
	strbuf_addv(&t->scratch, fmt, ap);
	return &t->scratch;
}

uint32_t strtab_addv(struct strtab *t, const char *fmt, va_list ap)
{
	const struct strbuf *text = format(t, fmt, ap);

	return strtab_addn(t, strbuf_str(text), text->len);
}

uint32_t strtab_appendv(struct strtab *t, const char *fmt, va_list ap)
{
	const struct strbuf *text = format(t, fmt, ap);

	return strtab_append(t, strbuf_str(text), text->len);
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
	return id && id <= t->texts.count ? t->texts.at[id - 1] : NULL;
}

uint32_t strtab_count(const struct strtab *t)
{
	return t->texts.count;
}
