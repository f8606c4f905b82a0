/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which waits the handler of a signal may end, and which signals count.
 */
#include "waits/handlers.h"

#include "lib/unit_scene.h"
#include "model/tasks.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/syscall.h>

#define BIT(signal) (1ull << ((signal)-1))

/* A semaphore with one waiter: value, waiters, private. */
static uint32_t semaphore[4] = { 0, 1, 0, 0 };
enum { WAIT_BITSET_PRIVATE = 0x189 };

static struct scene *handling(uint64_t caught)
{
	struct scene *x = scene_new();
	struct snap_process *p = scene_process(x, PID(1), 0, "program");

	p->has_signals = scene_task(x, PID(1))->has_signals = true;
	p->sig_caught = caught;
	return x;
}

static struct scene *at_semaphore(uint64_t caught)
{
	struct scene *x = handling(caught);
	struct snap_task *t = scene_call(x, PID(1), SYS_futex, HERE(semaphore));

	t->args[1] = WAIT_BITSET_PRIVATE;
	t->args[3] = 0;
	return x;
}

/* How many terms of that kind its handlers add to the wait. */
static uint32_t added(struct scene *x, enum term_kind kind)
{
	uint32_t before, all = 0;

	scene_decode(x);
	before = scene_terms(x, scene_wait(x, PID(1)), kind);
	waits_decode_handlers(x->ctx);
	/* none is left that is of no wait */
	for (uint32_t i = 0; i < x->model->waits.count; i++)
		all += x->model->waits.at[i].term_count;
	cr_expect_eq(all, x->model->terms.count);
	return scene_terms(x, scene_wait(x, PID(1)), kind) - before;
}

/* The process reads a pipe of its own. */
static struct scene *at_pipe(uint64_t caught, bool nonblock)
{
	struct scene *x = handling(caught);
	struct snap_file *f;

	scene_call(x, PID(1), SYS_read, 3);
	scene_file(x, PID(1), 3, FILE_PIPE, MODE_READ)->ino = 77;
	f = scene_file(x, PID(1), 4, FILE_PIPE, MODE_WRITE);
	f->ino = 77;
	f->nonblock = nonblock;
	return x;
}

Test(handlers_of_waits, may_post_a_semaphore)
{
	struct scene *x = at_semaphore(BIT(SIGTERM) | BIT(SIGHUP));

	cr_expect_eq(added(x, TERM_UNKNOWN), 1);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_NEW), 0);
	scene_free(x);
}

Test(handlers_of_waits, of_faults_children_alarms_and_libc_do_not_count)
{
	struct scene *x = at_semaphore(BIT(SIGSEGV) | BIT(SIGCHLD) | BIT(SIGALRM) | BIT(33));

	cr_expect_eq(added(x, TERM_UNKNOWN), 0);
	scene_free(x);
}

Test(handlers_of_waits, that_no_thread_would_run_do_not_count)
{
	struct scene *x = at_semaphore(BIT(SIGTERM));

	scene_task(x, PID(1))->sig_blocked = BIT(SIGTERM);
	cr_expect_eq(added(x, TERM_UNKNOWN), 0);
	scene_free(x);

	/* a second thread would */
	x = at_semaphore(BIT(SIGTERM));
	scene_task(x, PID(1))->sig_blocked = BIT(SIGTERM);
	scene_thread(x, PID(1), PID(2))->has_signals = true;
	cr_expect_eq(added(x, TERM_UNKNOWN), 1);
	scene_free(x);
}

Test(handlers_of_waits, may_be_there_when_nothing_is_known_of_signals)
{
	struct scene *x = at_semaphore(0);

	x->snap->processes.at[0].has_signals = false;
	cr_expect_eq(added(x, TERM_UNKNOWN), 1);
	scene_free(x);
}

Test(handlers_of_waits, write_to_an_end_that_does_not_block)
{
	struct scene *x = at_pipe(BIT(SIGTERM), true);

	cr_expect_eq(added(x, TERM_NEW), 1);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_UNKNOWN), 0);
	scene_free(x);
}

Test(handlers_of_waits, may_write_to_one_that_blocks_and_is_nobody_elses)
{
	struct scene *x = at_pipe(BIT(SIGTERM), false);

	cr_expect_eq(added(x, TERM_UNKNOWN), 1);
	scene_free(x);

	x = at_pipe(BIT(SIGTERM), false);
	scene_process(x, PID(2), PID(1), "child");
	scene_file(x, PID(2), 4, FILE_PIPE, MODE_WRITE)->ino = 77;
	cr_expect_eq(added(x, TERM_UNKNOWN), 0);
	scene_free(x);
}

Test(handlers_of_waits, of_the_runtime_itself_do_not_count)
{
	struct scene *x = at_pipe(BIT(SIGINT), true);

	scene_decode(x);
	*vec_push(&x->model->handled) = (struct handled){ .actor = 1, .signals = BIT(SIGINT) };
	waits_decode_handlers(x->ctx);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_NEW), 0);
	/* but that the loop hands it to the program does */
	*vec_push(&x->model->handled) =
		(struct handled){ .actor = 1, .thread = 1, .signals = BIT(SIGINT) };
	waits_decode_handlers(x->ctx);
	cr_expect_eq(scene_terms(x, scene_wait(x, PID(1)), TERM_NEW), 1);
	scene_free(x);
}

Test(handlers_of_waits, are_left_to_the_interpreter_where_it_knows_the_wait)
{
	struct scene *x = at_semaphore(BIT(SIGTERM));
	uint32_t before;

	scene_decode(x);
	before = scene_wait(x, PID(1))->term_count;
	model_add_park(x->model, (struct park){ .thread = 1, .kind = WAIT_MUTEX }, NULL, 0);
	waits_decode_handlers(x->ctx);
	cr_expect_eq(scene_wait(x, PID(1))->term_count, before);
	scene_free(x);
}
