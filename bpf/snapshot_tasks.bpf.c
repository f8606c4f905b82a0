/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * snapshot_tasks.bpf.c - every thread of the reader's pid namespace: its state, registers, what it
 * owns.
 *
 * `tasks` writes all there is to know, `stamps` only what tells whether a thread ran since. Records
 * are built in static memory: one reader runs these programs, one thread at a time.
 *
 * Numbers in a task are read straight, pointers with peek(): for each pointer that is loaded
 * through a trusted one, the verifier searches all types of the kernel by name, several times
 * (kernel/bpf/verifier.c, type_is_trusted()). With pointers read straight, loading took 110 ms
 * instead of 3.
 */
#include "kernel_task.bpf.h"
#include "walk.bpf.h"

#include "event.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/linux/sched.h, include/linux/sched/signal.h, kernel/cgroup/freezer.c */
enum {
	PF_IO_WORKER = 0x10,
	PF_FROZEN_OLD = 0x10000, /* before 6.1; later a task state */
	PF_KTHREAD = 0x200000,
	TASK_FROZEN = 0x8000,
	TS_COMPAT = 2,
	SIGNAL_GROUP_EXIT = 4,
	CGROUP_FROZEN = 8,
	HRTIMER_ENQUEUED = 1,
	PIDTYPE_PGID = 2,
	PIDTYPE_SID = 3,
	MAX_TIMERS = 64,
	MAX_UNDO = 64,
	MAX_FRAMES = 8,
	MAX_FD_WORDS = 64, /* 4,096 descriptors are counted */
	TASK_BLOCKED = 3,  /* interruptible, uninterruptible */
};

static struct ev_stamp stamp;
static struct ev_task rec;
static struct ev_process proc;
static struct ev_undo undo;
static __u64 actions[64][4];
static __u64 frames[MAX_FRAMES];
static struct pid_room pids;
static unsigned long *fd_bits;
static __u32 fd_words;

/*
 * Where a walk is. Not on the stack: there the verifier would follow each step with other numbers.
 */
static void *chain_head, *chain_at;

SEC("iter/task") int stamps(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	own_ns_find();
	stamp.head.size = sizeof(stamp);
	stamp.head.kind = EV_STAMP;
	stamp.tgid = pid_nr(&pids, peek(task, group_leader, thread_pid));
	stamp.tid = pid_nr(&pids, peek(task, thread_pid));
	stamp.start_ns = task->start_boottime;
	stamp.run_ns = task->se.sum_exec_runtime;
	if (bpf_core_field_exists(task->sched_info.pcount))
		stamp.pcount = task->sched_info.pcount;
	stamp.switches = task->nvcsw + task->nivcsw;
	stamp.state = task->__state;
	stamp.exit_state = task->exit_state;
	bpf_seq_write(ctx->meta->seq, &stamp, sizeof(stamp));
	return 0;
}

/* ---- a thread -------------------------------------------------------------------------------- */

static __always_inline void task_ids(struct task_struct *task)
{
	struct task_struct *parent = peek(task, real_parent);
	struct pid *own = peek(task, thread_pid);
	struct pid *leader = peek(task, group_leader, thread_pid);

	rec.tid = pid_nr(&pids, own);
	rec.ns_tid = own ? pid_at(&pids, own, of(pids.block, pid, level)).nr : 0;
	rec.tgid = rec.tid;
	rec.ns_tgid = rec.ns_tid;
	if (leader != own) {
		rec.tgid = pid_nr(&pids, leader);
		rec.ns_tgid = leader ? pid_at(&pids, leader, of(pids.block, pid, level)).nr : 0;
	}
	rec.parent_tgid = pid_nr(&pids, peek(parent, group_leader, thread_pid));
	rec.forker = pid_nr(&pids, peek(parent, thread_pid));
	rec.tracer = task->ptrace ? pid_nr(&pids, peek(task, parent, thread_pid)) : 0;
	rec.exit_signal = task->exit_signal;
	rec.uid = peek(task, cred, uid.val);
	__builtin_memcpy(rec.comm, task->comm, sizeof(rec.comm));
}

