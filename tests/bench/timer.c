/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - time commands side by side: A B C A B C ..., so that a machine that drifts drifts for
 * all of them.
 *
 *	timer [-w PID,PID...] RUNS NAME COMMAND [NAME COMMAND ...]
 *
 * For each: wall milliseconds (median, least), CPU milliseconds, peak memory of the largest
 * process, and the median of its wall time over that of the first one in the same round. The
 * commands' output is thrown away. A command that fails says so in its row.
 *
 * -w: the commands look at these processes, whose threads are at rest. Then a command ends when all
 * of them are back in their waits, and two more columns say how many threads it woke and for how
 * long the worst of them was kept (still/still.h).
 */
#include "bench/still/still.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS_MAX = 16, RUNS_MAX = 101, WATCHED_MAX = 64 };

struct command {
	const char *name, *line;
	double wall[RUNS_MAX], cpu[RUNS_MAX], ratio[RUNS_MAX], kept_ms[RUNS_MAX];
	uint32_t kept_threads; /* in the worst run */
	long memory_kib;
	int status; /* of the last run that failed */
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double ms_of(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

/* The processes of "PID,PID". */
static struct still *watch(const char *list)
{
	int pids[WATCHED_MAX], count = 0;
	struct still *s;

	for (const char *p = list; p && count < WATCHED_MAX; p = strchr(p, ',')) {
		p += *p == ',';
		pids[count++] = atoi(p);
	}
	s = still_open(pids, count);
	if (!s)
		fprintf(stderr, "timer: nobody counts who is kept from his wait: %s\n",
			strerror(errno));
	return s;
}

/* Until the threads that the command woke are back: what a signal asked for is done then. */
static void settle(struct command *c, int round, struct still *s)
{
	struct kept kept;

	still_end(s, &kept);
	c->kept_ms[round] = kept.most_ms;
	if (kept.threads > c->kept_threads)
		c->kept_threads = kept.threads;
}

static void run(struct command *c, int round, struct still *s)
{
	double start;
	struct rusage used;
	int status, null;
	pid_t pid;

	if (s)
		still_begin(s);
	start = now_ms();
	pid = fork();

	if (pid == 0) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execl("/bin/sh", "sh", "-c", c->line, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0) {
		perror(c->line);
		exit(1);
	}
	if (s)
		settle(c, round, s);
	c->wall[round] = now_ms() - start;
	c->cpu[round] = ms_of(used.ru_utime) + ms_of(used.ru_stime);
	if (used.ru_maxrss > c->memory_kib)
		c->memory_kib = used.ru_maxrss;
	if (status)
		c->status = status;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
	return values[n / 2];
}

/* Some tools say with their exit status that they found something to complain about. */
static const char *text_of(int status)
{
	static char text[32];

	if (WIFEXITED(status))
		snprintf(text, sizeof(text), " exit %d", WEXITSTATUS(status));
	else
		snprintf(text, sizeof(text), " signal %d", WTERMSIG(status));
	return text;
}

static void print(struct command *c, int runs, bool watched)
{
	double ratio = median(c->ratio, runs), wall = median(c->wall, runs);

	printf("| %-28s | %9.1f | %9.1f | %9.1f | %7.1f | %6.2fx |", c->name, wall, c->wall[0],
	       median(c->cpu, runs), (double)c->memory_kib / 1024, ratio);
	if (watched)
		printf(" %9.2f | %7u |", median(c->kept_ms, runs), c->kept_threads);
	printf("%s\n", c->status ? text_of(c->status) : "");
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	const char *list = argc > 2 && strcmp(argv[1], "-w") == 0 ? argv[2] : NULL;
	int first = list ? 3 : 1;
	int runs = argc > first ? atoi(argv[first]) : 0, count = (argc - first - 1) / 2;
	struct still *s;

	if (runs < 1 || runs > RUNS_MAX || count < 1 || count > COMMANDS_MAX ||
	    (argc - first - 1) % 2) {
		fprintf(stderr, "usage: timer [-w PID,PID...] RUNS NAME COMMAND "
				"[NAME COMMAND ...]\n");
		return 2;
	}
	for (int i = 0; i < count; i++) {
		commands[i].name = argv[first + 1 + 2 * i];
		commands[i].line = argv[first + 2 + 2 * i];
	}
	s = list ? watch(list) : NULL;
	for (int round = 0; round < runs; round++)
		for (int i = 0; i < count; i++) {
			run(&commands[i], round, s);
			commands[i].ratio[round] =
				commands[i].wall[round] / commands[0].wall[round];
		}
	for (int i = 0; i < count; i++)
		print(&commands[i], runs, s != NULL);
	still_close(s);
	return 0;
}
