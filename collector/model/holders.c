/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/objects.h"

#include "base/log.h"
#include "model/from_read.h"
#include "read/proc/fdinfo.h"

#include <sys/socket.h>

/*
 * How far up a tree an ancestor is looked for, and how many queues a queued socket is followed
 * through.
 */
enum { ANCESTORS_MAX = 256, QUEUES_MAX = 8 };

/* x86-64 system calls that open a file. */
enum { NR_OPEN = 2, NR_CREAT = 85, NR_OPENAT = 257, NR_OPENAT2 = 437 };

/* The holders of one object while they are added. */
struct holding {
	struct model *m;
	struct snapshot *s;
	uint32_t object;
	struct snap_file file;	   /* one of its files */
	bool fresh;		   /* nobody has been added yet */
	VEC(uint32_t) holders;	   /* holder indices that stand for a descriptor */
	struct map by_actor;	   /* (description or number, actor) -> 1 */
	struct map children;	   /* (description, parent) -> how many of its children hold that */
	uint32_t description;	   /* the first one; most objects have no other */
	struct map descriptions;   /* the others -> 1, each counted once */
	uint32_t readers, writers; /* descriptions that can be seen */
	bool undescribed; /* some have no known description: the counts above say nothing */
};

/* ---- inherited ------------------------------------------------------------------------------- */

static bool is_bare_fork(const struct actor *a)
{
	return a->spawn_method == SPAWN_FORK || a->spawn_method == SPAWN_THREAD_FORK ||
	       a->spawn_method == SPAWN_FORKSERVER;
}

/* A key for descriptors of unknown description: their number. Descriptions are counted from 1. */
static uint32_t number_key(int32_t fd)
{
	return 0x80000000u | (uint32_t)fd;
}

static void note_holder(struct holding *x, const struct holder *h)
{
	uint32_t key = h->description ? h->description : number_key(h->fd);
	uint32_t parent = model_actor(x->m, h->actor)->parent;
	uint64_t pair = map_pair(key, parent);

	if (map_find(&x->by_actor, map_pair(key, h->actor), NULL))
		return;
	map_put(&x->by_actor, map_pair(key, h->actor), h->mode);
	if (parent && h->description)
		map_put(&x->children, pair, map_get(&x->children, pair, 0) + 1);
}

/*
 * A descriptor is inherited when an ancestor holds the same description, or a sibling, which can
 * only have it from their common parent. Where descriptions are unknown a bare fork that holds the
 * same object under the same number as its parent is taken for it: the kernel copies the table as
 * it is (kernel/fork.c, copy_files).
 */
static bool is_inherited(const struct holding *x, const struct holder *h)
{
	const struct actor *a = model_actor(x->m, h->actor);
	uint32_t up = a->parent;

	if (!h->description)
		return up && is_bare_fork(a) &&
		       map_get(&x->by_actor, map_pair(number_key(h->fd), up), 0) == h->mode;
	if (up && map_get(&x->children, map_pair(h->description, up), 0) > 1)
		return true;
	for (int i = 0; up && i < ANCESTORS_MAX; i++) {
		if (map_find(&x->by_actor, map_pair(h->description, up), NULL))
			return true;
		up = model_actor(x->m, up)->parent;
	}
	return false;
}

/* ---- who has it ------------------------------------------------------------------------------ */

static void count_description(struct holding *x, uint32_t description, uint8_t mode)
{
	if (!description)
		x->undescribed = true;
	if (!description || description == x->description ||
	    map_find(&x->descriptions, description, NULL))
		return;
	if (!x->description)
		x->description = description;
	else
		map_put(&x->descriptions, description, 1);
	x->readers += mode & MODE_READ ? 1 : 0;
	x->writers += mode & MODE_WRITE ? 1 : 0;
}

static void add_files(struct holding *x, uint32_t first)
{
	bool alone = !files_next(x->m, first);

	for (uint32_t i = first; i; i = files_next(x->m, i)) {
		const struct snap_file *f = &x->s->files.at[i - 1];
		uint32_t actor = model_actor_of(x->m, x->s, f->tgid);
		uint32_t at;

		count_description(x, f->description, f->mode);
		if (!actor)
			continue;
		at = (x->fresh ? model_append_holder : model_add_holder)(x->m, x->object, actor,
									 f->fd, f->mode);
		x->m->holders.at[at].description = f->description;
		if (alone)
			break; /* nobody that it could be inherited from */
		*vec_push(&x->holders) = at;
		note_holder(x, &x->m->holders.at[at]);
	}
	for (uint32_t i = 0; i < x->holders.count; i++) {
		struct holder *h = &x->m->holders.at[x->holders.at[i]];

		h->inherited = is_inherited(x, h);
	}
}

