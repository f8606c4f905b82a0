/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks of snag beside those that the program told of itself. Tasks are known by their names,
 * nurseries and scopes by whom they belong to: what a program calls one and what snag calls it must
 * go together one to one.
 */
#include "lib/scenario_tasks.h"

#include "base/strbuf.h"
#include "lib/scenario_python.h"
#include "scenario_harness.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 512, SLACK_S = 600 };

/* ---- programs -------------------------------------------------------------------------------- */

pid_t tasks_spawn(const char *interpreter, const char *program, const char *argument)
{
	const char *path = text("tests/scenario/tasks/programs/%s.py", program);
	char *argv[] = { (char *)interpreter, (char *)"-B", (char *)path, (char *)argument, NULL };

	return python_spawn_saying(argv);
}

void truth_tasks(pid_t pid)
{
	python_said(pid);
	must(rename(text("%s/said.%d", scenario_dir(), pid),
		    text("%s/tasks.%d", scenario_dir(), pid)));
}

void python_needs(const char *interpreter, const char *module)
{
	if (system(text("'%s' -c 'import %s' 2>/dev/null", interpreter, module)) != 0)
		scenario_skip(module, text("%s has no %s", interpreter, module));
}

/* ---- comparison ------------------------------------------------------------------------------ */

/* One loop of one process, as it told and as snag tells. */
struct tasks_truth {
	struct strbuf *why;
	const char *reader;
	json_t *answer, *said, *actor;
	json_t *names; /* id of a task -> its name */
	json_t *ids;   /* key of a nursery or scope -> its id, and back */
	const char *task;
	unsigned compared;
	bool ok;
};

static const char *string_in(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static void differs(struct tasks_truth *t, const char *what, const json_t *got, const json_t *want)
{
	char *mine = json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT);
	char *its = json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);

	t->ok = truth_differs(t->why,
			      "tasks %s: %s %" JSON_INTEGER_FORMAT ": %s: %s is %.300s, not %.300s",
			      t->reader, string_in(t->said, "runtime"),
			      json_integer_value(json_object_get(t->said, "pid")), t->task, what,
			      mine ? mine : "missing", its ? its : "missing");
	free(mine);
	free(its);
}

static void check_equal(struct tasks_truth *t, const char *what, json_t *got, json_t *want)
{
	if (!want || json_is_null(want) ? got && !json_is_null(got) : !json_equal(got, want))
		differs(t, what, got, want);
}

/* A member of both that is to be the same. */
static void check_member(struct tasks_truth *t, const char *key, json_t *mine, json_t *want)
{
	check_equal(t, key, json_object_get(mine, key), json_object_get(want, key));
}

/* A key of the program and an id of snag mean one thing, or none both. */
static void check_same(struct tasks_truth *t, const char *what, json_t *id, json_t *key)
{
	const char *mine = json_string_value(id), *its = json_string_value(key);
	json_t *known, *back;

	if (!mine || !its) {
		check_equal(t, what, id, key);
		return;
	}
	mine = text("id %s", mine);
	its = text("key %s", its);
	known = json_object_get(t->ids, its);
	back = json_object_get(t->ids, mine);
	if (!known && !back) {
		json_object_set_new(t->ids, its, json_string(mine));
		json_object_set_new(t->ids, mine, json_string(its));
	} else if (!known || !back || strcmp(json_string_value(known), mine) != 0) {
		differs(t, what, id, key);
	}
}

static json_t *name_of(struct tasks_truth *t, json_t *id)
{
	return json_is_string(id) ? json_object_get(t->names, json_string_value(id)) : NULL;
}

/*
 * The element of a list of the actor that is the same as `key`. A nursery without children is one
 * that no task is in: it goes by its owner.
 */
static json_t *same_as(struct tasks_truth *t, const char *list, const char *key, const char *owner)
{
	const char *id = json_string_value(json_object_get(t->ids, text("key %s", key)));
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(t->actor, list), i, one)
	{
		const char *mine = string_in(one, "id");

		if (id ? strcmp(mine, id + 3) == 0 :
			 owner && !json_object_get(t->ids, text("id %s", mine)) &&
				    json_integer_value(json_object_get(one, "children")) == 0 &&
				    strcmp(owner, string_in(t->names, string_in(one, "task"))) ==
					    0) {
			json_t *its = json_string(key);

			check_same(t, list, json_object_get(one, "id"), its);
			json_decref(its);
			return one;
		}
	}
	return NULL;
}

/* ---- one task -------------------------------------------------------------------------------- */

/* Frame by frame: [function, file, line] beside an object. */
static void check_calls(struct tasks_truth *t, json_t *stack, json_t *calls)
{
	size_t n = json_array_size(calls);

	for (size_t i = 0; i < n || i < json_array_size(stack); i++) {
		json_t *frame = json_array_get(stack, i), *call = json_array_get(calls, i);
		json_t *mine = frame ? json_pack("[O,O,O]", json_object_get(frame, "function"),
						 json_object_get(frame, "file"),
						 json_object_get(frame, "line")) :
				       NULL;

		check_equal(t, text("call %zu", i), mine, call);
		json_decref(mine);
	}
}

