/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tasks await, as waits and terms, and the verdict that follows from them, on models by hand.
 */
#include "waits/task/task.h"

#include "lib/unit_loop.h"

#include <criterion/criterion.h>

Test(task, a_lock_waits_for_its_owner)
{
	struct scene *x = scene_new();
	uint32_t main_task, other;
	struct await a;

	main_task = loop_only(x);
	other = loop_task(x, main_task, "other");
	a = await_of(main_task, AWAIT_LOCK);
	a.owner = other;
	a.object = 0x5000;
	loop_await(x, a);
	waits_decode_tasks(x->ctx);
	cr_expect_eq(loop_wait(x, main_task)->kind, WAIT_TASK_LOCK);
	cr_expect_eq(scene_term(x, loop_wait(x, main_task), TERM_TASK)->id, other);
	cr_expect(loop_wait(x, main_task)->completion);
	cr_expect_eq(x->model->awaits.count, 0);
	scene_free(x);
}

Test(task, a_channel_without_another_end_is_never_filled)
{
	struct scene *x = scene_new();
	uint32_t main_task;
	struct await a;

	main_task = loop_only(x);
	a = await_of(main_task, AWAIT_RECEIVE);
	a.senders = 0;
	loop_await(x, a);
	waits_decode_tasks(x->ctx);
	cr_expect_eq(scene_terms(x, loop_wait(x, main_task), TERM_NEVER), 1);
	scene_free(x);
}

Test(task, a_nursery_needs_all_children_and_misses_one)
{
	struct scene *x = scene_new();
	uint32_t main_task, nursery;
	struct await a;

	main_task = loop_only(x);
	nursery = model_add_nursery(x->model, 1, 0x7000);
	model_nursery(x->model, nursery)->children = 3;
	model_task(x->model, loop_task(x, main_task, "b"))->nursery = nursery;
	model_task(x->model, loop_task(x, main_task, "c"))->nursery = nursery;
	a = await_of(main_task, AWAIT_NURSERY);
	a.nursery = nursery;
	loop_await(x, a);
	waits_decode_tasks(x->ctx);
	cr_expect_eq(scene_terms(x, loop_wait(x, main_task), TERM_TASK), 2);
	cr_expect_eq(scene_terms(x, loop_wait(x, main_task), TERM_UNKNOWN), 1);
	cr_expect_eq(loop_wait(x, main_task)->need, 3);
	cr_expect(scene_finds(x, "nursery-unknown-child"));
	scene_free(x);
}

/* A deadline further out ends the wait, unless a shield stands between. */
Test(task, a_deadline_reaches_as_far_as_no_shield_stops_it)
{
	for (int shield = 0; shield < 2; shield++) {
		struct scene *x = scene_new();
		uint32_t main_task, inner, outer;

		main_task = loop_only(x);
		inner = model_add_scope(x->model, 1, 0x8000);
		outer = model_add_scope(x->model, 1, 0x9000);
		model_scope(x->model, inner)->parent = outer;
		model_scope(x->model, inner)->shield = shield;
		model_scope(x->model, outer)->deadline_ms = 5000;
		model_task(x->model, main_task)->scope = inner;
		loop_await(x, await_of(main_task, AWAIT_EVENT));
		waits_decode_tasks(x->ctx);
		cr_expect_eq(scene_terms(x, loop_wait(x, main_task), TERM_TIME), !shield);
		cr_expect_eq(loop_wait(x, main_task)->timeout_ms, shield ? -1 : 5000);
		scene_free(x);
	}
}

Test(task, a_descriptor_in_no_epoll_set_is_told)
{
	for (int fd = 3; fd < 6; fd += 2) {
		struct scene *x = scene_new();
		uint32_t main_task;
		struct await a;

		loop_process(x, PID(1));
		scene_file(x, PID(1), 5, FILE_PIPE, MODE_READ)->ino = 99;
		scene_decode(x);
		main_task = loop_main(x, PID(1));
		a = await_of(main_task, AWAIT_READABLE);
		a.fd = fd;
		loop_await(x, a);
		waits_decode_tasks(x->ctx);
		cr_expect_eq(scene_finds(x, "task-fd-unwatched"), fd == 5, "fd %d", fd);
		scene_free(x);
	}
}

/* ---- verdicts -------------------------------------------------------------------------------- */

Test(task, a_server_whose_tasks_were_not_asked_is_at_rest)
{
	struct scene *x = scene_new();
	uint32_t main_task;

	main_task = loop_only(x);
	model_task(x->model, main_task)->requested = TOLD_NO;
	loop_await(x, await_of(main_task, AWAIT_EVENT));
	loop_verdict(x);
	cr_expect_eq(x->model->verdict.kind, VERDICT_IDLE);
	scene_free(x);
}

Test(task, who_was_asked_to_end_and_is_shielded_is_to_blame)
{
	struct scene *x = scene_new();
	uint32_t main_task, nursery, child;
	struct await a;

	main_task = loop_only(x);
	nursery = model_add_nursery(x->model, 1, 0x7000);
	child = loop_task(x, main_task, "stubborn");
	model_task(x->model, child)->nursery = nursery;
	model_task(x->model, child)->shielded = TOLD_YES;
	model_task(x->model, main_task)->requested = TOLD_YES;
	model_task(x->model, main_task)->delivered = TOLD_YES;
	a = await_of(main_task, AWAIT_NURSERY);
	a.nursery = nursery;
	loop_await(x, a);
	loop_await(x, await_of(child, AWAIT_EVENT));
	loop_verdict(x);
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

	main_task = loop_only(x);
	model_task(x->model, main_task)->requested = TOLD_YES;
	model_task(x->model, main_task)->hint = true;
	loop_await(x, await_of(main_task, AWAIT_EVENT));
	loop_verdict(x);
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

	main_task = loop_only(x);
	other = loop_task(x, main_task, "other");
	a = await_of(main_task, AWAIT_LOCK);
	b = await_of(other, AWAIT_LOCK);
	a.owner = other;
	b.owner = main_task;
	b.deadline_ms = deadline_ms;
	loop_await(x, a);
	loop_await(x, b);
	return main_task;
}

Test(task, locks_in_a_circle_are_a_deadlock_beside_a_listener)
{
	struct scene *x = scene_new();
	uint32_t main_task = make_circle(x, -1);

	loop_verdict(x);
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
	loop_verdict(x);
	cr_expect_neq(x->model->verdict.kind, VERDICT_DEADLOCK);
	scene_free(x);
}
