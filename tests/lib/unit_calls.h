/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_calls.h - stacks of plain models, and where they are in the tree of calls.
 */
#pragma once

#include "lib/unit_tree.h"
#include "viewer/view/calltree.h"

/* The id of a string in the model. */
uint32_t calls_str(struct model *m, const char *text);

/* One more native call of `thread`, further out than those before, at a place of its own. */
void calls_add(struct model *m, uint32_t thread, const char *name);

/* A native call in a file of its own. */
void calls_native(struct model *m, uint32_t thread, const char *name, const char *module);

/* The stack of a thread, "main>run>read", whole and of one moment. */
void calls_stack(struct model *m, uint32_t thread, const char *calls);

/* The thread waits for so long that all threads have different times. */
void calls_wait(struct model *m, uint32_t thread, enum wait_type kind, const char *text);

/* The state of a thread's stack, enum stack_status, and why it is no better. */
void calls_lost(struct model *m, uint32_t thread, uint8_t status, const char *why);

/* A task of trio in the functions "main>serve" of app.py; "": without calls. Returns its id. */
uint32_t calls_task(struct model *m, uint32_t actor, const char *name, const char *calls);

/* main of python runs <module> > serve > Channel.receive, in `line`, which reads. */
void calls_script(struct model *m, uint32_t thread, uint32_t line);

/* A captain that waits for twelve who read a pipe and one who writes to another one. Yours. */
struct model *calls_crew(void);

/* The calls of a group from the outermost on, "a>b>c". Yours. */
char *calls_path(const struct calltree *t, uint32_t group);

/* Fail unless the group has so many members and these calls. */
void calls_group_is(const struct calltree *t, uint32_t group, uint32_t size, const char *path);