static json_t *wait_of(struct tasks_truth *t, json_t *task)
{
	const char *id = json_string_value(json_array_get(json_object_get(task, "waits"), 0));
	json_t *wait;
	size_t i;

	json_array_foreach(json_object_get(t->answer, "waits"), i, wait)
	{
		if (id && strcmp(string_in(wait, "id"), id) == 0)
			return wait;
	}
	return NULL;
}

/* Each of `names` is among those who can end the wait or an item of it. */
static void check_on(struct tasks_truth *t, json_t *task, json_t *wait, json_t *names)
{
	const json_t *parent;
	json_t *one, *on, *name;
	size_t i, k, n;

	json_array_foreach(names, n, name)
	{
		bool found = false;

		json_array_foreach(json_object_get(t->answer, "waits"), i, one)
		{
			parent = json_object_get(one, "parent");
			if (one != wait && !json_equal(parent, json_object_get(wait, "id")))
				continue;
			json_array_foreach(json_object_get(one, "on"), k, on)
				found |= json_equal(name_of(t, json_object_get(on, "task")), name);
		}
		if (!found)
			differs(t, "whom it waits for", json_object_get(wait, "on"), names);
	}
	(void)task;
}

static bool has_party(const json_t *wait, const char *key, json_int_t number)
{
	json_t *on;
	size_t i;

	json_array_foreach(json_object_get(wait, "on"), i, on)
	{
		if (json_integer_value(json_object_get(on, key)) == number)
			return true;
	}
	return false;
}

static void check_timeout(struct tasks_truth *t, const char *what, json_t *left, json_t *want)
{
	double ms = (double)json_integer_value(left), s = json_number_value(want);

	if (!json_is_number(want) ?
		    json_is_integer(left) :
		    !json_is_integer(left) || ms > s * 1e3 || ms < (s - SLACK_S) * 1e3)
		differs(t, what, left, want);
}

static bool is_waited_actor(struct tasks_truth *t, const json_t *wait, json_int_t pid)
{
	json_t *on, *actor;
	size_t i, k;

	json_array_foreach(json_object_get(wait, "on"), i, on)
	{
		json_array_foreach(json_object_get(t->answer, "actors"), k, actor)
		{
			if (json_equal(json_object_get(actor, "id"),
				       json_object_get(on, "actor")) &&
			    json_integer_value(json_object_get(actor, "pid")) == pid)
				return true;
		}
	}
	return false;
}

static void check_wait(struct tasks_truth *t, json_t *task, json_t *want)
{
	json_t *wait = wait_of(t, task), *fd = json_object_get(want, "fd");

	if (!want || json_is_null(want))
		return;
	if (!wait || !words_have(string_in(want, "kind"), string_in(wait, "kind")))
		differs(t, "wait", wait ? json_object_get(wait, "kind") : NULL,
			json_object_get(want, "kind"));
	check_on(t, task, wait, json_object_get(want, "on"));
	if (fd)
		check_equal(t, "fd", json_object_get(wait, "fd"), fd);
	if (json_object_get(want, "tid") &&
	    !has_party(wait, "tid", json_integer_value(json_object_get(want, "tid"))))
		differs(t, "thread", json_object_get(wait, "on"), json_object_get(want, "tid"));
	if (json_object_get(want, "pid") &&
	    !is_waited_actor(t, wait, json_integer_value(json_object_get(want, "pid"))))
		differs(t, "process", json_object_get(wait, "on"), json_object_get(want, "pid"));
	if (json_object_get(want, "timeout_s"))
		check_timeout(t, "timeout", json_object_get(wait, "timeout_ms"),
			      json_object_get(want, "timeout_s"));
}

static void check_task(struct tasks_truth *t, json_t *task, json_t *want)
{
	static const char *const facts[] = { "requested", "shielded", "delivered" };
	json_t *cancel = json_object_get(task, "cancel");

	t->compared++;
	check_member(t, "runtime", task, t->said);
	check_member(t, "tid", task, t->said);
	check_member(t, "state", task, want);
	check_member(t, "main", task, want);
	check_equal(t, "hint", json_object_get(task, "hint"), json_false());
	check_equal(t, "parent", name_of(t, json_object_get(task, "parent")),
		    json_object_get(want, "parent"));
	check_same(t, "nursery", json_object_get(task, "nursery"),
		   json_object_get(want, "nursery"));
	check_same(t, "scope", json_object_get(task, "scope"), json_object_get(want, "scope"));
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
		check_member(t, facts[i], cancel, want);
	check_calls(t, json_object_get(task, "stack"), json_object_get(want, "calls"));
	check_wait(t, task, json_object_get(want, "wait"));
}

