/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test.c - tests of pytest (_pytest/runner.py, _pytest/python.py) and unittest (unittest/case.py),
 * and pytest-xdist, which gives them to processes (xdist/dsession.py, execnet/gateway_io.py).
 */
#include "runtimes/python/jobs/job.h"

#include <string.h>

enum { NODES_MAX = 1024 };

/* pytest: the item and whether it is its setup, its call or its teardown. */
static void read_phase(struct py_job *x, const struct py_frame *f)
{
	struct py_objs *p = x->py->objs;
	uint64_t item = py_job_local(x, f, "item"), id = 0;
	const char *when = py_text(p, py_job_local(x, f, "when"));

	if (!item || !py_attr(p, item, "_nodeid", &id) || !*py_text(p, id))
		return;
	if (!strcmp(when, "setup") || !strcmp(when, "teardown"))
		py_job_says(x, "%s of test %s", when, py_text(p, id));
	else
		py_job_says(x, "test %s", py_text(p, id));
	model_add_work(x->m, (struct work){ .thread = x->thread, .kind = WORK_TEST });
}

/* The test function itself is the one that pytest_pyfunc_call() calls. */
static void read_call(struct py_job *x, const struct py_frame *f)
{
	struct py_objs *p = x->py->objs;
	uint64_t item = py_job_local(x, f, "pyfuncitem"), id = 0;

	if (item && py_attr(p, item, "_nodeid", &id) && *py_text(p, id))
		py_job_says(x, "test %s%s", py_text(p, id),
			    py_job_call(x, "/_pytest/python.py").text);
}

static void read_case(struct py_job *x, const struct py_frame *f)
{
	struct py_objs *p = x->py->objs;
	uint64_t self = py_job_local(x, f, "self"), name = 0;

	if (!self || !py_derives(p, self, "TestCase") ||
	    !py_attr(p, self, "_testMethodName", &name))
		return;
	/* pytest runs test cases too, and has said so */
	if (!model_thread(x->m, x->thread)->script.work) {
		py_job_says(x, "test %s.%s%s", py_type_name(p, self), py_text(p, name),
			    py_job_call(x, "/unittest/case.py").text);
		model_add_work(x->m, (struct work){ .thread = x->thread, .kind = WORK_TEST });
	}
}

/*
 * DSession.loop_once(): whatever comes of any worker wakes it. It looks up every 2 s, finds that it
 * still has workers, and waits on.
 */
static void read_session(struct py_job *x, const struct py_frame *f)
{
	struct py_objs *p = x->py->objs;
	uint64_t self = py_job_local(x, f, "self"), nodes[NODES_MAX];
	uint32_t count = py_items(p, py_job_attr(x, self, "_active_nodes"), nodes, NODES_MAX);

	if (!x->depth || !py_job_is_in(x, &x->frames[x->depth - 1], "/queue.py", "get"))
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t gateway = py_job_attr(x, nodes[i], "gateway");
		uint64_t io = py_job_attr(x, gateway, "_io");

		py_job_add_worker(x, py_job_attr(x, io, "popen"));
	}
	/* one on another host may be what it waits for */
	if (!count || x->workers.count != count) {
		x->workers.count = 0;
		return;
	}
	py_job_expect(x, (struct expect){
				 .kind = WORK_TEST,
				 .any = true,
				 .polls = true,
				 .what = strtab_addf(x->m->strings,
						     "what %u pytest worker%s report%s", count,
						     count == 1 ? "" : "s", count == 1 ? "s" : ""),
			 });
}

static const struct py_job_place places[] = {
	{ "/xdist/dsession.py", "loop_once", read_session },
	{ "/_pytest/runner.py", "call_and_report", read_phase },
	{ "/_pytest/python.py", "pytest_pyfunc_call", read_call },
	{ "/unittest/case.py", "run", read_case },
	{ 0 },
};

const struct py_job_kind py_job_test = { .name = "test", .places = places };
