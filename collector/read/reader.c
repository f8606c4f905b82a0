/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/reader.h"

#include "base/log.h"
#include "read/details.h"
#include "read/net/socks.h"
#include "read/tree.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct reader {
	const struct reader_ops *ops;
	void *priv;
	bool automatic;		   /* may fall back, until it has read something */
	struct snag_error without; /* why "auto" had to do without bpf; empty: it had not */
	bool stacks;		   /* they will be asked for */
	struct details *details;   /* of the tree, that are still being read */
	uint8_t *stack_room;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int fall_back(struct reader *r, struct snag_error *err)
{
	int rc;

	log_info("no bpf reader: %s", r->without.text);
	r->automatic = false;
	r->ops = &reader_procfs;
	r->priv = NULL;
	rc = r->ops->open(&r->priv, err);
	if (rc == 0 && r->stacks)
		r->ops->want_stacks(r->priv);
	return rc;
}

/* The other reader, because the first one turned out not to work here. */
static int change(struct reader *r, struct snag_error *err)
{
	int rc;

	r->ops->close(r->priv);
	rc = fall_back(r, err);
	if (rc < 0)
		r->ops = NULL;
	return rc;
}

int reader_open(const char *name, struct reader **ret, struct snag_error *err)
{
	_cleanup_reader_ struct reader *r = xcalloc(1, sizeof(*r));
	int rc = -EINVAL;

	r->automatic = !strcmp(name, "auto");
	if (r->automatic || !strcmp(name, "bpf"))
		r->ops = &reader_bpf;
	else if (!strcmp(name, "procfs"))
		r->ops = &reader_procfs;
	else
		return error_set(err, rc, "no reader is called %s: auto, bpf or procfs", name);
	rc = r->ops->open(&r->priv, r->automatic ? &r->without : err);
	if (rc < 0 && r->automatic)
		rc = fall_back(r, err);
	if (rc < 0) {
		r->ops = NULL;
		return rc;
	}
	*ret = steal(r);
	return 0;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	details_drop(r->details);
	if (r->ops)
		r->ops->close(r->priv);
	free(r->stack_room);
	free(r);
}

const char *reader_name(const struct reader *r)
{
	return r->ops->name;
}

static void note_reader(const struct reader *r, struct snapshot *s)
{
	if (!r->without.text[0])
		return;
	snapshot_missing(s,
			 "read through /proc, not BPF (%s): owners of kernel locks, targets of "
			 "io_uring requests, interval timers and passed descriptors are not seen",
			 r->without.text);
}

static int list_processes(struct reader *r, struct snapshot *s, struct snag_error *err)
{
	int rc = r->ops->processes(r->priv, s, r->automatic ? &r->without : err);

	if (rc < 0 && r->automatic) {
		rc = change(r, err);
		if (rc < 0)
			return rc;
		s->processes.count = s->tasks.count = s->undo.count = 0;
		rc = r->ops->processes(r->priv, s, err);
	}
	return rc < 0 ? error_at(err, rc, "listing the processes") : 0;
}

int reader_begin(struct reader *r, const struct read_scope *scope, struct snapshot **ret,
		 struct snag_error *err)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	uint64_t clock = now_ns(CLOCK_MONOTONIC);
	int rc;

	s->taken_realtime_ns = now_ns(CLOCK_REALTIME);
	s->taken_boottime_ns = now_ns(CLOCK_BOOTTIME);
	rc = list_processes(r, s, err);
	if (rc < 0)
		return rc;
	note_reader(r, s);
	snapshot_index(s);
	rc = tree_select(s, scope, err);
	if (rc < 0)
		return rc;
	log_step(&clock, "processes and the tree");
	rc = r->ops->threads(r->priv, s, err);
	if (rc < 0)
		return error_at(err, rc, "reading the threads");
	snapshot_index(s);
	log_step(&clock, "threads");
	details_drop(r->details);
	r->details = details_begin(s);
	log_step(&clock, "programs and cgroups");
	*ret = steal(s);
	return 0;
}

void reader_details(struct reader *r, struct snapshot *s)
{
	if (r->details)
		details_end(r->details, s);
	r->details = NULL;
}

/*
 * Some programs of the bpf reader still load after reader_open(): where the kernel refuses these,
 * the first look at files fails.
 */
int reader_files(struct reader *r, struct snapshot *s, struct snag_error *err)
{
	uint64_t clock = now_ns(CLOCK_MONOTONIC);
	int rc = r->ops->files(r->priv, s, r->automatic ? &r->without : err);

	reader_details(r, s);
	if (rc < 0 && r->automatic) {
		rc = change(r, err);
		return rc < 0 ? rc : 1;
	}
	r->automatic = false;
	if (rc < 0)
		return error_at(err, rc, "reading the files");
	log_step(&clock, "files and sockets");
	s->took_ms = (double)(now_ns(CLOCK_BOOTTIME) - s->taken_boottime_ns) / 1e6;
	log_debug("%s: %u processes, %u threads, %u files in %.1f ms", r->ops->name,
		  s->processes.count, s->tasks.count, s->files.count, s->took_ms);
	return 0;
}

