/* SPDX-License-Identifier: BSD-2-Clause */
#include "snag.h"

#include "base/log.h"
#include "graph/verdict.h"
#include "model/busy.h"
#include "model/debts.h"
#include "model/from_read.h"
#include "model/tasks.h"
#include "runtimes/runtime.h"
#include "session_sources.h"
#include "session_stacks.h"
#include "waits/set/spin.h"
#include "waits/task/task.h"

#include <errno.h>
#include <sys/utsname.h>
#include <time.h>

/* Looks at most until one is found in which no descriptor changed hands. */
enum { LOOKS_MAX = 3 };

/*
 * Between two samples of something that runs: long enough for a scheduler tick on a loaded machine.
 */
enum { SAMPLE_MS = 80, SAMPLES = 3, SAMPLES_MAX = 16 };

/* A look takes longer on a loaded machine, and a poller is caught awake more often. */
enum { LOOKS_FOR_QUIET = 10 };

struct session {
	struct reader *reader;
	uint32_t samples;
	int32_t focus_tid;
	struct stacks *stacks; /* NULL: none are wanted */
	enum stacks_of which;
	struct runtimes *runtimes;
};

const char *snag_version(void)
{
	return SNAG_VERSION;
}

int session_open(const struct session_opts *opts, struct session **ret, struct snag_error *err)
{
	struct session *s;
	struct reader *reader = NULL;
	int rc;

	rc = reader_open(opts->reader ? opts->reader : "auto", &reader, err);
	if (rc < 0)
		return rc;
	s = xcalloc(1, sizeof(*s));
	s->reader = reader;
	s->runtimes = runtimes_new();
	if (opts->locals)
		runtimes_want_locals(s->runtimes);
	s->samples = opts->samples ? opts->samples : SAMPLES;
	if (s->samples > SAMPLES_MAX)
		s->samples = SAMPLES_MAX;
	s->focus_tid = opts->focus_tid;
	s->which = opts->stacks.which;
	if (opts->stacks.which != STACKS_NONE) {
		s->stacks = stacks_new(&opts->stacks, runtimes_files(s->runtimes));
		reader_want_stacks(reader);
	}
	*ret = s;
	return 0;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	stacks_free(s->stacks);
	runtimes_free(s->runtimes);
	reader_free(s->reader);
	free(s);
}

static double since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) * 1e3 +
	       (double)(now.tv_nsec - start->tv_nsec) / 1e6;
}

/* Where the model comes from, and what its reader could not see. */
static void fill_source(const struct session *s, const struct snapshot *snap, struct model *m)
{
	struct utsname host;

	if (uname(&host) == 0) {
		m->host = strtab_add(m->strings, host.nodename);
		m->kernel = strtab_add(m->strings, host.release);
	}
	m->snag_version = strtab_add(m->strings, snag_version());
	m->reader = strtab_add(m->strings, reader_name(s->reader));
	m->captured_ns = snap->taken_realtime_ns;
	for (uint32_t i = 0; i < snap->missing.count; i++)
		model_add_missing(m, snapshot_str(snap, snap->missing.at[i]));
}

/* What one double collect gives. */
struct look {
	struct snapshot *snap;
	struct model *m;
};

static void look_release(struct look *look)
{
	snapshot_free(look->snap);
	model_free(look->m);
}
DEFINE_PLACE_GUARD(look)
#define _cleanup_look_ _cleanup_(look_release_guard)

/*
 * The files, and before them, while the reader may still get ready for these, what takes none. 1 as
 * reader_files().
 */
static int look_at_files(struct session *s, struct snapshot *snap, struct model *m,
			 struct snag_error *err)
{
	bool few = snapshot_tree_size(snap) <= RUNTIMES_FEW;
	uint64_t clock = 0;
	int rc;

	log_step(&clock, "tasks");
	if (few) {
		reader_details(s->reader, snap);
		model_from_read(m, snap);
		runtimes_begin(s->runtimes, snap, m);
		log_step(&clock, "runtimes, without waits");
	}
	rc = reader_files(s->reader, snap, err);
	if (rc == 0 && !few)
		model_from_read(m, snap);
	return rc;
}

/* First stamps and facts. */
static int look_first(struct session *s, const struct read_scope *scope,
		      const struct snapshot *before, struct look *look, struct snag_error *err)
{
	int rc;

	do {
		look_release(look);
		look->snap = NULL;
		look->m = model_new();
		rc = reader_begin(s->reader, scope, &look->snap, err);
		if (rc == 0 && before)
			busy_mark_pollers(before, look->snap);
		if (rc == 0)
			rc = look_at_files(s, look->snap, look->m, err);
	} while (rc > 0);
	return rc;
}

/*
 * One double collect: facts, waits, second stamps. `before`: an earlier look, to know pollers by,
 * or NULL.
 */
