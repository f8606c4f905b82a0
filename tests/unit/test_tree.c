/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/tree.h"

#include "lib/unit_child.h"
#include "read/details.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Numbers that no kernel gives (PID_MAX_LIMIT is 4 Mi): nothing of them is ever read from /proc. */
enum { INIT = 1, ROOT = 5000010, CHILD, GRANDCHILD, OTHER, ORPHAN, BELOW, SHELL };

static struct snap_process *add(struct snapshot *s, int32_t tgid, int32_t ppid, uint64_t start)
{
	struct snap_process *p = vec_push(&s->processes);

	p->tgid = tgid;
	p->ppid = ppid;
	p->start_ticks = start;
	p->state = 'S';
	p->pgrp = p->session = 5;
	p->subreaper = 1;
	p->cgroup = strtab_add(s->strings, "0::/all");
	return p;
}

/* init, a shell below it, and ROOT, CHILD and GRANDCHILD in the shell's session and group. */
static struct snapshot *family(void)
{
	struct snapshot *s = snapshot_new();

	add(s, INIT, 0, 1)->pgrp = 1;
	add(s, SHELL, INIT, 2)->session = SHELL;
	add(s, ROOT, SHELL, 100);
	add(s, CHILD, ROOT, 101);
	add(s, GRANDCHILD, CHILD, 102);
	return s;
}

static int select_root(struct snapshot *s, struct snag_error *err)
{
	static const int32_t root = ROOT;
	const struct read_scope scope = { .roots = &root, .root_count = 1 };

	snapshot_index(s);
	return tree_select(s, &scope, err);
}

static bool in(const struct snapshot *s, int32_t tgid)
{
	return snapshot_process(s, tgid)->in_tree;
}

static const char *why(const struct snapshot *s, int32_t tgid)
{
	const char *text = snapshot_process(s, tgid)->joined_why;

	return text ? text : "";
}

Test(tree, is_the_root_with_all_descendants)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	add(s, OTHER, SHELL, 103);
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert(in(s, ROOT) && in(s, CHILD) && in(s, GRANDCHILD));
	cr_assert_not(in(s, OTHER));
	cr_assert_not(in(s, SHELL));
	cr_assert_not(in(s, INIT));
	cr_assert_not(snapshot_process(s, CHILD)->joined);
	cr_assert_eq(s->root_tgid, ROOT);
	cr_assert_eq(s->root_start, 100);
}

Test(tree, a_process_that_is_not_there)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snag_error err = SNAG_ERROR_INIT;

	add(s, INIT, 0, 1);
	cr_assert_eq(select_root(s, &err), -ESRCH);
	cr_assert_str_eq(err.text, "no process 5000010");
}

Test(tree, also_adds_a_second_family)
{
	_cleanup_snapshot_ struct snapshot *s = family();
	const int32_t root = ROOT, also = OTHER;
	const struct read_scope scope = {
		.roots = &root, .root_count = 1, .also = &also, .also_count = 1
	};

	add(s, OTHER, SHELL, 50);
	add(s, BELOW, OTHER, 51);
	snapshot_index(s);
	cr_assert_eq(tree_select(s, &scope, NULL), 0);
	cr_assert_str_eq(why(s, OTHER), "--also");
	cr_assert(in(s, BELOW));
	cr_assert_eq(s->root_tgid, ROOT);
}

Test(tree, an_orphan_of_a_session_that_began_in_the_tree)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	snapshot_process(s, CHILD); /* CHILD called setsid(2), and so did a process that is gone */
	s->processes.at[3].session = s->processes.at[3].pgrp = CHILD;
	add(s, ORPHAN, INIT, 110)->session = CHILD;
	add(s, BELOW, ORPHAN, 111)->session = BELOW;
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_str_eq(why(s, ORPHAN), "session");
	cr_assert_str_eq(why(s, BELOW), "session", "descendants come along");
}