static __always_inline void task_times(struct task_struct *task)
{
	rec.start_ns = task->start_boottime;
	rec.run_ns = task->se.sum_exec_runtime;
	if (bpf_core_field_exists(task->sched_info.pcount)) {
		rec.pcount = task->sched_info.pcount;
		rec.last_arrival = task->sched_info.last_arrival;
	}
	rec.switches = task->nvcsw + task->nivcsw;
	rec.last_run_ns = rec.run_ns - task->se.prev_sum_exec_runtime;
	rec.faults = task->min_flt + task->maj_flt;
	if (bpf_core_field_exists(task->ioac.rchar))
		rec.io_bytes = task->ioac.rchar + task->ioac.wchar;
}

/* Frames of its kernel stack, folded: what differs in them sleeps elsewhere. */
static __always_inline void task_stack(struct task_struct *task)
{
	long bytes;

	rec.stack_hash = 0;
	if (!(rec.state & TASK_BLOCKED))
		return;
	bytes = bpf_get_task_stack(task, frames, sizeof(frames), 0);
	if (bytes < (long)sizeof(frames[0]))
		return;
	rec.stack_hash = bytes;
	for (int i = 0; i < MAX_FRAMES; i++)
		if (i * (long)sizeof(frames[0]) < bytes)
			rec.stack_hash = (rec.stack_hash ^ frames[i]) * 0x100000001b3ULL;
}

/* The user registers of the last entry into the kernel, arch/x86/include/uapi/asm/ptrace-abi.h. */
static __always_inline void task_regs(struct task_struct *task)
{
	struct pt_regs *regs;

	rec.nr = -1;
	if (!rec.mm_ref || (task->flags & (PF_KTHREAD | PF_IO_WORKER)))
		return;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	rec.nr = (__s64)regs->orig_ax;
	rec.args[0] = regs->di;
	rec.args[1] = regs->si;
	rec.args[2] = regs->dx;
	rec.args[3] = regs->r10;
	rec.args[4] = regs->r8;
	rec.args[5] = regs->r9;
	rec.sp = regs->sp;
	rec.ip = regs->ip;
	rec.head.flags |= EV_TASK_REGS;
	if (task->thread_info.status & TS_COMPAT)
		rec.head.flags |= EV_TASK_COMPAT;
}

static __always_inline void task_restart(struct task_struct *task)
{
	rec.restart_ref = (__u64)peek(task, restart_block.fn);
	if (rec.restart_ref)
		bpf_probe_read_kernel(rec.restart, sizeof(rec.restart),
				      (void *)task +
					      bpf_core_field_offset(task->restart_block.futex));
}

/* Lock owners keep flags in the low bits: 3 in a mutex and a rw_semaphore, 1 in an rt_mutex. */
__noinline __s32 owner_tid(__u64 owner)
{
	struct task_struct *task = (void *)(owner & ~7ULL);

	return task ? pid_nr(&pids, BPF_CORE_READ(task, thread_pid)) : 0;
}

/* task->blocker: the lock, its kind in the low two bits (include/linux/hung_task.h, 6.16). */
static __always_inline void task_blocker(struct task_struct *task)
{
	__u64 lock, kind;

	if (bpf_core_field_exists(task->blocker)) {
		lock = task->blocker & ~3ULL;
		kind = task->blocker & 3;
	} else if (bpf_core_field_exists(task->blocked_on)) {
		lock = (__u64)peek(task, blocked_on);
		kind = 0;
	} else {
		return;
	}
	if (!lock)
		return;
	rec.lock_kind = EV_LOCK_MUTEX + kind;
	if (kind == 0)
		rec.lock_owner = owner_tid(peek((struct mutex *)lock, owner.counter));
	else if (kind > 1)
		rec.lock_owner = owner_tid(peek((struct rw_semaphore *)lock, owner.counter));
	else if (bpf_core_field_exists(struct semaphore, last_holder))
		rec.lock_owner = owner_tid(peek((struct semaphore *)lock, last_holder));
}

static __always_inline void task_locks(struct task_struct *task)
{
	struct rt_mutex_waiter *waiter = peek(task, pi_blocked_on);

	rec.pi_owner = rec.lock_owner = rec.lock_kind = 0;
	if (waiter)
		rec.pi_owner = owner_tid((__u64)BPF_CORE_READ(waiter, lock, owner));
	task_blocker(task);
}

/*
 * By either cgroup freezer. Of version 2 the task's own bit says nothing: a stopped or traced task
 * counts as frozen too (kernel/signal.c, do_signal_stop()); its cgroup knows.
 */
