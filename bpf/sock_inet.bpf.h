/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * sock_inet.bpf.h - TCP and other sockets with addresses, and a record for any socket.
 */
#pragma once

#include "sock_unix.bpf.h"

static int accept_step(__u32 i __attribute__((unused)), void *seq)
{
	struct sock *sk;

	if (!request_at)
		return 1;
	sk = peek(request_at, sk);
	if (sk && !take_room(sizeof(child_rec)))
		return 1;
	request_at = peek(request_at, dl_next);
	if (!sk)
		return 0;
	sock_common_fill(&child_rec, sk);
	child_rec.listener_ino = sk_rec.ino;
	child_rec.rqueue =
		peek((struct tcp_sock *)sk, rcv_nxt) - peek((struct tcp_sock *)sk, copied_seq);
	bpf_seq_write(*(struct seq_file **)seq, &child_rec, sizeof(child_rec));
	return 0;
}

/* As inet_diag does (net/ipv4/inet_diag.c, inet_sk_diag_fill()). */
static __always_inline void tcp_timer(struct sock *sk)
{
	struct inet_connection_sock *ic = (struct inet_connection_sock *)sk;
	__u8 what = peek(ic, icsk_pending);
	__u64 expires = 0;

	if (what == TIME_RETRANS || what == TIME_LOSS_PROBE || what == TIME_REO)
		sk_rec.timer = 1;
	else if (what == TIME_PROBE0)
		sk_rec.timer = 4;
	else if (of_sock(sk, sk_timer.entry.pprev))
		sk_rec.timer = 2;
	sk_rec.user_timeout_ms = peek(ic, icsk_user_timeout);
	if (sk_rec.timer == 2)
		expires = of_sock(sk, sk_timer.expires);
	else if (bpf_core_field_exists(ic->icsk_timeout))
		expires = peek(ic, icsk_timeout);
	else if (bpf_core_field_exists(ic->icsk_retransmit_timer))
		expires = peek(ic, icsk_retransmit_timer.expires);
	if (sk_rec.timer && expires)
		sk_rec.timer_left = (__s64)(expires - bpf_jiffies64());
}

static __always_inline void tcp_fill(struct sock *sk, struct seq_file *seq)
{
	struct tcp_sock *t = (struct tcp_sock *)sk;

	if (sk_rec.state == STATE_LISTEN) {
		sk_rec.rqueue = of_sock(sk, sk_ack_backlog);
		sk_rec.wqueue = of_sock(sk, sk_max_ack_backlog);
		request_at =
			peek((struct inet_connection_sock *)sk, icsk_accept_queue.rskq_accept_head);
		walk(MAX_QUEUE, 16, accept_step, &seq);
		if (request_at)
			cut = EV_FILE_CUT;
		return;
	}
	sk_rec.rqueue = peek(t, rcv_nxt) - peek(t, copied_seq);
	sk_rec.wqueue = peek(t, write_seq) - peek(t, snd_una);
	tcp_timer(sk);
}

static __always_inline void sock_write(struct file *file, struct seq_file *seq)
{
	struct socket *socket = of_file(file, private_data);
	struct sock *sk = peek(socket, sk);

	if (!sk)
		return;
	sock_common_fill(&sk_rec, sk);
	sk_rec.ino = of_inode(i_ino);
	if (sk_rec.family == AF_UNIX) {
		unix_fill(sk, seq);
	} else if ((sk_rec.family == AF_INET || sk_rec.family == AF_INET6) &&
		   sk_rec.protocol == IPPROTO_TCP && sk_rec.type == SOCK_STREAM) {
		tcp_fill(sk, seq);
	} else {
		sk_rec.rqueue = of_sock(sk, sk_backlog.rmem_alloc.counter);
		sk_rec.wqueue = of_sock(sk, sk_wmem_alloc.refs.counter) - 1;
	}
	sk_rec.head.flags = cut;
	bpf_seq_write(seq, &sk_rec, sizeof(sk_rec));
}
