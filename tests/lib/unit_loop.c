/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_loop.h"

#include "graph/verdict.h"
#include "waits/task/task.h"

#include <criterion/criterion.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

enum { LISTENING = 10 /* TCP_LISTEN */ };

/* The last file so far is fd 3, and all that is in the set. */
static void rest_on_it(struct scene *x, int32_t tgid)
{
	uint32_t last = x->snap->files.count - 1;

	scene_call(x, tgid, SYS_epoll_wait, 4)->args[3] = UINT32_MAX;
	scene_file(x, tgid, 4, FILE_EPOLL, MODE_READ);
	scene_item(x, 3, EPOLLIN, &x->snap->files.at[last]);
}

void loop_process(struct scene *x, int32_t tgid)
{
	scene_process(x, tgid, 0, "loop");
	scene_socket(x, tgid, 3, 70000 + (uint64_t)tgid)->state = LISTENING;
	rest_on_it(x, tgid);
}

void loop_deaf_process(struct scene *x, int32_t tgid)
{
	/* it handles no signal: a handler could write to the eventfd */
	scene_process(x, tgid, 0, "loop")->has_signals = true;
	scene_file(x, tgid, 3, FILE_EVENTFD, MODE_READ | MODE_WRITE)->id = 80000 + (uint32_t)tgid;
	rest_on_it(x, tgid);
}

uint32_t loop_main(struct scene *x, int32_t tgid)
{
	uint32_t task = model_add_task(x->model, model_find_pid(x->model, tgid), 0x1000);

	model_task(x->model, task)->thread = model_find_tid(x->model, tgid);
	model_task(x->model, task)->main = true;
	model_task(x->model, task)->state = TASK_WAITING;
	model_task(x->model, task)->name = strtab_add(x->model->strings, "main");
	return task;
}

uint32_t loop_only(struct scene *x)
{
	loop_process(x, PID(1));
	scene_decode(x);
	return loop_main(x, PID(1));
}

uint32_t loop_task(struct scene *x, uint32_t like, const char *name)
{
	const struct task from = *model_task(x->model, like);
	uint32_t id =
		model_add_task(x->model, from.actor, from.address + 0x100u * (uint32_t)name[0]);

	model_task(x->model, id)->thread = from.thread;
	model_task(x->model, id)->state = TASK_WAITING;
	model_task(x->model, id)->name = strtab_add(x->model->strings, name);
	return id;
}

void loop_await(struct scene *x, struct await a)
{
	model_add_await(x->model, a, NULL, 0);
}

const struct wait *loop_wait(const struct scene *x, uint32_t task)
{
	cr_assert(model_task(x->model, task)->wait);
	return model_wait(x->model, model_task(x->model, task)->wait);
}

void loop_verdict(struct scene *x)
{
	waits_decode_tasks(x->ctx);
	model_index(x->model);
	verdict_give(x->model);
}
