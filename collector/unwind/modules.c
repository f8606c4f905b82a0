/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/modules.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { MAX_AREAS = 1 << 16 };

struct modules {
	struct module_cache *cache;
	int32_t tgid;
	bool suspicious;
	uint64_t mm_key, mm_seq;
	uint32_t round;		       /* in which it was asked for last */
	VEC(struct module_area) areas; /* sorted; some of them, or all when `whole` */
	uint32_t last;		       /* where the last search ended */
	bool whole;
	const char *missing;
	struct maps *maps; /* with `whole`: for paths, while in use */
};

struct module_cache {
	struct files *files;
	VEC(struct modules *) at;
	struct map by_tgid;	   /* to index + 1 */
	uint32_t round, forgotten; /* forgotten: of files, at the last begin */
	bool no_query;		   /* this kernel has no PROCMAP_QUERY */
	/* of the process that was asked for last; descriptors of all would be too many */
	struct modules *current;
	int maps_fd;
	struct mem *mem;
};

struct module_cache *module_cache_new(struct files *files)
{
	struct module_cache *c = xcalloc(1, sizeof(*c));

	c->files = files;
	c->maps_fd = -1;
	return c;
}

static void leave_current(struct module_cache *c)
{
	if (c->maps_fd >= 0)
		close(c->maps_fd);
	c->maps_fd = -1;
	mem_free(c->mem);
	c->mem = NULL;
	c->current = NULL;
}

static void modules_free(struct modules *m)
{
	vec_release(&m->areas);
	maps_free(m->maps);
	free(m);
}

void module_cache_free(struct module_cache *c)
{
	if (!c)
		return;
	leave_current(c);
	for (uint32_t i = 0; i < c->at.count; i++)
		modules_free(c->at.at[i]);
	vec_release(&c->at);
	map_release(&c->by_tgid);
	free(c);
}

static void forget_areas(struct modules *m)
{
	m->areas.count = 0;
	m->last = 0;
	m->whole = false;
	m->missing = NULL;
	maps_free(m->maps);
	m->maps = NULL;
}

void module_cache_begin(struct module_cache *c)
{
	bool changed = files_forgotten(c->files) != c->forgotten;
	uint32_t kept = 0;

	c->forgotten = files_forgotten(c->files);
	leave_current(c);
	map_release(&c->by_tgid);
	for (uint32_t i = 0; i < c->at.count; i++) {
		struct modules *m = c->at.at[i];

		if (m->round != c->round) {
			modules_free(m);
			continue;
		}
		if (changed || !m->mm_key || !m->mm_seq || m->missing)
			forget_areas(m);
		c->at.at[kept++] = m;
		map_put(&c->by_tgid, (uint32_t)m->tgid, kept);
	}
	c->at.count = kept;
	c->round++;
}

uint32_t module_cache_count(const struct module_cache *c)
{
	return c->at.count;
}

struct modules *module_cache_get(struct module_cache *c, const struct snap_stack *s)
{
	struct modules *m = c->current;
	uint32_t place;

	if (m && m->tgid == s->tgid && m->mm_key == s->mm_key && m->mm_seq == s->mm_seq)
		return m;
	leave_current(c);
	place = map_get(&c->by_tgid, (uint32_t)s->tgid, 0);
	if (place) {
		m = c->at.at[place - 1];
		if (m->mm_key != s->mm_key || m->mm_seq != s->mm_seq)
			forget_areas(m);
	} else {
		m = xcalloc(1, sizeof(*m));
		m->cache = c;
		m->tgid = s->tgid;
		*vec_push(&c->at) = m;
		map_put(&c->by_tgid, (uint32_t)s->tgid, c->at.count);
	}
	m->mm_key = s->mm_key;
	m->mm_seq = s->mm_seq;
	m->suspicious = s->suspicious;
	m->round = c->round;
	c->current = m;
	return m;
}

const char *modules_missing(const struct modules *m)
{
	return m->missing;
}

int modules_read(struct modules *m, uint64_t addr, void *buf, size_t len)
{
	struct module_cache *c = m->cache;

	if (!c->mem)
		c->mem = mem_new(m->tgid, m->suspicious);
	return mem_read(c->mem, addr, buf, len);
}

