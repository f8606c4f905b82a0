/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `snag stacks` against what patients say of themselves.
 *
 * What they say is a line each in a file of the scenario's folder, closed at once.
 */
#include "lib/scenario_view.h"

#include "scenario_harness.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 512, STATED_MAX = 512, FOLDED_MAX = 1024 };

/* ---- what patients say ----------------------------------------------------------------------- */

static FILE *stated_open(const char *dir, const char *mode)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/views", dir);
	return fopen(path, mode);
}

static void state(const char *line)
{
	_cleanup_fclose_ FILE *f = stated_open(scenario_dir(), "ae");

	if (!f || fprintf(f, "%s\n", line) < 0)
		scenario_die("the file of views: %m");
}

void truth_calls(pid_t pid, pid_t tid, const char *calls)
{
	state(text("calls %d %d %s", pid, tid ? tid : pid, calls));
	truth_blocked(pid, tid);
}

void truth_prints(const char *format, ...)
{
	char words[STATED_MAX - 16];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	state(text("prints %s", words));
}

/* ---- one answer ------------------------------------------------------------------------------ */

/* Run `snag stacks TARGET WORD`; false, and why, when it does not exit with 0. */
static bool run(const struct view_ask *ask, const char *word, struct command *command,
		struct strbuf *why)
{
	char *argv[8] = { (char *)ask->snag, (char *)"stacks", (char *)ask->target };
	size_t n = 3;

	if (ask->reader) {
		argv[n++] = (char *)"--reader";
		argv[n++] = (char *)ask->reader;
	}
	argv[n++] = (char *)word;
	command_run(command, argv);
	return command->status == 0 ||
	       truth_differs(why, "snag stacks: %s %s: exit status %d: %s", ask->target, word,
			     command->status, strbuf_str(&command->err));
}

static json_t *thread_of(const json_t *answer, pid_t pid, pid_t tid)
{
	size_t i, k;
	json_t *actor, *thread;

	json_array_foreach(json_object_get(answer, "actors"), i, actor)
	{
		if (json_integer_value(json_object_get(actor, "pid")) != pid)
			continue;
		json_array_foreach(json_object_get(actor, "threads"), k, thread)
		{
			if (json_integer_value(json_object_get(thread, "tid")) == tid)
				return thread;
		}
	}
	return NULL;
}

/* The functions of a thread from the outside in; how many. */
static size_t functions_of(const json_t *thread, const char **names)
{
	const json_t *native = json_object_get(thread, "native");
	size_t count = json_array_size(native), n = 0;

	for (size_t i = count; i-- > 0 && n < CALLS_MAX;) {
		const json_t *symbol = json_object_get(json_array_get(native, i), "symbol");

		if (json_is_string(symbol))
			names[n++] = json_string_value(symbol);
	}
	return n;
}

/* Are the words of `calls`, with " > " between, among the names, in their order? */
static bool in_order(const char *calls, const char *const *names, size_t count)
{
	_cleanup_free_ char *copy = strdup(calls);
	char *save = NULL;
	size_t at = 0;

	for (char *w = strtok_r(copy, " >", &save); w; w = strtok_r(NULL, " >", &save)) {
		while (at < count && strcmp(names[at], w) != 0)
			at++;
		if (at++ == count)
			return false;
	}
	return true;
}

static bool check_calls(const json_t *answer, const char *line, struct strbuf *why)
{
	const char *names[CALLS_MAX];
	int pid, tid, at = 0;

	if (sscanf(line, "%d %d %n", &pid, &tid, &at) != 2)
		return truth_differs(why, "snag stacks: stated in no form: %s", line);
	const json_t *thread = thread_of(answer, pid, tid);
	size_t count = functions_of(thread, names);
	if (in_order(line + at, names, count))
		return true;
	truth_differs(why, "snag stacks: thread %d of %d is not in %s, but %s", tid, pid, line + at,
		      thread ? "in" : "not there");
	for (size_t i = 0; i < count; i++)
		strbuf_addf(why, "%s%s", i ? " > " : "    ", names[i]);
	strbuf_addc(why, '\n');
	return false;
}

