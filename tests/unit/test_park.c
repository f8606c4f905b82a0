/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an interpreter says of threads that wait, as waits and terms, and the verdict that follows.
 */
#include "waits/task/park.h"

#include "graph/verdict.h"
#include "lib/unit_scene.h"
#include "model/tasks.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>
#include <time.h>

/* What a semaphore without a visitor looks like: value, waiters, private. */
static uint32_t semaphore[4] = { 0, 1, 0, 0 };

enum { WAIT_BITSET_PRIVATE = 0x189 };

/* A process with `threads` threads, all of them at a semaphore that anybody may post. */
static void make_threads(struct scene *x, uint32_t threads)
{
	scene_process(x, PID(1), 0, "program");
	for (uint32_t i = 1; i < threads; i++)
		scene_thread(x, PID(1), PID(1 + i));
	for (uint32_t i = 0; i < threads; i++) {
		scene_call(x, PID(1 + i), SYS_futex, HERE(semaphore))->args[1] =
			WAIT_BITSET_PRIVATE;
		scene_task(x, PID(1 + i))->args[3] = 0;
	}
}

static uint32_t thread_of(const struct scene *x, int32_t tid)
{
	return model_find_tid(x->model, tid);
}

static struct park park_of(const struct scene *x, int32_t tid, enum park_by by)
{
	return (struct park){
		.thread = thread_of(x, tid),
		.kind = WAIT_MUTEX,
		.by = (uint8_t)by,
		.as = AS_SETTER,
		.completion = true,
		.what = strtab_add(x->model->strings, "threading.Lock"),
		.object = 0x1000u * (uint32_t)(tid - PID(0)),
		.text = strtab_add(x->model->strings, "waiting for a lock"),
	};
}

/* The thread `tid` waits for what only `owner` can end. */
static struct park owned(const struct scene *x, int32_t tid, int32_t owner)
{
	struct park p = park_of(x, tid, PARK_THREADS);
	uint32_t thread = thread_of(x, owner);

	p.as = AS_OWNER;
	model_add_park(x->model, p, &thread, 1);
	return p;
}

/* Every term is of one wait, as a capture needs it. */
static void expect_no_stray_terms(const struct scene *x)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < x->model->waits.count; i++)
		count += x->model->waits.at[i].term_count;
	cr_expect_eq(count, x->model->terms.count);
}

Test(park, an_owner_is_the_only_way_out)
{
	struct scene *x = scene_new();
	const struct wait *w;

	make_threads(x, 3);
	scene_decode(x);
	owned(x, PID(2), PID(3));
	waits_decode_parks(x->ctx);
	w = scene_wait(x, PID(2));
	cr_expect_eq(w->kind, WAIT_MUTEX);
	cr_expect_eq(w->term_count, 1);
	cr_expect_eq(scene_term(x, w, TERM_THREAD)->id, thread_of(x, PID(3)));
	cr_expect_str_eq(scene_str(x, model_object(x->model, w->object)->key),
			 "threading.Lock:[5000001/0x2000]");
	cr_expect_str_eq(scene_str(x, w->text), "waiting for a lock");
	cr_expect_eq(x->model->parks.count, 0);
	/* nothing is said of the others, whose terms stay theirs: the memory is not to be read */
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(3)), TERM_UNKNOWN), 1);
	expect_no_stray_terms(x);
	scene_free(x);
}

Test(park, anybody_else_can_release_a_lock_without_owner)
{
	struct scene *x = scene_new();
	struct park p;

	make_threads(x, 3);
	scene_decode(x);
	p = park_of(x, PID(1), PARK_PROCESS);
	p.signals = true;
	model_add_park(x->model, p, NULL, 0);
	waits_decode_parks(x->ctx);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_THREAD), 2);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_NEW), 1);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_NEVER), 0);
	expect_no_stray_terms(x);
	scene_free(x);
}

Test(park, a_single_thread_does_not_serve_itself)
{
	struct scene *x = scene_new();

	make_threads(x, 1);
	scene_decode(x);
	model_add_park(x->model, park_of(x, PID(1), PARK_PROCESS), NULL, 0);
	waits_decode_parks(x->ctx);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_NEVER), 1);
	verdict_give(x->model);
	cr_expect_eq(x->model->verdict.kind, VERDICT_DEADLOCK);
	scene_free(x);
}

Test(park, what_its_system_call_says_may_stay)
{
	struct scene *x = scene_new();
	struct park p;

	make_threads(x, 2);
	scene_decode(x);
	p = park_of(x, PID(1), PARK_AS_SEEN);
	p.object = 0;
	model_add_park(x->model, p, NULL, 0);
	waits_decode_parks(x->ctx);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_UNKNOWN), 1);
	cr_expect_str_eq(scene_str(x, scene_wait(x, PID(1))->text), "waiting for a lock");
	expect_no_stray_terms(x);
	scene_free(x);
}

Test(park, a_time_out_stays)
{
	struct scene *x = scene_new();
	struct timespec end;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 1000;
	scene_process(x, getpid(), 0, "program");
	scene_thread(x, getpid(), PID(2));
	scene_call(x, getpid(), SYS_futex, HERE(semaphore))->args[1] = WAIT_BITSET_PRIVATE;
	scene_task(x, getpid())->args[3] = HERE(&end);
	scene_decode(x);
	cr_assert_eq(scene_terms(x, scene_wait(x, getpid()), TERM_TIME), 1);
	left = scene_wait(x, getpid())->timeout_ms;
	owned(x, getpid(), PID(2));
	waits_decode_parks(x->ctx);
	cr_expect_eq(scene_terms(x, scene_wait(x, getpid()), TERM_TIME), 1);
	cr_expect_eq(scene_terms(x, scene_wait(x, getpid()), TERM_THREAD), 1);
	cr_expect_eq(scene_wait(x, getpid())->timeout_ms, left);
	scene_free(x);
}

