/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/wait_ctx.h"

#include "model/syscalls.h"
#include "waits/waits.h"

enum { NR_RESTART = 219 }; /* restart_syscall(2) */

/* Build code: the list of kinds. */
#define DECLARE(name) extern const struct wait_kind wait_##name;
SNAG_WAITS(DECLARE)
#define ENTRY(name) &wait_##name,
static const struct wait_kind *const kinds[] = { SNAG_WAITS(ENTRY) };

const struct wait_kind *const *wait_kinds(uint32_t *count)
{
	*count = sizeof(kinds) / sizeof(kinds[0]);
	return kinds;
}

static bool has_syscall(const struct wait_kind *kind, int32_t nr)
{
	for (const int16_t *s = kind->syscalls; s && *s >= 0; s++)
		if (*s == nr)
			return true;
	return false;
}

/* ---- what no kind knows --------------------------------------------------------------------- */

/*
 * A stop or signal in between makes the kernel continue a call with restart_syscall(2), which hides
 * it.
 */
static void decode_restart(struct wait_ctx *c, const struct wait_site *site)
{
	wait_describe(c, site->wait, WAIT_UNKNOWN,
		      "in a system call that was interrupted and goes on");
	if (site->task->restart_expires_ns)
		wait_term(c, site->wait, (struct term){ .kind = TERM_TIME },
			  "the time-out of the interrupted call");
	else
		wait_unknown(c, site->wait, "restart_syscall hides which system call it was");
}

static void decode_unread(struct wait_ctx *c, const struct wait_site *site)
{
	const char *wchan = snapshot_str(c->snap, site->task->wchan);
	bool hint = *wchan && strcmp(wchan, "0") != 0;

	wait_describe(c, site->wait, WAIT_UNKNOWN, "blocked%s%s",
		      hint ? " in kernel function " : "", hint ? wchan : "");
	wait_unknown(c, site->wait, "what thread %d of %s waits in could not be read%s",
		     site->task->tid, wait_name_of(c, site->task->tgid).text,
		     site->process->denied ? ": permission denied" : "");
}

void wait_inside_kernel(struct wait_ctx *c, uint32_t wait, const struct snap_task *t)
{
	const char *op = model_str(c->model, model_wait(c->model, wait)->op);
	const char *wchan = snapshot_str(c->snap, t->wchan);
	bool hint = *wchan && strcmp(wchan, "0") != 0;

	wait_describe(c, wait, WAIT_UNKNOWN, "in %s, asleep inside of the kernel%s%s", op,
		      hint ? ", in " : "", hint ? wchan : "");
	wait_unknown(c, wait, "the lock, memory or device that thread %d waits for in state D%s",
		     t->tid,
		     c->snap->has_kernel_locks ? "" :
						 "; which lock needs root, BPF and "
						 "CONFIG_DETECT_HUNG_TASK_BLOCKER (Linux 6.16)");
}

static void decode_other(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;

	if (t->in_fault) {
		wait_describe(c, site->wait, WAIT_UNKNOWN, "blocked in a page fault");
		wait_unknown(c, site->wait, "what serves the page is not known");
	} else if (!t->has_syscall) {
		decode_unread(c, site);
	} else if (t->compat) {
		wait_describe(c, site->wait, WAIT_UNKNOWN, "blocked in a 32-bit system call");
		wait_unknown(c, site->wait, "32-bit system calls are not decoded");
	} else if (t->nr == NR_RESTART) {
		decode_restart(c, site);
	} else if (t->state == 'D') {
		wait_inside_kernel(c, site->wait, t);
	} else {
		const char *op = model_str(c->model, model_wait(c->model, site->wait)->op);

		wait_describe(c, site->wait, WAIT_UNKNOWN, "blocked in system call %s", op);
		wait_unknown(c, site->wait, "system call %s is not decoded", op);
	}
}

/* ---- a thread ------------------------------------------------------------------------------- */

static bool claimed(struct wait_ctx *c, const struct wait_site *site)
{
	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->claims && kinds[i]->claims(c, site->task) && kinds[i]->decode &&
		    kinds[i]->decode(c, site))
			return true;
	return false;
}

static bool decoded(struct wait_ctx *c, const struct wait_site *site)
{
	if (!site->task->has_syscall || site->task->compat)
		return false;
	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->decode && has_syscall(kinds[i], site->task->nr) &&
		    (site->task->state != 'D' || kinds[i]->uninterruptible) &&
		    kinds[i]->decode(c, site))
			return true;
	return false;
}

static uint32_t op_string(struct wait_ctx *c, const struct snap_task *t)
{
	const char *name = t->compat ? "32-bit system call" : syscall_name(t->nr);

	if (!t->has_syscall)
		name = t->in_fault ? "page fault" : "unknown";
	if (name)
		return strtab_add(c->model->strings, name);
	return strtab_addf(c->model->strings, "syscall_%d", t->nr);
}

uint32_t wait_decode_thread(struct wait_ctx *c, const struct snap_task *t, uint32_t thread)
{
	struct wait_site site = {
		.task = t,
		.process = snapshot_process(c->snap, t->tgid),
		.thread = thread,
		.wait = model_add_wait(c->model, thread, 0),
	};
	struct thread *owner = model_thread(c->model, thread);
	struct wait *w = model_wait(c->model, site.wait);

	owner->wait = site.wait;
	w->op = op_string(c, t);
	w->since_ms = wait_since_ms(c, t);
	if (t->has_syscall)
		owner->syscall = w->op;
	c->items_left = WAIT_ITEMS_MAX;
	c->items_cut = false;
	if (!claimed(c, &site) && !decoded(c, &site))
		decode_other(c, &site);
	/* A decoder that found nobody must have said so; one that did not is our own gap. */
	if (!model_wait(c->model, site.wait)->term_count)
		wait_unknown(c, site.wait, "who could end this wait is not known");
	return site.wait;
}

/* A thread that runs, is ready to, or is dead waits for nothing. */
static bool is_blocked(const struct snap_task *t)
{
	if (t->moved || t->gone || t->on_cpu)
		return false;
	return t->state != 'R' && t->state != 'Z' && t->state != 'X';
}

void waits_decode(struct wait_ctx *c)
{
	for (uint32_t i = 0; i < c->snap->processes.count; i++) {
		const struct snap_process *p = &c->snap->processes.at[i];

		for (uint32_t j = 0; p->in_tree && j < p->task_count; j++) {
			const struct snap_task *t = &c->snap->tasks.at[p->first_task + j];
			uint32_t thread = model_find_tid(c->model, t->tid);

			if (thread && is_blocked(t))
				wait_decode_thread(c, t, thread);
		}
	}
}
