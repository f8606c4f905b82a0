/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loop that nothing can wake, of which the main task awaits the exit of a process: do the two
 * wait for each other?
 */
#include "lib/unit_loop.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/syscall.h>

/* Build code: texts begin with it. */
#define WAITS "loop[5000001] task \"main\" is waiting for process 5000002 (child) to exit"

struct hang {
	struct scene *x;
	uint32_t main;
};

/* An end of a pipe of 16 slots. */
static void pipe_end(struct scene *x, int32_t tgid, int32_t fd, uint8_t mode, uint64_t ino)
{
	struct snap_file *f = scene_file(x, tgid, fd, FILE_PIPE, mode);

	f->ino = ino;
	f->description = (uint32_t)(ino + mode);
	f->pipe_slots = 16;
	f->pipe_used = ino == 77 ? 16 : 0;
}

/*
 * The loop PID(1) awaits PID(2), which writes into a full pipe that `reader` reads; PID(3) reads a
 * pipe of which it has both ends.
 */
static struct hang make(int32_t reader)
{
	struct hang h = { .x = scene_new() };
	struct scene *x = h.x;
	struct await a;

	loop_deaf_process(x, PID(1));
	scene_process(x, PID(2), PID(1), "child");
	scene_call(x, PID(2), SYS_write, 1);
	pipe_end(x, PID(2), 1, MODE_WRITE, 77);
	scene_process(x, PID(3), PID(1), "other");
	scene_call(x, PID(3), SYS_read, 8);
	pipe_end(x, PID(3), 8, MODE_READ, 78);
	pipe_end(x, PID(3), 9, MODE_WRITE, 78);
	pipe_end(x, reader, 6, MODE_READ, 77);
	scene_decode(x);
	h.main = loop_main(x, PID(1));
	a = await_of(h.main, AWAIT_PROCESS);
	a.pid = PID(2);
	loop_await(x, a);
	return h;
}

/* Does the chain end with that wait? */
static bool ends_with(const struct hang *h, const struct wait *last)
{
	const struct verdict *v = &h->x->model->verdict;

	return v->chain.count && model_wait(h->x->model, v->chain.at[v->chain.count - 1]) == last;
}

static void expect_culprit(const struct hang *h, const char *reason, const char *text)
{
	const struct verdict *v = &h->x->model->verdict;

	cr_expect_eq(v->kind, VERDICT_DEADLOCK);
	cr_expect_str_eq(scene_str(h->x, v->culprit.reason), reason);
	cr_expect_str_eq(scene_str(h->x, v->culprit.text), text);
}

Test(explain, a_child_that_waits_for_the_loop_in_turn)
{
	struct hang h = make(PID(1));

	loop_verdict(h.x);
	cr_expect(ends_with(&h, scene_wait(h.x, PID(2))));
	cr_expect_eq(h.x->model->verdict.culprit.actor, model_find_pid(h.x->model, PID(1)));
	expect_culprit(
		&h, "not-reading",
		"loop[5000001] task \"main\" can empty pipe:[77] but does not read it while it is "
		"waiting for process 5000002 (child) to exit");
	scene_free(h.x);
}

/* The child stands still for the sake of a third one: the loop is in nobody's way. */
Test(explain, a_child_that_waits_for_another)
{
	struct hang h = make(PID(3));

	loop_verdict(h.x);
	cr_expect(ends_with(&h, loop_wait(h.x, h.main)));
	cr_expect_eq(h.x->model->verdict.culprit.task, h.main);
	expect_culprit(&h, "never-woken", WAITS);
	scene_free(h.x);
}

/* The loop will not see its exit, which is no fault of the child. */
Test(explain, a_child_that_can_go_on)
{
	struct hang h = make(PID(1));

	model_thread(h.x->model, model_find_tid(h.x->model, PID(2)))->moved = true;
	loop_verdict(h.x);
	cr_expect(ends_with(&h, loop_wait(h.x, h.main)));
	expect_culprit(&h, "never-woken", WAITS);
	scene_free(h.x);
}

/* Who was asked to end and waits on is in the way, whomever it waits for. */
Test(explain, a_task_that_was_asked_to_end)
{
	for (int shield = 0; shield < 2; shield++) {
		struct hang h = make(PID(1));
		struct task *t = model_task(h.x->model, h.main);

		t->requested = TOLD_YES;
		t->shielded = shield ? TOLD_YES : TOLD_NO;
		t->delivered = shield ? TOLD_NO : TOLD_YES;
		loop_verdict(h.x);
		cr_expect(ends_with(&h, loop_wait(h.x, h.main)));
		expect_culprit(&h, shield ? "shielded" : "cancel-swallowed",
			       shield ? WAITS
				       "; it was asked to end, but a shield holds the cancel "
				       "back" :
					WAITS " after it was asked to end and told so");
		scene_free(h.x);
	}
}

