/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec.c - execve(2) of a process with several threads: it goes on when all the others are dead.
 *
 * fs/exec.c, de_thread(): the others got SIGKILL, so only those that cannot die now are left: in
 * the kernel without being killable, or in a ptrace stop at their exit.
 */
#include "waits/find.h"

#include <string.h>
#include <sys/syscall.h>

/*
 * The functions it may be seen to sleep in, by kernel version and inlining; "" and "0": not to be
 * seen.
 */
static bool may_be_de_thread(const char *wchan)
{
	static const char *const names[] = { "", "0", "de_thread", "begin_new_exec",
					     "load_elf_binary" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(wchan, names[i]) == 0)
			return true;
	return false;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snapshot *s = wait_snapshot(c);
	const struct snap_process *p = site->process;
	uint32_t others = 0;
	struct wait *w;

	if (!may_be_de_thread(snapshot_str(s, site->task->wchan)))
		return false;
	for (uint32_t i = 0; i < p->task_count; i++) {
		const struct snap_task *t = &s->tasks.at[p->first_task + i];

		/* A zombie leader waits for nobody: the thread that calls exec takes its place. */
		if (t->tid == site->task->tid || t->gone || t->state == 'Z' || t->state == 'X')
			continue;
		wait_term_tid(c, site->wait, t->tid, AS_OWNER);
		others++;
	}
	if (!others)
		return false;
	w = model_wait(wait_model(c), site->wait);
	w->completion = true;
	w->need = w->term_count;
	wait_describe(c, site->wait, WAIT_EXEC,
		      "exec waits for %u other thread%s of its process to die", others,
		      others == 1 ? "" : "s");
	return true;
}

const struct wait_kind wait_exec = {
	.name = "exec",
	.uninterruptible = true,
	.syscalls = (const int16_t[]){ SYS_execve, SYS_execveat, -1 },
	.decode = decode,
};
