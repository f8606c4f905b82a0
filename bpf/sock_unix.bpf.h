/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * sock_unix.bpf.h - a unix socket, its other end, its name, and what stands in its queue.
 */
#pragma once

#include "sock.bpf.h"

static int passed_step(__u32 i, void *seq)
{
	struct file *file = NULL;

	if (cut || i >= MAX_FDS || (__s32)i >= peek(passed, count))
		return 1;
	if (!take_room(sizeof(flying)))
		return 1;
	bpf_probe_read_kernel(&file, sizeof(file),
			      (void *)passed + bpf_core_field_offset(struct scm_fp_list, fp) +
				      i * sizeof(file));
	target_look(&flying.target, file);
	passed_done = i + 1;
	bpf_seq_write(*(struct seq_file **)seq, &flying, sizeof(flying));
	return 0;
}

/*
 * A packet of a unix socket: its bytes, and the descriptors that travel with it
 * (include/net/af_unix.h).
 */
static int packet_step(__u32 i __attribute__((unused)), void *seq)
{
	struct unix_skb_parms *parms;

	if (!skb || (void *)skb == queue_head)
		return 1;
	parms = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	sk_rec.rqueue += peek(skb, len) - (sk_rec.type == SOCK_STREAM ? peek(parms, consumed) : 0);
	passed = peek(parms, fp);
	if (passed && sk_rec.fds) {
		passed_done = 0;
		walk(MAX_FDS, 4, passed_step, seq);
		if (passed_done < (__u32)peek(passed, count))
			cut = EV_FILE_CUT;
	}
	skb = peek(skb, next);
	return 0;
}

/* A connection that waits to be accepted: the packet that announces it belongs to its socket. */
static int embryo_step(__u32 i __attribute__((unused)), void *seq)
{
	struct unix_sock *u;
	struct sock *sk;

	if (!skb || (void *)skb == queue_head || !take_room(sizeof(child_rec)))
		return 1;
	sk = peek(skb, sk);
	sock_common_fill(&child_rec, sk);
	u = (struct unix_sock *)sk;
	child_rec.peer_ino = sock_ino(peek(u, peer));
	child_rec.listener_ino = sk_rec.ino;
	if (bpf_core_field_exists(u->scm_stat))
		child_rec.fds = peek(u, scm_stat.nr_fds.counter);
	bpf_seq_write(*(struct seq_file **)seq, &child_rec, sizeof(child_rec));
	skb = peek(skb, next);
	return 0;
}

static __always_inline void unix_path(struct unix_sock *u, struct seq_file *seq)
{
	struct unix_address *addr = peek(u, addr);
	struct dentry *dentry = peek(u, path.dentry);
	__u32 length;

	if (dentry) {
		sk_rec.path_ino = peek(dentry, d_inode, i_ino);
		sk_rec.path_dev = peek(dentry, d_inode, i_sb, s_dev);
	}
	if (!addr)
		return;
	length = peek(addr, len) - sizeof(unsigned short);
	path_rec.head.size = sizeof(path_rec);
	path_rec.head.kind = EV_SOCK_PATH;
	path_rec.ino = sk_rec.ino;
	path_rec.length = length > sizeof(path_rec.name) ? sizeof(path_rec.name) : length;
	bpf_probe_read_kernel(path_rec.name, sizeof(path_rec.name),
			      (void *)addr + bpf_core_field_offset(struct unix_address, name) +
				      sizeof(unsigned short));
	if (take_room(sizeof(path_rec)))
		bpf_seq_write(seq, &path_rec, sizeof(path_rec));
}

static __always_inline void unix_fill(struct sock *sk, struct seq_file *seq)
{
	struct unix_sock *u = (struct unix_sock *)sk;

	sk_rec.peer_ino = sock_ino(peek(u, peer));
	/* Accepted connections leave the queue, and what stands there belongs to others' blocks. */
	sk_rec.wqueue = sk_rec.state == STATE_LISTEN ? of_sock(sk, sk_max_ack_backlog) :
						       of_sock(sk, sk_wmem_alloc.refs.counter) - 1;
	if (bpf_core_field_exists(u->scm_stat))
		sk_rec.fds = peek(u, scm_stat.nr_fds.counter);
	unix_path(u, seq);
	flying.head.size = sizeof(flying);
	flying.head.kind = EV_INFLIGHT;
	flying.sock_ino = sk_rec.ino;
	flying.listener_ino = 0;
	if (sk_rec.packets) {
		queue_head = (void *)sk + bpf_core_field_offset(struct sock, sk_receive_queue);
		skb = of_sock(sk, sk_receive_queue.next);
		if (sk_rec.state == STATE_LISTEN)
			walk(MAX_QUEUE, 16, embryo_step, &seq);
		else
			walk(MAX_QUEUE, 16, packet_step, &seq);
		if (skb && (void *)skb != queue_head)
			cut = EV_FILE_CUT;
	}
	if (sk_rec.state == STATE_LISTEN)
		sk_rec.rqueue = sk_rec.packets;
}
