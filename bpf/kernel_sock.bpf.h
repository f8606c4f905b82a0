/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * kernel_sock.bpf.h - what kernel.bpf.h is, for sockets.
 */
#pragma once

#include "kernel.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport, skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	struct {
		struct net *net;
	} skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sk_buff_head {
	struct sk_buff *next;
	__u32 qlen;
};

struct timer_list {
	struct hlist_node entry;
	unsigned long expires;
};

struct socket {
	struct sock *sk;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	struct {
		struct {
			int counter;
		} rmem_alloc;
	} sk_backlog;
	int sk_sndbuf, sk_rcvbuf, sk_err, sk_wmem_queued;
	struct {
		struct {
			int counter;
		} refs;
	} sk_wmem_alloc;
	__u16 sk_type, sk_protocol;
	__u8 sk_shutdown;
	__u32 sk_ack_backlog, sk_max_ack_backlog;
	struct socket *sk_socket;
	long sk_rcvtimeo, sk_sndtimeo;
	struct timer_list sk_timer;
};

struct unix_address {
	int len;
	struct {
		unsigned short sun_family;
		char sun_path[108];
	} name[1];
};

struct unix_sock {
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
	struct {
		struct {
			int counter;
		} nr_fds;
	} scm_stat;
};

struct sk_buff {
	struct sk_buff *next;
	struct sock *sk;
	char cb[48];
	unsigned int len;
};

struct scm_fp_list {
	short count;
	struct file *fp[1];
};

struct unix_skb_parms {
	struct scm_fp_list *fp;
	__u32 consumed;
};

struct request_sock {
	struct request_sock *dl_next;
	struct sock *sk;
};

struct request_sock_queue {
	struct request_sock *rskq_accept_head;
};

struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
	struct timer_list icsk_retransmit_timer;
	unsigned long icsk_timeout; /* gone in 6.18 */
	__u8 icsk_pending;
	__u32 icsk_user_timeout;
};

struct tcp_sock {
	__u32 copied_seq, rcv_nxt, write_seq, snd_una;
};

#pragma clang attribute pop
