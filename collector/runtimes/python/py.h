/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py.h - one CPython process: its interpreters, their threads, the frames of these and of
 * generators and coroutines.
 *
 *	_cleanup_py_ struct py *py = py_open(mem, runtime, version, &why);
 *	for (uint32_t i = 0; i < py->thread_count; i++) {
 *		n = py_frames(py, py->threads[i].frame, frames, PY_FRAMES_MAX);
 *		puts(strtab_get(py_strings(py->objs), frames[0].name));
 *	}
 */
#pragma once

#include "model/script_types.h"
#include "runtimes/python/py_obj.h"

enum {
	PY_INTERPRETERS_MAX = 256,
	PY_THREADS_MAX = 1 << 14,
	PY_FRAMES_MAX = 512, /* of one thread or generator */
};

/* PyInterpreterState */
struct py_interpreter {
	uint64_t addr;
	int64_t id;	  /* 0: the main one */
	uint64_t modules; /* sys.modules, a dict */
	uint64_t gil;	  /* its GIL, shared or its own; 0 unknown */
	bool collecting;  /* the garbage collector is at work */
	bool unknown;	  /* it does not hang together: nothing else of it is told */
};

/* PyThreadState: a thread has one in each interpreter that it has entered. */
struct py_thread {
	uint64_t addr, ident; /* ident: threading.get_ident(), a pthread_t */
	uint64_t frame;	      /* top frame, for py_frames(); 0 none */
	uint32_t interpreter; /* index */
	int32_t ns_tid;	      /* in its own pid namespace; 0 unknown */
	bool has_gil;
};

struct py {
	struct py_mem *mem; /* borrowed */
	struct py_objs *objs;
	struct py_interpreter *interpreters; /* the main one first, then by age */
	struct py_thread *threads;	     /* those of an interpreter side by side */
	uint32_t interpreter_count, thread_count;
	uint32_t minor;
	const char *cut; /* why there are more than these, a static text, or NULL */
	struct py_codes *codes;
};

/* A frame. Strings are of py_strings(). */
struct py_frame {
	uint64_t addr, code;
	uint32_t file, name, qualname; /* 0 unknown; qualname from 3.11 on */
	uint32_t line;		       /* 0 unknown */
	uint8_t owner;		       /* enum py_owner */
	uint8_t kind;		       /* enum script_kind */
	bool function;		       /* false: of a module, a class or exec() */
	bool entry;		       /* whoever it calls in Python besides, C called this one */
};

/* enum _frameowner of Include/internal/pycore_interpframe_structs.h. */
enum py_owner { PY_OWNED_BY_THREAD, PY_OWNED_BY_GENERATOR, PY_OWNED_BY_OBJECT };

/* What a generator, coroutine or asynchronous generator is at. */
enum py_gen_state {
	PY_GEN_UNKNOWN,
	PY_GEN_CREATED,
	PY_GEN_SUSPENDED, /* in yield, or in await: before 3.13 one cannot tell */
	PY_GEN_AWAITING,  /* in await or yield from */
	PY_GEN_RUNNING,
	PY_GEN_DONE,
};

struct py_gen {
	uint64_t frame; /* 0: none any more */
	uint8_t state;	/* enum py_gen_state */
};

/*
 * Open the process whose _PyRuntime is at `runtime` and whose version is 3.`minor`: interpreters
 * and threads are read. `mem` must outlive it. NULL: *why is a static text. Yours.
 */
struct py *py_open(struct py_mem *mem, uint64_t runtime, uint32_t minor, const char **why);

/* Free it. NULL is fine. */
void py_free(struct py *py);
DEFINE_GUARD(py)
#define _cleanup_py_ _cleanup_(py_free_guard)

/*
 * The frames from `frame` on, innermost first, without those that belong to C alone: how many.
 * *cut: there may be more, and why; NULL when that is all. Static text.
 */
uint32_t py_frames(struct py *py, uint64_t frame, struct py_frame *frames, uint32_t max,
		   const char **cut);

/* The one frame at `addr`; false: there is none, or it belongs to C. */
bool py_frame_at(struct py *py, uint64_t addr, struct py_frame *f);

/* Does the path of a file, NULL: none, end so ("/threading.py")? */
bool py_path_ends(const char *path, const char *end);

/* Is it that of `function` in a file whose path ends so? NULL: of any function, in any file. */
bool py_frame_is(const struct py *py, const struct py_frame *f, const char *file,
		 const char *function);

/*
 * The local variable or argument of that name, also one in a cell; false: there is none, or it is
 * not bound.
 */
bool py_frame_local(struct py *py, const struct py_frame *f, const char *name, uint64_t *value);
/* As py_frame_local(); 0: there is none, or it is None. */
uint64_t py_frame_value(struct py *py, const struct py_frame *f, const char *name);

/* A variable of a frame that is bound. */
struct py_local {
	uint64_t name; /* a str */
	uint64_t value;
};

/*
 * The variables and arguments of a frame, in the order of its function, up to `max` of them: how
 * many. Of code that is no function what its namespace has, but for names like __file__.
 * *more: there are so many besides.
 */
uint32_t py_frame_locals(struct py *py, const struct py_frame *f, struct py_local *list,
			 uint32_t max, uint32_t *more);

/* What lies on top of a frame's value stack: what a suspended frame awaits. 0: nothing. */
uint64_t py_frame_top(struct py *py, uint64_t frame);

/* A generator, coroutine or asynchronous generator; false: it is none. */
bool py_gen_open(struct py *py, uint64_t gen, struct py_gen *ret);

/* The global `name` of a module of an interpreter that has been imported; false: there is none. */
bool py_module_get(struct py *py, uint32_t interpreter, const char *module, const char *name,
		   uint64_t *value);

/* Thread state `ident` of `interpreter`: its index in py->threads, or -1. */
int64_t py_find_thread(const struct py *py, uint32_t interpreter, uint64_t ident);
