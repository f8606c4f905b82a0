/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink.c - netlink sockets: the kernel answers a request, or tells those of a group of what is
 * new.
 */
#include "base/strbuf.h"
#include "read/proc/procfs.h"
#include "waits/net/net.h"

#include <inttypes.h>
#include <sys/socket.h>

/* A row of /proc/net/netlink, as the process that has the socket sees it. */
struct row {
	unsigned int protocol;
	uint32_t groups;
	uint64_t ino;
};

static bool find_row(int32_t tgid, uint64_t ino, struct row *row)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct snag_error err = SNAG_ERROR_INIT;
	char *line, *rest;

	if (procfs_read_of(&text, tgid, 0, "net/netlink", &err) < 0 || !text.len)
		return false;
	/* sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode */
	for (line = strtok_r(text.s, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (sscanf(line, "%*s %u %*u %" SCNx32 " %*d %*d %*d %*d %*u %" SCNu64,
			   &row->protocol, &row->groups, &row->ino) == 3 &&
		    row->ino == ino)
			return true;
	return false;
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const struct snap_sock *k = net_sock(c, f, 0, 0);
	struct row row = { .ino = 0 };
	bool found;

	if (k && k->family != AF_NETLINK)
		return false;
	found = find_row(f->file->tgid, f->file->ino, &row);
	if (!k && !found)
		return false;
	wait_describe(c, f->wait, WAIT_NETLINK, "waiting for the kernel on netlink socket (fd %d)",
		      f->fd);
	if (f->in_set || row.groups)
		wait_new(c, f->wait, "a message of the kernel (netlink protocol %u)", row.protocol);
	else
		wait_outside(c, f->wait, "the kernel (netlink)");
	return true;
}

const struct wait_kind wait_netlink = {
	.name = "netlink",
	.files = 1u << FILE_SOCKET,
	.decode_file = decode_file,
};