int reader_finish(struct reader *r, struct snapshot *s, struct snag_error *err)
{
	uint64_t now;
	int rc = r->ops->restamp(r->priv, s, err);

	if (rc < 0)
		return error_at(err, rc, "looking at the threads again");
	now = now_ns(CLOCK_BOOTTIME);
	s->took_ms = (double)(now - s->taken_boottime_ns) / 1e6;
	return 0;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

void reader_want_stacks(struct reader *r)
{
	if (!r->stacks)
		r->ops->want_stacks(r->priv);
	r->stacks = true;
}

int reader_stacks(struct reader *r, struct snapshot *s, const struct stack_batch *batch,
		  struct snag_error *err)
{
	struct stack_batch b = *batch;
	int rc;

	reader_want_stacks(r);
	if (!r->stack_room)
		r->stack_room = xmalloc((size_t)STACK_BATCH * STACK_BYTES);
	b.room = r->stack_room;
	rc = r->ops->stacks(r->priv, s, &b, err);
	return rc < 0 ? error_at(err, rc, "reading stacks") : 0;
}

/* ---- the same holders? ---------------------------------------------------------------------- */

/* What a wait can be on, and who holds it. Numbers only, so that equal ones compare equal. */
struct holder {
	uint64_t kind, dev, ino, id;
	int64_t tgid, fd, mode;
};

static bool is_waitable(const struct snap_file *f)
{
	return f->lockable || (f->kind != FILE_UNKNOWN && f->kind != FILE_REGULAR &&
			       f->kind != FILE_DIRECTORY && f->kind != FILE_DEVICE);
}

/*
 * What anybody on the host may open without any effect on a wait that has begun: listeners, and the
 * files that serve waits of whoever names them. A snag beside us opens some to learn what they are.
 */
static bool is_public(const struct snapshot *s, const struct snapshot *other,
		      const struct snap_file *f)
{
	const struct snap_sock *k = f->kind == FILE_SOCKET ? socks_find(s, f->ino) : NULL;

	if (f->kind == FILE_SOCKET && !k)
		k = socks_find(other, f->ino); /* procfs reads sockets on demand only */
	return (f->kind == FILE_PIPE && f->named) || f->kind == FILE_FANOTIFY ||
	       f->kind == FILE_USERFAULTFD || f->kind == FILE_SECCOMP_NOTIFY ||
	       f->kind == FILE_FUSE_DEV || (k && k->state == SOCK_LISTENING);
}

static uint64_t object_key(const struct snap_file *f)
{
	return f->ino ^ f->id << 20 ^ (uint64_t)f->kind << 56;
}

/* The objects that the tree itself holds. Keys may collide: then more is compared. */
static void held_inside(const struct snapshot *s, struct map *objects)
{
	for (uint32_t i = 0; i < s->files.count; i++) {
		const struct snap_process *p = snapshot_process(s, s->files.at[i].tgid);

		if (p && p->in_tree)
			map_put(objects, object_key(&s->files.at[i]), 1);
	}
}

static int compare_holders(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct holder));
}

/* The holders in `s`, sorted; `other` is the look before or after. Yours: free(). */
static struct holder *holders_of(const struct snapshot *s, const struct snapshot *other,
				 uint32_t *count)
{
	struct holder *h = xcalloc(s->files.count + 1, sizeof(*h));
	_cleanup_map_ struct map inside = MAP_INIT;
	uint32_t n = 0;

	held_inside(s, &inside);
	for (uint32_t i = 0; i < s->files.count; i++) {
		const struct snap_file *f = &s->files.at[i];

		if (!is_waitable(f) ||
		    (is_public(s, other, f) && !map_find(&inside, object_key(f), NULL)))
			continue;
		h[n].kind = f->kind;
		h[n].dev = f->dev;
		h[n].ino = f->ino;
		/*
		 * Loaded on demand for some, so the id does not take part where the inode is
		 * enough.
		 */
		h[n].id = f->ino && f->kind != FILE_EVENTFD ? 0 : f->id;
		h[n].tgid = f->tgid;
		h[n].fd = f->fd;
		h[n].mode = f->mode;
		n++;
	}
	qsort(h, n, sizeof(*h), compare_holders);
	*count = n;
	return h;
}

/* The tree of `s`, in the processes of now. False: one of it is another one now. */
static bool same_tree(const struct snapshot *s, struct snapshot *again)
{
	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];
		struct snap_process *now;

		if (!p->in_tree || p->vanished)
			continue;
		now = snapshot_process(again, p->tgid);
		if (!now || now->start_ticks != p->start_ticks)
			return false;
		now->in_tree = true;
		now->net_ns = p->net_ns;
		now->mnt_ns = p->mnt_ns;
		now->pid_ns = p->pid_ns;
	}
	again->root_tgid = s->root_tgid;
	again->root_start = s->root_start;
	return true;
}

int reader_same_holders(struct reader *r, const struct snapshot *s, bool *same,
			struct snag_error *err)
{
	_cleanup_snapshot_ struct snapshot *again = snapshot_new();
	_cleanup_free_ struct holder *before = NULL, *after = NULL;
	uint32_t count_before, count_after;
	int rc = r->ops->processes(r->priv, again, err);

	if (rc < 0)
		return error_at(err, rc, "listing the processes again");
	snapshot_index(again);
	if (!same_tree(s, again)) {
		*same = false;
		return 0;
	}
	rc = r->ops->files(r->priv, again, err);
	if (rc < 0)
		return error_at(err, rc, "reading the files again");
	before = holders_of(s, again, &count_before);
	after = holders_of(again, s, &count_after);
	*same = count_before == count_after &&
		!memcmp(before, after, count_before * sizeof(*before));
	return 0;
}
