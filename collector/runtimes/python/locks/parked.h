/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parked.h - one blocked thread of Python, for the kinds of wait in kinds.h.
 *
 * The standard library waits in layers: queue.Queue.get() calls Condition.wait(), that calls
 * acquire() of a lock, which is written in C and has no frame. So a thread is looked at from the
 * inside out. First each kind's `bare` is asked about the call into C itself; then, frame by frame
 * outward, as long as one has it, the kind that knows the function: it sees in `park` what the
 * frame further in has made of the wait, and may make more of it. Names of functions prove nothing:
 * the innermost one holds the object against the kernel's wait (py_parked_at()), each further one
 * holds its own objects against those of the one before. Who is not sure declines.
 *
 *	static bool find_event(struct py_parked *x, const struct py_frame *f)
 *	{
 *		uint64_t self = py_parked_local(x, f, "self");
 *
 *		if (!py_parked_in(x, "threading.Condition", py_parked_attr(x, self, "_cond")))
 *			return false;
 *		py_parked_make(x, WAIT_EVENT, "threading.Event", self);
 *		py_parked_says(x, "waiting for threading.Event to be set");
 *		return true;
 *	}
 *	static const struct py_place places[] = { { "/threading.py", "wait", find_event },
 *						  { 0 } };
 *	const struct py_lock_kind py_lock_event = { .name = "event", .places = places };
 */
#pragma once

#include "base/jsonw.h"
#include "model/tasks.h"
#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

enum {
	PY_PARKED_FRAMES = 16, /* the innermost ones of a thread */
	PY_PARKED_OTHERS = 4096,
};

/* A thread of a ThreadPoolExecutor. */
struct py_worker {
	uint32_t thread;	/* id */
	uint64_t queue, future; /* what it takes work from; what it works on, 0 nothing */
	uint64_t executor;	/* 0: it is gone */
};

/* One thread that is looked at. */
struct py_parked {
	struct runtime_site *site;
	struct py *py;
	struct model *m;
	const struct map *tids;	       /* tid in its own pid namespace -> thread id */
	const struct py_thread *state; /* its state in the interpreter that it is in */
	const struct snap_task *task;  /* of the kernel: its system call and arguments */
	uint32_t thread, wait;	       /* ids of the model; `wait` as its system call tells it */
	/*
	 * The futex that it waits on, 0: it is in another call; and the address that the parking
	 * lot of 3.13 and later was given for it (struct wait_entry of Python/parking_lot.c).
	 */
	uint64_t futex, key;
	struct py_frame frames[PY_PARKED_FRAMES]; /* innermost first */
	uint32_t frame_count, depth;		  /* depth: of the frame whose turn it is */
	/* what is known so far; `what` 0: nothing */
	struct park park;
	const char *what; /* that of `park` as text, or NULL */
	VEC(uint32_t) others;
	struct strbuf facts; /* members of the object's detail */
	struct jsonw detail;
	/* of all threads of the process, once somebody asked */
	VEC(struct py_worker) workers;
	bool workers_read;
};

/* A function of the standard library in which threads wait. */
struct py_place {
	const char *file; /* how its path ends: "/threading.py" */
	const char *function;
	bool (*find)(struct py_parked *x, const struct py_frame *f);
};

struct py_lock_kind {
	const char *name;
	const struct py_place *places; /* one without a file ends them; NULL: none */
	/* The innermost frame is in a call of C that blocks: in one of mine? NULL: none are. */
	bool (*bare)(struct py_parked *x);
};

/* ---- what it is ------------------------------------------------------------------------------ */

/*
 * From now on it waits for that: forgets who could end it, its text and its facts. Any other thread
 * of the process can, or the handler of a signal; change `park` where that is not so. `what` is the
 * kind of the object and must be a static text, `object` its address, 0 for none of its own.
 */
void py_parked_make(struct py_parked *x, enum wait_type kind, const char *what, uint64_t object);

/* Has the frame further in found this very object? */
bool py_parked_in(const struct py_parked *x, const char *what, uint64_t object);

/* What people read: "waiting for threading.Lock". */
__attribute__((format(printf, 2, 3))) void py_parked_says(struct py_parked *x, const char *fmt,
							  ...);

/* ---- who can end it (owner.c) ---------------------------------------------------------------- */

/* "thread 'worker-1' (tid 812)" for texts; the buffer is yours. */
struct py_thread_name {
	char text[160];
};

/* The name of a thread as people know it, from its id in the model. */
struct py_thread_name py_thread_name(const struct model *m, uint32_t thread);

/* The thread of the model with that ident (threading.get_ident()), 0 none. */
uint32_t py_parked_thread(const struct py_parked *x, uint64_t ident);

/*
 * Only the thread of that ident can end it, by what it does or, for a join, by its end. Its name;
 * "" when no such thread is known in this process: then nothing is changed.
 */
struct py_thread_name py_parked_owner(struct py_parked *x, uint64_t ident);

/*
 * As py_parked_owner(), when the owner's ident is the word at `word`. Where that thread is no more
 * nobody can end it: it has exited, or was left behind by a fork. The text says so.
 */
struct py_thread_name py_parked_owner_at(struct py_parked *x, uint64_t word);

/* One more thread that can end it, besides those that were given so. */
void py_parked_add(struct py_parked *x, uint32_t thread);

/* ---- evidence -------------------------------------------------------------------------------- */

/*
 * Is that object, whose lock is the word behind the head of the object, the one that the kernel's
 * wait is for? True of _thread.lock, RLock and SimpleQueue in all versions.
 */
bool py_parked_at(const struct py_parked *x, uint64_t object);

/*
 * The first object for which is() holds among what the innermost frame has at hand: its variables,
 * arguments of the call that it is in, and what their bound methods are bound to. Slots above the
 * top of its stack may be old, so is() must hold it against the kernel's wait. 0: there is none.
 */
uint64_t py_parked_find(struct py_parked *x, bool (*is)(struct py_parked *x, uint64_t obj));

/* Is it that function in a file whose path ends so? */
bool py_parked_is(const struct py_parked *x, const struct py_frame *f, const char *file,
		  const char *function);

/* A local variable of a frame; 0: there is none, or it is None. */
uint64_t py_parked_local(struct py_parked *x, const struct py_frame *f, const char *name);
/* An attribute; 0: there is none, or it is None. */
uint64_t py_parked_attr(struct py_parked *x, uint64_t obj, const char *name);
/* An attribute that is a number, or `none`. */
int64_t py_parked_int(struct py_parked *x, uint64_t obj, const char *name, int64_t none);
/* A str of the process as a text, "" when it is none. Borrowed until the process is done. */
const char *py_parked_text(struct py_parked *x, uint64_t obj);
