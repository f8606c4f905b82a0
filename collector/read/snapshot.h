/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - the facts of one instant, as the kernel shows them.
 *
 * Both readers (reader.h) fill the same arrays, so that nothing above asks which one it was. A snapshot
 * holds every process of the host by identity, but threads and files in detail only for the processes of
 * the tree, and besides the outside holders of what the tree holds. It draws no conclusion.
 *
 * Everything is keyed by (tgid, start_ticks); indices into the arrays are stable once the reader is done.
 * Not thread-safe.
 */
#pragma once

#include "base/map.h"
#include "base/strtab.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

/* What an open file is, as far as waiting on it goes. The order is part of no format. */
enum file_kind {
	FILE_UNKNOWN = 0, /* could not be read; never waited on without TERM_UNKNOWN */
	FILE_REGULAR,
	FILE_DIRECTORY,
	FILE_DEVICE, /* a character or block device that has no kind of its own: major in dev_major */
	FILE_PIPE,   /* pipe or FIFO: `named` tells which */
	FILE_SOCKET,
	FILE_EVENTFD,
	FILE_TIMERFD,
	FILE_SIGNALFD,
	FILE_EPOLL,
	FILE_PIDFD,
	FILE_INOTIFY,
	FILE_FANOTIFY,
	FILE_USERFAULTFD,
	FILE_IO_URING,
	FILE_SECCOMP_NOTIFY,
	FILE_TTY,	 /* a terminal or the slave side of a pty: tty_index */
	FILE_PTY_MASTER, /* /dev/ptmx: tty_index is that of its slave */
	FILE_FUSE_DEV,	 /* /dev/fuse: fuse_connection */
	FILE_MQUEUE,
	FILE_ANON, /* any other anonymous inode: its name is in `path` */
	FILE_KIND_COUNT,
};

/* Access of an open file, or what a holder can do for others. */
enum file_mode {
	MODE_READ = 1,
	MODE_WRITE = 2,
};

/* The far end of a number that could not be read. */
#define SNAP_UNKNOWN_U64 UINT64_MAX

/* A thread. /proc/P/task/T/{stat,status,schedstat,syscall,wchan}, or struct task_struct. */
struct snap_task {
	int32_t tgid, tid;    /* in snag's own pid namespace */
	int32_t ns_tgid, ns_tid; /* in the thread's innermost pid namespace (last NSpid column) */
	uint64_t start_ticks; /* of this thread: stat field 22, clock ticks since boot */
	char comm[16];
	char state;	      /* R S D T t Z X I, as in stat; 0 unknown */
	bool moved;	      /* ran between the first and the second stamp, or is new */
	bool gone;	      /* was not there at the second stamp */
	bool on_cpu;	      /* running at this moment (bpf only) */
	uint64_t stamp;	      /* changes whenever the thread ran (run time, switches folded together) */
	bool has_syscall;     /* syscall..pc are valid and the thread is blocked inside a system call */
	bool in_fault;	      /* blocked outside any system call: a page fault; sp and pc are valid */
	int32_t nr;	      /* system call number (x86-64); 219 restart_syscall hides the true one */
	bool compat;	      /* a 32-bit system call: nr is of the i386 table and is not decoded */
	uint64_t args[6];
	uint64_t sp, pc;
	uint32_t wchan;	      /* kernel symbol it sleeps in, a hint only; string id or 0 */
	uint64_t since_ns;    /* CLOCK_BOOTTIME when it last left the CPU; 0 unknown (procfs) */
	uint64_t sig_pending, sig_blocked; /* of this thread, bit n-1 is signal n; see has_signals */
	bool has_signals;
	int32_t tracer;	      /* tid of the ptracer, 0 none */
	int32_t forker;	      /* not used on threads other than the leader: tid that forked it, 0 unknown */
	uint64_t clear_child_tid; /* set_tid_address(2): the word pthread_join waits on; 0 unknown */
	uint64_t robust_list;	  /* head of the robust list, 0 unknown */
	/* kernel facts that only bpf sees; 0 = none or unknown (see snapshot.has_kernel_locks) */
	int32_t pi_owner;	  /* tid that owns the PI futex it blocks on */
	int32_t lock_owner;	  /* tid that owns the kernel lock it blocks on */
	uint8_t lock_kind;	  /* 1 mutex, 2 semaphore, 3 rwsem for reading, 4 rwsem for writing */
	uint64_t restart_expires_ns; /* CLOCK_MONOTONIC deadline of a restarted sleep/poll/futex; 0 none */
	uint32_t process;	  /* index into snapshot.processes */
};

