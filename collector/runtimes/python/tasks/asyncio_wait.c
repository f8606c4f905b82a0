/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asyncio_wait.c - what a task of asyncio waits for.
 *
 * A future says nothing of who will set it, but the functions of asyncio that wait for one do: they
 * are the last frames of the chain (Lib/asyncio, all versions).
 */
#include "runtimes/python/tasks/asyncio.h"

#include <string.h>

enum {
	OTHERS_MAX = 4096,
	SOCK_FD = 16, /* PySocketSockObject.sock_fd, Modules/socketmodule.h */
	/* FutureObj.fut_callback0, Modules/_asynciomodule.c: the one that was added first */
	FUTURE_CALLBACK = 24,
};

/* What is found out of one wait. */
struct finding_out {
	struct py_tasks *x;
	struct await a;
	uint64_t waiter;
	VEC(uint32_t) others;
};

static uint32_t task_id(const struct py_tasks *x, uint64_t task)
{
	return task ? map_get(&x->tasks, task, 0) : 0;
}

/* The tasks of a list or set that are not done. False: something in it is none of ours. */
static bool add_others(struct finding_out *o, uint64_t list)
{
	struct py_tasks *x = o->x;
	uint32_t count = py_len(x->py->objs, list);

	if (count > OTHERS_MAX)
		return false;
	_cleanup_free_ uint64_t *items = xcalloc(count + 1, sizeof(*items));

	count = py_items(x->py->objs, list, items, count);
	for (uint32_t i = 0; i < count; i++) {
		if (py_future_done(x, items[i]))
			continue;
		if (!task_id(x, items[i]))
			return false;
		*vec_push(&o->others) = task_id(x, items[i]);
	}
	return o->others.count != 0;
}

static void unknown(struct finding_out *o, const char *what)
{
	o->a.kind = AWAIT_FUTURE;
	o->others.count = 0;
	o->a.label = strtab_add(o->x->m->strings, what);
}

/* ---- by its own type ------------------------------------------------------------------------- */

static bool by_type(struct finding_out *o);

/* What made it for somebody else's sake was the first to ask to be told of its end. */
static uint64_t first_callback(struct py_tasks *x, uint64_t future)
{
	uint64_t list = py_attr_or_0(x, future, "_callbacks");

	if (list)
		return py_item(x->py->objs, py_item(x->py->objs, list, 0), 0);
	return py_ref(x->py->objs, future + FUTURE_CALLBACK);
}

/* A call that was handed to a thread: its future is that of another, in concurrent.futures. */
static bool by_job(struct finding_out *o, uint64_t job)
{
	uint32_t thread;

	if (!py_derives(o->x->py->objs, job, "Future"))
		return false;
	thread = py_job_thread(o->x, job);
	o->a.kind = AWAIT_THREAD;
	o->a.object = job;
	o->a.tid = thread ? model_thread(o->x->m, thread)->tid : 0;
	return true;
}

/*
 * shield() gives a future that ends when another does; run_in_executor() one that ends when that of
 * the executor does (Lib/asyncio/tasks.py, futures.py:_chain_future).
 */
static bool by_callback(struct finding_out *o)
{
	struct py_tasks *x = o->x;
	uint64_t callback, inner;

	if (!py_is(x->py->objs, o->waiter, "Future"))
		return false;
	callback = first_callback(x, o->waiter);
	if (by_job(o, py_closure_get(x, callback, "source")))
		return true;
	inner = py_closure_get(x, callback, "inner");
	if (!inner || inner == o->waiter)
		return false;
	o->waiter = inner;
	return by_type(o);
}

static bool by_type(struct finding_out *o)
{
	struct py_tasks *x = o->x;

	if (py_is(x->py->objs, o->waiter, "_GatheringFuture")) {
		o->a.kind = AWAIT_ALL;
		if (!add_others(o, py_attr_or_0(x, o->waiter, "_children")))
			unknown(o, "gather() of futures");
		return true;
	}
	if (py_derives(x->py->objs, o->waiter, "Task")) {
		o->a.kind = AWAIT_TASK;
		o->a.owner = task_id(x, o->waiter);
		return true;
	}
	return false;
}

/* ---- by the functions that wait for it ------------------------------------------------------- */

static void by_object(struct finding_out *o, const struct py_frame *f)
{
	o->a.object = py_chain_local(o->x, f, "self");
}

static void by_queue(struct finding_out *o, const struct py_frame *f)
{
	by_object(o, f);
	o->a.capacity = py_attr_int(o->x, o->a.object, "_maxsize", -1);
}

static void by_group(struct finding_out *o, const struct py_frame *f)
{
	struct py_tasks *x = o->x;
	uint64_t self = py_chain_local(x, f, "self"), set = py_attr_or_0(x, self, "_tasks");
	uint32_t id;

	o->a.object = self;
	if (!py_is(x->py->objs, self, "TaskGroup") || !add_others(o, set)) {
		unknown(o, "a group of tasks");
		return;
	}
	id = model_add_nursery(x->m, x->actor, self);
	model_nursery(x->m, id)->task = o->a.task;
	model_nursery(x->m, id)->children = (int32_t)py_len(x->py->objs, set);
	model_nursery(x->m, id)->waiting = true;
	for (uint32_t i = 0; i < o->others.count; i++) {
		struct task *child = model_task(x->m, o->others.at[i]);

		child->nursery = id;
		child->parent = o->others.at[i] == o->a.task ? 0 : o->a.task;
	}
	o->others.count = 0;
	o->a.nursery = id;
}

