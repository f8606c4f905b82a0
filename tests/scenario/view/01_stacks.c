/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many equal workers and one that does something else. `snag stacks` must say the twelve at once
 * and show the odd one first, with the functions that they know themselves to be in.
 */
#include "lib/scenario.h"
#include "lib/scenario_view.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CREW = 13, ODD = 6, BYTES = 65536 };

/* What all share. */
struct crew {
	int jobs[2], log[2];
	int idle[CREW]; /* of threads: a pipe end each */
	int me;
};

/* A call in front of which the compiler must come back: none becomes a jump. */
#define STAY __asm__ volatile("" ::: "memory")

__attribute__((noinline)) static void view_next_job(const struct crew *c)
{
	char job;

	truth_calls(getpid(), self_tid(), text("view_run > %s > read", __func__));
	must(read(c->jobs[0], &job, 1));
	STAY;
}

__attribute__((noinline)) static void view_flush_log(const struct crew *c)
{
	static const char bytes[BYTES];

	truth_calls(getpid(), self_tid(), text("view_run > %s > write", __func__));
	truth_wait(getpid(), self_tid(), "pipe-write", NULL, ANYBODY);
	for (;;)
		must(write(c->log[1], bytes, sizeof(bytes)));
}

__attribute__((noinline)) static void view_run(void *arg)
{
	const struct crew *c = arg;

	if (c->me == ODD)
		view_flush_log(c);
	else
		view_next_job(c);
	STAY;
}

static void make_pipes(struct crew *c)
{
	must(pipe(c->jobs));
	must(pipe(c->log));
}

/* Twelve processes read one pipe, the thirteenth has filled another; the root waits for all. */
SCENARIO(crew_of_processes, .what = "twelve equal workers and an odd one, each a process")
{
	struct crew crew;
	pid_t pids[CREW];

	make_pipes(&crew);
	for (crew.me = 0; crew.me < CREW; crew.me++)
		pids[crew.me] = spawn_child(view_run, &crew);
	for (int i = 0; i < CREW; i++)
		wait_blocked(pids[i], 0);
	truth_verdict("deadlock", NULL);
	truth_prints("14 threads of 14 actors, 3 different stacks");
	truth_prints("13  ");
	truth_prints("view_run");
	truth_prints("1   view_flush_log");
	truth_prints("odd one out] patient[%d]: writing", pids[ODD]);
	truth_prints("12  view_next_job");
	truth_prints("12 actors: patient[%d], [%d], ", pids[0], pids[1]);
	truth_prints("patient[%d]: waiting for any of 13 children", getpid());
	truth_calls(getpid(), 0, "main > wait4");
	truth_ready();
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void named_thread(void *arg)
{
	struct crew *c = arg;

	prctl(PR_SET_NAME, c->me == ODD ? "logger" : text("worker-%d", c->me));
	view_run(c);
}

/* The same in threads of one process, which have names. */
SCENARIO(crew_of_threads, .what = "twelve equal workers and an odd one, each a thread")
{
	static struct crew crew[CREW];
	pid_t tids[CREW];

	make_pipes(&crew[0]);
	for (int i = 0; i < CREW; i++) {
		crew[i] = crew[0];
		crew[i].me = i;
		tids[i] = spawn_thread(named_thread, &crew[i]);
	}
	for (int i = 0; i < CREW; i++)
		wait_blocked(getpid(), tids[i]);
	truth_verdict("deadlock", NULL);
	truth_verdict("idle", NULL);
	truth_prints("14 threads of 1 actor, 3 different stacks");
	truth_prints("view_run");
	truth_prints("1   view_flush_log");
	truth_prints("odd one out] patient[%d] tid %d (logger): writing", getpid(), tids[ODD]);
	truth_prints("12  view_next_job");
	truth_prints("12 threads of patient[%d]: tid %d (worker-0), %d (worker-1), ", getpid(),
		     tids[0], tids[1]);
	truth_calls(getpid(), 0, "main > pause");
	truth_ready();
	for (;;)
		pause();
}
