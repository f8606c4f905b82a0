/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_task.c - tasks, nurseries and their errors.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "runtime/core/errors.h"
#include "runtime/core/event.h"
#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/test/help_core.h"

TestSuite(core_task, .init = help_begin, .fini = help_end);

static int give(void *arg, struct grove_error *err)
{
	(void)err;
	return *(int *)arg;
}

Test(core_task, result_of_main)
{
	int rc = 0;

	cr_assert_eq(core_run(give, &rc), 0);
	rc = -EXDEV;
	cr_assert_eq(core_run(give, &rc), -EXDEV);
	cr_assert_null(grove_loop_current());
}

static int nested(void *arg, struct grove_error *err)
{
	int rc = 0;

	(void)arg;
	cr_assert_eq(grove_run(give, &rc, NULL, err), -EBUSY);
	cr_assert(strstr(err->text, "main"));
	return 0;
}

Test(core_task, one_loop_a_thread)
{
	cr_assert_eq(core_run(nested, NULL), 0);
}

/* ---- order -------------------------------------------------------------------------------------
 */

struct trace {
	char text[64];
	char letter[8];
	size_t used;
};

static int write_letters(void *arg, struct grove_error *err)
{
	struct trace *trace = arg;
	char letter = grove_task_name(grove_current())[0];

	(void)err;
	for (int i = 0; i < 3; i++) {
		trace->text[trace->used++] = letter;
		cr_assert_eq(grove_checkpoint(), 0);
	}
	return 0;
}

static int three_in_turn(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "a", write_letters, arg);
	grove_spawn(&nursery, "b", write_letters, arg);
	grove_spawn(&nursery, "c", write_letters, arg);
	return grove_nursery_exit(&nursery, 0, err);
}

Test(core_task, take_turns)
{
	struct trace trace = { .used = 0 };

	cr_assert_eq(core_run(three_in_turn, &trace), 0);
	cr_assert_str_eq(trace.text, "abcabcabc");
}

/* ---- errors ------------------------------------------------------------------------------------
 */

static int fail_text(void *arg, struct grove_error *err)
{
	(void)arg;
	return grove_error_set(err, -EDOM, "no such thing");
}

static int wait_then_fail(void *arg, struct grove_error *err)
{
	(void)arg;
	cr_assert_eq(grove_sleep_forever(), -ECANCELED);
	const struct grove_reason *reason = grove_cancel_reason();

	cr_assert_eq(reason->by, GROVE_CANCEL_SIBLING);
	cr_assert_str_eq(reason->who, "bad");
	return grove_error_set(err, -ERANGE, "could not clean up");
}

static int wait_forever(void *arg, struct grove_error *err)
{
	int *ended = arg;

	(void)err;
	int rc = grove_sleep_forever();

	(*ended)++;
	return rc;
}

static int one_fails(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "work");
	grove_spawn(&nursery, "good", wait_forever, arg);
	grove_spawn(&nursery, "late", wait_then_fail, NULL);
	grove_spawn(&nursery, "bad", fail_text, NULL);
	int rc = grove_nursery_exit(&nursery, 0, err);

	cr_assert_eq(rc, -EDOM);
	cr_assert_not(nursery.scope.caught);
	cr_assert_eq(grove_check(), 0);
	return rc;
}

Test(core_task, first_error_cancels_the_rest_and_all_are_kept)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int ended = 0;

	cr_assert_eq(grove_run(one_fails, &ended, NULL, &err), -EDOM);
	cr_assert_eq(ended, 1);
	cr_assert_str_eq(err.text, "nursery 'work': 2 tasks failed, first: no such thing");
	cr_assert_eq(grove_errors_count(err.tree), 2);
	cr_assert_eq(grove_errors_leaves(err.tree), 2);
	const struct grove_errors *late = grove_errors_find(err.tree, -ERANGE);

	cr_assert_str_eq(grove_errors_text(late), "could not clean up");
	cr_assert_str_eq(grove_errors_origin(late)->task, "late");
	_grove_free_ char *all = grove_errors_print(err.tree);

	cr_assert_str_eq(all, "nursery 'work': 2 tasks failed, first: no such thing\n"
			      "  no such thing [task bad]\n"
			      "  could not clean up [task late]\n");
	core_clean();
}

static int body_fails(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "w", wait_forever, arg);
	cr_assert_eq(grove_checkpoint(), 0);
	int rc = grove_error_set(err, -EBADMSG, "body");

	return grove_nursery_exit(&nursery, rc, err);
}

Test(core_task, body_error_cancels_children)
{
	int ended = 0;

	cr_assert_eq(core_run(body_fails, &ended), -EBADMSG);
	cr_assert_eq(ended, 1);
}