/* Two threads, and one that accepts. */
static void make_listening(struct scene *x)
{
	make_threads(x, 3);
	scene_call(x, PID(3), SYS_accept, 3);
	scene_socket(x, PID(1), 3, 70)->state = 10;
	scene_decode(x);
}

Test(park, owners_that_wait_for_each_other_are_a_deadlock_whoever_lives)
{
	struct scene *x = scene_new();

	make_listening(x);
	owned(x, PID(1), PID(2));
	owned(x, PID(2), PID(1));
	waits_decode_parks(x->ctx);
	verdict_give(x->model);
	cr_expect_eq(x->model->verdict.kind, VERDICT_DEADLOCK);
	cr_expect_str_eq(scene_str(x, x->model->verdict.culprit.reason), "lock-order");
	scene_free(x);
}

Test(park, locks_without_owners_are_no_circle_beside_new_input)
{
	struct scene *x = scene_new();

	make_listening(x);
	model_add_park(x->model, park_of(x, PID(1), PARK_PROCESS), NULL, 0);
	model_add_park(x->model, park_of(x, PID(2), PARK_PROCESS), NULL, 0);
	waits_decode_parks(x->ctx);
	verdict_give(x->model);
	cr_expect_eq(x->model->verdict.kind, VERDICT_UNDETERMINED);
	scene_free(x);
}

Test(park, a_doubt_keeps_a_deadlock_from_being_proven)
{
	for (int doubt = 0; doubt < 2; doubt++) {
		struct scene *x = scene_new();
		uint32_t thread;
		struct park p;
		bool said = false;

		make_threads(x, 2);
		scene_decode(x);
		for (uint32_t i = 0; i < x->model->actors.count; i++)
			x->model->actors.at[i].timers_known = true;
		owned(x, PID(2), PID(1));
		p = park_of(x, PID(1), PARK_THREADS);
		p.as = AS_OWNER;
		p.doubt = doubt ? strtab_add(x->model->strings, "somebody may meddle") : 0;
		thread = thread_of(x, PID(2));
		model_add_park(x->model, p, &thread, 1);
		waits_decode_parks(x->ctx);
		verdict_give(x->model);
		cr_expect_eq(x->model->verdict.kind, VERDICT_DEADLOCK);
		for (uint32_t i = 0; i < x->model->verdict.caveats.count; i++)
			said |= !strcmp(scene_str(x, x->model->verdict.caveats.at[i]),
					"somebody may meddle");
		cr_expect_eq(said, doubt != 0);
		cr_expect_eq(x->model->verdict.confidence == CONFIDENCE_PROVEN, !doubt);
		scene_free(x);
	}
}

/* Two threads of a pool that wait for each other's futures, and one that may cancel the first. */
static void make_cancelled(struct scene *x)
{
	uint32_t second;
	struct park p;

	scene_decode(x);
	for (uint32_t i = 0; i < x->model->actors.count; i++)
		x->model->actors.at[i].timers_known = true;
	second = thread_of(x, PID(2));
	p = park_of(x, PID(1), PARK_THREADS);
	p.as = AS_OWNER;
	p.cancels = true;
	model_add_park(x->model, p, &second, 1);
	owned(x, PID(2), PID(1));
}

Test(park, who_may_cancel_counts_when_it_can_go_on)
{
	static const uint8_t kinds[] = { VERDICT_PROGRESSING, VERDICT_UNDETERMINED,
					 VERDICT_DEADLOCK };

	for (int i = 0; i < 3; i++) {
		struct scene *x = scene_new();
		const struct wait *w;

		make_threads(x, 3);
		if (i == 1)
			scene_call(x, PID(3), SYS_accept, 3);
		scene_socket(x, PID(1), 3, 70)->state = 10;
		make_cancelled(x);
		model_thread(x->model, thread_of(x, PID(3)))->moved = i == 0;
		if (i == 2)
			owned(x, PID(3), PID(1));
		waits_decode_parks(x->ctx);
		w = scene_wait(x, PID(1));
		cr_expect_eq(w->term_count, 2);
		cr_expect_eq(x->model->terms.at[w->first_term].as, AS_OWNER);
		cr_expect_eq(x->model->terms.at[w->first_term + 1].as, AS_CANCELLER);
		verdict_give(x->model);
		cr_expect_eq(x->model->verdict.kind, kinds[i], "%d: %d", i, x->model->verdict.kind);
		if (i == 1) {
			cr_assert_eq(x->model->sides.count, 1);
			cr_expect_str_eq(scene_str(x, x->model->sides.at[0].condition),
					 "if no thread cancels the future that is waited for");
		} else if (i == 2) {
			cr_expect_eq(x->model->verdict.confidence, CONFIDENCE_PROVEN);
			cr_expect_eq(x->model->sides.count, 0);
			/* the third thread is a victim: no way leads through it */
			cr_expect_eq(x->model->verdict.chain.count, 2);
		}
		scene_free(x);
	}
}
