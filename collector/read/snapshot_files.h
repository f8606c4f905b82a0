/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot_files.h - files, sockets and other objects of a snapshot. Include snapshot.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What an open file is, as far as waiting on it goes. The order is part of no format. */
enum file_kind {
	FILE_UNKNOWN = 0, /* could not be read; never waited on without TERM_UNKNOWN */
	FILE_REGULAR,
	FILE_DIRECTORY,
	FILE_DEVICE, /* a character or block device that has no kind of its own: see value */
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

/* What waits in an io_uring for no file of its own (bpf only). */
enum uring_waits {
	URING_TIMEOUTS = 1,
	URING_CHILDREN = 2, /* IORING_OP_WAITID */
	URING_FUTEXES = 4,
};

/* One descriptor of one process. */
struct snap_file {
	int32_t tgid, fd;
	uint8_t kind; /* enum file_kind */
	uint8_t mode; /* MODE_READ | MODE_WRITE */
	bool nonblock;
	bool named; /* a FIFO in a file system */
	uint64_t dev,
		ino; /* st_dev as in stat(2), st_ino; equal anon inodes do NOT mean equal objects */
	uint32_t description; /* equal numbers share one open file; 0 unknown (procfs) */
	/* what tells anonymous objects apart: 1 + eventfd-id, a pidfd's own inode; 0 unknown */
	uint64_t id;
	uint32_t path; /* readlink text or a name, string id; 0 unknown */
	/* pipe, from the kernel (bpf), UINT32_MAX unknown */
	uint32_t pipe_readers, pipe_writers; /* open file descriptions by access mode */
	uint32_t pipe_used, pipe_slots;	     /* buffers filled, of how many */
	/*
	 * one number each: eventfd count; pidfd's pid (-1 reaped); tty index, fuse connection
	 * (SNAP_UNKNOWN_U64 unknown or none); st_rdev of a device; enum uring_waits of an io_uring
	 */
	uint64_t value;
	uint32_t refs;	     /* eventfd: 1 is the file, others post in the kernel; 0 unknown */
	uint64_t sigmask;    /* signalfd */
	uint64_t expires_ns; /* timerfd: time left, 0 disarmed */
	/* timerfd; tty: time-out of a read by its VTIME, 0 none, SNAP_UNKNOWN_U64 see borrow.h */
	uint64_t interval_ns;
	uint32_t sock; /* 1 + index into snapshot.socks, 0 not looked up or none */
	uint32_t first_item, item_count; /* epoll: into snapshot.epitems */
	bool items_cut;			 /* the list of items is not complete */
	bool details;	/* the kind's details above were read (procfs reads them on demand) */
	bool lockable;	/* regular file on which somebody holds a lock or lease */
	int32_t mnt_id; /* fdinfo, -1 unknown */
};

/* One item of an epoll set. */
struct snap_epitem {
	int32_t fd;	 /* number at the time it was added: may name another file now */
	uint32_t events; /* EPOLL*; 0x40000000 alone: a spent EPOLLONESHOT */
	uint64_t data;
	uint64_t dev, ino;    /* of the true target */
	uint8_t kind;	      /* enum file_kind of the true target, FILE_UNKNOWN if not known */
	uint32_t description; /* of the true target; 0 unknown */
	uint64_t id;	      /* as snap_file.id of the true target, 0 unknown */
};

/* TCP_* of include/net/tcp_states.h; unix sockets use ESTABLISHED, LISTEN and CLOSE */
enum sock_state {
	SOCK_ESTABLISHED = 1,
	SOCK_SYN_SENT,
	SOCK_SYN_RECV,
	SOCK_FIN_WAIT1,
	SOCK_FIN_WAIT2,
	SOCK_TIME_WAIT,
	SOCK_CLOSE,
	SOCK_CLOSE_WAIT,
	SOCK_LAST_ACK,
	SOCK_LISTENING,
	SOCK_CLOSING,
};

/* One socket of one network namespace. sock_diag(7), or struct sock. */
struct snap_sock {
	uint64_t ino;	 /* 0: not accepted yet, or (by its state) closed by its owner already */
	uint64_t net_ns; /* inode number of its network namespace, 0 unknown */
	uint16_t family; /* AF_* */
	uint16_t type;	 /* SOCK_* */
	uint16_t protocol;
	uint8_t state;		 /* enum sock_state */
	uint8_t shutdown;	 /* 1 receive, 2 send, 3 both; 0xff unknown */
	uint32_t rqueue, wqueue; /* bytes; a listener: pending connections and their limit */
	uint64_t peer_ino;	 /* unix: 0 none, not connected, or not accepted yet */
	uint32_t peer;		 /* 1 + index of that one, 0 none listed; socks_index() */
	uint64_t listener_ino;	 /* unix, connected, not accepted: the listener that will; 0 none */
	uint32_t path;		 /* unix: bound name (@ for abstract), string id, 0 none */
	uint64_t vfs_ino;	 /* unix: inode number of the bound path, 0 none */
	uint64_t vfs_dev;
	uint8_t local[16], remote[16]; /* IPv4 as ::ffff:a.b.c.d, network order */
	uint16_t local_port, remote_port;
	uint8_t timer; /* 0 none 1 retransmit 2 keepalive 3 time-wait 4 zero-window probe */
	uint32_t timer_ms;
	uint32_t user_timeout_ms; /* TCP_USER_TIMEOUT, 0 none */
	uint32_t in_flight_fds;	  /* unix: in its receive queue; UINT32_MAX unknown */
	uint32_t next_listener;	  /* 1 + index of one more at its address (SO_REUSEPORT); 0 none */
	uint32_t rcvtimeo_ms, sndtimeo_ms; /* SO_RCVTIMEO, SO_SNDTIMEO: 0 none */
	bool timeouts_known;		   /* these three; else see borrow.h */
};

/* A pending io_uring request (bpf only). */
struct snap_uring_req {
	int32_t tgid, fd; /* the ring */
	uint8_t opcode;	  /* IORING_OP_* */
	uint8_t kind;	  /* enum file_kind of its file */
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

/*
 * A descriptor that travels in a unix socket's receive queue and is held by nobody else there
 * (bpf).
 */
struct snap_inflight {
	uint64_t sock_ino; /* of the socket that would receive it */
	uint8_t kind;	   /* enum file_kind */
	uint8_t mode;
	uint64_t dev, ino, id;
	uint32_t description;
};
