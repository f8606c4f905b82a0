/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loop that nothing can wake, of which the main task awaits the exit of a process: do the two
 * wait for each other?
 */
#include "lib/unit_loop.h"

#include <criterion/criterion.h>
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
				       " and was asked to end, but a shield holds the cancel "
				       "back" :
					WAITS " after it was asked to end and told so");
		scene_free(h.x);
	}
}
