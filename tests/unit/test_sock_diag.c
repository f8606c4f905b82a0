/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/net/sock_diag.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

/* An answer as the kernel would write it. */
struct answer {
	_Alignas(8) uint8_t data[4096];
	size_t len;
	size_t message; /* where the last message begins */
};

static void put(struct answer *a, const void *data, size_t len)
{
	memcpy(a->data + a->len, data, len);
	a->len += (len + 3) & ~(size_t)3;
}

static void begin(struct answer *a, uint16_t type)
{
	struct nlmsghdr h = { .nlmsg_type = type };

	a->message = a->len;
	put(a, &h, sizeof(h));
}

static void end(struct answer *a)
{
	uint32_t len = (uint32_t)(a->len - a->message);

	memcpy(a->data + a->message, &len, sizeof(len));
}

static void put_attribute(struct answer *a, uint16_t type, const void *data, size_t len)
{
	struct nlattr n = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	put(a, &n, sizeof(n));
	put(a, data, len);
}

static void put_unix(struct answer *a, uint32_t ino, uint8_t state)
{
	struct unix_diag_msg msg = { .udiag_family = AF_UNIX,
				     .udiag_type = SOCK_STREAM,
				     .udiag_state = state,
				     .udiag_ino = ino };

	begin(a, SOCK_DIAG_BY_FAMILY);
	put(a, &msg, sizeof(msg));
}

static int parse(struct sock_diag *d, const struct answer *a)
{
	return sock_diag_parse(d, a->data, a->len, IPPROTO_TCP);
}

Test(sock_diag, unix_sockets_with_all_they_say)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct sock_diag d = { .s = s, .net_ns = 7 };
	struct answer a = { .len = 0 };
	struct unix_diag_rqlen queue = { 3, 128 };
	struct unix_diag_vfs vfs = { .udiag_vfs_ino = 44, .udiag_vfs_dev = 0x0fe00001 };
	uint32_t peer = 12, pending[] = { 100, 101 };
	uint8_t down = 2;

	put_unix(&a, 11, SOCK_LISTENING);
	put_attribute(&a, UNIX_DIAG_NAME, "/run/x", 7);
	put_attribute(&a, UNIX_DIAG_VFS, &vfs, sizeof(vfs));
	put_attribute(&a, UNIX_DIAG_ICONS, pending, sizeof(pending));
	put_attribute(&a, UNIX_DIAG_RQLEN, &queue, sizeof(queue));
	end(&a);
	put_unix(&a, 13, SOCK_ESTABLISHED);
	put_attribute(&a, UNIX_DIAG_NAME, "\0ab", 3);
	put_attribute(&a, UNIX_DIAG_PEER, &peer, sizeof(peer));
	put_attribute(&a, UNIX_DIAG_SHUTDOWN, &down, sizeof(down));
	end(&a);
	begin(&a, NLMSG_DONE);
	end(&a);
	cr_assert_eq(parse(&d, &a), 1);
	cr_assert_eq(s->socks.count, 2);
	cr_assert_eq(s->socks.at[0].ino, 11);
	cr_assert_eq(s->socks.at[0].net_ns, 7);
	cr_assert_eq(s->socks.at[0].state, SOCK_LISTENING);
	cr_assert_eq(s->socks.at[0].rqueue, 3);
	cr_assert_eq(s->socks.at[0].wqueue, 128);
	cr_assert_eq(s->socks.at[0].vfs_ino, 44);
	cr_assert_eq(s->socks.at[0].vfs_dev, makedev(0xfe, 1));
	cr_assert_eq(s->socks.at[0].shutdown, 0xff);
	cr_assert_str_eq(snapshot_str(s, s->socks.at[0].path), "/run/x");
	cr_assert_eq(s->socks.at[1].peer_ino, 12);
	cr_assert_eq(s->socks.at[1].shutdown, 2);
	cr_assert_str_eq(snapshot_str(s, s->socks.at[1].path), "@ab");
	cr_assert_eq(d.pending.count, 2);
	cr_assert_eq(d.pending.at[1].client, 101);
	cr_assert_eq(d.pending.at[1].listener, 11);
	vec_release(&d.pending);
}

