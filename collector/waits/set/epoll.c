/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll.c - epoll_wait(2) and its kin, and an epoll set inside another one.
 *
 * An item keeps the number that its descriptor had when it was added. What it watches is the open
 * file description of that moment, which may be closed here, or have another number, by now.
 */
#include "waits/set/epoll.h"

#include "waits/find.h"
#include "waits/wait_ctx.h"

#include <linux/kcmp.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

/* A process may fill tables so that every item is compared with every descriptor. */
enum { KCMP_MAX = 1 << 16 };
enum { NESTS_MAX = 5 }; /* EP_MAX_NESTS of fs/eventpoll.c, and the outermost set */

/*
 * EP_PRIVATE_BITS of fs/eventpoll.c: all that is left of the events of a one-shot item that has
 * fired.
 */
#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

bool epoll_is_spent(const struct snap_epitem *e)
{
	return e->events & EPOLLONESHOT && !(e->events & ~PRIVATE_BITS);
}

static uint8_t mode_of(const struct snap_epitem *e)
{
	uint8_t mode = 0;

	if (e->events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLRDNORM | EPOLLRDBAND))
		mode |= MODE_READ;
	if (e->events & (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND))
		mode |= MODE_WRITE;
	/* An exclusive wake-up went to one of several sets. */
	if (e->events & (EPOLLET | EPOLLEXCLUSIVE))
		mode |= WAIT_EDGE;
	return mode;
}

/* ---- what an item truly watches ------------------------------------------------------------- */

/* Several items may have been added under one number: which of them is this? */
static uint32_t offset_of(const struct wait_ctx *c, const struct snap_file *set, uint32_t item)
{
	uint32_t before = 0;

	for (uint32_t i = set->first_item; i < item; i++)
		before += c->snap->epitems.at[i].fd == c->snap->epitems.at[item].fd;
	return before;
}

/* Is descriptor `fd` the target of the item? 1 yes, 0 no, -1 the kernel does not tell (kcmp(2)). */
static int kernel_says(struct wait_ctx *c, const struct snap_file *set, uint32_t item, int32_t fd)
{
	struct kcmp_epoll_slot slot = {
		.efd = (uint32_t)set->fd,
		.tfd = (uint32_t)c->snap->epitems.at[item].fd,
		.toff = offset_of(c, set, item),
	};
	long rc;

	if (c->kcmp_used >= KCMP_MAX)
		return -1;
	c->kcmp_used++;
	rc = syscall(SYS_kcmp, (long)set->tgid, (long)set->tgid, KCMP_EPOLL_TFD, (long)fd, &slot);

	return rc < 0 ? -1 : rc == 0;
}

/* Anonymous files of which no identity is known have one inode number all together. */
static bool is_target(struct wait_ctx *c, const struct snap_file *set, uint32_t item,
		      const struct snap_file *f)
{
	const struct snap_epitem *e = &c->snap->epitems.at[item];
	struct find_target t = find_of_item(e);
	uint8_t mode = mode_of(e) & (MODE_READ | MODE_WRITE);
	int says;

	/*
	 * A pipe's two ends are one inode. That one is watched for what it never reports is odd
	 * enough to ask.
	 */
	if (f->kind == FILE_PIPE && mode && !(f->mode & mode) && !(t.description && f->description))
		return e->ino == f->ino && f->tgid == set->tgid &&
		       kernel_says(c, set, item, f->fd) == 1;
	if (find_is(&t, f))
		return true;
	if ((e->description && f->description) || (e->id && f->id) || e->ino != f->ino)
		return false;
	if (e->kind != FILE_UNKNOWN && e->kind != f->kind)
		return false;
	says = f->tgid == set->tgid ? kernel_says(c, set, item, f->fd) : -1;
	return says < 0 ? f->fd == e->fd : says == 1;
}

/*
 * The target under another number: of this process if it can be, else of any. NULL: nobody has it
 * open.
 */
