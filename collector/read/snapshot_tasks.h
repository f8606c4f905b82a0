/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot_tasks.h - threads and processes of a snapshot. Include snapshot.h, which says how they
 * hang together.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A number that could not be read. */
#define SNAP_UNKNOWN_U64 UINT64_MAX

/* A thread. /proc/P/task/T/{stat,status,schedstat,syscall,wchan}, or struct task_struct. */
struct snap_task {
	int32_t tgid, tid;	 /* in snag's own pid namespace */
	int32_t ns_tgid, ns_tid; /* in the thread's innermost pid namespace (last NSpid column) */
	uint64_t start_ticks;	 /* of this thread: stat field 22, clock ticks since boot */
	char comm[16];
	char state;	  /* R S D T t Z X I, as in stat; 0 unknown */
	bool moved;	  /* ran between the first and the second stamp, or is new */
	bool polls;	  /* set by busy.h: runs, but returns to the same place for nothing */
	bool gone;	  /* was not there at the second stamp */
	bool on_cpu;	  /* running at this moment (bpf only) */
	uint64_t stamp;	  /* changes whenever the thread ran (run time, switches folded together) */
	bool has_syscall; /* syscall..pc are valid and the thread is blocked inside a system call */
	bool in_fault;	  /* blocked outside any system call: a page fault; sp and pc are valid */
	int32_t nr;	  /* system call number (x86-64); 219 restart_syscall hides the true one */
	bool compat;	  /* a 32-bit system call: nr is of the i386 table and is not decoded */
	uint64_t args[6];
	uint64_t sp, pc;
	uint32_t wchan;	   /* kernel symbol it sleeps in, a hint only; string id or 0 */
	uint64_t since_ns; /* CLOCK_BOOTTIME when it last left the CPU; 0 unknown (procfs) */
	uint64_t sig_pending,
		sig_blocked; /* of this thread, bit n-1 is signal n; see has_signals */
	bool has_signals;
	int32_t tracer;		  /* tid of the ptracer, 0 none */
	int32_t forker;		  /* of the leader: tid that forked it, 0 unknown */
	uint64_t clear_child_tid; /* set_tid_address(2): what pthread_join waits on; 0 unknown */
	uint64_t robust_list;	  /* head of the robust list, 0 unknown */
	/* kernel facts that only bpf sees; 0 = none or unknown (see snapshot.has_kernel_locks) */
	int32_t pi_owner;   /* tid that owns the PI futex it blocks on */
	int32_t lock_owner; /* tid that owns the kernel lock it blocks on */
	uint8_t lock_kind;  /* 1 mutex, 2 semaphore, 3 rwsem for reading, 4 rwsem for writing */
	/* CLOCK_MONOTONIC deadline of a restarted sleep, poll or futex; 0 none */
	uint64_t restart_expires_ns;
	uint32_t process; /* index into snapshot.processes */
};

/* A process: identity for all of the host, the rest for those with in_tree (or tells why not). */
struct snap_process {
	int32_t tgid, ppid;
	uint64_t start_ticks; /* of the leader: with tgid the key of the process */
	char comm[16];
	char state;  /* of the leader; 'Z' may hide live threads */
	bool kernel; /* a kernel thread */
	bool in_tree;
	bool joined;		/* in the tree though not a descendant: joined_why */
	const char *joined_why; /* "session", "process group", "cgroup", "--also" or NULL */
	bool denied;		/* we may not read its files or memory */
	bool vanished;		/* ended while we read it */
	bool exited;		/* a zombie without live threads */
	int32_t exit_code;	/* stat field 52 when known, else -1 */
	int32_t pgrp, session, tty_nr, tpgid;
	uint32_t uid;
	int32_t forker; /* tid of the parent's thread that forked it; 0 unknown */
	uint64_t pid_ns, net_ns, mnt_ns, user_ns; /* namespace inode numbers, 0 unknown */
	int32_t ns_tgid;			  /* innermost pid (last NSpid column), 0 unknown */
	uint32_t exe, argv, cgroup; /* string ids; argv joined with \x1f (ASCII unit separator) */
	bool fork_no_exec;	    /* PF_FORKNOEXEC: has not called exec since its fork */
	bool fork_no_exec_known;
	uint64_t arg_start,
		start_stack; /* stat fields 48 and 28: equal to the parent's after a bare fork */
	uint64_t arg_end;    /* stat field 49; 0 unknown, as arg_start */
	bool vfork_child;    /* its vfork parent still waits for it (bpf: vfork_done set) */
	/*
	 * Equal numbers: the same program, with as much code mapped, so that the same libraries may
	 * be expected there. 0 unknown.
	 */
	uint64_t code;
	uint64_t mm; /* equal numbers share an address space; 0 unknown. Not an address */
	uint64_t sig_ignored, sig_caught, sig_pending; /* sig_pending: process-wide queue */
	bool has_signals;
	int32_t pending_sender;	 /* tgid that sent the first queued signal, 0 unknown (bpf) */
	uint64_t itimer_ns;	 /* CLOCK_BOOTTIME expiry of ITIMER_REAL; 0 not armed or unknown */
	bool itimer_known;	 /* false: procfs cannot see it */
	uint64_t posix_timer_ns; /* time left of the next armed POSIX timer; 0 none */
	uint32_t posix_timers;	 /* how many are armed; UINT32_MAX unknown */
	bool frozen;		 /* cgroup freezer v1 or v2 */
	uint64_t faults;   /* minor + major page faults (stat fields 10, 12); SNAP_UNKNOWN_U64 */
	uint64_t io_bytes; /* rchar + wchar of /proc/P/io; SNAP_UNKNOWN_U64 */
	uint32_t first_task, task_count; /* into snapshot.tasks */
	uint32_t first_file, file_count; /* into snapshot.files */
	uint32_t fd_total;		 /* open descriptors, also those that are not listed */
	uint8_t subreaper; /* adopts orphans below it: 0 unknown (procfs), 1 no, 2 yes (bpf) */
	bool hidden; /* /proc shows it, BPF iterators do not: a container may do that to pid 1 */
};
