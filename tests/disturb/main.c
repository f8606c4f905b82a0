/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - does anything happen to the processes that snag looks at?
 *
 *	build/disturb [REPEAT]
 *
 * A tree with a thread in every common kind of wait; BPF counts each time that one of them is
 * switched to, is woken, leaves a system call or gets a signal. snag looks at the tree again and
 * again, and all counters must stay at 0. Then somebody else touches the tree, which must be
 * counted: or zeros would mean nothing.
 */
#include "disturb/disturb.h"

#include "disturb.skel.h"

#include "disturb/stacks.h"
#include "disturb/target.h"
#include "lib/scenario_harness.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const event_names[DISTURB_EVENTS] = {
	[DISTURB_SWITCH] = "context switches",
	[DISTURB_WAKING] = "wake-ups",
	[DISTURB_EXIT] = "system call exits",
	[DISTURB_SIGNAL] = "signals",
};

enum { ASK_WORDS = 12 };

/* Something that is asked about the tree; in its words PID and FILE stand for those of the run. */
struct ask {
	const char *name;
	const char *words[ASK_WORDS];
	int share; /* it is repeated REPEAT / share times */
};

static const struct ask asks[] = {
	{ "why, bpf", { "why", "PID", "--json", "--reader", "bpf" }, 1 },
	{ "why, procfs", { "why", "PID", "--json", "--reader", "procfs" }, 1 },
	{ "dump, bpf", { "dump", "PID", "--json", "-o", "FILE", "--reader", "bpf" }, 4 },
	{ "dump, procfs", { "dump", "PID", "--json", "-o", "FILE", "--reader", "procfs" }, 4 },
	{ "why with stacks, bpf",
	  { "why", "PID", "--json", "--stacks", "--kernel-stacks", "--lines", "--reader", "bpf" },
	  4 },
	{ "why with stacks, procfs",
	  { "why", "PID", "--json", "--stacks", "--kernel-stacks", "--reader", "procfs" },
	  4 },
	{ "tree, bpf", { "tree", "PID", "--json", "--reader", "bpf" }, 4 },
	{ "tree, procfs", { "tree", "PID", "--json", "--reader", "procfs" }, 4 },
};
enum { ASKS = sizeof(asks) / sizeof(*asks), CONTROLS = 3, STACKS = 2 };

/* So many captures of stacks for each time that something is asked. */
enum { BPF_STACKS = 20000, PROCFS_STACKS = 200 };

struct test {
	struct disturb_bpf *skel;
	struct target *target;
	struct target_place places[TARGET_MAX];
	const char *snag;
	char dir[64], file[80]; /* where a capture goes */
	int repeat;
	unsigned passed, failed, skipped;
};

/* ---- counting ---- */

static uint64_t count_of(const struct test *t, enum disturb_event event)
{
	return __atomic_load_n(&t->skel->bss->seen.counts[event], __ATOMIC_RELAXED);
}

/* Settle the tree and start from 0; false when the tree does not come to rest. */
static bool count_start(struct test *t)
{
	if (!target_settle(t->target, t->places))
		return false;
	for (int e = 0; e < DISTURB_EVENTS; e++)
		__atomic_store_n(&t->skel->bss->seen.counts[e], 0, __ATOMIC_RELAXED);
	return true;
}

/* Load and attach, and name the processes that count; false with a report in `why`. */
static bool count_open(struct test *t, char *why, size_t size)
{
	struct stat ns;

	t->skel = disturb_bpf__open();
	if (!t->skel || stat("/proc/self/ns/pid", &ns) < 0) {
		snprintf(why, size, "open: %s", strerror(errno));
		return false;
	}
	t->skel->rodata->pid_ns = (uint32_t)ns.st_ino;
	int rc = disturb_bpf__load(t->skel);
	if (rc == 0)
		rc = disturb_bpf__attach(t->skel);
	for (int i = 0; rc == 0 && i < TARGET_PROCESSES; i++) {
		uint32_t tgid = (uint32_t)t->target->processes[i], yes = 1;

		rc = bpf_map__update_elem(t->skel->maps.targets, &tgid, sizeof(tgid), &yes,
					  sizeof(yes), BPF_ANY);
	}
	if (rc < 0)
		snprintf(why, size, "BPF: %s", strerror(-rc));
	return rc == 0;
}

static void outcome(struct test *t, const char *name, bool good)
{
	printf("%-5s %s\n", good ? "ok" : "FAIL", name);
	if (good)
		t->passed++;
	else
		t->failed++;
	fflush(stdout);
}

