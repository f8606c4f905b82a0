/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen.h - the sockets that an actor listens on, and the files of those that have one.
 */
#pragma once

#include "runtime/wire/addrs.h"

struct grove_listeners {
	struct grove_addrs addrs; /* as bound: with the ports that the kernel chose */
	int *fd;
	size_t count;
};

/*
 * Listen on `address`, besides what there is. A socket file that nobody listens on any more is
 * replaced. -EADDRINUSE and others of bind(2).
 */
GROVE_MUST_CHECK
int grove_listen(struct grove_listeners *listeners, const struct grove_multiaddr *address,
		 struct grove_error *err);

/* Close all and unlink their files. */
void grove_listeners_close(struct grove_listeners *listeners);

/* A private folder for the socket files of a tree. Free with free(). NULL with an error. */
char *grove_listen_dir(struct grove_error *err);

/* Remove the folder with what sockets are left in it, of actors that were killed. */
void grove_listen_dir_remove(const char *dir);

/*
 * The last things of an actor that was killed: the file of its socket, when nobody listens there,
 * and the folder, when nothing is left in it.
 */
void grove_listen_tidy(const struct grove_multiaddr *address, const char *dir);

/* Remove the socket files among `addrs`, of an actor that has ended. */
void grove_listen_unlink(const struct grove_addrs *addrs);
