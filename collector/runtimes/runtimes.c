/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/runtimes.h"

#include "base/log.h"
#include "model/tasks.h"
#include "read/mem.h"
#include "runtimes/runtime.h"

#include <errno.h>
#include <string.h>

enum {
	PAGE_BYTES = MEM_PAGE,
	PAGES_MAX = 16384, /* 64 MiB of one process; what walks over more is led astray */
	FEW_PAGES = 48,	   /* who needs more than these needs their neighbours, too */
	CHUNK = 4,	   /* so many then come with the one that is asked for */
	BLOCK_PAGES = 64,  /* that are made room for at once */
	AHEAD_MAX = 1024,
};

struct page {
	uint8_t bytes[PAGE_BYTES];
};

/* What the processes of one program have in common. */
struct program {
	uint64_t code;	 /* see struct snap_process */
	uint32_t absent; /* bits of runtimes that are not there */
	bool noted;
	struct runtime_note note;
	VEC(uint64_t) pages; /* with `noted`: what was of use in one of them, by address */
};

/* Each of BLOCK_PAGES. */
struct blocks {
	struct page **at;
	uint32_t count, cap;
};

/* The memory of a process, as far as it was read. */
struct runtime_space {
	struct maps *maps;
	struct mem *mem;
	struct map page_ids; /* address -> 1 + page */
	VEC(struct page *) pages;
	VEC(uint64_t) addrs; /* of the pages */
	uint32_t known;	     /* its program has been told of so many */
	/* where pages are kept */
	struct blocks blocks, *unused;
	uint32_t block_left; /* pages at the beginning of the last block */
	VEC(struct page *) spare;
};

#define POINTER(name) &runtime_##name,
#define DECLARE(name) extern const struct runtime runtime_##name;
RUNTIMES(DECLARE)
static const struct runtime *const all_runtimes[] = { RUNTIMES(POINTER) };
enum { RUNTIME_COUNT = sizeof(all_runtimes) / sizeof(*all_runtimes) };
_Static_assert(RUNTIME_COUNT < 32, "a bit for each");

/* A process that is looked at, until its waits are known too. */
struct visit {
	struct runtime_site site;
	struct runtime_space space;
	void *kept[RUNTIME_COUNT];
};

struct runtimes {
	struct files *files;
	bool locals;
	/* of this look */
	VEC(struct program) programs;
	struct map by_code; /* 1 + program */
	struct blocks unused;
	struct runtime_space alone; /* of sites that nobody gave one */
	VEC(struct visit *) begun;
	uint32_t begun_actors; /* the actors up to this one were asked */
};

struct runtimes *runtimes_new(void)
{
	struct runtimes *all = xcalloc(1, sizeof(*all));

	all->files = files_new();
	all->alone.unused = &all->unused;
	return all;
}

struct files *runtimes_files(struct runtimes *all)
{
	return all->files;
}

/* Forget the memory of a process. */
static void forget_memory(struct runtime_space *space)
{
	while (space->blocks.count)
		*vec_push(space->unused) = space->blocks.at[--space->blocks.count];
	space->spare.count = 0;
	space->block_left = 0;
	space->pages.count = 0;
	space->addrs.count = 0;
	space->known = 0;
	map_release(&space->page_ids);
	mem_free(space->mem);
	space->mem = NULL;
}

static void forget_programs(struct runtimes *all)
{
	for (uint32_t i = 0; i < all->programs.count; i++)
		vec_release(&all->programs.at[i].pages);
	all->programs.count = 0;
	map_release(&all->by_code);
}

static void space_release(struct runtime_space *space)
{
	forget_memory(space);
	vec_release(&space->pages);
	vec_release(&space->addrs);
	vec_release(&space->blocks);
	vec_release(&space->spare);
	maps_free(space->maps);
}

static void leave(struct visit *v)
{
	for (uint32_t i = 0; i < RUNTIME_COUNT; i++)
		if (v->kept[i])
			all_runtimes[i]->release(v->kept[i]);
	space_release(&v->space);
}

/* Leave the processes whose waits nobody told of. */
static void give_up(struct runtimes *all)
{
	for (uint32_t i = 0; i < all->begun.count; i++) {
		leave(all->begun.at[i]);
		free(all->begun.at[i]);
	}
	all->begun.count = 0;
	all->begun_actors = 0;
}

static struct runtime_space *space_of(const struct runtime_site *site)
{
	return site->space ? site->space : &site->all->alone;
}

