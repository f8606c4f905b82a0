/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops that hang for the sake of a process, of a signal or of another interpreter, and servers
 * that rest, in every interpreter of this machine: which task it is, and what it waits for.
 */
#include "lib/common_python.h"
#include "lib/scenario.h"
#include "lib/scenario_python.h"
#include "lib/scenario_tasks.h"

struct row {
	const char *name, *what;
	const char *module; /* skipped without it */
	const char *program;
	void (*truth)(pid_t python);
};

/* The first line that the program has printed: a number. */
static pid_t told(pid_t python)
{
	return wait_number(text("%s/said.%d", scenario_dir(), python));
}

static void full_pipe(pid_t python)
{
	pid_t head = wait_child(python, "head");

	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "poll", NULL, ANYBODY);
	truth_hop(python, 0, "child-exit", NULL, head);
	truth_hop(head, 0, "pipe-write", NULL, python);
	truth_culprit_on(python, python, "not-reading", key_of_fd_in(head, 1));
	truth_says("task \"waits for head\" can empty %s but does not read it while it is waiting "
		   "for process %d (head) to exit",
		   key_of_fd_in(head, 1), head);
}

/* The process is gone, and nobody will tell the task: its own process still could, by a signal. */
static void exit_taken(pid_t python)
{
	pid_t cat = told(python);

	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "poll", NULL, ANYBODY);
	truth_hop(python, 0, "nursery|task-join", NULL, ANYBODY);
	truth_no_actor(cat);
	truth_culprit_on(python, python, "never-woken", NULL);
	truth_says("task \"waits for cat\" is waiting for process %d to exit [never-woken]", cat);
}

static void deaf_loop(pid_t parent)
{
	pid_t python = told(parent);

	truth_root(python);
	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "poll", NULL, ANYBODY);
	truth_hop(python, 0, "task-event", NULL, ANYBODY);
	truth_culprit_on(python, python, "never-woken", NULL);
	truth_says("task \"waits for SIGINT\" is waiting for event [never-woken]");
}

/* A channel does not say who shall receive: no interpreter of the process is left who could. */
static void channel(pid_t python)
{
	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "semaphore", NULL, python);
	truth_wait(python, told(python), "semaphore", NULL, python);
	truth_culprit_on(python, python, "self-wait", NULL);
	truth_says("no thread that could end that can go on");
	truth_says("channel.py:27: channels.send(request, b\"request\")");
}

static void idle(pid_t python)
{
	truth_verdict("idle", NULL);
	truth_hop(python, 0, "poll", NULL, ANYBODY);
	truth_culprit_on(python, python, "waiting-for-input", NULL);
}

static void signalled(pid_t python)
{
	truth_verdict("idle", NULL);
	truth_hop(python, 0, "poll", NULL, ANYBODY);
	truth_says("a signal that it handles (SIGINT)");
}

static const struct row rows[] = {
	{ "full_pipe", "the end of a process is awaited whose output nobody reads", "asyncio",
	  "full_pipe", full_pipe },
	{ "exit_taken", "a group awaits a process whose exit another call has taken",
	  "asyncio; asyncio.FastChildWatcher", "exit_taken", exit_taken },
	{ "deaf_loop", "a handler of SIGINT sets an event, but does not wake the loop", "asyncio",
	  "deaf_loop", deaf_loop },
	{ "channel", "an interpreter and the one inside wait until a channel is read",
	  "_interpchannels", "channel", channel },
	{ "signalled", "a task waits for what the loop's handler of SIGINT sets", "asyncio",
	  "signalled", signalled },
	{ "idle_asyncio", "a server of asyncio at rest, with a group of tasks", "asyncio",
	  "idle_asyncio", idle },
	{ "idle_trio", "a server of trio at rest, with a nursery", "trio", "idle_trio", idle },
};

static void run(void)
{
	const struct python_case *c = scenario_arg();
	const struct row *row = c->row;
	pid_t python;

	python_needs(c->path, row->module);
	python = tasks_spawn(c->path, row->program, NULL);
	python_said(python);
	truth_root(python);
	row->truth(python);
	truth_ready();
	hang(NULL);
}

static void add(const struct row *row, const char *path, uint32_t minor)
{
	struct scenario like = {
		.name = row->name,
		.file = __FILE__,
		.what = row->what,
		.needs = "python",
		.body = run,
	};

	python_scenario(like, (struct python_case){ row, path, minor, 1 });
}

SCENARIO_MAKER(rows)
{
	const char *path;
	uint32_t minor;

	for (uint32_t i = 0; (path = interpreter_version(i, &minor)); i++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++)
			add(&rows[k], path, minor);
}
