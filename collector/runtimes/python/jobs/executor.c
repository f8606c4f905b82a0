/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * executor.c - workers of concurrent.futures: processes (concurrent/futures/process.py) and threads
 * (concurrent/futures/thread.py).
 */
#include "runtimes/python/jobs/job.h"

#include "base/alloc.h"

enum { PENDING_MAX = 1 << 16, WORKERS_MAX = 4096 };

static const char process[] = "/concurrent/futures/process.py";
static const char thread[] = "/concurrent/futures/thread.py";

/* call_item is there from one get() to its `del`, and the number is the parent's. */
static void read_process(struct py_job *x, const struct py_frame *f)
{
	uint64_t item = py_job_local(x, f, "call_item"), id;
	int64_t number;

	if (!item || !py_attr(x->py->objs, item, "work_id", &id) ||
	    !py_int(x->py->objs, id, &number) || number < 0)
		return;
	if (x->depth &&
	    py_job_is_in(x, &x->frames[x->depth - 1], "/multiprocessing/queues.py", "get"))
		return;
	py_job_says(x, "call %lld of a ProcessPoolExecutor%s", (long long)number,
		    py_job_call(x, process).text);
	model_add_work(x->m, (struct work){ .thread = x->thread,
					    .kind = WORK_CALL,
					    .number = (uint64_t)number });
}

/* _WorkItem.run() */
static void read_thread(struct py_job *x, const struct py_frame *f)
{
	if (py_is(x->py->objs, py_job_local(x, f, "self"), "_WorkItem"))
		py_job_says(x, "call of a ThreadPoolExecutor%s", py_job_call(x, thread).text);
}

/* ---- who waits for a future ------------------------------------------------------------------ */

/* The number that its executor has for a future; -1: it is none of this executor's. */
static int64_t number_of(struct py_job *x, uint64_t manager, uint64_t future)
{
	struct py_objs *p = x->py->objs;
	uint64_t dict = py_job_attr(x, manager, "pending_work_items");
	uint32_t count = py_len(p, dict);
	_cleanup_free_ struct py_pair *pairs = NULL;
	int64_t number;

	if (!count || count > PENDING_MAX)
		return -1;
	pairs = xcalloc(count, sizeof(*pairs));
	count = py_dict_pairs(p, dict, pairs, count);
	for (uint32_t i = 0; i < count; i++)
		if (py_job_attr(x, pairs[i].value, "future") == future &&
		    py_int(p, pairs[i].key, &number))
			return number;
	return -1;
}

/* Its processes: a dict from pid to Process. */
static void add_processes(struct py_job *x, uint64_t manager)
{
	struct py_objs *p = x->py->objs;
	uint64_t dict = py_job_attr(x, manager, "processes");
	uint32_t count = py_len(p, dict);
	_cleanup_free_ struct py_pair *pairs = NULL;

	if (!count || count > WORKERS_MAX)
		return;
	pairs = xcalloc(count, sizeof(*pairs));
	count = py_dict_pairs(p, dict, pairs, count);
	for (uint32_t i = 0; i < count; i++)
		py_job_add_worker(x, pairs[i].value);
}

/*
 * A process pool: its manager thread knows the future. It notices when a worker dies, so no call is
 * ever lost.
 */
static void expect_process(struct py_job *x, uint64_t future)
{
	struct py_job_search search = { .file = process, .function = "run" };
	uint32_t at;

	/* the threads of all executors of the process; each is found once by what it is */
	for (uint32_t i = 0; i < x->py->thread_count; i++) {
		uint64_t manager;
		int64_t number;

		search.nth = i;
		if (!py_job_find_thread(x, &search, &at))
			return;
		manager = py_job_local(x, &x->others[at], "self");
		number = number_of(x, manager, future);
		if (number < 0)
			continue;
		add_processes(x, manager);
		py_job_expect(x, (struct expect){
					 .kind = WORK_CALL,
					 .number = (uint64_t)number,
					 .what = strtab_addf(x->m->strings,
							     "the result of call %lld of its "
							     "ProcessPoolExecutor",
							     (long long)number),
				 });
		return;
	}
}

/*
 * Future.result(), Future.exception(): it is woken through a condition. For which thread of a
 * ThreadPoolExecutor it waits is known to the kinds of lock.
 */
static void read_future(struct py_job *x, const struct py_frame *f)
{
	uint64_t self = py_job_local(x, f, "self");

	if (self && x->depth && py_derives(x->py->objs, self, "Future") &&
	    py_job_is_in(x, &x->frames[x->depth - 1], "/threading.py", "wait"))
		expect_process(x, self);
}

static const struct py_job_place places[] = {
	{ "/concurrent/futures/_base.py", "result", read_future },
	{ "/concurrent/futures/_base.py", "exception", read_future },
	{ process, "_process_worker", read_process },
	{ thread, "run", read_thread },
	{ 0 },
};

const struct py_job_kind py_job_executor = { .name = "executor", .places = places };
