/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/wait_ctx.h"

#include "base/strbuf.h"
#include "read/proc/procfs.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

/* ---- words ---------------------------------------------------------------------------------- */

void wait_describe(struct wait_ctx *c, uint32_t wait, enum wait_type kind, const char *fmt, ...)
{
	struct wait *w = model_wait(c->model, wait);
	va_list args;

	va_start(args, fmt);
	w->kind = kind;
	/*
	 * views compare the texts of threads; those of items name descriptors and are all different
	 */
	w->text = w->parent ? strtab_appendv(c->model->strings, fmt, args) :
			      strtab_addv(c->model->strings, fmt, args);
	va_end(args);
}

struct wait_name wait_name_of(struct wait_ctx *c, int32_t tgid)
{
	const struct snap_process *p = snapshot_process(c->snap, tgid);
	struct wait_name name;

	snprintf(name.text, sizeof(name.text), "%d (%.16s)", tgid, p ? p->comm : "?");
	return name;
}

void wait_signal_names(struct strbuf *b, uint64_t set)
{
	enum { NAMED_MAX = 4, SIGNALS = 64 };
	int count = 0;

	for (int n = 1; n <= SIGNALS; n++) {
		if (!(set >> (n - 1) & 1) || count++ >= NAMED_MAX)
			continue;
		strbuf_adds(b, count > 1 ? ", " : "");
		if (n < SIGRTMIN && sigabbrev_np(n))
			strbuf_addf(b, "SIG%s", sigabbrev_np(n));
		else
			strbuf_addf(b, "signal %d", n);
	}
	if (count > NAMED_MAX)
		strbuf_addf(b, " and %d more", count - NAMED_MAX);
}

void wait_finding(struct wait_ctx *c, const struct wait_fact *fact, const char *fmt, ...)
{
	struct finding f = { .fd = fact->fd, .object = fact->object };
	va_list args;

	va_start(args, fmt);
	f.kind = strtab_add(c->model->strings, fact->kind);
	f.text = strtab_addv(c->model->strings, fmt, args);
	va_end(args);
	f.actor = wait_actor(c, fact->tgid);
	if (f.object)
		model_object(c->model, f.object)->relevant = true;
	model_add_finding(c->model, f);
}

/* ---- terms ---------------------------------------------------------------------------------- */

void wait_term(struct wait_ctx *c, uint32_t wait, struct term term, const char *fmt, ...)
{
	va_list args;

	if (fmt) {
		va_start(args, fmt);
		term.text = strtab_addv(c->model->strings, fmt, args);
		va_end(args);
	}
	model_add_term(c->model, wait, term);
}

/* Build code: a call for a term that is only a text. */
#define TEXT_TERM(name, term_kind)                                                                 \
	void wait_##name(struct wait_ctx *c, uint32_t wait, const char *fmt, ...)                  \
	{                                                                                          \
		struct term term = { .kind = (term_kind) };                                        \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, fmt);                                                               \
		term.text = strtab_addv(c->model->strings, fmt, args);                             \
		va_end(args);                                                                      \
		model_add_term(c->model, wait, term);                                              \
	}
TEXT_TERM(never, TERM_NEVER)
TEXT_TERM(new, TERM_NEW)
TEXT_TERM(stopped, TERM_STOPPED)
TEXT_TERM(unknown, TERM_UNKNOWN)
TEXT_TERM(now, TERM_NOW)

void wait_outside(struct wait_ctx *c, uint32_t wait, const char *fmt, ...)
{
	struct term term = { .kind = TERM_OUTSIDE };
	va_list args;

	va_start(args, fmt);
	term.text = strtab_addv(c->model->strings, fmt, args);
	va_end(args);
	model_wait(c->model, wait)->external = term.text;
	model_add_term(c->model, wait, term);
}

void wait_term_holders(struct wait_ctx *c, uint32_t wait, uint32_t object, uint8_t mode,
		       enum term_role as)
{
	model_object(c->model, object)->relevant = true;
	model_add_term(c->model, wait,
		       (struct term){ .kind = TERM_OBJECT, .as = as, .mode = mode, .id = object });
}

void wait_move_terms(struct model *m, uint32_t wait)
{
	struct wait *w = model_wait(m, wait);
	uint32_t first = w->first_term, count = w->term_count;

	w->term_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct term term = m->terms.at[first + i];

		model_add_term(m, wait, term);
	}
}

void wait_drop_terms(struct model *m)
{
	uint32_t all = m->terms.count;
	_cleanup_free_ struct term *old = xcalloc(all + 1, sizeof(*old));

	memcpy(old, m->terms.at, all * sizeof(*old));
	m->terms.count = 0;
	for (uint32_t i = 0; i < m->waits.count; i++) {
		struct wait *w = &m->waits.at[i];
		uint32_t first = w->first_term;

		w->first_term = m->terms.count;
		for (uint32_t k = 0; k < w->term_count; k++)
			*vec_push(&m->terms) = old[first + k];
	}
}

