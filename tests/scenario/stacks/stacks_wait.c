/* SPDX-License-Identifier: BSD-2-Clause */
#include "stacks_wait.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct awaited {
	pid_t pid;
	const char *comm;
	size_t threads;
};

const char *stacks_patient(const char *name)
{
	const char *build = getenv("BUILD");

	return text("%s/patients/%s", build ? build : "build", name);
}

static bool has_name(void *arg)
{
	const struct awaited *a = arg;
	FILE *f = fopen(text("/proc/%d/comm", a->pid), "re");
	char line[64] = "";

	if (!f)
		scenario_die("process %d has ended", a->pid);
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return strcmp(line, a->comm) == 0;
}

void stacks_wait_name(pid_t pid, const char *comm)
{
	struct awaited a = { .pid = pid, .comm = comm };

	wait_until(has_name, &a, comm);
}

/* Calls `each` with every thread; how many there are. */
static size_t each_thread(pid_t pid, void (*each)(pid_t pid, pid_t tid))
{
	DIR *dir = opendir(text("/proc/%d/task", pid));
	size_t count = 0;

	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		pid_t tid = atoi(e->d_name);

		if (tid > 0 && each)
			each(pid, tid);
		count += tid > 0;
	}
	if (dir)
		closedir(dir);
	return count;
}

static bool has_threads(void *arg)
{
	const struct awaited *a = arg;

	return each_thread(a->pid, NULL) >= a->threads;
}

void stacks_wait_threads(pid_t pid, size_t count)
{
	struct awaited a = { .pid = pid, .threads = count };

	wait_until(has_threads, &a, "all threads are there");
}

void stacks_blocked(pid_t pid)
{
	each_thread(pid, truth_blocked);
}

bool stacks_works(char *const argv[])
{
	pid_t pid = spawn_program(argv);
	int status = -1;

	must(waitpid(pid, &status, 0));
	return status == 0;
}

void stacks_run(char *const argv[])
{
	if (!stacks_works(argv))
		scenario_die("%s fails", argv[0]);
}
