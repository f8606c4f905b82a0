/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_harness.h - the inside of the scenario runner. Scenarios include scenario.h only.
 *
 * main forks a *case* for each scenario; the case forks the *patient* and is the subreaper of
 * everything the patient makes, so that it can end all of it by pid. Patient and case share one
 * page: struct truth.
 */
#pragma once

#include "base/strbuf.h"
#include "lib/scenario.h"

#include <jansson.h>

enum { TRUTH_MAX = 64, TRUTH_WORDS = 160, OUTCOME_MAX = 64 };

enum reader { READER_BPF, READER_PROCFS, READER_COUNT };

struct truth_verdict {
	char kind[32], confidence[16];
	bool procfs_only, wrong; /* wrong: it must not be this one */
};

struct truth_hop {
	pid_t pid, tid, on_pid;
	bool in_chain;
	char kind[64], key[TRUTH_WORDS];
};

struct truth_about {
	pid_t pid, ppid;
	bool absent;
	char words[TRUTH_WORDS];
	char key[TRUTH_WORDS];
	char says[TRUTH_WORDS];
};

struct truth_list {
	uint32_t count; /* slots handed out, maybe more than there are */
};

/* Shared between patient and case. Slots are handed out atomically and read only after `ready`. */
struct truth {
	uint32_t ready;
	pid_t root;
	struct truth_list n_verdicts, n_hops, n_culprits, n_findings, n_actors, n_says, n_blocked;
	struct truth_verdict verdicts[TRUTH_MAX];
	struct truth_hop hops[TRUTH_MAX];
	struct truth_about culprits[TRUTH_MAX], findings[TRUTH_MAX], actors[TRUTH_MAX],
		says[TRUTH_MAX];
	struct truth_about blocked[TRUTH_MAX]; /* ppid is the tid */
	char failed[512];		       /* the patient gave up: why */
	char lacking[64];		       /* scenario_skip(): what is lacking */
	char dir[128];
	char shared[4096] __attribute__((aligned(64)));
};

/* The page of this process and its parent, set before the patient starts. */
extern struct truth *truth_page;

/* The names of readers, as --reader takes them. */
extern const char *const reader_names[READER_COUNT];

struct runner {
	char snag[4096]; /* path of the program under test */
	json_t *schema;	 /* of its --json output, NULL: could not be had, `schema_error` says why */
	char schema_error[256];
	bool use[READER_COUNT];
	const char *require; /* SNAG_REQUIRE or "" */
	bool verbose;
	bool dry; /* ask nobody: print the truth of the settled patient */
};

/* UNSEEN: it differs from the truth as .unseen says, and nothing else is wrong. */
enum { CASE_PASSED = 0, CASE_FAILED = 1, CASE_UNSEEN = 2, CASE_SKIPPED = 77 };

/* ---- scenario_proc.c: what /proc says ---- */

/* State letter and schedstat stamp of a thread; false when it is gone. */
bool proc_thread_stamp(pid_t pid, pid_t tid, char *state, char *stamp, size_t size);

/* Children of all threads of `pid`, oldest first, at most `max`; how many. */
size_t proc_children(pid_t pid, pid_t *children, size_t max);

/* Kill and reap every descendant of this process except those below the children in `keep`. False:
 * some remain. */
bool proc_kill_descendants(const pid_t *keep, size_t n_keep);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* A short pause inside a polling loop. */
void poll_pause(void);

/* ---- scenario_needs.c: what this host can do ---- */

/* True when every word of `needs` can be had, else *lacking is the first word that cannot. */
bool needs_met(const char *needs, char *lacking, size_t size);

/* True when `word` is among the words of `list`, separated by commas or blanks. */
bool words_have(const char *list, const char *word);

/* ---- scenario_exec.c: running snag ---- */

struct command {
	int status; /* exit status, 128 + n for a signal, -1: killed after the limit */
	struct strbuf out, err;
};

/* Run argv to its end with a limit, its output kept. Release with command_release(). */
void command_run(struct command *c, char *const argv[]);

/* Free what the command printed. */
void command_release(struct command *c);
DEFINE_PLACE_GUARD(command)
#define _cleanup_command_ _cleanup_(command_release_guard)

/* ---- scenario_schema.c: a validator for the part of JSON Schema that snag uses ---- */

/* True when `value` is valid; else what is wrong is appended to `why`, a line each. */
bool schema_check(const json_t *schema, const json_t *value, struct strbuf *why);

/* ---- scenario_compare.c: one answer against the truth ---- */

/* Append a line that says what is wrong, cut at 1023 bytes. False, as the check's result is. */
bool truth_differs(struct strbuf *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Compare; a line for each difference is appended to `why`. True when there is none. */
bool truth_compare(const struct truth *t, const json_t *answer, enum reader reader,
		   struct strbuf *why);

/* The same for what no verdict is needed for: waits, findings, actors. Holds also where the verdict
 * is marked as not to be seen. */
bool truth_compare_facts(const struct truth *t, const json_t *answer, struct strbuf *why);

/* Verdict kind, chain and culprit as text: what must be the same from both readers and a capture.
 */
void answer_signature(const json_t *answer, struct strbuf *signature);

/* The stated chain and the one of the answer, side by side for a person. */
void truth_explain(const struct truth *t, const json_t *answer, struct strbuf *text);

/* The stated truth as text: chain, and where each blocked thread really is. */
void truth_print(const struct truth *t, struct strbuf *text);

/* How many slots of a list are filled. */
size_t truth_count(const struct truth_list *list);

/* ---- scenario_case.c ---- */

/* Run one scenario in this process, which becomes a subreaper. The report goes to stdout; a CASE_
 * value. */
int case_run(const struct scenario *s, const struct runner *r);

/* What a case comes to, when its answer differed from the truth (`wrong`) or anything else is wrong
 * (`broken`). */
int case_outcome(const struct scenario *s, bool wrong, bool broken);

/* The folder of the scenario's file: "process". */
void scenario_group(const struct scenario *s, char *group, size_t size);

/* ---- scenario_self.c: the harness tests itself ---- */

/* Run self-test `index`; false, with a report on stdout, when it fails. */
bool self_test_run(size_t index);

/* The name of self-test `index`, NULL past the last. */
const char *self_test_name(size_t index);
