/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frames.h - stacks of threads in a model.
 *
 *	code = model_add_code(m, (struct code){ .symbol = name, .module = file });
 *	model_add_frame(m, thread, (struct frame){ .pc = pc, .code = code });
 */
#pragma once

#include "model/model.h"

enum {
	FRAMES_MAX = 1 << 21, /* of all threads together */
	LOCALS_MAX = 1 << 20, /* of all calls together */
	EXCEPTIONS_MAX = 1 << 20,
};

/* The place in the code of an id, which must not be 0. Borrowed until the next addition. */
struct code *model_code(const struct model *m, uint32_t id);

/* A new place in the code; nothing is inlined there as yet. Returns its id. */
uint32_t model_add_code(struct model *m, struct code code);

/* Where the function at a place begins, as the symbols of its module count; 0: not known. */
uint64_t code_start(const struct code *c);

/* The next function inlined at the place that was added last, innermost first. */
void model_add_inlined(struct model *m, struct inlined inlined);

/*
 * The next frame of `thread`, innermost first. Frames of a thread are contiguous: finish one
 * thread's before the next one's (an assert holds callers to it). False: there is no room.
 */
bool model_add_frame(struct model *m, uint32_t thread, struct frame frame);

/* The next function of its kernel stack, in the same way. */
bool model_add_kernel_frame(struct model *m, uint32_t thread, const char *text);

/* The frames of a thread, *count of them. Borrowed until the next addition. */
const struct frame *model_frames(const struct model *m, uint32_t thread, uint32_t *count);

/*
 * The next frame of what an interpreter runs on `thread`, innermost first, contiguous as those of
 * model_add_frame(). False: there is no room.
 */
bool model_add_script_frame(struct model *m, uint32_t thread, struct script_frame frame);

/* The frames of the interpreter on a thread, *count of them. Borrowed until the next addition. */
const struct script_frame *model_script_frames(const struct model *m, uint32_t thread,
					       uint32_t *count);

/*
 * One more variable of a call whose `values` these are; those of a call are contiguous: finish
 * them, then add the call. False: there is no room.
 */
bool model_add_local(struct model *m, struct script_values *values, struct script_local local);

/*
 * One more exception of a thread or a task, the other one 0, contiguous likewise. False: there is
 * no room.
 */
bool model_add_exception(struct model *m, uint32_t thread, uint32_t task,
			 struct script_exception exception);

/* Those of a thread or a task, *count of them. Borrowed until the next addition. */
const struct script_exception *model_exceptions(const struct model *m, uint32_t thread,
						uint32_t task, uint32_t *count);

/* "coroutine": the words of captures and JSON. Never NULL. */
const char *script_kind_name(uint8_t kind);
/* "held", "wanted" or, when nothing is told, NULL. */
const char *script_gil_name(uint8_t gil);