static __always_inline bool task_frozen(struct task_struct *task)
{
	struct cgroup *cgroup = peek(task, cgroups, dfl_cgrp);
	int freeze = 0;

	if ((task->__state & TASK_FROZEN) || (task->flags & PF_FROZEN_OLD))
		return true;
	if (!bpf_core_field_exists(cgroup->freezer.e_freeze))
		return false;
	bpf_probe_read_kernel(&freeze, bpf_core_field_size(cgroup->freezer.e_freeze),
			      (void *)cgroup + bpf_core_field_offset(cgroup->freezer.e_freeze));
	return freeze != 0;
}

/* The first queued signal and who sent it. */
static __always_inline bool first_signal(struct list_head *head, __s32 *signal, __s32 *sender)
{
	struct list_head *first = list_next(head);
	struct sigqueue *q;

	*signal = *sender = 0;
	if (!first || first == head)
		return false;
	q = holder_of(first, sigqueue, list);
	*signal = peek(q, info.si_signo);
	*sender = peek(q, info._sifields._kill._pid);
	return true;
}

static __always_inline void task_signals(struct task_struct *task)
{
	rec.jobctl = task->jobctl;
	rec.sig_pending = task->pending.signal.sig[0];
	rec.sig_blocked = task->blocked.sig[0];
	rec.sender_tgid = rec.sender_signal = 0;
	if (rec.sig_pending &&
	    first_signal((void *)task + bpf_core_field_offset(task->pending.list),
			 &rec.sender_signal, &rec.sender_tgid))
		rec.head.flags |= EV_TASK_SENDER;
}

static __always_inline void task_flags(struct task_struct *task)
{
	rec.state = task->__state;
	rec.exit_state = task->exit_state;
	rec.pf_flags = task->flags;
	rec.ptrace = task->ptrace;
	if (task->on_cpu)
		rec.head.flags |= EV_TASK_ON_CPU;
	if (peek(task, vfork_done))
		rec.head.flags |= EV_TASK_VFORK;
	if (task_frozen(task))
		rec.head.flags |= EV_TASK_FROZEN;
	rec.mm_ref = (__u64)peek(task, mm);
	rec.files_ref = (__u64)peek(task, files);
	rec.clear_child_tid = (__u64)peek(task, clear_child_tid);
	rec.robust_list = (__u64)peek(task, robust_list);
}

/* ---- SEM_UNDO -------------------------------------------------------------------------------- */

static int undo_step(__u32 i __attribute__((unused)), void *seq)
{
	struct sem_undo *u;
	void *adj;

	if (!chain_at || chain_at == chain_head)
		return 1;
	u = holder_of(chain_at, sem_undo, list_proc);
	undo.semid = peek(u, semid);
	if (bpf_core_field_exists(struct sem_undo___pointer, semadj))
		adj = peek((struct sem_undo___pointer *)u, semadj);
	else
		adj = (void *)u + bpf_core_field_offset(struct sem_undo, semadj);
	if (bpf_probe_read_kernel(undo.adj, sizeof(undo.adj), adj))
		__builtin_memset(undo.adj, 0, sizeof(undo.adj));
	bpf_seq_write(*(struct seq_file **)seq, &undo, sizeof(undo));
	chain_at = list_next(chain_at);
	return 0;
}

/* Threads made with CLONE_SYSVSEM share one list: it is told once. */
static __always_inline void task_undo(struct task_struct *task, struct seq_file *seq)
{
	struct sem_undo_list *list;

	if (!bpf_core_field_exists(task->sysvsem.undo_list))
		return;
	list = peek(task, sysvsem.undo_list);
	if (!list)
		return;
	if (rec.tid != rec.tgid && peek(task, group_leader, sysvsem.undo_list) == list)
		return;
	undo.head.size = sizeof(undo);
	undo.head.kind = EV_UNDO;
	undo.tgid = rec.tgid;
	chain_head = (void *)list + bpf_core_field_offset(struct sem_undo_list, list_proc);
	chain_at = list_next(chain_head);
	walk(MAX_UNDO, 16, undo_step, &seq);
	if (chain_at && chain_at != chain_head)
		rec.head.flags |= EV_TASK_UNDO_CUT;
}

/* ---- a process ------------------------------------------------------------------------------- */

