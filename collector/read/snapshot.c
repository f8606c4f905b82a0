/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/snapshot.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

struct snapshot *snapshot_new(void)
{
	struct snapshot *s = xcalloc(1, sizeof(*s));

	s->strings = strtab_new();
	return s;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	vec_release(&s->processes);
	vec_release(&s->tasks);
	vec_release(&s->files);
	vec_release(&s->epitems);
	vec_release(&s->socks);
	vec_release(&s->uring);
	vec_release(&s->undo);
	vec_release(&s->inflight);
	vec_release(&s->missing);
	vec_release(&s->net_spaces);
	map_release(&s->by_tgid);
	map_release(&s->by_tid);
	vec_release(&s->queues);
	map_release(&s->by_sock);
	map_release(&s->by_address);
	strtab_free(s->strings);
	free(s);
}

static int compare_processes(const void *a, const void *b)
{
	const struct snap_process *x = a, *y = b;

	return (x->tgid > y->tgid) - (x->tgid < y->tgid);
}

/* By process, the leader before the others. */
static int compare_tasks(const void *a, const void *b)
{
	const struct snap_task *x = a, *y = b;

	if (x->tgid != y->tgid)
		return x->tgid > y->tgid ? 1 : -1;
	if ((x->tid == x->tgid) != (y->tid == y->tgid))
		return x->tid == x->tgid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int compare_files(const void *a, const void *b)
{
	const struct snap_file *x = a, *y = b;

	if (x->tgid != y->tgid)
		return x->tgid > y->tgid ? 1 : -1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

/*
 * Sort unless it is sorted already, which is the usual case: /proc and the iterators go by
 * number.
 */
static void sort(void *at, uint32_t count, size_t size, int (*compare)(const void *, const void *))
{
	const char *p = at;

	for (uint32_t i = 1; i < count; i++)
		if (compare(p + (i - 1) * size, p + i * size) > 0) {
			qsort(at, count, size, compare);
			return;
		}
}

/* How far files are sorted from `from` on. */
static uint32_t sorted_files(const struct snapshot *s, uint32_t from)
{
	uint32_t i = from + 1;

	while (i < s->files.count && compare_files(&s->files.at[i - 1], &s->files.at[i]) <= 0)
		i++;
	return i;
}

/* The first of `count` sorted files that belongs behind `f`. */
static uint32_t file_behind(const struct snap_file *files, uint32_t count,
			    const struct snap_file *f)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare_files(&files[middle], f) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Behind the files of the tree come those few of others that matter, both in order: each of the
 * tree's moves once, in one of a few pieces.
 */
static void sort_files(struct snapshot *s)
{
	uint32_t left = s->files.count ? sorted_files(s, 0) : 0, tail = s->files.count - left;
	_cleanup_free_ struct snap_file *last = NULL;
	struct snap_file *at = s->files.at;

	if (!tail)
		return;
	if (sorted_files(s, left) < s->files.count) {
		qsort(at, s->files.count, sizeof(*at), compare_files);
		return;
	}
	last = xcalloc(tail, sizeof(*last));
	memcpy(last, at + left, tail * sizeof(*last));
	while (tail--) {
		uint32_t to = file_behind(at, left, &last[tail]);

		memmove(at + to + tail + 1, at + to, (left - to) * sizeof(*at));
		at[to + tail] = last[tail];
		left = to;
	}
}

static void index_processes(struct snapshot *s)
{
	uint32_t n = 0;

	sort(s->processes.at, s->processes.count, sizeof(*s->processes.at), compare_processes);
	map_release(&s->by_tgid);
	map_reserve(&s->by_tgid, s->processes.count);
	for (uint32_t i = 0; i < s->processes.count; i++) {
		/*
		 * A pid that was reused while the list was read stands in it twice: the first one
		 * counts.
		 */
		if (n && s->processes.at[n - 1].tgid == s->processes.at[i].tgid)
			continue;
		s->processes.at[n] = s->processes.at[i];
		s->processes.at[n].first_task = s->processes.at[n].task_count = 0;
		map_put(&s->by_tgid, (uint32_t)s->processes.at[n].tgid, n + 1);
		n++;
	}
	s->processes.count = n;
}

/*
 * Threads of a process that began after the list of processes was read belong to nobody: they go.
 */
static void index_tasks(struct snapshot *s)
{
	uint32_t n = 0;

	sort(s->tasks.at, s->tasks.count, sizeof(*s->tasks.at), compare_tasks);
	map_release(&s->by_tid);
	map_reserve(&s->by_tid, s->tasks.count);
	for (uint32_t i = 0; i < s->tasks.count; i++) {
		struct snap_task *t = &s->tasks.at[i];
		uint32_t p = map_get(&s->by_tgid, (uint32_t)t->tgid, 0);

		if (!p || map_find(&s->by_tid, (uint32_t)t->tid, NULL))
			continue;
		t->process = p - 1;
		if (!s->processes.at[p - 1].task_count++)
			s->processes.at[p - 1].first_task = n;
		map_put(&s->by_tid, (uint32_t)t->tid, n + 1);
		s->tasks.at[n++] = *t;
	}
	s->tasks.count = n;
}

void snapshot_index_files(struct snapshot *s)
{
	uint32_t n = 0, p = 0;

	for (uint32_t i = 0; i < s->processes.count; i++)
		s->processes.at[i].first_file = s->processes.at[i].file_count = 0;
	sort_files(s);
	for (uint32_t i = 0; i < s->files.count; i++) {
		struct snap_file *f = &s->files.at[i];

		if (!i || f->tgid != f[-1].tgid)
			p = map_get(&s->by_tgid, (uint32_t)f->tgid, 0);
		/* sorted, so the same descriptor again stands behind the first one */
		if (!p || (n && !compare_files(&s->files.at[n - 1], f)))
			continue;
		if (!s->processes.at[p - 1].file_count++)
			s->processes.at[p - 1].first_file = n;
		if (n != i)
			s->files.at[n] = *f;
		n++;
	}
	s->files.count = n;
}

void snapshot_index(struct snapshot *s)
{
	index_processes(s);
	index_tasks(s);
	snapshot_index_files(s);
}

struct snap_process *snapshot_process(const struct snapshot *s, int32_t tgid)
{
	uint32_t i = map_get(&s->by_tgid, (uint32_t)tgid, 0);

	return i ? &s->processes.at[i - 1] : NULL;
}

uint32_t snapshot_tree_size(const struct snapshot *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->processes.count; i++)
		count += s->processes.at[i].in_tree;
	return count;
}

struct snap_task *snapshot_task(const struct snapshot *s, int32_t tid)
{
	uint32_t i = map_get(&s->by_tid, (uint32_t)tid, 0);

	return i ? &s->tasks.at[i - 1] : NULL;
}

bool snapshot_is_suspicious(const struct snapshot *s, int32_t tgid)
{
	const struct snap_process *p = snapshot_process(s, tgid);

	if (!p)
		return true;
	for (uint32_t i = 0; i < p->task_count; i++)
		if (s->tasks.at[p->first_task + i].state == 'D')
			return true;
	return false;
}

#define BIT(signal) (1ull << ((signal)-1))
/*
 * From 32 on two of glibc (SIGCANCEL, SIGSETXID of nptl), three of musl (internal/pthread_impl.h).
 */
static const uint64_t inward = BIT(SIGCHLD) | BIT(SIGALRM) | BIT(SIGPIPE) | BIT(SIGSEGV) |
			       BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGABRT) | BIT(32) |
			       BIT(33) | BIT(34);

