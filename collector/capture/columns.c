/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/columns.h"

#include "read/stack.h"
#include "unwind/frame.h"

/* ---- words ----------------------------------------------------------------------------------- */

/* Build code: lists of words from the closed lists of wait_kinds.h. */
#define WORD(symbol, word) word,
static const char *const wait_words[] = { WAIT_KINDS(WORD) };
static const char *const verdict_words[] = { VERDICT_KINDS(WORD) };
static const char *const confidence_words[] = { CONFIDENCES(WORD) };
static const char *const spawn_words[] = { SPAWN_METHODS(WORD) };

static const char *const actor_words[] = { "process", "interpreter" };
static const char *const seen_words[] = { "unknown", "visible", "complete", "hidden" };
static const char *const mode_words[] = { "", "r", "w", "rw" };
static const char *const level_words[] = { "now", "time", "outside", "new", "unresolved", "none" };
static const char *const term_words[] = { NULL,	     "never",	"thread", "actor",   "exit",
					  "object",  "wait",	"time",	  "outside", "new",
					  "stopped", "unknown", "now",	  "task" };
static const char *const role_words[] = {
	"holder", "owner", "child", "peer", "setter", "canceller"
};
static const char *const stack_words[] = { "unknown", "stable", "stale", "moved",
					   "denied",  "gone",	"none",	 "unready" };
static const char *const how_words[] = { NULL,		"first",    "cfi",    "expression",
					 "debug-frame", "signal",   "called", "frame-pointer",
					 "guess",	"libunwind" };

static const char *const task_words[] = {
	"unknown", "new", "runnable", "running", "waiting", "done"
};

static const char *const script_words[] = { "function", "generator", "coroutine",
					    "async-generator" };
static const char *const gil_words[] = { "", "held", "wanted" };
static const char *const work_words[] = { "test", "job", "call", "lock" };

#define LIST(list)                                                                                 \
	{                                                                                          \
		.words = list, .count = sizeof(list) / sizeof(*list)                               \
	}
const struct word_list capture_words[WORDS_COUNT] = {
	[WORDS_ACTOR] = LIST(actor_words),     [WORDS_SPAWN] = LIST(spawn_words),
	[WORDS_SEEN] = LIST(seen_words),       [WORDS_MODE] = LIST(mode_words),
	[WORDS_WAIT] = LIST(wait_words),       [WORDS_LEVEL] = LIST(level_words),
	[WORDS_TERM] = LIST(term_words),       [WORDS_ROLE] = LIST(role_words),
	[WORDS_VERDICT] = LIST(verdict_words), [WORDS_CONFIDENCE] = LIST(confidence_words),
	[WORDS_STACK] = LIST(stack_words),     [WORDS_HOW] = LIST(how_words),
	[WORDS_TASK] = LIST(task_words),       [WORDS_SCRIPT] = LIST(script_words),
	[WORDS_GIL] = LIST(gil_words),	       [WORDS_WORK] = LIST(work_words),
};

/* The words lie in the order of the numbers that they stand for. */
_Static_assert(sizeof(term_words) / sizeof(*term_words) == TERM_TASK + 1, "a term without a word");
_Static_assert(sizeof(role_words) / sizeof(*role_words) == AS_COUNT, "a role without a word");
_Static_assert(sizeof(level_words) / sizeof(*level_words) == LEVEL_NONE + 1, "a level without one");
_Static_assert(sizeof(seen_words) / sizeof(*seen_words) == HOLDERS_HIDDEN + 1, "and holders_seen");
_Static_assert(sizeof(stack_words) / sizeof(*stack_words) == STACK_STATUS_COUNT, "and a stack");
_Static_assert(sizeof(task_words) / sizeof(*task_words) == TASK_STATE_COUNT, "and a task");
_Static_assert(sizeof(script_words) / sizeof(*script_words) == SCRIPT_KINDS, "and a call");
_Static_assert(sizeof(gil_words) / sizeof(*gil_words) == GIL_STATES, "and a lock");
_Static_assert(sizeof(work_words) / sizeof(*work_words) == WORK_DEBTS, "and work");
_Static_assert(sizeof(how_words) / sizeof(*how_words) == FRAME_HOW_COUNT, "and how");

/* ---- columns --------------------------------------------------------------------------------- */

