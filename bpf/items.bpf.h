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

/* ---- epoll ----------------------------------------------------------------------------------- */

static __always_inline void epoll_item(const struct step *at)
{
	struct side *s = at->s;
	struct epitem *ep = holder_of(s->node, epitem, rbn);

	if (s->skipped < ask.rest_skip) {
		s->skipped++;
		return;
	}
	if (!take_room(s, sizeof(s->item)))
		return;
	s->item.fd = peek(ep, ffd.fd);
	s->item.events = peek(ep, event.events);
	s->item.data = peek(ep, event.data);
	target_look(s, &s->item.target, peek(ep, ffd.file));
	bpf_seq_write(at->seq, &s->item, sizeof(s->item));
}

/*
 * One edge: down to the left as far as it goes, a node's item before its right subtree, up from the
 * right. The tree may change under us: memory of nodes that were freed reads as anything, the
 * number of steps is bounded, and the collector looks at everything twice.
 */
static int epoll_step(__u32 i __attribute__((unused)), void *state)
{
	const struct step *at = state;
	struct side *s = at->s;
	struct rb_node *next, *up;

	if (!s->node || s->cut)
		return 1;
	if (!s->ascending) {
		next = peek(s->node, rb_left);
		if (next) {
			s->node = next;
			return 0;
		}
	}
	if (s->ascending != 2)
		epoll_item(at);
	next = s->ascending == 2 ? NULL : peek(s->node, rb_right);
	if (next) {
		s->node = next;
		s->ascending = 0;
		return 0;
	}
	up = (struct rb_node *)(peek(s->node, __rb_parent_color) & ~3UL);
	s->ascending = up && peek(up, rb_left) == s->node ? 1 : 2;
	s->node = up;
	return 0;
}

static __always_inline void epoll_items(struct file *file, struct step *at)
{
	struct side *s = at->s;
	struct eventpoll *ep = peek(file, private_data);

	s->item.head.size = sizeof(s->item);
	s->item.head.kind = EV_EPITEM;
	s->item.epoll_ref = (__u64)file;
	s->skipped = 0;
	s->ascending = 0;
	s->node = peek(ep, rbr.rb_root.rb_node);
	walk(MAX_STEPS, 16, epoll_step, at);
	if (s->node)
		s->cut = EV_FILE_CUT;
}

/* ---- io_uring -------------------------------------------------------------------------------- */

static int request_step(__u32 i __attribute__((unused)), void *state)
{
	const struct step *at = state;
	struct side *s = at->s;
	struct io_kiocb *r;

	if (!s->pending || s->cut)
		return 1;
	r = holder_of(s->pending, io_kiocb, hash_node);
	s->pending = list_next(s->pending);
	if (s->skipped < ask.rest_skip) {
		s->skipped++;
		return 0;
	}
	if (!take_room(s, sizeof(s->request)))
		return 1;
	s->request.opcode = peek(r, opcode);
	s->request.user_data = 0;
	if (bpf_core_field_exists(r->cqe))
		s->request.user_data = peek(r, cqe.user_data);
	target_look(s, &s->request.target, peek(r, file));
	bpf_seq_write(at->seq, &s->request, sizeof(s->request));
	return 0;
}

static int bucket_step(__u32 i, void *state)
{
	struct side *s = ((struct step *)state)->s;
	struct io_hash_bucket *b =
		(void *)s->buckets + i * bpf_core_type_size(struct io_hash_bucket);

	s->buckets_done = i + 1;
	s->pending = peek(b, list.first);
	if (s->pending)
		walk(MAX_REQUESTS, 4, request_step, state);
	if (s->pending)
		s->cut = EV_FILE_CUT;
	return s->cut != 0;
}

static __always_inline void table_requests(struct io_hash_table *table, struct step *at)
{
	struct side *s = at->s;
	__u32 bits = peek(table, hash_bits);

	s->buckets = peek(table, hbs);
	if (bits > 12) {
		bits = 12;
		s->cut = EV_FILE_CUT;
	}
	s->buckets_done = 0;
	walk(1U << bits, 16, bucket_step, at);
	if (s->buckets_done < 1U << bits)
		s->cut = EV_FILE_CUT;
}

/*
 * Requests that wait for a file: they stand in the tables through which they are cancelled
 * (io_uring/poll.c). The second is for those that were armed under the lock of the ring.
 */
static __always_inline void uring_requests(struct file *file, struct step *at)
{
	struct side *s = at->s;
	struct io_ring_ctx *ring = peek(file, private_data);

	if (!bpf_core_field_exists(ring->cancel_table)) {
		s->cut = EV_FILE_CUT;
		return;
	}
	s->request.head.size = sizeof(s->request);
	s->request.head.kind = EV_URING;
	s->request.uring_ref = (__u64)file;
	s->skipped = 0;
	table_requests((void *)ring + bpf_core_field_offset(ring->cancel_table), at);
	if (!s->cut && bpf_core_field_exists(ring->cancel_table_locked))
		table_requests((void *)ring + bpf_core_field_offset(ring->cancel_table_locked), at);
}
