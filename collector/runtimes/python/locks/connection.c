/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.c - pipes of multiprocessing (Lib/multiprocessing/connection.py), and Process.join()
 * (Lib/multiprocessing/process.py, popen_fork.py, popen_forkserver.py).
 *
 * The kernel's wait says all there is to say of who can end it; the program knows what for.
 */
#include "runtimes/python/locks/parked.h"

#include <string.h>

/* The wait stays what it is. */
static void keep(struct py_parked *x, const char *what)
{
	const struct wait *w = model_wait(x->m, x->wait);
	bool completion = w->completion;
	uint32_t text = w->text;

	py_parked_make(x, w->kind, what, 0);
	x->park.by = PARK_AS_SEEN;
	x->park.completion = completion;
	x->park.signals = false;
	x->park.text = text;
}

static bool is_transfer(uint8_t kind)
{
	return kind == WAIT_PIPE_READ || kind == WAIT_PIPE_WRITE || kind == WAIT_UNIX_RECV ||
	       kind == WAIT_UNIX_SEND || kind == WAIT_TCP_RECV || kind == WAIT_TCP_SEND;
}

static const char connection[] = "multiprocessing.Connection";

static bool is_at_connection(const struct py_parked *x)
{
	return x->what && !strcmp(x->what, connection);
}

/* Connection._send(), _recv(): their read or write is of C. */
static bool find_transfer(struct py_parked *x, const struct py_frame *f)
{
	if (x->depth || !is_transfer(model_wait(x->m, x->wait)->kind) ||
	    !py_parked_attr(x, py_parked_local(x, f, "self"), "_handle"))
		return false;
	keep(x, connection);
	return true;
}

/* Further out on the way to it. */
static bool find_way(struct py_parked *x, const struct py_frame *f)
{
	(void)f;
	return is_at_connection(x);
}

/* ---- the end of a process -------------------------------------------------------------------- */

static const char process[] = "multiprocessing.Process";

/* Popen.poll() of a child of its own: waitpid() is of C. */
static bool find_poll(struct py_parked *x, const struct py_frame *f)
{
	if (x->depth || model_wait(x->m, x->wait)->kind != WAIT_CHILD_EXIT ||
	    !py_parked_attr(x, py_parked_local(x, f, "self"), "pid"))
		return false;
	keep(x, process);
	return true;
}

/* Of a fork server's child the pipe tells that ends with it: connection.wait() polls it. */
static bool find_select(struct py_parked *x, const struct py_frame *f)
{
	(void)f;
	if (x->depth || model_wait(x->m, x->wait)->kind != WAIT_POLL)
		return false;
	keep(x, "selectors.Selector");
	return true;
}

static bool find_wait(struct py_parked *x, const struct py_frame *f)
{
	(void)f;
	return x->what && !strcmp(x->what, "selectors.Selector");
}

static bool find_served(struct py_parked *x, const struct py_frame *f)
{
	if (!find_wait(x, f) || !py_parked_attr(x, py_parked_local(x, f, "self"), "sentinel"))
		return false;
	keep(x, process);
	return true;
}

static bool is_at_process(const struct py_parked *x)
{
	return x->what && !strcmp(x->what, process);
}

static bool find_popen(struct py_parked *x, const struct py_frame *f)
{
	(void)f;
	return is_at_process(x);
}

static bool find_join(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");
	uint64_t popen = py_parked_attr(x, self, "_popen");
	const char *name = py_parked_text(x, py_parked_attr(x, self, "_name"));

	if (!is_at_process(x) || !popen)
		return false;
	py_parked_says(x, "waiting for Process %.80s (pid %lld) to exit", name,
		       (long long)py_parked_int(x, popen, "pid", 0));
	return true;
}

static const char file[] = "/multiprocessing/connection.py";

static const struct py_place places[] = {
	{ file, "_send", find_transfer },
	{ file, "_recv", find_transfer },
	{ file, "_send_bytes", find_way },
	{ file, "_recv_bytes", find_way },
	{ file, "send_bytes", find_way },
	{ file, "recv_bytes", find_way },
	{ file, "send", find_way },
	{ file, "recv", find_way },
	{ file, "wait", find_wait },
	{ "/selectors.py", "select", find_select },
	{ "/multiprocessing/popen_fork.py", "poll", find_poll },
	{ "/multiprocessing/popen_fork.py", "wait", find_popen },
	{ "/multiprocessing/popen_forkserver.py", "poll", find_served },
	{ "/multiprocessing/process.py", "join", find_join },
	{ 0 },
};

const struct py_lock_kind py_lock_connection = { .name = "connection", .places = places };
