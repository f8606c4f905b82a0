/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tasks await, as waits and terms, and the verdict that follows from them, on models by hand.
 */
#include "waits/task/task.h"

#include "graph/verdict.h"
#include "lib/unit_scene.h"
#include "model/tasks.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>

/* An actor that rests in an epoll set with a listener, and its main task. */
static uint32_t make_loop(struct scene *x, uint32_t *main_task)
{
	uint32_t actor, thread;

	scene_process(x, PID(1), 0, "loop");
	scene_call(x, PID(1), SYS_epoll_wait, 4)->args[3] = UINT32_MAX;
	scene_socket(x, PID(1), 3, 70)->state = 10;
	scene_file(x, PID(1), 4, FILE_EPOLL, MODE_READ);
	scene_item(x, 3, 1, &x->snap->files.at[0]);
	scene_decode(x);
	actor = model_find_pid(x->model, PID(1));
	thread = model_find_tid(x->model, PID(1));
	*main_task = model_add_task(x->model, actor, 0x1000);
	model_task(x->model, *main_task)->thread = thread;
	model_task(x->model, *main_task)->main = true;
	model_task(x->model, *main_task)->state = TASK_WAITING;
	model_task(x->model, *main_task)->name = strtab_add(x->model->strings, "main");
	return actor;
}

static uint32_t add_task(struct scene *x, uint32_t like, const char *name)
{
	const struct task from = *model_task(x->model, like);
	uint32_t id =
		model_add_task(x->model, from.actor, from.address + 0x100u * (uint32_t)name[0]);

	model_task(x->model, id)->thread = from.thread;
	model_task(x->model, id)->state = TASK_WAITING;
	model_task(x->model, id)->name = strtab_add(x->model->strings, name);
	return id;
}

static void await(struct scene *x, struct await a)
{
	model_add_await(x->model, a, NULL, 0);
}

static const struct wait *wait_of(const struct scene *x, uint32_t task)
{
	cr_assert(model_task(x->model, task)->wait);
	return model_wait(x->model, model_task(x->model, task)->wait);
}

Test(task, a_lock_waits_for_its_owner)
{
	struct scene *x = scene_new();
	uint32_t main_task, other;
	struct await a;

	make_loop(x, &main_task);
	other = add_task(x, main_task, "other");
	a = await_of(main_task, AWAIT_LOCK);
	a.owner = other;
	a.object = 0x5000;
	await(x, a);
	waits_decode_tasks(x->ctx);
	cr_expect_eq(wait_of(x, main_task)->kind, WAIT_TASK_LOCK);
	cr_expect_eq(scene_term(x, wait_of(x, main_task), TERM_TASK)->id, other);
	cr_expect(wait_of(x, main_task)->completion);
	cr_expect_eq(x->model->awaits.count, 0);
	scene_free(x);
}

Test(task, a_channel_without_another_end_is_never_filled)
{
	struct scene *x = scene_new();
	uint32_t main_task;
	struct await a;

	make_loop(x, &main_task);
	a = await_of(main_task, AWAIT_RECEIVE);
	a.senders = 0;
	await(x, a);
	waits_decode_tasks(x->ctx);
	cr_expect_eq(scene_terms(x, wait_of(x, main_task), TERM_NEVER), 1);
	scene_free(x);
}

Test(task, a_nursery_needs_all_children_and_misses_one)
{
	struct scene *x = scene_new();
	uint32_t main_task, nursery;
	struct await a;

	make_loop(x, &main_task);
	nursery = model_add_nursery(x->model, 1, 0x7000);
	model_nursery(x->model, nursery)->children = 3;
	model_task(x->model, add_task(x, main_task, "b"))->nursery = nursery;
	model_task(x->model, add_task(x, main_task, "c"))->nursery = nursery;
	a = await_of(main_task, AWAIT_NURSERY);
	a.nursery = nursery;
	await(x, a);
	waits_decode_tasks(x->ctx);
	cr_expect_eq(scene_terms(x, wait_of(x, main_task), TERM_TASK), 2);
	cr_expect_eq(scene_terms(x, wait_of(x, main_task), TERM_UNKNOWN), 1);
	cr_expect_eq(wait_of(x, main_task)->need, 3);
	cr_expect(scene_finds(x, "nursery-unknown-child"));
	scene_free(x);
}

/* A deadline further out ends the wait, unless a shield stands between. */
Test(task, a_deadline_reaches_as_far_as_no_shield_stops_it)
{
	for (int shield = 0; shield < 2; shield++) {
		struct scene *x = scene_new();
		uint32_t main_task, inner, outer;

		make_loop(x, &main_task);
		inner = model_add_scope(x->model, 1, 0x8000);
		outer = model_add_scope(x->model, 1, 0x9000);
		model_scope(x->model, inner)->parent = outer;
		model_scope(x->model, inner)->shield = shield;
		model_scope(x->model, outer)->deadline_ms = 5000;
		model_task(x->model, main_task)->scope = inner;
		await(x, await_of(main_task, AWAIT_EVENT));
		waits_decode_tasks(x->ctx);
		cr_expect_eq(scene_terms(x, wait_of(x, main_task), TERM_TIME), !shield);
		cr_expect_eq(wait_of(x, main_task)->timeout_ms, shield ? -1 : 5000);
		scene_free(x);
	}
}

