/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/share.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/*
 * futex_wait(2) and futex_waitv(2) are newer than the headers we build with; the numbers never
 * change.
 */
enum { NR_FUTEX_WAITV = 449, NR_FUTEX_WAIT = 455, PAGE_BYTES = 4096, MAX_WAITV = 128 };
/* Flags of futex(2) and futex2, include/uapi/linux/futex.h. */
enum { PRIVATE_FLAG = 128, REALTIME_FLAG = 256, FUTEX2_PRIVATE = 128 };

static const int16_t numbers[] = { SYS_futex, NR_FUTEX_WAITV, NR_FUTEX_WAIT, SYS_restart_syscall,
				   -1 };

/* ---- the bytes around -------------------------------------------------------------------------
 */

struct reader {
	struct wait_ctx *c;
	const struct wait_site *site;
};

static int world_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	const struct reader *r = arg;

	return wait_mem(r->c, r->site->process->tgid, addr, buf, len);
}

static bool world_has_thread(void *arg, int32_t ns_tid)
{
	const struct reader *r = arg;

	return futex_own_thread(wait_snapshot(r->c), r->site->process, ns_tid) != NULL;
}

/* The window in one read, or only the part of it that lies in the page of the word. */
static int load(struct wait_ctx *c, const struct wait_site *site, struct futex *f)
{
	uint32_t in_page = (uint32_t)(f->uaddr % PAGE_BYTES);
	uint8_t bytes[FUTEX_BEFORE + FUTEX_AFTER];
	uint32_t before = FUTEX_BEFORE, after = FUTEX_AFTER;
	int32_t tgid = site->process->tgid;
	int rc;

	if (f->uaddr < FUTEX_BEFORE || f->uaddr > UINT64_MAX - FUTEX_AFTER)
		return -EFAULT;
	rc = wait_mem(c, tgid, f->uaddr - before, bytes, before + after);
	if (rc < 0) {
		before = before < in_page ? before : in_page;
		after = after < PAGE_BYTES - in_page ? after : PAGE_BYTES - in_page;
		rc = wait_mem(c, tgid, f->uaddr - before, bytes, before + after);
	}
	if (rc < 0)
		return rc;
	futex_set_bytes(f, bytes, before, after);
	return 0;
}

/* .data is mapped from the file, .bss follows it at once. */
static bool is_static(struct wait_ctx *c, int32_t tgid, uint64_t addr)
{
	const struct maps *maps = wait_maps(c, tgid);
	const struct map_area *a = maps ? maps_find(maps, addr) : NULL;

	if (!a || a->shared || !a->write)
		return false;
	if (a->ino)
		return true;
	return a > maps->areas && !a->path && a[-1].ino && a[-1].end == a->start;
}

/* The thread of this process whose exit clears the word. */
static int32_t cleared_for(const struct snapshot *s, const struct snap_process *p, uint64_t uaddr,
			   uint32_t val)
{
	for (uint32_t i = 0; i < p->task_count; i++) {
		const struct snap_task *t = &s->tasks.at[p->first_task + i];

		if (t->clear_child_tid == uaddr && t->ns_tid == (int32_t)val && t->state != 'Z')
			return t->ns_tid;
	}
	return 0;
}

/* ---- one futex --------------------------------------------------------------------------------
 */

/* The wait site->wait, for a futex of which only the call is known. */
static void one_futex(struct wait_ctx *c, const struct wait_site *site, const struct futex *call)
{
	const struct snapshot *s = wait_snapshot(c);
	struct reader reader = { c, site };
	const struct futex_world world = { world_read, world_has_thread, &reader };
	struct futex f = *call;
	struct futex_claim claim;
	const struct futex_kind *kind;
	int rc = load(c, site, &f);

	if (rc < 0) {
		wait_describe(c, site->wait, WAIT_FUTEX, "waiting on futex 0x%" PRIx64, f.uaddr);
		wait_unknown(c, site->wait,
			     "the memory of process %d at 0x%" PRIx64 " could not be read: %s",
			     site->process->tgid, f.uaddr, strerror(-rc));
		return;
	}
	f.world = &world;
	f.sp = site->task->sp;
	f.static_data = is_static(c, site->process->tgid, f.uaddr);
	f.cleared_for = cleared_for(s, site->process, f.uaddr, f.val);
	kind = futex_recognise(&f, &claim);
	log_debug("thread %d: futex 0x%" PRIx64 " is a %s", site->task->tid, f.uaddr, kind->name);
	futex_state(c, site, &f, &claim);
}

