/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - who there is, what they wait on, who could end it: the content of a capture.
 *
 * Filled from a snapshot (from_read.h) and by the waits layer when live, or by capture_load() from
 * a file; views read nothing else. The model owns every element and keeps it in a vector, linked by
 * id: id n is element n - 1, id 0 is "none". Strings are ids of `strings`. They die together. Not
 * thread-safe.
 */
#pragma once

#include "base/map.h"
#include "base/strtab.h"
#include "base/vec.h"
#include "model/debt_types.h"
#include "model/park_types.h"
#include "model/task_types.h"
#include "model/types.h"
#include "model/wait_kinds.h"

#include <stdbool.h>
#include <stdint.h>

struct model_files;

struct verdict {
	uint8_t kind, confidence;
	uint32_t summary;      /* string: one sentence */
	uint64_t since_ms;     /* UINT64_MAX unknown */
	uint32_t focus_thread; /* thread id, 0 none */
	VEC(uint32_t) chain;   /* wait ids from the focus down to the culprit */
	VEC(uint32_t) members; /* actor ids of the root set */
	VEC(uint32_t) missing; /* strings: evidence that would change the answer */
	VEC(uint32_t) caveats; /* strings: what the proof rests on */
	struct culprit culprit;
};

/* A verdict besides that of the focus: another thread's, or one under a condition. */
struct side_verdict {
	uint8_t kind, confidence;
	uint32_t thread;    /* its focus */
	uint32_t condition; /* string: "without inherited, unused descriptors", or 0 */
	uint32_t summary;
	VEC(uint32_t) members;
};

struct model {
	struct strtab *strings;
	/* where it comes from */
	uint32_t host, snag_version, reader, kernel; /* strings */
	uint64_t captured_ns;			     /* CLOCK_REALTIME */
	double took_ms;
	bool from_capture;
	bool unstable; /* descriptors changed hands at each of several looks */
	uint32_t root; /* actor id */
	VEC(struct actor) actors;
	VEC(struct thread) threads;
	VEC(struct object) objects;
	VEC(struct holder) holders;
	VEC(struct wait) waits;
	VEC(struct term) terms;
	VEC(struct finding) findings;
	VEC(struct side_verdict) sides;
	VEC(struct frame) frames; /* those of a thread side by side (frames.h) */
	VEC(struct code) codes;
	VEC(struct inlined) inlined;
	VEC(uint32_t) kernel_frames;		 /* strings: "futex_wait_queue+0x60" */
	VEC(struct script_frame) script_frames;	 /* those of a thread side by side */
	VEC(struct script_local) locals;	 /* those of a call side by side */
	VEC(struct script_exception) exceptions; /* those of a thread or task side by side */
	VEC(struct task) tasks;			 /* those of an actor side by side (tasks.h) */
	VEC(struct nursery) nurseries;
	VEC(struct scope) scopes;
	VEC(struct task_frame) task_frames; /* those of a task side by side */
	VEC(struct await) awaits;	    /* of tasks whose wait is not decoded yet */
	VEC(uint32_t) await_tasks;
	VEC(struct task_stack) task_stacks; /* of tasks, not walked yet */
	/* of threads whose wait is not told in words of their program yet */
	VEC(struct park) parks;
	VEC(uint32_t) park_threads;
	VEC(struct handled) handled;
	/* of these four, only debts are in captures (debts.h) */
	VEC(struct work) works;
	VEC(struct expect) expects;
	VEC(uint32_t) expect_actors;
	VEC(struct debt) debts;	  /* in the order of their threads */
	VEC(uint32_t) idle_loops; /* threads whose poll ends after a while for no task's sake */
	VEC(uint32_t) missing;	  /* strings: what could not be known and why */
	struct verdict verdict;
	/* indices, rebuilt by model_index() */
	struct map by_pid; /* pid -> actor id */
	struct map by_tid; /* tid -> thread id */
	struct map by_key; /* string id of an object's key -> object id */
	/* (object, actor, fd) folded -> 1 + holder, of the first ones: see model_add_holder() */
	struct map holder_ids;
	struct map finding_ids;	     /* likewise, see model_add_finding() */
	VEC(uint32_t) holders_of;    /* holder indices grouped by object, by holders_first */
	VEC(uint32_t) holders_first; /* object id - 1 -> first in holders_of; one more at the end */
	/* which descriptors are which object (files.h); NULL when loaded */
	struct model_files *files;
};

/* An empty model with its own string table. Never NULL. */
struct model *model_new(void);

/* Free it and all it owns. NULL is fine. */
void model_free(struct model *m);
DEFINE_GUARD(model)
#define _cleanup_model_ _cleanup_(model_free_guard)

/* The element of an id, which must not be 0. Borrowed until the next addition of its sort. */
struct actor *model_actor(const struct model *m, uint32_t id);
/* See model_actor(). */
struct thread *model_thread(const struct model *m, uint32_t id);
/* See model_actor(). */
struct object *model_object(const struct model *m, uint32_t id);
/* See model_actor(). */
struct wait *model_wait(const struct model *m, uint32_t id);

/* The actor of a pid or the thread of a tid; 0 when there is none. */
uint32_t model_find_pid(const struct model *m, int32_t pid);
/* See model_find_pid(). */
uint32_t model_find_tid(const struct model *m, int32_t tid);

/* The text of a string id, "" for 0. */
const char *model_str(const struct model *m, uint32_t id);

/* A new actor (a process) with this key. Returns its id. */
uint32_t model_add_actor(struct model *m, int32_t pid, uint64_t start);

/*
 * One more interpreter in the process `actor`, run by `thread` or, with 0, by nobody now. It has no
 * threads of its own. Returns its id.
 */
uint32_t model_add_interpreter(struct model *m, uint32_t actor, uint32_t thread);

/*
 * A new thread of `actor`. Returns its id. Threads of an actor are contiguous, the leader first:
 * finish one actor's threads before the next one's (an assert holds callers to it).
 */
uint32_t model_add_thread(struct model *m, uint32_t actor, int32_t tid);

/* The object with this key, added when it is new. */
uint32_t model_add_object(struct model *m, const char *kind, const char *key);

/* Note that `actor` has `object`; the same (object, actor, fd) is kept once. Returns its index. */
uint32_t model_add_holder(struct model *m, uint32_t object, uint32_t actor, int32_t fd,
			  uint8_t mode);

/* The same where it is certain that (object, actor, fd) is not there yet. */
uint32_t model_append_holder(struct model *m, uint32_t object, uint32_t actor, int32_t fd,
			     uint8_t mode);

/* A new wait of `thread` (an item when parent != 0), need 1, no terms. Returns its id. */
uint32_t model_add_wait(struct model *m, uint32_t thread, uint32_t parent);

/* Do terms of this kind name something by their `id`? It is 0 in the others. */
bool term_names(uint8_t kind);

/*
 * Append a term to `wait`. Terms of a wait are contiguous: finish one wait's terms before the next
 * one's (an assert holds callers to it).
 */
void model_add_term(struct model *m, uint32_t wait, struct term term);

/* Append a finding. Equal ones (kind, actor, object, fd) are kept once. */
void model_add_finding(struct model *m, struct finding finding);

/* Note for people what could not be known; equal notes are kept once. */
void model_add_missing(struct model *m, const char *text);

/* Rebuild the indices; call when all holders are there. */
void model_index(struct model *m);

/* Holder indices of `object`, *count of them. Needs model_index(). */
const uint32_t *model_holders(const struct model *m, uint32_t object, uint32_t *count);
