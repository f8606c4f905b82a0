/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex.h - one futex wait as plain bytes, and what an interpretation says about it.
 *
 * The kernel knows a futex as an address; what stands there (a mutex, a semaphore, ...) only the
 * bytes around it can tell. Each interpretation (futexes.h) is a pure function over struct futex.
 * It must be strict: raw locks of libc look much like mutexes, and a false owner is a false edge.
 * Whoever is not sure declines, and the wait stays a plain futex that any thread with the memory
 * may end.
 */
#pragma once

#include "model/types.h"
#include "model/wait_kinds.h"
#include "waits/wait.h"

#include <stdbool.h>
#include <stdint.h>

/* Commands of futex(2), include/uapi/linux/futex.h. */
enum futex_cmd {
	CMD_WAIT = 0,
	CMD_LOCK_PI = 6,
	CMD_WAIT_BITSET = 9,
	CMD_WAIT_REQUEUE_PI = 11,
	CMD_LOCK_PI2 = 13,
};

/* How much around the futex word is looked at: glibc 2.43 joins at 0x628 inside of struct pthread.
 */
enum { FUTEX_BEFORE = 0x800, FUTEX_AFTER = 0x80 };

/* What an interpretation may ask about the waiting process besides the bytes. */
struct futex_world {
	/* Exactly `len` bytes at `addr`: 0 or -errno. */
	int (*read)(void *arg, uint64_t addr, void *buf, size_t len);
	/* Does a live thread of this address space have this tid, in the tid's own pid namespace?
	 */
	bool (*has_thread)(void *arg, int32_t ns_tid);
	void *arg;
};

/* A thread waits for the word at `uaddr` to be no longer `val`. */
struct futex {
	uint64_t uaddr;
	uint64_t sp;  /* of the waiter, 0 unknown: a word close above is on its own stack */
	uint32_t cmd; /* enum futex_cmd */
	uint32_t val;
	bool private;	     /* FUTEX_PRIVATE_FLAG */
	bool realtime;	     /* FUTEX_CLOCK_REALTIME */
	bool static_data;    /* in .data or .bss of a mapped file */
	int32_t cleared_for; /* ns tid of the thread whose exit clears this word (set_tid_address),
				0 none */
	uint32_t before, after; /* how many bytes in front of and from `uaddr` on could be read */
	uint8_t bytes[FUTEX_BEFORE + FUTEX_AFTER];
	const struct futex_world *world;
};

/* What it is. Zeroed before an interpretation is asked. */
struct futex_claim {
	enum wait_type kind;
	const char *what; /* static: the object's kind and the word in texts: "mutex", "robust
			     mutex" */
	uint64_t base;	  /* address of the whole object */
	int32_t owner;	  /* tid in its own pid namespace of who holds it; 0: not known, or nobody
			     alone */
	bool dies_with_owner; /* the kernel wakes a waiter when the owner exits: robust and PI */
	uint32_t arrivals;    /* so many more threads must come (barrier); 0: any one can end it */
	bool completion;      /* somebody owes the end of it, as with a lock */
	char note[96];	      /* for people: "recursive, locked 2 times"; may be empty */
};

/* One interpretation. */
struct futex_kind {
	const char *name;
	/* Is this wait one in such an object? True: `claim` is filled. */
	bool (*recognise)(const struct futex *f, struct futex_claim *claim);
};

/* The number at `offset` bytes from the futex word; false when it could not be read. */
bool futex_u32(const struct futex *f, int64_t offset, uint32_t *value);
/* See futex_u32(). */
bool futex_u64(const struct futex *f, int64_t offset, uint64_t *value);

/*
 * The number there, or `none`. For fields of a structure whose reach was checked with
 * futex_reach().
 */
uint32_t futex_get32(const struct futex *f, int64_t offset, uint32_t none);
/* See futex_get32(). */
uint64_t futex_get64(const struct futex *f, int64_t offset, uint64_t none);

/* Are the bytes [offset, offset + len) from the futex word there? */
bool futex_reach(const struct futex *f, int64_t offset, uint32_t len);

/* Put `bytes` of the window [uaddr - before, uaddr + after) into `f`. For tests and the loader. */
void futex_set_bytes(struct futex *f, const void *bytes, uint32_t before, uint32_t after);

/*
 * A glibc struct pthread at `pd`: it points at itself twice (tcbhead_t.tcb and .self) and its tid
 * at 0x2d0 is that of a live thread. *tid is then that one.
 */
bool futex_glibc_thread(const struct futex *f, uint64_t pd, int32_t *tid);

/* The first interpretation that recognises the wait; a plain futex when none does. Never NULL. */
const struct futex_kind *futex_recognise(const struct futex *f, struct futex_claim *claim);

/*
 * Fill `wait` from a claim: object with those who have the memory, owner, terms, text. Time-outs
 * are the caller's, afterwards.
 */
void futex_state(struct wait_ctx *c, const struct wait_site *site, const struct futex *f,
		 const struct futex_claim *claim);
