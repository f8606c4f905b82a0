/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/spawn.h"

#include <linux/sched.h>

/* x86-64 system call numbers. */
enum { NR_CLONE = 56, NR_VFORK = 58, NR_CLONE3 = 435 };

/* Facts about processes, by their index in the snapshot. */
struct spawn {
	struct model *m;
	const struct snapshot *s;
	uint32_t *vfork_tid;	  /* a thread that is in vfork or posix_spawn, 0 none */
	uint32_t *youngest_child; /* 1 + index, 0 none */
	/* string of argv that was looked at last, and whether it is one */
	uint32_t fork_server;
	bool fork_server_is;
};

/* A runtime's own word for how it starts processes, told by what it runs in the new one. */
struct spawn_backend {
	const char *argument; /* part of an argument */
	const char *backend;
};

static const struct spawn_backend backends[] = {
	{ "from multiprocessing.spawn import spawn_main", "multiprocessing spawn" },
	{ "from multiprocessing.forkserver import main", "multiprocessing forkserver-server" },
	{ "from multiprocessing.resource_tracker import main", "multiprocessing resource-tracker" },
};

static const char fork_server_argument[] = "from multiprocessing.forkserver import main";

static uint32_t process_index(const struct snapshot *s, const struct snap_process *p)
{
	return (uint32_t)(p - s->processes.at);
}

/*
 * Is it a thread that waits for its vfork child? vfork(2) and clone(2) with CLONE_VFORK say so in
 * registers; clone3(2) has its flags in memory, but blocks in state D only for CLONE_VFORK
 * (kernel/fork.c, wait_for_vfork_done).
 */
static bool in_vfork(const struct snap_task *t)
{
	if (!t->has_syscall || t->compat)
		return false;
	return t->nr == NR_VFORK || (t->nr == NR_CLONE && (t->args[0] & CLONE_VFORK)) ||
	       (t->nr == NR_CLONE3 && t->state == 'D');
}

static void find_vforks(struct spawn *x)
{
	const struct snapshot *s = x->s;

	x->vfork_tid = xcalloc(s->processes.count + 1, sizeof(*x->vfork_tid));
	x->youngest_child = xcalloc(s->processes.count + 1, sizeof(*x->youngest_child));
	for (uint32_t i = 0; i < s->tasks.count; i++)
		if (in_vfork(&s->tasks.at[i]) && s->tasks.at[i].process < s->processes.count)
			x->vfork_tid[s->tasks.at[i].process] = (uint32_t)s->tasks.at[i].tid;
	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i], *old;
		const struct snap_process *parent = snapshot_process(s, p->ppid);
		uint32_t *youngest;

		if (!parent)
			continue;
		youngest = &x->youngest_child[process_index(s, parent)];
		old = *youngest ? &s->processes.at[*youngest - 1] : NULL;
		if (!old || p->start_ticks >= old->start_ticks)
			*youngest = i + 1;
	}
}

/* Does the parent still wait for this child to exec or exit? Then *why says how that is known. */
static bool waits_in_vfork(const struct spawn *x, const struct snap_process *p,
			   const struct snap_process *parent, const char **why)
{
	uint32_t tid;

	if (p->vfork_child) {
		*why = "its parent still waits for it to exec: vfork_done is set";
		return true;
	}
	if (!parent || (p->fork_no_exec_known && !p->fork_no_exec))
		return false;
	tid = x->vfork_tid[process_index(x->s, parent)];
	if (!tid)
		return false;
	*why = "a thread of its parent waits in vfork or posix_spawn, and it is the youngest child";
	if (p->forker) {
		*why = "the thread that forked it waits in vfork or posix_spawn";
		return (uint32_t)p->forker == tid;
	}
	return x->youngest_child[process_index(x->s, parent)] == process_index(x->s, p) + 1;
}

/* Bare fork (1), exec since (0), or unknown (-1), and why. */
static int is_bare(const struct snap_process *p, const struct snap_process *parent,
		   const char **why)
{
	bool comparable = parent && p->arg_start && parent->arg_start && p->start_stack &&
			  parent->start_stack;
	bool equal = comparable && p->arg_start == parent->arg_start &&
		     p->start_stack == parent->start_stack;

	if (p->fork_no_exec_known) {
		*why = "it has called exec since its fork: PF_FORKNOEXEC is clear";
		if (p->fork_no_exec)
			*why = "no exec since its fork: PF_FORKNOEXEC is set";
		if (p->fork_no_exec && equal)
			*why = "no exec since its fork: PF_FORKNOEXEC is set, and its arguments "
			       "and stack are where its parent's are";
		return p->fork_no_exec;
	}
	if (!comparable) {
		*why = "its parent cannot be seen, and nothing tells whether it called exec";
		if (parent)
			*why = "the addresses of its arguments and stack cannot be read";
		return -1;
	}
	*why = "its arguments and stack are not where its parent's are: it called exec";
	if (equal)
		*why = "its arguments and stack are where its parent's are, exec would have "
		       "moved them";
	return equal;
}

