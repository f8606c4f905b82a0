/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.h - what the files of graph/ share while a verdict is made. Private to graph/.
 */
#pragma once

#include "base/strbuf.h"
#include "graph/paths.h"

/* Is `id` one of the `count` at `at`? */
static inline bool ids_have(const uint32_t *at, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (at[i] == id)
			return true;
	return false;
}

struct judge {
	struct model *m;
	struct graph *g;
	uint32_t focus;	   /* node of the focus thread */
	enum pass pass;	   /* of the focus */
	enum pass residue; /* nodes from this pass on are what the verdict is about */
	uint32_t *comp;	   /* components of the residue */
	uint32_t components;
	bool *reach;	 /* nodes of the residue that the focus leads to */
	uint32_t *size;	 /* by component: nodes */
	bool *is_root;	 /* by component: no edge leaves it within the residue */
	uint32_t target; /* the root set that the chain leads to, 0 none */
	/* waits whose circle decides: the chain goes round through one; or NULL */
	bool *owed;
	/* new input could wake the focus; one that it waits for as well is dead */
	bool beside_dead;
	bool owed_task;	  /* and what its main task is owed can never come */
	struct path path; /* from the focus to the seed or around the root set */
};

/* One hop of a path: a thread with its wait, and the item of it that the path goes through. */
struct hop {
	uint32_t thread, wait, item; /* model ids; item 0 none */
	uint32_t task;		     /* model id: `wait` is this task's; 0 the thread's own */
	uint32_t actor;		     /* of the thread, or the end of the path without a thread */
	uint32_t object;	     /* object node that the path goes through after it, 0 none */
	uint32_t seed_text;	     /* the path ends in a seed here: what it stands for */
};

struct hops {
	VEC(struct hop) at;
	uint32_t cycle; /* index of the hop that the last one leads back to; at.count: none */
};

/* The hops of a path. Yours: hops_release(). */
void hops_from_path(const struct judge *j, const struct path *p, struct hops *h);

/* Free the hops. */
void hops_release(struct hops *h);
DEFINE_PLACE_GUARD(hops)
#define _cleanup_hops_ _cleanup_(hops_release_guard)

/* "python3[812]", or "python3[812] thread 815" when it is not the main thread. */
void say_thread(struct strbuf *b, const struct model *m, uint32_t thread);

/* "python3[812] task "main"". */
void say_task(struct strbuf *b, const struct model *m, uint32_t task);

/* " by NAME (REASON)", as far as it is known who asked a task to end and why. */
void say_cancel(struct strbuf *b, const struct model *m, uint32_t task);

/* The text of the first TERM_NEVER of a wait, a string; 0 none. */
uint32_t never_text(const struct model *m, const struct wait *w);

/*
 * Where new input alone could end the wait of the focus: was it asked to end, and which task is in
 * the way? Then the hops to that task are in `h` and the culprit is set. False: not to be told.
 */
bool asked_give(struct judge *j, struct hops *h);

/* What the loop of a thread was started for; 0: not known, or its loop ran meanwhile. */
uint32_t main_task_of(const struct model *m, uint32_t thread);

/*
 * Do the tasks of the focus wait for each other in a circle? Then the hops into it and around are
 * in `h` and the culprit is set.
 */
bool explain_circle(struct judge *j, struct hops *h);

/*
 * A loop at which nothing can arrive any more: which task waits for that? Its hops are added and
 * the culprit becomes that task.
 */
void explain_rest(struct judge *j, struct hops *h);

/*
 * A loop that sleeps until a time-out, at the end of the way: which task of it waits so? Then its
 * hops are added and the culprit becomes that task. Not where its main task needs more than time.
 */
void explain_time(struct judge *j, struct hops *h);

/*
 * Has the focus given work away that it waits for? Then the hops lead to whoever has that, and the
 * culprit is set.
 */
bool debts_give(struct judge *j, struct hops *h);

/* "python3[812]". */
void say_actor(struct strbuf *b, const struct model *m, uint32_t actor);

/* Is what a hop waits for up to any thread of its process, which has several? Then a circle from it
 * to itself is one of several that all are closed. */
bool is_any_threads(const struct model *m, const struct hop *hop);

/* What a hop waits for, in the words of its decoder. */
const char *hop_text(const struct model *m, const struct hop *hop);

/* The sentence of the verdict, from its kind and hops, into m->verdict.summary. */
void sentence_give(struct judge *j, const struct hops *h);

/* Who is to blame, into m->verdict.culprit; with a counterfactual where one descriptor decides. */
void culprit_give(struct judge *j, const struct hops *h);

/*
 * Where new input alone could wake the loop of the focus: is its main task owed something that can
 * never come? Then the hops to whoever owes it are in `h` and the culprit is set.
 */
bool owed_give(struct judge *j, struct hops *h);

/*
 * The focus can never go on: the root set that it leads to, the confidence with its caveats, and
 * the path there.
 */
void judge_dead(struct judge *j);

/* Free what a judge has made; not its model. */
void judge_release(struct judge *j);
DEFINE_PLACE_GUARD(judge)
#define _cleanup_judge_ _cleanup_(judge_release_guard)

/* Deadlocks besides that of the focus and verdicts under a condition, into m->sides. */
void sides_give(struct judge *j);

/* What the circles within reach of the focus are made of. */
struct circles {
	bool strong;	 /* a lock, a full pipe: something is owed in a circle */
	bool exits;	 /* an exit that is waited for, in a circle */
	bool debt;	 /* something other than an exit is owed, outside of such a circle */
	bool dead;	 /* an item of a poll set is up to one who can never go on */
	uint32_t target; /* component of the strong circles */
	bool *at;	 /* the waits of that component that are owed something so. Yours: free() */
};

/* Look at every wait within reach. */
struct circles circles_find(const struct judge *j);

/* Is this wait one of those that end when another process exits? */
bool is_exit_wait(const struct wait *w);

/*
 * Is what it waits for anybody's to give: a lock that does not say who has it, room in a queue? It
 * is owed then, but in no circle that can be shown: threads of a server take turns so to accept.
 */
bool is_anybodys(const struct model *m, const struct wait *w);
