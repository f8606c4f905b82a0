/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * kernel_file.bpf.h - what kernel.bpf.h is, for what stands behind open files. Sockets:
 * kernel_sock.bpf.h.
 */
#pragma once

#include "kernel.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	int pid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	void *files;
};

struct wait_queue_head {
	struct list_head head;
};

struct pipe_buffer {
	unsigned int len;
};

struct pipe_inode_info {
	struct wait_queue_head rd_wait, wr_wait;
	unsigned int head, tail, max_usage, ring_size;
	unsigned int readers, writers, r_counter, w_counter;
	struct pipe_buffer *bufs;
};

struct eventfd_ctx {
	struct {
		struct {
			struct {
				int counter;
			} refs;
		} refcount;
	} kref;
	__u64 count;
	unsigned int flags;
	int id;
};

struct alarm {
	struct timerqueue_node node;
	struct hrtimer timer;
	int state;
};

struct timerfd_ctx {
	union {
		struct hrtimer tmr;
		struct alarm alarm;
	} t;
	long long tintv;
	__u64 ticks;
	int clockid;
};

struct signalfd_ctx {
	struct {
		unsigned long sig[1];
	} sigmask;
};

struct userfaultfd_ctx {
	struct wait_queue_head fault_pending_wqh, fault_wqh;
	void *mm;
};

struct fuse_conn {
	unsigned int dev;
	struct {
		int counter;
	} num_waiting;
};

struct fuse_dev {
	struct fuse_conn *fc;
};

struct mq_attr {
	long mq_maxmsg, mq_curmsgs;
};

struct mqueue_inode_info {
	struct inode vfs_inode;
	struct mq_attr attr;
};

struct tty_file_private {
	struct tty_struct *tty;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct rb_root_cached {
	struct rb_root rb_root;
};

struct eventpoll {
	struct rb_root_cached rbr;
};

struct epoll_filefd {
	struct file *file;
	int fd;
};

struct epoll_event {
	__u32 events;
	__u64 data;
};

struct epitem {
	struct rb_node rbn;
	struct epoll_filefd ffd;
	struct epoll_event event;
};

struct io_hash_bucket {
	struct hlist_head list;
};

struct io_hash_table {
	struct io_hash_bucket *hbs;
	unsigned int hash_bits;
};

struct io_ring_ctx {
	struct io_hash_table cancel_table;	  /* since 5.19 */
	struct io_hash_table cancel_table_locked; /* 6.0 to 6.11 */
	struct list_head timeout_list;
	struct hlist_head waitid_list; /* since 6.7 */
	struct hlist_head futex_list;  /* since 6.7 */
};

struct io_cqe {
	__u64 user_data;
};

struct io_kiocb {
	struct file *file;
	__u8 opcode;
	struct io_cqe cqe; /* since 5.19 */
	struct hlist_node hash_node;
};

#pragma clang attribute pop