static int look_once(struct session *s, const struct read_scope *scope,
		     const struct snapshot *before, struct look *ret, struct snag_error *err)
{
	_cleanup_look_ struct look look = { .snap = NULL };
	struct snapshot *snap;
	struct model *m;
	uint64_t clock = 0;
	int rc;

	log_step(&clock, "session");
	rc = look_first(s, scope, before, &look, err);
	if (rc < 0)
		return rc;
	log_step(&clock, "facts");
	snap = look.snap;
	m = look.m;
	{
		_cleanup_wait_ctx_ struct wait_ctx *c = wait_ctx_new(snap, m);

		waits_decode(c);
		log_step(&clock, "waits");
		runtimes_read(s->runtimes, snap, m);
		waits_decode_tasks(c);
	}
	log_step(&clock, "tasks");
	rc = reader_finish(s->reader, snap, err);
	if (rc < 0)
		return rc;
	log_step(&clock, "second stamps");
	model_apply_stamps(m, snap);
	model_find_facts(m, snap);
	model_find_task_facts(m);
	model_find_debts(m);
	model_index(m);
	fill_source(s, snap, m);
	log_step(&clock, "findings");
	ret->snap = steal(look.snap);
	ret->m = steal(look.m);
	return 0;
}

static int set_focus(const struct session *s, struct model *m, struct snag_error *err)
{
	if (!s->focus_tid)
		return 0;
	m->verdict.focus_thread = model_find_tid(m, s->focus_tid);
	if (!m->verdict.focus_thread)
		return error_set(err, -ESRCH, "no thread %d in this tree", s->focus_tid);
	return 0;
}

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* What repeated looks at something that runs have shown. */
struct samples {
	struct snapshot *looks[SAMPLES_MAX];
	uint32_t count;
	struct model *quiet; /* of a look at which the focus stood still, with its verdict */
	uint32_t quiet_look; /* which one of `looks` */
};

static void samples_release(struct samples *x)
{
	/* the first one is the caller's */
	for (uint32_t i = 1; i < x->count; i++)
		snapshot_free(x->looks[i]);
	model_free(x->quiet);
}

static int sample_once(struct session *s, const struct read_scope *scope, struct samples *x,
		       struct snag_error *err)
{
	_cleanup_look_ struct look look = { .snap = NULL };
	int rc;

	/* uneven, or a poller of the same period is caught awake each time */
	pause_ms(SAMPLE_MS - 23 * ((long)(x->count - 1) % 3));
	rc = look_once(s, scope, x->looks[x->count - 1], &look, err);
	if (rc == 0)
		rc = set_focus(s, look.m, err);
	if (rc < 0)
		return rc;
	x->looks[x->count++] = steal(look.snap);
	verdict_give(look.m);
	if (look.m->verdict.kind != VERDICT_PROGRESSING) {
		model_free(x->quiet);
		x->quiet = steal(look.m);
		x->quiet_look = x->count - 1;
	}
	return 0;
}

/* It ran, but neither all the time nor to any effect. */
static bool runs_for_nothing(const struct model *m, const struct samples *x)
{
	return m->verdict.kind == VERDICT_PROGRESSING && !busy_progress(x->looks, x->count);
}

/*
 * Something runs: look a few times more. A tree in which nothing came of all that running is busy,
 * or a poller that was caught between two of its waits: then a look at which it stood still tells
 * more. Each look is a double collect of its own, so any of them is sound.
 */
static int sample(struct session *s, const struct read_scope *scope, struct look *first,
		  struct snag_error *err)
{
	_cleanup_spin_times_ struct spin_times *times = spin_times_new(first->snap);
	struct samples x = { .looks = { first->snap }, .count = 1 };
	int rc = 0;

	while (x.count < s->samples && rc == 0)
		rc = sample_once(s, scope, &x, err);
	if (rc == 0) {
		busy_mark(first->m, x.looks, x.count);
		waits_find_spins(times, first->snap, x.looks[x.count - 1], first->m);
		verdict_give(first->m);
	}
	while (rc == 0 && !x.quiet && x.count < LOOKS_FOR_QUIET && runs_for_nothing(first->m, &x))
		rc = sample_once(s, scope, &x, err);
	if (rc == 0 && x.quiet && runs_for_nothing(first->m, &x)) {
		const struct look quiet = { .snap = x.looks[x.quiet_look], .m = x.quiet };

		x.quiet = first->m;
		x.looks[x.quiet_look] = first->snap;
		*first = quiet;
	}
	samples_release(&x);
	/* a tree that ends meanwhile makes progress */
	return rc == -ESRCH ? 0 : rc;
}

int session_look(struct session *s, const struct read_scope *scope, struct model **ret,
		 struct snag_error *err)
{
	struct timespec start;
	uint64_t clock = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	files_refresh(runtimes_files(s->runtimes));
	log_step(&clock, "start");
	for (int looks = 1;; looks++) {
		_cleanup_look_ struct look look = { .snap = NULL };
		bool same = true;
		int rc;

		rc = look_once(s, scope, NULL, &look, err);
		if (rc == 0)
			rc = set_focus(s, look.m, err);
		if (rc < 0)
			return rc;
		log_step(&clock, "look");
		verdict_give(look.m);
		log_step(&clock, "verdict");
		if (look.m->verdict.kind == VERDICT_DEADLOCK)
			rc = reader_same_holders(s->reader, look.snap, &same, err);
		else if (look.m->verdict.kind == VERDICT_PROGRESSING)
			rc = sample(s, scope, &look, err);
		if (rc < 0)
			return rc;
		if (!same && looks < LOOKS_MAX)
			continue;
		look.m->unstable = !same;
		if (look.m->unstable)
			verdict_give(look.m);
		if (s->stacks)
			rc = stacks_take(s->stacks, s->reader, look.snap, look.m, err);
		if (rc < 0)
			return rc;
		session_sources(look.m, s->which);
		look.m->took_ms = since(&start);
		*ret = steal(look.m);
		return 0;
	}
}
