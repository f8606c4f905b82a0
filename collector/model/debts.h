/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debts.h - who waits for work that was given to whom.
 *
 *	model_add_work(m, (struct work){ .thread = worker, .kind = WORK_JOB, .number = 7 });
 *	struct expect result = { .thread = main, .kind = WORK_JOB, .number = 7 };
 *	model_add_expect(m, result, &actor, 1);
 *	model_find_debts(m);
 */
#pragma once

#include "model/model.h"

/* A thread is at that. */
void model_add_work(struct model *m, struct work work);

/* A thread waits for what the `count` actors `workers` do; one for each thread at most. */
void model_add_expect(struct model *m, struct expect expect, const uint32_t *workers,
		      uint32_t count);

/*
 * Make debts of what is expected, and findings "work-lost" of what nobody has any more. Call after
 * the second stamps are applied: nothing is said of threads that ran meanwhile.
 */
void model_find_debts(struct model *m);

/* A time-out that ends no wait, for that reason: it is no term of `w` any more. */
void model_drop_timeout(struct model *m, struct wait *w, const char *why);

/* The debts to a thread, *count of them. Borrowed until the next addition. */
const struct debt *model_debts(const struct model *m, uint32_t thread, uint32_t *count);
