/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native stacks of snag beside those of gdb, frame by frame.
 *
 * What patients say is a line each in a file of the scenario's folder, closed at once. gdb is asked
 * once for several processes, for it starts slowly.
 */
#include "lib/scenario_stacks.h"

#include "base/vec.h"
#include "scenario_harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAID_MAX = 32, FRAMES_MAX = 2048, GDB_AT_ONCE = 3 };

/* What somebody else than snag knows of one thread. */
struct known_stack {
	pid_t pid, tid;
	bool outermost; /* nobody called the last one */
	uint32_t own;	/* so many frames of snag's are in front of these */
	uint32_t first, count;
};

struct said {
	pid_t pid;
	char but[TRUTH_WORDS]; /* "" none */
};

/* What the answer must say of a thread. */
struct words {
	pid_t pid, tid;
	char text[TRUTH_WORDS];
	bool seen;
};

struct comparison {
	struct said said[SAID_MAX];
	size_t said_count;
	VEC(struct words) words;
	VEC(struct known_stack) known;
	VEC(uint64_t) pcs;
	struct strbuf *why;
	bool moving, ok;
	unsigned threads, frames, same, beyond, missed;
};

/* A thread as snag has it. */
struct thread_stack {
	pid_t pid, tid;
	const char *name, *status, *end, *reason, *but;
	uint64_t pcs[FRAMES_MAX];
	const char *hows[FRAMES_MAX];
	uint32_t count;
};

/* ---- what patients say ----------------------------------------------------------------------- */

static void said_path(char *path, size_t size, const char *dir)
{
	snprintf(path, size, "%s/stacks", dir);
}

static FILE *said_open(void)
{
	char path[256];

	said_path(path, sizeof(path), scenario_dir());
	FILE *f = fopen(path, "ae");
	if (!f)
		scenario_die("%s: %m", path);
	return f;
}

void truth_stacks(pid_t pid, const char *but)
{
	_cleanup_fclose_ FILE *f = said_open();

	fprintf(f, "gdb %d %s\n", pid, but ? but : "");
}

void truth_frames(pid_t pid, pid_t tid, size_t own, void *const *pcs, size_t count)
{
	_cleanup_fclose_ FILE *f = said_open();

	fprintf(f, "frames %d %d %zu", pid, tid ? tid : pid, own);
	for (size_t i = 0; i < count; i++)
		fprintf(f, " %p", pcs[i]);
	fprintf(f, "\n");
}

void truth_stack_says(pid_t pid, pid_t tid, const char *words)
{
	_cleanup_fclose_ FILE *f = said_open();

	fprintf(f, "words %d %d %s\n", pid, tid ? tid : pid, words);
}

/* The addresses of one thread, in hex with blanks between. */
static void take_pcs(struct comparison *c, struct known_stack k, const char *text)
{
	char *end;

	k.first = c->pcs.count;
	for (;;) {
		uint64_t pc = strtoull(text, &end, 16);

		if (end == text)
			break;
		*vec_push(&c->pcs) = pc;
		text = end;
	}
	k.count = c->pcs.count - k.first;
	*vec_push(&c->known) = k;
}

