/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue.c - queue.Queue and its like (Lib/queue.py), and queue.SimpleQueue
 * (Modules/_queuemodule.c).
 *
 * A queue knows its items and how many of them nobody has said to be done with, not who shall put,
 * take or finish them: any thread may.
 */
#include "runtimes/python/locks/parked.h"

#include <inttypes.h>

/* The queue of a frame whose condition of that name it waits for, 0 none. */
static uint64_t queue_at(struct py_parked *x, const struct py_frame *f, const char *condition)
{
	uint64_t self = py_parked_local(x, f, "self");

	if (!self || !py_derives(x->py->objs, self, "Queue") ||
	    !py_parked_in(x, "threading.Condition", py_parked_attr(x, self, condition)))
		return 0;
	return self;
}

static void make_queue(struct py_parked *x, enum wait_type kind, uint64_t queue)
{
	/* a deque or a list: how many items it has is at the same place */
	uint64_t items = py_parked_attr(x, queue, "queue");

	py_parked_make(x, kind, "queue.Queue", queue);
	jsonw_uint(&x->detail, "size", items ? py_mem_u64(x->py->mem, items + PY_OB_SIZE) : 0);
	jsonw_int(&x->detail, "maxsize", py_parked_int(x, queue, "maxsize", 0));
	jsonw_int(&x->detail, "unfinished", py_parked_int(x, queue, "unfinished_tasks", 0));
}

static bool find_get(struct py_parked *x, const struct py_frame *f)
{
	uint64_t queue = queue_at(x, f, "not_empty");

	if (!queue)
		return false;
	make_queue(x, WAIT_QUEUE_GET, queue);
	py_parked_says(x, "waiting for an item in an empty queue.%s",
		       py_type_name(x->py->objs, queue));
	return true;
}

static bool find_put(struct py_parked *x, const struct py_frame *f)
{
	uint64_t queue = queue_at(x, f, "not_full");

	if (!queue)
		return false;
	make_queue(x, WAIT_QUEUE_PUT, queue);
	x->park.completion = true;
	py_parked_says(x, "waiting for room in a queue.%s that is full with %" PRId64 " items",
		       py_type_name(x->py->objs, queue), py_parked_int(x, queue, "maxsize", 0));
	return true;
}

static bool find_join(struct py_parked *x, const struct py_frame *f)
{
	uint64_t queue = queue_at(x, f, "all_tasks_done"), items;
	int64_t left;

	if (!queue)
		return false;
	make_queue(x, WAIT_QUEUE_JOIN, queue);
	x->park.completion = true;
	left = py_parked_int(x, queue, "unfinished_tasks", 0);
	items = py_parked_attr(x, queue, "queue");
	py_parked_says(x,
		       "waiting for task_done() of %" PRId64
		       " item%s of a queue.%s, of which %" PRIu64 " %s still in it",
		       left, left == 1 ? "" : "s", py_type_name(x->py->objs, queue),
		       items ? py_mem_u64(x->py->mem, items + PY_OB_SIZE) : 0,
		       left == 1 ? "is" : "are");
	return true;
}

/* ---- SimpleQueue ----------------------------------------------------------------------------- */

static bool is_simple(struct py_parked *x, uint64_t obj)
{
	return py_is(x->py->objs, obj, "SimpleQueue") && py_parked_at(x, obj);
}

static bool find_bare(struct py_parked *x)
{
	uint64_t queue = py_parked_find(x, is_simple);

	if (!queue)
		return false;
	py_parked_make(x, WAIT_QUEUE_GET, "queue.SimpleQueue", queue);
	py_parked_says(x, "waiting for an item in an empty queue.SimpleQueue");
	return true;
}

static const struct py_place places[] = {
	{ "/queue.py", "get", find_get },
	{ "/queue.py", "put", find_put },
	{ "/queue.py", "join", find_join },
	{ 0 },
};

const struct py_lock_kind py_lock_queue = { .name = "queue", .places = places, .bare = find_bare };
