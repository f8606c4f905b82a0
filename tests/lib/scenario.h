/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario.h - a small live program that hangs, and the truth it knows about its own hang.
 *
 * The body of a SCENARIO runs in the *patient*: a fresh process, leader of its own session, with
 * fds 0 to 2 only (/dev/null and a log file) and no shared memory but the truth page. It builds a
 * tree, states the truth with the truth_ calls, calls truth_ready(), and then really hangs. The
 * runner waits until every thread that the truth names is blocked, asks `snag why` with each reader
 * and holds the answers against the truth.
 *
 *	// snag must find that the root waits for its child, which sleeps.
 *	SCENARIO(wait4_pid, .what = "a parent in wait4(pid), the child in pause")
 *	{
 *		pid_t child = spawn_child(hang, NULL);
 *		truth_verdict("deadlock", NULL);
 *		truth_hop(getpid(), 0, "child-exit", NULL, child);
 *		truth_ready();
 *		waitpid(child, NULL, 0);
 *	}
 *
 * The full name is the folder and the name: "process/wait4_pid". A body may return: the patient
 * then exits. docs/HOWTO_TEST.md has the longer story.
 */
#pragma once

#include "lib/scenario_truth.h"
#include "lib/scenario_wait.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct scenario {
	const char *name;
	const char *file;
	const char *what;    /* one line: what snag must find */
	const char *needs;   /* "root,bpf,python": else skipped. An unknown word is a program */
	const char *reader;  /* only this reader can tell; NULL: both must, and must agree */
	const char *options; /* further words for `snag why`, separated by blanks, or NULL */
	int repeat;	     /* how often each reader is asked; 0 is once */
	bool moving; /* the tree does not stand still: two answers may differ, within the truth */
	/*
	 * Why snag cannot know this verdict or culprit yet, or NULL. Then its answer has to
	 * differ from the truth: one that agrees is a failure, so that the mark goes. All else
	 * must hold as ever, stated waits, findings and actors too.
	 */
	const char *unseen;
	const void *arg; /* of a scenario that is a row of a table: scenario_arg() */
	void (*body)(void);
	void (*cleanup)(void); /* runs in the runner before the kill: thaw, unmount. Or NULL */
};

/* Constructor use, or in a maker: put `s` into the list. */
void scenario_register(const struct scenario *s);

/* Constructor use only, see SCENARIO_MAKER: `make` is called once before the list is used. */
void scenario_maker(void (*make)(void));

/* The `arg` of the scenario whose body this is. */
const void *scenario_arg(void);

#define SCENARIO(id, ...)                                                                          \
	static void scenario_body_##id(void);                                                      \
	static const struct scenario scenario_##id = {                                             \
		.name = #id, .file = __FILE__, .body = scenario_body_##id, __VA_ARGS__             \
	};                                                                                         \
	__attribute__((constructor)) static void scenario_register_##id(void)                      \
	{                                                                                          \
		scenario_register(&scenario_##id);                                                 \
	}                                                                                          \
	static void scenario_body_##id(void)

/* Its body registers what is found by looking: rows of a table, for each of the programs there. */
#define SCENARIO_MAKER(id)                                                                         \
	static void scenario_make_##id(void);                                                      \
	__attribute__((constructor)) static void scenario_maker_##id(void)                         \
	{                                                                                          \
		scenario_maker(scenario_make_##id);                                                \
	}                                                                                          \
	static void scenario_make_##id(void)

/* ---- helpers for patients (scenario_patient.c) ---- */

/* Fork; the child runs fn(arg) and exits with 0 should it return. */
pid_t spawn_child(void (*fn)(void *), void *arg);

/* As spawn_child, but the child leads a session of its own: for an outsider, or a root other than
 * this. */
pid_t spawn_session(void (*fn)(void *), void *arg);

/* Start a thread that runs fn(arg); its tid, once it exists. */
pid_t spawn_thread(void (*fn)(void *), void *arg);

/* Fork and exec argv (searched in PATH); returns after the exec has happened. */
pid_t spawn_program(char *const argv[]);

/* As spawn_program with fds 0, 1, 2 replaced (-1: as they are); every other fd is closed. */
pid_t spawn_program_on(char *const argv[], int in, int out, int err);

/* Block for ever in pause(2), a wait that only a signal can end (level 3). Fits spawn_child. */
void hang(void *unused);

/* Block for ever reading a pipe whose only holder is itself: nothing can end it. Fits spawn_child.
 */
void hang_dead(void *unused);

/* gettid(2). */
pid_t self_tid(void);

/* snag's object key of an fd of this process, or of `pid`: "pipe:[ino]". In a ring of static
 * buffers. */
const char *key_of_fd(int fd);
/* See key_of_fd(). */
const char *key_of_fd_in(pid_t pid, int fd);

/* printf into a ring of static buffers: keys and arguments without ceremony. */
const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 4096 zeroed bytes shared by the patient, its forked children and .cleanup. */
void *shared_page(void);

/* An empty directory of this scenario, removed with all content afterwards. */
const char *scenario_dir(void);

/* Give up: the scenario counts as skipped, or as failed when SNAG_REQUIRE names `capability`. */
void scenario_skip(const char *capability, const char *why) __attribute__((noreturn));

/* Give up: the scenario failed for a reason of its own. */
void scenario_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* `call` >= 0, else the scenario dies with its text and errno. Evaluates once. */
#define must(call) scenario_must((long)(call), #call, __FILE__, __LINE__)

/* The function behind must(). */
long scenario_must(long result, const char *call, const char *file, int line);