Test(sock_diag, ipv4_is_shown_as_mapped)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct sock_diag d = { .s = s };
	struct answer a = { .len = 0 };
	static const uint8_t MAPPED[16] = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 };
	struct inet_diag_msg msg = { .idiag_family = AF_INET,
				     .idiag_state = SOCK_SYN_SENT,
				     .idiag_timer = 1,
				     .idiag_expires = 900,
				     .idiag_inode = 5,
				     .id = { .idiag_sport = htons(80), .idiag_dport = htons(81) } };

	msg.id.idiag_dst[0] = htonl(INADDR_LOOPBACK);
	begin(&a, SOCK_DIAG_BY_FAMILY);
	put(&a, &msg, sizeof(msg));
	end(&a);
	cr_assert_eq(parse(&d, &a), 0, "more is to come");
	cr_assert_arr_eq(s->socks.at[0].remote, MAPPED, 16);
	cr_assert_eq(s->socks.at[0].local_port, 80);
	cr_assert_eq(s->socks.at[0].remote_port, 81);
	cr_assert_eq(s->socks.at[0].timer, 1);
	cr_assert_eq(s->socks.at[0].timer_ms, 900);
	cr_assert_eq(s->socks.at[0].protocol, IPPROTO_TCP);
}

Test(sock_diag, errors)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct sock_diag d = { .s = s };
	struct nlmsgerr e = { .error = -ENOENT };
	struct answer a = { .len = 0 };

	begin(&a, NLMSG_ERROR);
	put(&a, &e, sizeof(e));
	end(&a);
	cr_assert_eq(parse(&d, &a), -ENOENT);
	e.error = 77;
	memcpy(a.data + NLMSG_HDRLEN, &e, sizeof(e));
	cr_assert_eq(parse(&d, &a), 1, "no error number");
	a.data[0] = NLMSG_HDRLEN;
	cr_assert_eq(parse(&d, &a), -EBADMSG);
}

Test(sock_diag, lengths_that_lie)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct sock_diag d = { .s = s };
	uint32_t peer = 12;

	/* Every cut of a message, and every value of the length fields. */
	for (uint32_t lie = 0; lie < 300; lie++) {
		struct answer a = { .len = 0 };
		uint16_t attribute = (uint16_t)lie;
		size_t at;

		put_unix(&a, 11, SOCK_ESTABLISHED);
		at = a.len;
		put_attribute(&a, UNIX_DIAG_PEER, &peer, sizeof(peer));
		put_attribute(&a, UNIX_DIAG_NAME, "/run/x", 7);
		put_attribute(&a, UNIX_DIAG_ICONS, &peer, sizeof(peer));
		end(&a);
		memcpy(a.data + at, &attribute, sizeof(attribute));
		cr_assert_eq(parse(&d, &a), 0);
		memcpy(a.data, &lie, sizeof(lie));
		cr_assert_leq(parse(&d, &a), 0);
		a.len = lie < a.len ? lie : a.len;
		cr_assert_leq(parse(&d, &a), 0);
	}
	vec_release(&d.pending);
}

Test(sock_diag, a_name_too_long_is_no_name)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct sock_diag d = { .s = s };
	struct answer a = { .len = 0 };
	char name[300];

	memset(name, 'x', sizeof(name));
	put_unix(&a, 1, SOCK_ESTABLISHED);
	put_attribute(&a, UNIX_DIAG_NAME, name, sizeof(name));
	end(&a);
	put_unix(&a, 2, SOCK_ESTABLISHED);
	put_attribute(&a, UNIX_DIAG_NAME, name, 0);
	end(&a);
	cr_assert_eq(parse(&d, &a), 0);
	cr_assert_eq(s->socks.at[0].path, 0);
	cr_assert_eq(s->socks.at[1].path, 0);
}

Test(sock_diag, a_live_dump)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct sock_diag d = { .s = s };
	uint32_t both = 0;
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	cr_assert_eq(sock_diag_dump(&d, NULL), 0);
	for (uint32_t i = 0; i < s->socks.count; i++)
		both += s->socks.at[i].family == AF_UNIX && s->socks.at[i].peer_ino;
	cr_assert_geq(both, 2);
	vec_release(&d.pending);
}
