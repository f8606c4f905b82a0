/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/wait_ctx.h"

#include "base/log.h"
#include "model/from_read.h"
#include "read/proc/fdinfo.h"
#include "read/net/socks.h"
#include "waits/find.h"

#include <errno.h>

/* ---- life ----------------------------------------------------------------------------------- */

struct wait_ctx *wait_ctx_new(struct snapshot *snap, struct model *model)
{
	struct wait_ctx *c = xcalloc(1, sizeof(*c));

	c->snap = snap;
	c->model = model;
	return c;
}

void wait_ctx_free(struct wait_ctx *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->mems.count; i++)
		mem_free(c->mems.at[i]);
	for (uint32_t i = 0; i < c->maps.count; i++)
		maps_free(c->maps.at[i]);
	file_locks_free(c->locks);
	vec_release(&c->mems);
	vec_release(&c->maps);
	vec_release(&c->file_next);
	map_release(&c->mem_ids);
	map_release(&c->map_ids);
	map_release(&c->detail_tried);
	map_release(&c->file_first);
	vec_release(&c->objects);
	map_release(&c->child_first);
	vec_release(&c->child_next);
	vec_release(&c->traced);
	free(c);
}

struct snapshot *wait_snapshot(struct wait_ctx *c)
{
	return c->snap;
}

struct model *wait_model(struct wait_ctx *c)
{
	return c->model;
}

/* ---- memory --------------------------------------------------------------------------------- */

static struct mem *mem_of(struct wait_ctx *c, int32_t tgid)
{
	uint32_t at = map_get(&c->mem_ids, (uint32_t)tgid, 0);

	if (!at) {
		*vec_push(&c->mems) = mem_new(tgid, snapshot_is_suspicious(c->snap, tgid));
		at = c->mems.count;
		map_put(&c->mem_ids, (uint32_t)tgid, at);
	}
	return c->mems.at[at - 1];
}

int wait_mem(struct wait_ctx *c, int32_t tgid, uint64_t addr, void *buf, size_t len)
{
	return mem_read(mem_of(c, tgid), addr, buf, len);
}

static int read_for_text(void *from, uint64_t addr, void *buf, size_t len)
{
	return mem_read(from, addr, buf, len);
}

int wait_mem_str(struct wait_ctx *c, int32_t tgid, uint64_t addr, char *buf, size_t size)
{
	return mem_read_text(read_for_text, mem_of(c, tgid), addr, buf, size);
}

const struct maps *wait_maps(struct wait_ctx *c, int32_t tgid)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct maps *maps = NULL;
	uint32_t at = map_get(&c->map_ids, (uint32_t)tgid, 0);
	int rc;

	if (at)
		return c->maps.at[at - 1];
	rc = maps_read(tgid, snapshot_is_suspicious(c->snap, tgid), &maps, &err);
	/* Who is gone is no gap in what we know. */
	if (rc < 0 && rc != -ESRCH)
		snapshot_missing(c->snap, "the address space of process %d: %s", tgid, err.text);
	*vec_push(&c->maps) = maps;
	map_put(&c->map_ids, (uint32_t)tgid, c->maps.count);
	return maps;
}

/* ---- host-wide tables ----------------------------------------------------------------------- */

const struct file_locks *wait_locks(struct wait_ctx *c)
{
	struct snag_error err = SNAG_ERROR_INIT;

	if (!c->locks_tried && file_locks_read(&c->locks, &err) < 0)
		snapshot_missing(c->snap, "file locks: %s", err.text);
	c->locks_tried = true;
	return c->locks;
}

const struct snap_sock *wait_sock(struct wait_ctx *c, const struct snap_file *f)
{
	struct snag_error err = SNAG_ERROR_INIT;

	if (!c->socks_tried && !c->snap->socks_loaded && socks_load(c->snap, &err) < 0)
		snapshot_missing(c->snap, "sockets: %s", err.text);
	c->socks_tried = true;
	if (f->sock && f->sock <= c->snap->socks.count)
		return &c->snap->socks.at[f->sock - 1];
	return socks_find(c->snap, f->ino);
}

/* ---- files ---------------------------------------------------------------------------------- */

const struct snap_file *wait_file(struct wait_ctx *c, int32_t tgid, int32_t fd)
{
	struct snap_file *f = snapshot_file(c->snap, tgid, fd);
	struct snag_error err = SNAG_ERROR_INIT;
	uint32_t at;

	if (!f || f->details)
		return f;
	at = (uint32_t)(f - c->snap->files.at);
	if (map_find(&c->detail_tried, at, NULL))
		return f;
	map_put(&c->detail_tried, at, 1);
	/*
	 * Closed or gone meanwhile: the decoder sees a file without details and says what it lacks.
	 */
	if (fdinfo_load(c->snap, at, &err) < 0)
		log_debug("descriptor %d of process %d: %s", fd, tgid, err.text);
	return snapshot_file(c->snap, tgid, fd);
}

uint32_t wait_actor(struct wait_ctx *c, int32_t tgid)
{
	return snapshot_process(c->snap, tgid) ? model_actor_of(c->model, c->snap, tgid) : 0;
}

uint32_t wait_file_object(struct wait_ctx *c, const struct snap_file *f)
{
	const struct snap_file *files = c->snap->files.at;
	size_t at = (size_t)(f - files);
	uint32_t object;

	if (f < files || at >= c->snap->files.count)
		return model_file_object(c->model, c->snap, f);
	while (c->objects.count < c->snap->files.count)
		vec_push(&c->objects);
	if (!c->objects.at[at]) {
		object = model_file_object(c->model, c->snap, f);
		c->objects.at[at] = object;
	}
	return c->objects.at[at];
}

const char *wait_file_name(struct wait_ctx *c, const struct snap_file *f)
{
	const char *path = snapshot_str(c->snap, f->path);
	const struct object *o;

	if (*path)
		return path;
	o = model_object(c->model, wait_file_object(c, f));
	return model_str(c->model, o->label ? o->label : o->key);
}
