/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tasks.h - tasks, nurseries and cancel scopes in a model.
 *
 *	task = model_add_task(m, actor, address);
 *	model_task(m, task)->name = strtab_add(m->strings, "main");
 *	model_add_await(m, (struct await){ .task = task, .kind = AWAIT_EVENT, ... });
 */
#pragma once

#include "base/strbuf.h"
#include "model/model.h"

enum {
	TASKS_MAX = 1 << 20,	   /* of all actors together */
	TASK_FRAMES_MAX = 1 << 21, /* likewise */
};

/*
 * Nurseries and scopes in the order of their actors, as captures have them: an interpreter inside
 * of a process has a higher number than the process after it. Ids of both change.
 */
void model_order_homes(struct model *m);

/* The element of an id, which must not be 0. Borrowed until the next addition of its sort. */
struct task *model_task(const struct model *m, uint32_t id);
/* See model_task(). */
struct nursery *model_nursery(const struct model *m, uint32_t id);
/* See model_task(). */
struct scope *model_scope(const struct model *m, uint32_t id);

/*
 * A new task of `actor`, which waits for nothing and of which nothing is told. Its id; 0: there is
 * no room. Tasks of an actor are contiguous: finish one actor's tasks before the next one's (an
 * assert holds callers to it).
 */
uint32_t model_add_task(struct model *m, uint32_t actor, uint64_t address);

/* A new nursery or scope of an actor. Its id. */
uint32_t model_add_nursery(struct model *m, uint32_t actor, uint64_t address);
/* See model_add_nursery(). */
uint32_t model_add_scope(struct model *m, uint32_t actor, uint64_t address);

/*
 * The next frame of `task`, innermost first. Frames of a task are contiguous: finish one task's
 * before the next one's (an assert holds callers to it). False: there is no room.
 */
bool model_add_task_frame(struct model *m, uint32_t task, struct task_frame frame);

/* The frames of a task, *count of them. Borrowed until the next addition. */
const struct task_frame *model_task_frames(const struct model *m, uint32_t task, uint32_t *count);

/* What a task awaits; one for each task at most. `others`: `count` tasks of AWAIT_ALL, AWAIT_ANY.
 */
void model_add_await(struct model *m, struct await await, const uint32_t *others, uint32_t count);

/* An await in which nothing is set. */
struct await await_of(uint32_t task, enum await_kind kind);

/* What a thread waits for in words of its program; one for each at most. `others`: its threads. */
void model_add_park(struct model *m, struct park park, const uint32_t *others, uint32_t count);

/*
 * Findings that tasks show by themselves, docs/man/snag-why.1 lists them. Call after the second
 * stamps are applied: nothing is said of a loop that ran meanwhile.
 */
void model_find_task_facts(struct model *m);

/* "waiting", "runnable", ...: the words of captures and JSON. Never NULL. */
const char *task_state_name(uint8_t state);

/* What people call it: "main", or "task 7", into `b`. */
void task_name_add(struct strbuf *b, const struct model *m, uint32_t task);
