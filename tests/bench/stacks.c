/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacks.c - what the stacks of some processes cost, on one CPU, by snag and by what others use.
 *
 *	stacks [-t PROCESSES] PID...
 *
 * Captures all threads and walks them: the first time, and again and again. libunwind and libdwfl
 * walk the very same captures, each thread with the same registers and the same bytes. All of that
 * is CPU time, the least of some rounds. eu-stack and gdb are run on at most PROCESSES of the
 * processes (0: not at all), last, for they stop them: wall time, once.
 */
#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "read/mem.h"
#include "read/proc/procfs.h"
#include "read/proc/procstat.h"
#include "read/reader.h"
#include "unwind/unwind.h"

#include <dirent.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIRSTS = 5, ROUNDS = 11, SLOW_ROUNDS = 3, SETTLE_MS = 20000 };

/* All threads, and their captures when they are kept. */
struct scene {
	int *pids;
	int pid_count;
	struct stack_ask *asks;
	struct snap_stack *out;
	uint8_t *bytes; /* STACK_BYTES a thread */
	uint32_t count;
	struct reader *reader;
	struct snapshot *snapshot;
};

struct cost {
	double first_ms, warm_ms;
	uint64_t frames;
};

static double clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* Of all threads of this process: a machine that does other things as well changes it less. */
static double cpu_ms(void)
{
	return clock_ms(CLOCK_PROCESS_CPUTIME_ID);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- who ------------------------------------------------------------------------------------- */

/* State and start of a thread; false when it is gone. */
static bool thread_stat(int tgid, int tid, struct procstat *st)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	return procfs_read_of(&text, tgid, tid, "stat", NULL) == 0 &&
	       procstat_parse(strbuf_str(&text), st);
}

static void add_threads(struct scene *s, int pid)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		struct procstat st;
		int tid = atoi(e->d_name);

		if (tid <= 0 || !thread_stat(pid, tid, &st))
			continue;
		s->asks = xreallocarray(s->asks, s->count + 1, sizeof(*s->asks));
		s->asks[s->count++] = (struct stack_ask){ .tgid = pid,
							  .tid = tid,
							  .start_ticks = st.start_ticks };
	}
	if (dir)
		closedir(dir);
}

/* Until none of them runs: what is measured is a tree at rest. */
static void settle(const struct scene *s)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	double end = now_ms() + SETTLE_MS;

	for (uint32_t i = 0, still = 0; still < 3 * s->count; i++) {
		const struct stack_ask *a = &s->asks[i % s->count];
		struct procstat st;

		still = thread_stat(a->tgid, a->tid, &st) && st.state != 'R' ? still + 1 : 0;
		if (!still)
			nanosleep(&pause, NULL);
		if (now_ms() > end) {
			fprintf(stderr, "stacks: thread %d does not come to rest\n", a->tid);
			exit(1);
		}
	}
}

/* ---- snag ------------------------------------------------------------------------------------ */

static void take(const struct scene *s, uint32_t from, struct snap_stack *out)
{
	uint32_t left = s->count - from;
	struct stack_batch b = { .asks = s->asks + from,
				 .count = left < STACK_BATCH ? left : STACK_BATCH,
				 .with_bytes = true,
				 .out = out };
	struct snag_error err = SNAG_ERROR_INIT;

	if (reader_stacks(s->reader, s->snapshot, &b, &err) < 0) {
		fprintf(stderr, "stacks: %s\n", err.text);
		exit(1);
	}
}

/* Capture and walk all of them; how many frames. */
static uint64_t look(const struct scene *s, struct unwinder *u)
{
	static struct unwind_frame frames[UNWIND_MAX_FRAMES];
	static struct snap_stack out[STACK_BATCH];
	struct unwind_result result;
	uint64_t count = 0;

	unwinder_begin(u);
	for (uint32_t from = 0; from < s->count; from += STACK_BATCH) {
		take(s, from, out);
		for (uint32_t i = 0; i < STACK_BATCH && from + i < s->count; i++)
			count += unwind_thread(u, &out[i], frames, UNWIND_MAX_FRAMES, &result);
	}
	return count;
}

/* The same of captures that were kept. */
static uint64_t walk(const struct scene *s, struct unwinder *u)
{
	static struct unwind_frame frames[UNWIND_MAX_FRAMES];
	struct unwind_result result;
	uint64_t count = 0;

	for (uint32_t i = 0; i < s->count; i++)
		count += unwind_thread(u, &s->out[i], frames, UNWIND_MAX_FRAMES, &result);
	return count;
}

/* The least of each, for what disturbs only adds. */
static void cost_add(struct cost *c, bool first, double ms)
{
	double *least = first ? &c->first_ms : &c->warm_ms;

	if (!*least || ms < *least)
		*least = ms;
}

typedef uint64_t look_fn(const struct scene *s, struct unwinder *u);

