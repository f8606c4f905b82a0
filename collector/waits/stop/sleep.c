/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sleep.c - nanosleep(2), clock_nanosleep(2), and either of them going on after a stop.
 */
#include "waits/stop/wchan.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static const int16_t numbers[] = { SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall, -1 };

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

/* One that counts time, not the CPU use of some process. */
static bool is_wall_clock(int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
	case CLOCK_TAI:
		return true;
	default:
		return false;
	}
}

/* The deadline is in the kernel (restart_block); the wait that is left is all that counts. */
static void add_rest(struct wait_ctx *c, const struct wait_site *site)
{
	uint64_t expires = site->task->restart_expires_ns, now_ns;
	struct timespec now;
	struct wait *w = model_wait(wait_model(c), site->wait);

	if (!expires || clock_gettime(CLOCK_MONOTONIC, &now) < 0) {
		wait_term(c, site->wait, (struct term){ .kind = TERM_TIME },
			  "its time-out; how much is left is not visible without BPF");
		return;
	}
	now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	w->timeout_ms = expires > now_ns ? (int64_t)((expires - now_ns) / NS_PER_MS) : 0;
	wait_term(c, site->wait, (struct term){ .kind = TERM_TIME },
		  "its own time-out, %lld ms left", (long long)w->timeout_ms);
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	int clock = (int)t->args[0];

	if (t->nr == SYS_restart_syscall) {
		/* Also poll and futex waits go on like this; theirs are decoded elsewhere. */
		if (!strstr(stop_wchan(c, t), "nanosleep"))
			return false;
		wait_describe(c, site->wait, WAIT_SLEEP, "sleeping, after it was interrupted");
		add_rest(c, site);
		return true;
	}
	wait_describe(c, site->wait, WAIT_SLEEP, "sleeping");
	if (t->nr == SYS_nanosleep)
		wait_timeout_at(c, site, t->args[0], false, CLOCK_MONOTONIC);
	else if (is_wall_clock(clock))
		wait_timeout_at(c, site, t->args[2], t->args[1] & TIMER_ABSTIME, clock);
	else
		wait_unknown(c, site->wait, "it sleeps by clock %d, which counts CPU time", clock);
	/* `sleep infinity`: so long that it is no time-out. */
	if (!model_wait(wait_model(c), site->wait)->term_count)
		wait_new(c, site->wait, "a signal: it sleeps for ever");
	return true;
}

const struct wait_kind wait_sleep = { .name = "sleep", .syscalls = numbers, .decode = decode };