/* Is the text in `object` of that name this one? */
static bool is_text(const json_t *object, const char *name, const char *is)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text && strcmp(text, is) == 0;
}

/* How many threads and tasks of the tree the document has. */
static unsigned long members_of(const json_t *answer)
{
	unsigned long members = 0;
	size_t i, k;
	json_t *actor, *thread, *task;

	json_array_foreach(json_object_get(answer, "actors"), i, actor)
	{
		if (!json_is_true(json_object_get(actor, "in_tree")))
			continue;
		json_array_foreach(json_object_get(actor, "threads"), k, thread)
		{
			members += !json_is_true(json_object_get(thread, "gone"));
		}
		json_array_foreach(json_object_get(actor, "tasks"), k, task)
		{
			members += !is_text(task, "state", "done");
		}
	}
	return members;
}

/* Every line is "name;call;..;call N", and all N together are all threads and tasks. */
static bool check_folded(char *lines, unsigned long members, struct strbuf *why)
{
	unsigned long sum = 0;
	char *save = NULL;

	for (char *l = strtok_r(lines, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		const char *blank = strrchr(l, ' '), *first = strchr(l, ';');

		if (!blank || !first || first == l || first > blank || !isdigit(blank[1]))
			return truth_differs(why, "snag stacks: --folded: no such line: %.*s",
					     FOLDED_MAX, l);
		sum += strtoul(blank + 1, NULL, 10);
	}
	return sum == members ||
	       truth_differs(why, "snag stacks: --folded has %lu threads and tasks, --json %lu",
			     sum, members);
}

/* The next words of the page, which `*page` moves behind. */
static bool check_prints(const char **page, const char *words, struct strbuf *why)
{
	const char *found = strstr(*page, words);

	if (!found)
		return truth_differs(
			why, "snag stacks: does not print (there, or at all) \"%s\", but\n%s",
			words, *page);
	*page = found + strlen(words);
	return true;
}

/* What three forms of the answer hold, and what was stated. */
struct answers {
	json_t *json;
	struct command page, folded;
};

static bool ask_all(const struct view_ask *ask, struct answers *a, struct strbuf *why)
{
	_cleanup_command_ struct command json = { .status = 0 };
	json_error_t error;

	if (!run(ask, "--json", &json, why) || !run(ask, "--color=auto", &a->page, why))
		return false;
	a->json = json_loads(strbuf_str(&json.out), 0, &error);
	if (!a->json)
		return truth_differs(why, "snag stacks: --json: line %d: %s", error.line,
				     error.text);
	if (ask->schema && !schema_check(ask->schema, a->json, why))
		return truth_differs(why,
				     "snag stacks: --json is not valid against snag --json-schema");
	return run(ask, "--folded", &a->folded, why);
}

static bool check_stated(const struct view_ask *ask, const struct answers *a, FILE *stated,
			 struct strbuf *why)
{
	const char *page = strbuf_str(&a->page.out);
	char line[STATED_MAX];
	bool ok = true;

	if (strchr(page, '\033'))
		ok = truth_differs(why, "snag stacks: colour in a pipe");
	while (fgets(line, sizeof(line), stated)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "calls ", 6) == 0)
			ok &= check_calls(a->json, line + 6, why);
		else if (strncmp(line, "prints ", 7) == 0)
			ok &= check_prints(&page, line + 7, why);
		else
			ok = truth_differs(why, "snag stacks: stated in no form: %s", line);
	}
	if (a->folded.out.s)
		ok &= check_folded(a->folded.out.s, members_of(a->json), why);
	else
		ok = truth_differs(why, "snag stacks: --folded is empty");
	return ok || truth_differs(why, "snag stacks: of %s, reader %s", ask->target,
				   ask->reader ? ask->reader : "of the capture");
}

bool views_check(const struct view_ask *ask, struct strbuf *why)
{
	_cleanup_fclose_ FILE *stated = stated_open(ask->dir, "re");
	struct answers a = { .json = NULL };
	bool ok;

	if (!stated)
		return true;
	ok = ask_all(ask, &a, why) && check_stated(ask, &a, stated, why);
	json_decref(a.json);
	command_release(&a.page);
	command_release(&a.folded);
	return ok;
}
