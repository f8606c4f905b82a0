/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * sock_unix.bpf.h - a unix socket, its other end, its name, and what stands in its queue.
 */
#pragma once

#include "sock.bpf.h"

static int passed_step(__u32 i, void *state)
{
	const struct step *at = state;
	struct side *s = at->s;
	struct file *file = NULL;

	if (s->cut || i >= MAX_FDS || (__s32)i >= peek(s->passed, count))
		return 1;
	if (!take_room(s, sizeof(s->flying)))
		return 1;
	bpf_probe_read_kernel(&file, sizeof(file),
			      (void *)s->passed + bpf_core_field_offset(struct scm_fp_list, fp) +
				      i * sizeof(file));
	target_look(s, &s->flying.target, file);
	s->passed_done = i + 1;
	bpf_seq_write(at->seq, &s->flying, sizeof(s->flying));
	return 0;
}

/*
 * A packet of a unix socket: its bytes, and the descriptors that travel with it
 * (include/net/af_unix.h).
 */
static int packet_step(__u32 i __attribute__((unused)), void *state)
{
	struct side *s = ((struct step *)state)->s;
	struct unix_skb_parms *parms;

	if (!s->skb || (void *)s->skb == s->queue_head)
		return 1;
	parms = (void *)s->skb + bpf_core_field_offset(struct sk_buff, cb);
	s->sk_rec.rqueue +=
		peek(s->skb, len) - (s->sk_rec.type == SOCK_STREAM ? peek(parms, consumed) : 0);
	s->passed = peek(parms, fp);
	if (s->passed && s->sk_rec.fds) {
		s->passed_done = 0;
		walk(MAX_FDS, 4, passed_step, state);
		if (s->passed_done < (__u32)peek(s->passed, count))
			s->cut = EV_FILE_CUT;
	}
	s->skb = peek(s->skb, next);
	return 0;
}

/* A connection that waits to be accepted: the packet that announces it belongs to its socket. */
static int embryo_step(__u32 i __attribute__((unused)), void *state)
{
	const struct step *at = state;
	struct side *s = at->s;
	struct unix_sock *u;
	struct sock *sk;

	if (!s->skb || (void *)s->skb == s->queue_head || !take_room(s, sizeof(s->child_rec)))
		return 1;
	sk = peek(s->skb, sk);
	sock_common_fill(s, &s->child_rec, (__u64)sk);
	u = (struct unix_sock *)sk;
	s->child_rec.peer_ino = sock_ino((__u64)peek(u, peer));
	s->child_rec.listener_ino = s->sk_rec.ino;
	if (bpf_core_field_exists(u->scm_stat))
		s->child_rec.fds = peek(u, scm_stat.nr_fds.counter);
	bpf_seq_write(at->seq, &s->child_rec, sizeof(s->child_rec));
	s->skb = peek(s->skb, next);
	return 0;
}

static __always_inline void unix_path(struct unix_sock *u, struct step *at)
{
	struct side *s = at->s;
	struct unix_address *addr = peek(u, addr);
	struct dentry *dentry = peek(u, path.dentry);
	__u32 length;

	if (dentry) {
		s->sk_rec.path_ino = peek(dentry, d_inode, i_ino);
		s->sk_rec.path_dev = peek(dentry, d_inode, i_sb, s_dev);
	}
	if (!addr)
		return;
	length = peek(addr, len) - sizeof(unsigned short);
	s->path_rec.head.size = sizeof(s->path_rec);
	s->path_rec.head.kind = EV_SOCK_PATH;
	s->path_rec.ino = s->sk_rec.ino;
	s->path_rec.length = length > sizeof(s->path_rec.name) ? sizeof(s->path_rec.name) : length;
	bpf_probe_read_kernel(s->path_rec.name, sizeof(s->path_rec.name),
			      (void *)addr + bpf_core_field_offset(struct unix_address, name) +
				      sizeof(unsigned short));
	if (take_room(s, sizeof(s->path_rec)))
		bpf_seq_write(at->seq, &s->path_rec, sizeof(s->path_rec));
}

static __always_inline void unix_fill(struct sock *sk, struct step *at)
{
	struct side *s = at->s;
	struct unix_sock *u = (struct unix_sock *)sk;

	s->sk_rec.peer_ino = sock_ino((__u64)peek(u, peer));
	/* Accepted connections leave the queue, and what stands there belongs to others' blocks. */
	s->sk_rec.wqueue = s->sk_rec.state == STATE_LISTEN ?
				   of_sock(s, sk_max_ack_backlog) :
				   of_sock(s, sk_wmem_alloc.refs.counter) - 1;
	if (bpf_core_field_exists(u->scm_stat))
		s->sk_rec.fds = peek(u, scm_stat.nr_fds.counter);
	unix_path(u, at);
	s->flying.head.size = sizeof(s->flying);
	s->flying.head.kind = EV_INFLIGHT;
	s->flying.sock_ino = s->sk_rec.ino;
	s->flying.listener_ino = 0;
	if (s->sk_rec.packets) {
		s->queue_head = (void *)sk + bpf_core_field_offset(struct sock, sk_receive_queue);
		s->skb = of_sock(s, sk_receive_queue.next);
		if (s->sk_rec.state == STATE_LISTEN)
			walk(MAX_QUEUE, 16, embryo_step, at);
		else
			walk(MAX_QUEUE, 16, packet_step, at);
		if (s->skb && (void *)s->skb != s->queue_head)
			s->cut = EV_FILE_CUT;
	}
	if (s->sk_rec.state == STATE_LISTEN)
		s->sk_rec.rqueue = s->sk_rec.packets;
}
