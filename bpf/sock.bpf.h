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

static __noinline __u64 sock_ino(struct sock *sk)
{
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

#define of_sock(s, sk, member) part((s)->sock_block, sk, sock, member)

/* The addresses of an inet socket; works for connections that nobody accepted too. */
static __always_inline void sock_addresses(struct side *s, struct ev_sock *e, struct sock *sk)
{
	if (e->family == AF_INET6) {
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		copy_v4(e->local, of_sock(s, sk, __sk_common.skc_rcv_saddr));
		copy_v4(e->remote, of_sock(s, sk, __sk_common.skc_daddr));
	}
	e->local_port = of_sock(s, sk, __sk_common.skc_num);
	e->remote_port = bpf_ntohs(of_sock(s, sk, __sk_common.skc_dport));
}

/* What every socket has; the side keeps a copy. */
static __noinline int sock_common_fill(struct side *s, struct ev_sock *e, struct sock *sk)
{
	struct net *net;

	if (!s || !e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	copy_block(s->sock_block, sk, sock);
	net = of_sock(s, sk, __sk_common.skc_net.net);
	e->head.size = sizeof(*e);
	e->head.kind = EV_SOCK;
	e->sock_ref = (__u64)sk;
	e->net_ns = peek(net, ns.inum);
	e->family = of_sock(s, sk, __sk_common.skc_family);
	e->type = of_sock(s, sk, sk_type);
	e->protocol = of_sock(s, sk, sk_protocol);
	e->state = of_sock(s, sk, __sk_common.skc_state);
	e->shutdown = of_sock(s, sk, sk_shutdown);
	e->rcvtimeo = of_sock(s, sk, sk_rcvtimeo);
	e->sndtimeo = of_sock(s, sk, sk_sndtimeo);
	e->sndbuf = of_sock(s, sk, sk_sndbuf);
	e->rcvbuf = of_sock(s, sk, sk_rcvbuf);
	e->packets = of_sock(s, sk, sk_receive_queue.qlen);
	e->error = of_sock(s, sk, sk_err);
	if (e->family == AF_INET || e->family == AF_INET6)
		sock_addresses(s, e, sk);
	return 0;
}