/* asyncio.wait(): all, or the first of them. */
static void by_wait(struct finding_out *o, const struct py_frame *f)
{
	struct py_tasks *x = o->x;
	uint64_t when = py_chain_local(x, f, "return_when");

	o->a.kind = py_str_is(x->py->objs, when, "FIRST_COMPLETED") ? AWAIT_ANY : AWAIT_ALL;
	if (!add_others(o, py_chain_local(x, f, "fs")))
		unknown(o, "wait() for futures");
}

static void by_wait_for(struct finding_out *o, const struct py_frame *f)
{
	o->a.owner = task_id(o->x, py_chain_local(o->x, f, "fut"));
	if (!o->a.owner)
		unknown(o, "wait_for() a future");
}

static void set_fd(struct finding_out *o, int64_t fd)
{
	if (fd < 0 || fd > INT32_MAX)
		unknown(o, "a stream");
	else
		o->a.fd = (int32_t)fd;
}

/* loop.sock_recv() and its like: the socket object has the descriptor. */
static void by_socket(struct finding_out *o, const struct py_frame *f)
{
	struct py_tasks *x = o->x;
	uint64_t sock = py_chain_local(x, f, "sock");

	if (!py_derives(x->py->objs, sock, "socket"))
		unknown(o, "a socket");
	else
		set_fd(o, (int32_t)py_mem_u32(x->py->mem, sock + SOCK_FD));
}

static int64_t fd_of_transport(struct py_tasks *x, uint64_t transport)
{
	int64_t fd = py_attr_int(x, transport, "_sock_fd", -1);

	return fd >= 0 ? fd : py_attr_int(x, transport, "_fileno", -1);
}

/* StreamReader, StreamWriter.drain(): the transport has it. */
static void by_stream(struct finding_out *o, const struct py_frame *f)
{
	struct py_tasks *x = o->x;
	uint64_t self = py_chain_local(x, f, "self");

	set_fd(o, fd_of_transport(x, py_attr_or_0(x, self, "_transport")));
}

static void by_process(struct finding_out *o, const struct py_frame *f)
{
	uint64_t self = py_chain_local(o->x, f, "self");

	o->a.pid = (int32_t)py_attr_int(o->x, self, "_pid", 0);
	if (o->a.pid <= 0)
		unknown(o, "a subprocess");
}

/* A function of asyncio in which tasks wait: what it says of the wait. */
struct place {
	const char *file, *function;
	uint8_t kind; /* enum await_kind */
	void (*find)(struct finding_out *o, const struct py_frame *f);
};

static const struct place places[] = {
	{ "asyncio/tasks.py", "sleep", AWAIT_SLEEP, NULL },
	{ "asyncio/queues.py", "get", AWAIT_RECEIVE, by_queue },
	{ "asyncio/queues.py", "put", AWAIT_SEND, by_queue },
	{ "asyncio/queues.py", "join", AWAIT_EVENT, by_object },
	{ "asyncio/locks.py", "wait", AWAIT_EVENT, by_object },
	{ "asyncio/streams.py", "_wait_for_data", AWAIT_READABLE, by_stream },
	{ "asyncio/streams.py", "_drain_helper", AWAIT_WRITABLE, by_stream },
	{ "asyncio/selector_events.py", "sock_recv", AWAIT_READABLE, by_socket },
	{ "asyncio/selector_events.py", "sock_recv_into", AWAIT_READABLE, by_socket },
	{ "asyncio/selector_events.py", "sock_accept", AWAIT_READABLE, by_socket },
	{ "asyncio/selector_events.py", "sock_sendall", AWAIT_WRITABLE, by_socket },
	{ "asyncio/selector_events.py", "sock_connect", AWAIT_WRITABLE, by_socket },
	{ "asyncio/base_subprocess.py", "_wait", AWAIT_PROCESS, by_process },
	{ "asyncio/taskgroups.py", "_aexit", AWAIT_NURSERY, by_group },
	{ "asyncio/taskgroups.py", "__aexit__", AWAIT_NURSERY, by_group },
	{ "asyncio/tasks.py", "_wait", AWAIT_ALL, by_wait },
	{ "asyncio/tasks.py", "wait_for", AWAIT_TASK, by_wait_for },
};

/* Locks and semaphores: asyncio.Lock does not say who has it. */
static bool by_lock(struct finding_out *o)
{
	struct py_tasks *x = o->x;

	if (!py_chain_at(x, 0, "asyncio/locks.py", "acquire"))
		return false;
	by_object(o, &x->frames[x->frame_count - 1]);
	o->a.kind = py_derives(x->py->objs, o->a.object, "Semaphore") ? AWAIT_LIMIT : AWAIT_LOCK;
	return true;
}

/* The last two frames are what waits; further out it is the program's business. */
static bool by_place(struct finding_out *o)
{
	struct py_tasks *x = o->x;

	for (uint32_t depth = 0; depth < 2; depth++) {
		for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
			if (!py_chain_at(x, depth, places[i].file, places[i].function))
				continue;
			o->a.kind = places[i].kind;
			if (places[i].find)
				places[i].find(o, &x->frames[x->frame_count - 1 - depth]);
			return true;
		}
	}
	return false;
}

void py_asyncio_wait(struct py_tasks *x, uint32_t task, uint64_t waiter)
{
	struct finding_out o = { .x = x, .a = await_of(task, AWAIT_FUTURE), .waiter = waiter };
	uint32_t left = map_get(&x->deadlines, waiter, 0);

	if (!by_type(&o) && !by_callback(&o) && !by_lock(&o) && !by_place(&o))
		o.a.object = waiter;
	if (!left)
		left = map_get(&x->deadlines, model_task(x->m, task)->address, 0);
	if (left)
		o.a.deadline_ms = left - 1;
	model_add_await(x->m, o.a, o.others.at, o.others.count);
	vec_release(&o.others);
}