/* ---- snag ---- */

static bool is_blocked_target(const struct target *t, const json_t *thread)
{
	json_int_t tid = json_integer_value(json_object_get(thread, "tid"));

	for (size_t i = 0; i < t->count; i++)
		if (t->threads[i].tid == tid)
			return json_is_false(json_object_get(thread, "moved")) &&
			       (t->threads[i].state == 'T' ||
				json_is_string(json_object_get(thread, "syscall")));
	return false;
}

/* Has snag really looked? Each thread must be in the answer, in a system call and unmoved. */
static bool answer_has_all(const struct target *t, const char *text)
{
	json_t *answer = json_loads(text ? text : "", 0, NULL), *actor, *thread;
	size_t found = 0, i, k;

	json_array_foreach(json_object_get(answer, "actors"), i, actor)
	{
		json_array_foreach(json_object_get(actor, "threads"), k, thread)
		{
			found += is_blocked_target(t, thread);
		}
	}
	json_decref(answer);
	if (found != t->count)
		printf("  only %zu of %zu blocked threads are in the answer\n", found, t->count);
	return found == t->count;
}

static bool ask_once(struct test *t, const struct ask *ask)
{
	char pid[16], *argv[ASK_WORDS + 2] = { (char *)t->snag };
	_cleanup_command_ struct command c = { .status = -1 };

	snprintf(pid, sizeof(pid), "%d", t->target->processes[0]);
	for (int i = 0; i < ASK_WORDS && ask->words[i]; i++) {
		argv[i + 1] = (char *)ask->words[i];
		if (strcmp(ask->words[i], "PID") == 0)
			argv[i + 1] = pid;
		if (strcmp(ask->words[i], "FILE") == 0)
			argv[i + 1] = t->file;
	}
	command_run(&c, argv);
	if (c.status != 0) {
		printf("  exit status %d: %s\n", c.status, strbuf_str(&c.err));
		return false;
	}
	return answer_has_all(t->target, strbuf_str(&c.out));
}

static bool all_zero(const struct test *t)
{
	bool zero = true;

	for (int e = 0; e < DISTURB_EVENTS; e++) {
		const struct disturb_latest *latest = &t->skel->bss->seen.latest[e];

		if (count_of(t, e) == 0)
			continue;
		zero = false;
		printf("  %llu %s, the last of thread %d while %.16s ran\n",
		       (unsigned long long)count_of(t, e), event_names[e], latest->tid, latest->by);
	}
	return zero;
}

static void ask_test(struct test *t, const struct ask *ask)
{
	int times = t->repeat / ask->share > 0 ? t->repeat / ask->share : 1;
	bool good = count_start(t);
	char name[80];

	for (int i = 0; good && i < times; i++)
		good = ask_once(t, ask);
	bool zero = all_zero(t);
	bool stayed = target_moved(t->target, t->places, true) == 0;
	snprintf(name, sizeof(name), "%s: nothing happens to %zu threads, %d times", ask->name,
		 t->target->count, times);
	outcome(t, name, good && zero && stayed);
}

/* Registers and stacks of blocked threads: no syscall of snag's in between, only captures. */
static void stacks_test(struct test *t, const char *reader, uint64_t want)
{
	struct stacks_made made = { 0 };
	bool good = count_start(t) && stacks_make(t->target, reader, want, &made);
	bool zero = all_zero(t);
	bool stayed = target_moved(t->target, t->places, true) == 0;
	char name[80];

	if (made.stable != made.captures || made.complete != made.captures) {
		printf("  %llu of them are stable, %llu complete\n",
		       (unsigned long long)made.stable, (unsigned long long)made.complete);
		good = false;
	}
	snprintf(name, sizeof(name), "%s: nothing happens in %llu captures of stacks", reader,
		 (unsigned long long)made.captures);
	outcome(t, name, good && zero && stayed);
}

/* ---- the controls: touched, and counted ---- */

/* An ignored signal wakes nobody, so it is counted as itself only. */
static void control_signal(struct test *t)
{
	bool good = count_start(t) && kill(t->target->processes[0], SIGWINCH) == 0 &&
		    count_of(t, DISTURB_SIGNAL) == 1 && count_of(t, DISTURB_SWITCH) == 0 &&
		    count_of(t, DISTURB_WAKING) == 0 && count_of(t, DISTURB_EXIT) == 0;

	outcome(t, "control: an ignored signal is counted once", good);
}