static __always_inline void process_tty(struct signal_struct *signal)
{
	struct tty_struct *tty = peek(signal, tty);
	__u32 major, minor;

	proc.pgrp = pid_nr(&pids, peek(signal, pids[PIDTYPE_PGID]));
	proc.session = pid_nr(&pids, peek(signal, pids[PIDTYPE_SID]));
	proc.tty_nr = 0;
	proc.tpgid = -1;
	if (!tty)
		return;
	major = peek(tty, driver, major);
	minor = peek(tty, driver, minor_start) + peek(tty, index);
	proc.tty_nr = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
	proc.tpgid = pid_nr(&pids, peek(tty, ctrl.pgrp));
}

static int action_step(__u32 i, void *state __attribute__((unused)))
{
	__u64 handler = actions[i & 63][0];

	if (handler == 1)
		proc.sig_ignored |= 1ULL << (i & 63);
	else if (handler)
		proc.sig_caught |= 1ULL << (i & 63);
	return 0;
}

/* The table is copied in one go: struct k_sigaction is 32 bytes, its first word is the handler. */
static __always_inline void process_actions(struct sighand_struct *sighand)
{
	proc.sig_ignored = proc.sig_caught = 0;
	if (sighand && bpf_core_type_size(struct k_sigaction) == sizeof(actions[0]) &&
	    !bpf_probe_read_kernel(actions, sizeof(actions),
				   (void *)sighand +
					   bpf_core_field_offset(struct sighand_struct, action)))
		walk(64, 64, action_step, NULL);
}

/*
 * CPU time clocks (negative ids, 2 and 3) cannot fire while everybody sleeps: they are not counted.
 */
static int timer_step(__u32 i __attribute__((unused)), void *state __attribute__((unused)))
{
	struct k_itimer *t;
	__s64 left;
	int clock;

	if (!chain_at || chain_at == chain_head)
		return 1;
	t = holder_of(chain_at, k_itimer, list);
	clock = peek(t, it_clock);
	if (clock >= 0 && clock != 2 && clock != 3 &&
	    (peek(t, it.real.timer.state) & HRTIMER_ENQUEUED)) {
		left = hrtimer_left((void *)t +
				    bpf_core_field_offset(struct k_itimer, it.real.timer));
		if (!proc.timers || left < proc.timer_left_ns)
			proc.timer_left_ns = left;
		proc.timers++;
	}
	chain_at = list_next(chain_at);
	return 0;
}

static __always_inline void process_timers(struct signal_struct *signal)
{
	proc.itimer_armed = peek(signal, real_timer.state) & HRTIMER_ENQUEUED;
	proc.itimer_left_ns = 0;
	if (proc.itimer_armed)
		proc.itimer_left_ns =
			hrtimer_left((void *)signal + bpf_core_field_offset(signal->real_timer));
	proc.timers = 0;
	proc.timer_left_ns = 0;
	if (!bpf_core_field_exists(signal->posix_timers))
		return;
	chain_head = (void *)signal + bpf_core_field_offset(signal->posix_timers);
	chain_at = list_next(chain_head);
	walk(MAX_TIMERS, 16, timer_step, NULL);
}

static __always_inline void process_cgroup(struct task_struct *leader)
{
	__u32 which = bpf_core_enum_value(enum cgroup_subsys_id, freezer_cgrp_id);
	struct css_set *set = peek(leader, cgroups);
	struct cgroup_subsys_state *css = NULL;

	proc.cgroups_ref = (__u64)set;
	proc.cgroup_id = BPF_CORE_READ(set, dfl_cgrp, kn, id);
	proc.freezer = 0;
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, freezer_cgrp_id) ||
	    !bpf_core_type_exists(struct freezer))
		return;
	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
				      which * sizeof(css));
	if (css)
		proc.freezer = peek(holder_of(css, freezer, css), state);
}

static __always_inline __u32 ns_inum(struct pid_namespace *ns)
{
	return ns ? BPF_CORE_READ(ns, ns.inum) : 0;
}

static __always_inline void process_namespaces(struct task_struct *leader)
{
	struct nsproxy *ns = peek(leader, nsproxy);
	struct pid *pid = peek(leader, thread_pid);
	struct upid at = {};

	bpf_probe_read_kernel(&at, sizeof(at),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      BPF_CORE_READ(pid, level) * sizeof(at));
	proc.pid_ns = ns_inum(at.ns);
	proc.user_ns = peek(leader, cred, user_ns, ns.inum);
	proc.net_ns = proc.mnt_ns = proc.ipc_ns = 0;
	if (!ns)
		return;
	proc.net_ns = peek(ns, net_ns, ns.inum);
	proc.mnt_ns = peek(ns, mnt_ns, ns.inum);
	proc.ipc_ns = peek(ns, ipc_ns, ns.inum);
}