/* Is the parent a fork server? Its children mostly share one, so the last answer is kept. */
static bool is_fork_server(struct spawn *x, const struct snap_process *parent)
{
	if (!parent || !parent->argv)
		return false;
	if (x->fork_server != parent->argv) {
		x->fork_server = parent->argv;
		x->fork_server_is =
			strstr(snapshot_str(x->s, parent->argv), fork_server_argument) != NULL;
	}
	return x->fork_server_is;
}

static uint32_t backend_of(const struct spawn *x, const struct snap_process *p)
{
	const char *argv = snapshot_str(x->s, p->argv);

	for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++)
		if (strstr(argv, backends[i].argument))
			return strtab_add(x->m->strings, backends[i].backend);
	return 0;
}

/* The parent that ppid names may be one that adopted it; then nobody can be named. */
static bool parent_is_true(const struct snap_process *p, const struct snap_process *parent)
{
	if (!parent || p->joined || p->ppid <= 1)
		return false;
	/* A parent that began after its child has taken a pid over, or adopted the child. */
	return parent->start_ticks <= p->start_ticks;
}

/* Why the present parent says nothing about who forked it. */
static const char *unknown_parent(const struct actor *a)
{
	if (!a->ppid)
		return "its parent is outside this pid namespace";
	if (a->joined)
		return "its parent now has adopted it";
	return a->ppid == 1 ? "its parent is pid 1, which adopts orphans" :
			      "its parent is gone or began after it";
}

static void claim(struct spawn *x, struct actor *a, enum spawn_method method, const char *why,
		  bool parent_known)
{
	a->spawn_method = method;
	if (parent_known)
		a->spawn_evidence = strtab_add(x->m->strings, why);
	else
		a->spawn_evidence = strtab_addf(x->m->strings, "%s; who forked it is unknown: %s",
						why, unknown_parent(a));
}

static void claim_fork_server(struct spawn *x, struct actor *a, const struct snap_process *parent)
{
	uint32_t server = model_find_pid(x->m, parent->tgid);

	claim(x, a, SPAWN_FORKSERVER,
	      "no exec since its fork, by a fork server of Python's multiprocessing; the "
	      "requester is taken to be the process that started the server",
	      true);
	a->spawn_backend = strtab_add(x->m->strings, "multiprocessing forkserver");
	a->spawn_requested_by = server ? model_actor(x->m, server)->parent : 0;
}

static void spawn_one(struct spawn *x, struct actor *a)
{
	const struct snap_process *p = snapshot_process(x->s, a->pid);
	const struct snap_process *parent = p ? snapshot_process(x->s, p->ppid) : NULL;
	const char *why = NULL;
	bool known;
	int bare;

	if (!p || p->start_ticks != a->start)
		return;
	known = parent_is_true(p, parent);
	if (!known)
		parent = NULL;
	a->spawn_by_pid = known ? p->ppid : 0;
	a->spawn_by_tid = known ? p->forker : 0;
	if (waits_in_vfork(x, p, parent, &why)) {
		claim(x, a, SPAWN_VFORK_EXEC, why, known);
		return;
	}
	bare = is_bare(p, parent, &why);
	if (bare < 0) {
		claim(x, a, SPAWN_UNKNOWN, why, true);
	} else if (!bare) {
		claim(x, a, SPAWN_FORK_EXEC, why, known);
		a->spawn_backend = backend_of(x, p);
		a->spawn_requested_by = known && a->spawn_backend ? a->parent : 0;
	} else if (is_fork_server(x, parent)) {
		claim_fork_server(x, a, parent);
	} else if (known && p->forker && p->forker != parent->tgid) {
		a->spawn_method = SPAWN_THREAD_FORK;
		a->spawn_evidence = strtab_addf(
			x->m->strings, "%s; forked by thread %d, not the main thread of pid %d",
			why, p->forker, p->ppid);
	} else {
		claim(x, a, SPAWN_FORK, why, known);
	}
}

void spawn_find(struct model *m, const struct snapshot *s)
{
	struct spawn x = { .m = m, .s = s };

	find_vforks(&x);
	for (uint32_t i = 0; i < m->actors.count; i++)
		if (m->actors.at[i].in_tree)
			spawn_one(&x, &m->actors.at[i]);
	free(x.vfork_tid);
	free(x.youngest_child);
}
