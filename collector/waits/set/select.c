/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * select.c - select(2) and pselect6(2): three bit sets in the waiter's memory, written only at the
 * return.
 */
#include "waits/wait_ctx.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { SETS = 3, WORD_BITS = 64, FDS_MAX = 1 << 16, FDS_UNKNOWN = 1024, MS_PER_S = 1000 };

struct sets {
	uint32_t count;				    /* descriptors 0 .. count - 1 */
	uint64_t memory[SETS][FDS_MAX / WORD_BITS]; /* input, output, exceptions */
};

/* The kernel looks no further than the descriptor table reaches, whatever the caller says. */
static uint32_t fd_limit(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_process *p = site->process;
	uint32_t limit = FDS_UNKNOWN;

	if (p->file_count)
		limit = (uint32_t)c->snap->files.at[p->first_file + p->file_count - 1].fd + 1;
	return limit < FDS_MAX ? limit : FDS_MAX;
}

static int read_sets(struct wait_ctx *c, const struct wait_site *site, struct sets *s)
{
	uint32_t limit = fd_limit(c, site);
	int32_t asked = (int32_t)site->task->args[0];
	int rc = 0;

	s->count = asked < 0 ? 0 : (uint32_t)asked;
	if (s->count > limit)
		s->count = limit;
	for (int i = 0; i < SETS && rc >= 0; i++) {
		uint64_t addr = site->task->args[1 + i];
		size_t words = (s->count + WORD_BITS - 1) / WORD_BITS;

		if (addr)
			rc = wait_mem(c, site->task->tgid, addr, s->memory[i],
				      words * sizeof(uint64_t));
	}
	return rc;
}

static bool has(const struct sets *s, int set, uint32_t fd)
{
	return s->memory[set][fd / WORD_BITS] >> fd % WORD_BITS & 1;
}

static uint32_t add_items(struct wait_ctx *c, const struct wait_site *site, const struct sets *s)
{
	uint32_t items = 0;

	for (uint32_t fd = 0; fd < s->count; fd++) {
		uint8_t mode = (has(s, 0, fd) ? MODE_READ : 0) | (has(s, 1, fd) ? MODE_WRITE : 0);

		if (!mode && !has(s, 2, fd))
			continue;
		wait_item(c, site, wait_file(c, site->task->tgid, (int32_t)fd), (int32_t)fd, mode);
		items++;
	}
	return items;
}

static void add_timeout(struct wait_ctx *c, const struct wait_site *site)
{
	uint64_t addr = site->task->args[4];
	struct timeval tv;
	int rc;

	if (site->task->nr == SYS_pselect6) {
		wait_timeout_at(c, site, addr, false, CLOCK_MONOTONIC);
		return;
	}
	if (!addr)
		return;
	rc = wait_mem(c, site->task->tgid, addr, &tv, sizeof(tv));
	if (rc < 0)
		wait_unknown(c, site->wait, "its time-out could not be read: %s", strerror(-rc));
	else if (tv.tv_sec >= 0 && tv.tv_sec < INT64_MAX / MS_PER_S - 1)
		wait_timeout(c, site->task, site->wait,
			     tv.tv_sec * MS_PER_S + tv.tv_usec / MS_PER_S);
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	_cleanup_free_ struct sets *s = xcalloc(1, sizeof(*s));
	int rc = read_sets(c, site, s);
	uint32_t items = rc < 0 ? 0 : add_items(c, site, s);

	wait_describe(c, site->wait, WAIT_POLL,
		      items == 1 ? "selecting from %u descriptor" : "selecting from %u descriptors",
		      items);
	wait_items_done(c, site->wait);
	add_timeout(c, site);
	if (rc < 0)
		wait_unknown(c, site->wait, "the descriptors that it selects could not be read: %s",
			     strerror(-rc));
	else if (!items)
		wait_new(c, site->wait, "a signal");
	return true;
}

const struct wait_kind wait_select = {
	.name = "select",
	.syscalls = (const int16_t[]){ SYS_select, SYS_pselect6, -1 },
	.decode = decode,
};
