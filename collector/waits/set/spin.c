/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/set/spin.h"

#include "read/proc/procfs.h"
#include "read/proc/procstat.h"
#include "waits/find.h"
#include "waits/set/epoll.h"
#include "waits/wait_ctx.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { EVENTS_IN = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP, TOLD_MAX = 8 };

/* ---- who calls the kernel -------------------------------------------------------------------- */

/*
 * The kernel samples at each tick where a thread is (kernel/sched/cputime.c). Of who computes a few
 * ticks fall into interrupts and page faults, some 2 %; a loop of asyncio that does nothing spends
 * 18 % of its time in the kernel, one in C more than half.
 */
enum { TICKS_ENOUGH = 25, TICKS_CLEAR = 8, TICKS_LEAST = 3, SHARE = 10 };
enum { PAUSE_MS = 20, PAUSES_MAX = 100, TIMES_MAX = 256 };

struct spin_time {
	int32_t tid;
	uint64_t start, user, system; /* clock ticks */
};

struct spin_times {
	VEC(struct spin_time) at;
};

static bool read_time(int32_t tgid, int32_t tid, struct spin_time *ret)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct procstat st;

	if (procfs_read_of(&b, tgid, tid, "stat", NULL) < 0 || !procstat_parse(strbuf_str(&b), &st))
		return false;
	*ret = (struct spin_time){ .tid = tid,
				   .start = st.start_ticks,
				   .user = st.user_ticks,
				   .system = st.system_ticks };
	return true;
}

struct spin_times *spin_times_new(const struct snapshot *s)
{
	struct spin_times *times = xcalloc(1, sizeof(*times));

	for (uint32_t i = 0; i < s->tasks.count && times->at.count < TIMES_MAX; i++) {
		const struct snap_task *t = &s->tasks.at[i];
		struct spin_time now;

		if (t->state == 'R' && s->processes.at[t->process].in_tree &&
		    read_time(t->tgid, t->tid, &now))
			*vec_push(&times->at) = now;
	}
	return times;
}

void spin_times_free(struct spin_times *times)
{
	if (!times)
		return;
	vec_release(&times->at);
	free(times);
}

static const struct spin_time *time_of(const struct spin_times *times, int32_t tid)
{
	for (uint32_t i = 0; i < times->at.count; i++)
		if (times->at.at[i].tid == tid)
			return &times->at.at[i];
	return NULL;
}

bool spin_calls_kernel(const struct spin_times *times, int32_t tgid, int32_t tid)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
	const struct spin_time *then = time_of(times, tid);
	uint64_t system = 0, all = 0;

	for (int i = 0; then && i < PAUSES_MAX && all < TICKS_ENOUGH && system < TICKS_CLEAR; i++) {
		struct spin_time now;

		if (i)
			nanosleep(&pause, NULL);
		if (!read_time(tgid, tid, &now) || now.start != then->start)
			return false;
		system = now.system - then->system;
		all = system + now.user - then->user;
	}
	return system >= TICKS_LEAST && system * SHARE >= all;
}

/* ---- what is always ready -------------------------------------------------------------------- */

/* net/unix/af_unix.c unix_poll(), net/ipv4/tcp.c tcp_poll(): why it is at its end, or NULL. */
static const char *end_of_socket(const struct snap_sock *k, uint32_t events)
{
	uint8_t shut = k->shutdown == 0xff ? 0 : k->shutdown;
	bool in = events & EVENTS_IN;

	if (k->state == SOCK_LISTENING || k->rqueue ||
	    (k->type != SOCK_STREAM && k->type != SOCK_SEQPACKET))
		return NULL;
	if (k->family != AF_UNIX && k->state == SOCK_CLOSE)
		return "is not connected";
	if (k->family != AF_UNIX && k->state == SOCK_CLOSE_WAIT && in)
		return "has its other end closed";
	if (shut != 3 && !(shut & 1 && in))
		return NULL;
	return k->family == AF_UNIX && !k->peer_ino ? "has its other end closed" : "was shut down";
}

/*
 * fs/pipe.c pipe_poll(). A FIFO may never have had a writer, which is not its end. Without the
 * kernel's counts nothing can be told: an end may be in a queue of a socket, where nobody sees it.
 */
static const char *end_of_pipe(const struct snap_file *f)
{
	bool reads = f->mode & MODE_READ;

	if (f->named || (reads && f->pipe_used) || (reads ? f->pipe_writers : f->pipe_readers))
		return NULL;
	return reads ? "has no writer any more" : "has no reader any more";
}

static const char *end_of(struct wait_ctx *c, const struct snap_file *f, uint32_t events)
{
	const struct snap_sock *k;

	if (f->kind == FILE_PIPE)
		return end_of_pipe(f);
	k = f->kind == FILE_SOCKET ? wait_sock(c, f) : NULL;
	return k ? end_of_socket(k, events) : NULL;
}

