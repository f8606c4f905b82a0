/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits that time will end, seen or unseen in the call itself. snag must say so, and whose time it
 * is.
 */
#include "lib/scenario.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { A_DAY = 86400 };

static void sleep_a_day(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_sec = A_DAY }, NULL);
}

SCENARIO(nanosleep_day, .what = "a process that sleeps for a day")
{
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "sleep", NULL, ANYBODY);
	truth_culprit(getpid(), NULL);
	truth_ready();
	sleep_a_day(NULL);
}

SCENARIO(clock_nanosleep_absolute, .what = "a sleep until a moment in time")
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += A_DAY;
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "sleep", NULL, ANYBODY);
	truth_ready();
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static bool pid_known(void *pid)
{
	return *(volatile pid_t *)pid != 0;
}

SCENARIO(sleep_below, .what = "a parent waits for a child that waits for a child that sleeps")
{
	volatile pid_t *sleeper = shared_page();
	pid_t child = (pid_t)must(fork());

	if (child == 0) {
		pid_t pid = spawn_child(sleep_a_day, NULL);
		*sleeper = pid;
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	wait_until(pid_known, (void *)sleeper, "the grandchild is there");
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "child-exit", NULL, *sleeper);
	truth_hop(*sleeper, 0, "sleep", NULL, ANYBODY);
	truth_culprit(*sleeper, NULL);
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(sleep_program, .what = "a parent waits for sleep(1)")
{
	char *argv[] = { (char *)"sleep", (char *)"86400", NULL };
	pid_t sleeper = spawn_program(argv);

	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, sleeper);
	truth_hop(sleeper, 0, "sleep", NULL, ANYBODY);
	truth_culprit(sleeper, NULL);
	truth_actor(sleeper, getpid(), "fork-exec");
	truth_ready();
	waitpid(sleeper, NULL, 0);
}

static void ignore_alarm(int signo)
{
	(void)signo;
}

/*
 * The read itself has no time-out, but SIGALRM will come. Only BPF sees an interval timer: procfs
 * sees the handler and must not speak of a deadlock.
 */
SCENARIO(interval_timer, .what = "a read that an interval timer will interrupt")
{
	struct itimerval in_a_day = { .it_value.tv_sec = A_DAY };

	signal(SIGALRM, ignore_alarm);
	must(setitimer(ITIMER_REAL, &in_a_day, NULL));
	truth_verdict("waiting-with-timeout", NULL);
	truth_verdict_procfs("undetermined", NULL);
	truth_hop(getpid(), 0, "pipe-read", NULL, ANYBODY);
	truth_ready();
	hang_dead(NULL);
}

/* /proc/P/timers lists a timer whether it is armed or not: procfs must not speak of a deadlock. */
SCENARIO(posix_timer, .what = "a read that a POSIX timer will interrupt")
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct itimerspec in_a_day = { .it_value.tv_sec = A_DAY };
	timer_t timer;

	must(timer_create(CLOCK_MONOTONIC, &event, &timer));
	must(timer_settime(timer, 0, &in_a_day, NULL));
	truth_verdict("waiting-with-timeout", NULL);
	truth_verdict_procfs("undetermined", NULL);
	truth_hop(getpid(), 0, "pipe-read", NULL, ANYBODY);
	truth_ready();
	hang_dead(NULL);
}