/* ---- loops that sleep until a time-out ------------------------------------------------------- */

enum { SLEEPS_MS = 900 };

/* The loop PID(1), which wakes in a while: its main task. */
static struct hang make_sleeper(void)
{
	struct hang h = { .x = scene_new() };

	loop_process(h.x, PID(1));
	scene_task(h.x, PID(1))->args[3] = SLEEPS_MS;
	scene_decode(h.x);
	h.main = loop_main(h.x, PID(1));
	return h;
}

static uint32_t child(const struct hang *h, const char *name, struct await a)
{
	a.task = loop_task(h->x, h->main, name);
	loop_await(h->x, a);
	return a.task;
}

/* Main awaits both, until a deadline of its own (-1: none). */
static void await_both(const struct hang *h, uint32_t one, uint32_t other, int64_t deadline_ms)
{
	struct await a = await_of(h->main, AWAIT_ALL);
	const uint32_t others[] = { one, other };

	a.deadline_ms = deadline_ms;
	model_add_await(h->x->model, a, others, 2);
	loop_verdict(h->x);
	cr_expect_eq(h->x->model->verdict.kind, VERDICT_TIMEOUT);
	cr_expect_str_eq(scene_str(h->x, h->x->model->verdict.culprit.reason), "sleeping");
}

static struct await sleep_of(void)
{
	struct await a = await_of(0, AWAIT_SLEEP);

	a.deadline_ms = SLEEPS_MS;
	return a;
}

Test(explain, the_task_whose_deadline_it_is)
{
	struct hang h = make_sleeper();
	uint32_t event = child(&h, "event", await_of(0, AWAIT_EVENT));
	uint32_t sleeper = child(&h, "sleeper", sleep_of());

	await_both(&h, event, sleeper, -1);
	cr_expect(ends_with(&h, loop_wait(h.x, sleeper)));
	cr_expect_eq(h.x->model->verdict.culprit.task, sleeper);
	cr_expect(strstr(scene_str(h.x, h.x->model->verdict.summary), "within 900 ms"));
	scene_free(h.x);
}

/* What it waits for needs more than time: it is its own deadline that ends the wait. */
Test(explain, a_deadline_around_what_never_ends)
{
	struct hang h = make_sleeper();
	uint32_t forever = child(&h, "forever", await_of(0, AWAIT_FOREVER));
	uint32_t sleeper = child(&h, "sleeper", sleep_of());

	await_both(&h, forever, sleeper, SLEEPS_MS);
	cr_expect(ends_with(&h, loop_wait(h.x, h.main)));
	cr_expect_eq(h.x->model->verdict.culprit.task, h.main);
	scene_free(h.x);
}

/* Whatever wakes the loop may set both: no task is known to have a deadline. */
Test(explain, a_time_out_of_the_loop_alone)
{
	struct hang h = make_sleeper();
	uint32_t one = child(&h, "one", await_of(0, AWAIT_EVENT));
	uint32_t other = child(&h, "two", await_of(0, AWAIT_EVENT));

	await_both(&h, one, other, -1);
	cr_expect(ends_with(&h, scene_wait(h.x, PID(1))));
	cr_expect_eq(h.x->model->verdict.culprit.task, 0);
	scene_free(h.x);
}

/* ---- loops that run -------------------------------------------------------------------------- */

/* A loop that is busy runs one task: that one is named, and what it was asked. */
Test(explain, the_task_that_a_busy_loop_runs)
{
	for (int both = 0; both < 2; both++) {
		struct hang h = make_sleeper();
		struct model *m = h.x->model;
		uint32_t spins = loop_task(h.x, h.main, "spins");
		struct thread *t = model_thread(m, model_find_tid(m, PID(1)));

		t->moved = t->busy = true;
		model_task(m, spins)->state = TASK_RUNNING;
		model_task(m, spins)->requested = model_task(m, spins)->delivered = TOLD_YES;
		model_task(m, h.main)->state = both ? TASK_RUNNING : TASK_WAITING;
		loop_verdict(h.x);
		cr_expect_eq(m->verdict.kind, VERDICT_BUSY);
		cr_expect_eq(m->verdict.culprit.task, both ? 0 : spins);
		if (!both)
			cr_expect(strstr(scene_str(h.x, m->verdict.culprit.text),
					 ", in task \"spins\" when that was read, which was asked "
					 "to end and told so"));
		scene_free(h.x);
	}
}
