/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * sock_inet.bpf.h - TCP and other sockets with addresses, and a record for any socket.
 */
#pragma once

#include "sock_unix.bpf.h"

static int accept_step(__u32 i __attribute__((unused)), void *state)
{
	const struct step *at = state;
	struct side *s = at->s;
	struct sock *sk;

	if (!s->request_at)
		return 1;
	sk = peek(s->request_at, sk);
	if (sk && !take_room(s, sizeof(s->child_rec)))
		return 1;
	s->request_at = peek(s->request_at, dl_next);
	if (!sk)
		return 0;
	sock_common_fill(s, &s->child_rec, (__u64)sk);
	s->child_rec.listener_ino = s->sk_rec.ino;
	s->child_rec.rqueue =
		peek((struct tcp_sock *)sk, rcv_nxt) - peek((struct tcp_sock *)sk, copied_seq);
	bpf_seq_write(at->seq, &s->child_rec, sizeof(s->child_rec));
	return 0;
}

/* As inet_diag does (net/ipv4/inet_diag.c, inet_sk_diag_fill()). */
static __always_inline void tcp_timer(struct side *s, struct sock *sk)
{
	struct inet_connection_sock *ic = (struct inet_connection_sock *)sk;
	__u8 what = peek(ic, icsk_pending);
	__u64 expires = 0;

	if (what == TIME_RETRANS || what == TIME_LOSS_PROBE || what == TIME_REO)
		s->sk_rec.timer = 1;
	else if (what == TIME_PROBE0)
		s->sk_rec.timer = 4;
	else if (of_sock(s, sk_timer.entry.pprev))
		s->sk_rec.timer = 2;
	s->sk_rec.user_timeout_ms = peek(ic, icsk_user_timeout);
	if (s->sk_rec.timer == 2)
		expires = of_sock(s, sk_timer.expires);
	else if (bpf_core_field_exists(ic->icsk_timeout))
		expires = peek(ic, icsk_timeout);
	else if (bpf_core_field_exists(ic->icsk_retransmit_timer))
		expires = peek(ic, icsk_retransmit_timer.expires);
	if (s->sk_rec.timer && expires)
		s->sk_rec.timer_left = (__s64)(expires - bpf_jiffies64());
}

static __always_inline void tcp_fill(struct sock *sk, struct step *at)
{
	struct side *s = at->s;
	struct tcp_sock *t = (struct tcp_sock *)sk;

	if (s->sk_rec.state == STATE_LISTEN) {
		s->sk_rec.rqueue = of_sock(s, sk_ack_backlog);
		s->sk_rec.wqueue = of_sock(s, sk_max_ack_backlog);
		s->request_at =
			peek((struct inet_connection_sock *)sk, icsk_accept_queue.rskq_accept_head);
		walk(MAX_QUEUE, 16, accept_step, at);
		if (s->request_at)
			s->cut = EV_FILE_CUT;
		return;
	}
	s->sk_rec.rqueue = peek(t, rcv_nxt) - peek(t, copied_seq);
	s->sk_rec.wqueue = peek(t, write_seq) - peek(t, snd_una);
	tcp_timer(s, sk);
}

static __always_inline void sock_write(struct step *at)
{
	struct side *s = at->s;
	struct socket *socket = of_file(s, private_data);
	struct sock *sk = peek(socket, sk);

	if (!sk)
		return;
	sock_common_fill(s, &s->sk_rec, (__u64)sk);
	s->sk_rec.ino = of_inode(s, i_ino);
	if (s->sk_rec.family == AF_UNIX) {
		unix_fill(sk, at);
	} else if ((s->sk_rec.family == AF_INET || s->sk_rec.family == AF_INET6) &&
		   s->sk_rec.protocol == IPPROTO_TCP && s->sk_rec.type == SOCK_STREAM) {
		tcp_fill(sk, at);
	} else {
		s->sk_rec.rqueue = of_sock(s, sk_backlog.rmem_alloc.counter);
		s->sk_rec.wqueue = of_sock(s, sk_wmem_alloc.refs.counter) - 1;
	}
	s->sk_rec.head.flags = s->cut;
	bpf_seq_write(at->seq, &s->sk_rec, sizeof(s->sk_rec));
}