static const struct snap_file *search(struct wait_ctx *c, const struct snap_file *set,
				      uint32_t item)
{
	const struct snap_process *p = snapshot_process(c->snap, set->tgid);
	struct find_target t = find_of_item(&c->snap->epitems.at[item]);
	uint8_t mode = mode_of(&c->snap->epitems.at[item]) & (MODE_READ | MODE_WRITE);
	uint8_t known = t.kind;

	for (uint32_t i = 0; p && i < p->file_count; i++)
		if (is_target(c, set, item, &c->snap->files.at[p->first_file + i]))
			return &c->snap->files.at[p->first_file + i];
	for (unsigned int kind = 1; kind < FILE_KIND_COUNT; kind++) {
		const struct snap_file *f;

		if (known != FILE_UNKNOWN && known != kind)
			continue;
		t.kind = (uint8_t)kind;
		f = find_best(c, &t, set->tgid, mode);
		if (f)
			return f;
	}
	return NULL;
}

static void note_stale(struct wait_ctx *c, const struct snap_file *set, uint32_t item,
		       const struct snap_file *now)
{
	int32_t fd = c->snap->epitems.at[item].fd;
	struct wait_fact fact = { .kind = "epoll-stale",
				  .tgid = set->tgid,
				  .object = wait_file_object(c, set),
				  .fd = fd };

	if (now)
		wait_finding(c, &fact,
			     "%s: an item of epoll set %d was added as fd %d, which names %s now",
			     wait_name_of(c, set->tgid).text, set->fd, fd, wait_file_name(c, now));
	else
		wait_finding(c, &fact,
			     "%s: an item of epoll set %d was added as fd %d, which is closed here",
			     wait_name_of(c, set->tgid).text, set->fd, fd);
}

const struct snap_file *epoll_target(struct wait_ctx *c, const struct snap_file *set, uint32_t item,
				     bool *stale)
{
	const struct snap_file *f = wait_file(c, set->tgid, c->snap->epitems.at[item].fd);
	const struct snap_process *p = snapshot_process(c->snap, set->tgid);

	*stale = false;
	if (f && is_target(c, set, item, f))
		return f;
	/* A process whose files could not all be read has not closed them. */
	if (!p || p->denied || p->fd_total > p->file_count)
		return NULL;
	*stale = true;
	f = search(c, set, item);
	return f ? wait_file(c, f->tgid, f->fd) : NULL;
}

static const struct snap_file *target_of(struct wait_ctx *c, const struct snap_file *set,
					 uint32_t item)
{
	bool stale;
	const struct snap_file *f = epoll_target(c, set, item, &stale);

	if (stale)
		note_stale(c, set, item, wait_file(c, set->tgid, c->snap->epitems.at[item].fd));
	return f;
}

/* ---- items ---------------------------------------------------------------------------------- */

/* A set in which nothing can fire any more. */
static bool all_spent(const struct wait_ctx *c, const struct snap_file *set)
{
	uint32_t end = set->first_item + set->item_count;

	for (uint32_t i = set->first_item; i < end && i < c->snap->epitems.count; i++)
		if (!epoll_is_spent(&c->snap->epitems.at[i]))
			return false;
	return true;
}

/* Where that is unknown: `otherwise`. */
static bool has_unread(struct wait_ctx *c, const struct snap_file *f, bool otherwise)
{
	const struct snap_sock *k;

	if (f->kind == FILE_PIPE)
		return f->pipe_used == UINT32_MAX ? otherwise : f->pipe_used;
	if (f->kind == FILE_EVENTFD)
		return f->details && f->value;
	k = f->kind == FILE_SOCKET ? wait_sock(c, f) : NULL;
	return k && k->rqueue;
}

