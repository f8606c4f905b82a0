/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * side.bpf.h - where records about files are built and how far walks are, once for each of the two
 * iterators that may run side by side.
 *
 * Memory of the program, not of its stack: there the verifier would follow each step of a walk with
 * other numbers. Each iterator is read by one thread at a time.
 */
#pragma once

#include "kernel_file.bpf.h"
#include "kernel_sock.bpf.h"
#include "walk.bpf.h"

#include "event.h"

struct side {
	__u64 session;
	struct task_struct *last; /* whose file was looked at last, */
	int last_pid;
	bool passes; /* and whether its files are for this side */
	struct pid_room pids;
	struct ev_file rec;

	/* targets.bpf.h: room for records, the file that is looked at, its inode and file system */
	__u32 room, cut;
	struct file *file_at;
	struct inode *inode_at;
	struct super_block *sb_at;
	__u64 file_block[64], inode_block[32], sb_block[32];

	/* snapshot_files.bpf.c: a pipe */
	struct pipe_buffer *buffers;
	__u32 buffer_at, buffer_mask;
	__u64 pipe_block[64];

	/* items.bpf.h: epoll. Where the walk through the tree is, and where it came from. */
	struct ev_epitem item;
	struct rb_node *node;
	__u32 ascending; /* 0 from above, 1 from the left, 2 from the right */
	__u32 skipped;

	/* items.bpf.h: io_uring */
	struct ev_uring request;
	struct io_hash_bucket *buckets;
	struct hlist_node *pending;
	__u32 buckets_done;

	/* sock*.bpf.h: a socket and its queues */
	__u32 passed_done;
	struct ev_sock sk_rec, child_rec;
	struct ev_sock_path path_rec;
	struct ev_inflight flying;
	struct sk_buff *skb;
	void *queue_head;
	struct scm_fp_list *passed;
	struct request_sock *request_at;
	__u64 sock_block[256];
};

static struct side sides[2];

/* What a step of a walk is given. */
struct step {
	struct side *s;
	struct seq_file *seq;
};

/* The session that is the first side; the collector clears it before a pass. */
static __always_inline struct side *side_of(__u64 first, __u64 session)
{
	__u64 differ = first ^ session, negative = -differ;

	/*
	 * Without a branch: the verifier would follow the whole program for each side by itself.
	 * Of a number that is not 0, it or its negative has the top bit.
	 */
	barrier_var(negative);
	differ = (differ | negative) >> 63;
	barrier_var(differ);
	return (void *)sides + (differ & 1) * sizeof(struct side);
}
