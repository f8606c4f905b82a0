/* SPDX-License-Identifier: BSD-2-Clause */
#include "property/forest.h"

#include <stdio.h>
#include <string.h>

/* xorshift32 (Marsaglia 2003): the same forest for the same seed everywhere. */
static uint32_t draw(uint32_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % below;
}

static bool is_seed(enum plant_wait wait)
{
	return wait >= PLANT_SLEEP;
}

/* The children of `i` in the plan, as bits. */
static uint32_t children_of(const struct forest *f, uint32_t i)
{
	uint32_t bits = 0;

	for (uint32_t k = 1; k < f->count; k++)
		bits |= f->plants[k].parent == i ? 1u << k : 0;
	return bits;
}

static uint32_t pick_bit(uint32_t *state, uint32_t bits)
{
	uint32_t n = draw(state, (uint32_t)__builtin_popcount(bits));

	while (n--)
		bits &= bits - 1;
	return (uint32_t)__builtin_ctz(bits);
}

static void draw_wait(struct forest *f, uint32_t i, uint32_t *state)
{
	struct plant *p = &f->plants[i];
	uint32_t all = (1u << f->count) - 1, children = children_of(f, i);

	/* one in eight is a seed: most plans then hold both dead and live processes */
	p->wait = draw(state, 8) ? draw(state, PLANT_SLEEP) : PLANT_SLEEP + draw(state, 3);
	if (p->wait == PLANT_CHILD && !children)
		p->wait = PLANT_PIPE_READ;
	p->others = 1u << draw(state, f->count) |
		    (draw(state, 2) ? 1u << draw(state, f->count) : 0);
	p->other = draw(state, f->count);
	if (p->wait == PLANT_CHILD)
		p->other = pick_bit(state, children);
	if (p->wait == PLANT_MUTEX && p->other == i)
		p->other = (i + 1) % f->count;
	/* one's own shared lock would be another description: allowed, but it must be somebody's */
	if (p->wait == PLANT_FLOCK)
		p->others &= all & ~(1u << i);
	if (p->wait == PLANT_FLOCK && !p->others)
		p->others = 1u << ((i + 1) % f->count);
	if (p->wait == PLANT_EVENTFD)
		p->others |= 1u << i;
}

/* Who must act, and how many of them. */
static void formula(const struct forest *f, uint32_t i, uint32_t *who, uint32_t *need)
{
	const struct plant *p = &f->plants[i];

	*need = 1;
	*who = p->others;
	if (p->wait == PLANT_CHILD || p->wait == PLANT_MUTEX)
		*who = 1u << p->other;
	if (p->wait == PLANT_FLOCK)
		*need = (uint32_t)__builtin_popcount(p->others);
}

/* Least fixpoint, by repetition: first with the timed seeds, then with new input as well. */
static void solve(struct forest *f)
{
	uint32_t live = 0;

	for (uint32_t i = 0; i < f->count; i++)
		f->plants[i].level = PLANT_DEAD;
	for (enum plant_level level = PLANT_TIMED; level < PLANT_DEAD; level++) {
		bool changed;

		do {
			changed = false;
			for (uint32_t i = 0; i < f->count; i++) {
				enum plant_wait w = f->plants[i].wait;
				uint32_t who, need;
				bool lives;

				formula(f, i, &who, &need);
				lives = is_seed(w) ?
						w == PLANT_SLEEP || level == PLANT_INPUT :
						(uint32_t)__builtin_popcount(who & live) >= need;
				if (!lives || live & 1u << i)
					continue;
				live |= 1u << i;
				f->plants[i].level = level;
				changed = true;
			}
		} while (changed);
	}
}

void forest_plan(struct forest *f, uint32_t seed)
{
	uint32_t state = seed * 2654435761u + 1;

	memset(f, 0, sizeof(*f));
	f->seed = seed;
	for (int i = 0; i < 8; i++)
		draw(&state, 2);
	f->count = 2 + draw(&state, FOREST_MAX - 1);
	for (uint32_t i = 1; i < f->count; i++)
		f->plants[i].parent = draw(&state, i);
	for (uint32_t i = 0; i < f->count; i++)
		draw_wait(f, i, &state);
	solve(f);
}

void forest_print(const struct forest *f, const pid_t pids[FOREST_MAX])
{
	static const char *const waits[] = { "pipe-read", "pipe-write", "eventfd", "child", "mutex",
					     "flock",	  "sleep",	"accept",  "pause" };
	static const char *const levels[] = { "timed", "input", "dead" };

	printf("seed %u\n", f->seed);
	for (uint32_t i = 0; i < f->count; i++) {
		const struct plant *p = &f->plants[i];

		printf("  %u [%d] child of %u: %s, other %u, others 0x%x: %s\n", i, (int)pids[i],
		       p->parent, waits[p->wait], p->other, p->others, levels[p->level]);
	}
}