Test(task, a_descriptor_in_no_epoll_set_is_told)
{
	for (int fd = 3; fd < 6; fd += 2) {
		struct scene *x = scene_new();
		uint32_t main_task;
		struct await a;

		scene_process(x, PID(1), 0, "loop");
		scene_file(x, PID(1), 5, FILE_PIPE, MODE_READ)->ino = 99;
		make_loop(x, &main_task);
		a = await_of(main_task, AWAIT_READABLE);
		a.fd = fd;
		await(x, a);
		waits_decode_tasks(x->ctx);
		cr_expect_eq(scene_finds(x, "task-fd-unwatched"), fd == 5, "fd %d", fd);
		scene_free(x);
	}
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static void give_verdict(struct scene *x)
{
	waits_decode_tasks(x->ctx);
	model_index(x->model);
	verdict_give(x->model);
}

Test(task, a_server_whose_tasks_were_not_asked_is_at_rest)
{
	struct scene *x = scene_new();
	uint32_t main_task;

	make_loop(x, &main_task);
	model_task(x->model, main_task)->requested = TOLD_NO;
	await(x, await_of(main_task, AWAIT_EVENT));
	give_verdict(x);
	cr_expect_eq(x->model->verdict.kind, VERDICT_IDLE);
	scene_free(x);
}

Test(task, who_was_asked_to_end_and_is_shielded_is_to_blame)
{
	struct scene *x = scene_new();
	uint32_t main_task, nursery, child;
	struct await a;

	make_loop(x, &main_task);
	nursery = model_add_nursery(x->model, 1, 0x7000);
	child = add_task(x, main_task, "stubborn");
	model_task(x->model, child)->nursery = nursery;
	model_task(x->model, child)->shielded = TOLD_YES;
	model_task(x->model, main_task)->requested = TOLD_YES;
	model_task(x->model, main_task)->delivered = TOLD_YES;
	a = await_of(main_task, AWAIT_NURSERY);
	a.nursery = nursery;
	await(x, a);
	await(x, await_of(child, AWAIT_EVENT));
	give_verdict(x);
	cr_expect_eq(x->model->verdict.kind, VERDICT_DEADLOCK);
	cr_expect_eq(x->model->verdict.confidence, CONFIDENCE_PROBABLE);
	cr_expect_eq(x->model->verdict.culprit.task, child);
	cr_expect_str_eq(scene_str(x, x->model->verdict.culprit.reason), "shielded");
	cr_expect_eq(x->model->verdict.chain.count, 3);
	scene_free(x);
}

/* What is read of a loop that ran meanwhile is a hint: nobody is blamed for it. */
Test(task, hints_blame_nobody)
{
	struct scene *x = scene_new();
	uint32_t main_task;

	make_loop(x, &main_task);
	model_task(x->model, main_task)->requested = TOLD_YES;
	model_task(x->model, main_task)->hint = true;
	await(x, await_of(main_task, AWAIT_EVENT));
	give_verdict(x);
	cr_expect_eq(x->model->verdict.kind, VERDICT_IDLE);
	scene_free(x);
}

/*
 * The main task and another one each wait for a lock of the other, the latter for so long; -1 ever.
 */
static uint32_t make_circle(struct scene *x, int64_t deadline_ms)
{
	uint32_t main_task, other;
	struct await a, b;

	make_loop(x, &main_task);
	other = add_task(x, main_task, "other");
	a = await_of(main_task, AWAIT_LOCK);
	b = await_of(other, AWAIT_LOCK);
	a.owner = other;
	b.owner = main_task;
	b.deadline_ms = deadline_ms;
	await(x, a);
	await(x, b);
	return main_task;
}

Test(task, locks_in_a_circle_are_a_deadlock_beside_a_listener)
{
	struct scene *x = scene_new();
	uint32_t main_task = make_circle(x, -1);

	give_verdict(x);
	cr_expect_eq(x->model->verdict.kind, VERDICT_DEADLOCK);
	cr_expect_eq(x->model->verdict.culprit.task, main_task);
	cr_expect_str_eq(scene_str(x, x->model->verdict.culprit.reason), "lock-order");
	scene_free(x);
}

/* A lock with a deadline ends by itself. */
Test(task, a_deadline_breaks_the_circle)
{
	struct scene *x = scene_new();

	make_circle(x, 1000);
	give_verdict(x);
	cr_expect_neq(x->model->verdict.kind, VERDICT_DEADLOCK);
	scene_free(x);
}