/* The index of the first area that ends behind `addr`. */
static uint32_t search(const struct modules *m, uint64_t addr)
{
	uint32_t low = 0, high = m->areas.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->areas.at[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Number and bias of what an area maps; the bias needs the file's headers. */
static void open_area(struct modules *m, struct module_area *a, const struct file_place *place)
{
	const struct code_file *f = files_open(m->cache->files, place);
	uint64_t addr = 0;

	a->opened = true;
	a->file = f->id;
	if (f->elf && elf_mapped_at(f->elf, place->area->offset, &addr))
		a->bias = a->start - addr;
	else
		a->bias = a->start - place->area->offset;
}

/* ---- one question at a time ------------------------------------------------------------------ */

static const char *text_of(int rc)
{
	switch (-rc) {
	case EACCES:
	case EPERM:
		return "its address space may not be read";
	case ENOENT:
	case ESRCH:
		return "the process is gone";
	case ETIMEDOUT:
		return "its address space is locked by a thread that is stuck in the kernel";
	default:
		return "its address space cannot be read";
	}
}

/* As maps_query(). */
static int query(struct modules *m, uint64_t addr, struct map_area *area, char *name, uint32_t size)
{
	struct module_cache *c = m->cache;

	if (c->maps_fd < 0)
		c->maps_fd = maps_open(m->tgid);
	return c->maps_fd < 0 ? c->maps_fd : maps_query(c->maps_fd, addr, area, name, size);
}

static struct module_area *insert(struct modules *m, const struct map_area *area)
{
	uint32_t at = search(m, area->start);

	if (m->areas.count >= MAX_AREAS)
		m->areas.count = at = 0;
	vec_push(&m->areas);
	memmove(m->areas.at + at + 1, m->areas.at + at,
		(m->areas.count - 1 - at) * sizeof(*m->areas.at));
	m->areas.at[at] =
		(struct module_area){ .start = area->start, .end = area->end, .exec = area->exec };
	m->last = at;
	return &m->areas.at[at];
}

/* As query(), and the area is kept. The name is asked for when the file is a new one only. */
static int ask(struct modules *m, uint64_t addr)
{
	char name[PATH_MAX] = "";
	struct file_place place;
	struct module_area *a;
	struct map_area area = { .start = 0 };
	int rc = query(m, addr, &area, name, 0);

	if (rc <= 0)
		return rc;
	if (area.exec && !(area.ino && files_find(m->cache->files, area.dev, area.ino))) {
		rc = query(m, addr, &area, name, sizeof(name));
		if (rc <= 0)
			return rc;
	}
	a = insert(m, &area);
	place = (struct file_place){
		.tgid = m->tgid, .suspicious = m->suspicious, .area = &area, .path = name
	};
	if (a->exec)
		open_area(m, a, &place);
	return 1;
}

/* ---- all at once ----------------------------------------------------------------------------- */

static void read_whole(struct modules *m)
{
	int rc = maps_read(m->tgid, m->suspicious, &m->maps, NULL);

	m->areas.count = 0;
	m->last = 0;
	m->whole = true;
	if (rc < 0) {
		m->missing = text_of(rc);
		return;
	}
	for (uint32_t i = 0; i < m->maps->count; i++) {
		const struct map_area *area = &m->maps->areas[i];

		*vec_push(&m->areas) = (struct module_area){ .start = area->start,
							     .end = area->end,
							     .exec = area->exec };
	}
}

static void open_whole(struct modules *m, uint32_t index)
{
	const struct map_area *area = &m->maps->areas[index];
	const char *path = strtab_get(m->maps->strings, area->path);
	struct file_place place = {
		.tgid = m->tgid, .suspicious = m->suspicious, .area = area, .path = path ? path : ""
	};

	open_area(m, &m->areas.at[index], &place);
}

/* ---------------------------------------------------------------------------------------------- */

/* Find it anew. */
static void learn(struct modules *m, uint64_t addr)
{
	int rc;

	if (m->whole)
		return;
	if (!m->suspicious && !m->cache->no_query) {
		rc = ask(m, addr);
		if (rc >= 0)
			return;
		if (rc != -ENOTTY) {
			m->missing = text_of(rc);
			return;
		}
		m->cache->no_query = true;
	}
	read_whole(m);
}

const struct module_area *modules_find(struct modules *m, uint64_t addr)
{
	struct module_area *a;
	uint32_t at = m->last;

	if (at < m->areas.count &&
	    addr - m->areas.at[at].start < m->areas.at[at].end - m->areas.at[at].start)
		return &m->areas.at[at];
	at = search(m, addr);
	if (at == m->areas.count || m->areas.at[at].start > addr) {
		learn(m, addr);
		at = search(m, addr);
	}
	if (at == m->areas.count || m->areas.at[at].start > addr)
		return NULL;
	a = &m->areas.at[at];
	m->last = at;
	if (a->exec && !a->opened)
		open_whole(m, at);
	return a;
}
