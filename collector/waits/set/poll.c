/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll.c - poll(2) and ppoll(2): any of the descriptors in an array of the waiter's memory.
 */
#include "waits/wait_ctx.h"

#include <inttypes.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

static uint8_t mode_of(const struct pollfd *p)
{
	uint8_t mode = 0;

	if (p->events & (POLLIN | POLLPRI | POLLRDHUP | POLLRDNORM | POLLRDBAND))
		mode |= MODE_READ;
	if (p->events & (POLLOUT | POLLWRNORM | POLLWRBAND))
		mode |= MODE_WRITE;
	return mode;
}

/* How many descriptors it polls. A negative number in the array is left out, as the kernel does. */
static uint32_t add_items(struct wait_ctx *c, const struct wait_site *site,
			  const struct pollfd *fds, uint32_t count)
{
	uint32_t items = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (fds[i].fd < 0)
			continue;
		wait_item(c, site, wait_file(c, site->task->tgid, fds[i].fd), fds[i].fd,
			  mode_of(&fds[i]));
		items++;
	}
	return items;
}

static void add_timeout(struct wait_ctx *c, const struct wait_site *site)
{
	if (site->task->nr == SYS_poll)
		wait_timeout(c, site->task, site->wait, (int32_t)site->task->args[2]);
	else
		wait_timeout_at(c, site, site->task->args[2], false, CLOCK_MONOTONIC);
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	uint64_t addr = site->task->args[0];
	uint32_t all = (uint32_t)site->task->args[1], items = 0;
	uint32_t count = all < WAIT_ITEMS_MAX ? all : WAIT_ITEMS_MAX;
	_cleanup_free_ struct pollfd *fds = xcalloc(count + 1, sizeof(*fds));
	int rc = wait_mem(c, site->task->tgid, addr, fds, count * sizeof(*fds));

	if (rc >= 0)
		items = add_items(c, site, fds, count);
	wait_describe(c, site->wait, WAIT_POLL,
		      items == 1 ? "polling %u descriptor" : "polling %u descriptors", items);
	c->items_cut |= all > count;
	wait_items_done(c, site->wait);
	add_timeout(c, site);
	if (rc < 0)
		wait_unknown(c, site->wait, "the descriptors that it polls could not be read: %s",
			     strerror(-rc));
	else if (!items)
		wait_new(c, site->wait, "a signal");
	return true;
}

const struct wait_kind wait_poll = {
	.name = "poll",
	.syscalls = (const int16_t[]){ SYS_poll, SYS_ppoll, -1 },
	.decode = decode,
};