/* futex(2). LOCK_PI is of CLOCK_REALTIME whatever the flag; WAIT alone has a relative time-out. */
static bool decode_futex(struct wait_ctx *c, const struct wait_site *site)
{
	const uint64_t *a = site->task->args;
	struct futex f = { .uaddr = a[0], .cmd = (uint32_t)a[1] & ~(uint32_t)(128 | 256) };
	int clock = a[1] & REALTIME_FLAG || f.cmd == CMD_LOCK_PI ? CLOCK_REALTIME : CLOCK_MONOTONIC;

	switch (f.cmd) {
	case CMD_WAIT:
	case CMD_LOCK_PI:
	case CMD_WAIT_BITSET:
	case CMD_WAIT_REQUEUE_PI:
	case CMD_LOCK_PI2:
		break;
	default:
		return false;
	}
	f.private = a[1] & PRIVATE_FLAG;
	f.realtime = a[1] & REALTIME_FLAG;
	f.val = (uint32_t)a[2];
	one_futex(c, site, &f);
	/* Who wakes to ask for the GIL once more goes back to the same wait: that is no end of it.
	 */
	if (model_wait(wait_model(c), site->wait)->kind != WAIT_GIL)
		wait_timeout_at(c, site, a[3], f.cmd != CMD_WAIT, clock);
	return true;
}

/* futex_wait(uaddr, val, mask, flags, timeout, clockid), since 6.7 */
static bool decode_futex_wait(struct wait_ctx *c, const struct wait_site *site)
{
	const uint64_t *a = site->task->args;
	struct futex f = { .uaddr = a[0], .cmd = CMD_WAIT_BITSET, .val = (uint32_t)a[1] };

	f.private = a[3] & FUTEX2_PRIVATE;
	one_futex(c, site, &f);
	wait_timeout_at(c, site, a[4], true, (int)a[5]);
	return true;
}

/* struct futex_waitv of include/uapi/linux/futex.h */
struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

/* futex_waitv(waiters, nr, flags, timeout, clockid): any of them ends it. */
static bool decode_futex_waitv(struct wait_ctx *c, const struct wait_site *site)
{
	const uint64_t *a = site->task->args;
	struct model *m = wait_model(c);
	struct waitv v[MAX_WAITV];
	uint32_t count = (uint32_t)a[1];
	int rc = -EINVAL;

	if (count && count <= MAX_WAITV)
		rc = wait_mem(c, site->process->tgid, a[0], v, count * sizeof(*v));
	wait_describe(c, site->wait, WAIT_FUTEX, "waiting on any of %u futexes", count);
	if (rc < 0) {
		wait_unknown(c, site->wait, "the list of futexes could not be read: %s",
			     strerror(-rc));
		return true;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct futex f = { .uaddr = v[i].uaddr, .cmd = CMD_WAIT_BITSET };
		struct wait_site item = *site;

		item.wait = model_add_wait(m, site->thread, site->wait);
		model_wait(m, item.wait)->op = model_wait(m, site->wait)->op;
		model_wait(m, item.wait)->since_ms = model_wait(m, site->wait)->since_ms;
		f.val = (uint32_t)v[i].val;
		f.private = v[i].flags & FUTEX2_PRIVATE;
		one_futex(c, &item, &f);
	}
	wait_items_done(c, site->wait);
	wait_timeout_at(c, site, a[3], true, (int)a[4]);
	return true;
}

/* After a stop a timed wait goes on as restart_syscall(2) with the registers of the first call. */
static bool decode_restarted(struct wait_ctx *c, const struct wait_site *site)
{
	const char *wchan = snapshot_str(wait_snapshot(c), site->task->wchan);

	return !strncmp(wchan, "futex_", strlen("futex_")) && decode_futex(c, site);
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	switch (site->task->nr) {
	case SYS_futex:
		return decode_futex(c, site);
	case NR_FUTEX_WAITV:
		return decode_futex_waitv(c, site);
	case NR_FUTEX_WAIT:
		return decode_futex_wait(c, site);
	case SYS_restart_syscall:
		return decode_restarted(c, site);
	default:
		return false;
	}
}

const struct wait_kind wait_futex = { .name = "futex", .syscalls = numbers, .decode = decode };
