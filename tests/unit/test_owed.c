/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loop that listens, and of which the main task is owed something: at rest, or stuck?
 */
#include "lib/unit_loop.h"

#include "waits/task/task.h"

#include <criterion/criterion.h>

static const struct promise broken = { .kind = PROMISE_TASK, .task = 5 };

/* The task waits for an event; NULL: that anybody may set. */
static void await_event(struct scene *x, uint32_t task, const struct promise *promise)
{
	struct await a = await_of(task, AWAIT_EVENT);

	a.label = strtab_add(x->model->strings, "the answer");
	if (promise)
		a.promise = *promise;
	a.promise.who = strtab_add(x->model->strings, "somebody");
	loop_await(x, a);
}

static const struct verdict *verdict(const struct scene *x)
{
	return &x->model->verdict;
}

Test(owed, who_has_promised_is_gone)
{
	struct scene *x = scene_new();
	uint32_t main_task;

	main_task = loop_only(x);
	await_event(x, main_task, &broken);
	loop_verdict(x);
	cr_expect_eq(verdict(x)->kind, VERDICT_DEADLOCK);
	cr_expect_eq(verdict(x)->confidence, CONFIDENCE_PROBABLE);
	cr_expect_eq(verdict(x)->culprit.tid, PID(1));
	cr_assert_eq(verdict(x)->chain.count, 2);
	cr_expect_eq(verdict(x)->chain.at[0], model_thread(x->model, 1)->wait);
	cr_expect_eq(verdict(x)->chain.at[1], model_task(x->model, main_task)->wait);
	cr_expect_str_eq(scene_str(x, verdict(x)->culprit.reason), "broken-promise");
	cr_expect_str_eq(scene_str(x, verdict(x)->culprit.text),
			 "loop[5000001] task \"main\" is waiting for event \"the answer\", which "
			 "task \"somebody\" is to set: task \"somebody\", which was to set it, has "
			 "ended");
	scene_free(x);
}

/* What a loop that ran meanwhile was seen to wait for proves nothing. */
Test(owed, a_hint_is_no_debt)
{
	struct scene *x = scene_new();
	uint32_t main_task;

	main_task = loop_only(x);
	model_task(x->model, main_task)->hint = true;
	await_event(x, main_task, &broken);
	loop_verdict(x);
	cr_expect_eq(verdict(x)->kind, VERDICT_IDLE);
	scene_free(x);
}

/* Of several children one that could go on may be all that the program is for. */
Test(owed, one_child_that_could_go_on_is_enough)
{
	for (int dead = 0; dead <= 2; dead++) {
		struct scene *x = scene_new();
		uint32_t main_task, nursery;
		struct await a;

		main_task = loop_only(x);
		nursery = model_add_nursery(x->model, 1, 0x7000);
		a = await_of(main_task, AWAIT_NURSERY);
		a.nursery = nursery;
		loop_await(x, a);
		for (int i = 0; i < 2; i++) {
			uint32_t child = loop_task(x, main_task, i ? "b" : "c");

			model_task(x->model, child)->nursery = nursery;
			await_event(x, child, i < dead ? &broken : NULL);
		}
		loop_verdict(x);
		cr_expect_eq(verdict(x)->kind, dead == 2 ? VERDICT_DEADLOCK : VERDICT_IDLE, "%d",
			     dead);
		scene_free(x);
	}
}

/* ---- the other end of a connection ----------------------------------------------------------- */

/*
 * A loop calls over fd 7; the other end, fd 9 of PID(2), which listens as well, does not say who
 * serves the call.
 */
static struct scene *make_call(uint32_t *main_task)
{
	static const struct promise answer = { .kind = PROMISE_ANSWER, .fd = 7, .call = 42 };
	struct scene *x = scene_new();

	loop_process(x, PID(1));
	loop_process(x, PID(2));
	scene_connect(x, PID(1), 7, PID(2), 9);
	scene_decode(x);
	*main_task = loop_main(x, PID(1));
	await_event(x, *main_task, &answer);
	return x;
}

Test(owed, who_listens_may_answer)
{
	uint32_t main_task;
	struct scene *x = make_call(&main_task);

	loop_verdict(x);
	cr_expect_eq(verdict(x)->kind, VERDICT_IDLE);
	scene_free(x);
}

/* Who serves the call is stuck: of him is told, though both loops listen. */
Test(owed, by_one_who_is_owed_something_himself)
{
	uint32_t main_task, boss, serves;
	struct scene *x = make_call(&main_task);

	boss = loop_main(x, PID(2));
	serves = loop_task(x, boss, "serves");
	model_task(x->model, serves)->serves_fd = 9;
	model_task(x->model, serves)->serves_call = 42;
	loop_await(x, await_of(boss, AWAIT_FOREVER));
	await_event(x, serves, &broken);
	loop_verdict(x);
	cr_expect_eq(verdict(x)->kind, VERDICT_DEADLOCK);
	cr_expect_eq(verdict(x)->culprit.task, serves);
	cr_expect_eq(verdict(x)->chain.count, 3);
	cr_assert_eq(verdict(x)->members.count, 1);
	cr_expect_eq(verdict(x)->members.at[0], model_find_pid(x->model, PID(2)));
	scene_free(x);
}

/* The end that would answer was sent to a process, which does not take it out of its queue. */
Test(owed, the_other_end_lies_unread_in_a_queue)
{
	uint32_t main_task, there;
	struct scene *x = make_call(&main_task);
	struct finding unread = { .fd = 3 };

	waits_decode_tasks(x->ctx);
	there = model_find_pid(x->model, PID(2));
	for (uint32_t i = 0; i < x->model->holders.count; i++)
		if (x->model->holders.at[i].fd == 9)
			x->model->holders.at[i].fd = -1;
	unread.actor = there;
	unread.kind = strtab_add(x->model->strings, "unread-bytes");
	unread.text = strtab_add(x->model->strings, "it has unread bytes");
	model_add_finding(x->model, unread);
	loop_verdict(x);
	cr_expect_eq(verdict(x)->kind, VERDICT_DEADLOCK);
	cr_expect_eq(verdict(x)->confidence, CONFIDENCE_CONDITIONAL);
	cr_expect_eq(verdict(x)->culprit.actor, there);
	cr_expect_str_eq(scene_str(x, verdict(x)->culprit.reason), "never-received");
	cr_expect_str_eq(scene_str(x, verdict(x)->culprit.text), "it has unread bytes");
	cr_assert_eq(verdict(x)->caveats.count, 1);
	cr_expect_str_eq(scene_str(x, verdict(x)->caveats.at[0]),
			 "what the last one waits for lies unread in a queue, from which it may "
			 "yet be taken");
	scene_free(x);
}
