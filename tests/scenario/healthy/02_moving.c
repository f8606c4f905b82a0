/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees that move, although at any moment nearly every process of them waits for another. A reader
 * that does not check whether anybody ran while it looked sees a deadlock here once in a few times.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RING = 4 };

/* Pass the token on, after a breath of 50 us: most of the time all are blocked, one of them in the
 * sleep. */
static void pass_on(int from, int to, long breath_ns)
{
	char token;

	while (read(from, &token, 1) == 1) {
		if (breath_ns)
			nanosleep(&(struct timespec){ .tv_nsec = breath_ns }, NULL);
		if (write(to, &token, 1) != 1)
			break;
	}
	scenario_die("the token is lost: %m");
}

static void ring_run(long breath_ns)
{
	int p[RING][2];

	for (int i = 0; i < RING; i++)
		must(pipe(p[i]));
	for (int i = 1; i < RING; i++) {
		if (must(fork()) == 0) {
			for (int j = 0; j < RING; j++) {
				close(p[j][j == i - 1 ? 1 : 0]);
				if (j != i - 1 && j != i)
					close(p[j][1]);
			}
			pass_on(p[i - 1][0], p[i][1], breath_ns);
		}
	}
	for (int j = 0; j < RING; j++) {
		close(p[j][j == RING - 1 ? 1 : 0]);
		if (j != RING - 1 && j != 0)
			close(p[j][1]);
	}
	must(write(p[0][1], "t", 1));
	truth_verdict("progressing", NULL);
	truth_verdict("waiting-with-timeout", NULL);
	truth_ready();
	pass_on(p[RING - 1][0], p[0][1], breath_ns);
}

SCENARIO(token_ring, .what = "a token passes between four processes, 50 us a hop", .moving = true,
	 .repeat = 75)
{
	ring_run(50000);
}

SCENARIO(token_ring_fast, .what = "a token passes between four processes as fast as it can",
	 .moving = true, .repeat = 5)
{
	ring_run(0);
}

SCENARIO(slow_pipeline, .what = "a shell pipeline in which a line moves every 20 ms",
	 .moving = true, .repeat = 5)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
			 (char *)"while :; do echo line; sleep 0.02; done | cat | "
				 "while read -r line; do :; done",
			 NULL };
	pid_t shell = spawn_program(argv);

	wait_child(shell, "cat");
	truth_root(shell);
	truth_verdict("progressing", NULL);
	truth_verdict("waiting-with-timeout", NULL);
	truth_ready();
	hang(NULL);
}

static void file_write(const char *path, const char *content)
{
	int fd = (int)must(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	must(write(fd, content, strlen(content)));
	close(fd);
}

SCENARIO(make_building, .needs = "make,cc",
	 .what = "make with two jobs compiles one file after the other", .moving = true,
	 .repeat = 5)
{
	char *argv[] = { (char *)"make", (char *)"-j2", (char *)"-C", (char *)scenario_dir(),
			 NULL };

	file_write(text("%s/x.c", scenario_dir()), "#include <stdio.h>\nint x;\n");
	file_write(text("%s/Makefile", scenario_dir()),
		   "all: $(patsubst %,%.o,$(shell seq 100000))\n"
		   "%.o: x.c\n\t@cc -c -o $@ $<; rm $@\n");
	pid_t make = spawn_program(argv);
	wait_child(make, NULL);
	truth_root(make);
	truth_verdict("progressing", NULL);
	truth_verdict("busy", NULL);
	truth_ready();
	hang(NULL);
}
