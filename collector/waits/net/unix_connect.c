/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unix_connect.c - connect(2) to a unix listener whose backlog is full: somebody must accept.
 *
 * net/unix/af_unix.c, unix_stream_connect() and unix_wait_for_peer().
 */
#include "waits/net/unix_path.h"

#include <sys/socket.h>
#include <sys/syscall.h>

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	const struct snap_file *f = wait_file(c, t->tgid, (int32_t)t->args[0]);
	const struct snap_sock *k = f && f->kind == FILE_SOCKET ? wait_sock(c, f) : NULL;
	const struct unix_address at = { t->args[1], t->args[2] };
	struct wait *w = model_wait(wait_model(c), site->wait);
	const struct snap_sock *listener;
	struct net_name name;
	uint32_t object;

	if (!k || k->family != AF_UNIX)
		return false;
	object = wait_file_object(c, f);
	w->object = object;
	w->fd = f->fd;
	w->completion = true;
	model_object(wait_model(c), object)->relevant = true;
	listener = unix_find(c, t, &at, &name);
	wait_describe(c, site->wait, WAIT_UNIX_CONNECT,
		      "connecting to unix socket %s, whose backlog is full (fd %d)", name.text,
		      f->fd);
	if (listener && listener->ino)
		net_add_peer(c, site->wait, listener->ino, "the listener");
	else
		wait_unknown(c, site->wait, "the listener of unix socket %s was not found",
			     name.text);
	net_add_timeout(c,
			&(struct wait_fd){ .task = t,
					   .process = site->process,
					   .file = f,
					   .fd = f->fd,
					   .mode = MODE_WRITE,
					   .wait = site->wait },
			k);
	return true;
}

const struct wait_kind wait_unix_connect = {
	.name = "unix_connect",
	.syscalls = (const int16_t[]){ SYS_connect, -1 },
	.decode = decode,
};
