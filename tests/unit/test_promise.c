/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has promised to end the wait of a task, on models by hand: two loops, of which PID(1) has fd
 * 7 of a connection and PID(2) fd 9.
 */
#include "waits/task/task.h"

#include "lib/unit_loop.h"

#include <criterion/criterion.h>

enum { CALL = 42, HERE_FD = 7, THERE_FD = 9 };

struct pair {
	struct scene *x;
	uint32_t main, waits;  /* tasks here: `waits` was promised something */
	uint32_t boss, serves; /* tasks there: the main one and another */
};

static struct pair make(void)
{
	struct pair p = { .x = scene_new() };
	struct scene *x = p.x;

	loop_process(x, PID(1));
	loop_process(x, PID(2));
	scene_connect(x, PID(1), HERE_FD, PID(2), THERE_FD);
	scene_decode(x);
	p.main = loop_main(x, PID(1));
	p.waits = loop_task(x, p.main, "waits");
	p.boss = loop_main(x, PID(2));
	p.serves = loop_task(x, p.boss, "serves");
	return p;
}

/* What `waits` was promised, and its wait. */
static const struct wait *decode(const struct pair *p, struct promise promise)
{
	struct await a = await_of(p->waits, AWAIT_EVENT);

	promise.who = strtab_add(p->x->model->strings, "somebody");
	a.label = strtab_add(p->x->model->strings, "the answer");
	a.promise = promise;
	loop_await(p->x, a);
	waits_decode_tasks(p->x->ctx);
	return loop_wait(p->x, p->waits);
}

/* The task that a wait names `as` that; 0: none. */
static uint32_t task_in(const struct pair *p, const struct wait *w, uint8_t as)
{
	for (uint32_t i = 0; i < w->term_count; i++) {
		const struct term *t = &p->x->model->terms.at[w->first_term + i];

		if (t->kind == TERM_TASK && t->as == as)
			return t->id;
	}
	return 0;
}

static void expect_text(const struct pair *p, const struct wait *w, const char *text)
{
	cr_expect_str_eq(scene_str(p->x, w->text), text);
}

/* Nobody can end it, for that reason. */
static void expect_never(const struct pair *p, const struct wait *w, const char *why)
{
	cr_assert_eq(w->term_count, 1);
	cr_expect_str_eq(scene_str(p->x, scene_term(p->x, w, TERM_NEVER)->text), why);
}

/* ---- a task ---------------------------------------------------------------------------------- */

Test(promise, a_task_by_its_number)
{
	struct pair p = make();
	const struct wait *w;

	model_task(p.x->model, p.main)->number = 5;
	model_task(p.x->model, p.waits)->number = 6;
	w = decode(&p, (struct promise){ .kind = PROMISE_TASK, .task = 5 });
	cr_expect_eq(w->term_count, 1);
	cr_expect_eq(task_in(&p, w, AS_SETTER), p.main);
	cr_expect(w->completion);
	expect_text(&p, w, "waiting for event \"the answer\", which task \"somebody\" is to set");
	scene_free(p.x);
}

/* Its number is that of none, or of one that is done, or of one in another process. */
Test(promise, a_task_that_has_ended)
{
	for (int i = 0; i < 3; i++) {
		struct pair p = make();

		if (i == 1) {
			model_task(p.x->model, p.main)->number = 5;
			model_task(p.x->model, p.main)->state = TASK_DONE;
		} else if (i == 2) {
			model_task(p.x->model, p.boss)->number = 5;
		}
		expect_never(&p, decode(&p, (struct promise){ .kind = PROMISE_TASK, .task = 5 }),
			     "task \"somebody\", which was to set it, has ended");
		scene_free(p.x);
	}
}

/* ---- the other end of a call ----------------------------------------------------------------- */

static const struct promise answer = { .kind = PROMISE_ANSWER, .fd = HERE_FD, .call = CALL };

static void serve(const struct pair *p, uint32_t task)
{
	model_task(p->x->model, task)->serves_fd = THERE_FD;
	model_task(p->x->model, task)->serves_call = CALL;
}

/* The end of the main task there would end it too. */
Test(promise, who_serves_the_call)
{
	struct pair p = make();
	const struct wait *w;

	serve(&p, p.serves);
	w = decode(&p, answer);
	cr_expect_eq(w->term_count, 2);
	cr_expect_eq(w->need, 1);
	cr_expect_eq(task_in(&p, w, AS_PEER), p.serves);
	cr_expect_eq(p.x->model->terms.at[w->first_term + 1].id, p.boss);
	cr_expect(w->completion && !w->input);
	expect_text(&p, w, "waiting for the answer of somebody to call \"the answer\" (fd 7)");
	scene_free(p.x);
}

/* A main task that only waits to be cancelled comes to no end by itself. */
Test(promise, a_main_task_that_waits_for_ever_ends_nothing)
{
	for (int deadline = 0; deadline < 2; deadline++) {
		struct pair p = make();
		struct await a = await_of(p.boss, AWAIT_FOREVER);
		const struct wait *w;

		a.deadline_ms = deadline ? 5000 : -1;
		serve(&p, p.serves);
		loop_await(p.x, a);
		w = decode(&p, answer);
		cr_expect_eq(w->term_count, deadline ? 2 : 1);
		cr_expect_eq(task_in(&p, w, AS_PEER), p.serves);
		scene_free(p.x);
	}
}