uint64_t snapshot_handled(const struct snapshot *s, const struct snap_process *p)
{
	uint64_t blocked = UINT64_MAX;

	if (!p->has_signals)
		return UINT64_MAX;
	for (uint32_t i = 0; i < p->task_count; i++) {
		const struct snap_task *t = &s->tasks.at[p->first_task + i];

		if (t->state != 'Z' && t->state != 'X')
			blocked &= t->has_signals ? t->sig_blocked : 0;
	}
	return p->sig_caught & ~p->sig_ignored & ~inward & ~blocked;
}

struct snap_file *snapshot_file(const struct snapshot *s, int32_t tgid, int32_t fd)
{
	const struct snap_process *p = snapshot_process(s, tgid);
	uint32_t low = p ? p->first_file : 0, high = p ? low + p->file_count : 0;

	/* Sorted, each number once: it cannot stand further back, and mostly stands there. */
	if (fd >= 0 && (uint32_t)fd < high - low)
		high = low + (uint32_t)fd + 1;
	if (low < high && s->files.at[high - 1].fd == fd)
		return &s->files.at[high - 1];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->files.at[middle].fd == fd)
			return &s->files.at[middle];
		if (s->files.at[middle].fd < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const char *snapshot_str(const struct snapshot *s, uint32_t id)
{
	const char *text = strtab_get(s->strings, id);

	return text ? text : "";
}

void snapshot_missing(struct snapshot *s, const char *fmt, ...)
{
	uint32_t id;
	va_list ap;

	va_start(ap, fmt);
	id = strtab_addv(s->strings, fmt, ap);
	va_end(ap);
	if (!id)
		return;
	for (uint32_t i = 0; i < s->missing.count; i++)
		if (s->missing.at[i] == id)
			return;
	*vec_push(&s->missing) = id;
}
