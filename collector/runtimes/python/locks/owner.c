/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * owner.c - from the ident of a thread, as locks of Python record it, to the thread.
 *
 * An ident is the pthread_t. A fork copies the lock and the ident, but of the threads only the one
 * that forked; glibc then clears the tid of the others in the child (__reclaim_stacks() of
 * nptl/nptl-stack.c), as the kernel does at the end of each thread.
 */
#include "read/mem.h"
#include "runtimes/python/locks/parked.h"

#include <errno.h>
#include <stdio.h>

/* struct pthread of glibc: it points at itself twice, see waits/futex/recognise.c. */
enum { PD_SELF = 16, PD_TID = 720 };

uint32_t py_parked_thread(const struct py_parked *x, uint64_t ident)
{
	for (uint32_t i = 0; ident && i < x->py->thread_count; i++) {
		const struct py_thread *t = &x->py->threads[i];

		if (t->ident == ident && t->ns_tid)
			return map_get(x->tids, (uint32_t)t->ns_tid, 0);
	}
	return 0;
}

struct py_thread_name py_thread_name(const struct model *m, uint32_t thread)
{
	const struct thread *t = model_thread(m, thread);
	const char *title = model_str(m, t->script.title);
	struct py_thread_name name;

	if (*title)
		snprintf(name.text, sizeof(name.text), "thread '%.48s' (tid %d)", title, t->tid);
	else
		snprintf(name.text, sizeof(name.text), "thread %d", t->tid);
	return name;
}

void py_parked_add(struct py_parked *x, uint32_t thread)
{
	x->park.by = PARK_THREADS;
	for (uint32_t i = 0; i < x->others.count; i++)
		if (x->others.at[i] == thread)
			return;
	if (x->others.count < PY_PARKED_OTHERS)
		*vec_push(&x->others) = thread;
}

struct py_thread_name py_parked_owner(struct py_parked *x, uint64_t ident)
{
	uint32_t thread = py_parked_thread(x, ident);
	struct py_thread_name name = { .text = "" };

	if (!thread)
		return name;
	x->others.count = 0;
	py_parked_add(x, thread);
	x->park.as = AS_OWNER;
	x->park.completion = true;
	x->park.signals = false;
	jsonw_int(&x->detail, "owner_tid", model_thread(x->m, thread)->tid);
	return py_thread_name(x->m, thread);
}

/* ---- owners that are no more ----------------------------------------------------------------- */

/* The word at `addr` as it is now, not as it was when the page was read; 0: not to be read. */
static uint64_t word_now(struct mem *mem, uint64_t addr)
{
	uint64_t value;

	return mem_read(mem, addr, &value, sizeof(value)) < 0 ? 0 : value;
}

/*
 * The tid in a struct pthread of glibc, 0 when there is no memory any more for one; -1: what is
 * there is none.
 */
static int32_t tid_now(struct mem *mem, uint64_t ident)
{
	uint64_t first;
	int32_t tid;

	if (mem_read(mem, ident, &first, sizeof(first)) == -EFAULT)
		return 0;
	if (word_now(mem, ident) != ident || word_now(mem, ident + PD_SELF) != ident)
		return -1;
	tid = (int32_t)(uint32_t)word_now(mem, ident + PD_TID);
	/* pthread_join() puts -1 there */
	return tid > 0 ? tid : 0;
}

/* The thread of the process that forked this one, when the same lock there is its. 0: none is. */
static uint32_t owner_in_parent(const struct py_parked *x, uint64_t word, uint64_t ident)
{
	const struct snapshot *s = x->site->snap;
	const struct snap_process *parent = snapshot_process(s, x->site->process->ppid);
	_cleanup_mem_ struct mem *mem = NULL;
	int32_t tid;

	if (!parent || parent->denied || parent->exited)
		return 0;
	mem = mem_new(parent->tgid, snapshot_is_suspicious(s, parent->tgid));
	tid = word_now(mem, word) == ident ? tid_now(mem, ident) : 0;
	for (uint32_t i = 0; tid > 0 && i < parent->task_count; i++) {
		const struct snap_task *t = &s->tasks.at[parent->first_task + i];

		if ((t->ns_tid ? t->ns_tid : t->tid) == tid)
			return model_find_tid(x->m, t->tid);
	}
	return 0;
}

/*
 * Does the lock name a thread that has ended? A thread may have begun since the list was read, so
 * the lock is read before and after it: who has it now is not in the memory of a live thread.
 */
static bool is_lost(const struct py_parked *x, uint64_t word, uint64_t ident)
{
	const struct snapshot *s = x->site->snap;
	int32_t tgid = x->site->process->tgid;
	_cleanup_mem_ struct mem *mem = mem_new(tgid, snapshot_is_suspicious(s, tgid));

	return word_now(mem, word) == ident && tid_now(mem, ident) == 0 &&
	       word_now(mem, word) == ident;
}

/* A process that never called exec has what its parent had. */
static bool is_copied(const struct py_parked *x)
{
	const struct snap_process *p = x->site->process;

	return p->fork_no_exec_known && p->fork_no_exec;
}

static struct py_thread_name copied(struct py_parked *x, uint64_t word, uint64_t ident)
{
	uint32_t thread = owner_in_parent(x, word, ident);
	struct py_thread_name name, other;
	int32_t tgid = x->site->process->tgid, ppid = x->site->process->ppid;

	x->park.finding = strtab_add(x->m->strings, "lock-copied-by-fork");
	if (!thread) {
		snprintf(name.text, sizeof(name.text), "a thread that fork() left behind");
		x->park.why = strtab_add(x->m->strings,
					 "it was held by another thread of the process that forked "
					 "this one; no thread of this process can release it");
		x->park.found = strtab_addf(
			x->m->strings,
			"a %s that another thread held was copied by the fork of process %d, which "
			"had several threads: in process %d nobody will ever release it",
			x->what, ppid, tgid);
		return name;
	}
	other = py_thread_name(x->m, thread);
	snprintf(name.text, sizeof(name.text), "%.64s of process %d, which fork() left behind",
		 other.text, ppid);
	x->park.why = strtab_addf(x->m->strings,
				  "held by %s of process %d at the time of the fork; no thread of "
				  "this process can release it",
				  other.text, ppid);
	x->park.found =
		strtab_addf(x->m->strings,
			    "a %s that %s of process %d held was copied by fork in a threaded "
			    "process: in process %d nobody will ever release it",
			    x->what, other.text, ppid, tgid);
	return name;
}

static struct py_thread_name ended(struct py_parked *x)
{
	struct py_thread_name name = { .text = "a thread that has ended" };

	x->park.why = strtab_add(x->m->strings, "its owner has ended without releasing it");
	x->park.finding = strtab_add(x->m->strings, "lock-owner-dead");
	x->park.found = strtab_addf(x->m->strings,
				    "a thread of process %d ended while it held a %s: nobody will "
				    "ever release it",
				    x->site->process->tgid, x->what);
	return name;
}

struct py_thread_name py_parked_owner_at(struct py_parked *x, uint64_t word)
{
	uint64_t ident = py_mem_u64(x->py->mem, word);
	struct py_thread_name name = py_parked_owner(x, ident);

	if (*name.text || !ident || !is_lost(x, word, ident))
		return name;
	x->park.by = PARK_NEVER;
	x->park.completion = true;
	x->park.signals = false;
	return is_copied(x) ? copied(x, word, ident) : ended(x);
}