/* It fires again only when somebody with this set calls epoll_ctl(EPOLL_CTL_MOD). */
static void add_spent(struct wait_ctx *c, const struct wait_site *site, const struct snap_file *set,
		      uint32_t item, const struct snap_file *file)
{
	const struct snap_epitem *e = &c->snap->epitems.at[item];
	uint32_t object = wait_file_object(c, set), id;
	struct wait_fact fact = {
		.kind = "epoll-oneshot-spent", .tgid = set->tgid, .object = object, .fd = e->fd
	};

	if (!c->items_left)
		return;
	c->items_left--;
	id = model_add_wait(c->model, site->thread, site->wait);
	model_wait(c->model, id)->op = model_wait(c->model, site->wait)->op;
	model_wait(c->model, id)->fd = e->fd;
	model_wait(c->model, id)->object = file ? wait_file_object(c, file) : object;
	wait_describe(c, id, WAIT_POLL,
		      "a one-shot item that has fired, until it is armed anew (fd %d)", e->fd);
	wait_term_holders(c, id, object, 0, AS_SETTER);
	if (file && has_unread(c, file, all_spent(c, set)))
		wait_finding(c, &fact,
			     "%s: the one-shot item of fd %d in epoll set %d has fired and was not "
			     "armed anew: what there is to read is not seen",
			     wait_name_of(c, set->tgid).text, e->fd, set->fd);
}

static void add_items(struct wait_ctx *c, const struct wait_site *site, const struct snap_file *set)
{
	for (uint32_t i = 0; i < set->item_count && c->items_left; i++) {
		uint32_t item = set->first_item + i;
		const struct snap_epitem *e;
		const struct snap_file *target;

		if (item >= c->snap->epitems.count)
			break;
		/* Looking may load the details of another set and so move the items. */
		target = target_of(c, set, item);
		e = &c->snap->epitems.at[item];
		if (epoll_is_spent(e))
			add_spent(c, site, set, item, target);
		else
			wait_item(c, site, target, e->fd, mode_of(e));
	}
	c->items_cut |= set->item_count && !c->items_left;
}

static void decode_set(struct wait_ctx *c, const struct wait_site *site,
		       const struct snap_file *set)
{
	uint32_t object = wait_file_object(c, set);

	add_items(c, site, set);
	wait_describe(c, site->wait, WAIT_POLL,
		      set->item_count == 1 ? "waiting for %u descriptor in epoll set fd %d" :
					     "waiting for %u descriptors in epoll set fd %d",
		      set->item_count, set->fd);
	wait_items_done(c, site->wait);
	if (!set->details || set->items_cut)
		wait_unknown(c, site->wait,
			     "the items of epoll set %d of process %d could not all "
			     "be read",
			     set->fd, set->tgid);
	else if (!set->item_count)
		wait_term_holders(c, site->wait, object, 0, AS_SETTER);
}

static uint32_t depth_of(const struct wait_ctx *c, uint32_t wait)
{
	uint32_t depth = 0;

	for (; wait; wait = model_wait(c->model, wait)->parent)
		depth++;
	return depth;
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	struct wait_site site = { .task = f->task,
				  .process = f->process,
				  .thread = model_wait(c->model, f->wait)->thread,
				  .wait = f->wait };

	/*
	 * The kernel allows neither circles nor deep nests; a snapshot of a changing set may show
	 * one.
	 */
	if (depth_of(c, f->wait) > NESTS_MAX) {
		wait_describe(c, f->wait, WAIT_POLL, "waiting for a nested epoll set (fd %d)",
			      f->fd);
		wait_unknown(c, f->wait, "epoll sets are nested too deeply");
		return true;
	}
	decode_set(c, &site, f->file);
	return true;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;

	wait_on_file(c, site, (int32_t)t->args[0], MODE_READ);
	if (t->nr == SYS_epoll_pwait2)
		wait_timeout_at(c, site, t->args[3], false, CLOCK_MONOTONIC);
	else
		wait_timeout(c, t, site->wait, (int32_t)t->args[3]);
	return true;
}

const struct wait_kind wait_epoll = {
	.name = "epoll",
	.syscalls = (const int16_t[]){ SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, -1 },
	.files = 1u << FILE_EPOLL,
	.decode = decode,
	.decode_file = decode_file,
};