static int cancel_nursery(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "w", wait_forever, arg);
	grove_spawn(&nursery, "w", wait_forever, arg);
	grove_nursery_cancel(&nursery, "enough");
	int rc = grove_nursery_exit(&nursery, 0, err);

	cr_assert_eq(rc, 0);
	cr_assert(nursery.scope.caught);
	cr_assert_eq(grove_check(), 0);
	return rc;
}

Test(core_task, own_cancel_is_no_error)
{
	int ended = 0;

	cr_assert_eq(core_run(cancel_nursery, &ended), 0);
	cr_assert_eq(ended, 2);
}

static int lies(void *arg, struct grove_error *err)
{
	(void)arg;
	(void)err;
	return -ECANCELED;
}

static int with_a_liar(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	(void)arg;
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "liar", lies, NULL);
	int rc = grove_nursery_exit(&nursery, 0, err);

	cr_assert(strstr(err->text, "without a cancel"), "%s", err->text);
	return rc;
}

Test(core_task, ecanceled_without_a_cancel_is_an_error)
{
	cr_assert_eq(core_run(with_a_liar, NULL), -EPROTO);
}

/* ---- start -------------------------------------------------------------------------------------
 */

static int serve(void *arg, struct grove_error *err)
{
	struct grove_nursery inner;

	/* Opened before it is ready: its scopes move along. */
	grove_nursery_open(&inner, "inner");
	grove_spawn(&inner, "helper", wait_forever, arg);
	cr_assert_eq(grove_checkpoint(), 0);
	cr_assert_eq(grove_started("ready"), 0);
	cr_assert_eq(grove_started("again"), -EPROTO);
	return grove_nursery_exit(&inner, 0, err);
}

static int start_server(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;
	struct grove_start start = { .name = "server", .fn = serve, .arg = arg };

	grove_nursery_open(&nursery, "n");
	int rc = grove_start(&nursery, &start, err);

	cr_assert_eq(rc, 0);
	cr_assert_str_eq(start.value, "ready");
	cr_assert_eq(nursery.count, 1);
	cr_assert_eq(*(int *)arg, 0);
	grove_nursery_cancel(&nursery, "done");
	rc = grove_nursery_exit(&nursery, 0, err);
	cr_assert_eq(*(int *)arg, 1);
	return rc;
}

Test(core_task, start_moves_the_task)
{
	int ended = 0;

	cr_assert_eq(core_run(start_server, &ended), 0);
}

static int start_fails(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;
	struct grove_start bad = { .name = "bad", .fn = fail_text };
	int zero = 0;
	struct grove_start silent = { .name = "silent", .fn = give, .arg = &zero };

	(void)arg;
	grove_nursery_open(&nursery, "n");
	cr_assert_eq(grove_start(&nursery, &bad, err), -EDOM);
	cr_assert_str_eq(err->text, "no such thing");
	cr_assert_eq(grove_start(&nursery, &silent, err), -EPROTO);
	grove_error_clear(err);
	cr_assert_eq(grove_check(), 0);
	return grove_nursery_exit(&nursery, 0, err);
}

Test(core_task, start_of_a_task_that_fails)
{
	cr_assert_eq(core_run(start_fails, NULL), 0);
}

static int never_ready(void *arg, struct grove_error *err)
{
	return wait_forever(arg, err);
}

static int start_cancelled(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;
	struct grove_scope scope;
	struct grove_start start = { .name = "slow", .fn = never_ready, .arg = arg };

	grove_nursery_open(&nursery, "n");
	grove_move_on_after(&scope, 5 * GROVE_MS);
	int rc = grove_start(&nursery, &start, err);

	cr_assert_eq(rc, -ECANCELED);
	rc = grove_scope_exit(&scope, rc, err);
	cr_assert(scope.caught);
	cr_assert_eq(nursery.count, 0);
	return grove_nursery_exit(&nursery, rc, err);
}

Test(core_task, start_that_is_cancelled)
{
	int ended = 0;

	cr_assert_eq(core_run(start_cancelled, &ended), 0);
	cr_assert_eq(ended, 1);
}

/* ---- system tasks ------------------------------------------------------------------------------
 */

static int main_with_system(void *arg, struct grove_error *err)
{
	(void)err;
	grove_spawn(grove_system_nursery(), "system", wait_forever, arg);
	return grove_checkpoint();
}

Test(core_task, system_tasks_end_with_main)
{
	int ended = 0;

	cr_assert_eq(core_run(main_with_system, &ended), 0);
	cr_assert_eq(ended, 1);
}

static int system_fails(void *arg, struct grove_error *err)
{
	grove_spawn(grove_system_nursery(), "system", fail_text, NULL);
	return wait_forever(arg, err);
}

Test(core_task, failing_system_task_ends_main)
{
	int ended = 0;

	cr_assert_eq(core_run(system_fails, &ended), -EDOM);
	cr_assert_eq(ended, 1);
}
