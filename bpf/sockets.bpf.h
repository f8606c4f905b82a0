/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * sockets.bpf.h - a socket, its other end, and what stands in its queues.
 */
#pragma once

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

static struct ev_sock sk_rec, child_rec;
static struct ev_sock_path path_rec;
static struct ev_inflight flying;

/* Where walks through queues are. */
static struct sk_buff *skb;
static void *queue_head;
static struct scm_fp_list *passed;
static struct request_sock *request_at;

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

static __u64 sock_block[112]; /* struct sock */

#define of_sock(sk, member) part(sock_block, sk, sock, member)

/* The addresses of an inet socket; works for connections that nobody accepted too. */
static __always_inline void sock_addresses(struct ev_sock *e, struct sock *sk)
{
	if (e->family == AF_INET6) {
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		copy_v4(e->local, of_sock(sk, __sk_common.skc_rcv_saddr));
		copy_v4(e->remote, of_sock(sk, __sk_common.skc_daddr));
	}
	e->local_port = of_sock(sk, __sk_common.skc_num);
	e->remote_port = bpf_ntohs(of_sock(sk, __sk_common.skc_dport));
}

/* What every socket has; sock_block keeps it. */
static __noinline int sock_common_fill(struct ev_sock *e, struct sock *sk)
{
	struct net *net;

	if (!e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	copy_block(sock_block, sk, sock);
	net = of_sock(sk, __sk_common.skc_net.net);
	e->head.size = sizeof(*e);
	e->head.kind = EV_SOCK;
	e->sock_ref = (__u64)sk;
	e->net_ns = peek(net, ns.inum);
	e->family = of_sock(sk, __sk_common.skc_family);
	e->type = of_sock(sk, sk_type);
	e->protocol = of_sock(sk, sk_protocol);
	e->state = of_sock(sk, __sk_common.skc_state);
	e->shutdown = of_sock(sk, sk_shutdown);
	e->rcvtimeo = of_sock(sk, sk_rcvtimeo);
	e->sndtimeo = of_sock(sk, sk_sndtimeo);
	e->sndbuf = of_sock(sk, sk_sndbuf);
	e->rcvbuf = of_sock(sk, sk_rcvbuf);
	e->packets = of_sock(sk, sk_receive_queue.qlen);
	e->error = of_sock(sk, sk_err);
	if (e->family == AF_INET || e->family == AF_INET6)
		sock_addresses(e, sk);
	return 0;
}

/* ---- unix ------------------------------------------------------------------------------------ */

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
	if (passed && sk_rec.fds)
		walk(MAX_FDS, passed_step, seq);
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
			walk(MAX_QUEUE, embryo_step, &seq);
		else
			walk(MAX_QUEUE, packet_step, &seq);
		if (skb && (void *)skb != queue_head)
			cut = EV_FILE_CUT;
	}
	if (sk_rec.state == STATE_LISTEN)
		sk_rec.rqueue = sk_rec.packets;
}

/* ---- inet ------------------------------------------------------------------------------------ */

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
		walk(MAX_QUEUE, accept_step, &seq);
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
