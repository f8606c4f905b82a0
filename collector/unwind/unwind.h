/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind.h - from the registers of a stopped or blocked thread to its frames, and to their names.
 *
 * A walk gives addresses only, some 30 ns each once it knows the code; names are looked up for
 * those frames that somebody shows. ELF files are read once, whoever runs them. Nothing is
 * written, stopped or asked of the target: its stack comes from the bytes that the reader copied
 * and, beyond them, from its memory under a deadline (read/mem.h). x86-64 only. Not thread-safe.
 *
 *	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
 *	unwinder_begin(u);
 *	n = unwind_thread(u, &stack, frames, UNWIND_MAX_FRAMES, &result);
 *	for (uint32_t i = 0; i < n; i++)
 *		unwinder_name(u, &frames[i], &name);
 */
#pragma once

#include "base/cleanup.h"
#include "read/stack.h"
#include "unwind/frame.h"

struct files;
struct unwinder;

enum { UNWIND_MAX_FRAMES = 1024 };

struct unwind_opts {
	bool libunwind;	   /* walk with libunwind instead of our own interpreter */
	bool no_debuginfo; /* never look outside the file itself: no /usr/lib/debug, no server */
	/*
	 * Of whoever opens files besides, who calls files_refresh() before unwinder_begin() and
	 * outlives the unwinder. NULL: it has a table of its own.
	 */
	struct files *files;
};

/* Why a walk ended. */
struct unwind_result {
	uint8_t end;	    /* enum unwind_end */
	const char *reason; /* more words, or NULL; borrowed until the next call */
};

/* What a frame is called. All strings are borrowed until the next unwinder_begin(). */
struct unwind_name {
	const char *function; /* demangled; NULL when no symbol holds the address */
	const char *raw;      /* as in the symbol table, or NULL */
	uint64_t offset;      /* from the function's start; else from the module's, or the pc */
	const char *module;   /* path of the file, "[vdso]", or NULL */
	bool from_fde;	      /* no name, but `offset` counts from where a function starts */
	uint64_t start;	      /* where the function starts, as the file counts */
	const char *missing;  /* why there is no name, or NULL */
};

/* A line of source: of the frame itself or of a function that was inlined into it. */
struct unwind_line {
	const char *function; /* of an inlined function: its name; else NULL */
	const char *file;     /* or NULL */
	uint32_t line;	      /* 0 unknown */
};

/* A new unwinder. Never NULL. */
struct unwinder *unwinder_new(const struct unwind_opts *opts);

/* Free it. NULL is fine. */
void unwinder_free(struct unwinder *u);
DEFINE_GUARD(unwinder)
#define _cleanup_unwinder_ _cleanup_(unwinder_free_guard)

/*
 * A new instant begins: forget memory, what was mapped where unless mm_key and mm_seq of the next
 * stack vouch for it, and files that no walk and no name has used for some instants. Frames stay
 * good.
 */
void unwinder_begin(struct unwinder *u);

/*
 * The frames of a thread, innermost first, at most `max` of them: how many. Threads of one process
 * are best asked for one after the other. Never fails: *result says why it ended where it did.
 */
uint32_t unwind_thread(struct unwinder *u, const struct snap_stack *s, struct unwind_frame *frames,
		       uint32_t max, struct unwind_result *result);

/* The names of these will be asked for: the ones of a file are found together. */
void unwinder_expect(struct unwinder *u, const struct unwind_frame *frames, uint32_t count);

/*
 * The name of a frame of this unwinder. Costs a pass over the symbols of its file, if it was not
 * expected together with others; later ones have an index.
 */
void unwinder_name(struct unwinder *u, const struct unwind_frame *f, struct unwind_name *name);

/*
 * File and line of a frame and of what was inlined there, innermost first; the last one is the
 * frame's own function. 0: no debug information, *missing says why. Slow the first time.
 */
uint32_t unwinder_lines(struct unwinder *u, const struct unwind_frame *f, struct unwind_line *lines,
			uint32_t max, const char **missing);

/* Numbers for tests and for the curious. */
struct unwind_stats {
	uint32_t files, processes, rows; /* kept */
	uint64_t row_misses;		 /* rows that had to be computed */
	uint64_t bytes_read;		 /* of ELF files */
};

/* Look at them. */
void unwinder_stats(const struct unwinder *u, struct unwind_stats *stats);
