/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/bpf/bpf_tasks.h"

#include "read/details.h"
#include "read/proc/procfs.h"
#include "read/proc/procstat.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { /* include/linux/sched.h, fs/proc/array.c; x86-64 numbers */
       REPORT_BITS = 0x7f,
       REPORT_IDLE = 0x80,
       STATE_IDLE = 0x402,		  /* TASK_UNINTERRUPTIBLE | TASK_NOLOAD */
       STATE_ODD_SLEEP = 0x1000 | 0x8000, /* TASK_RTLOCK_WAIT, TASK_FROZEN: shown as D */
       STATE_UNINTERRUPTIBLE = 2,
       PF_FORKNOEXEC = 0x40,
       PF_KTHREAD = 0x200000,
       V1_FROZEN = 8, /* CGROUP_FROZEN, kernel/cgroup/legacy_freezer.c */
       NR_RESTART = 219,
};

enum { CLOCK_TRIES = 16 };

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

char bpf_state_letter(uint32_t state, uint32_t exit_state)
{
	static const char letters[] = "RSDTtXZPI";
	uint32_t shown = (state | exit_state) & REPORT_BITS;

	if ((state & STATE_IDLE) == STATE_IDLE)
		shown = REPORT_IDLE;
	if (state & STATE_ODD_SLEEP)
		shown = STATE_UNINTERRUPTIBLE;
	return letters[shown ? 32 - __builtin_clz(shown) : 0];
}

uint64_t bpf_stamp(uint64_t run_ns, uint64_t pcount, uint64_t switches)
{
	if (!pcount) /* a kernel without CONFIG_SCHED_INFO */
		return switches;
	return run_ns * 0x9e3779b97f4a7c15ull ^ pcount;
}

/* ---- clocks ---------------------------------------------------------------------------------- */

struct own_arrival {
	uint64_t last_arrival;
};

static void on_own_task(const struct ev_head *head, void *arg)
{
	const struct ev_task *t = (const void *)head;
	struct own_arrival *own = arg;

	if (head->kind == EV_TASK && t->tid == gettid())
		own->last_arrival = t->last_arrival;
}

/* start_boottime is of the host; what stat shows is of our time namespace (fs/proc/array.c). */
static int64_t boottime_offset(void)
{
	FILE *f = fopen("/proc/self/timens_offsets", "re");
	long long seconds = 0, nanos = 0;
	char line[128];

	if (!f)
		return 0; /* a kernel without time namespaces */
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "boottime %lld %lld", &seconds, &nanos) == 2)
			break;
	fclose(f);
	return seconds * 1000000000 + nanos;
}

