/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_tasks.h - records of the task iterators become processes and threads of a snapshot.
 */
#pragma once

#include "base/map.h"
#include "probe/probe.h"
#include "read/snapshot.h"

/* What turns the kernel's clocks into ours; learned once. */
struct bpf_clocks {
	uint64_t tick_ns;	 /* of stat field 22 */
	int64_t start_offset_ns; /* of the time namespace that we are in */
	int64_t sched_offset_ns; /* CLOCK_BOOTTIME minus the scheduler's clock */
	bool has_sched;
};

/*
 * Learn the clocks, with a pass over our own process. Without the scheduler's: has_sched is false.
 */
SNAG_MUST_CHECK
int bpf_clocks_learn(struct bpf_clocks *c, struct probe *p, struct snag_error *err);

/* Where a blocked thread sleeps: equal hashes, equal kernel stacks. */
struct bpf_stack {
	int32_t tid;
	uint64_t hash;
};

/* What processes have in common, so that /proc is asked once for all of them. */
struct bpf_common {
	int32_t tgid;
	uint64_t cgroups_ref, exe_ref;
};

/* A pass over tasks on its way into a snapshot. */
struct bpf_tasks {
	struct snapshot *s;
	const struct bpf_clocks *clocks;
	uint64_t now_boottime_ns;
	uint64_t own_ipc_ns;
	struct map spaces;  /* mm_ref -> number */
	struct map leaders; /* tgid -> 1 + process, while processes are added */
	VEC(struct bpf_stack) stacks;
	VEC(struct bpf_common) common;
	struct ev_process process; /* comes before its leader */
	uint32_t cut;		   /* processes whose SEM_UNDO entries are not all told */
};

/* Empty, for the snapshot `s`. */
void bpf_tasks_init(struct bpf_tasks *x, struct snapshot *s, const struct bpf_clocks *clocks);

/* Free what it has; the snapshot stays. */
void bpf_tasks_release(struct bpf_tasks *x);
DEFINE_PLACE_GUARD(bpf_tasks)
#define _cleanup_bpf_tasks_ _cleanup_(bpf_tasks_release_guard)

/* The record function of the pass; `arg` is the struct bpf_tasks. */
void bpf_tasks_record(const struct ev_head *record, void *arg);

/* What can only be told once all are there: who has exited. The snapshot is indexed. */
void bpf_tasks_finish(struct snapshot *s);

/*
 * The kernel function that each thread of the tree sleeps in: one wchan file is read for each
 * kernel stack.
 */
void bpf_tasks_wchans(struct bpf_tasks *x);

/* Cgroups and programs of the tree, each text read once. */
void bpf_tasks_details(struct bpf_tasks *x);

/* The state letter of stat(5). */
char bpf_state_letter(uint32_t state, uint32_t exit_state);

/* The number that changes whenever the thread ran, the same that the procfs reader makes. */
uint64_t bpf_stamp(uint64_t run_ns, uint64_t pcount, uint64_t switches);

/*
 * When does a restarted call end? 0: it has no deadline, or the block is of a kind not known. For
 * restart_syscall (2), whose own arguments are gone but for the registers, which still have those
 * of the first call.
 */
uint64_t bpf_restart_deadline(const struct ev_task *t);
