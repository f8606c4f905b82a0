/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/busy.h"

#include "lib/unit_tree.h"

#include <criterion/criterion.h>

/* The same process at three looks: it ran in between each, and its bytes grow by `bytes` a look. */
static void look(struct snapshot *s, uint64_t stamp, uint64_t bytes, char state)
{
	struct snap_process *p = vec_push(&s->processes);
	struct snap_task *t = vec_push(&s->tasks);

	p->tgid = t->tgid = t->tid = 10;
	p->start_ticks = t->start_ticks = 100;
	p->io_bytes = bytes;
	p->faults = 7;
	t->state = state;
	t->stamp = stamp;
	snapshot_index(s);
}

static bool busy(uint64_t bytes, char last_state, uint32_t looks)
{
	_cleanup_model_ struct model *m = model_new();
	struct snapshot *s[3] = { snapshot_new(), snapshot_new(), snapshot_new() };
	uint32_t a = tree_actor(m, 10, "spin", 0);

	for (uint64_t i = 0; i < 3; i++)
		look(s[i], 1 + i, 5 + i * bytes, i == 2 ? last_state : 'R');
	busy_mark(m, s, looks);
	for (int i = 0; i < 3; i++)
		snapshot_free(s[i]);
	return model_thread(m, tree_main(m, a))->busy;
}

Test(busy, runs_and_nothing_comes_of_it)
{
	cr_assert(busy(0, 'R', 3));
}

Test(busy, bytes_are_progress)
{
	cr_assert_not(busy(1, 'R', 3));
}

Test(busy, a_thread_that_blocks_is_not_busy)
{
	cr_assert_not(busy(0, 'S', 3));
}

Test(busy, two_looks_show_nothing)
{
	cr_assert_not(busy(0, 'R', 2));
}
