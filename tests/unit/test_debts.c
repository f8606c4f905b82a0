/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/debts.h"

#include "capture/capture.h"
#include "graph/verdict.h"
#include "model/frames.h"

#include <criterion/criterion.h>
#include <unistd.h>

/*
 * A pool by hand: the first thread of the root waits for one that takes results (`taker`), which
 * waits for the workers; these wait for the root.
 */
struct scene {
	struct model *m;
	uint32_t root, taker, first, second; /* threads */
};

static uint32_t add_wait(struct model *m, uint32_t thread, enum wait_type kind)
{
	uint32_t wait = model_add_wait(m, thread, 0);

	model_wait(m, wait)->kind = (uint8_t)kind;
	model_wait(m, wait)->text = strtab_add(m->strings, "waiting");
	model_thread(m, thread)->wait = wait;
	model_thread(m, thread)->state = 'S';
	return wait;
}

static uint32_t add_process(struct model *m, int32_t pid)
{
	uint32_t actor = model_add_actor(m, pid, 1), thread;

	model_actor(m, actor)->in_tree = true;
	model_actor(m, actor)->timers_known = true;
	model_actor(m, actor)->name = strtab_add(m->strings, "python3");
	thread = model_add_thread(m, actor, pid);
	model_add_script_frame(m, thread,
			       (struct script_frame){ .function = strtab_add(m->strings, "f") });
	return thread;
}

static void waits_for(struct model *m, uint32_t thread, enum wait_type kind, uint32_t other)
{
	uint32_t wait = add_wait(m, thread, kind);

	model_add_term(m, wait, (struct term){ .kind = TERM_THREAD, .as = AS_SETTER, .id = other });
}

static struct scene make(void)
{
	struct scene x = { .m = model_new() };

	x.root = add_process(x.m, 1);
	x.taker = model_add_thread(x.m, model_thread(x.m, x.root)->actor, 2);
	x.first = add_process(x.m, 3);
	x.second = add_process(x.m, 4);
	x.m->root = model_thread(x.m, x.root)->actor;
	waits_for(x.m, x.root, WAIT_EVENT, x.taker);
	waits_for(x.m, x.taker, WAIT_PIPE_READ, x.first);
	model_add_term(x.m, model_thread(x.m, x.taker)->wait,
		       (struct term){ .kind = TERM_THREAD, .as = AS_HOLDER, .id = x.second });
	waits_for(x.m, x.first, WAIT_PIPE_READ, x.root);
	waits_for(x.m, x.second, WAIT_SEMAPHORE, x.root);
	return x;
}

static void expect(const struct scene *x, struct expect e)
{
	const uint32_t workers[] = { model_thread(x->m, x->first)->actor,
				     model_thread(x->m, x->second)->actor };

	e.thread = x->root;
	e.kind = WORK_JOB;
	e.what = strtab_add(x->m->strings, "the result");
	e.pool = strtab_add(x->m->strings, "the workers");
	/* one thread is all that the pool has for that */
	for (int i = 0; i < 3 && e.vanishes; i++)
		e.carriers[i] = x->taker;
	model_add_expect(x->m, e, workers, 2);
}

static const char *word(const struct scene *x, uint32_t string)
{
	return model_str(x->m, string);
}

Test(debts, who_has_it)
{
	struct scene x = make();
	const struct debt *d;
	uint32_t count;

	model_add_work(x.m, (struct work){ .thread = x.first, .kind = WORK_JOB, .number = 6 });
	model_add_work(x.m, (struct work){ .thread = x.second, .kind = WORK_JOB, .number = 7 });
	model_thread(x.m, x.second)->script.work = strtab_add(x.m->strings, "job 7");
	expect(&x, (struct expect){ .number = 7, .vanishes = true });
	model_find_debts(x.m);
	d = model_debts(x.m, x.root, &count);
	cr_assert_eq(count, 1);
	cr_expect_eq(d->by, x.second);
	cr_expect_null(model_debts(x.m, x.first, &count));
	cr_expect_str_eq(word(&x, model_wait(x.m, model_thread(x.m, x.root)->wait)->text),
			 "waiting for the result");

	/* of all ways around the one to the worker that has it */
	model_index(x.m);
	verdict_give(x.m);
	cr_expect_eq(x.m->verdict.kind, VERDICT_DEADLOCK);
	cr_expect_eq(x.m->verdict.culprit.tid, 4);
	cr_expect_str_eq(word(&x, x.m->verdict.culprit.reason), "work-stuck");
	cr_expect_str_eq(word(&x, x.m->verdict.culprit.text),
			 "python3[4] does not end job 7: it is waiting");
	cr_assert_eq(x.m->verdict.chain.count, 2);
	cr_expect_eq(x.m->verdict.chain.at[1], model_thread(x.m, x.second)->wait);
	model_free(x.m);
}

