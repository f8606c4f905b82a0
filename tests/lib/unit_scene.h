/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_scene.h - a snapshot by hand and the waits that are decoded from it.
 *
 *	struct scene *x = scene_new();
 *	scene_process(x, PID(1), 0, "sh");
 *	scene_call(x, PID(1), SYS_read, 3);
 *	scene_file(x, PID(1), 3, FILE_PIPE, MODE_READ)->ino = 77;
 *	scene_decode(x);
 *	scene_wait(x, PID(1))->kind == WAIT_PIPE_READ
 *	scene_free(x);
 *
 * Pointers that are returned hold until the next call.
 */
#pragma once

#include "model/model.h"
#include "read/snapshot.h"
#include "waits/wait.h"

#include <unistd.h>

/* Numbers above the highest pid there can be, so that nothing real is looked at. */
#define PID(n) (5000000 + (n))

/* An address in a real process: this one, of which memory may be read. */
#define HERE(p) ((uint64_t)(uintptr_t)(p))

struct scene {
	struct snapshot *snap;
	struct model *model;
	struct wait_ctx *ctx;
};

/* An empty snapshot that claims to be complete: the sockets are all there. */
struct scene *scene_new(void);

/* Free it and what was made of it. */
void scene_free(struct scene *x);

/* A process of the tree with one sleeping thread. The first one is the root. */
struct snap_process *scene_process(struct scene *x, int32_t tgid, int32_t ppid, const char *comm);

/*
 * As scene_process(), where it is known whether it did without exec: `n` and `parent` (0: none) are
 * those of PID().
 */
struct snap_process *scene_forked(struct scene *x, int n, int parent, bool bare);

/* A process outside the tree. */
struct snap_process *scene_outsider(struct scene *x, int32_t tgid, const char *comm);

/* A further thread of a process. */
struct snap_task *scene_thread(struct scene *x, int32_t tgid, int32_t tid);

/* A thread of the scene. */
struct snap_task *scene_task(struct scene *x, int32_t tid);

/* The thread is blocked in a system call; further arguments by scene_task(x, tid)->args. */
struct snap_task *scene_call(struct scene *x, int32_t tid, int nr, uint64_t arg);

/* An open file with its details known, a pipe's counts unknown. */
struct snap_file *scene_file(struct scene *x, int32_t tgid, int32_t fd, enum file_kind kind,
			     uint8_t mode);

/* A descriptor of a socket and what is known of the socket, to be filled in. */
struct snap_sock *scene_socket(struct scene *x, int32_t tgid, int32_t fd, uint64_t ino);

/* A connection of two unix stream sockets. */
void scene_connect(struct scene *x, int32_t tgid, int32_t fd, int32_t to_tgid, int32_t to_fd);

/* An item of the epoll set that was added as the last file. */
struct snap_epitem *scene_item(struct scene *x, int32_t fd, uint32_t events,
			       const struct snap_file *target);

/* Make the model, without waits. */
void scene_model(struct scene *x);

/* Make the model and decode all waits. */
void scene_decode(struct scene *x);

/* The wait of a thread; fails the test when it has none. */
const struct wait *scene_wait(const struct scene *x, int32_t tid);

/* The `n`th item of a wait; fails the test when there are not so many. */
const struct wait *scene_item_of(const struct scene *x, const struct wait *w, uint32_t n);

/* How many terms of that kind the wait has. */
uint32_t scene_terms(const struct scene *x, const struct wait *w, enum term_kind kind);

/* The first term of that kind; fails the test when there is none. */
const struct term *scene_term(const struct scene *x, const struct wait *w, enum term_kind kind);

/*
 * Whether a term of that kind leads to process `tgid`: TERM_EXIT, TERM_ACTOR, or an object it
 * holds.
 */
bool scene_leads_to(const struct scene *x, const struct wait *w, enum term_kind kind, int32_t tgid);

/* Whether there is a finding of that kind. */
bool scene_finds(const struct scene *x, const char *kind);

/* The text of a string of the model. */
const char *scene_str(const struct scene *x, uint32_t id);
