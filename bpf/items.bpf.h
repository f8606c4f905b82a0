/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * items.bpf.h - what an epoll set watches and what an io_uring waits for.
 */
#pragma once

#include "targets.bpf.h"

enum {
	MAX_STEPS = 1 << 20, /* edges of the tree of an epoll set: two an item */
	MAX_BUCKETS = 4096,  /* of a ring's table of requests */
	MAX_REQUESTS = 512,  /* in one bucket */
};

static struct ev_epitem item;
static struct ev_uring request;
static __u32 skipped;

/* ---- epoll ----------------------------------------------------------------------------------- */

/* Where the walk through the red-black tree is, and where it came from. */
static struct rb_node *node;
__u32 ascending; /* 0 from above, 1 from the left, 2 from the right */

static __always_inline void epoll_item(struct seq_file *seq)
{
	struct epitem *ep = holder_of(node, epitem, rbn);

	if (skipped < ask.rest_skip) {
		skipped++;
		return;
	}
	if (!take_room(sizeof(item)))
		return;
	item.fd = peek(ep, ffd.fd);
	item.events = peek(ep, event.events);
	item.data = peek(ep, event.data);
	target_look(&item.target, peek(ep, ffd.file));
	bpf_seq_write(seq, &item, sizeof(item));
}

/*
 * One edge: down to the left as far as it goes, a node's item before its right subtree, up from the
 * right. The tree may change under us: memory of nodes that were freed reads as anything, the
 * number of steps is bounded, and the collector looks at everything twice.
 */
static int epoll_step(__u32 i __attribute__((unused)), void *state)
{
	struct rb_node *next, *up;

	if (!node || cut)
		return 1;
	if (!ascending) {
		next = peek(node, rb_left);
		if (next) {
			node = next;
			return 0;
		}
	}
	if (ascending != 2)
		epoll_item(*(struct seq_file **)state);
	next = ascending == 2 ? NULL : peek(node, rb_right);
	if (next) {
		node = next;
		ascending = 0;
		return 0;
	}
	up = (struct rb_node *)(peek(node, __rb_parent_color) & ~3UL);
	ascending = up && peek(up, rb_left) == node ? 1 : 2;
	node = up;
	return 0;
}

static __always_inline void epoll_items(struct file *file, struct seq_file *seq)
{
	struct eventpoll *ep = peek(file, private_data);

	item.head.size = sizeof(item);
	item.head.kind = EV_EPITEM;
	item.epoll_ref = (__u64)file;
	skipped = 0;
	ascending = 0;
	node = peek(ep, rbr.rb_root.rb_node);
	walk(MAX_STEPS, 16, epoll_step, &seq);
	if (node)
		cut = EV_FILE_CUT;
}

/* ---- io_uring -------------------------------------------------------------------------------- */

static struct io_hash_bucket *buckets;
static struct hlist_node *pending;
static __u32 buckets_done;

static int request_step(__u32 i __attribute__((unused)), void *state)
{
	struct io_kiocb *r;

	if (!pending || cut)
		return 1;
	r = holder_of(pending, io_kiocb, hash_node);
	pending = list_next(pending);
	if (skipped < ask.rest_skip) {
		skipped++;
		return 0;
	}
	if (!take_room(sizeof(request)))
		return 1;
	request.opcode = peek(r, opcode);
	request.user_data = 0;
	if (bpf_core_field_exists(r->cqe))
		request.user_data = peek(r, cqe.user_data);
	target_look(&request.target, peek(r, file));
	bpf_seq_write(*(struct seq_file **)state, &request, sizeof(request));
	return 0;
}

static int bucket_step(__u32 i, void *state)
{
	struct io_hash_bucket *b = (void *)buckets + i * bpf_core_type_size(struct io_hash_bucket);

	buckets_done = i + 1;
	pending = peek(b, list.first);
	if (pending)
		walk(MAX_REQUESTS, 4, request_step, state);
	if (pending)
		cut = EV_FILE_CUT;
	return cut != 0;
}

static __always_inline void table_requests(struct io_hash_table *table, struct seq_file *seq)
{
	__u32 bits = peek(table, hash_bits);

	buckets = peek(table, hbs);
	if (bits > 12) {
		bits = 12;
		cut = EV_FILE_CUT;
	}
	buckets_done = 0;
	walk(1U << bits, 16, bucket_step, &seq);
	if (buckets_done < 1U << bits)
		cut = EV_FILE_CUT;
}

/*
 * Requests that wait for a file: they stand in the tables through which they are cancelled
 * (io_uring/poll.c). The second is for those that were armed under the lock of the ring.
 */
static __always_inline void uring_requests(struct file *file, struct seq_file *seq)
{
	struct io_ring_ctx *ring = peek(file, private_data);

	if (!bpf_core_field_exists(ring->cancel_table)) {
		cut = EV_FILE_CUT;
		return;
	}
	request.head.size = sizeof(request);
	request.head.kind = EV_URING;
	request.uring_ref = (__u64)file;
	skipped = 0;
	table_requests((void *)ring + bpf_core_field_offset(ring->cancel_table), seq);
	if (!cut && bpf_core_field_exists(ring->cancel_table_locked))
		table_requests((void *)ring + bpf_core_field_offset(ring->cancel_table_locked),
			       seq);
}
