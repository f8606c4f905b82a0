/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sigwait.c - waits for a signal: pause(2), rt_sigsuspend(2), rt_sigtimedwait(2).
 *
 * Anyone may send one, which is a new input. The exit of a child is more: the kernel itself will
 * signal it.
 */
#include "base/strbuf.h"
#include "waits/find.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static const int16_t numbers[] = { SYS_pause, SYS_rt_sigsuspend, SYS_rt_sigtimedwait, -1 };

static uint64_t bit(int signal)
{
	return 1ull << (signal - 1);
}

/*
 * The set of signals that end the wait, as far as it is known: -errno when memory could not be
 * read.
 */
static int awaited(struct wait_ctx *c, const struct wait_site *site, uint64_t *set)
{
	const struct snap_task *t = site->task;
	const struct snap_process *p = site->process;
	uint64_t mask;
	int rc;

	*set = p->has_signals && t->has_signals ? p->sig_caught & ~t->sig_blocked : 0;
	if (t->nr == SYS_pause)
		return 0;
	rc = wait_mem(c, p->tgid, t->args[0], &mask, sizeof(mask));
	if (rc < 0)
		return rc;
	/* rt_sigsuspend names what stays blocked, rt_sigtimedwait what is waited for. */
	*set = t->nr == SYS_rt_sigtimedwait ? mask : p->sig_caught & ~mask;
	return 0;
}

static void describe(struct wait_ctx *c, const struct wait_site *site, uint64_t set)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	uint32_t shown = 0;

	for (int s = 1; s < SIGRTMIN && shown < 6; s++) {
		const char *name = set & bit(s) ? sigabbrev_np(s) : NULL;

		if (name)
			strbuf_addf(&names, "%sSIG%s", shown++ ? ", " : "", name);
	}
	if (shown)
		wait_describe(c, site->wait, WAIT_SIGNAL, "waiting for a signal (%s)",
			      strbuf_str(&names));
	else
		wait_describe(c, site->wait, WAIT_SIGNAL, "waiting for a signal");
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	uint64_t set = 0;
	int rc = awaited(c, site, &set);

	describe(c, site, rc < 0 ? 0 : set);
	wait_new(c, site->wait, "anyone who sends a signal to %s",
		 wait_name_of(c, site->process->tgid).text);
	if (rc < 0)
		wait_unknown(c, site->wait, "which signals it waits for could not be read: %s",
			     strerror(-rc));
	for (const struct snap_process *p = find_child(c, site->process->tgid, NULL);
	     p && set & bit(SIGCHLD); p = find_child(c, site->process->tgid, p))
		if (!p->exited)
			wait_term_exit(c, site->wait, p->tgid);
	if (site->task->nr == SYS_rt_sigtimedwait)
		wait_timeout_at(c, site, site->task->args[2], false, CLOCK_MONOTONIC);
	return true;
}

const struct wait_kind wait_sigwait = { .name = "sigwait", .syscalls = numbers, .decode = decode };
