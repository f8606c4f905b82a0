/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/snapshot.h"

#include <criterion/criterion.h>

static struct snap_process *add_process(struct snapshot *s, int32_t tgid, uint64_t start)
{
	struct snap_process *p = vec_push(&s->processes);

	p->tgid = tgid;
	p->start_ticks = start;
	return p;
}

static void add_task(struct snapshot *s, int32_t tgid, int32_t tid)
{
	struct snap_task *t = vec_push(&s->tasks);

	t->tgid = tgid;
	t->tid = tid;
}

static void add_file(struct snapshot *s, int32_t tgid, int32_t fd, uint64_t ino)
{
	struct snap_file *f = vec_push(&s->files);

	f->tgid = tgid;
	f->fd = fd;
	f->ino = ino;
}

Test(snapshot, an_empty_one_finds_nothing)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	snapshot_index(s);
	cr_assert_null(snapshot_process(s, 1));
	cr_assert_null(snapshot_task(s, 1));
	cr_assert_null(snapshot_file(s, 1, 0));
	cr_assert_str_eq(snapshot_str(s, 0), "");
	cr_assert_str_eq(snapshot_str(s, 99), "");
}

Test(snapshot, index_sorts_processes_and_puts_leaders_first)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add_process(s, 300, 3);
	add_process(s, 20, 1);
	add_task(s, 300, 300);
	add_task(s, 20, 5); /* tids wrap round: a thread may have a lower number than its leader */
	add_task(s, 20, 21);
	add_task(s, 20, 20);
	snapshot_index(s);
	cr_assert_eq(s->processes.at[0].tgid, 20);
	cr_assert_eq(s->processes.at[0].first_task, 0);
	cr_assert_eq(s->processes.at[0].task_count, 3);
	cr_assert_eq(s->tasks.at[0].tid, 20);
	cr_assert_eq(s->tasks.at[1].tid, 5);
	cr_assert_eq(s->tasks.at[2].tid, 21);
	cr_assert_eq(s->processes.at[1].first_task, 3);
	cr_assert_eq(snapshot_task(s, 21)->process, 0);
	cr_assert_eq(snapshot_task(s, 300)->process, 1);
}

Test(snapshot, files_of_a_process_stand_side_by_side)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add_process(s, 7, 1);
	add_process(s, 8, 1);
	add_file(s, 8, 0, 80);
	add_file(s, 7, 3, 73);
	add_file(s, 7, 1, 71);
	snapshot_index(s);
	cr_assert_eq(snapshot_process(s, 7)->file_count, 2);
	cr_assert_eq(s->files.at[snapshot_process(s, 7)->first_file].fd, 1);
	cr_assert_eq(snapshot_file(s, 7, 3)->ino, 73);
	cr_assert_eq(snapshot_file(s, 8, 0)->ino, 80);
	cr_assert_null(snapshot_file(s, 8, 1));
}

Test(snapshot, what_belongs_to_no_listed_process_goes)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add_process(s, 7, 1);
	add_task(s, 9, 9);
	add_task(s, 7, 7);
	add_file(s, 9, 0, 1);
	snapshot_index(s);
	cr_assert_eq(s->tasks.count, 1);
	cr_assert_eq(s->files.count, 0);
	cr_assert_null(snapshot_task(s, 9));
}

Test(snapshot, doubles_are_kept_once)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add_process(s, 7, 1);
	add_process(s, 7, 2);
	add_task(s, 7, 7);
	add_task(s, 7, 7);
	add_file(s, 7, 0, 1);
	add_file(s, 7, 0, 2);
	snapshot_index(s);
	cr_assert_eq(s->processes.count, 1);
	cr_assert_eq(s->processes.at[0].start_ticks, 1);
	cr_assert_eq(s->tasks.count, 1);
	cr_assert_eq(s->files.count, 1);
}

Test(snapshot, index_again_gives_the_same)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	for (int32_t i = 1000; i > 0; i--) {
		add_process(s, i, 1);
		add_task(s, i, i);
		add_task(s, i, i + 5000);
	}
	snapshot_index(s);
	snapshot_index(s);
	cr_assert_eq(s->processes.count, 1000);
	for (int32_t i = 1; i <= 1000; i++) {
		cr_assert_eq(snapshot_process(s, i)->task_count, 2);
		cr_assert_eq(snapshot_task(s, i + 5000)->tgid, i);
	}
}

Test(snapshot, equal_notes_are_kept_once)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	snapshot_missing(s, "%d files", 3);
	snapshot_missing(s, "%d files", 4);
	snapshot_missing(s, "%d files", 3);
	cr_assert_eq(s->missing.count, 2);
	cr_assert_str_eq(snapshot_str(s, s->missing.at[1]), "4 files");
}

/* Files of the tree by number, and behind them those of others before, within and after it. */
Test(snapshot, files_of_others_come_between_those_of_the_tree)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	const int32_t others[] = { 1, 2, 15, 15, 999 };
	uint32_t n = 0;

	for (int32_t tgid = 1; tgid < 1000; tgid++)
		add_process(s, tgid, 1);
	for (int32_t tgid = 10; tgid < 900; tgid += 10)
		for (int32_t fd = 0; fd < 3; fd++)
			add_file(s, tgid, fd, (uint64_t)(tgid * 10 + fd));
	for (uint32_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		add_file(s, others[i], (int32_t)i, (uint64_t)others[i] * 10 + i);
	add_file(s, 999, 4, 5); /* the same again: the first one counts */
	snapshot_index(s);
	cr_assert_eq(s->files.count, 89 * 3 + 5);
	for (uint32_t i = 0; i < s->files.count; i++) {
		const struct snap_file *f = &s->files.at[i];

		cr_assert_eq(f->ino, (uint64_t)(f->tgid * 10 + f->fd));
		cr_assert_eq(snapshot_file(s, f->tgid, f->fd), f);
		n += i && (f[-1].tgid > f->tgid || (f[-1].tgid == f->tgid && f[-1].fd >= f->fd));
	}
	cr_assert_eq(n, 0, "%u files stand before one of a smaller number", n);
	cr_assert_eq(snapshot_process(s, 15)->file_count, 2);
}
