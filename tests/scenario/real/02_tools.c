/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tools that wait for each other: make and its jobserver, flock, xargs, git and its editor. snag
 * must name the token thief, the lock's holder, the stopped job, the editor.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t run_shell(const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	pid_t sh = spawn_program(argv);

	truth_root(sh);
	return sh;
}

static void write_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(content, f) < 0 || fclose(f) != 0)
		scenario_die("%s could not be written", path);
}

/*
 * The first recipe eats the jobserver's tokens, two of -j3, and then sleeps. GNU make hands the
 * pipe down as fds 3 and 4 (--jobserver-auth of MAKEFLAGS), fd 3 not blocking.
 */
static const char starved[] =
	"all: thief 1 2 3 4 5 6 7 8 9\n"
	"thief:\n"
	"\t+n=0; while [ $$n -lt 2 ]; do \\\n"
	"\t\tc=$$(dd bs=1 count=1 <&3 2>/dev/null | wc -c); n=$$((n + c)); done; \\\n"
	"\texec sleep 3600\n"
	"1 2 3 4 5 6 7 8 9: ; +@sleep 0.01\n";

static bool has_eaten(void *make)
{
	/* the targets take some 50 ms in all: the thief is the only child left in the end */
	pid_t thief = wait_child(*(pid_t *)make, NULL);
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)thief);
	f = fopen(path, "re");
	if (!f)
		return false;
	(void)!fread(comm, 1, sizeof(comm) - 1, f);
	fclose(f);
	return !strcmp(comm, "sleep") && !memcmp(comm + 6, "3600", 4);
}

SCENARIO(make_jobserver_starved, .needs = "make",
	 .what = "make -j3 whose tokens a recipe has eaten")
{
	const char *makefile = text("%s/Makefile", scenario_dir());
	char *argv[] = { "make", "-s", "-j3", "-f", (char *)makefile, NULL };
	pid_t make, thief;

	write_file(makefile, starved);
	make = spawn_program(argv);
	truth_root(make);
	wait_until(has_eaten, &make, "the tokens are eaten");
	thief = wait_child(make, "sleep");
	truth_verdict("waiting-with-timeout", NULL);
	truth_wait(thief, 0, "sleep", NULL, ANYBODY);
	truth_culprit(thief, "sleeping");
	truth_blocked(make, 0);
	truth_ready();
	waitpid(make, NULL, 0);
}

SCENARIO(flock_held, .needs = "flock",
	 .what = "a second flock(1) waits for the sleeping command of the first")
{
	const char *lock = text("%s/lock", scenario_dir());
	/* One flock(1) at a time until the lock is held, or the wrong one may be found below. */
	pid_t sh = run_shell(text("flock %s sh -c ': >%s.held; exec sleep 3600' & "
				  "while [ ! -e %s.held ]; do :; done; flock %s true; :",
				  lock, lock, lock, lock));
	pid_t first = wait_child(sh, "flock"), sleeper = wait_child(first, "sleep");

	wait_blocked(sh, 0);
	truth_verdict("waiting-with-timeout", NULL);
	truth_culprit(sleeper, NULL);
	truth_blocked(sleeper, 0);
	truth_says("flock");
	truth_ready();
	waitpid(sh, NULL, 0);
}

SCENARIO(flock_nested, .needs = "flock", .what = "flock(1) runs a command that wants the same lock")
{
	const char *lock = text("%s/lock", scenario_dir());
	char *argv[] = { "flock", (char *)lock, "flock", (char *)lock, "true", NULL };
	pid_t outer = spawn_program(argv), inner = wait_child(outer, "flock");

	truth_root(outer);
	truth_verdict("deadlock", "proven");
	truth_hop(outer, 0, "child-exit", NULL, inner);
	truth_hop(inner, 0, "flock", NULL, outer);
	truth_ready();
	waitpid(outer, NULL, 0);
}

SCENARIO(xargs_stopped_job, .needs = "xargs", .what = "xargs waits for a job that stopped itself")
{
	pid_t sh = run_shell("echo 1 | xargs sh -c 'kill -STOP $$'"),
	      xargs = wait_child(sh, "xargs");
	pid_t job = wait_child(xargs, "sh");

	truth_verdict("stopped", NULL);
	truth_wait(xargs, 0, "child-exit", NULL, job);
	truth_culprit(job, "stopped");
	truth_blocked(sh, 0);
	truth_ready();
	waitpid(sh, NULL, 0);
}

SCENARIO(git_editor, .needs = "git", .what = "git commit waits for an editor that sleeps")
{
	char *init[] = { "git", "init", "-q", (char *)scenario_dir(), NULL };
	int status = 0;

	/* Done before the shell starts, whose one git is then the one with the editor. */
	if (waitpid(spawn_program(init), &status, 0) < 0 || status != 0)
		scenario_die("git init failed");
	pid_t sh = run_shell(text("cd %s && GIT_EDITOR='sleep 3600 #' "
				  "git -c user.name=a -c user.email=a@b commit --allow-empty; :",
				  scenario_dir()));
	pid_t git = wait_child(sh, "git");
	pid_t editor = wait_child(git, NULL);

	wait_blocked(git, 0);
	truth_verdict("waiting-with-timeout", NULL);
	truth_wait(git, 0, "child-exit", NULL, editor);
	truth_blocked(git, 0);
	truth_ready();
	waitpid(sh, NULL, 0);
}
