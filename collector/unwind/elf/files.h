/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.h - the files that code is mapped from, each opened once for all processes that run it.
 *
 * A file is known by (dev, ino) while we hold it open; when it is written to it becomes another
 * one. Numbers stay valid for as long as the table lives, also those of files that are gone.
 */
#pragma once

#include "read/proc/maps.h"
#include "unwind/cfi/cfi.h"

struct files;
struct symbols;
struct lines;

/* A file, or something without one: "[vdso]", "[anon]". */
struct code_file {
	uint32_t id, next;    /* next: with the same hash, 0 none */
	uint64_t dev, ino;    /* 0, 0: no file */
	char *path;	      /* as the first process that was met sees it */
	bool opened;	      /* tried; then either missing or not */
	bool target;	      /* read from the memory of a process that may be gone tomorrow */
	const char *missing;  /* why it is of no use, or NULL */
	struct elf_file *elf; /* NULL when missing */
	uint64_t size, mtime_ns;
	uint32_t idle; /* how often it was refreshed since somebody used it; users set it to 0 */
	struct cfi_section eh, debug;
	struct elf_file *separate; /* its debug file, see debug_file.h */
	struct bytes *unpacked;	   /* .debug_frame, when it was compressed */
	bool debug_tried, separate_tried;
	struct symbols *symbols; /* see symbols.h */
	struct lines *lines;	 /* see lines.h */
};

/* Who maps it, and where: for the way to the file. */
struct file_place {
	int32_t tgid;
	bool suspicious;
	const struct map_area *area; /* its path is not looked at */
	const char *path;	     /* as in maps; "" for anonymous memory */
};

/* An empty table. Never NULL. */
struct files *files_new(void);

/* Free it and all files. NULL is fine. */
void files_free(struct files *t);
DEFINE_GUARD(files)
#define _cleanup_files_ _cleanup_(files_free_guard)

/* The file with that number, which is one of the table. Borrowed. */
struct code_file *files_get(struct files *t, uint32_t id);

/* How many there are; their numbers are 1 to this. */
uint32_t files_count(const struct files *t);

/* The number of a known file, or 0. */
uint32_t files_find(const struct files *t, uint64_t dev, uint64_t ino);

/* The number of the file at `place`, added when it is new. It is not opened yet. */
uint32_t files_add(struct files *t, const struct file_place *place);

/*
 * The file at `place`, opened by that way, once: `elf` or `missing` is set. May take 0.5 s.
 * Borrowed from the table.
 */
struct code_file *files_open(struct files *t, const struct file_place *place);

/*
 * The same for those at `count` places, with one worker for all: a file takes less than a thread.
 */
void files_open_all(struct files *t, const struct file_place *places, uint32_t count);

/*
 * Forget files that were written to, that nobody has used for a while, or whose process may be
 * gone: their numbers have no elf any more. True when there were any.
 */
bool files_refresh(struct files *t);

/* How many were forgotten so far. */
uint32_t files_forgotten(const struct files *t);