/* ---- descriptors that are on their way ------------------------------------------------------- */

/* Said once a queue, where it is not known which descriptors these are. */
static void tell_queue(struct holding *x, uint32_t actor, const struct snap_file *f,
		       uint32_t queued)
{
	struct finding finding = { .actor = actor, .fd = f->fd };

	finding.kind = strtab_add(x->m->strings, "fd-in-flight");
	finding.text = strtab_addf(x->m->strings,
				   "%u descriptor%s queued, not yet received, in fd %d of pid %d: "
				   "it may be of any file",
				   queued, queued == 1 ? " is" : "s are", f->fd, f->tgid);
	model_add_finding(x->m, finding);
}

/*
 * Whoever holds the socket with this inode can receive what is queued there. How many they are.
 * `queued`: so many descriptors are, of which this may be one; 0: it is.
 */
static uint32_t add_receivers(struct holding *x, uint64_t sock_ino, uint8_t mode, uint32_t queued)
{
	struct snap_file sock = { .kind = FILE_SOCKET, .ino = sock_ino };
	const struct file_group *g = files_group(x->m, x->s, &sock);
	uint32_t n = 0;

	for (uint32_t i = g ? g->first : 0; i; i = files_next(x->m, i)) {
		uint32_t actor = model_actor_of(x->m, x->s, x->s->files.at[i - 1].tgid);
		struct finding f = { .actor = actor, .object = x->object, .fd = -1 };

		if (!actor)
			continue;
		model_add_holder(x->m, x->object, actor, -1, mode);
		n++;
		if (queued) {
			tell_queue(x, actor, &x->s->files.at[i - 1], queued);
			continue;
		}
		f.kind = strtab_add(x->m->strings, "fd-in-flight");
		f.text = strtab_addf(
			x->m->strings,
			"a descriptor of %s may be queued, not yet received, in fd %d of pid %d",
			model_str(x->m, model_object(x->m, x->object)->key),
			x->s->files.at[i - 1].fd, x->s->files.at[i - 1].tgid);
		model_add_finding(x->m, f);
	}
	return n;
}

/* The queue that a socket which nobody holds is itself in; 0: none. */
static uint64_t queue_of(const struct snapshot *s, uint64_t sock_ino)
{
	for (uint32_t i = 0; i < s->inflight.count; i++)
		if (s->inflight.at[i].kind == FILE_SOCKET && s->inflight.at[i].ino == sock_ino)
			return s->inflight.at[i].sock_ino;
	return 0;
}

static bool is_same(const struct snap_inflight *q, const struct snap_file *f)
{
	if (q->kind != f->kind)
		return false;
	if (f->kind == FILE_PIPE || f->kind == FILE_SOCKET)
		return q->ino == f->ino && (f->kind == FILE_SOCKET || q->dev == f->dev);
	if (q->description && q->description == f->description)
		return true;
	return q->id && q->id == f->id;
}

/*
 * Add those who may receive a queued descriptor. False: one is queued where nobody can be seen to.
 */
static bool add_in_flight(struct holding *x)
{
	bool all = true;

	for (uint32_t i = 0; i < x->s->inflight.count; i++) {
		const struct snap_inflight *q = &x->s->inflight.at[i];
		uint64_t ino = q->sock_ino;
		uint32_t n = 0;

		if (!is_same(q, &x->file))
			continue;
		count_description(x, q->description, q->mode);
		for (int hop = 0; ino && !n && hop < QUEUES_MAX; hop++) {
			n = add_receivers(x, ino, q->mode, 0);
			ino = n ? 0 : queue_of(x->s, ino);
		}
		all = all && n;
	}
	return all;
}

/* fdinfo of a unix socket counts the descriptors in its queue (scm_fds, net/unix/af_unix.c). */
static void look_into_queue(struct holding *x, uint64_t sock_ino)
{
	struct snap_file sock = { .kind = FILE_SOCKET, .ino = sock_ino };
	const struct file_group *g = files_group(x->m, x->s, &sock);

	if (g && fdinfo_load(x->s, g->first - 1, NULL) < 0)
		log_debug("the queue of socket:[%llu] cannot be looked into",
			  (unsigned long long)sock_ino);
}

