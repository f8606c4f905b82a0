/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - our programs inside the kernel: load them, run a pass, get records.
 *
 * Nothing is pinned: closing the probe removes every trace of it. Not thread-safe.
 *
 *	_cleanup_probe_ struct probe *p = NULL;
 *	rc = probe_open(&p, err);
 *	rc = probe_run(p, PROBE_TASKS, &(struct probe_sink){ on_record, model }, err);
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include "bpf/event.h"

#include <stdint.h>

struct kernel_types;
struct probe;

enum probe_pass {
	PROBE_STAMPS, /* EV_STAMP: all threads */
	PROBE_TASKS,  /* EV_PROCESS, EV_TASK, EV_UNDO: all threads */
	PROBE_FILES,  /* the rest: all descriptors that can be waited on */
};

/* Where records go. */
struct probe_sink {
	/*
	 * A whole record: head.size bytes, at least as many as its kind has. Borrowed during the
	 * call.
	 */
	void (*record)(const struct ev_head *record, void *arg);
	void *arg;
};

/* The part of a set that a plain pass cut off (EV_FILE_CUT): epoll items, requests of a ring. */
struct probe_rest {
	int32_t tgid;	   /* who holds it */
	uint64_t file_ref; /* the epoll set or the ring */
	uint32_t skip;	   /* that many are known */
};

/* What it took, for doctor and bench. */
struct probe_costs {
	uint64_t types_ns; /* reading the kernel's types */
	uint64_t load_ns;  /* relocation and verification of the larger of two objects */
	uint64_t specimens_ns;
	uint64_t pass_ns, pass_bytes, pass_records; /* of the last pass */
};

/*
 * Load the programs, the ones over files in the background. -EPERM: not allowed; -ENOENT: a kernel
 * without BTF; -EOPNOTSUPP: a kernel without the iterators.
 */
SNAG_MUST_CHECK
int probe_open(struct probe **ret, struct snag_error *err);

/* Unload everything. NULL is fine. */
void probe_free(struct probe *p);
DEFINE_GUARD(probe)
#define _cleanup_probe_ _cleanup_(probe_free_guard)

/*
 * The programs over files load in a thread: wait for it. It has learned the kinds of files from our
 * own, too. Errors as probe_open(); passes over files wait themselves.
 */
SNAG_MUST_CHECK
int probe_ready(struct probe *p, struct snag_error *err);

/*
 * Of these processes passes over files tell every file, also plain ones. More than some thousand
 * are not taken; files that can be waited on are told in any case.
 */
SNAG_MUST_CHECK
int probe_tell_all(struct probe *p, const int32_t *tgids, uint32_t count, struct snag_error *err);

/* Run one pass. -EBADMSG when a record is not what event.h says. */
SNAG_MUST_CHECK
int probe_run(struct probe *p, enum probe_pass pass, const struct probe_sink *sink,
	      struct snag_error *err);

/* PROBE_TASKS of our own process, and on kernels before 6.1 of others too. */
SNAG_MUST_CHECK
int probe_run_self(struct probe *p, const struct probe_sink *sink, struct snag_error *err);

/* Run a pass over files that writes only what `rest` says. */
SNAG_MUST_CHECK
int probe_run_rest(struct probe *p, const struct probe_rest *rest, const struct probe_sink *sink,
		   struct snag_error *err);

/*
 * Jiffies a second, learned from a socket of our own; 0 before the first pass over files or
 * unknown.
 */
uint32_t probe_hz(const struct probe *p);

/*
 * Kinds of files that no specimen could be opened for, as a text for people; "" when there are
 * none.
 */
const char *probe_unlearned(const struct probe *p);

/* The kernel's types, with those that our program over stacks names. Borrowed. */
const struct kernel_types *probe_types(const struct probe *p);

/* Costs so far. */
struct probe_costs probe_costs(const struct probe *p);
