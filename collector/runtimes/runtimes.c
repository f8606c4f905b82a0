/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/runtimes.h"

#include "base/log.h"
#include "model/tasks.h"
#include "read/mem.h"
#include "runtimes/runtime.h"

#include <errno.h>
#include <string.h>

/* 64 MiB of one process; what walks over more is led astray. */
enum { PAGE_BYTES = 4096, PAGES_MAX = 16384 };

struct page {
	uint8_t bytes[PAGE_BYTES];
};

struct runtimes {
	struct files *files;
	bool locals;
	struct map without; /* the code of processes of this look that have no runtime */
	/* of the process that is looked at */
	struct mem *mem;
	struct map page_ids; /* address -> 1 + page */
	VEC(struct page *) pages;
};

#define POINTER(name) &runtime_##name,
#define DECLARE(name) extern const struct runtime runtime_##name;
RUNTIMES(DECLARE)
static const struct runtime *const all_runtimes[] = { RUNTIMES(POINTER) };

struct runtimes *runtimes_new(void)
{
	struct runtimes *all = xcalloc(1, sizeof(*all));

	all->files = files_new();
	return all;
}

/* Forget the memory of a process. */
static void leave(struct runtimes *all)
{
	for (uint32_t i = 0; i < all->pages.count; i++)
		free(all->pages.at[i]);
	vec_release(&all->pages);
	map_release(&all->page_ids);
	mem_free(all->mem);
	all->mem = NULL;
}

void runtime_forget(struct runtime_site *site)
{
	leave(site->all);
}

void runtimes_free(struct runtimes *all)
{
	if (!all)
		return;
	leave(all);
	map_release(&all->without);
	files_free(all->files);
	free(all);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int page_at(struct runtime_site *site, uint64_t addr, const uint8_t **ret)
{
	struct runtimes *all = site->all;
	uint32_t at;
	int rc;

	if (!map_find(&all->page_ids, addr, &at)) {
		const struct map_area *area = maps_find(site->maps, addr);
		struct page *page;

		/* a wild pointer costs no system call */
		if (!area || !area->read)
			return -EFAULT;
		if (all->pages.count >= PAGES_MAX)
			return -ENOBUFS;
		if (!all->mem)
			all->mem = mem_new(site->process->tgid,
					   snapshot_is_suspicious(site->snap, site->process->tgid));
		page = xmalloc(sizeof(*page));
		rc = mem_read(all->mem, addr, page->bytes, sizeof(page->bytes));
		if (rc < 0) {
			free(page);
			return rc;
		}
		*vec_push(&all->pages) = page;
		at = all->pages.count;
		map_put(&all->page_ids, addr, at);
	}
	*ret = all->pages.at[at - 1]->bytes;
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
		int rc = page_at(site, addr - offset, &page);

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

struct code_file *runtime_file(struct runtime_site *site, const struct map_area *area)
{
	const char *path = strtab_get(site->maps->strings, area->path);
	const struct file_place place = {
		.tgid = site->process->tgid,
		.suspicious = snapshot_is_suspicious(site->snap, site->process->tgid),
		.area = area,
		.path = path ? path : "",
	};
	uint32_t id = files_add(site->all->files, &place);
	struct code_file *f;

	files_open(site->all->files, id, &place);
	f = files_get(site->all->files, id);
	f->idle = 0;
	return f;
}

/* ---- all together ---------------------------------------------------------------------------- */

/* Is there any? When it may not be told, there may be one. */
static bool look_at(struct runtime_site *site)
{
	_cleanup_maps_ struct maps *maps = NULL;
	struct snag_error err = SNAG_ERROR_INIT;
	int32_t tgid = site->process->tgid;
	bool found = false;

	/* who is gone, or may not be looked into, is told of elsewhere */
	if (maps_read(tgid, snapshot_is_suspicious(site->snap, tgid), &maps, &err) < 0) {
		log_debug("runtimes of process %d: %s", tgid, err.text);
		return true;
	}
	site->maps = maps;
	for (size_t i = 0; i < sizeof(all_runtimes) / sizeof(*all_runtimes); i++)
		found |= all_runtimes[i]->read(site);
	leave(site->all);
	return found;
}

void runtimes_want_locals(struct runtimes *all)
{
	all->locals = true;
}

void runtimes_read(struct runtimes *all, struct snapshot *s, struct model *m)
{
	files_refresh(all->files);
	for (uint32_t id = 1; id <= m->actors.count; id++) {
		const struct snap_process *p = snapshot_process(s, model_actor(m, id)->pid);
		struct runtime_site site = {
			.all = all, .snap = s, .model = m, .actor = id, .locals = all->locals
		};

		/* an interpreter inside of a process was found there */
		if (model_actor(m, id)->kind != ACTOR_PROCESS)
			continue;
		if (!p || !p->in_tree || p->kernel || p->exited || p->denied || p->vanished)
			continue;
		site.process = p;
		/* reading an address space costs as much as all the rest of a process */
		if (p->code && map_find(&all->without, p->code, NULL))
			continue;
		if (!look_at(&site) && p->code)
			map_put(&all->without, p->code, 1);
	}
	model_order_homes(m);
	map_release(&all->without);
}