/* The process of a thread that is not in the tree: the readers list such threads in no detail. */
static int32_t outside_tgid(const struct wait_ctx *c, int32_t tid)
{
	const struct snap_task *t = snapshot_task(c->snap, tid);
	_cleanup_strbuf_ struct strbuf status = STRBUF_INIT;
	struct snag_error err = SNAG_ERROR_INIT;
	int64_t tgid;

	if (t)
		return t->tgid;
	if (snapshot_process(c->snap, tid))
		return tid;
	if (tid <= 0 || procfs_read_of(&status, tid, 0, "status", &err) < 0 ||
	    !procfs_field_int(strbuf_str(&status), "Tgid:", &tgid))
		return 0;
	return (int32_t)tgid;
}

void wait_term_tid(struct wait_ctx *c, uint32_t wait, int32_t tid, enum term_role as)
{
	uint32_t thread = model_find_tid(c->model, tid);
	const struct snap_process *p;
	int32_t tgid;

	if (thread) {
		char state = model_thread(c->model, thread)->state;

		if (state == 'Z' || state == 'X')
			wait_never(c, wait, "thread %d has ended", tid);
		else
			wait_term(c, wait,
				  (struct term){ .kind = TERM_THREAD, .as = as, .id = thread },
				  NULL);
		return;
	}
	tgid = outside_tgid(c, tid);
	p = tgid ? snapshot_process(c->snap, tgid) : NULL;
	if (!tgid)
		wait_never(c, wait, "thread %d does not exist", tid);
	else if (!p)
		wait_unknown(c, wait, "thread %d is of process %d, which is newer than this look",
			     tid, tgid);
	else if (p->exited)
		wait_never(c, wait, "process %d has ended", tgid);
	else
		wait_term(c, wait,
			  (struct term){ .kind = TERM_ACTOR, .as = as, .id = wait_actor(c, tgid) },
			  NULL);
}

void wait_term_exit(struct wait_ctx *c, uint32_t wait, int32_t tgid)
{
	const struct snap_process *p = snapshot_process(c->snap, tgid);
	const struct wait *w = model_wait(c->model, wait);
	bool child;

	if (!p) {
		wait_now(c, wait, "process %d is gone", tgid);
		return;
	}
	if (p->exited) {
		wait_now(c, wait, "process %d has exited and can be reaped", tgid);
		return;
	}
	child = p->ppid == model_actor(c->model, w->actor)->pid;
	wait_term(c, wait,
		  (struct term){ .kind = TERM_EXIT,
				 .as = child ? AS_CHILD : AS_PEER,
				 .id = wait_actor(c, tgid) },
		  NULL);
}

/* ---- time ----------------------------------------------------------------------------------- */

enum { MS_PER_S = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

/*
 * A time-out that no one alive will see is none: CPython's "no time-out" is 292 years, coreutils'
 * `sleep infinity` a time_t's whole range.
 */
static const int64_t ages_ms = (int64_t)100 * 365 * 24 * 3600 * MS_PER_S;

uint64_t wait_since_ms(const struct wait_ctx *c, const struct snap_task *t)
{
	if (!t->since_ns || t->since_ns > c->snap->taken_boottime_ns)
		return UINT64_MAX;
	return (c->snap->taken_boottime_ns - t->since_ns) / NS_PER_MS;
}

/* `rest` ms are left, or are the whole time-out when since when it runs is not known. */
static void add_time(struct wait_ctx *c, uint32_t wait, int64_t rest, bool whole)
{
	if (rest >= ages_ms)
		return;
	if (rest < 0)
		rest = 0;
	model_wait(c->model, wait)->timeout_ms = rest;
	wait_term(c, wait, (struct term){ .kind = TERM_TIME },
		  whole ? "its own time-out of %" PRId64 ".%03d s" :
			  "its own time-out, %" PRId64 ".%03d s left",
		  rest / MS_PER_S, (int)(rest % MS_PER_S));
}

void wait_timeout(struct wait_ctx *c, const struct snap_task *task, uint32_t wait, int64_t ms)
{
	uint64_t since = wait_since_ms(c, task);

	if (ms < 0 || ms >= ages_ms)
		return;
	if (since == UINT64_MAX)
		add_time(c, wait, ms, true);
	else
		add_time(c, wait, since >= (uint64_t)ms ? 0 : ms - (int64_t)since, false);
}

static int64_t timespec_ms(const struct timespec *ts)
{
	if (ts->tv_sec >= ages_ms / MS_PER_S)
		return ages_ms;
	return (int64_t)ts->tv_sec * MS_PER_S + (ts->tv_nsec + NS_PER_MS - 1) / NS_PER_MS;
}

void wait_timeout_at(struct wait_ctx *c, const struct wait_site *site, uint64_t addr, bool absolute,
		     int clock)
{
	struct timespec ts, now;
	int rc;

	if (!addr)
		return;
	rc = wait_mem(c, site->task->tgid, addr, &ts, sizeof(ts));
	if (rc < 0) {
		wait_unknown(c, site->wait, "its time-out could not be read: %s", strerror(-rc));
		return;
	}
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NS_PER_S) {
		wait_unknown(c, site->wait, "its time-out was overwritten while it waits");
		return;
	}
	if (!absolute)
		wait_timeout(c, site->task, site->wait, timespec_ms(&ts));
	else if (clock_gettime(clock, &now) < 0)
		wait_unknown(c, site->wait, "its time-out is of the unknown clock %d", clock);
	else
		add_time(c, site->wait, timespec_ms(&ts) - timespec_ms(&now), false);
}