static __always_inline void process_memory(struct mm_struct *mm)
{
	struct inode *inode;
	struct file *exe;

	proc.start_stack = proc.arg_start = proc.arg_end = proc.start_code = 0;
	proc.exe_ino = proc.exe_dev = proc.exe_ref = 0;
	proc.code_pages = 0;
	if (!mm)
		return;
	proc.start_stack = peek(mm, start_stack);
	proc.arg_start = peek(mm, arg_start);
	proc.arg_end = peek(mm, arg_end);
	proc.start_code = peek(mm, start_code);
	proc.code_pages = (__u32)peek(mm, exec_vm);
	exe = peek(mm, exe_file);
	if (!exe)
		return;
	inode = peek(exe, f_inode);
	proc.exe_ref = (__u64)peek(exe, f_path.dentry) + ((__u64)peek(exe, f_path.mnt) << 1);
	proc.exe_ino = peek(inode, i_ino);
	proc.exe_dev = peek(inode, i_sb, s_dev);
}

static int fd_step(__u32 i, void *state __attribute__((unused)))
{
	unsigned long word;

	if (i >= fd_words)
		return 1;
	if (bpf_probe_read_kernel(&word, sizeof(word), fd_bits + i) || !word)
		return 0;
	/* Bits are counted in parallel: the instruction for it does not exist here. */
	word -= (word >> 1) & 0x5555555555555555ULL;
	word = (word & 0x3333333333333333ULL) + ((word >> 2) & 0x3333333333333333ULL);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	proc.fds += (word * 0x0101010101010101ULL) >> 56;
	return 0;
}

static __always_inline void process_fds(struct files_struct *files)
{
	struct fdtable *table = files ? peek(files, fdt) : NULL;

	proc.fds = 0;
	if (!table)
		return;
	fd_words = peek(table, max_fds) / 64;
	fd_bits = peek(table, open_fds);
	if (fd_words > MAX_FD_WORDS)
		proc.fds = ~0U;
	else
		walk(MAX_FD_WORDS, 64, fd_step, NULL);
}

static __always_inline void process_write(struct task_struct *leader, struct seq_file *seq)
{
	struct signal_struct *signal = peek(leader, signal);
	__u32 flags = peek(signal, flags);

	proc.head.size = sizeof(proc);
	proc.head.kind = EV_PROCESS;
	proc.head.flags = 0;
	proc.tgid = rec.tgid;
	proc.signal_flags = flags;
	proc.exit_code = (flags & SIGNAL_GROUP_EXIT) ? peek(signal, group_exit_code) :
						       leader->exit_code;
	proc.threads = peek(signal, nr_threads);
	proc.subreaper = BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper);
	proc.sig_pending = peek(signal, shared_pending.signal.sig[0]);
	proc.sender_tgid = proc.sender_signal = 0;
	if (proc.sig_pending &&
	    first_signal((void *)signal + bpf_core_field_offset(signal->shared_pending.list),
			 &proc.sender_signal, &proc.sender_tgid))
		proc.head.flags |= EV_TASK_SENDER;
	process_tty(signal);
	process_actions(peek(leader, sighand));
	process_timers(signal);
	process_cgroup(leader);
	process_namespaces(leader);
	process_memory((void *)rec.mm_ref);
	process_fds((void *)rec.files_ref);
	proc.faults = peek(signal, min_flt) + peek(signal, maj_flt);
	if (bpf_core_field_exists(signal->ioac.rchar))
		proc.io_bytes = peek(signal, ioac.rchar) + peek(signal, ioac.wchar);
	bpf_seq_write(seq, &proc, sizeof(proc));
}

SEC("iter/task") int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;

	if (!task)
		return 0;
	own_ns_find();
	rec.head.size = sizeof(rec);
	rec.head.kind = EV_TASK;
	rec.head.flags = 0;
	task_ids(task);
	task_times(task);
	task_flags(task);
	task_regs(task);
	task_restart(task);
	task_locks(task);
	task_signals(task);
	task_stack(task);
	if (rec.tid == rec.tgid)
		process_write(task, seq);
	task_undo(task, seq);
	bpf_seq_write(seq, &rec, sizeof(rec));
	return 0;
}