/* What any tracer causes. */
static bool is_touched(struct test *t)
{
	bool touched = count_of(t, DISTURB_SWITCH) > 0 && count_of(t, DISTURB_WAKING) > 0 &&
		       count_of(t, DISTURB_EXIT) > 0;

	if (!touched)
		printf("  %llu switches, %llu wake-ups, %llu exits\n",
		       (unsigned long long)count_of(t, DISTURB_SWITCH),
		       (unsigned long long)count_of(t, DISTURB_WAKING),
		       (unsigned long long)count_of(t, DISTURB_EXIT));
	return touched;
}

static void control_ptrace(struct test *t)
{
	pid_t tid = t->target->threads[0].tid;
	bool good = count_start(t) && ptrace(PTRACE_SEIZE, tid, 0, 0) == 0 &&
		    ptrace(PTRACE_INTERRUPT, tid, 0, 0) == 0 && waitpid(tid, NULL, __WALL) == tid &&
		    ptrace(PTRACE_DETACH, tid, 0, 0) == 0;

	good = good && is_touched(t) && target_moved(t->target, t->places, false) > 0;
	outcome(t, "control: a ptrace of one thread is counted", good);
}

static void control_debugger(struct test *t)
{
	char pid[16], lacking[64];
	char *stack[] = { "eu-stack", "-p", pid, NULL };
	char *gdb[] = { "gdb", "-nx", "-batch", "-p", pid, NULL };
	char **argv = needs_met("eu-stack", lacking, sizeof(lacking)) ? stack :
		      needs_met("gdb", lacking, sizeof(lacking))      ? gdb :
									NULL;
	_cleanup_command_ struct command c = { .status = -1 };
	char name[80];

	if (!argv) {
		printf("SKIP  control: neither eu-stack nor gdb\n");
		t->skipped++;
		return;
	}
	snprintf(pid, sizeof(pid), "%d", t->target->processes[0]);
	bool good = count_start(t);
	if (good)
		command_run(&c, argv);
	good = good && is_touched(t) && target_moved(t->target, t->places, false) > 0;
	snprintf(name, sizeof(name), "control: %s is counted", argv[0]);
	outcome(t, name, good);
}

/* ---- the run ---- */

static void run(struct test *t)
{
	char why[128];

	if (!target_settle(t->target, t->places)) {
		outcome(t, "the tree comes to rest", false);
		return;
	}
	if (!count_open(t, why, sizeof(why))) {
		printf("  %s\n", why);
		outcome(t, "counting with BPF", false);
		return;
	}
	for (int i = 0; i < ASKS; i++)
		ask_test(t, &asks[i]);
	stacks_test(t, "bpf", (uint64_t)t->repeat * BPF_STACKS);
	stacks_test(t, "procfs", (uint64_t)t->repeat * PROCFS_STACKS);
	control_signal(t);
	control_ptrace(t);
	control_debugger(t);
}

static int close_with(const struct test *t)
{
	printf("disturb: %u passed, %u failed, %u skipped\n", t->passed, t->failed, t->skipped);
	return t->failed ? 1 : 0;
}

/* Without root or BPF nothing can be counted. */
static int lacks(struct test *t, const char *what)
{
	const char *require = getenv("SNAG_REQUIRE");
	bool required = require && words_have(require, "bpf");

	printf("%s: nothing can be counted without %s\n", required ? "FAIL" : "SKIP", what);
	*(required ? &t->failed : &t->skipped) += ASKS + STACKS + CONTROLS;
	return close_with(t);
}

int main(int argc, char **argv)
{
	struct test t = { .repeat = argc > 1 ? atoi(argv[1]) : 20, .snag = getenv("SNAG") };
	char lacking[64];

	if (!t.snag)
		t.snag = "build/snag";
	if (!needs_met("root,bpf", lacking, sizeof(lacking)))
		return lacks(&t, lacking);
	snprintf(t.dir, sizeof(t.dir), "/tmp/disturb-XXXXXX");
	if (!mkdtemp(t.dir)) {
		perror(t.dir);
		return 1;
	}
	snprintf(t.file, sizeof(t.file), "%s/capture", t.dir);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	t.target = target_start();
	if (t.target) {
		run(&t);
		disturb_bpf__destroy(t.skel);
		target_end(t.target);
	} else {
		outcome(&t, "the tree starts", false);
	}
	unlink(t.file);
	rmdir(t.dir);
	return close_with(&t);
}
