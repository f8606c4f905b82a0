/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grove-bench - what actors cost: spawns a second and the end of a tree of 100 for each backend,
 * round trips and stream items a second over unix and TCP.
 *
 *	grove-bench [RUNS]	medians of RUNS (5) runs
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/actor/actor.h"
#include "runtime/actor/actors.h"
#include "runtime/core/errors.h"
#include "runtime/spawn/backends.h"

/* 10 actors with 9 below each: a tree of 100. */
enum { BRANCHES = 10, TWIGS = 9, TREE = BRANCHES * (1 + TWIGS) };
enum { RUNS_MAX = 101, CALLS = 5000, CALLERS = 20, ITEMS = 50000 };

/* ---- functions of the actors ----------------------------------------------------------------- */

static int fn_echo(struct grove_context *context, const struct grove_value *args,
		   struct grove_value *ret, struct grove_error *err)
{
	(void)context;
	(void)err;
	*ret = grove_value_copy(args);
	return 0;
}

static int fn_count(struct grove_context *context, const struct grove_value *args,
		    struct grove_value *ret, struct grove_error *err)
{
	int64_t count = 0;
	int rc = grove_context_started(context, grove_nil(), err);

	(void)args;
	while (rc == 0) {
		_grove_value_ struct grove_value item = grove_nil();

		rc = grove_context_recv(context, &item, err);
		count += rc == 0;
	}
	*ret = grove_int(count);
	return rc == -EPIPE ? 0 : rc;
}

static int start_many(struct grove_actors *actors, int count, const char *prefix,
		      struct grove_portal **portals, struct grove_error *err)
{
	char name[GROVE_NAME_SIZE];
	int rc = 0;

	for (int i = 0; i < count && rc == 0; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		rc = grove_actors_start(actors, &(struct grove_start_opts){ .name = name },
					&portals[i], err);
	}
	return rc;
}

/* A branch: starts its twigs, says so, and waits for its end. */
static int fn_branch(struct grove_context *context, const struct grove_value *args,
		     struct grove_value *ret, struct grove_error *err)
{
	struct grove_portal *portals[TWIGS];
	struct grove_actors actors;
	int rc;

	(void)args;
	(void)ret;
	grove_actors_open(&actors, "twigs");
	rc = start_many(&actors, TWIGS, "twig", portals, err);
	if (rc == 0)
		rc = grove_context_started(context, grove_nil(), err);
	return grove_actors_exit(&actors, rc, err);
}

static const struct grove_func funcs[] = {
	{ "echo", fn_echo },
	{ "count", fn_count },
	{ "branch", fn_branch },
	{ NULL, NULL },
};

static const struct grove_program program = {
	.name = "grove-bench",
	.funcs = funcs,
	.backends = grove_backends,
};

/* ---- a tree of 100 --------------------------------------------------------------------------- */

struct tree_times {
	double spawn_s, end_s;
};

struct opening {
	struct grove_portal *portal;
	struct grove_context *context;
};

static int open_branch(void *arg, struct grove_error *err)
{
	struct opening *opening = arg;

	return grove_portal_open(opening->portal, "branch", grove_nil(), &opening->context, err);
}

/* All branches grow at the same time. */
static int grow(struct opening *opening, struct grove_error *err)
{
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "grow");
	for (int i = 0; i < BRANCHES; i++)
		grove_spawn(&nursery, "branch", open_branch, &opening[i]);
	return grove_nursery_exit(&nursery, 0, err);
}

static double seconds_since(int64_t begin_ns)
{
	return (double)(grove_now_ns() - begin_ns) / 1e9;
}

static int tree_body(void *arg, struct grove_error *err)
{
	struct tree_times *times = arg;
	struct opening opening[BRANCHES] = { { NULL, NULL } };
	struct grove_portal *portals[BRANCHES];
	struct grove_actors actors;
	int64_t begin_ns = grove_now_ns();
	int rc;

	grove_actors_open(&actors, "branches");
	rc = start_many(&actors, BRANCHES, "branch", portals, err);
	for (int i = 0; i < BRANCHES && rc == 0; i++)
		opening[i].portal = portals[i];
	if (rc == 0)
		rc = grow(opening, err);
	times->spawn_s = seconds_since(begin_ns);
	begin_ns = grove_now_ns();
	if (rc == 0)
		grove_actors_cancel(&actors, "measured");
	for (int i = 0; i < BRANCHES; i++)
		if (opening[i].context)
			grove_context_cancel(opening[i].context, "measured");
	rc = grove_actors_exit(&actors, rc, err);
	times->end_s = seconds_since(begin_ns);
	for (int i = 0; i < BRANCHES; i++)
		if (opening[i].context) /* over by now, whatever it gave */
			(void)grove_context_close(opening[i].context, -EPIPE, NULL, NULL);
	return rc;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), by_size);
	return values[count / 2];
}