/* ---- one loop -------------------------------------------------------------------------------- */

static void check_nurseries(struct tasks_truth *t)
{
	const char *key;
	json_t *want;

	json_object_foreach(json_object_get(t->said, "nurseries"), key, want)
	{
		json_t *mine = same_as(t, "nurseries", key, string_in(want, "task"));

		t->task = text("nursery of %s", string_in(want, "task"));
		check_equal(t, "task", name_of(t, json_object_get(mine, "task")),
			    json_object_get(want, "task"));
		check_member(t, "children", mine, want);
		check_member(t, "waiting", mine, want);
		check_same(t, "scope", json_object_get(mine, "scope"),
			   json_object_get(want, "scope"));
	}
}

static void check_scopes(struct tasks_truth *t)
{
	json_t *scopes = json_object_get(t->said, "scopes"), *want;
	const char *key;

	json_object_foreach(scopes, key, want)
	{
		json_t *mine = same_as(t, "scopes", key, NULL);

		t->task = text("scope %s", key);
		check_member(t, "shield", mine, want);
		check_member(t, "cancelled", mine, want);
		check_member(t, "by", mine, want);
		check_member(t, "reason", mine, want);
		check_timeout(t, "deadline", json_object_get(mine, "deadline_ms"),
			      json_object_get(want, "deadline_s"));
		check_same(t, "parent", json_object_get(mine, "parent"),
			   json_object_get(want, "parent"));
	}
}

static json_t *actor_of(const struct tasks_truth *t)
{
	json_int_t pid = json_integer_value(json_object_get(t->said, "pid"));
	json_int_t number = json_integer_value(json_object_get(t->said, "interpreter"));
	const char *name = text("interpreter %" JSON_INTEGER_FORMAT, number);
	json_t *actor;
	size_t i;

	json_array_foreach(json_object_get(t->answer, "actors"), i, actor)
	{
		bool inner = strcmp(string_in(actor, "kind"), "interpreter") == 0;

		if (json_integer_value(json_object_get(actor, "pid")) == pid &&
		    (number ? inner && strcmp(string_in(actor, "name"), name) == 0 : !inner))
			return actor;
	}
	return NULL;
}

/* The tasks of snag by name; two of one name are not told apart. */
static json_t *tasks_by_name(struct tasks_truth *t)
{
	json_t *tasks = json_object(), *task;
	size_t i;

	json_array_foreach(json_object_get(t->actor, "tasks"), i, task)
	{
		if (!json_equal(json_object_get(task, "runtime"),
				json_object_get(t->said, "runtime")))
			continue;
		json_object_set(t->names, string_in(task, "id"), json_object_get(task, "name"));
		if (json_object_get(tasks, string_in(task, "name")))
			differs(t, "a second task", json_object_get(task, "name"), NULL);
		json_object_set(tasks, string_in(task, "name"), task);
	}
	return tasks;
}

static void check_loop(struct tasks_truth *t)
{
	json_t *wanted = json_object_get(t->said, "tasks"), *mine, *task, *want;
	const char *name;

	t->task = "all";
	t->actor = actor_of(t);
	t->names = json_object();
	t->ids = json_object();
	mine = tasks_by_name(t);
	json_object_foreach(mine, name, task)
	{
		t->task = name;
		want = json_object_get(wanted, name);
		if (want)
			check_task(t, task, want);
		else
			differs(t, "a task too many", json_object_get(task, "name"), NULL);
	}
	json_object_foreach(wanted, name, want)
	{
		t->task = name;
		if (!json_object_get(mine, name))
			differs(t, "the task", NULL, json_object_get(want, "calls"));
	}
	check_nurseries(t);
	check_scopes(t);
	json_decref(mine);
	json_decref(t->names);
	json_decref(t->ids);
}

static void check_file(struct tasks_truth *t, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	json_error_t error;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		if (line[0] != '{')
			continue;
		t->said = json_loads(line, 0, &error);
		if (t->said)
			check_loop(t);
		else
			t->ok = truth_differs(t->why, "%s: %s", path, error.text);
		json_decref(t->said);
	}
}

bool tasks_compare(json_t *const *answers, const char *dir, struct strbuf *why)
{
	struct tasks_truth t = { .why = why, .ok = true, .reader = "" };
	char pattern[PATH_BYTES];
	glob_t g = { .gl_pathc = 0 };

	snprintf(pattern, sizeof(pattern), "%s/tasks.*", dir);
	if (glob(pattern, 0, NULL, &g) != 0)
		return true;
	for (int reader = 0; reader < READER_COUNT; reader++)
		for (size_t i = 0; answers[reader] && i < g.gl_pathc; i++) {
			t.answer = answers[reader];
			t.reader = string_in(t.answer, "source");
			check_file(&t, g.gl_pathv[i]);
		}
	globfree(&g);
	if (!t.compared)
		t.ok = truth_differs(why, "tasks %s: nothing was compared", t.reader);
	return t.ok;
}
