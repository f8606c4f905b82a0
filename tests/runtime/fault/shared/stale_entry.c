/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stale_entry.c - the registrar keeps the address of an actor that is gone, and who connects there
 * is neither taken nor refused.
 *
 * A helper program of that actor has its listening socket by inheritance, does not know of it, and
 * keeps it open. Others have tried before: its queue is full, so the kernel drops each SYN.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>

#include "runtime/actor/registrar.h"
#include "runtime/fault/parts.h"

/* More than any backlog, fewer than the descriptors that a process may have. */
enum { TRIES_MAX = 900, PATIENCE_MS = 100 };

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	struct grove_actor_defects *defects = grove_actor_defects(actor);

	(void)err;
	if (off)
		return 0;
	defects->find_keeps_stale = true;
	defects->connect_for_ever = true;
	defects->listeners_inherited = true;
	return 0;
}

/* Connect, without accepting, until a connection is not made any more. All are closed by the end
 * of this process; they stay in the queue. */
static int fill_queue(const struct grove_multiaddr *address, struct grove_error *err)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		struct pollfd item = { .events = POLLOUT };

		item.fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				 0);
		if (item.fd < 0)
			return grove_error_set(err, -errno, "socket: %m");
		if (connect(item.fd, &address->any, address->size) < 0 && errno != EINPROGRESS)
			return grove_error_set(err, -errno, "connect: %m");
		if (poll(&item, 1, PATIENCE_MS) == 0)
			return 0;
	}
	return grove_error_set(err, -EPROTO, "the queue of a listener is never full");
}

static int be_gone(struct grove_fault_place *place, struct grove_error *err)
{
	struct grove_fault_helper helper = { .pid = 0 };
	int listener = grove_fault_listener(err);
	int rc = listener < 0 ? listener : grove_fault_help(!place->off, &helper, err);

	if (rc == 0 && !place->off)
		rc = fill_queue(&grove_actor_addrs(grove_actor_self())->at[0], err);
	if (rc < 0)
		return rc;
	grove_fault_says("connecting to 127.0.0.1:%d (fd",
			 ntohs(grove_actor_addrs(grove_actor_self())->at[0].ip4.sin_port));
	grove_fault_says("cat[%d] has that listener (fd %d)", (int)helper.pid, listener);
	grove_fault_finding("listener-orphaned", helper.pid, listener);
	grove_fault_leaves(true);
	_exit(0);
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	_grove_portal_ struct grove_portal *portal = NULL;
	_grove_value_ struct grove_value item = grove_nil();
	int rc;

	if (grove_fault_is_first(place))
		return be_gone(place, err);
	rc = grove_context_recv(place->above, &item, err);
	if (rc < 0)
		return rc;
	/* what ends the wait is a timer of its own connection */
	grove_fault_culprit(getpid(), NULL, -1);
	grove_fault_hangs();
	rc = grove_find_actor(grove_value_str(&item, ""), &portal, err);
	if (rc == 0)
		return grove_error_set(err, -EPROTO, "who is gone was found");
	return rc == -ENOENT ? GROVE_FAULT_DONE : rc;
}

/* When the first leaf is gone, the second is to look for it. */
static int node(struct grove_fault_place *place, struct grove_error *err)
{
	const char *name = grove_portal_uid(place->portals[0])->name;
	int rc = grove_context_close(grove_steal(place->contexts[0]), 0, NULL, NULL);

	return rc == -ECANCELED ? rc : grove_context_send(place->contexts[1], grove_str(name), err);
}

const struct grove_fault grove_fault_stale_entry = {
	.name = "stale-entry",
	.text = "a stale registrar entry whose connect never completes",
	.refuses = grove_fault_needs_process,
	.tcp = true,
	.depth = 1,
	.breadth = 2,
	.hangs = 1,
	.arm = arm,
	.leaf = leaf,
	.node = node,
};
