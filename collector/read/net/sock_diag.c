/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/net/sock_diag.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>

enum {
	MAX_SOCKS = 8 << 20,
	/* TCP_TIME_WAIT belongs to nobody any more, TCP_NEW_SYN_RECV to nobody yet. */
	ALL_STATES = 0xfff & ~(1 << SOCK_TIME_WAIT),
	ANSWER_SECONDS = 2,
};

/* ---- parsing -------------------------------------------------------------------------------- */

/* The attributes behind a message, by type; pointers into it. */
struct attributes {
	const struct nlattr *at[16];
};

static void find_attributes(struct attributes *a, const uint8_t *data, size_t len)
{
	memset(a, 0, sizeof(*a));
	while (len >= sizeof(struct nlattr)) {
		const struct nlattr *one = (const void *)data;
		size_t step = NLA_ALIGN(one->nla_len);

		if (one->nla_len < sizeof(*one) || one->nla_len > len)
			return;
		if ((one->nla_type & NLA_TYPE_MASK) < 16)
			a->at[one->nla_type & NLA_TYPE_MASK] = one;
		if (step >= len)
			return;
		data += step;
		len -= step;
	}
}

/* Copy attribute `type` when it has at least `size` bytes. */
static bool get_attribute(const struct attributes *a, int type, void *to, size_t size)
{
	const struct nlattr *one = a->at[type];

	if (!one || one->nla_len - NLA_HDRLEN < (int)size)
		return false;
	memcpy(to, (const uint8_t *)one + NLA_HDRLEN, size);
	return true;
}

static struct snap_sock *new_sock(struct sock_diag *d)
{
	struct snap_sock *k = vec_push(&d->s->socks);

	k->net_ns = d->net_ns;
	k->shutdown = 0xff;
	k->in_flight_fds = UINT32_MAX;
	return k;
}

/*
 * A name that begins with a zero byte is an abstract one; zero bytes inside are shown as @ as in
 * /proc.
 */