/* clang-format off */
/* Build code: a column of the table whose element is `struct ELEMENT`. */
#define NAMED(column, type_, member, arg_) \
	{ .name = column, .offset = offsetof(struct ELEMENT, member), \
	  .size = sizeof(((struct ELEMENT *)0)->member), .type = COLUMN_##type_, .arg = arg_ }
#define PLAIN(type_, member) NAMED(#member, type_, member, 0)
#define WORDS(member, list) NAMED(#member, WORD, member, WORDS_##list)
#define REF(member, table) NAMED(#member, REF, member, TABLE_##table)
#define NEEDED(member, table) NAMED(#member, NEEDED_REF, member, TABLE_##table)

#define ELEMENT model
static const struct column capture_columns[] = {
	PLAIN(TEXT, host), NAMED("snag", TEXT, snag_version, 0), PLAIN(TEXT, reader),
	PLAIN(TEXT, kernel), PLAIN(UINT, captured_ns), PLAIN(REAL, took_ms), REF(root, ACTORS),
	PLAIN(BOOL, unstable),
};

static const struct column verdict_columns[] = {
	NAMED("kind", WORD, verdict.kind, WORDS_VERDICT),
	NAMED("confidence", WORD, verdict.confidence, WORDS_CONFIDENCE),
	NAMED("summary", TEXT, verdict.summary, 0),
	NAMED("since_ms", OPTIONAL, verdict.since_ms, 0),
	NAMED("focus", REF, verdict.focus_thread, TABLE_THREADS),
	NAMED("culprit_actor", REF, verdict.culprit.actor, TABLE_ACTORS),
	NAMED("culprit_task", UINT, verdict.culprit.task, 0),
	NAMED("culprit_object", REF, verdict.culprit.object, TABLE_OBJECTS),
	NAMED("culprit_tid", INT, verdict.culprit.tid, 0),
	NAMED("culprit_reason", TEXT, verdict.culprit.reason, 0),
	NAMED("culprit_text", TEXT, verdict.culprit.text, 0),
};
#undef ELEMENT

#define ELEMENT actor
static const struct column actor_columns[] = {
	WORDS(kind, ACTOR), PLAIN(INT, pid), PLAIN(UINT, start), REF(parent, ACTORS),
	PLAIN(INT, ppid), PLAIN(TEXT, name), PLAIN(TEXT, exe), PLAIN(TEXT, argv),
	PLAIN(CHAR, state), PLAIN(BOOL, in_tree), PLAIN(BOOL, exited), PLAIN(BOOL, denied),
	PLAIN(BOOL, frozen), PLAIN(BOOL, timer_possible), PLAIN(BOOL, timers_known),
	PLAIN(UINT, timer_ns), PLAIN(TEXT, joined),
	PLAIN(INT, pgrp), PLAIN(INT, session), PLAIN(INT, tracer), PLAIN(UINT, uid),
	PLAIN(UINT, pid_ns), PLAIN(UINT, net_ns), PLAIN(UINT, mnt_ns), PLAIN(TEXT, cgroup),
	PLAIN(UINT, fd_total), PLAIN(INT, exit_code), WORDS(spawn_method, SPAWN),
	PLAIN(TEXT, spawn_backend), PLAIN(TEXT, spawn_evidence), PLAIN(INT, spawn_by_pid),
	PLAIN(INT, spawn_by_tid), REF(spawn_requested_by, ACTORS), PLAIN(TEXT, runtime),
	PLAIN(UINT, sig_pending_blocked), PLAIN(BOOL, catches_sigchld),
	REF(host_thread, THREADS), PLAIN(BOOL, collecting), REF(spawn_requested_task, TASKS),
};
#undef ELEMENT

#define ELEMENT thread
static const struct column thread_columns[] = {
	NEEDED(actor, ACTORS), PLAIN(INT, tid), PLAIN(TEXT, name), PLAIN(TEXT, syscall),
	PLAIN(CHAR, state), PLAIN(BOOL, moved), PLAIN(BOOL, gone), PLAIN(BOOL, polls),
	PLAIN(BOOL, busy), PLAIN(BOOL, interruptible), REF(wait, WAITS), PLAIN(OPTIONAL, since_ms),
	PLAIN(TEXT, wchan), WORDS(stack, STACK), PLAIN(BOOL, stack_current), PLAIN(TEXT, stack_why),
	PLAIN(TEXT, stack_end), NAMED("script_title", TEXT, script.title, 0),
	NAMED("script_runtime", TEXT, script.runtime, 0), NAMED("script_why", TEXT, script.why, 0),
	NAMED("script_note", TEXT, script.note, 0), NAMED("script_work", TEXT, script.work, 0),
	NAMED("script_gil", WORD, script.gil, WORDS_GIL),
};
#undef ELEMENT

#define ELEMENT object
static const struct column object_columns[] = {
	PLAIN(NEEDED_TEXT, kind), PLAIN(NEEDED_TEXT, key), PLAIN(TEXT, label), PLAIN(TEXT, detail),
	WORDS(holders_seen, SEEN), PLAIN(BOOL, relevant), REF(peer, OBJECTS),
};
#undef ELEMENT

#define ELEMENT holder
static const struct column holder_columns[] = {
	NEEDED(object, OBJECTS), NEEDED(actor, ACTORS), PLAIN(INT, fd), WORDS(mode, MODE),
	PLAIN(BOOL, inherited), PLAIN(TRISTATE, used), PLAIN(UINT, description),
};
#undef ELEMENT

#define ELEMENT wait
static const struct column wait_columns[] = {
	NEEDED(actor, ACTORS), NEEDED(thread, THREADS), PLAIN(UINT, task), REF(parent, WAITS),
	PLAIN(TEXT, op), WORDS(kind, WAIT), REF(object, OBJECTS), PLAIN(INT, fd), PLAIN(UINT, need),
	PLAIN(INT, timeout_ms), PLAIN(OPTIONAL, since_ms), PLAIN(TEXT, text), PLAIN(TEXT, external),
	PLAIN(BOOL, completion), PLAIN(BOOL, input), WORDS(level, LEVEL), PLAIN(TEXT, doubt),
};
#undef ELEMENT

#define ELEMENT term_row
static const struct column term_columns[] = {
	NEEDED(wait, WAITS), NAMED("kind", WORD, term.kind, WORDS_TERM),
	NAMED("role", WORD, term.as, WORDS_ROLE), NAMED("mode", WORD, term.mode, WORDS_MODE),
	NAMED("target", UINT, term.id, 0), NAMED("text", TEXT, term.text, 0),
};
#undef ELEMENT

#define ELEMENT finding
static const struct column finding_columns[] = {
	PLAIN(NEEDED_TEXT, kind), REF(actor, ACTORS), REF(object, OBJECTS), PLAIN(INT, fd),
	PLAIN(INT, signal), PLAIN(TEXT, effect), PLAIN(TEXT, text),
};
#undef ELEMENT

#define ELEMENT side_verdict
static const struct column side_columns[] = {
	WORDS(kind, VERDICT), WORDS(confidence, CONFIDENCE), REF(thread, THREADS),
	PLAIN(TEXT, condition), PLAIN(TEXT, summary),
};
#undef ELEMENT

#define ELEMENT side_row
static const struct column side_member_columns[] = {
	NEEDED(side, SIDES), NEEDED(actor, ACTORS),
};
#undef ELEMENT

#define ELEMENT code
static const struct column code_columns[] = {
	PLAIN(UINT, address), PLAIN(UINT, offset), PLAIN(TEXT, symbol), PLAIN(TEXT, module),
	PLAIN(TEXT, missing), PLAIN(BOOL, function), PLAIN(BOOL, exact), PLAIN(TEXT, file),
	PLAIN(UINT, line),
};
#undef ELEMENT

#define ELEMENT inlined_row
static const struct column inlined_columns[] = {
	NEEDED(code, CODES), NAMED("symbol", TEXT, inlined.symbol, 0),
	NAMED("file", TEXT, inlined.file, 0), NAMED("line", UINT, inlined.line, 0),
};
#undef ELEMENT

#define ELEMENT frame_row
static const struct column frame_columns[] = {
	NEEDED(thread, THREADS), NAMED("pc", UINT, frame.pc, 0),
	NAMED("code", NEEDED_REF, frame.code, TABLE_CODES),
	NAMED("how", WORD, frame.how, WORDS_HOW),
	NAMED("signal", BOOL, frame.signal, 0),
};
#undef ELEMENT

#define ELEMENT kernel_row
static const struct column kernel_columns[] = {
	NEEDED(thread, THREADS), PLAIN(NEEDED_TEXT, text),
};
#undef ELEMENT

#define ELEMENT task
static const struct column task_columns[] = {
	NEEDED(actor, ACTORS), REF(thread, THREADS), PLAIN(UINT, address), PLAIN(UINT, number),
	PLAIN(TEXT, runtime), PLAIN(TEXT, name), REF(parent, TASKS), REF(nursery, NURSERIES),
	REF(scope, SCOPES), WORDS(state, TASK), PLAIN(BOOL, main), PLAIN(BOOL, hint),
	PLAIN(TRISTATE, requested), PLAIN(TRISTATE, shielded), PLAIN(TRISTATE, delivered),
	PLAIN(UINT, signals),
	PLAIN(TEXT, cancel_by), PLAIN(TEXT, cancel_reason), REF(wait, WAITS),
	PLAIN(TEXT, stack_why), PLAIN(INT, gone_tid), PLAIN(INT, serves_fd),
	PLAIN(INT, serves_call),
};
#undef ELEMENT

#define ELEMENT nursery
static const struct column nursery_columns[] = {
	NEEDED(actor, ACTORS), PLAIN(UINT, address), PLAIN(TEXT, name), REF(task, TASKS),
	REF(scope, SCOPES), PLAIN(INT, children), PLAIN(BOOL, waiting),
};
#undef ELEMENT

#define ELEMENT scope
static const struct column scope_columns[] = {
	NEEDED(actor, ACTORS), PLAIN(UINT, address), PLAIN(TEXT, name), REF(parent, SCOPES),
	REF(task, TASKS), PLAIN(BOOL, shield), PLAIN(BOOL, cancelled), PLAIN(INT, deadline_ms),
	PLAIN(TEXT, by), PLAIN(TEXT, reason),
};
#undef ELEMENT

#define ELEMENT task_frame_row
static const struct column task_frame_columns[] = {
	NEEDED(task, TASKS), NAMED("function", TEXT, frame.function, 0),
	NAMED("file", TEXT, frame.file, 0), NAMED("line", UINT, frame.line, 0),
	NAMED("code", REF, frame.code, TABLE_CODES), NAMED("pc", UINT, frame.pc, 0),
	NAMED("kind", WORD, frame.kind, WORDS_SCRIPT),
	NAMED("source", TEXT, frame.source.text, 0),
	NAMED("source_why", TEXT, frame.source.why, 0),
};
#undef ELEMENT

#define ELEMENT script_row
static const struct column script_frame_columns[] = {
	NEEDED(thread, THREADS), NAMED("function", TEXT, frame.function, 0),
	NAMED("qualified", TEXT, frame.qualified, 0), NAMED("file", TEXT, frame.file, 0),
	NAMED("line", UINT, frame.line, 0), NAMED("entry", BOOL, frame.entry, 0),
	NAMED("kind", WORD, frame.kind, WORDS_SCRIPT),
	NAMED("source", TEXT, frame.source.text, 0),
	NAMED("source_why", TEXT, frame.source.why, 0),
};
#undef ELEMENT

#define ELEMENT local_row
static const struct column local_columns[] = {
	REF(script_frame, SCRIPT_FRAMES), REF(task_frame, TASK_FRAMES),
	NAMED("name", TEXT, local.name, 0), NAMED("type", TEXT, local.type, 0),
	NAMED("value", TEXT, local.value, 0),
};
#undef ELEMENT

#define ELEMENT exception_row
static const struct column exception_columns[] = {
	REF(thread, THREADS), REF(task, TASKS), NAMED("type", TEXT, exception.type, 0),
	NAMED("text", TEXT, exception.text, 0), NAMED("raised", BOOL, exception.raised, 0),
};
#undef ELEMENT

#define ELEMENT debt
static const struct column debt_columns[] = {
	NEEDED(thread, THREADS), REF(by, THREADS), WORDS(kind, WORK), PLAIN(TEXT, what),
	PLAIN(TEXT, lost),
};
#undef ELEMENT

/* Elements that are one number. */
static const struct column text_columns[] = {
	{ .name = "text", .size = 4, .type = COLUMN_NEEDED_TEXT },
};
static const struct column chain_columns[] = {
	{ .name = "wait", .size = 4, .type = COLUMN_NEEDED_REF, .arg = TABLE_WAITS },
};
static const struct column member_columns[] = {
	{ .name = "actor", .size = 4, .type = COLUMN_NEEDED_REF, .arg = TABLE_ACTORS },
};

/* ---- tables ---------------------------------------------------------------------------------- */

/* Build code: a table whose rows lie in a vector of the model. */
#define COLUMNS(list) .columns = list, .column_count = sizeof(list) / sizeof(*list)
#define TABLE(name_, list, member, limit) \
	{ .name = name_, COLUMNS(list), .element = sizeof(*((struct model *)0)->member.at), \
	  .offset = offsetof(struct model, member), .max = limit }
#define SINGLE(name_, list) { .name = name_, COLUMNS(list), .single = true, .max = 1 }
#define OUTSIDE(name_, list, member, limit) \
	{ .name = name_, COLUMNS(list), .outside = true, \
	  .element = sizeof(*((struct capture_rows *)0)->member.at), \
	  .offset = offsetof(struct capture_rows, member), .max = limit }

/* Far above what a host has, and little enough for what a hostile file makes us allocate. */
enum { FEW = 1 << 16, MANY = 1 << 22 };

const struct table capture_tables[TABLE_COUNT] = {
	[TABLE_CAPTURE] = SINGLE("capture", capture_columns),
	[TABLE_ACTORS] = TABLE("actors", actor_columns, actors, MANY),
	[TABLE_THREADS] = TABLE("threads", thread_columns, threads, MANY),
	[TABLE_OBJECTS] = TABLE("objects", object_columns, objects, MANY),
	[TABLE_HOLDERS] = TABLE("holders", holder_columns, holders, MANY),
	[TABLE_WAITS] = TABLE("waits", wait_columns, waits, MANY),
	[TABLE_TERMS] = OUTSIDE("terms", term_columns, terms, MANY),
	[TABLE_FINDINGS] = TABLE("findings", finding_columns, findings, MANY),
	[TABLE_MISSING] = TABLE("missing", text_columns, missing, FEW),
	[TABLE_VERDICT] = SINGLE("verdict", verdict_columns),
	[TABLE_CHAIN] = TABLE("verdict_chain", chain_columns, verdict.chain, MANY),
	[TABLE_MEMBERS] = TABLE("verdict_members", member_columns, verdict.members, MANY),
	[TABLE_EVIDENCE] = TABLE("verdict_missing", text_columns, verdict.missing, FEW),
	[TABLE_CAVEATS] = TABLE("verdict_caveats", text_columns, verdict.caveats, FEW),
	[TABLE_SIDES] = TABLE("sides", side_columns, sides, FEW),
	[TABLE_SIDE_MEMBERS] = OUTSIDE("side_members", side_member_columns, side_members, MANY),
	[TABLE_CODES] = TABLE("codes", code_columns, codes, MANY),
	[TABLE_INLINED] = OUTSIDE("inlined", inlined_columns, inlined, MANY),
	[TABLE_FRAMES] = OUTSIDE("frames", frame_columns, frames, MANY),
	[TABLE_KERNEL_FRAMES] = OUTSIDE("kernel_frames", kernel_columns, kernel_frames, MANY),
	[TABLE_TASKS] = TABLE("tasks", task_columns, tasks, MANY),
	[TABLE_NURSERIES] = TABLE("nurseries", nursery_columns, nurseries, MANY),
	[TABLE_SCOPES] = TABLE("scopes", scope_columns, scopes, MANY),
	[TABLE_TASK_FRAMES] = OUTSIDE("task_frames", task_frame_columns, task_frames, MANY),
	[TABLE_SCRIPT_FRAMES] = OUTSIDE("script_frames", script_frame_columns, script_frames, MANY),
	[TABLE_LOCALS] = OUTSIDE("locals", local_columns, locals, MANY),
	[TABLE_EXCEPTIONS] = OUTSIDE("exceptions", exception_columns, exceptions, MANY),
	[TABLE_DEBTS] = TABLE("debts", debt_columns, debts, DEBTS_MAX),
};
/* clang-format on */

/* ---- access ---------------------------------------------------------------------------------- */

struct any_vec *capture_vec(const struct capture_rows *rows, const struct table *t)
{
	char *base = t->outside ? (char *)rows : (char *)rows->m;

	return (struct any_vec *)(base + t->offset);
}

/*
 * Numbers with a sign come back as their two's complement in 64 bits. Little endian, as BPF is
 * here.
 */
uint64_t column_get(const struct column *c, const void *row)
{
	const char *at = (const char *)row + c->offset;
	uint64_t value = 0;

	memcpy(&value, at, c->size);
	if (c->type == COLUMN_INT && c->size == 4)
		return (uint64_t)(int64_t)(int32_t)value;
	return value;
}

void column_set(const struct column *c, void *row, uint64_t value)
{
	memcpy((char *)row + c->offset, &value, c->size);
}

void capture_rows_release(struct capture_rows *rows)
{
	vec_release(&rows->terms);
	vec_release(&rows->side_members);
	vec_release(&rows->inlined);
	vec_release(&rows->frames);
	vec_release(&rows->kernel_frames);
	vec_release(&rows->task_frames);
	vec_release(&rows->script_frames);
	vec_release(&rows->locals);
	vec_release(&rows->exceptions);
}