/* A process: identity for all of the host, the rest for those with in_tree (or tells why not). */
struct snap_process {
	int32_t tgid, ppid;
	uint64_t start_ticks; /* of the leader: with tgid the key of the process */
	char comm[16];
	char state;	      /* of the leader; 'Z' may hide live threads */
	bool kernel;	      /* a kernel thread */
	bool in_tree;
	bool joined;	      /* in the tree though not a descendant: joined_why */
	const char *joined_why; /* static string: "session", "cgroup", "--also" or NULL */
	bool denied;	      /* we may not read its files or memory */
	bool vanished;	      /* ended while we read it */
	bool exited;	      /* a zombie without live threads */
	int32_t exit_code;    /* stat field 52 when known, else -1 */
	int32_t pgrp, session, tty_nr, tpgid;
	uint32_t uid;
	int32_t forker;	      /* tid of the parent's thread that forked it; 0 unknown */
	uint64_t pid_ns, net_ns, mnt_ns, user_ns; /* namespace inode numbers, 0 unknown */
	int32_t ns_tgid;      /* innermost pid (last NSpid column), 0 unknown */
	uint32_t exe, argv, cgroup; /* string ids; argv joined with \x1f (ASCII unit separator) */
	bool fork_no_exec;    /* PF_FORKNOEXEC: has not called exec since its fork */
	bool fork_no_exec_known;
	uint64_t arg_start, start_stack; /* stat fields 48 and 28: equal to the parent's after a bare fork */
	bool vfork_child;     /* its vfork parent still waits for it (bpf: vfork_done set) */
	uint64_t mm;	      /* equal numbers share an address space; 0 unknown. Renumbered, never an address */
	uint64_t sig_ignored, sig_caught, sig_pending; /* sig_pending: process-wide queue */
	bool has_signals;
	int32_t pending_sender; /* tgid that sent the first queued signal, 0 unknown (bpf) */
	uint64_t itimer_ns;   /* CLOCK_BOOTTIME expiry of ITIMER_REAL; 0 not armed or unknown */
	bool itimer_known;    /* false: procfs cannot see it */
	uint64_t posix_timer_ns; /* time left of the next armed POSIX timer; 0 none */
	uint32_t posix_timers; /* how many are armed; UINT32_MAX unknown */
	bool frozen;	      /* cgroup freezer v1 or v2 */
	uint64_t io_bytes;    /* rchar + wchar of /proc/P/io; SNAP_UNKNOWN_U64 */
	uint32_t first_task, task_count; /* into snapshot.tasks */
	uint32_t first_file, file_count; /* into snapshot.files */
	uint32_t fd_total;    /* open descriptors, also those that are not listed */
};

/* One descriptor of one process. */
struct snap_file {
	int32_t tgid, fd;
	uint8_t kind;	  /* enum file_kind */
	uint8_t mode;	  /* MODE_READ | MODE_WRITE */
	bool nonblock;
	bool named;	  /* a FIFO in a file system */
	uint64_t dev, ino; /* st_dev as in stat(2), st_ino; equal anon inodes do NOT mean equal objects */
	uint32_t description; /* equal numbers share one open file description; 0 unknown (procfs) */
	uint64_t id;	  /* what tells anonymous objects apart: eventfd-id, timerfd/epoll/pidfd identity; 0 unknown */
	uint32_t path;	  /* readlink text or a name, string id; 0 unknown */
	/* pipe, from the kernel (bpf), UINT32_MAX unknown */
	uint32_t pipe_readers, pipe_writers; /* open file descriptions by access mode */
	uint32_t pipe_used, pipe_slots;	     /* buffers filled, of how many */
	/* one number each: eventfd count; pidfd's pid (-1 reaped); tty index; fuse connection; 0.. */
	uint64_t value;
	uint64_t sigmask;	/* signalfd */
	uint64_t expires_ns;	/* timerfd: time left, 0 disarmed */
	uint64_t interval_ns;	/* timerfd */
	uint32_t sock;		/* 1 + index into snapshot.socks, 0 not looked up or none */
	uint32_t first_item, item_count; /* epoll: into snapshot.epitems */
	bool items_cut;		/* the list of items is not complete */
	bool details;		/* the kind's details above were read (procfs reads them on demand) */
	bool lockable;		/* regular file on which somebody holds a lock or lease */
	int32_t mnt_id;		/* fdinfo, -1 unknown */
};

/* One item of an epoll set. */
struct snap_epitem {
	int32_t fd;	   /* number at the time it was added: may name another file now */
	uint32_t events;   /* EPOLL*; 0x40000000 alone: a spent EPOLLONESHOT */
	uint64_t data;
	uint64_t dev, ino; /* of the true target */
	uint8_t kind;	   /* enum file_kind of the true target, FILE_UNKNOWN if not known */
	uint32_t description; /* of the true target; 0 unknown */
	uint64_t id;	   /* as snap_file.id of the true target, 0 unknown */
};

enum sock_state { /* TCP_* of include/net/tcp_states.h; unix sockets use ESTABLISHED, LISTEN, CLOSE */
	SOCK_ESTABLISHED = 1, SOCK_SYN_SENT, SOCK_SYN_RECV, SOCK_FIN_WAIT1, SOCK_FIN_WAIT2,
	SOCK_TIME_WAIT, SOCK_CLOSE, SOCK_CLOSE_WAIT, SOCK_LAST_ACK, SOCK_LISTENING, SOCK_CLOSING,
};