static struct cost measure(const struct scene *s, look_fn *fn, const struct unwind_opts *opts,
			   int rounds)
{
	struct cost c = { .frames = 0 };

	for (int first = 0; first < FIRSTS; first++) {
		_cleanup_unwinder_ struct unwinder *u = unwinder_new(opts);

		for (int i = 0; i < rounds; i++) {
			double start = cpu_ms();

			c.frames = fn(s, u);
			cost_add(&c, i == 0, cpu_ms() - start);
		}
	}
	return c;
}

/* Captures that stay, for those that only walk: the reader lends bytes until the next batch. */
static void keep_captures(struct scene *s)
{
	s->out = xcalloc(s->count, sizeof(*s->out));
	s->bytes = xcalloc(s->count, STACK_BYTES);
	for (uint32_t from = 0; from < s->count; from += STACK_BATCH) {
		take(s, from, s->out + from);
		for (uint32_t i = from; i < from + STACK_BATCH && i < s->count; i++) {
			uint8_t *to = s->bytes + (size_t)i * STACK_BYTES;

			if (s->out[i].byte_count)
				memcpy(to, s->out[i].bytes, s->out[i].byte_count);
			s->out[i].bytes = to;
		}
	}
}

/* ---- libdwfl --------------------------------------------------------------------------------- */

/* One process for libdwfl: its threads are neighbours in the scene. */
struct dwfl_process {
	const struct scene *s;
	Dwfl *dwfl;
	uint32_t first, count, next;
	uint64_t frames;
};

static pid_t dwfl_next(Dwfl *dwfl, void *arg, void **thread)
{
	struct dwfl_process *p = arg;

	(void)dwfl;
	if (p->next == p->count)
		return 0;
	*thread = &p->s->out[p->first + p->next++];
	return ((struct snap_stack *)*thread)->tid;
}

/* libdwfl does not say of which thread it reads: the bytes of all are looked through. */
static bool dwfl_memory(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *value, void *arg)
{
	const struct dwfl_process *p = arg;
	const struct snap_stack *s = &p->s->out[p->first + (p->next ? p->next - 1 : 0)];
	uint64_t at = addr - s->regs[STACK_RSP];
	struct iovec local = { value, sizeof(*value) };
	struct iovec remote = { (void *)(uintptr_t)addr, sizeof(*value) };

	(void)dwfl;
	if (at < s->byte_count && s->byte_count - at >= sizeof(*value)) {
		memcpy(value, s->bytes + at, sizeof(*value));
		return true;
	}
	return process_vm_readv(s->tgid, &local, 1, &remote, 1, 0) == sizeof(*value);
}

static bool dwfl_registers(Dwfl_Thread *thread, void *arg)
{
	const struct snap_stack *s = arg;

	return dwfl_thread_state_registers(thread, 0, STACK_REGS, s->regs);
}

static int dwfl_frame(Dwfl_Frame *frame, void *arg)
{
	struct dwfl_process *p = arg;
	Dwarf_Addr pc;
	bool exact;

	p->frames += dwfl_frame_pc(frame, &pc, &exact);
	return DWARF_CB_OK;
}

static int dwfl_thread(Dwfl_Thread *thread, void *arg)
{
	dwfl_thread_getframes(thread, dwfl_frame, arg);
	return DWARF_CB_OK;
}

static void dwfl_open(struct dwfl_process *p)
{
	static const Dwfl_Callbacks files = { .find_elf = dwfl_linux_proc_find_elf,
					      .find_debuginfo = dwfl_standard_find_debuginfo };
	static const Dwfl_Thread_Callbacks threads = { .next_thread = dwfl_next,
						       .memory_read = dwfl_memory,
						       .set_initial_registers = dwfl_registers };
	pid_t pid = p->s->out[p->first].tgid;

	p->dwfl = dwfl_begin(&files);
	if (!p->dwfl || dwfl_linux_proc_report(p->dwfl, pid) != 0 ||
	    dwfl_report_end(p->dwfl, NULL, NULL) != 0 ||
	    !dwfl_attach_state(p->dwfl, NULL, pid, &threads, p)) {
		fprintf(stderr, "stacks: libdwfl: %s\n", dwfl_errmsg(-1));
		exit(1);
	}
}

/* As a tool would that keeps nothing between processes but its Dwfl of each. */
static struct cost measure_dwfl(const struct scene *s)
{
	struct dwfl_process *all = xcalloc((size_t)s->pid_count, sizeof(*all));
	struct cost c = { .frames = 0 };
	uint32_t processes = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		if (i == 0 || s->out[i].tgid != s->out[i - 1].tgid)
			all[processes++] = (struct dwfl_process){ .s = s, .first = i };
		all[processes - 1].count++;
	}
	for (int round = 0; round < SLOW_ROUNDS; round++) {
		double start = cpu_ms();

		c.frames = 0;
		for (uint32_t i = 0; i < processes; i++) {
			struct dwfl_process *p = &all[i];

			if (!p->dwfl)
				dwfl_open(p);
			p->next = 0;
			p->frames = 0;
			dwfl_getthreads(p->dwfl, dwfl_thread, p);
			c.frames += p->frames;
		}
		cost_add(&c, round == 0, cpu_ms() - start);
	}
	for (uint32_t i = 0; i < processes; i++)
		dwfl_end(all[i].dwfl);
	free(all);
	return c;
}

