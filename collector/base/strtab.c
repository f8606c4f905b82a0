/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/strtab.h"

#include "base/alloc.h"
#include "base/vec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct entry {
	char *text;
	uint64_t hash;
	uint32_t next; /* id of the next one in the bucket, 0 none */
};

struct strtab {
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
	for (uint32_t i = 0; i < t->entries.count; i++)
		free(t->entries.at[i].text);
	vec_release(&t->entries);
	free(t->buckets);
	free(t);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *s, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3ull;
	return h;
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
	h = hash_of(s, len);
	for (uint32_t id = t->buckets[h & (t->nbuckets - 1)]; id; id = e->next) {
		e = &t->entries.at[id - 1];
		if (e->hash == h && strlen(e->text) == len && !memcmp(e->text, s, len))
			return id;
	}
	if (t->entries.count >= t->nbuckets)
		rehash(t);
	head = &t->buckets[h & (t->nbuckets - 1)];
	e = vec_push(&t->entries);
	e->text = xstrndup(s, len);
	e->hash = h;
	e->next = *head;
	*head = t->entries.count;
	return t->entries.count;
}

uint32_t strtab_add(struct strtab *t, const char *s)
{
	return s ? strtab_addn(t, s, strlen(s)) : 0;
}

uint32_t strtab_addf(struct strtab *t, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return 0;
	}
	return strtab_addn(t, text, (size_t)n);
}

const char *strtab_get(const struct strtab *t, uint32_t id)
{
	return id && id <= t->entries.count ? t->entries.at[id - 1].text : NULL;
}

uint32_t strtab_count(const struct strtab *t)
{
	return t->entries.count;
}
