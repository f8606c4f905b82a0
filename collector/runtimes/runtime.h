/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime.h - what a runtime keeps in the memory of its process: interpreters, tasks, frames.
 *
 * A runtime is one file with one `const struct runtime runtime_foo` and one line in runtimes.h. It
 * is asked about every process of the tree, reads that one's memory and adds what it finds to the
 * model (model/tasks.h). Nothing is stopped, no code of the target runs. All that is read is
 * hostile: bounds first, loops capped, no recursion on it; what cannot be known is `unknown` or a
 * note for model_add_missing(), and one bad object spoils one line only.
 *
 * It is called between the first and the second stamps of a look: what is read of a process none
 * of whose threads ran in between is of one instant.
 */
#pragma once

#include "model/model.h"
#include "read/proc/maps.h"
#include "read/snapshot.h"
#include "unwind/elf/files.h"

struct runtimes;
struct runtime_space;

/* Of so many processes memory is kept until their waits are known. */
enum { RUNTIMES_FEW = 8 };

/* A process that is looked at. */
struct runtime_site {
	struct runtimes *all;
	struct runtime_space *space; /* its memory, as far as it was read; NULL: one is made */
	struct snapshot *snap;
	struct model *model;
	const struct snap_process *process;
	uint32_t actor;
	const struct maps *maps; /* its address space when it was read, see runtime_maps() */
	bool maps_tried;
	bool locals; /* variables of calls are asked for */
	/* where pages come from instead of the process, or NULL: a test is the process then */
	int (*pages)(void *arg, uint64_t page, void *buf);
	void *pages_arg;
};

struct runtime {
	const char *name;
	/*
	 * Look at a process, add what there is to the model, without looking at waits: they may not
	 * be known yet. Is this runtime there at all? *kept is what read_waits() wants; `site`
	 * lives as long.
	 */
	bool (*read)(struct runtime_site *site, void **kept);
	/* Now they are: add what has to do with them. May be left out when the look failed. */
	void (*read_waits)(void *kept);
	/* Free what read() kept. NULL with read_waits: it never keeps anything. */
	void (*release)(void *kept);
};

/* What is worth keeping from one look to the next: files that were opened. Never NULL. */
struct runtimes *runtimes_new(void);

/* Free it. NULL is fine. */
void runtimes_free(struct runtimes *all);
DEFINE_GUARD(runtimes)
#define _cleanup_runtimes_ _cleanup_(runtimes_free_guard)

/*
 * The files that it opens, for others who open the same: call files_refresh() before each look.
 * Borrowed.
 */
struct files *runtimes_files(struct runtimes *all);

/* Also the variables of calls, from now on. */
void runtimes_want_locals(struct runtimes *all);

/*
 * Ask all runtimes about the processes of the tree as far as that takes no waits, while a reader
 * still gets ready to read files. `m` was filled from `s`, which has at most RUNTIMES_FEW
 * processes.
 */
void runtimes_begin(struct runtimes *all, struct snapshot *s, struct model *m);

/*
 * Ask all runtimes about all processes of the tree, or go on where runtimes_begin() stopped. `m`
 * was filled from `s` and has its waits. Processes that may not be looked into are left out.
 */
void runtimes_read(struct runtimes *all, struct snapshot *s, struct model *m);

/* ---- for runtimes ---------------------------------------------------------------------------- */

/*
 * The address space of the process; NULL: it may not be read, or the process is gone. Read when it
 * is asked for first: that costs more than all the rest of a process.
 */
const struct maps *runtime_maps(struct runtime_site *site);

/*
 * What a runtime has found in one process, for others that run the same program: forked ones have
 * it all at the same addresses.
 */
struct runtime_note {
	struct map_area area; /* where its file is mapped; the path is not looked at */
	uint64_t words[4];    /* its own */
};

/* Leave a note. Only processes of which one knows that they run the same program will see it. */
void runtime_note(struct runtime_site *site, const struct runtime_note *note);

/*
 * The note that was left by a process of the same program, if the same file is mapped at the same
 * place of this process. False: look for yourself.
 */
bool runtime_recall(struct runtime_site *site, struct runtime_note *note);

/*
 * Exactly `len` bytes at `addr` of the process: 0 or -errno as mem_read(). Pages are kept until
 * the next process, at most some thousands of them (-ENOBUFS): a walk over more is none.
 */
SNAG_MUST_CHECK
int runtime_read(struct runtime_site *site, uint64_t addr, void *buf, size_t len);

/*
 * Where the page at `addr`, which begins one, is kept: as runtime_read(). Borrowed until the next
 * process or runtime_forget().
 */
SNAG_MUST_CHECK
int runtime_page(struct runtime_site *site, uint64_t addr, const uint8_t **ret);

/* A text that ends with 0, at most `size` - 1 bytes of it: 0 or -errno. */
SNAG_MUST_CHECK
int runtime_read_text(struct runtime_site *site, uint64_t addr, char *buf, size_t size);

/* Forget the pages that are kept: what is read from now on is as it is then. */
void runtime_forget(struct runtime_site *site);

/* The file that is mapped at `area`, opened once for all processes. `elf` or `missing` is set. */
struct code_file *runtime_file(struct runtime_site *site, const struct map_area *area);