/* ---- other programs -------------------------------------------------------------------------- */

static void run(char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	if (status == 127 << 8) {
		fprintf(stderr, "stacks: no %s\n", argv[0]);
		exit(1);
	}
}

static double measure_tool(const struct scene *s, int processes, bool gdb)
{
	double start = now_ms();

	for (int i = 0; i < processes; i++) {
		char pid[16];

		snprintf(pid, sizeof(pid), "%d", s->pids[i]);
		run(gdb ? (char *[]){ "gdb", "-nx", "-batch", "-p", pid, "-ex",
				      "set debuginfod enabled off", "-ex", "thread apply all bt",
				      NULL } :
			  (char *[]){ "eu-stack", "-p", pid, NULL });
	}
	return now_ms() - start;
}

/* ---- the table ------------------------------------------------------------------------------- */

static void row(const struct scene *s, const char *name, const struct cost *c)
{
	printf("| %-32s | %9.2f | %9.2f | %11.0f | %8llu |\n", name, c->first_ms, c->warm_ms,
	       s->count / c->warm_ms * 1e3, (unsigned long long)c->frames);
	fflush(stdout);
}

static void row_tool(const struct scene *s, int processes, bool gdb)
{
	double ms = measure_tool(s, processes, gdb);
	char name[64];

	snprintf(name, sizeof(name), "%s, %d of %d", gdb ? "gdb" : "eu-stack", processes,
		 s->pid_count);
	printf("| %-32s | %9.0f | %9.0f | %11.0f | %8s |\n", name, ms, ms,
	       (double)s->count * processes / s->pid_count / ms * 1e3, "");
	fflush(stdout);
}

/* One CPU, the one that it runs on. */
static void stay_here(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void open_scene(struct scene *s, const char *reader)
{
	static struct snap_stack out[STACK_BATCH];
	struct snag_error err = SNAG_ERROR_INIT;
	double start = now_ms();

	s->snapshot = snapshot_new();
	if (reader_open(reader, &s->reader, &err) < 0) {
		fprintf(stderr, "stacks: %s\n", err.text);
		exit(1);
	}
	reader_want_stacks(s->reader);
	take(s, 0, out); /* it waits for the program of stacks */
	printf("%u threads of %d processes; %s reader, ready in %.1f ms\n\n", s->count,
	       s->pid_count, reader, now_ms() - start);
}

static void table(struct scene *s, int tool_processes)
{
	struct cost c;

	printf("| %-32s | %9s | %9s | %11s | %8s |\n| --- | --- | --- | --- | --- |\n", "what",
	       "first ms", "warm ms", "threads/s", "frames");
	c = measure(s, look, &(struct unwind_opts){ 0 }, ROUNDS);
	row(s, "snag: capture and walk", &c);
	keep_captures(s);
	c = measure(s, walk, &(struct unwind_opts){ 0 }, ROUNDS);
	row(s, "snag: walk", &c);
	c = measure(s, walk, &(struct unwind_opts){ .libunwind = true }, SLOW_ROUNDS);
	row(s, "libunwind: walk", &c);
	c = measure_dwfl(s);
	row(s, "libdwfl: walk", &c);
	for (int gdb = 0; gdb < 2 && tool_processes; gdb++)
		row_tool(s, tool_processes < s->pid_count ? tool_processes : s->pid_count, gdb);
}

int main(int argc, char **argv)
{
	struct scene s = { .count = 0 };
	int tools = 0, at = 1;

	if (argc > 3 && strcmp(argv[1], "-t") == 0) {
		tools = atoi(argv[2]);
		at = 3;
	}
	s.pid_count = argc - at;
	s.pids = xcalloc((size_t)argc, sizeof(*s.pids));
	for (int i = 0; i < s.pid_count; i++) {
		s.pids[i] = atoi(argv[at + i]);
		add_threads(&s, s.pids[i]);
	}
	if (!s.count) {
		fprintf(stderr, "usage: stacks [-t PROCESSES] PID...\n");
		return 2;
	}
	settle(&s);
	stay_here();
	open_scene(&s, geteuid() == 0 ? "bpf" : "procfs");
	table(&s, tools);
	reader_free(s.reader);
	snapshot_free(s.snapshot);
	free(s.out);
	free(s.bytes);
	free(s.asks);
	free(s.pids);
	return 0;
}