Test(debts, nobody_has_it)
{
	struct scene x = make();
	const struct debt *d;
	uint32_t count;

	/* the other one has another job */
	model_add_work(x.m, (struct work){ .thread = x.second, .kind = WORK_JOB, .number = 6 });
	expect(&x, (struct expect){ .number = 7, .vanishes = true });
	model_find_debts(x.m);
	d = model_debts(x.m, x.root, &count);
	cr_assert_eq(count, 1);
	cr_expect_eq(d->by, 0);
	cr_assert_eq(x.m->findings.count, 1);
	cr_expect_str_eq(word(&x, x.m->findings.at[0].kind), "work-lost");
	model_index(x.m);
	verdict_give(x.m);
	cr_expect_str_eq(word(&x, x.m->verdict.culprit.reason), "work-lost");
	cr_expect_eq(x.m->verdict.culprit.tid, 1);
	cr_expect_eq(x.m->verdict.kind, VERDICT_DEADLOCK);
	cr_expect_eq(x.m->verdict.confidence, CONFIDENCE_PROBABLE);
	model_free(x.m);
}

/* The other worker is at something else: that ends, and what is lost does not come of it. */
Test(debts, lost_beside_one_that_works)
{
	static const uint8_t kinds[] = { VERDICT_DEADLOCK, VERDICT_PROGRESSING, VERDICT_DEADLOCK };

	for (int i = 0; i < 3; i++) {
		struct scene x = make();
		uint32_t other = add_process(x.m, 5), wait = model_thread(x.m, x.root)->wait;

		model_thread(x.m, x.second)->moved = true;
		model_add_work(x.m,
			       (struct work){ .thread = x.second, .kind = WORK_JOB, .number = 6 });
		/* whoever lives beside the pool may end it; so may a signal, but then who is owed
		 * this is still stuck */
		if (i == 1)
			model_wait(x.m, add_wait(x.m, other, WAIT_SLEEP))->term_count = 0;
		if (i == 1)
			model_add_term(x.m, model_thread(x.m, other)->wait,
				       (struct term){ .kind = TERM_NOW });
		model_wait(x.m, wait)->term_count = 0;
		model_add_term(
			x.m, wait,
			(struct term){ .kind = TERM_THREAD, .as = AS_SETTER, .id = x.taker });
		if (i == 1)
			model_add_term(x.m, wait,
				       (struct term){ .kind = TERM_THREAD, .id = other });
		if (i == 2)
			model_add_term(x.m, wait, (struct term){ .kind = TERM_NEW });
		expect(&x, (struct expect){ .number = 7, .vanishes = true });
		model_find_debts(x.m);
		model_index(x.m);
		verdict_give(x.m);
		cr_expect_eq(x.m->findings.count, 1, "%d", i);
		cr_expect_eq(x.m->verdict.kind, kinds[i], "%d: %d", i, x.m->verdict.kind);
		if (i != 1)
			cr_expect_str_eq(word(&x, x.m->verdict.culprit.reason), "work-lost");
		model_free(x.m);
	}
}

