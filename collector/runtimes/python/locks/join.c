/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.c - Thread.join(), and the end of the program, which joins all threads that are no daemons.
 *
 * Up to 3.12 a thread holds its _tstate_lock until it is gone, from 3.13 on its ThreadHandle has an
 * event (Modules/_threadmodule.c); the attribute for that has another name from 3.14 on.
 */
#include "runtimes/python/locks/parked.h"

enum {
	HANDLE = 16,	   /* PyThreadHandleObject.handle */
	HANDLE_BYTES = 96, /* ThreadHandle: two list nodes, numbers, then the event */
	ACTIVE_MAX = 4096,
};

/* Is it the end of this thread that the kernel's wait is for? */
static bool is_awaited(struct py_parked *x, uint64_t thread)
{
	uint64_t handle =
		py_parked_attr(x, thread, x->py->minor < 14 ? "_handle" : "_os_thread_handle");

	if (py_parked_at(x, py_parked_attr(x, thread, "_tstate_lock")))
		return true;
	handle = handle ? py_ref(x->py->objs, handle + HANDLE) : 0;
	return handle && x->key > handle && x->key < handle + HANDLE_BYTES;
}

static void make_join(struct py_parked *x, uint64_t thread)
{
	int64_t ident = py_parked_int(x, thread, "_ident", 0);
	const char *title = py_parked_text(x, py_parked_attr(x, thread, "_name"));
	struct py_thread_name name;

	py_parked_make(x, WAIT_THREAD_JOIN, "threading.Thread", thread);
	x->park.completion = true;
	name = py_parked_owner(x, (uint64_t)ident);
	if (*name.text)
		py_parked_says(x, "waiting for %s to end", name.text);
	else
		py_parked_says(x, "waiting for thread '%s' to end", title);
}

static bool find_join(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");

	if (py_parked_in(x, "threading.Thread", self))
		return true;
	if (!self || !py_derives(x->py->objs, self, "Thread") || !is_awaited(x, self))
		return false;
	make_join(x, self);
	return true;
}

/* Which of its threads the program waits for at its end is in no variable. */
static bool find_shutdown(struct py_parked *x, const struct py_frame *f)
{
	uint32_t interpreter = x->state->interpreter, count;
	uint64_t active;

	(void)f;
	if (!py_module_get(x->py, interpreter, "threading", "_active", &active))
		return false;
	count = py_len(x->py->objs, active);
	count = count < ACTIVE_MAX ? count : ACTIVE_MAX;
	_cleanup_free_ struct py_pair *pairs = xcalloc(count + 1, sizeof(*pairs));

	count = py_dict_pairs(x->py->objs, active, pairs, count);
	for (uint32_t i = 0; i < count; i++) {
		if (!is_awaited(x, pairs[i].value))
			continue;
		make_join(x, pairs[i].value);
		return true;
	}
	return false;
}

static const struct py_place places[] = {
	{ "/threading.py", "join", find_join },
	{ "/threading.py", "_wait_for_tstate_lock", find_join },
	{ "/threading.py", "_shutdown", find_shutdown },
	{ 0 },
};

const struct py_lock_kind py_lock_join = { .name = "join", .places = places };
