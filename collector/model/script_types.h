/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script_types.h - what an interpreter runs on the threads of a model (model.h).
 *
 * Strings are ids of the model's table, 0 is "none".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The lock that all threads of an interpreter share. */
enum script_gil { GIL_NOT_TOLD, GIL_HELD, GIL_WANTED, GIL_STATES };

/* What a call is to its interpreter. */
enum script_kind {
	SCRIPT_FUNCTION,
	SCRIPT_GENERATOR,
	SCRIPT_COROUTINE,
	SCRIPT_ASYNC_GENERATOR,
	SCRIPT_KINDS
};

/*
 * Of one thread. It was read between the two stamps of a look: of one instant when the thread has
 * not `moved`.
 */
struct thread_script {
	uint32_t title;	  /* the name that the program gave the thread */
	uint32_t runtime; /* whose frames these are, "python"; 0: none that we know runs there */
	uint32_t why;	  /* why there are no frames, or where they end */
	uint32_t note;	  /* what else its interpreter says of it: "holds the GIL" */
	uint32_t work;	  /* what it was given to do: "test test_a.py::test_b" */
	uint32_t first_frame, frame_count; /* into model.script_frames, innermost first */
	/*
	 * into model.exceptions: one that is raised, then those that are handled, innermost first
	 */
	uint32_t first_exception, exception_count;
	uint8_t gil; /* enum script_gil */
};

/* What of the source of a call is known. */
struct script_source {
	uint32_t text; /* string: the line that the call is at; 0 not read */
	uint32_t why;  /* string: why that is not told, or 0: nobody asked */
};

/* The variables of a call, if they were asked for. */
struct script_values {
	uint32_t first, count; /* into model.locals, in the order of the function */
};

/* One call of a function that an interpreter runs. */
struct script_frame {
	uint32_t function, qualified, file; /* qualified: "Class.function" */
	uint32_t line;			    /* 0 unknown */
	bool entry;   /* native code called it: a native frame of the interpreter begins here */
	uint8_t kind; /* enum script_kind */
	struct script_source source;
	struct script_values locals;
};

/* An argument or variable of a call. */
struct script_local {
	uint32_t name;
	uint32_t type;	/* of its value, "dict" */
	uint32_t value; /* as one would write it, cut; 0: the type is all that is told */
};

/* An exception that a thread or task has not done with. */
struct script_exception {
	uint32_t type, text; /* text 0: it has none */
	bool raised;	     /* on its way up; false: an except or finally clause has it */
};
