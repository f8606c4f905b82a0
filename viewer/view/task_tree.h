/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_tree.h - the tasks of an actor as their runtime has them: below nurseries, task groups and
 * the tasks that await them.
 */
#pragma once

#include "page.h"

/*
 * The tree of an actor's tasks, or nothing when it has none. `only`: by task id, those that matter;
 * others are counted where they are. NULL: all, equal ones side by side told once.
 */
void task_tree_put(struct page *p, const struct model *m, uint32_t actor, const bool *only);

/* What is said of a thread or a task, the other one 0, below its calls. */
struct below {
	uint32_t thread, task;
	uint32_t frames; /* variables of so many calls, if they were asked for */
	bool several;	 /* it stands for more: nothing is said that is its own */
	void (*put)(void *arg, const char *text);
	void *arg;
};

/* The line of source, exceptions in flight, variables: put() gets a paragraph each. */
void below_calls(const struct model *m, const struct below *b);

/* "fetch (a.py:7) < main (a.py:30) < 2 more": calls of a task, the innermost first; "" none. */
void task_calls_add(struct strbuf *out, const struct model *m, uint32_t task, uint32_t shown);