void runtime_forget(struct runtime_site *site)
{
	forget_memory(space_of(site));
}

void runtimes_free(struct runtimes *all)
{
	if (!all)
		return;
	forget_programs(all);
	give_up(all);
	space_release(&all->alone);
	for (uint32_t i = 0; i < all->unused.count; i++)
		free(all->unused.at[i]);
	vec_release(&all->unused);
	vec_release(&all->programs);
	vec_release(&all->begun);
	files_free(all->files);
	free(all);
}

/* ---- memory ---------------------------------------------------------------------------------- */

const struct maps *runtime_maps(struct runtime_site *site)
{
	struct snag_error err = SNAG_ERROR_INIT;
	int32_t tgid = site->process->tgid;

	if (site->maps || site->maps_tried)
		return site->maps;
	site->maps_tried = true;
	/* who is gone, or may not be looked into, is told of elsewhere */
	if (maps_read(tgid, snapshot_is_suspicious(site->snap, tgid), &space_of(site)->maps, &err) <
	    0)
		log_debug("runtimes of process %d: %s", tgid, err.text);
	site->maps = space_of(site)->maps;
	return site->maps;
}

static struct mem *mem_of(struct runtime_site *site)
{
	int32_t tgid = site->process->tgid;

	if (!space_of(site)->mem)
		space_of(site)->mem = mem_new(tgid, snapshot_is_suspicious(site->snap, tgid));
	return space_of(site)->mem;
}

static struct page *new_block(struct runtime_space *space)
{
	if (space->unused->count)
		return space->unused->at[--space->unused->count];
	return xmalloc(BLOCK_PAGES * sizeof(struct page));
}

/* Room for a page, until forget_memory() or spare_page(). */
static struct page *new_page(struct runtime_space *space)
{
	if (space->spare.count)
		return space->spare.at[--space->spare.count];
	if (!space->block_left) {
		*vec_push(&space->blocks) = new_block(space);
		space->block_left = BLOCK_PAGES;
	}
	/* from the end of the block on */
	return space->blocks.at[space->blocks.count - 1] + --space->block_left;
}

static void spare_page(struct runtime_space *space, struct page *page)
{
	*vec_push(&space->spare) = page;
}

/* The page is kept from now on. 1 + its number. */
static uint32_t keep_page(struct runtime_space *space, uint64_t addr, struct page *page)
{
	*vec_push(&space->pages) = page;
	*vec_push(&space->addrs) = addr;
	map_put(&space->page_ids, addr, space->pages.count);
	return space->pages.count;
}

/* Pages that are not kept yet, as far as that takes no more than a copy. At most AHEAD_MAX. */
static void read_ahead(struct runtime_site *site, const uint64_t *addrs, uint32_t count)
{
	struct runtime_space *space = space_of(site);
	_cleanup_free_ uint8_t **bufs = xcalloc(count, sizeof(*bufs));
	_cleanup_free_ bool *got = xcalloc(count, sizeof(*got));

	if (space->pages.count + count > PAGES_MAX)
		return;
	for (uint32_t i = 0; i < count; i++)
		bufs[i] = new_page(space)->bytes;
	mem_read_pages(mem_of(site), addrs, count, bufs, got);
	for (uint32_t i = 0; i < count; i++) {
		if (got[i])
			keep_page(space, addrs[i], (struct page *)bufs[i]);
		else
			spare_page(space, (struct page *)bufs[i]);
	}
}

/* The page and those around it. */
static void read_chunk(struct runtime_site *site, uint64_t addr)
{
	uint64_t first = addr - addr % (CHUNK * PAGE_BYTES), addrs[CHUNK];
	uint32_t count = 0;

	for (uint32_t i = 0; i < CHUNK; i++)
		if (!map_find(&space_of(site)->page_ids, first + i * PAGE_BYTES, NULL))
			addrs[count++] = first + i * PAGE_BYTES;
	read_ahead(site, addrs, count);
}

/* One page, whatever it takes. 0 or -errno. */
static int read_page(struct runtime_site *site, uint64_t addr, uint8_t *bytes)
{
	const struct map_area *area;
	int rc = site->maps ? -EAGAIN : mem_read_present(mem_of(site), addr, bytes, PAGE_BYTES);

	if (rc != -EAGAIN)
		return rc;
	/* a wild pointer costs no more than that */
	area = runtime_maps(site) ? maps_find(site->maps, addr) : NULL;
	return area && area->read ? mem_read(mem_of(site), addr, bytes, PAGE_BYTES) : -EFAULT;
}