static int measure_backend(const struct grove_backend *backend, int runs)
{
	const char *reason = backend->refuses ? backend->refuses() : NULL;
	double spawn[RUNS_MAX], end[RUNS_MAX];

	if (reason) {
		printf("| %-18s | refuses: %s |\n", backend->name, reason);
		return 0;
	}
	for (int i = 0; i < runs; i++) {
		_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
		struct grove_root_opts opts = { .name = "bench", .backend = backend->name };
		struct tree_times times;
		/* a slow machine is no hung actor */
		opts.grace_ns = 20 * GROVE_SECOND;
		int rc = grove_actor_root(&program, &opts, tree_body, &times, &err);

		if (rc < 0) {
			printf("| %-18s | failed: %s |\n", backend->name, err.text);
			return rc;
		}
		spawn[i] = TREE / times.spawn_s;
		end[i] = times.end_s * 1e3;
	}
	printf("| %-18s | %12.0f | %17.1f |\n", backend->name, median(spawn, runs),
	       median(end, runs));
	fflush(stdout);
	return 0;
}

/* ---- messages -------------------------------------------------------------------------------- */

struct rates {
	double alone, together, items;
};

static int caller(void *arg, struct grove_error *err)
{
	int rc = 0;

	for (int i = 0; i < CALLS / CALLERS && rc == 0; i++)
		rc = grove_portal_run(arg, "echo", grove_int(i), NULL, err);
	return rc;
}

static int measure_calls(struct grove_portal *portal, struct rates *rates, struct grove_error *err)
{
	int64_t begin_ns = grove_now_ns();
	struct grove_nursery nursery;
	int rc = 0;

	for (int i = 0; i < CALLS && rc == 0; i++)
		rc = grove_portal_run(portal, "echo", grove_int(i), NULL, err);
	if (rc < 0)
		return rc;
	rates->alone = CALLS / seconds_since(begin_ns);
	begin_ns = grove_now_ns();
	grove_nursery_open(&nursery, "callers");
	for (int i = 0; i < CALLERS; i++)
		grove_spawn(&nursery, "caller", caller, portal);
	rc = grove_nursery_exit(&nursery, 0, err);
	rates->together = CALLS / seconds_since(begin_ns);
	return rc;
}

static int measure_stream(struct grove_portal *portal, struct rates *rates, struct grove_error *err)
{
	_grove_value_ struct grove_value count = grove_nil();
	struct grove_context *context;
	int64_t begin_ns = grove_now_ns();
	int rc = grove_portal_open(portal, "count", grove_nil(), &context, err);

	if (rc < 0)
		return rc;
	for (int i = 0; i < ITEMS && rc == 0; i++)
		rc = grove_context_send(context, grove_int(i), err);
	grove_context_stop(context);
	rc = grove_context_close(context, rc, &count, err);
	rates->items = ITEMS / seconds_since(begin_ns);
	if (rc == 0 && count.i != ITEMS)
		rc = grove_error_set(err, -EIO, "%lld items arrived", (long long)count.i);
	return rc;
}

static int calls_body(void *arg, struct grove_error *err)
{
	struct grove_portal *portal;
	struct grove_actors actors;
	int rc;

	grove_actors_open(&actors, "actors");
	rc = start_many(&actors, 1, "echo", &portal, err);
	if (rc == 0)
		rc = measure_calls(portal, arg, err);
	if (rc == 0)
		rc = measure_stream(portal, arg, err);
	grove_actors_cancel(&actors, "measured");
	return grove_actors_exit(&actors, rc, err);
}

static int measure_transport(bool tcp, int runs)
{
	double alone[RUNS_MAX] = { 0 }, together[RUNS_MAX] = { 0 }, items[RUNS_MAX] = { 0 };

	for (int i = 0; i < runs; i++) {
		_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
		struct grove_root_opts opts = { .name = "bench", .tcp = tcp };
		struct rates rates;
		int rc = grove_actor_root(&program, &opts, calls_body, &rates, &err);

		if (rc < 0) {
			printf("| %-9s | failed: %s |\n", tcp ? "tcp" : "unix", err.text);
			return rc;
		}
		alone[i] = rates.alone;
		together[i] = rates.together;
		items[i] = rates.items;
	}
	printf("| %-9s | %17.0f | %21.0f | %17.0f |\n", tcp ? "tcp" : "unix", median(alone, runs),
	       median(together, runs), median(items, runs));
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int code, failed = 0, runs = 5;

	if (grove_program_enter(&program, argc, argv, &code))
		return code;
	if (argc > 1)
		runs = atoi(argv[1]);
	if (argc > 2 || runs < 1 || runs > RUNS_MAX) {
		fprintf(stderr, "usage: grove-bench [RUNS]\n");
		return 2;
	}
	printf("\n### grove: a tree of %d actors, median of %d\n\n", TREE, runs);
	printf("| %-18s | %12s | %17s |\n", "spawn backend", "spawns/s", "end of it all, ms");
	printf("| --- | --- | --- |\n");
	for (size_t i = 0; grove_backends[i]; i++)
		failed |= measure_backend(grove_backends[i], runs) < 0;
	printf("\n### grove: messages between two actors, median of %d\n\n", runs);
	printf("| %-9s | %17s | %21s | %17s |\n", "transport", "round trips/s",
	       "of 20 callers at once", "stream items/s");
	printf("| --- | --- | --- | --- |\n");
	failed |= measure_transport(false, runs) < 0;
	failed |= measure_transport(true, runs) < 0;
	return failed;
}
