/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * sock.bpf.h - what every socket has.
 */
#pragma once

#include <bpf/bpf_endian.h>

#include "kernel_sock.bpf.h"
#include "targets.bpf.h"

/* include/linux/socket.h, include/net/tcp_states.h, include/net/inet_connection_sock.h */
enum {
	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
	IPPROTO_TCP = 6,
	STATE_LISTEN = 10,
	TIME_RETRANS = 1,
	TIME_PROBE0 = 3,
	TIME_LOSS_PROBE = 5,
	TIME_REO = 6,
	MAX_QUEUE = 2048, /* packets looked at in one receive queue */
	MAX_FDS = 253,	  /* SCM_MAX_FD */
};

__noinline __u64 sock_ino(__u64 sock_ref)
{
	struct sock *sk = (void *)sock_ref;
	struct socket *socket = sk ? peek(sk, sk_socket) : NULL;

	/* Every socket with a descriptor is a struct socket_alloc (net/socket.c, sock_alloc()). */
	return socket ? peek(holder_of(socket, socket_alloc, socket), vfs_inode.i_ino) : 0;
}

static __always_inline void copy_v4(__u8 *to, __u32 address)
{
	__u32 *words = (__u32 *)to;

	words[0] = words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = address;
}

/* See copy_block(). */
#define COMMON_OFFSETS                                                                             \
	(offset_in(sock, __sk_common.skc_rcv_saddr) | offset_in(sock, __sk_common.skc_daddr) |     \
	 offset_in(sock, __sk_common.skc_num) | offset_in(sock, __sk_common.skc_dport) |           \
	 offset_in(sock, __sk_common.skc_net.net) | offset_in(sock, __sk_common.skc_family) |      \
	 offset_in(sock, __sk_common.skc_state))
#define QUEUE_OFFSETS                                                                              \
	(offset_in(sock, sk_rcvtimeo) | offset_in(sock, sk_sndtimeo) |                             \
	 offset_in(sock, sk_sndbuf) | offset_in(sock, sk_rcvbuf) |                                 \
	 offset_in(sock, sk_receive_queue.next) | offset_in(sock, sk_receive_queue.qlen) |         \
	 offset_in(sock, sk_backlog.rmem_alloc.counter) |                                          \
	 offset_in(sock, sk_wmem_alloc.refs.counter) | offset_in(sock, sk_ack_backlog) |           \
	 offset_in(sock, sk_max_ack_backlog))
#define SOCK_OFFSETS                                                                               \
	(COMMON_OFFSETS | QUEUE_OFFSETS | offset_in(sock, sk_type) |                               \
	 offset_in(sock, sk_protocol) | offset_in(sock, sk_shutdown) | offset_in(sock, sk_err) |   \
	 offset_in(sock, sk_timer.entry.pprev) | offset_in(sock, sk_timer.expires))
#define of_sock(s, member) of((s)->sock_block, sock, member)

/* The addresses of an inet socket; works for connections that nobody accepted too. */
static __always_inline void sock_addresses(struct side *s, struct ev_sock *e, struct sock *sk)
{
	if (e->family == AF_INET6) {
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		copy_v4(e->local, of_sock(s, __sk_common.skc_rcv_saddr));
		copy_v4(e->remote, of_sock(s, __sk_common.skc_daddr));
	}
	e->local_port = of_sock(s, __sk_common.skc_num);
	e->remote_port = bpf_ntohs(of_sock(s, __sk_common.skc_dport));
}

/* What every socket has; the side keeps a copy. */
__noinline int sock_common_fill(struct side *s, struct ev_sock *e, __u64 sock_ref)
{
	struct sock *sk = (void *)sock_ref;
	struct net *net;

	if (!s || !e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	copy_block(s->sock_block, sk, sock, SOCK_OFFSETS);
	net = of_sock(s, __sk_common.skc_net.net);
	e->head.size = sizeof(*e);
	e->head.kind = EV_SOCK;
	e->sock_ref = (__u64)sk;
	e->net_ns = peek(net, ns.inum);
	e->family = of_sock(s, __sk_common.skc_family);
	e->type = of_sock(s, sk_type);
	e->protocol = of_sock(s, sk_protocol);
	e->state = of_sock(s, __sk_common.skc_state);
	e->shutdown = of_sock(s, sk_shutdown);
	e->rcvtimeo = of_sock(s, sk_rcvtimeo);
	e->sndtimeo = of_sock(s, sk_sndtimeo);
	e->sndbuf = of_sock(s, sk_sndbuf);
	e->rcvbuf = of_sock(s, sk_rcvbuf);
	e->packets = of_sock(s, sk_receive_queue.qlen);
	e->error = of_sock(s, sk_err);
	if (e->family == AF_INET || e->family == AF_INET6)
		sock_addresses(s, e, sk);
	return 0;
}
