/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * other.c - sockets of the families that have no file of their own, and those that could not be
 * looked up.
 */
#include "waits/net/net.h"

#include <sys/socket.h>

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const struct snap_sock *k = net_sock(c, f, 0, 0);
	unsigned long long ino = f->file->ino;

	wait_describe(c, f->wait, WAIT_UNKNOWN, "waiting on socket:[%llu] (fd %d)", ino, f->fd);
	if (!k)
		wait_unknown(c, f->wait,
			     "socket:[%llu] could not be looked up: another network "
			     "namespace, or a family that sock_diag does not tell of",
			     ino);
	else if (k->family == AF_PACKET || k->type == SOCK_RAW)
		wait_outside(c, f->wait, "packets from the network");
	else
		wait_unknown(c, f->wait, "sockets of address family %u are not decoded", k->family);
	return true;
}

const struct wait_kind wait_other_socket = {
	.name = "other_socket",
	.files = 1u << FILE_SOCKET,
	.decode_file = decode_file,
};
