/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/busy.h"

#include "lib/unit_tree.h"

#include <criterion/criterion.h>

/* What comes of running from one look to the next. */
struct growth {
	uint64_t bytes, faults;
};

/* The same process at three looks: it ran in between each. */
static void look(struct snapshot *s, uint64_t i, struct growth each, char state)
{
	struct snap_process *p = vec_push(&s->processes);
	struct snap_task *t = vec_push(&s->tasks);

	p->tgid = t->tgid = t->tid = 10;
	p->start_ticks = t->start_ticks = 100;
	p->io_bytes = 5 + i * each.bytes;
	p->faults = 7 + i * each.faults;
	t->state = state;
	t->stamp = 1 + i;
	snapshot_index(s);
}

static bool busy(struct growth each, char last_state, uint32_t looks)
{
	_cleanup_model_ struct model *m = model_new();
	struct snapshot *s[3] = { snapshot_new(), snapshot_new(), snapshot_new() };
	uint32_t a = tree_actor(m, 10, "spin", 0);

	for (uint64_t i = 0; i < 3; i++)
		look(s[i], i, each, i == 2 ? last_state : 'R');
	busy_mark(m, s, looks);
	for (int i = 0; i < 3; i++)
		snapshot_free(s[i]);
	return model_thread(m, tree_main(m, a))->busy;
}

Test(busy, runs_and_nothing_comes_of_it)
{
	cr_assert(busy((struct growth){ 0 }, 'R', 3));
}

Test(busy, bytes_are_progress)
{
	cr_assert_not(busy((struct growth){ .bytes = 1 }, 'R', 3));
}

Test(busy, pages_touched_for_the_first_time_are_progress)
{
	cr_assert_not(busy((struct growth){ .faults = 100 }, 'R', 3));
}

Test(busy, a_page_that_was_taken_away_is_none)
{
	cr_assert(busy((struct growth){ .faults = 1 }, 'R', 3));
}

Test(busy, a_thread_that_blocks_is_not_busy)
{
	cr_assert_not(busy((struct growth){ 0 }, 'S', 3));
}

Test(busy, two_looks_show_nothing)
{
	cr_assert_not(busy((struct growth){ 0 }, 'R', 2));
}