/*
 * Without a list of what is in flight: every socket that has descriptors queued may have this one.
 * Too many holders only weaken a verdict. True: nothing can be in flight, as far as sockets are
 * known.
 */
static bool add_possible_in_flight(struct holding *x)
{
	bool none = x->s->socks_loaded;

	for (uint32_t i = 0; i < x->s->queues.count; i++) {
		const struct snap_sock *k = &x->s->socks.at[x->s->queues.at[i]];

		if (k->in_flight_fds == UINT32_MAX)
			look_into_queue(x, k->ino);
		if (!k->in_flight_fds)
			continue;
		none = false;
		if (k->in_flight_fds == UINT32_MAX)
			continue;
		add_receivers(x, k->ino, MODE_READ | MODE_WRITE, k->in_flight_fds);
	}
	return none;
}

/* ---- are these all? -------------------------------------------------------------------------- */

/*
 * Threads that may be inside open(2) of this FIFO: the kernel counts them before they have a
 * descriptor.
 */
static uint32_t openers(const struct snapshot *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->tasks.count; i++) {
		const struct snap_task *t = &s->tasks.at[i];

		n += t->has_syscall && !t->compat &&
		     (t->nr == NR_OPEN || t->nr == NR_OPENAT || t->nr == NR_CREAT ||
		      t->nr == NR_OPENAT2);
	}
	return n;
}

/* By the kernel's counts of open descriptions by mode (struct pipe_inode_info). */
static enum holders_seen compare_counts(const struct holding *x, bool receivers_known)
{
	const struct snap_file *f = &x->file;
	uint32_t hidden;

	if (x->undescribed)
		return HOLDERS_VISIBLE;
	if (f->pipe_readers == x->readers && f->pipe_writers == x->writers)
		return receivers_known ? HOLDERS_COMPLETE : HOLDERS_HIDDEN;
	if (f->pipe_readers < x->readers || f->pipe_writers < x->writers)
		return HOLDERS_VISIBLE; /* something was closed while we looked */
	hidden = f->pipe_readers - x->readers + f->pipe_writers - x->writers;
	if (f->named && hidden <= openers(x->s))
		return HOLDERS_VISIBLE;
	return HOLDERS_HIDDEN;
}

static enum holders_seen how_complete(struct holding *x)
{
	bool counted = x->file.kind == FILE_PIPE && x->s->has_pipe_counts &&
		       x->file.pipe_readers != UINT32_MAX && x->file.pipe_writers != UINT32_MAX;
	bool settled;

	if (x->s->has_inflight) {
		settled = add_in_flight(x);
		if (counted)
			return compare_counts(x, settled);
		if (!settled)
			return HOLDERS_HIDDEN;
		return x->s->all_holders ? HOLDERS_COMPLETE : HOLDERS_VISIBLE;
	}
	settled = add_possible_in_flight(x);
	if (counted)
		return compare_counts(x, true);
	/*
	 * Pipes are passed on everywhere; that none is on its way is only certain from the kernel's
	 * counts.
	 */
	if (x->file.kind == FILE_PIPE)
		return HOLDERS_VISIBLE;
	return settled && x->s->all_holders ? HOLDERS_COMPLETE : HOLDERS_VISIBLE;
}

/*
 * What could not be told apart may be one more holder: not even what is visible is then an answer.
 */
static enum holders_seen how_certain(struct holding *x)
{
	enum holders_seen seen = how_complete(x);

	return seen == HOLDERS_VISIBLE && x->s->files_lost ? HOLDERS_HIDDEN : seen;
}

void object_receivers(struct model *m, struct snapshot *s, uint32_t object,
		      const struct snap_file *f)
{
	struct holding x = { .m = m, .s = s, .object = object, .file = *f };

	model_object(m, object)->holders_seen = how_certain(&x);
}

void object_holders(struct model *m, struct snapshot *s, struct file_group *g, bool fresh)
{
	struct holding x = { .m = m, .s = s, .object = g->object, .fresh = fresh };
	uint32_t first = g->first;

	files_describe_group(m, s, g);
	/* From here on `g` may move: other kinds are grouped. */
	x.file = s->files.at[first - 1];
	add_files(&x, first);
	model_object(m, x.object)->holders_seen = how_certain(&x);
	vec_release(&x.holders);
	map_release(&x.by_actor);
	map_release(&x.children);
	map_release(&x.descriptions);
}
