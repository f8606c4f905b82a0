/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The waits of musl, which lays its locks out in its own way. snag must call each by its kind, and
 * name the owner where musl notes one: in all but normal mutexes and rwlocks, and for joins.
 */
#include "lib/scenario.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct patient {
	pid_t pid, second;
};

/* The thread that is not the first one, 0 none yet. */
static pid_t second_thread(pid_t pid)
{
	DIR *dir = opendir(text("/proc/%d/task", pid));
	pid_t found = 0;

	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		if (atoi(e->d_name) > 0 && atoi(e->d_name) != pid)
			found = atoi(e->d_name);
	if (dir)
		closedir(dir);
	return found;
}

static bool has_second(void *arg)
{
	struct patient *p = arg;

	p->second = second_thread(p->pid);
	return p->second != 0;
}

/* The program: its first thread waits, its second can never go on. */
static struct patient start(const char *what)
{
	const char *build = getenv("BUILD");
	char *program = (char *)text("%s/patients/musl_waits", build ? build : "build");
	struct patient p = { .pid = spawn_program((char *[]){ program, (char *)what, NULL }) };

	wait_until(has_second, &p, "the second thread runs");
	wait_blocked(p.pid, p.second);
	return p;
}

/* Whoever it is that can end it: some thread of the program. */
static void anyone(const char *what, const char *kind)
{
	struct patient p = start(what);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, p.pid);
	truth_hop(p.pid, 0, kind, NULL, p.pid);
	truth_blocked(p.pid, p.second);
	truth_ready();
	waitpid(p.pid, NULL, 0);
}

/*
 * The second thread, and nobody else: what musl notes makes the difference between probable and
 * proven.
 */
static void owner(const char *what, const char *kind)
{
	struct patient p = start(what);

	truth_root(p.pid);
	truth_verdict("deadlock", "proven");
	truth_hop(p.pid, 0, kind, NULL, p.pid);
	truth_hop(p.pid, p.second, "pipe-read", NULL, p.pid);
	truth_says("thread %d", p.second);
	truth_ready();
	waitpid(p.pid, NULL, 0);
}

SCENARIO(musl_mutex, .needs = "musl-gcc", .what = "a normal mutex of musl")
{
	anyone("mutex", "mutex");
}

SCENARIO(musl_recursive, .needs = "musl-gcc", .what = "a recursive mutex of musl: it has an owner")
{
	owner("recursive", "mutex");
}

SCENARIO(musl_semaphore, .needs = "musl-gcc", .what = "a semaphore of musl")
{
	anyone("sem", "semaphore");
}

SCENARIO(musl_rwlock, .needs = "musl-gcc", .what = "an rwlock of musl")
{
	anyone("rwlock", "rwlock");
}

SCENARIO(musl_condvar, .needs = "musl-gcc", .what = "a condition variable of musl")
{
	anyone("cond", "condvar");
}

SCENARIO(musl_join, .needs = "musl-gcc", .what = "a join of musl")
{
	owner("join", "thread-join");
}
