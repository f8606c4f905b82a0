/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/verdict.h"

#include "lib/unit_tree.h"
#include "model/tasks.h"
#include "read/snapshot.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

/* A parent that waits for a child whose pipe is full, and that alone could read it. */
static struct model *full_pipe(void)
{
	struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "python3", 0), b = tree_actor(m, 11, "yes", a);
	uint32_t pipe = tree_pipe(m, "pipe:[1]");

	model_add_holder(m, pipe, a, 3, MODE_READ);
	model_add_holder(m, pipe, b, 1, MODE_WRITE);
	tree_wait_exit(m, a, b);
	tree_wait_pipe(m, b, pipe, true);
	model_index(m);
	return m;
}

Test(verdict, a_full_pipe_that_only_the_waiting_parent_reads)
{
	_cleanup_model_ struct model *m = full_pipe();

	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_DEADLOCK));
	cr_assert(eq(int, m->verdict.confidence, CONFIDENCE_PROVEN));
	cr_assert(eq(int, (int)m->verdict.chain.count, 2));
	cr_assert(eq(int, (int)m->verdict.culprit.actor, 1));
	cr_assert(eq(str, (char *)model_str(m, m->verdict.culprit.reason), "not-reading"));
	cr_assert_not_null(strstr(model_str(m, m->verdict.summary), "they wait for each other"));
	cr_assert(eq(int, (int)m->verdict.members.count, 2));
}

Test(verdict, asking_twice_gives_the_same_answer)
{
	_cleanup_model_ struct model *m = full_pipe();
	uint32_t summary;

	verdict_give(m);
	summary = m->verdict.summary;
	verdict_give(m);
	cr_assert(eq(int, (int)m->verdict.summary, (int)summary));
	cr_assert(eq(int, (int)m->verdict.chain.count, 2));
}

Test(verdict, what_keeps_it_from_being_proven)
{
	_cleanup_model_ struct model *m = full_pipe();

	model_object(m, 1)->holders_seen = HOLDERS_VISIBLE;
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_DEADLOCK));
	cr_assert(eq(int, m->verdict.confidence, CONFIDENCE_PROBABLE));
	model_object(m, 1)->holders_seen = HOLDERS_COMPLETE;
	model_actor(m, 2)->timers_known = false;
	verdict_give(m);
	cr_assert(eq(int, m->verdict.confidence, CONFIDENCE_PROBABLE));
	model_actor(m, 2)->timers_known = true;
	model_actor(m, 2)->tracer = 99;
	verdict_give(m);
	cr_assert(eq(int, m->verdict.confidence, CONFIDENCE_PROBABLE));
	cr_assert(eq(int, (int)m->verdict.caveats.count, 1));
}

Test(verdict, a_server_at_rest_is_idle)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "sh", 0), b = tree_actor(m, 11, "nginx", a);

	tree_wait_exit(m, a, b);
	tree_term(m, tree_wait(m, tree_main(m, b), WAIT_ACCEPT, "accepting"), TERM_NEW,
		  strtab_add(m->strings, "x"));
	model_index(m);
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_IDLE));
	cr_assert(eq(int, (int)m->verdict.culprit.actor, (int)b));
}

/* a waits for b's exit; b polls a channel to a and a listener. */
static struct model *supervisor(void)
{
	struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "boss", 0), b = tree_actor(m, 11, "worker", a);
	uint32_t w;

	tree_wait_exit(m, a, b);
	w = tree_wait(m, tree_main(m, b), WAIT_POLL, "polling");
	tree_term(m, w, TERM_ACTOR, a);
	tree_term(m, w, TERM_NEW, 0);
	model_index(m);
	return m;
}

Test(verdict, an_exit_owed_by_a_listener_is_undetermined)
{
	_cleanup_model_ struct model *m = supervisor();

	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_UNDETERMINED));
	cr_assert(eq(int, (int)m->verdict.missing.count, 1));
}

Test(verdict, who_may_wait_for_the_dead_is_not_called_idle)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "front", 0), b = tree_actor(m, 11, "back", a), w, item;

	w = tree_wait(m, tree_main(m, a), WAIT_POLL, "polling");
	item = model_add_wait(m, tree_main(m, a), w);
	model_wait(m, item)->kind = WAIT_UNIX_RECV;
	tree_term(m, item, TERM_ACTOR, b);
	tree_term(m, w, TERM_NEW, 0);
	tree_term(m, w, TERM_WAIT, item);
	tree_term(m, tree_wait(m, tree_main(m, b), WAIT_FUTEX, "locking"), TERM_NEVER, 0);
	model_index(m);
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_UNDETERMINED));
	cr_assert(eq(int, (int)m->verdict.missing.count, 1));
	cr_assert_not_null(strstr(model_str(m, m->verdict.summary), "can never go on"));
}

Test(verdict, a_lock_owed_in_a_circle_is_a_deadlock_though_it_listens)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a), w;

	w = tree_wait(m, tree_main(m, a), WAIT_MUTEX, "locking");
	model_wait(m, w)->completion = true;
	tree_term(m, w, TERM_THREAD, tree_main(m, b));
	w = tree_wait(m, tree_main(m, b), WAIT_POLL, "polling");
	tree_term(m, w, TERM_ACTOR, a);
	tree_term(m, w, TERM_NEW, 0);
	model_index(m);
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_DEADLOCK));
	cr_assert(eq(int, m->verdict.confidence, CONFIDENCE_PROBABLE));
}

