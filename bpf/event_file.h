/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * event_file.h - the second half of event.h (include that one): records about open files.
 */
#pragma once

#include "bpf/event_head.h"

/*
 * What an open file is, in EV_FILE and in targets. The collector maps f_op to one of them (ops
 * map).
 */
enum ev_class {
	EV_CLASS_NONE = 0, /* nothing to wait on: no record */
	EV_CLASS_REGULAR,
	EV_CLASS_DIRECTORY,
	EV_CLASS_DEVICE,
	EV_CLASS_PIPE,
	EV_CLASS_SOCKET,
	EV_CLASS_EVENTFD,
	EV_CLASS_TIMERFD,
	EV_CLASS_SIGNALFD,
	EV_CLASS_EPOLL,
	EV_CLASS_PIDFD,
	EV_CLASS_INOTIFY,
	EV_CLASS_FANOTIFY,
	EV_CLASS_USERFAULTFD,
	EV_CLASS_IO_URING,
	EV_CLASS_TTY, /* any terminal; the driver's subtype tells a pty master */
	EV_CLASS_FUSE_DEV,
	EV_CLASS_MQUEUE,
	EV_CLASS_ANON,
	EV_CLASS_COUNT,
};

/* An open file, as something else points to it. */
struct ev_target {
	__u64 file_ref;
	__u64 ino;
	__u64 id;    /* eventfd: its id; others 0 */
	__u32 dev;   /* kernel encoding */
	__u16 class; /* enum ev_class */
	__u16 mode;  /* f_mode: 1 read, 2 write */
};
_Static_assert(sizeof(struct ev_target) == 32, "ABI");

enum ev_file_flags {
	EV_FILE_CUT = 1,    /* more epoll items, requests or queued descriptors than records */
	EV_FILE_LOCKS = 2,  /* the inode has or had locks */
	EV_FILE_MASTER = 4, /* a pty's master side */
};

struct ev_pipe {
	__u32 readers, writers;
	__u32 used, slots;	    /* ring buffers filled, of how many may be */
	__u32 r_counter, w_counter; /* opens ever, which a blocking open(FIFO) waits for */
	__u32 bytes;		    /* in the ring, 0xffffffff not counted */
	__u32 sleepers;		    /* bits: 1 somebody sleeps or polls to read, 2 to write */
};

struct ev_timerfd {
	__s64 left_ns; /* meaningful when armed */
	__u64 interval_ns;
	__u64 ticks;
	__u32 armed, clockid;
};

struct ev_tty {
	__u64 tty_ref, link_ref; /* the two sides of a pty point at each other */
	__u32 index, major;
	__s32 pgrp, session; /* foreground group, session */
	__u16 stopped;	     /* by flow control (^S) */
	/* tenths of a second after which a read returns without a byte; 0 none */
	__u16 vtime;
	__u32 minor;
};

struct ev_file {
	struct ev_head head; /* enum ev_file_flags */
	__s32 tgid, tid, fd;
	__u32 f_flags;
	struct ev_target it;
	__u64 f_op_ref;
	__u64 files_ref; /* equal numbers: the same descriptor table */
	__u32 rdev;	 /* kernel encoding */
	__u32 magic;	 /* of the file system */
	__u32 i_mode, reserved;
	union {
		struct ev_pipe pipe;
		struct ev_timerfd timerfd;
		struct ev_tty tty;
		struct {
			__u64 count;
			__u32 flags;
			__u32 refs; /* beyond the first: io_uring, aio, KVM, cgroups that post */
		} eventfd;
		__u64 sigmask;
		struct {
			__s32 tgid; /* -1 reaped */
			__u32 flags;
			/* calibration: is it the reader's own pid? */
			__u64 private_is_pid, inode_is_pid;
		} pidfd;
		struct {
			__u64 mm_ref;
			__u64 pending; /* a fault waits for the holder */
		} uffd;
		struct {
			__u32 dev;
			__u32 waiting;
		} fuse;
		struct {
			__s64 messages, limit;
		} mqueue;
		struct {
			__u32 requests, timeouts;
			__u32 waitids, futexes;
		} uring;
		char name[40]; /* EV_CLASS_ANON: the name of its dentry */
	};
};
_Static_assert(sizeof(struct ev_file) == 128, "ABI");

struct ev_sock {
	struct ev_head head; /* EV_FILE_CUT */
	__u64 ino;	     /* 0: not accepted yet */
	__u64 sock_ref;
	__u64 peer_ino;
	__u64 listener_ino; /* not accepted: the listener in whose queue it (or its peer) stands */
	__u32 net_ns;
	__u16 family, type;
	__u16 protocol;
	__u8 state, shutdown;
	__u32 rqueue, wqueue;	    /* bytes; a listener: waiting connections and their limit */
	__u32 fds;		    /* descriptors in the receive queue */
	__u8 local[16], remote[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u16 local_port, remote_port;
	__u32 timer;		  /* as idiag_timer */
	__s64 timer_left;	  /* jiffies */
	__s64 rcvtimeo, sndtimeo; /* jiffies, SO_RCVTIMEO and SO_SNDTIMEO; LONG_MAX none */
	__u64 path_ino;
	__u32 path_dev;
	__u32 sndbuf, rcvbuf, packets; /* packets: length of the receive queue */
	__u32 error, user_timeout_ms;  /* TCP_USER_TIMEOUT, 0 none */
};
_Static_assert(sizeof(struct ev_sock) == 160, "ABI");

struct ev_sock_path {
	struct ev_head head;
	__u64 ino;
	__u32 length; /* of name; an abstract one starts with a zero byte */
	char name[108];
};
_Static_assert(sizeof(struct ev_sock_path) == 128, "ABI");

struct ev_epitem {
	struct ev_head head;
	__u64 epoll_ref;
	__u64 data;
	__s32 fd; /* when it was added */
	__u32 events;
	struct ev_target target;
};
_Static_assert(sizeof(struct ev_epitem) == 64, "ABI");

struct ev_uring {
	struct ev_head head;
	__u64 uring_ref;
	__u64 user_data;
	__u32 opcode, reserved;
	struct ev_target target;
};
_Static_assert(sizeof(struct ev_uring) == 64, "ABI");

struct ev_inflight {
	struct ev_head head;
	__u64 sock_ino;	    /* of the socket that would receive it */
	__u64 listener_ino; /* when that one is not accepted yet */
	struct ev_target target;
};
_Static_assert(sizeof(struct ev_inflight) == 56, "ABI");