int runtime_page(struct runtime_site *site, uint64_t addr, const uint8_t **ret)
{
	struct runtime_space *space = space_of(site);
	uint32_t at = map_get(&space->page_ids, addr, 0);
	int rc;

	if (!at && space->pages.count >= FEW_PAGES) {
		read_chunk(site, addr);
		at = map_get(&space->page_ids, addr, 0);
	}
	if (!at) {
		struct page *page;

		if (space->pages.count >= PAGES_MAX)
			return -ENOBUFS;
		page = new_page(space);
		rc = read_page(site, addr, page->bytes);
		if (rc < 0) {
			spare_page(space, page);
			return rc;
		}
		at = keep_page(space, addr, page);
	}
	*ret = space->pages.at[at - 1]->bytes;
	return 0;
}

int runtime_read(struct runtime_site *site, uint64_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (len > UINT64_MAX - addr)
		return -EFAULT;
	while (len) {
		size_t offset = addr % PAGE_BYTES;
		size_t part = len < PAGE_BYTES - offset ? len : PAGE_BYTES - offset;
		const uint8_t *page;
		int rc = runtime_page(site, addr - offset, &page);

		if (rc < 0)
			return rc;
		memcpy(to, page + offset, part);
		to += part;
		addr += part;
		len -= part;
	}
	return 0;
}

static int read_for_text(void *from, uint64_t addr, void *buf, size_t len)
{
	return runtime_read(from, addr, buf, len);
}

int runtime_read_text(struct runtime_site *site, uint64_t addr, char *buf, size_t size)
{
	return mem_read_text(read_for_text, site, addr, buf, size);
}

static struct file_place place_of(struct runtime_site *site, const struct map_area *area)
{
	const struct maps *maps = runtime_maps(site);
	const char *path = maps ? strtab_get(maps->strings, area->path) : NULL;

	return (struct file_place){
		.tgid = site->process->tgid,
		.suspicious = snapshot_is_suspicious(site->snap, site->process->tgid),
		.area = area,
		.path = path ? path : "",
	};
}

/* Whatever a runtime does not know itself, another one will look for in all code. */
static void open_code(struct runtime_site *site)
{
	const struct maps *maps = runtime_maps(site);
	VEC(struct file_place) places = VEC_INIT;

	for (uint32_t i = 0; maps && i < maps->count; i++)
		if (maps->areas[i].ino && maps->areas[i].exec)
			*vec_push(&places) = place_of(site, &maps->areas[i]);
	files_open_all(site->all->files, places.at, places.count);
	vec_release(&places);
}

struct code_file *runtime_file(struct runtime_site *site, const struct map_area *area)
{
	const struct file_place place = place_of(site, area);
	struct code_file *f;

	if (!files_get(site->all->files, files_add(site->all->files, &place))->opened)
		open_code(site);
	f = files_open(site->all->files, &place);
	f->idle = 0;
	return f;
}

/* ---- what processes have in common ----------------------------------------------------------- */

/* The program of a process; NULL: one cannot tell which others run it. */
static struct program *program_of(const struct runtime_site *site)
{
	struct runtimes *all = site->all;
	uint32_t at = map_get(&all->by_code, site->process->code, 0);
	struct program *p;

	if (!site->process->code)
		return NULL;
	if (at)
		return &all->programs.at[at - 1];
	p = vec_push(&all->programs);
	p->code = site->process->code;
	map_put(&all->by_code, p->code, all->programs.count);
	return p;
}

void runtime_note(struct runtime_site *site, const struct runtime_note *note)
{
	struct program *p = program_of(site);

	if (!p)
		return;
	p->noted = true;
	p->note = *note;
	p->pages.count = 0;
}

/* Is the same file mapped there? */
static bool is_mapped(struct runtime_site *site, const struct map_area *area)
{
	_cleanup_close_ int fd = -1;
	const struct map_area *at;
	struct map_area there;
	int rc;

	if (snapshot_is_suspicious(site->snap, site->process->tgid))
		return false;
	fd = maps_open(site->process->tgid);
	rc = fd < 0 ? fd : maps_query(fd, area->start, &there, NULL, 0);
	at = rc > 0 ? &there : NULL;
	/* before Linux 6.11 there are only all of them */
	if (rc == -ENOTTY && runtime_maps(site))
		at = maps_find(site->maps, area->start);
	return at && at->start == area->start && at->end == area->end &&
	       at->offset == area->offset && at->dev == area->dev && at->ino == area->ino;
}

