/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The init of a pid namespace ends only after every process of the namespace was reaped. One of
 * them has its parent outside (as after nsenter), and that parent never waits. snag must go from
 * who waits for init to the init that exits, and blame the parent that does not reap.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

struct stage {
	volatile pid_t init;
	volatile pid_t inside; /* as seen from outside */
	volatile int end;
};

static bool init_known(void *arg)
{
	return ((struct stage *)arg)->init != 0;
}

static bool inside_known(void *arg)
{
	return ((struct stage *)arg)->inside != 0;
}

static bool told_to_end(void *arg)
{
	return ((struct stage *)arg)->end;
}

/* Joins the namespace for its children, has one there and never reaps it. */
static void enter(void *arg)
{
	struct stage *stage = arg;

	wait_until(init_known, stage, "the namespace has its init");
	int ns = (int)must(open(text("/proc/%d/ns/pid", stage->init), O_RDONLY | O_CLOEXEC));
	must(setns(ns, CLONE_NEWPID));
	close(ns);
	stage->inside = spawn_child(hang, NULL);
	hang_dead(NULL);
}

static void init_main(void *arg)
{
	wait_until(told_to_end, arg, "told to end");
	_exit(0);
}

SCENARIO(pidns_init_exit, .needs = "root,pidns",
	 .what = "a namespace's init cannot end: its member has a parent outside that never reaps")
{
	struct stage *stage = shared_page();
	pid_t outside = spawn_child(enter, stage);

	must(unshare(CLONE_NEWPID));
	stage->init = spawn_child(init_main, stage);
	wait_until(inside_known, stage, "a process has entered");
	wait_blocked(stage->inside, 0);
	stage->end = 1;
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, stage->init);
	truth_hop(stage->init, 0, "pidns-exit", NULL, ANYBODY);
	truth_wait(outside, 0, "pipe-read", NULL, outside);
	truth_culprit(outside, NULL);
	truth_culprit(stage->inside, NULL);
	truth_finding("zombie", stage->inside);
	truth_ready();
	waitpid(stage->init, NULL, 0);
}