/* Nothing is lost while somebody moves, brings it, or nobody is seen to find the pipe empty. */
Test(debts, not_lost)
{
	for (int i = 0; i < 6; i++) {
		struct scene x = make();
		struct expect e = { .number = 7, .vanishes = i != 0 };

		if (i == 1)
			model_thread(x.m, x.second)->moved = true;
		if (i == 2)
			model_wait(x.m, model_thread(x.m, x.first)->wait)->kind = WAIT_SEMAPHORE;
		if (i == 3)
			e.in_hand = x.taker;
		if (i == 4)
			model_add_work(x.m, (struct work){ .thread = x.first,
							   .kind = WORK_JOB,
							   .number = 6 });
		if (i == 5)
			model_thread(x.m, x.taker)->moved = true;
		expect(&x, e);
		model_find_debts(x.m);
		cr_expect_eq(x.m->findings.count, 0, "%d", i);
		for (uint32_t k = 0; k < x.m->debts.count; k++)
			cr_expect_neq(x.m->debts.at[k].by, 0, "%d", i);
		model_free(x.m);
	}
}

/* A time-out after which a program only waits on ends nothing. */
Test(debts, polls)
{
	struct scene x = make();
	uint32_t wait = model_thread(x.m, x.root)->wait;
	const uint32_t worker = model_thread(x.m, x.second)->actor;

	model_wait(x.m, wait)->term_count = 0;
	model_add_term(x.m, wait, (struct term){ .kind = TERM_TIME });
	model_wait(x.m, wait)->timeout_ms = 2000;
	model_add_work(x.m, (struct work){ .thread = x.second, .kind = WORK_TEST });
	model_add_expect(x.m,
			 (struct expect){ .thread = x.root,
					  .kind = WORK_TEST,
					  .any = true,
					  .polls = true,
					  .what = strtab_add(x.m->strings, "tests") },
			 &worker, 1);
	model_find_debts(x.m);
	cr_expect_eq(model_wait(x.m, wait)->timeout_ms, -1);
	model_index(x.m);
	verdict_give(x.m);
	cr_expect_eq(x.m->verdict.kind, VERDICT_DEADLOCK);
	model_free(x.m);
}

/* Two with a lock each that the other one wants. */
Test(debts, circle)
{
	struct scene x = make();

	for (int i = 0; i < 2; i++) {
		model_add_work(x.m, (struct work){ .thread = i ? x.first : x.root,
						   .kind = WORK_HOLD,
						   .number = 1u + (unsigned)i });
		model_add_expect(x.m,
				 (struct expect){ .thread = i ? x.first : x.root,
						  .kind = WORK_HOLD,
						  .number = i ? 1 : 2,
						  .what = strtab_add(x.m->strings, "a Lock") },
				 NULL, 0);
	}
	model_find_debts(x.m);
	model_index(x.m);
	verdict_give(x.m);
	cr_expect_str_eq(word(&x, x.m->verdict.culprit.reason), "lock-order");
	cr_expect_eq(x.m->verdict.culprit.tid, 3);
	cr_expect_str_eq(word(&x, model_wait(x.m, model_thread(x.m, x.root)->wait)->text),
			 "waiting, held by process 3 (python3)");
	model_free(x.m);
}

/* Whoever reads the file later may ask about another thread than the one that was asked about. */
Test(debts, a_capture_tells_of_another_thread)
{
	char path[] = "/tmp/snag-debts-XXXXXX";
	struct snag_error err = SNAG_ERROR_INIT;
	struct model *back = NULL;
	struct scene x = make();
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	model_add_work(x.m, (struct work){ .thread = x.second, .kind = WORK_JOB, .number = 7 });
	model_thread(x.m, x.second)->script.work = strtab_add(x.m->strings, "job 7");
	expect(&x, (struct expect){ .number = 7, .vanishes = true });
	model_find_debts(x.m);
	model_index(x.m);
	x.m->verdict.focus_thread = x.first;
	verdict_give(x.m);
	cr_assert_eq(capture_write(x.m, path, &err), 0, "%s", err.text);
	cr_assert_eq(capture_load(path, &back, &err), 0, "%s", err.text);
	unlink(path);
	back->verdict.focus_thread = x.root;
	verdict_give(back);
	cr_expect_eq(back->verdict.culprit.tid, 4);
	cr_expect_str_eq(model_str(back, back->verdict.culprit.reason), "work-stuck");
	cr_expect_str_eq(model_str(back, back->verdict.culprit.text),
			 "python3[4] does not end job 7: it is waiting");
	model_free(back);
	model_free(x.m);
}
