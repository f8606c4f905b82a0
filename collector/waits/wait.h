/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.h - from a blocked thread to a wait: what it waits on, and who could end it.
 *
 * A kind of wait is one file with one `const struct wait_kind wait_foo` and one line in waits.h.
 * The dispatcher (wait.c) asks, for each thread of the tree that did not run: first the kinds with
 * `claims` (stops, freezes, page faults: states that no system call tells), then the kinds that
 * name its system call. A system call that waits on a descriptor goes on to the kind that knows
 * that sort of file.
 *
 * A decoder states facts and never a verdict: it sets kind, object, text, flags and adds terms
 * (model.h). What it cannot resolve is a TERM_UNKNOWN that says what is missing. Anything read from
 * the target is hostile.
 */
#pragma once

#include "model/model.h"
#include "read/proc/locks.h"
#include "read/proc/maps.h"
#include "read/mem.h"
#include "read/snapshot.h"

struct wait_ctx;

/*
 * A blocked thread. `task` and `process` are of the snapshot, `thread` and `wait` ids of the model.
 */
struct wait_site {
	const struct snap_task *task;
	const struct snap_process *process;
	uint32_t thread, wait;
};

/* A wait for one descriptor: of a read or write, or one item of a poll or epoll set. */
struct wait_fd {
	const struct snap_task *task;
	const struct snap_process *process;
	const struct snap_file *file; /* details loaded where they could be */
	int32_t fd;
	uint8_t mode;  /* what it waits to do: MODE_READ, MODE_WRITE or both (poll) */
	bool in_set;   /* an item of poll or epoll, not a blocked read or write */
	bool edge;     /* edge-triggered or exclusive: being ready proves no wake-up */
	uint32_t wait; /* model id; its object and fd are set already */
};

/* Besides MODE_READ and MODE_WRITE in the mode of wait_item(). */
enum { WAIT_EDGE = 4 };

struct wait_kind {
	const char *name;
	const int16_t *syscalls; /* x86-64 numbers, -1 ends; NULL: none */
	uint32_t files;		 /* bits of enum file_kind that decode_file knows; 0: none */
	/*
	 * A thread in a state that no system call tells; NULL: none. Asked in the order of waits.h.
	 */
	bool (*claims)(struct wait_ctx *c, const struct snap_task *t);
	/*
	 * The whole wait of a thread. False: not mine after all (another kind may share the system
	 * call).
	 */
	bool (*decode)(struct wait_ctx *c, const struct wait_site *site);
	/* Its waits are sleeps in state D, in which a thread is in no wait of the other kinds. */
	bool uninterruptible;
	/* A wait for a descriptor. False: not mine after all. */
	bool (*decode_file)(struct wait_ctx *c, const struct wait_fd *f);
};

/*
 * Over `snap`, which its readers filled, into `model`, which model_from_read() filled. Both must
 * outlive it.
 */
struct wait_ctx *wait_ctx_new(struct snapshot *snap, struct model *model);

/* Free it and what it cached. NULL is fine. */
void wait_ctx_free(struct wait_ctx *c);
DEFINE_GUARD(wait_ctx)
#define _cleanup_wait_ctx_ _cleanup_(wait_ctx_free_guard)

/* Decode the wait of every blocked thread of the tree: adds waits, objects, holders, terms. */
void waits_decode(struct wait_ctx *c);

/* ---- for decoders --------------------------------------------------------------------------- */

/* The two ends of a decoder's work. */
struct snapshot *wait_snapshot(struct wait_ctx *c);
/* See wait_snapshot(). */
struct model *wait_model(struct wait_ctx *c);

/* Exactly `len` bytes at `addr` of that process: 0 or -errno as mem_read(). */
SNAG_MUST_CHECK
int wait_mem(struct wait_ctx *c, int32_t tgid, uint64_t addr, void *buf, size_t len);

/* A NUL-terminated string of the target, at most `size` - 1 bytes: 0 or -errno. */
SNAG_MUST_CHECK
int wait_mem_str(struct wait_ctx *c, int32_t tgid, uint64_t addr, char *buf, size_t size);

/* Its address space, cached; NULL when it could not be read. Borrowed until wait_ctx_free(). */
const struct maps *wait_maps(struct wait_ctx *c, int32_t tgid);

/* /proc/locks, cached; NULL when it could not be read. Borrowed until wait_ctx_free(). */
const struct file_locks *wait_locks(struct wait_ctx *c);

/* The descriptor with its details loaded, or NULL when the process has none such. */
const struct snap_file *wait_file(struct wait_ctx *c, int32_t tgid, int32_t fd);

/* The actor of a process, added as an outside one if need be; 0 when there is no such process. */
uint32_t wait_actor(struct wait_ctx *c, int32_t tgid);

