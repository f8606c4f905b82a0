/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/find.h"

#include "model/from_read.h"
#include "waits/wait_ctx.h"

/* ---- identity ------------------------------------------------------------------------------- */

struct find_target find_of_file(const struct snap_file *f)
{
	return (struct find_target){ .kind = f->kind,
				     .dev = f->dev,
				     .ino = f->ino,
				     .id = f->id,
				     .description = f->description };
}

struct find_target find_of_item(const struct snap_epitem *e)
{
	return (struct find_target){ .kind = e->kind,
				     .dev = e->dev,
				     .ino = e->ino,
				     .id = e->id,
				     .description = e->description };
}

struct find_target find_of_sock(uint64_t ino)
{
	return (struct find_target){ .kind = FILE_SOCKET, .ino = ino };
}

struct find_target find_of_peer(const struct snap_sock *k)
{
	return (struct find_target){ .kind = FILE_SOCKET, .ino = k->peer_ino, .sock = k->peer };
}

/* Files whose inode is their own: the others share the one of anon_inodefs. */
static bool has_inode(uint8_t kind)
{
	switch (kind) {
	case FILE_REGULAR:
	case FILE_DIRECTORY:
	case FILE_DEVICE:
	case FILE_PIPE:
	case FILE_SOCKET:
	case FILE_TTY:
	case FILE_MQUEUE:
		return true;
	default:
		return false;
	}
}

bool find_is(const struct find_target *t, const struct snap_file *f)
{
	if (t->kind != FILE_UNKNOWN && f->kind != FILE_UNKNOWN && t->kind != f->kind)
		return false;
	if (t->description && f->description && t->description == f->description)
		return true;
	if (f->kind == FILE_SOCKET)
		return t->ino && t->ino == f->ino;
	if (has_inode(f->kind))
		return t->ino == f->ino && (t->dev == f->dev || !t->dev || !f->dev);
	return t->id && t->id == f->id;
}

/* A number that equal targets share; unequal ones may meet, so find_is() has the last word. */
static uint64_t fold(const struct find_target *t)
{
	if (has_inode(t->kind))
		return map_pair(t->kind, 0) ^ t->ino;
	if (t->id)
		return map_pair(t->kind, 1) ^ t->id;
	return map_pair(FILE_KIND_COUNT, t->description);
}

/* The files of one kind with inodes of their own, or of all other kinds: each when asked for. */
static void index_kind(struct wait_ctx *c, uint8_t kind)
{
	for (uint32_t i = 0; i < c->snap->files.count; i++) {
		const struct snap_file *f = &c->snap->files.at[i];
		struct find_target t;
		uint64_t key;

		if (has_inode(f->kind) ? f->kind != kind : kind != FILE_UNKNOWN)
			continue;
		t = find_of_file(f);
		key = fold(&t);
		c->file_next.at[i] = map_get(&c->file_first, key, 0);
		map_put(&c->file_first, key, i + 1);
	}
}

static void index_files(struct wait_ctx *c, uint8_t kind)
{
	if (!has_inode(kind))
		kind = FILE_UNKNOWN;
	if (c->file_next.count != c->snap->files.count) {
		map_release(&c->file_first);
		vec_release(&c->file_next);
		while (c->file_next.count < c->snap->files.count)
			vec_push(&c->file_next);
		c->kinds_indexed = 0;
	}
	if (c->kinds_indexed & 1u << kind)
		return;
	c->kinds_indexed |= 1u << kind;
	index_kind(c, kind);
}

/* Sockets: the model has grouped them already. */
static const struct snap_file *next_sock(struct wait_ctx *c, const struct find_target *t,
					 const struct snap_file *previous)
{
	const struct snap_file target = { .kind = FILE_SOCKET, .ino = t->ino, .sock = t->sock };
	uint32_t at = previous ? (uint32_t)(previous - c->snap->files.at) + 1 : 0;

	at = t->ino ? model_next_of_sock(c->model, c->snap, &target, at) : 0;
	return at ? &c->snap->files.at[at - 1] : NULL;
}

const struct snap_file *find_next(struct wait_ctx *c, const struct find_target *t,
				  const struct snap_file *previous)
{
	uint32_t at;

	if (!has_inode(t->kind) && !t->id && !t->description)
		return NULL;
	if (t->kind == FILE_SOCKET)
		return next_sock(c, t, previous);
	index_files(c, t->kind);
	if (!c->file_next.at)
		return NULL;
	if (previous)
		at = c->file_next.at[previous - c->snap->files.at];
	else
		at = map_get(&c->file_first, fold(t), 0);
	for (; at; at = c->file_next.at[at - 1])
		if (find_is(t, &c->snap->files.at[at - 1]))
			return &c->snap->files.at[at - 1];
	return NULL;
}

const struct snap_file *find_best(struct wait_ctx *c, const struct find_target *t, int32_t tgid,
				  uint8_t mode)
{
	const struct snap_file *f = NULL, *best = NULL;
	int best_weight = -1;

	while ((f = find_next(c, t, f))) {
		int weight = f->tgid == tgid ? 1 : 0;

		if (f->mode & mode || !mode)
			weight += 2;
		if (t->description && t->description == f->description)
			weight += 4;
		if (weight > best_weight) {
			best = f;
			best_weight = weight;
		}
	}
	return best;
}

bool find_any(struct wait_ctx *c, const struct find_target *t, uint8_t mode)
{
	const struct snap_file *f = NULL;

	while ((f = find_next(c, t, f)))
		if ((f->mode & mode) == mode)
			return true;
	return false;
}

/* ---- holders -------------------------------------------------------------------------------- */

/*
 * Descriptors that travel in sockets count too: the model gives them to those who may receive them.
 */
static bool is_held(struct wait_ctx *c, uint32_t object, uint8_t mode)
{
	const struct model *m = c->model;

	for (uint32_t i = 0; i < m->holders.count; i++)
		if (m->holders.at[i].object == object && (m->holders.at[i].mode & mode) == mode)
			return true;
	return false;
}

uint32_t find_object(struct wait_ctx *c, const struct find_target *t)
{
	const struct snap_file *f = find_next(c, t, NULL);
	struct snap_file named = { .fd = -1,
				   .kind = t->kind,
				   .mode = MODE_READ | MODE_WRITE,
				   .dev = t->dev,
				   .ino = t->ino,
				   .sock = t->sock,
				   .id = t->id,
				   .description = t->description };

	return wait_file_object(c, f ? f : &named);
}

uint32_t find_holders(struct wait_ctx *c, uint32_t wait, const struct find_target *t,
		      const struct term *as, const char *what)
{
	uint32_t object = find_object(c, t);

	if (!find_any(c, t, as->mode) && !is_held(c, object, as->mode))
		wait_unknown(c, wait, "nobody can be seen who holds %s", what);
	else
		wait_term_holders(c, wait, object, as->mode, as->as);
	return object;
}