/* One socket of one network namespace. sock_diag(7), or struct sock. */
struct snap_sock {
	uint64_t ino;	   /* 0: not accepted yet */
	uint64_t net_ns;   /* inode number of its network namespace, 0 unknown */
	uint16_t family;   /* AF_* */
	uint16_t type;	   /* SOCK_* */
	uint16_t protocol;
	uint8_t state;	   /* enum sock_state */
	uint8_t shutdown;  /* 1 receive, 2 send, 3 both; 0xff unknown */
	uint32_t rqueue, wqueue; /* bytes; a listener: pending connections and their limit */
	uint64_t peer_ino; /* unix: 0 none, not connected, or not accepted yet */
	uint64_t listener_ino; /* unix, connected but not accepted: the listener that will; 0 none */
	uint32_t path;	   /* unix: bound name (@ for abstract), string id, 0 none */
	uint64_t vfs_ino;  /* unix: inode number of the bound path, 0 none */
	uint64_t vfs_dev;
	uint8_t local[16], remote[16]; /* IPv4 as ::ffff:a.b.c.d, network order */
	uint16_t local_port, remote_port;
	uint8_t timer;	   /* idiag_timer: 0 none 1 retransmit 2 keepalive 3 time-wait 4 zero-window probe */
	uint32_t timer_ms;
	uint32_t in_flight_fds; /* unix: descriptors queued in its receive queue; UINT32_MAX unknown */
};

/* A pending io_uring request (bpf only). */
struct snap_uring_req {
	int32_t tgid, fd;  /* the ring */
	uint8_t opcode;	   /* IORING_OP_* */
	uint8_t kind;	   /* enum file_kind of its file */
	uint64_t dev, ino, id;
	uint32_t description;
	uint64_t user_data;
};

/* A SEM_UNDO entry: this process would give the semaphore back at its exit (bpf only). */
struct snap_sem_undo {
	int32_t tgid;
	int32_t semid;
	int32_t sem_num;
	int32_t adjust;
};

/* A descriptor that travels in a unix socket's receive queue and is held by nobody else there (bpf). */
struct snap_inflight {
	uint64_t sock_ino;	/* of the socket that would receive it */
	uint8_t kind;		/* enum file_kind */
	uint8_t mode;
	uint64_t dev, ino, id;
	uint32_t description;
};

struct snapshot {
	struct strtab *strings;
	uint64_t taken_realtime_ns, taken_boottime_ns;
	double took_ms;
	int32_t root_tgid;	     /* first target */
	uint64_t root_start;
	VEC(struct snap_process) processes; /* sorted by tgid */
	VEC(struct snap_task) tasks;	     /* of one process side by side, the leader first */
	VEC(struct snap_file) files;	     /* of one process side by side, by fd */
	VEC(struct snap_epitem) epitems;
	VEC(struct snap_sock) socks;
	VEC(struct snap_uring_req) uring;
	VEC(struct snap_sem_undo) undo;
	VEC(struct snap_inflight) inflight;
	VEC(uint32_t) missing;	     /* string ids: what could not be known and why, for people */
	struct map by_tgid;	     /* tgid -> 1 + process */
	struct map by_tid;	     /* tid -> 1 + task */
	struct map by_fd;	     /* map_pair(tgid, fd) -> 1 + file */
	/* what this reader can see */
	bool all_holders;	     /* every process of this pid namespace was looked into */
	bool has_kernel_locks;	     /* lock_owner, pi_owner are filled where they exist */
	bool has_pipe_counts;
	bool has_inflight;	     /* inflight[] is complete */
	bool has_uring;
	bool has_undo;
	bool has_descriptions;
	bool socks_loaded;	     /* socks[] has been filled for every network namespace of the tree */
};

/* An empty snapshot with its own string table. Never NULL. */
struct snapshot *snapshot_new(void);

/* Free it with its strings. NULL is fine. */
void snapshot_free(struct snapshot *s);
DEFINE_GUARD(snapshot)
#define _cleanup_snapshot_ _cleanup_(snapshot_free_guard)

/* Rebuild by_tgid, by_tid, by_fd and the ranges of each process; readers call it after each pass. */
void snapshot_index(struct snapshot *s);

/* The process `tgid`, or NULL. Borrowed until the next pass of the reader. */
struct snap_process *snapshot_process(const struct snapshot *s, int32_t tgid);

/* The thread `tid`, or NULL. Borrowed until the next pass of the reader. */
struct snap_task *snapshot_task(const struct snapshot *s, int32_t tid);

/* The descriptor `fd` of `tgid`, or NULL. Borrowed until the next pass of the reader. */
struct snap_file *snapshot_file(const struct snapshot *s, int32_t tgid, int32_t fd);

/* The text of a string id, "" for 0. */
const char *snapshot_str(const struct snapshot *s, uint32_t id);

/* Note for people what could not be known and why; equal notes are kept once. */
__attribute__((format(printf, 2, 3))) void snapshot_missing(struct snapshot *s, const char *fmt, ...);
