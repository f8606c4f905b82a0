/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shell pipelines as people write them. snag must find the stray holder of a pipe, the FIFO with
 * one side, the stopped process in the middle, and the child whose output nobody reads.
 */
#include "lib/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The shell is the root: the patient that started it is outside. */
static pid_t run_shell(const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	pid_t sh = spawn_program(argv);

	truth_root(sh);
	return sh;
}

struct pid_file {
	const char *path;
	pid_t pid;
};

static bool pid_written(void *arg)
{
	struct pid_file *f = arg;
	FILE *file = fopen(f->path, "re");
	char line[32] = "";

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	f->pid = (pid_t)atoi(line);
	return f->pid > 0;
}

/* A pid that a script writes to `name` in its directory. */
static pid_t pid_from(const char *name)
{
	struct pid_file f = { .path = text("%s/%s", scenario_dir(), name) };

	wait_until(pid_written, &f, name);
	return f.pid;
}

/* Only bpf sees that whoever adopts the grandchild is a subreaper: procfs calls it outside. */
SCENARIO(background_keeps_pipe, .reader = "bpf",
	 .what = "x=$(sleep & echo) ends only when the grandchild closes its stdout")
{
	pid_t sh =
		run_shell(text("x=$(sleep 3600 & echo $! >%s/pid); echo \"$x\"", scenario_dir()));
	pid_t stray = pid_from("pid");

	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(sh, 0, "pipe-read", NULL, stray);
	truth_hop(stray, 0, "sleep", NULL, ANYBODY);
	truth_culprit(stray, NULL);
	truth_actor(stray, 0, "fork-exec");
	truth_says("Close fd 1 in pid %d", (int)stray);
	truth_ready();
	waitpid(sh, NULL, 0);
}

SCENARIO(fifo_one_side, .what = "cat opens a FIFO that nobody writes to")
{
	const char *fifo = text("%s/fifo", scenario_dir());
	pid_t sh, cat;

	must(mkfifo(fifo, 0600));
	sh = run_shell(text("cat %s | wc -l", fifo));
	cat = wait_child(sh, "cat");
	/* what a new process might do is not known: at rest, or hung */
	truth_verdict("undetermined", NULL);
	truth_wait(cat, 0, "fifo-open", NULL, ANYBODY);
	truth_blocked(sh, 0);
	truth_ready();
	waitpid(sh, NULL, 0);
}

SCENARIO(stopped_in_pipeline, .what = "a pipeline whose middle process is stopped")
{
	pid_t sh = run_shell("yes | sh -c 'echo x; kill -STOP $$; cat' | cat >/dev/null");

	/* each is called sh until its exec: the others first, then only the middle one is */
	wait_child(sh, "yes");
	wait_child(sh, "cat");
	pid_t middle = wait_child(sh, "sh");

	truth_verdict("stopped", NULL);
	truth_culprit(middle, "stopped");
	truth_wait(middle, 0, "stop", NULL, ANYBODY);
	truth_blocked(sh, 0);
	truth_ready();
	waitpid(sh, NULL, 0);
}

SCENARIO(python_full_pipe_in_pipeline, .needs = "python",
	 .what = "Python waits for a child whose stdout pipe is full, in a pipeline")
{
	pid_t sh = run_shell("python3 -c 'import subprocess\n"
			     "p = subprocess.Popen([\"yes\"], stdout=subprocess.PIPE)\n"
			     "p.wait()' | cat");
	pid_t python = wait_child(sh, "python3"), yes = wait_child(python, "yes");

	truth_verdict("deadlock", "proven");
	truth_wait(python, 0, "child-exit", NULL, yes);
	truth_wait(yes, 0, "pipe-write", NULL, python);
	truth_culprit(python, "not-reading");
	truth_blocked(sh, 0);
	truth_ready();
	waitpid(sh, NULL, 0);
}