/* How often the calling thread lost the CPU. */
static long own_switches(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

/*
 * The scheduler's clock is no POSIX clock. Right after a sleep our own arrival on the CPU was a few
 * microseconds ago: the smaller difference of two tries is closer to it. A try in which we lost the
 * CPU between the two clocks says nothing.
 */
int bpf_clocks_learn(struct bpf_clocks *c, struct probe *p, struct snag_error *err)
{
	struct timespec nap = { .tv_nsec = 1000 };

	c->tick_ns = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	c->start_offset_ns = boottime_offset();
	c->has_sched = false;
	for (int tries = 0, good = 0; good < 2 && tries < CLOCK_TRIES; tries++) {
		struct own_arrival own = { 0 };
		int64_t offset;
		uint64_t now;
		long switches;
		int rc;

		nanosleep(&nap, NULL);
		switches = own_switches();
		now = clock_ns(CLOCK_BOOTTIME);
		rc = probe_run_self(p, &(struct probe_sink){ on_own_task, &own }, err);
		if (rc < 0)
			return rc;
		offset = (int64_t)(now - own.last_arrival);
		if (!own.last_arrival)
			return 0;
		if (own_switches() != switches)
			continue;
		if (!c->has_sched || offset < c->sched_offset_ns)
			c->sched_offset_ns = offset;
		c->has_sched = true;
		good++;
	}
	return 0;
}

/* When did it leave the CPU? Its last arrival there, and what it ran then. */
static uint64_t since(const struct bpf_tasks *x, const struct ev_task *t)
{
	uint64_t arrived = t->last_arrival + (uint64_t)x->clocks->sched_offset_ns;

	if (!x->clocks->has_sched || !t->last_arrival)
		return 0;
	if (arrived > x->now_boottime_ns)
		return x->now_boottime_ns;
	/* Only the fair class keeps account of the last run; others are not believed. */
	if (t->last_run_ns < x->now_boottime_ns - arrived)
		arrived += t->last_run_ns;
	return arrived;
}

/* ---- restarted calls ------------------------------------------------------------------------- */

/*
 * struct restart_block (include/linux/restart_block.h) is a union without a tag. It is told by
 * comparing it with the registers of the call: nanosleep keeps where to write the rest, poll and
 * futex their first argument.
 */
uint64_t bpf_restart_deadline(const struct ev_task *t)
{
	const uint64_t *b = (const uint64_t *)t->restart;
	uint32_t low = (uint32_t)b[1], high = (uint32_t)(b[1] >> 32);

	if (t->nr != NR_RESTART || !t->restart_ref)
		return 0;
	if (b[0] == t->args[0] && low == (uint32_t)t->args[1] && high <= 1)
		/* poll: ufds, nfds, has_timeout, seconds and nanoseconds of CLOCK_MONOTONIC */
		return high ? b[2] * 1000000000 + b[3] : 0;
	if (b[0] == t->args[0] && low == (uint32_t)t->args[2])
		return b[3]; /* futex: uaddr, val and flags, bitset, time */
	if ((uint32_t)b[0] < 16 && (b[1] == t->args[1] || b[1] == t->args[3]))
		return b[2]; /* nanosleep: clock and type, rmtp, expires */
	return 0;
}

/* ---- threads --------------------------------------------------------------------------------- */

void bpf_tasks_init(struct bpf_tasks *x, struct snapshot *s, const struct bpf_clocks *clocks)
{
	struct stat st;

	memset(x, 0, sizeof(*x));
	x->s = s;
	x->clocks = clocks;
	x->now_boottime_ns = clock_ns(CLOCK_BOOTTIME);
	x->own_ipc_ns = stat("/proc/self/ns/ipc", &st) < 0 ? 0 : st.st_ino;
}

void bpf_tasks_release(struct bpf_tasks *x)
{
	map_release(&x->spaces);
	map_release(&x->leaders);
	vec_release(&x->stacks);
	vec_release(&x->common);
}

/* Kernel addresses end here: 1, 2, 3.. by first appearance. */
static uint32_t renumber(struct map *m, uint64_t ref)
{
	uint32_t n;

	if (!ref)
		return 0;
	if (map_find(m, ref, &n))
		return n;
	map_put(m, ref, m->count + 1);
	return m->count;
}

static void copy_comm(char to[16], const char from[16])
{
	memcpy(to, from, 16);
	to[15] = '\0';
}

/* As /proc/P/task/T/syscall has it: nothing of a thread that can run. */
static void fill_call(struct snap_task *k, const struct ev_task *t)
{
	if (k->state == 'R' || k->state == 'Z' || k->state == 'X' ||
	    !(t->head.flags & EV_TASK_REGS))
		return;
	k->sp = t->sp;
	k->pc = t->ip;
	k->compat = t->head.flags & EV_TASK_COMPAT;
	k->nr = (int32_t)t->nr;
	if (t->nr < 0) {
		k->in_fault = true;
		return;
	}
	k->has_syscall = true;
	memcpy(k->args, t->args, sizeof(k->args));
	k->restart_expires_ns = bpf_restart_deadline(t);
}

static void add_task(struct bpf_tasks *x, const struct ev_task *t)
{
	struct snap_task *k = vec_push(&x->s->tasks);

	if (t->stack_hash)
		*vec_push(&x->stacks) = (struct bpf_stack){ t->tid, t->stack_hash };
	k->tgid = t->tgid;
	k->tid = t->tid;
	k->ns_tgid = t->ns_tgid;
	k->ns_tid = t->ns_tid;
	k->start_ticks = (t->start_ns + (uint64_t)x->clocks->start_offset_ns) / x->clocks->tick_ns;
	copy_comm(k->comm, t->comm);
	k->state = bpf_state_letter(t->state, t->exit_state);
	k->on_cpu = t->head.flags & EV_TASK_ON_CPU;
	k->stamp = bpf_stamp(t->run_ns, t->pcount, t->switches);
	fill_call(k, t);
	k->since_ns = k->state == 'R' ? 0 : since(x, t);
	k->sig_pending = t->sig_pending;
	k->sig_blocked = t->sig_blocked;
	k->has_signals = true;
	k->tracer = t->tracer;
	k->clear_child_tid = t->clear_child_tid;
	k->robust_list = t->robust_list;
	k->pi_owner = t->pi_owner;
	k->lock_owner = t->lock_owner;
	k->lock_kind = (uint8_t)t->lock_kind;
}

/* ---- processes ------------------------------------------------------------------------------- */

/* A time left, of an armed timer that may be about to fire. */
static uint64_t left(int64_t ns)
{
	return ns > 0 ? (uint64_t)ns : 1;
}

static void fill_shared(struct bpf_tasks *x, struct snap_process *p, const struct ev_process *e)
{
	p->pgrp = e->pgrp;
	p->session = e->session;
	p->tty_nr = e->tty_nr;
	p->tpgid = e->tpgid;
	p->pid_ns = e->pid_ns;
	p->net_ns = e->net_ns;
	p->mnt_ns = e->mnt_ns;
	p->user_ns = e->user_ns;
	p->code = e->exe_ref ? e->exe_ref ^ (uint64_t)e->code_pages << 40 : 0;
	p->arg_start = e->arg_start;
	p->arg_end = e->arg_end;
	p->start_stack = e->start_stack;
	p->sig_pending = e->sig_pending;
	p->sig_ignored = e->sig_ignored;
	p->sig_caught = e->sig_caught;
	p->has_signals = true;
	if (e->head.flags & EV_TASK_SENDER)
		p->pending_sender = e->sender_tgid;
	p->itimer_known = true;
	p->itimer_ns = e->itimer_armed ? x->now_boottime_ns + left(e->itimer_left_ns) : 0;
	p->posix_timers = e->timers;
	p->posix_timer_ns = e->timers ? left(e->timer_left_ns) : 0;
	p->io_bytes = e->io_bytes;
	p->faults = e->faults;
	p->fd_total = e->fds == UINT32_MAX ? 0 : e->fds;
	p->subreaper = e->subreaper ? 2 : 1;
	if (e->freezer & V1_FROZEN)
		p->frozen = true;
}

/* The leader makes its process; what it shares came right before. */
static void add_process(struct bpf_tasks *x, const struct ev_task *t)
{
	struct snap_process *p = vec_push(&x->s->processes);
	const struct snap_task *k = &x->s->tasks.at[x->s->tasks.count - 1];

	p->tgid = t->tgid;
	p->ppid = t->parent_tgid;
	p->start_ticks = k->start_ticks;
	copy_comm(p->comm, t->comm);
	p->state = k->state;
	p->kernel = t->pf_flags & PF_KTHREAD;
	p->exit_code = -1;
	p->uid = t->uid;
	p->forker = t->forker;
	p->ns_tgid = t->ns_tgid;
	p->fork_no_exec = t->pf_flags & PF_FORKNOEXEC;
	p->fork_no_exec_known = true;
	p->vfork_child = t->head.flags & EV_TASK_VFORK;
	p->frozen = t->head.flags & EV_TASK_FROZEN;
	p->io_bytes = p->faults = SNAP_UNKNOWN_U64;
	p->posix_timers = UINT32_MAX;
	if (x->process.tgid != t->tgid)
		return;
	fill_shared(x, p, &x->process);
	*vec_push(&x->common) =
		(struct bpf_common){ t->tgid, x->process.cgroups_ref, x->process.exe_ref };
	if (k->state == 'Z' || k->state == 'X')
		p->exit_code = x->process.exit_code;
}

/* What is counted for each thread, and what a leader that has exited no longer has. */
static void add_to_process(struct bpf_tasks *x, const struct ev_task *t)
{
	struct snap_process *p;

	/*
	 * The leader is listed before its threads unless the numbers wrapped: then their part is
	 * missed.
	 */
	if (!x->s->processes.count)
		return;
	p = &x->s->processes.at[x->s->processes.count - 1];
	if (p->tgid != t->tgid) {
		uint32_t i = map_get(&x->leaders, (uint32_t)t->tgid, 0);

		if (!i)
			return;
		p = &x->s->processes.at[i - 1];
	}
	if (p->io_bytes != SNAP_UNKNOWN_U64)
		p->io_bytes += t->io_bytes;
	if (p->faults != SNAP_UNKNOWN_U64)
		p->faults += t->faults;
	if (!p->mm)
		p->mm = renumber(&x->spaces, t->mm_ref);
}

/*
 * How many semaphores the set has, where it can be asked for: it may be of another IPC namespace.
 */
static int set_size(const struct bpf_tasks *x, const struct ev_undo *u)
{
	struct semid_ds ds;

	if (x->process.tgid != u->tgid || x->process.ipc_ns != x->own_ipc_ns ||
	    semctl(u->semid, 0, IPC_STAT, &ds) < 0)
		return 1; /* most sets have one; behind the last there is noise */
	return ds.sem_nsems < EV_UNDO_ADJ ? (int)ds.sem_nsems : EV_UNDO_ADJ;
}

static void add_undo(struct bpf_tasks *x, const struct ev_undo *u)
{
	int count = set_size(x, u);

	for (int i = 0; i < count; i++) {
		struct snap_sem_undo *undo;

		if (!u->adj[i])
			continue;
		undo = vec_push(&x->s->undo);
		undo->tgid = u->tgid;
		undo->semid = u->semid;
		undo->sem_num = i;
		undo->adjust = u->adj[i];
	}
}

void bpf_tasks_record(const struct ev_head *record, void *arg)
{
	const struct ev_task *t = (const void *)record;
	struct bpf_tasks *x = arg;

	switch (record->kind) {
	case EV_PROCESS:
		x->process = *(const struct ev_process *)(const void *)record;
		break;
	case EV_UNDO:
		add_undo(x, (const void *)record);
		break;
	case EV_TASK:
		if (t->tid <= 0 || t->tgid <= 0)
			break; /* not of our pid namespace, or just gone */
		if (t->head.flags & EV_TASK_UNDO_CUT)
			x->cut++;
		add_task(x, t);
		if (t->tid == t->tgid) {
			add_process(x, t);
			map_put(&x->leaders, (uint32_t)t->tgid, x->s->processes.count);
		}
		add_to_process(x, t);
		break;
	default:
		break;
	}
}

void bpf_tasks_finish(struct snapshot *s)
{
	for (uint32_t i = 0; i < s->processes.count; i++) {
		struct snap_process *p = &s->processes.at[i];
		bool live = false;

		for (uint32_t k = 0; k < p->task_count; k++)
			live |= !strchr("ZX", s->tasks.at[p->first_task + k].state);
		p->exited = p->task_count && !live;
	}
}

/* ---- where they sleep ------------------------------------------------------------------------ */

/* The wchan of `t`, 0 when it has moved since the pass: then its stack is another one. */
static uint32_t read_wchan(struct snapshot *s, const struct snap_task *t)
{
	_cleanup_strbuf_ struct strbuf wchan = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf stat = STRBUF_INIT;
	uint64_t stamp;

	if (procfs_read_of(&wchan, t->tgid, t->tid, "wchan", NULL) < 0 ||
	    !strcmp(strbuf_str(&wchan), "0") ||
	    procfs_read_of(&stat, t->tgid, t->tid, "schedstat", NULL) < 0 ||
	    !procstat_stamp(strbuf_str(&stat), &stamp) || stamp != t->stamp)
		return 0;
	return strtab_add(s->strings, strbuf_str(&wchan));
}

void bpf_tasks_wchans(struct bpf_tasks *x)
{
	_cleanup_map_ struct map known = MAP_INIT;

	for (uint32_t i = 0; i < x->stacks.count; i++) {
		struct snap_task *t = snapshot_task(x->s, x->stacks.at[i].tid);

		if (!t || !x->s->processes.at[t->process].in_tree)
			continue;
		if (!map_find(&known, x->stacks.at[i].hash, &t->wchan)) {
			t->wchan = read_wchan(x->s, t);
			if (t->wchan)
				map_put(&known, x->stacks.at[i].hash, t->wchan);
		}
	}
}

/* ---- what many processes have in common ------------------------------------------------------ */

void bpf_tasks_details(struct bpf_tasks *x)
{
	_cleanup_map_ struct map cgroups = MAP_INIT;
	_cleanup_map_ struct map programs = MAP_INIT;

	for (uint32_t i = 0; i < x->common.count; i++) {
		const struct bpf_common *c = &x->common.at[i];
		struct snap_process *p = snapshot_process(x->s, c->tgid);

		if (!p || !p->in_tree)
			continue;
		if (!p->cgroup && !map_find(&cgroups, c->cgroups_ref, &p->cgroup)) {
			details_cgroup(x->s, p);
			if (p->cgroup)
				map_put(&cgroups, c->cgroups_ref, p->cgroup);
		}
		if (!c->exe_ref || p->exe || map_find(&programs, c->exe_ref, &p->exe))
			continue;
		details_exe(x->s, p);
		if (p->exe)
			map_put(&programs, c->exe_ref, p->exe);
	}
}
