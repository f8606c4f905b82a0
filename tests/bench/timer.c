/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - time commands side by side: A B C A B C ..., so that a machine that drifts drifts for
 * all of them.
 *
 *	timer RUNS NAME COMMAND [NAME COMMAND ...]
 *
 * For each: wall milliseconds (median, least), CPU milliseconds, peak memory of the largest
 * process, and the median of its wall time over that of the first one in the same round. The
 * commands' output is thrown away. A command that fails says so in its row.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS_MAX = 16, RUNS_MAX = 101 };

struct command {
	const char *name, *line;
	double wall[RUNS_MAX], cpu[RUNS_MAX], ratio[RUNS_MAX];
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

static void run(struct command *c, int round)
{
	double start = now_ms();
	struct rusage used;
	int status, null;
	pid_t pid = fork();

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

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	int runs = argc > 1 ? atoi(argv[1]) : 0, count = (argc - 2) / 2;

	if (runs < 1 || runs > RUNS_MAX || count < 1 || count > COMMANDS_MAX || argc % 2) {
		fprintf(stderr, "usage: timer RUNS NAME COMMAND [NAME COMMAND ...]\n");
		return 2;
	}
	for (int i = 0; i < count; i++) {
		commands[i].name = argv[2 + 2 * i];
		commands[i].line = argv[3 + 2 * i];
	}
	for (int round = 0; round < runs; round++)
		for (int i = 0; i < count; i++) {
			run(&commands[i], round);
			commands[i].ratio[round] =
				commands[i].wall[round] / commands[0].wall[round];
		}
	for (int i = 0; i < count; i++) {
		struct command *c = &commands[i];
		double ratio = median(c->ratio, runs), wall = median(c->wall, runs);

		printf("| %-28s | %9.1f | %9.1f | %9.1f | %7.1f | %6.2fx |%s\n", c->name, wall,
		       c->wall[0], median(c->cpu, runs), (double)c->memory_kib / 1024, ratio,
		       c->status ? text_of(c->status) : "");
	}
	return 0;
}