/* An item that is told once, by edge, wakes nobody again; one that is spent neither. */
static bool is_level(const struct snap_epitem *e)
{
	return !(e->events & EPOLLET) && !epoll_is_spent(e);
}

static bool has_item(const struct snapshot *s, const struct snap_file *set,
		     const struct snap_epitem *e)
{
	for (uint32_t i = 0; i < set->item_count; i++) {
		const struct snap_epitem *now = &s->epitems.at[set->first_item + i];

		if (set->first_item + i >= s->epitems.count)
			return false;
		if (now->fd == e->fd && now->ino == e->ino && now->data == e->data && is_level(now))
			return true;
	}
	return false;
}

/* Whether the item of `was`, with this target, is in the set and at its end here as well. */
static bool is_still(struct wait_ctx *c, const struct snap_file *was, const struct snap_epitem *e,
		     const struct snap_file *target)
{
	const struct snap_file *set = wait_file(c, was->tgid, was->fd);

	if (!set || set->kind != FILE_EPOLL || !set->details || !has_item(c->snap, set, e))
		return false;
	for (uint32_t i = 0; i < c->snap->files.count; i++) {
		const struct snap_file *f = &c->snap->files.at[i];

		if (f->kind == target->kind && f->ino == target->ino && f->mode == target->mode)
			return end_of(c, f, e->events);
	}
	return false;
}

/* A process may have several descriptors of one set. */
static bool is_told(const struct model *m, const struct finding *f)
{
	for (uint32_t i = 0; i < m->findings.count; i++) {
		const struct finding *g = &m->findings.at[i];

		if (g->kind == f->kind && g->actor == f->actor && g->object == f->object &&
		    g->fd == f->fd)
			return true;
	}
	return false;
}

static bool tell(struct wait_ctx *c, const struct snap_file *set, const struct snap_epitem *e,
		 const struct snap_file *target, const char *end)
{
	struct wait_fact fact = { .kind = SPIN_FINDING, .tgid = set->tgid, .fd = e->fd };
	int32_t fd = set->fd;

	fact.object = wait_file_object(c, target);
	if (is_told(c->model, &(struct finding){ .kind = strtab_add(c->model->strings, fact.kind),
						 .actor = wait_actor(c, fact.tgid),
						 .object = fact.object,
						 .fd = fact.fd }))
		return false;
	wait_finding(c, &fact,
		     "%s: fd %d, %s, %s and so is always ready, and nobody takes it out of epoll "
		     "set %d",
		     wait_name_of(c, fact.tgid).text, fact.fd, wait_file_name(c, target), end, fd);
	return true;
}

static uint32_t find_in_set(struct wait_ctx *c, struct wait_ctx *later, const struct snap_file *set,
			    bool tells)
{
	const struct snap_file *target;
	uint32_t told = 0;

	for (uint32_t i = 0; set->details && i < set->item_count && i < WAIT_ITEMS_MAX; i++) {
		uint32_t item = set->first_item + i;
		struct snap_epitem e;
		const char *end;
		bool stale;

		if (item >= c->snap->epitems.count)
			break;
		e = c->snap->epitems.at[item];
		target = is_level(&e) ? epoll_target(c, set, item, &stale) : NULL;
		end = target ? end_of(c, target, e.events) : NULL;
		if (end && is_still(later, set, &e, target))
			told += !tells || tell(c, set, &e, target, end);
	}
	return told;
}

uint32_t spin_find_items(struct wait_ctx *c, struct wait_ctx *later, int32_t tgid, bool tells)
{
	const struct snap_process *p = snapshot_process(c->snap, tgid);
	uint32_t told = 0;

	for (uint32_t i = 0; p && i < p->file_count && told < TOLD_MAX; i++) {
		const struct snap_file *f = &c->snap->files.at[p->first_file + i];

		if (f->kind == FILE_EPOLL)
			told += find_in_set(c, later, wait_file(c, tgid, f->fd), tells);
	}
	return told;
}

void waits_find_spins(const struct spin_times *times, struct snapshot *first, struct snapshot *last,
		      struct model *m)
{
	_cleanup_wait_ctx_ struct wait_ctx *c = wait_ctx_new(first, m);
	_cleanup_wait_ctx_ struct wait_ctx *later = wait_ctx_new(last, m);
	uint32_t found = 0;
	int32_t done = 0;

	/* the threads of an actor are side by side; telling whether they call takes its time */
	for (uint32_t i = 1; i <= m->threads.count; i++) {
		const struct thread *t = model_thread(m, i);
		int32_t tgid = model_actor(m, t->actor)->pid;

		if (!t->busy || tgid == done || !spin_find_items(c, later, tgid, false) ||
		    !spin_calls_kernel(times, tgid, t->tid))
			continue;
		done = tgid;
		found += spin_find_items(c, later, tgid, true);
	}
	if (found)
		model_index(m);
}
