/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script_types.h - what an interpreter runs on the threads of a model (model.h).
 *
 * Strings are ids of the model's table, 0 is "none".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Of one thread. It was read between the two stamps of a look: of one instant when the thread has
 * not `moved`.
 */
struct thread_script {
	uint32_t title;	  /* the name that the program gave the thread */
	uint32_t runtime; /* whose frames these are, "python"; 0: none that we know runs there */
	uint32_t why;	  /* why there are no frames, or where they end */
	uint32_t note;	  /* what else its interpreter says of it: "holds the GIL" */
	uint32_t first_frame, frame_count; /* into model.script_frames, innermost first */
};

/* One call of a function that an interpreter runs. */
struct script_frame {
	uint32_t function, qualified, file; /* qualified: "Class.function" */
	uint32_t line;			    /* 0 unknown */
	bool entry; /* native code called it: a native frame of the interpreter begins here */
};
