/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c - multiprocessing.Pool: its worker processes, and threads that wait for what these shall
 * compute (multiprocessing/pool.py).
 *
 * A job lies in the task queue, is written into a pipe by one thread, read by any worker, and its
 * result comes back through another pipe to another thread. Nobody remembers who has it: when a
 * worker is killed the pool starts a new one, and the job is lost.
 */
#include "runtimes/python/jobs/job.h"

#include "base/strbuf.h"

#include <string.h>

enum { WORKERS_MAX = 4096, NAMED_MAX = 4 };

static const char file[] = "/multiprocessing/pool.py";

/*
 * The numbers of the job and of its part stay in the locals until the next task has come: who is in
 * get() has none.
 */
static void read_worker(struct py_job *x, const struct py_frame *f)
{
	int64_t job, part;

	if (x->depth &&
	    py_job_is_in(x, &x->frames[x->depth - 1], "/multiprocessing/queues.py", "get"))
		return;
	if (!py_job_number(x, f, "job", &job) || !py_job_number(x, f, "i", &part) || job < 0)
		return;
	py_job_says(x, "job %lld of a Pool%s", (long long)job, py_job_call(x, file).text);
	model_add_work(x->m, (struct work){ .thread = x->thread,
					    .kind = WORK_JOB,
					    .number = (uint64_t)job });
}

/*
 * The threads of the pool, which bring jobs to workers and results back, and make a new worker for
 * one that is gone; and the one of them that has any job or result.
 */
static void find_carriers(struct py_job *x, uint64_t cache, struct expect *e)
{
	struct py_job_search search = { file, "_handle_tasks", "cache", cache, 0 };
	uint32_t at;

	e->carriers[0] = py_job_find_thread(x, &search, &at);
	/* it waits for jobs in a call of C */
	if (e->carriers[0] && at)
		e->in_hand = e->carriers[0];
	search.function = "_handle_results";
	e->carriers[1] = py_job_find_thread(x, &search, &at);
	if (e->carriers[1] && at && !e->in_hand &&
	    !py_job_is_in(x, &x->others[at - 1], "/multiprocessing/connection.py", "recv"))
		e->in_hand = e->carriers[1];
	search.function = "_handle_workers";
	e->carriers[2] = py_job_find_thread(x, &search, &at);
}

/* The workers there are, by their names: of one that was replaced the number is missing. */
static uint32_t add_workers(struct py_job *x, uint64_t pool, struct expect *e)
{
	struct py_objs *p = x->py->objs;
	uint64_t list = py_job_attr(x, pool, "_pool");
	uint32_t count = py_len(p, list);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (count > WORKERS_MAX)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t process = py_item(p, list, i);

		py_job_add_worker(x, process);
		if (i < NAMED_MAX)
			strbuf_addf(&b, "%s%s", i ? ", " : "",
				    py_text(p, py_job_attr(x, process, "_name")));
	}
	/* one that is not seen may have it */
	e->vanishes = count && x->workers.count == count;
	return strtab_addf(x->m->strings, "the %u worker%s of its Pool (%s%s)", count,
			   count == 1 ? "" : "s", strbuf_str(&b), count > NAMED_MAX ? ", ..." : "");
}

/* The method of the pool that was called, "map"; of an AsyncResult.get() nobody can tell. */
static const char *method_of(const struct py_job *x)
{
	const char *name = NULL;

	for (uint32_t i = x->depth + 1; i < x->frame_count; i++) {
		if (!py_job_is_in(x, &x->frames[i], file, NULL))
			break;
		if (!py_job_is_in(x, &x->frames[i], file, "get"))
			name = strtab_get(py_strings(x->py->objs), x->frames[i].name);
	}
	return name;
}

/* ApplyResult.wait(), IMapIterator.next(). */
static void read_result(struct py_job *x, const struct py_frame *f)
{
	uint64_t self = py_job_local(x, f, "self"), pool = py_job_attr(x, self, "_pool");
	const char *method = method_of(x);
	struct expect e = { .kind = WORK_JOB };
	int64_t job;

	/* it is woken by another thread, through a condition */
	if (!pool || !x->depth ||
	    !py_job_is_in(x, &x->frames[x->depth - 1], "/threading.py", "wait") ||
	    !py_int(x->py->objs, py_job_attr(x, self, "_job"), &job) || job < 0)
		return;
	e.number = (uint64_t)job;
	e.what = strtab_addf(x->m->strings, "the result of %s%s of its Pool (job %lld)",
			     method ? method : "a call", method ? "()" : "", (long long)job);
	e.pool = add_workers(x, pool, &e);
	find_carriers(x, py_job_attr(x, self, "_cache"), &e);
	if (e.pool)
		py_job_expect(x, e);
}

static const struct py_job_place places[] = {
	{ file, "worker", read_worker },
	{ file, "wait", read_result },
	{ file, "next", read_result },
	{ 0 },
};

const struct py_job_kind py_job_pool = { .name = "pool", .places = places };
