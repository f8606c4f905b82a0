/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that somebody stopped: a signal, a debugger, a freezer. snag must say who could let
 * them go on, and that this is a stop and no deadlock.
 */
#include "lib/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
}

struct state {
	pid_t pid;
	char state;
};

static bool has_state(void *arg)
{
	const struct state *want = arg;
	char line[256] = "";
	const char *end;
	FILE *f = fopen(text("/proc/%d/stat", want->pid), "re");

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	end = strrchr(line, ')');
	return end && end[1] == ' ' && end[2] == want->state;
}

/* ---- signals ----------------------------------------------------------------------------------
 */

/* `producer | consumer` with the producer stopped, as by Ctrl-Z or a careless kill. */
SCENARIO(sigstop_pipeline, .what = "a pipeline whose producer is stopped by SIGSTOP")
{
	int p[2];

	must(pipe(p));
	pid_t producer = (pid_t)must(fork());
	if (producer == 0) {
		close(p[0]);
		hang(NULL);
	}
	close(p[1]);
	must(kill(producer, SIGSTOP));
	wait_until(has_state, &(struct state){ producer, 'T' }, "the producer is stopped");
	truth_verdict("stopped", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), producer);
	truth_hop(producer, 0, "stop", NULL, ANYBODY);
	truth_culprit(producer, "stopped");
	truth_says("SIGCONT");
	truth_ready();
	read_byte(p[0]);
}

/* ---- ptrace -----------------------------------------------------------------------------------
 */

/* The tracer waits for output of its tracee, which it has stopped itself. */
SCENARIO(ptrace_stop, .what = "a tracer reads from the process that it keeps stopped")
{
	int p[2];

	must(pipe(p));
	pid_t tracee = (pid_t)must(fork());
	if (tracee == 0) {
		close(p[0]);
		hang(NULL);
	}
	close(p[1]);
	must(ptrace(PTRACE_ATTACH, tracee, NULL, NULL));
	wait_until(has_state, &(struct state){ tracee, 't' }, "the tracee is stopped");
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), tracee);
	truth_hop(tracee, 0, "ptrace-stop", NULL, getpid());
	truth_ready();
	read_byte(p[0]);
}

static void attach_and_sleep(void *pid)
{
	must(ptrace(PTRACE_SEIZE, *(pid_t *)pid, NULL, NULL));
	must(ptrace(PTRACE_INTERRUPT, *(pid_t *)pid, NULL, NULL));
	sleep(100000);
}

SCENARIO(ptrace_sleeping_tracer, .needs = "root",
	 .what = "a child is stopped by a tracer that sleeps: no deadlock")
{
	pid_t tracee = spawn_child(hang_dead, NULL);
	pid_t tracer = spawn_child(attach_and_sleep, &tracee);

	wait_until(has_state, &(struct state){ tracee, 't' }, "the tracee is stopped");
	wait_blocked(tracer, 0);
	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "child-exit", NULL, tracee);
	truth_hop(tracee, 0, "ptrace-stop", NULL, tracer);
	truth_hop(tracer, 0, "sleep", NULL, ANYBODY);
	truth_ready();
	waitpid(tracee, NULL, 0);
}

/* ---- freezers ---------------------------------------------------------------------------------
 */

static void write_file(const char *path, const char *value)
{
	int fd = (int)must(open(path, O_WRONLY | O_CLOEXEC));

	if (write(fd, value, strlen(value)) < 0)
		scenario_die("%s: %m", path);
	close(fd);
}

/* What .cleanup needs to find the cgroup again. */
struct group {
	char path[256];
};

static struct group *group(void)
{
	return shared_page();
}

/* Without scenario_die(): this runs in the runner, and after a failure too. */
static void write_quietly(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void thaw(const char *file, const char *value)
{
	char line[64];
	FILE *f;

	if (!group()->path[0])
		return;
	write_quietly(text("%s/%s", group()->path, file), value);
	f = fopen(text("%s/cgroup.procs", group()->path), "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		write_quietly(text("%s/../cgroup.procs", group()->path), line);
	}
	if (f)
		fclose(f);
	rmdir(group()->path);
}

static void thaw_v1(void)
{
	thaw("freezer.state", "THAWED");
}

static void thaw_v2(void)
{
	thaw("cgroup.freeze", "0");
}

/* The parent reads from a child that is frozen. */
static void frozen_writer(const char *mount, const char *file, const char *value)
{
	int p[2];

	must(pipe(p));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(p[0]);
		hang(NULL);
	}
	close(p[1]);
	wait_blocked(child, 0);
	must(mkdir(text("%s/snag-scenario-%d", mount, getpid()), 0755));
	snprintf(group()->path, sizeof(group()->path), "%s/snag-scenario-%d", mount, getpid());
	write_file(text("%s/cgroup.procs", group()->path), text("%d", child));
	write_file(text("%s/%s", group()->path, file), value);
	truth_verdict("stopped", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), child);
	truth_hop(child, 0, "freeze", NULL, ANYBODY);
	truth_culprit(child, "stopped");
	truth_says("snag-scenario-%d", getpid());
	truth_ready();
	read_byte(p[0]);
}

SCENARIO(freezer_v1, .needs = "root,cgroup1", .cleanup = thaw_v1,
	 .what = "a process in a frozen cgroup of version 1")
{
	frozen_writer("/sys/fs/cgroup/freezer", "freezer.state", "FROZEN");
}

SCENARIO(freezer_v2, .needs = "root,cgroup2", .cleanup = thaw_v2,
	 .what = "a process in a frozen cgroup of version 2, which looks asleep")
{
	const char *mount = access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) ?
				    "/sys/fs/cgroup" :
				    "/sys/fs/cgroup/unified";

	frozen_writer(mount, "cgroup.freeze", "1");
}