/* The object of an open file with its holders, in and out of the tree. */
uint32_t wait_file_object(struct wait_ctx *c, const struct snap_file *f);

/* What people call an open file: its path, else its object's label or key. Borrowed. */
const char *wait_file_name(struct wait_ctx *c, const struct snap_file *f);

/* The kind word and what people read: "reading pipe:[123] (fd 0)". */
__attribute__((format(printf, 4, 5))) void wait_describe(struct wait_ctx *c, uint32_t wait,
							 enum wait_type kind, const char *fmt, ...);

/* Add a term with a formatted text (NULL: none). */
__attribute__((format(printf, 4, 5))) void wait_term(struct wait_ctx *c, uint32_t wait,
						     struct term term, const char *fmt, ...);

/* The terms that have a text only: TERM_NEVER, TERM_OUTSIDE (sets the wait's external too), ... */
__attribute__((format(printf, 3, 4))) void wait_never(struct wait_ctx *c, uint32_t wait,
						      const char *fmt, ...);
/* See wait_never(). */
__attribute__((format(printf, 3, 4))) void wait_outside(struct wait_ctx *c, uint32_t wait,
							const char *fmt, ...);
/* See wait_never(). */
__attribute__((format(printf, 3, 4))) void wait_new(struct wait_ctx *c, uint32_t wait,
						    const char *fmt, ...);
/* See wait_never(). */
__attribute__((format(printf, 3, 4))) void wait_stopped(struct wait_ctx *c, uint32_t wait,
							const char *fmt, ...);
/* See wait_never(). */
__attribute__((format(printf, 3, 4))) void wait_unknown(struct wait_ctx *c, uint32_t wait,
							const char *fmt, ...);
/* See wait_never(). */
__attribute__((format(printf, 3, 4))) void wait_now(struct wait_ctx *c, uint32_t wait,
						    const char *fmt, ...);

/* TERM_OBJECT for holders with `mode`; 0: any holder. Marks the object as relevant. */
void wait_term_holders(struct wait_ctx *c, uint32_t wait, uint32_t object, uint8_t mode,
		       enum term_role as);

/* The thread `tid` as term; TERM_NEVER with a text when there is no such thread. */
void wait_term_tid(struct wait_ctx *c, uint32_t wait, int32_t tid, enum term_role as);

/* The exit of process `tgid` as term; TERM_NOW when it is a zombie or gone. */
void wait_term_exit(struct wait_ctx *c, uint32_t wait, int32_t tgid);

/*
 * Its own finite time-out: sets timeout_ms and adds TERM_TIME; a negative one is none. `ms` is the
 * full time-out; when it is known since when the thread blocks, the rest is computed.
 */
void wait_timeout(struct wait_ctx *c, const struct snap_task *task, uint32_t wait, int64_t ms);

/* The same from a struct timespec at `addr` (0: none); absolute ones are of `clock` (CLOCK_*). */
void wait_timeout_at(struct wait_ctx *c, const struct wait_site *site, uint64_t addr, bool absolute,
		     int clock);

/*
 * A new item of `site->wait` (poll, epoll, io_uring) for a file: object, decoded by the kind that
 * knows the file, and a TERM_WAIT in that wait once wait_items_done() is called. `file` NULL: the
 * descriptor is closed or unknown. `mode` may have WAIT_EDGE. Returns the item's wait id; 0 when
 * the set has too many items, which wait_items_done() then says.
 */
uint32_t wait_item(struct wait_ctx *c, const struct wait_site *site, const struct snap_file *file,
		   int32_t fd, uint8_t mode);

/* Add a TERM_WAIT to `parent` for each of its items. Call after the last wait_item(). */
void wait_items_done(struct wait_ctx *c, uint32_t parent);

/*
 * The wait is for this descriptor: sets object and fd, then the kind that knows the file decodes
 * the rest. A descriptor that is not there gives TERM_UNKNOWN.
 */
void wait_on_file(struct wait_ctx *c, const struct wait_site *site, int32_t fd, uint8_t mode);

/* Where a finding is: `object` and `fd` as in struct finding. */
struct wait_fact {
	const char *kind;
	int32_t tgid;
	uint32_t object;
	int32_t fd; /* -1 none */
};

/* A suspicious fact that stands whatever the verdict. */
__attribute__((format(printf, 3, 4))) void
wait_finding(struct wait_ctx *c, const struct wait_fact *fact, const char *fmt, ...);

/* "813 (sleep)" for texts; the buffer is yours. */
struct wait_name {
	char text[48];
};
/* See struct wait_name. */
struct wait_name wait_name_of(struct wait_ctx *c, int32_t tgid);