/* Both ends tell the number of the call, so who has called is known as well. */
Test(promise, who_has_called)
{
	struct pair p = make();
	struct await a = await_of(p.serves, AWAIT_EVENT);
	const struct wait *w;

	a.promise = (struct promise){ .kind = PROMISE_ANSWER, .fd = THERE_FD, .call = CALL };
	loop_await(p.x, a);
	w = decode(&p, (struct promise){ .kind = PROMISE_CALLER, .fd = HERE_FD, .call = CALL });
	cr_expect_eq(task_in(&p, w, AS_SETTER), p.serves);
	cr_expect_eq(task_in(&p, w, AS_PEER), 0);
	expect_text(
		&p, w,
		"waiting for event \"the answer\", which its caller somebody is to bring (fd 7)");
	scene_free(p.x);
}

/* Then whoever holds the other end can answer, as with any connection. */
static void expect_whoever_holds_it(const struct pair *p, const struct wait *w, const char *why)
{
	cr_expect_eq(scene_terms(p->x, w, TERM_TASK), 0, "%s", why);
	cr_expect(scene_leads_to(p->x, w, TERM_OBJECT, PID(2)), "%s", why);
	cr_expect(w->completion && !w->input, "%s", why);
}

Test(promise, an_end_that_does_not_say_who_serves)
{
	static const char *const why[] = {
		"nobody serves", "another call",      "another descriptor",
		"it is done",	 "it is not certain", "two of them do",
	};
	enum { WHY = sizeof(why) / sizeof(*why) };

	for (int i = 0; i < WHY; i++) {
		struct pair p = make();
		struct task *t = model_task(p.x->model, p.serves);

		if (i)
			serve(&p, p.serves);
		t->serves_call += i == 1;
		t->serves_fd += i == 2;
		if (i == 3)
			t->state = TASK_DONE;
		t->hint = i == 4;
		if (i == 5)
			serve(&p, p.boss);
		expect_whoever_holds_it(&p, decode(&p, answer), why[i]);
		scene_free(p.x);
	}
}

/* A loop without a thread, in another process: that is where a fork has copied it to. */
Test(promise, the_copy_that_a_fork_has_made_serves_nobody)
{
	struct pair p = make();

	serve(&p, p.serves);
	model_task(p.x->model, p.serves)->gone_tid = 77;
	expect_whoever_holds_it(&p, decode(&p, answer), "copied");
	scene_free(p.x);
}

/* The caller has something else to do, or waits for another call of his. */
Test(promise, a_caller_that_does_not_wait)
{
	for (int i = 0; i < 2; i++) {
		struct pair p = make();
		struct await a = await_of(p.serves, AWAIT_EVENT);

		a.promise = (struct promise){
			.kind = i ? PROMISE_ANSWER : PROMISE_CALLER,
			.fd = THERE_FD,
			.call = CALL + i,
		};
		loop_await(p.x, a);
		expect_whoever_holds_it(&p,
					decode(&p, (struct promise){ .kind = PROMISE_CALLER,
								     .fd = HERE_FD,
								     .call = CALL }),
					i ? "another call" : "no call");
		scene_free(p.x);
	}
}

/* ---- a process, a thread --------------------------------------------------------------------- */

static const struct promise child = { .kind = PROMISE_PROCESS, .pid = PID(2) };

Test(promise, a_process_that_is_there)
{
	struct pair p = make();
	const struct wait *w = decode(&p, child);

	cr_expect_eq(w->term_count, 1);
	cr_expect(scene_leads_to(p.x, w, TERM_ACTOR, PID(2)));
	cr_expect_eq(scene_term(p.x, w, TERM_ACTOR)->as, AS_SETTER);
	cr_expect(w->completion);
	expect_text(&p, w,
		    "waiting for event \"the answer\", which process 5000002 (somebody) is to "
		    "bring");
	scene_free(p.x);
}

Test(promise, a_process_that_has_exited)
{
	struct pair p = make();
	struct snap_process *there = (struct snap_process *)snapshot_process(p.x->snap, PID(2));

	there->exited = true;
	expect_never(&p, decode(&p, child),
		     "process 5000002 (somebody), which was to bring it, has exited");
	scene_free(p.x);
}

Test(promise, a_process_that_is_gone)
{
	struct pair p = make();
	struct promise gone = child;

	gone.pid = PID(3);
	expect_never(&p, decode(&p, gone),
		     "process 5000003 (somebody), which was to bring it, is gone");
	scene_free(p.x);
}

Test(promise, a_thread)
{
	struct pair p = make();
	const struct wait *w =
		decode(&p, (struct promise){ .kind = PROMISE_THREAD, .tid = PID(1) });

	cr_expect_eq(scene_term(p.x, w, TERM_THREAD)->id, model_find_tid(p.x->model, PID(1)));
	cr_expect_eq(scene_term(p.x, w, TERM_THREAD)->as, AS_SETTER);
	cr_expect(w->completion);
	scene_free(p.x);
}

/* Whatever its loop brings may set it, and nobody owes that. */
Test(promise, nobody)
{
	struct pair p = make();
	const struct wait *w = decode(&p, (struct promise){ .kind = PROMISE_NONE });

	cr_expect_not(w->completion);
	cr_expect_eq(scene_terms(p.x, w, TERM_TASK), 0);
	cr_expect_eq(scene_terms(p.x, w, TERM_THREAD), 1);
	expect_text(&p, w, "waiting for event \"the answer\"");
	scene_free(p.x);
}
