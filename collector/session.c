/* SPDX-License-Identifier: BSD-2-Clause */
#include "snag.h"

#include "graph/verdict.h"
#include "model/busy.h"
#include "model/from_read.h"
#include "waits/wait.h"

#include <errno.h>
#include <sys/utsname.h>
#include <time.h>

/* Looks at most until one is found in which no descriptor changed hands. */
enum { LOOKS_MAX = 3 };

/*
 * Between two samples of something that runs: long enough for a scheduler tick on a loaded machine.
 */
enum { SAMPLE_MS = 80, SAMPLES = 3, SAMPLES_MAX = 16 };

struct session {
	struct reader *reader;
	uint32_t samples;
	int32_t focus_tid;
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
	s->samples = opts->samples ? opts->samples : SAMPLES;
	if (s->samples > SAMPLES_MAX)
		s->samples = SAMPLES_MAX;
	s->focus_tid = opts->focus_tid;
	*ret = s;
	return 0;
}

void session_free(struct session *s)
{
	if (!s)
		return;
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

/* One double collect: facts, waits, second stamps. */
static int look_once(struct session *s, const struct read_scope *scope, struct snapshot **ret_snap,
		     struct model **ret, struct snag_error *err)
{
	_cleanup_snapshot_ struct snapshot *snap = NULL;
	_cleanup_model_ struct model *m = NULL;
	int rc;

	rc = reader_begin(s->reader, scope, &snap, err);
	if (rc < 0)
		return rc;
	m = model_new();
	model_from_read(m, snap);
	{
		_cleanup_wait_ctx_ struct wait_ctx *c = wait_ctx_new(snap, m);

		waits_decode(c);
	}
	rc = reader_finish(s->reader, snap, err);
	if (rc < 0)
		return rc;
	model_apply_stamps(m, snap);
	model_find_facts(m, snap);
	model_index(m);
	fill_source(s, snap, m);
	*ret_snap = steal(snap);
	*ret = steal(m);
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

/* Something runs: look a few times more to tell whether anything comes of it. */
static int sample(struct session *s, const struct read_scope *scope, struct snapshot *first,
		  struct model *m, struct snag_error *err)
{
	struct snapshot *looks[SAMPLES_MAX] = { first };
	uint32_t count = 1;
	int rc = 0;

	while (count < s->samples && rc == 0) {
		pause_ms(SAMPLE_MS);
		rc = reader_begin(s->reader, scope, &looks[count], err);
		count += rc == 0;
	}
	if (rc == 0)
		busy_mark(m, looks, count);
	for (uint32_t i = 1; i < count; i++)
		snapshot_free(looks[i]);
	/* a tree that ends meanwhile makes progress */
	return rc == -ESRCH ? 0 : rc;
}

int session_look(struct session *s, const struct read_scope *scope, struct model **ret,
		 struct snag_error *err)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int look = 1;; look++) {
		_cleanup_snapshot_ struct snapshot *snap = NULL;
		_cleanup_model_ struct model *m = NULL;
		bool same = true;
		int rc;

		rc = look_once(s, scope, &snap, &m, err);
		if (rc == 0)
			rc = set_focus(s, m, err);
		if (rc < 0)
			return rc;
		verdict_give(m);
		if (m->verdict.kind == VERDICT_DEADLOCK)
			rc = reader_same_holders(s->reader, snap, &same, err);
		else if (m->verdict.kind == VERDICT_PROGRESSING)
			rc = sample(s, scope, snap, m, err);
		if (rc < 0)
			return rc;
		if (!same && look < LOOKS_MAX)
			continue;
		m->unstable = !same;
		if (m->unstable || m->verdict.kind == VERDICT_PROGRESSING)
			verdict_give(m);
		m->took_ms = since(&start);
		*ret = steal(m);
		return 0;
	}
}