/* An event loop that also listens waits for a child's exit and does not read its full pipe. */
static struct model *deaf_loop(void)
{
	struct model *m = full_pipe();
	uint32_t a = 1, w = tree_wait(m, tree_main(m, a), WAIT_POLL, "polling"), item, task;

	item = model_add_wait(m, tree_main(m, a), w);
	model_wait(m, item)->kind = WAIT_CHILD_EXIT;
	model_wait(m, item)->completion = true;
	tree_term(m, item, TERM_EXIT, 2);
	tree_term(m, w, TERM_ACTOR, a); /* its wakeup pair */
	tree_term(m, w, TERM_WAIT, item);
	tree_term(m, w, TERM_NEW, 0);
	task = model_add_task(m, a, 0x1000);
	model_task(m, task)->main = true;
	model_task(m, task)->state = TASK_WAITING;
	model_task(m, task)->thread = tree_main(m, a);
	model_index(m);
	return m;
}

Test(verdict, what_is_owed_decides_and_not_the_wakeup_pair_nor_a_task)
{
	_cleanup_model_ struct model *m = deaf_loop();
	const struct culprit *c = &m->verdict.culprit;

	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_DEADLOCK));
	cr_assert(eq(int, (int)c->actor, 1));
	cr_assert(eq(str, (char *)model_str(m, c->reason), "not-reading"));
	cr_assert(eq(str, (char *)model_str(m, model_object(m, c->object)->key), "pipe:[1]"));
	cr_assert(eq(int, (int)m->verdict.members.count, 2));
}

Test(verdict, live_levels)
{
	static const struct {
		enum term_kind term;
		enum verdict_kind kind;
	} rows[] = {
		{ TERM_TIME, VERDICT_TIMEOUT },	   { TERM_OUTSIDE, VERDICT_EXTERNAL },
		{ TERM_STOPPED, VERDICT_STOPPED }, { TERM_UNKNOWN, VERDICT_UNDETERMINED },
		{ TERM_NOW, VERDICT_PROGRESSING }, { TERM_NEVER, VERDICT_DEADLOCK },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		_cleanup_model_ struct model *m = model_new();
		uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a);

		tree_wait_exit(m, a, b);
		tree_term(m, tree_wait(m, tree_main(m, b), WAIT_FUTEX, "x"), rows[i].term, 0);
		model_index(m);
		verdict_give(m);
		cr_assert(eq(int, m->verdict.kind, rows[i].kind), "row %zu", i);
		cr_assert_gt(m->verdict.summary, 0);
	}
}

Test(verdict, busy_is_told_from_progress)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a);

	tree_wait_exit(m, a, b);
	model_thread(m, tree_main(m, b))->moved = true;
	model_index(m);
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_PROGRESSING));
	model_thread(m, tree_main(m, b))->busy = true;
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_BUSY));
	cr_assert(eq(int, (int)m->verdict.culprit.actor, (int)b));
}

Test(verdict, a_partial_deadlock_beside_a_live_focus)
{
	_cleanup_model_ struct model *m = full_pipe();
	uint32_t c = tree_actor(m, 12, "front", 0);

	m->root = c;
	model_thread(m, tree_main(m, c))->moved = true;
	model_index(m);
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_PROGRESSING));
	cr_assert(eq(int, (int)m->sides.count, 1));
	cr_assert(eq(int, m->sides.at[0].kind, VERDICT_DEADLOCK));
	cr_assert(eq(int, (int)m->sides.at[0].members.count, 2));
}

Test(verdict, close_one_inherited_descriptor)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "sh", 0), b = tree_actor(m, 11, "sleep", a);
	uint32_t pipe = tree_pipe(m, "pipe:[1]"), stray;

	model_add_holder(m, pipe, a, 3, MODE_READ);
	stray = model_add_holder(m, pipe, b, 1, MODE_WRITE);
	m->holders.at[stray].inherited = true;
	tree_wait_pipe(m, a, pipe, false);
	tree_term(m, tree_wait(m, tree_main(m, b), WAIT_SLEEP, "sleeping"), TERM_TIME, 0);
	model_index(m);
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_TIMEOUT));
	cr_assert(eq(int, (int)m->verdict.culprit.actor, (int)b));
	cr_assert_not_null(
		strstr(model_str(m, m->verdict.culprit.text), "Close fd 1 in pid 11 (sleep)"));
}

Test(verdict, a_poller_that_hides_a_deadlock)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a), w;

	w = tree_wait(m, tree_main(m, a), WAIT_CHILD_EXIT, "polling for a child");
	tree_term(m, w, TERM_EXIT, b);
	tree_term(m, w, TERM_TIME, 0);
	w = tree_wait(m, tree_main(m, b), WAIT_PIPE_READ, "reading");
	tree_term(m, w, TERM_ACTOR, a);
	model_index(m);
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_TIMEOUT));
	cr_assert(eq(int, (int)m->sides.count, 1));
	cr_assert(eq(int, m->sides.at[0].confidence, CONFIDENCE_CONDITIONAL));
}

Test(verdict, an_exited_root)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0);

	model_actor(m, a)->exited = true;
	model_thread(m, tree_main(m, a))->state = 'Z';
	model_index(m);
	verdict_give(m);
	cr_assert(eq(int, m->verdict.kind, VERDICT_EXITED));
}

Test(verdict, the_thread_that_was_asked_about)
{
	_cleanup_model_ struct model *m = full_pipe();

	m->verdict.focus_thread = 2;
	verdict_give(m);
	cr_assert(eq(int, (int)m->verdict.focus_thread, 2));
	cr_assert(eq(int, (int)model_wait(m, m->verdict.chain.at[0])->kind, WAIT_PIPE_WRITE));
}