Test(tree, an_orphan_joins_through_one_that_joined)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	s->processes.at[3].session = CHILD;
	s->processes.at[3].tgid = CHILD;
	add(s, ORPHAN, INIT, 110)->session = CHILD;
	/*
	 * BELOW is an orphan of a session that a child of ORPHAN, gone now, began; OTHER is left
	 * of it
	 */
	add(s, BELOW, ORPHAN, 111)->session = 5000777;
	add(s, OTHER, INIT, 112)->session = 5000777;
	s->processes.at[s->processes.count - 1].pgrp = 78;
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_str_eq(why(s, OTHER), "session");
}

Test(tree, the_session_of_the_root_joins_nobody)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	add(s, ORPHAN, SHELL, 110); /* another job of the same shell */
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_not(in(s, ORPHAN));
}

Test(tree, an_orphan_of_the_process_group)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	add(s, ORPHAN, INIT, 110); /* group 5, as the root, whose leader is gone */
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_str_eq(why(s, ORPHAN), "process group");
}

Test(tree, older_than_the_root_is_not_from_it)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	add(s, ORPHAN, INIT, 99);
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_not(in(s, ORPHAN));
}

Test(tree, a_container_where_all_share_the_group_of_init)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	for (uint32_t i = 0; i < s->processes.count; i++)
		s->processes.at[i].pgrp = s->processes.at[i].session = INIT;
	add(s, ORPHAN, INIT, 110)->pgrp = INIT;
	snapshot_index(s);
	snapshot_process(s, ORPHAN)->session = INIT;
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_not(in(s, ORPHAN), "a sibling in the group of its living parent");
}

Test(tree, a_pipeline_of_a_shell_is_not_adopted)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	s->processes.at[2].pgrp = ROOT;
	add(s, OTHER, SHELL, 101)->pgrp = ROOT; /* ROOT | OTHER */
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_not(in(s, OTHER), "the kernel says that the shell adopts nobody");
}

Test(tree, an_interactive_shell_adopts_nobody)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	s->processes.at[1].subreaper = 0; /* unknown, through /proc */
	s->processes.at[1].tty_nr = 34816;
	s->processes.at[2].pgrp = ROOT;
	add(s, OTHER, SHELL, 101)->pgrp = ROOT;
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_not(in(s, OTHER));
}

Test(tree, a_subreaper_adopts_orphans_of_the_group)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	s->processes.at[1].subreaper = 2;
	s->processes.at[1].pgrp = SHELL;
	add(s, ORPHAN, SHELL, 101);
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_str_eq(why(s, ORPHAN), "process group");
}

Test(tree, an_orphan_in_the_cgroup_of_a_service)
{
	_cleanup_snapshot_ struct snapshot *s = family();
	uint32_t own = strtab_add(s->strings, "0::/system.slice/x.service");

	for (uint32_t i = 2; i < s->processes.count; i++)
		s->processes.at[i].cgroup = own;
	s->processes.at[2].ppid = INIT;
	add(s, ORPHAN, INIT, 120)->cgroup = own;
	add(s, OTHER, INIT, 121);
	snapshot_index(s);
	snapshot_process(s, ORPHAN)->pgrp = 77;
	snapshot_process(s, OTHER)->pgrp = 78;
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_str_eq(why(s, ORPHAN), "cgroup");
	cr_assert_not(in(s, OTHER));
}

Test(tree, kernel_threads_and_snag_itself_stay_out)
{
	_cleanup_snapshot_ struct snapshot *s = family();

	add(s, OTHER, ROOT, 103)->kernel = true;
	add(s, getpid(), CHILD, 104);
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert_not(in(s, OTHER));
	cr_assert_not(in(s, getpid()));
}

Test(tree, a_circle_of_parents_ends)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add(s, ROOT, CHILD, 1);
	add(s, CHILD, ROOT, 2);
	add(s, OTHER, OTHER, 3);
	cr_assert_eq(select_root(s, NULL), 0);
	cr_assert(in(s, ROOT) && in(s, CHILD));
	cr_assert_not(in(s, OTHER));
}