static uint32_t unix_name(struct snapshot *s, const struct nlattr *name)
{
	char text[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	size_t len = name->nla_len - NLA_HDRLEN;
	bool abstract;

	if (!len || len >= sizeof(text))
		return 0;
	memcpy(text, (const uint8_t *)name + NLA_HDRLEN, len);
	text[len] = '\0';
	abstract = !text[0];
	for (size_t i = 0; abstract && i < len; i++)
		if (!text[i])
			text[i] = '@';
	return strtab_addn(s->strings, text, len);
}

static void add_pending(struct sock_diag *d, uint64_t listener, const struct nlattr *icons)
{
	size_t count = (icons->nla_len - NLA_HDRLEN) / sizeof(uint32_t);

	for (size_t i = 0; i < count; i++) {
		struct sock_diag_pending *p = vec_push(&d->pending);
		uint32_t ino;

		memcpy(&ino, (const uint8_t *)icons + NLA_HDRLEN + i * sizeof(ino), sizeof(ino));
		p->listener = listener;
		p->client = ino;
	}
}

/* st_dev of a device number as the kernel keeps it: 20 bits of minor (linux/kdev_t.h). */
static uint64_t dev_of_kernel(uint32_t dev)
{
	return makedev(dev >> 20, dev & 0xfffff);
}

static void parse_unix(struct sock_diag *d, const uint8_t *data, size_t len)
{
	struct unix_diag_msg msg;
	struct unix_diag_rqlen queue;
	struct unix_diag_vfs vfs;
	struct attributes a;
	struct snap_sock *k;
	uint32_t peer;

	if (len < sizeof(msg))
		return;
	memcpy(&msg, data, sizeof(msg));
	find_attributes(&a, data + NLA_ALIGN(sizeof(msg)), len - NLA_ALIGN(sizeof(msg)));
	k = new_sock(d);
	k->ino = msg.udiag_ino;
	k->family = AF_UNIX;
	k->type = msg.udiag_type;
	k->state = msg.udiag_state;
	if (get_attribute(&a, UNIX_DIAG_PEER, &peer, sizeof(peer)))
		k->peer_ino = peer;
	if (get_attribute(&a, UNIX_DIAG_RQLEN, &queue, sizeof(queue))) {
		k->rqueue = queue.udiag_rqueue;
		k->wqueue = queue.udiag_wqueue;
	}
	if (get_attribute(&a, UNIX_DIAG_VFS, &vfs, sizeof(vfs))) {
		k->vfs_ino = vfs.udiag_vfs_ino;
		k->vfs_dev = dev_of_kernel(vfs.udiag_vfs_dev);
	}
	get_attribute(&a, UNIX_DIAG_SHUTDOWN, &k->shutdown, sizeof(k->shutdown));
	if (a.at[UNIX_DIAG_NAME])
		k->path = unix_name(d->s, a.at[UNIX_DIAG_NAME]);
	if (a.at[UNIX_DIAG_ICONS])
		add_pending(d, k->ino, a.at[UNIX_DIAG_ICONS]);
}

/* IPv4 addresses as ::ffff:a.b.c.d, so that a dual-stack socket and its IPv4 peer agree. */
static void put_address(uint8_t to[16], uint8_t family, const __be32 from[4])
{
	if (family == AF_INET6) {
		memcpy(to, from, 16);
		return;
	}
	memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	memcpy(to + 12, from, 4);
}

static void parse_inet(struct sock_diag *d, const uint8_t *data, size_t len, uint8_t protocol)
{
	struct inet_diag_msg msg;
	struct attributes a;
	struct snap_sock *k;

	if (len < sizeof(msg))
		return;
	memcpy(&msg, data, sizeof(msg));
	find_attributes(&a, data + NLA_ALIGN(sizeof(msg)), len - NLA_ALIGN(sizeof(msg)));
	k = new_sock(d);
	k->ino = msg.idiag_inode;
	k->family = msg.idiag_family;
	k->protocol = protocol;
	k->type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	k->state = msg.idiag_state;
	k->rqueue = msg.idiag_rqueue;
	k->wqueue = msg.idiag_wqueue;
	k->timer = msg.idiag_timer;
	k->timer_ms = msg.idiag_expires;
	put_address(k->local, msg.idiag_family, msg.id.idiag_src);
	put_address(k->remote, msg.idiag_family, msg.id.idiag_dst);
	k->local_port = ntohs(msg.id.idiag_sport);
	k->remote_port = ntohs(msg.id.idiag_dport);
	get_attribute(&a, INET_DIAG_SHUTDOWN, &k->shutdown, sizeof(k->shutdown));
}

static void parse_netlink(struct sock_diag *d, const uint8_t *data, size_t len)
{
	struct netlink_diag_msg msg;
	struct snap_sock *k;

	if (len < sizeof(msg))
		return;
	memcpy(&msg, data, sizeof(msg));
	k = new_sock(d);
	k->ino = msg.ndiag_ino;
	k->family = AF_NETLINK;
	k->type = msg.ndiag_type;
	k->protocol = msg.ndiag_protocol;
	k->state = msg.ndiag_state;
}

static void parse_sock(struct sock_diag *d, const uint8_t *data, size_t len, uint8_t protocol)
{
	if (!len || d->s->socks.count >= MAX_SOCKS)
		return;
	switch (data[0]) { /* sdiag_family is the first byte of all of them */
	case AF_UNIX:
		parse_unix(d, data, len);
		break;
	case AF_INET:
	case AF_INET6:
		parse_inet(d, data, len, protocol);
		break;
	case AF_NETLINK:
		parse_netlink(d, data, len);
		break;
	default:
		break;
	}
}

int sock_diag_parse(struct sock_diag *d, const void *data, size_t len, uint8_t protocol)
{
	const uint8_t *p = data;

	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		struct nlmsgerr e;
		size_t step;

		memcpy(&h, p, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return -EBADMSG;
		step = NLMSG_ALIGN(h.nlmsg_len);
		if (h.nlmsg_type == NLMSG_DONE)
			return 1;
		if (h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_len < NLMSG_LENGTH(sizeof(e)))
				return -EBADMSG;
			memcpy(&e, p + NLMSG_HDRLEN, sizeof(e));
			return e.error < 0 && e.error >= -4095 ? e.error : 1;
		}
		if (h.nlmsg_type == SOCK_DIAG_BY_FAMILY)
			parse_sock(d, p + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN, protocol);
		if (step >= len)
			break;
		p += step;
		len -= step;
	}
	return 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* One family: the request, and all its answers. */
static int dump_family(struct sock_diag *d, int fd, const void *request, size_t size,
		       uint8_t protocol)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr h = {
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
	};
	struct iovec out[] = { { &h, sizeof(h) }, { (void *)(uintptr_t)request, size } };
	struct msghdr msg = { &kernel, sizeof(kernel), out, 2, NULL, 0, 0 };
	_cleanup_free_ uint8_t *answer = xcalloc(1, 64 << 10);
	int rc = 0;

	if (sendmsg(fd, &msg, 0) < 0)
		return -errno;
	while (!rc) {
		ssize_t n = recv(fd, answer, 64 << 10, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		rc = sock_diag_parse(d, answer, (size_t)n, protocol);
	}
	return rc < 0 ? rc : 0;
}

static int dump_unix(struct sock_diag *d, int fd)
{
	struct unix_diag_req request = {
		.sdiag_family = AF_UNIX,
		.udiag_states = UINT32_MAX,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER |
			      UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN,
	};

	return dump_family(d, fd, &request, sizeof(request), 0);
}

static int dump_inet(struct sock_diag *d, int fd, uint8_t family, uint8_t protocol)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = family,
		.sdiag_protocol = protocol,
		.idiag_states = ALL_STATES,
	};

	return dump_family(d, fd, &request, sizeof(request), protocol);
}

static int dump_netlink(struct sock_diag *d, int fd)
{
	struct netlink_diag_req request = {
		.sdiag_family = AF_NETLINK,
		.sdiag_protocol = NDIAG_PROTO_ALL,
	};

	return dump_family(d, fd, &request, sizeof(request), 0);
}

static void note(struct sock_diag *d, const char *what, int rc)
{
	if (rc < 0)
		snapshot_missing(d->s,
				 "%s sockets could not be listed (%s): their peers are unknown",
				 what, strerror(-rc));
}

int sock_diag_dump(struct sock_diag *d, struct snag_error *err)
{
	static const struct {
		uint8_t family, protocol;
		const char *name;
	} INET[] = {
		{ AF_INET, IPPROTO_TCP, "TCP" },
		{ AF_INET6, IPPROTO_TCP, "TCP" },
		{ AF_INET, IPPROTO_UDP, "UDP" },
		{ AF_INET6, IPPROTO_UDP, "UDP" },
	};
	struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return error_set(err, -errno, "sock_diag: %m");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return error_set(err, -errno, "sock_diag: %m");
	note(d, "unix", dump_unix(d, fd));
	for (size_t i = 0; i < sizeof(INET) / sizeof(INET[0]); i++)
		note(d, INET[i].name, dump_inet(d, fd, INET[i].family, INET[i].protocol));
	note(d, "netlink", dump_netlink(d, fd));
	return 0;
}
