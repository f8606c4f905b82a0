/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - a thousand random forests: is every deadlock found, and none invented?
 *
 *	build/property [RUNS [FIRST_SEED]]
 *
 * As root the bpf reader and the procfs reader take turns, else procfs alone.
 */
#include "property/forest.h"
#include "snag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct check {
	struct session *session;
	bool proves; /* this reader sees enough for a proof */
};

/* What is wrong with the answer, or NULL. */
static const char *fault_in(const struct forest *f, const struct check *c, const struct model *m)
{
	const struct verdict *v = &m->verdict;
	bool proven = v->kind == VERDICT_DEADLOCK && v->confidence == CONFIDENCE_PROVEN;

	switch (f->plants[0].level) {
	case PLANT_DEAD:
		if (v->kind != VERDICT_DEADLOCK)
			return "a deadlock was missed";
		return c->proves && !proven ? "the deadlock was not proven" : NULL;
	case PLANT_TIMED:
		return v->kind != VERDICT_TIMEOUT ? "it ends by itself" : NULL;
	default:
		if (proven)
			return "a deadlock was proven where new input would help";
		return v->kind != VERDICT_IDLE && v->kind != VERDICT_UNDETERMINED &&
				       v->kind != VERDICT_DEADLOCK ?
			       "it waits for new input" :
			       NULL;
	}
}

/*
 * Every process that is dead beside the focus must be in no live verdict: each wait's level is the
 * plan's.
 */
static const char *fault_in_levels(const struct forest *f, const struct model *m,
				   const pid_t pids[FOREST_MAX])
{
	static const uint8_t levels[] = { LEVEL_TIME, LEVEL_NEW, LEVEL_NONE };

	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t thread = model_find_tid(m, pids[i]);

		if (!thread || !model_thread(m, thread)->wait)
			return "a process without a wait";
		if (model_wait(m, model_thread(m, thread)->wait)->level !=
		    levels[f->plants[i].level])
			return "a wait with another level";
	}
	return NULL;
}

static bool run(const struct forest *f, const struct check *c)
{
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_model_ struct model *m = NULL;
	pid_t pids[FOREST_MAX] = { 0 };
	const char *fault = NULL;
	int rc = forest_grow(f, pids);

	if (rc < 0) {
		fault = "the forest did not grow";
	} else {
		struct read_scope scope = { .roots = pids, .root_count = 1 };

		rc = session_look(c->session, &scope, &m, &err);
		fault = rc < 0 ? err.text : fault_in(f, c, m);
		if (!fault)
			fault = fault_in_levels(f, m, pids);
	}
	if (fault) {
		printf("FAIL: %s\n", fault);
		forest_print(f, pids);
		if (m)
			printf("  snag (%s): %s, %s: %s\n", model_str(m, m->reader),
			       verdict_kind_name(m->verdict.kind),
			       confidence_name(m->verdict.confidence),
			       model_str(m, m->verdict.summary));
		for (uint32_t i = 0; m && i < m->verdict.caveats.count; i++)
			printf("  but: %s\n", model_str(m, m->verdict.caveats.at[i]));
		fflush(stdout);
	}
	forest_fell(f, pids);
	return !fault;
}

static bool required(const char *word)
{
	const char *list = getenv("SNAG_REQUIRE");

	return list && strstr(list, word);
}

int main(int argc, char **argv)
{
	uint32_t runs = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
	uint32_t seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	uint32_t passed = 0, failed = 0;
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_session_ struct session *bpf = NULL, *procfs = NULL;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (session_open(&(struct session_opts){ .reader = "procfs" }, &procfs, &err) < 0) {
		fprintf(stderr, "property: %s\n", err.text);
		return 1;
	}
	if (session_open(&(struct session_opts){ .reader = "bpf" }, &bpf, &err) < 0) {
		printf("bpf: %s\n", err.text);
		if (required("bpf"))
			return 1;
	}
	for (uint32_t i = 0; i < runs; i++) {
		struct check c = { .session = bpf && i % 2 ? bpf : procfs, .proves = bpf && i % 2 };
		struct forest f;

		forest_plan(&f, seed + i);
		if (run(&f, &c))
			passed++;
		else
			failed++;
	}
	printf("property: %u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