static struct snap_process *add_command(struct snapshot *s, int32_t tgid, int32_t ppid,
					uint64_t start, const char *argv)
{
	struct snap_process *p = add(s, tgid, ppid, start);

	p->argv = strtab_add(s->strings, argv);
	return p;
}

Test(tree, match_takes_the_eldest_for_root)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	const struct read_scope scope = { .match = "wor[k]er --n [0-9]+$" };

	add(s, INIT, 0, 1);
	add_command(s, ROOT, INIT, 20,
		    "worker\x1f--n\x1f"
		    "1");
	add_command(s, CHILD, INIT, 10,
		    "worker\x1f--n\x1f"
		    "2");
	add_command(s, OTHER, INIT, 5, "worker\x1f--n\x1fx");
	snapshot_index(s);
	cr_assert_eq(tree_select(s, &scope, NULL), 0);
	cr_assert_eq(s->root_tgid, CHILD);
	cr_assert(in(s, ROOT) && in(s, CHILD));
	cr_assert_not(in(s, OTHER));
}

Test(tree, match_does_not_take_snag_or_what_only_started_it)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	const struct read_scope scope = { .match = "needle" };
	struct snag_error err = SNAG_ERROR_INIT;

	add(s, INIT, 0, 1);
	add_command(s, SHELL, INIT, 2, "sh\x1f-c\x1fsnag why --match needle");
	add_command(s, getpid(), SHELL, 3, "snag\x1fwhy\x1f--match\x1fneedle");
	snapshot_index(s);
	cr_assert_eq(tree_select(s, &scope, &err), -ESRCH);
	cr_assert_str_eq(err.text, "no process matches needle");
	/* A script that runs snag in the midst of its own work is a fair target. */
	add_command(s, ROOT, INIT, 1, "run-needle.sh");
	s->processes.at[2].ppid = ROOT;
	snapshot_index(s);
	cr_assert_eq(tree_select(s, &scope, &err), 0);
	cr_assert_eq(s->root_tgid, ROOT);
}

Test(tree, match_that_is_no_expression)
{
	_cleanup_snapshot_ struct snapshot *s = family();
	const struct read_scope scope = { .match = "(" };
	struct snag_error err = SNAG_ERROR_INIT;

	snapshot_index(s);
	cr_assert_eq(tree_select(s, &scope, &err), -EINVAL);
	cr_assert(strstr(err.text, "--match ("), "%s", err.text);
}

Test(tree, cgroup_takes_it_and_all_below)
{
	_cleanup_snapshot_ struct snapshot *s = family();
	const struct read_scope scope = { .cgroup = "/a/b" }, none = { .cgroup = "/x" };
	struct snag_error err = SNAG_ERROR_INIT;

	s->processes.at[2].cgroup = strtab_add(s->strings, "1:cpu:/\n0::/a/b");
	add(s, OTHER, INIT, 99)->cgroup = strtab_add(s->strings, "0::/a/b/c");
	add(s, BELOW, INIT, 98)->cgroup = strtab_add(s->strings, "0::/a/bc");
	snapshot_index(s);
	cr_assert_eq(tree_select(s, &none, &err), -ESRCH);
	cr_assert_str_eq(err.text, "no process in cgroup /x");
	cr_assert_eq(tree_select(s, &scope, NULL), 0);
	cr_assert_eq(s->root_tgid, OTHER);
	cr_assert(in(s, ROOT) && in(s, OTHER));
	cr_assert_not(in(s, BELOW));
}

static void *sleeping(void *arg)
{
	pause();
	return arg;
}

static void with_thread(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, sleeping, arg);
	pause();
}

Test(tree, a_tid_names_its_process)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	int32_t tgid = child_start(with_thread, NULL);
	int32_t tid = child_wait_thread(tgid);
	const struct read_scope scope = { .roots = &tid, .root_count = 1 };

	add(s, tgid, INIT, 1);
	snapshot_index(s);
	cr_assert_eq(tree_select(s, &scope, NULL), 0);
	cr_assert_eq(s->root_tgid, tgid);
	child_end(tgid);
}