bool runtime_recall(struct runtime_site *site, struct runtime_note *note)
{
	const struct program *p = program_of(site);

	if (!p || !p->noted || !is_mapped(site, &p->note.area))
		return false;
	*note = p->note;
	/* what was of use there mostly is here */
	read_ahead(site, p->pages.at, p->pages.count);
	space_of(site)->known = space_of(site)->pages.count;
	return true;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Which pages the next process will be asked for: those of the last one, and what it lacked. */
static void learn_pages(struct runtime_space *space, struct program *p)
{
	uint32_t before = p->pages.count;

	if (!p->noted)
		return;
	for (uint32_t i = space->known; i < space->addrs.count && p->pages.count < AHEAD_MAX; i++)
		if (!before || !bsearch(&space->addrs.at[i], p->pages.at, before,
					sizeof(*p->pages.at), compare))
			*vec_push(&p->pages) = space->addrs.at[i];
	space->known = space->addrs.count;
	if (p->pages.count > before)
		qsort(p->pages.at, p->pages.count, sizeof(*p->pages.at), compare);
}

/* ---- all together ---------------------------------------------------------------------------- */

/* What was read is of use for others; where one could not look there may be a runtime. */
static void learn(struct visit *v, uint32_t absent)
{
	struct program *p = program_of(&v->site);

	if (!p || (!v->site.maps && v->site.maps_tried))
		return;
	p->absent |= absent;
	learn_pages(&v->space, p);
}

/* What needs no waits. */
static void begin(struct visit *v)
{
	const struct program *p = program_of(&v->site);
	uint32_t absent = p ? p->absent : 0;

	for (uint32_t i = 0; i < RUNTIME_COUNT; i++)
		if (!(absent & 1u << i) && !all_runtimes[i]->read(&v->site, &v->kept[i]))
			absent |= 1u << i;
	learn(v, absent);
}

/* And what does. */
static void finish(struct visit *v)
{
	for (uint32_t i = 0; i < RUNTIME_COUNT; i++)
		if (v->kept[i])
			all_runtimes[i]->read_waits(v->kept[i]);
	learn(v, 0);
}

void runtimes_want_locals(struct runtimes *all)
{
	all->locals = true;
}

/* False: it may not be looked into, or an interpreter inside of a process was found there. */
static bool visit_init(struct visit *v, struct runtimes *all, struct snapshot *s, struct model *m,
		       uint32_t actor)
{
	const struct actor *a = model_actor(m, actor);
	const struct snap_process *p = snapshot_process(s, a->pid);

	*v = (struct visit){ .space = { .unused = &all->unused } };
	v->site = (struct runtime_site){ .all = all,
					 .space = &v->space,
					 .snap = s,
					 .model = m,
					 .process = p,
					 .actor = actor,
					 .locals = all->locals };
	return a->kind == ACTOR_PROCESS && p && p->in_tree && !p->kernel && !p->exited &&
	       !p->denied && !p->vanished;
}

void runtimes_begin(struct runtimes *all, struct snapshot *s, struct model *m)
{
	uint32_t actors = m->actors.count;

	give_up(all);
	forget_programs(all);
	for (uint32_t id = 1; id <= actors; id++) {
		struct visit *v = xcalloc(1, sizeof(*v));

		if (!visit_init(v, all, s, m, id)) {
			free(v);
			continue;
		}
		*vec_push(&all->begun) = v;
		begin(v);
	}
	all->begun_actors = actors;
}

void runtimes_read(struct runtimes *all, struct snapshot *s, struct model *m)
{
	for (uint32_t i = 0; i < all->begun.count; i++) {
		struct visit *v = all->begun.at[i];

		/* the reader may have made a pass since */
		v->site.process = snapshot_process(s, model_actor(m, v->site.actor)->pid);
		if (v->site.process)
			finish(v);
	}
	for (uint32_t id = all->begun_actors + 1; id <= m->actors.count; id++) {
		struct visit v;

		if (!visit_init(&v, all, s, m, id))
			continue;
		begin(&v);
		finish(&v);
		leave(&v);
	}
	give_up(all);
	model_order_homes(m);
	forget_programs(all);
}
