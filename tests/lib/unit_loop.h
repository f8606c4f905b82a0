/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_loop.h - event loops by hand in a scene, with tasks that await things.
 *
 *	struct scene *x = scene_new();
 *	loop_process(x, PID(1));
 *	scene_decode(x);
 *	main = loop_main(x, PID(1));
 *	loop_await(x, await_of(main, AWAIT_EVENT));
 *	waits_decode_tasks(x->ctx);
 *	loop_wait(x, main)->kind == WAIT_TASK_EVENT
 */
#pragma once

#include "lib/unit_scene.h"
#include "model/tasks.h"

/* A process that rests in its epoll set, fd 4, in which a listener is, fd 3. */
void loop_process(struct scene *x, int32_t tgid);

/*
 * One in whose epoll set is only an eventfd of its own, and that handles no signal: its thread can
 * never go on.
 */
void loop_deaf_process(struct scene *x, int32_t tgid);

/* The process PID(1), which is nothing but such a loop, as a model: its main task. */
uint32_t loop_only(struct scene *x);

/* A new task that its loop was started for. Finish the tasks of one process before the next one. */
uint32_t loop_main(struct scene *x, int32_t tgid);

/* Another task of the loop of `like`, in the same state. Names have different first letters. */
uint32_t loop_task(struct scene *x, uint32_t like, const char *name);

/* What a task awaits; nobody else is named in it. */
void loop_await(struct scene *x, struct await a);

/* The wait that was made of it; fails the test when there is none. */
const struct wait *loop_wait(const struct scene *x, uint32_t task);

/* Decode what tasks await, and give the verdict. */
void loop_verdict(struct scene *x);