static void take_said(struct comparison *c, const char *line)
{
	struct known_stack k = { .outermost = true };
	struct said *s = &c->said[c->said_count];
	struct words w = { .seen = false };
	int at = 0;

	if (sscanf(line, "words %d %d %n", &w.pid, &w.tid, &at) == 2) {
		snprintf(w.text, sizeof(w.text), "%.*s", (int)strcspn(line + at, "\n"), line + at);
		*vec_push(&c->words) = w;
		return;
	}
	if (sscanf(line, "frames %d %d %u%n", &k.pid, &k.tid, &k.own, &at) == 3) {
		take_pcs(c, k, line + at);
		return;
	}
	if (c->said_count == SAID_MAX || sscanf(line, "gdb %d %n", &s->pid, &at) != 1) {
		c->ok = truth_differs(c->why, "stacks: too much is said: %s", line);
		return;
	}
	snprintf(s->but, sizeof(s->but), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	c->said_count++;
}

static void read_said(struct comparison *c, const char *dir)
{
	char path[256], line[4096];

	said_path(path, sizeof(path), dir);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		take_said(c, line);
}

/* ---- what gdb says --------------------------------------------------------------------------- */

static void take_line(struct comparison *c, const char *line)
{
	struct known_stack k = { .own = 0 };
	char end[16];
	int at = 0;

	if (strncmp(line, "error ", 6) == 0)
		c->ok = truth_differs(c->why, "stacks: gdb: %s", line);
	if (sscanf(line, "thread %d %d %15s%n", &k.pid, &k.tid, end, &at) != 3)
		return;
	k.outermost = strcmp(end, "outermost") == 0;
	take_pcs(c, k, line + at);
}

/*
 * Some at once: gdb starts slowly, and a loaded machine shall not run into the limit of a command.
 */
static void ask_gdb(struct comparison *c, size_t from, size_t count)
{
	_cleanup_command_ struct command command = { .status = 0 };
	_cleanup_strbuf_ struct strbuf pids = STRBUF_INIT;
	uint32_t before = c->known.count;

	strbuf_adds(&pids, "python pids = [");
	for (size_t i = from; i < from + count; i++)
		strbuf_addf(&pids, "%d, ", c->said[i].pid);
	strbuf_addc(&pids, ']');
	command_run(&command,
		    (char *[]){ (char *)"gdb", (char *)"-nx", (char *)"-batch", (char *)"-ex",
				pids.s, (char *)"-x", (char *)"tests/lib/gdb_frames.py", NULL });
	strbuf_adds(&command.out, "");
	for (char *save = NULL, *line = strtok_r(command.out.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		take_line(c, line);
	if (c->known.count == before)
		c->ok = truth_differs(c->why, "stacks: gdb says nothing, exit status %d: %s",
				      command.status, strbuf_str(&command.err));
}

/* ---- one thread ------------------------------------------------------------------------------ */

static const struct known_stack *known_of(const struct comparison *c, pid_t tid)
{
	for (uint32_t i = 0; i < c->known.count; i++)
		if (c->known.at[i].tid == tid)
			return &c->known.at[i];
	return NULL;
}

/* Does snag itself say that it is not certain of this frame? */
static bool is_guess(const char *how)
{
	return words_have("frame-pointer guess called", how);
}

/* Anything but equal. What is certain must be right, what is left out needs a reason. */
static void judge(struct comparison *c, const struct thread_stack *t, const struct known_stack *k,
		  uint32_t same)
{
	uint32_t own = t->count - k->own;
	bool guessed = same < own && is_guess(t->hows[k->own + same]);
	uint64_t want = same < k->count ? c->pcs.at[k->first + same] : 0;

	if (same == k->count && guessed && !k->outermost) {
		c->beyond++;
		return;
	}
	if (t->but && (guessed || same == own)) {
		c->missed += k->count - same;
		printf("  %d/%d %s: %u of %u frames, then %s: %s\n", t->pid, t->tid, t->name, same,
		       k->count, guessed ? t->hows[k->own + same] : t->end, t->but);
		return;
	}
	c->ok = truth_differs(c->why,
			      "stacks: %d/%d %s: %u frames are the same, then %#" PRIx64
			      " (%s), truth %#" PRIx64 "; %u frames, truth %u%s",
			      t->pid, t->tid, t->name, same, same < own ? t->pcs[k->own + same] : 0,
			      same < own ? t->hows[k->own + same] : t->end, want, own, k->count,
			      k->outermost ? "" : " or more");
}

/* Whatever must be said of the thread. */
static void compare_words(struct comparison *c, const struct thread_stack *t)
{
	for (uint32_t i = 0; i < c->words.count; i++) {
		struct words *w = &c->words.at[i];

		if (w->pid != t->pid || w->tid != t->tid)
			continue;
		w->seen = true;
		if (!strstr(t->status, w->text) && !strstr(t->end, w->text) &&
		    !strstr(t->reason, w->text))
			c->ok = truth_differs(c->why,
					      "stacks: %d/%d %s: \"%s\" is not said: %s; %s; %s",
					      t->pid, t->tid, t->name, w->text, t->status,
					      t->reason, t->end);
	}
}

static void compare_thread(struct comparison *c, const struct thread_stack *t)
{
	const struct known_stack *k = known_of(c, t->tid);
	uint32_t same = 0;

	if (strcmp(t->status, "stable") != 0) {
		if (!c->moving)
			c->ok = truth_differs(c->why, "stacks: %d/%d %s: its stack is %s", t->pid,
					      t->tid, t->name, t->status);
		return;
	}
	if (!k) {
		c->ok = truth_differs(c->why, "stacks: %d/%d %s: gdb does not have it", t->pid,
				      t->tid, t->name);
		return;
	}
	if (t->count < k->own) {
		c->ok = truth_differs(c->why, "stacks: %d/%d %s: only %u frames: %s", t->pid,
				      t->tid, t->name, t->count, t->end);
		return;
	}
	while (same < k->count && k->own + same < t->count &&
	       t->pcs[k->own + same] == c->pcs.at[k->first + same])
		same++;
	c->threads++;
	c->frames += k->count;
	c->same += same;
	if (same < k->count || k->own + same < t->count)
		judge(c, t, k, same);
}

/* ---- one answer ------------------------------------------------------------------------------ */

static const char *word_of(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

static void take_thread(struct thread_stack *t, const json_t *thread)
{
	const json_t *stack = json_object_get(thread, "stack");
	size_t i;
	json_t *f;

	t->tid = (pid_t)json_integer_value(json_object_get(thread, "tid"));
	t->name = word_of(thread, "name");
	t->status = word_of(stack, "status");
	t->end = word_of(stack, "end");
	t->reason = word_of(stack, "why");
	t->count = 0;
	json_array_foreach(json_object_get(thread, "native"), i, f)
	{
		if (t->count == FRAMES_MAX || json_is_true(json_object_get(f, "inlined")))
			continue;
		t->hows[t->count] = word_of(f, "how");
		t->pcs[t->count++] = strtoull(word_of(f, "pc"), NULL, 16);
	}
}

/* Is anything known of the process? *but: why not all of it may be found. */
static bool is_said(const struct comparison *c, pid_t pid, pid_t tid, const char **but)
{
	*but = NULL;
	for (size_t i = 0; i < c->said_count; i++) {
		if (c->said[i].pid == pid) {
			*but = c->said[i].but[0] ? c->said[i].but : NULL;
			return true;
		}
	}
	return known_of(c, tid) != NULL;
}

static void compare_answer(struct comparison *c, const json_t *answer)
{
	static struct thread_stack t;
	size_t i, n;
	json_t *actor, *thread;

	json_array_foreach(json_object_get(answer, "actors"), i, actor)
	{
		t.pid = (pid_t)json_integer_value(json_object_get(actor, "pid"));
		json_array_foreach(json_object_get(actor, "threads"), n, thread)
		{
			take_thread(&t, thread);
			compare_words(c, &t);
			if (is_said(c, t.pid, t.tid, &t.but))
				compare_thread(c, &t);
		}
	}
}

/* Those of whom nothing was in the answer. */
static void words_unseen(struct comparison *c)
{
	for (uint32_t i = 0; i < c->words.count; i++) {
		struct words *w = &c->words.at[i];

		if (!w->seen)
			c->ok = truth_differs(c->why, "stacks: %d/%d is not in the answer", w->pid,
					      w->tid);
		w->seen = false;
	}
}

static void compare_reader(struct comparison *c, const json_t *answer, const char *reader)
{
	c->threads = c->frames = c->same = c->beyond = c->missed = 0;
	compare_answer(c, answer);
	words_unseen(c);
	if (!c->said_count && !c->known.count)
		return;
	printf("  %s: %u of %u frames of %u threads; %u go on where gdb ends, %u missed\n", reader,
	       c->same, c->frames, c->threads, c->beyond, c->missed);
	if (!c->threads)
		c->ok = truth_differs(c->why,
				      "stacks: no thread of what was said is in the answer");
}

bool stacks_compare(json_t *const *answers, const char *dir, bool moving, struct strbuf *why)
{
	struct comparison c = { .why = why, .moving = moving, .ok = true };
	bool any;

	read_said(&c, dir);
	any = c.said_count || c.known.count || c.words.count;
	for (size_t i = 0; i < c.said_count; i += GDB_AT_ONCE)
		ask_gdb(&c, i, c.said_count - i < GDB_AT_ONCE ? c.said_count - i : GDB_AT_ONCE);
	for (int r = 0; any && r < READER_COUNT; r++)
		if (answers[r])
			compare_reader(&c, answers[r], reader_names[r]);
	vec_release(&c.words);
	vec_release(&c.known);
	vec_release(&c.pcs);
	return c.ok;
}
