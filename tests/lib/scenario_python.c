/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python stacks of snag beside those that the program printed of itself.
 */
#include "lib/scenario_python.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "lib/common_python.h"
#include "scenario_harness.h"

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 512, LINE_BYTES = 4096 };

const char *python_path(unsigned i)
{
	uint32_t minor;

	return interpreter_find(i, &minor);
}

void python_scenario(struct scenario like, struct python_case of)
{
	struct python_case *arg = xcalloc(1, sizeof(*arg));
	struct scenario *s = xcalloc(1, sizeof(*s));
	char *name = NULL;

	*arg = of;
	if ((of.number > 1 ? asprintf(&name, "%s@3.%u-%u", like.name, of.minor, of.number) :
			     asprintf(&name, "%s@3.%u", like.name, of.minor)) < 0)
		abort();
	*s = like;
	s->name = name;
	s->arg = arg;
	scenario_register(s);
}

/* ---- what patients say ----------------------------------------------------------------------- */

static char *said_path(const char *dir, const char *what, pid_t pid)
{
	return (char *)text("%s/%s.%d", dir, what, pid);
}

static const char *write_program(const char *program)
{
	static unsigned number;
	const char *path = text("%s/program%u.py", scenario_dir(), number++);
	FILE *f = fopen(path, "we");

	if (!f || fputs(program, f) < 0 || fclose(f))
		scenario_die("%s: %m", path);
	return path;
}

pid_t python_spawn(const char *path, const char *program)
{
	char *argv[] = { (char *)path, (char *)write_program(program), NULL };

	return spawn_program(argv);
}

pid_t python_spawn_telling(const char *path, const char *program)
{
	char *argv[] = { (char *)path, (char *)write_program(program), NULL };

	return python_spawn_saying(argv);
}

pid_t python_spawn_saying(char *const argv[])
{
	const char *early = text("%s/said", scenario_dir());
	int out = (int)must(open(early, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	pid_t pid = spawn_program_on(argv, -1, out, -1);

	close(out);
	must(rename(early, said_path(scenario_dir(), "said", pid)));
	return pid;
}

static bool has_said(void *arg)
{
	FILE *f = fopen(arg, "re");
	char line[LINE_BYTES];
	bool done = false;

	while (f && fgets(line, sizeof(line), f))
		done = strcmp(line, "done\n") == 0;
	if (f)
		fclose(f);
	return done;
}

void python_said(pid_t pid)
{
	wait_until(has_said, said_path(scenario_dir(), "said", pid),
		   "the program has printed done");
}

void truth_python(pid_t pid)
{
	must(rename(said_path(scenario_dir(), "said", pid),
		    said_path(scenario_dir(), "truth", pid)));
}

/* ---- comparison ------------------------------------------------------------------------------ */

struct python_truth {
	struct strbuf *why;
	const char *path, *reader;
	json_t *answer;
	pid_t pid;
	unsigned threads, frames;
	bool ok;
};

static json_t *find_thread(json_t *answer, pid_t tid)
{
	size_t i, k;
	json_t *actor, *thread;

	json_array_foreach(json_object_get(answer, "actors"), i, actor)
		json_array_foreach(json_object_get(actor, "threads"), k,
				   thread) if (json_integer_value(json_object_get(thread, "tid")) ==
					       tid) return thread;
	return NULL;
}

static const char *string_in(json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* Each evaluation loop on the native stack runs the calls down to one that native code made. */
static void check_loops(struct python_truth *t, json_t *thread)
{
	json_t *stack = json_object_get(thread, "stack"), *frame;
	unsigned loops = 0, entries = 0;
	size_t i;

	if (!json_is_true(json_object_get(stack, "current")))
		return;
	json_array_foreach(json_object_get(thread, "native"), i, frame)
		loops += strncmp(string_in(frame, "symbol"), "_PyEval_EvalFrameDefault", 24) == 0;
	json_array_foreach(json_object_get(thread, "python"), i, frame)
		entries += json_is_true(json_object_get(frame, "entry"));
	if (loops != entries)
		t->ok = truth_differs(
			t->why, "python %s: pid %d: %u evaluation loops, %u calls by native code",
			t->reader, t->pid, loops, entries);
}

/* The frames up to the line "end". */
static void check_frames(struct python_truth *t, FILE *f, json_t *thread)
{
	json_t *frames = json_object_get(thread, "python");
	char line[LINE_BYTES], mine[LINE_BYTES];
	size_t n = 0;

	for (; fgets(line, sizeof(line), f) && strcmp(line, "end\n") != 0; n++) {
		json_t *frame = json_array_get(frames, n);

		snprintf(mine, sizeof(mine), "%s:%" JSON_INTEGER_FORMAT ":%s\n",
			 string_in(frame, "file"),
			 json_integer_value(json_object_get(frame, "line")),
			 string_in(frame, "function"));
		if (strcmp(line, mine) != 0)
			t->ok = truth_differs(t->why,
					      "python %s: pid %d, frame %zu: %.*s, not %.*s",
					      t->reader, t->pid, n, (int)strcspn(mine, "\n"), mine,
					      (int)strcspn(line, "\n"), line);
	}
	if (n != json_array_size(frames))
		t->ok = truth_differs(t->why, "python %s: pid %d: %zu frames, not %zu", t->reader,
				      t->pid, json_array_size(frames), n);
	t->frames += (unsigned)n;
	t->threads++;
}

static void check_process(struct python_truth *t)
{
	FILE *f = fopen(t->path, "re");
	char line[LINE_BYTES];

	while (f && fgets(line, sizeof(line), f)) {
		char name[64] = "";
		json_t *thread;
		int tid;

		if (sscanf(line, "thread %*u %d %63[^\n]", &tid, name) != 2)
			continue;
		thread = find_thread(t->answer, tid);
		if (!thread)
			t->ok = truth_differs(t->why, "python %s: pid %d: no thread %d", t->reader,
					      t->pid, tid);
		check_frames(t, f, thread);
		check_loops(t, thread);
		if (strcmp(name, string_in(json_object_get(thread, "interpreter"), "name")) != 0)
			t->ok = truth_differs(t->why,
					      "python %s: pid %d: thread %d is not called %s",
					      t->reader, t->pid, tid, name);
	}
	if (f)
		fclose(f);
}

bool python_compare(json_t *const *answers, const char *dir, struct strbuf *why)
{
	struct python_truth t = { .why = why, .ok = true };
	char pattern[PATH_BYTES];
	glob_t g = { .gl_pathc = 0 };

	snprintf(pattern, sizeof(pattern), "%s/truth.*", dir);
	if (glob(pattern, 0, NULL, &g) != 0)
		return true;
	for (int reader = 0; reader < READER_COUNT; reader++)
		for (size_t i = 0; answers[reader] && i < g.gl_pathc; i++) {
			t.path = g.gl_pathv[i];
			t.pid = atoi(strrchr(t.path, '.') + 1);
			t.answer = answers[reader];
			t.reader = string_in(json_object_get(t.answer, "source"), "reader");
			check_process(&t);
		}
	globfree(&g);
	if (!t.threads)
		t.ok = truth_differs(why, "python %s: nothing was compared", t.reader);
	return t.ok;
}
