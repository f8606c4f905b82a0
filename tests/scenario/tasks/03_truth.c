/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that event loops know of their tasks, in every interpreter of this machine and with whatever
 * trio each of them has. snag must see the tasks as the program itself does: names, calls with
 * lines, nurseries, scopes, cancels, and what each one waits for.
 */
#include "lib/common_python.h"
#include "lib/scenario.h"
#include "lib/scenario_tasks.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* A program and the interpreter that runs it. */
struct telling {
	const char *path, *module, *program, *argument;
	const char *verdict;
};

static void run(void)
{
	const struct telling *t = scenario_arg();
	pid_t python;

	if (!python_imports(t->path, t->module))
		scenario_skip(t->module, text("%s has no %s", t->path, t->module));
	python = tasks_spawn(t->path, t->program, t->argument);
	truth_root(python);
	truth_tasks(python);
	truth_blocked(python, 0);
	truth_verdict(t->verdict, NULL);
	truth_ready();
	waitpid(python, NULL, 0);
}

static const struct row {
	const char *name, *what;
	struct telling telling;
} rows[] = {
	{ "asyncio",
	  "every wait that asyncio has",
	  { NULL, "asyncio", "all_asyncio", NULL, "waiting-with-timeout" } },
	{ "trio",
	  "every wait that trio has",
	  { NULL, "trio", "all_trio", NULL, "waiting-with-timeout" } },
	{ "trio_guest",
	  "a run of trio that is a guest in a loop of asyncio",
	  { NULL, "trio", "guest_trio", NULL, "waiting-with-timeout" } },
	{ "asyncio_1000",
	  "1,000 tasks that wait for an event",
	  { NULL, "asyncio", "all_asyncio", "1000", "deadlock" } },
	{ "asyncio_inside",
	  "loops in an interpreter and in one inside of it",
	  { NULL, "asyncio", "inner_asyncio", NULL, "deadlock" } },
	{ "trio_1000",
	  "1,000 tasks that wait for an event",
	  { NULL, "trio", "all_trio", "1000", "deadlock" } },
};

/* "trio@3.11", and "trio@3.11-2" for the second interpreter of that version. */
static void add(const struct row *row, const char *path, uint32_t minor, unsigned number)
{
	struct telling *t = xcalloc(1, sizeof(*t));
	struct scenario *s = xcalloc(1, sizeof(*s));
	char *name = NULL;

	*t = row->telling;
	t->path = path;
	if ((number > 1 ? asprintf(&name, "%s@3.%u-%u", row->name, minor, number) :
			  asprintf(&name, "%s@3.%u", row->name, minor)) < 0)
		abort();
	*s = (struct scenario){
		.name = name,
		.file = __FILE__,
		.what = row->what,
		.needs = "python",
		.arg = t,
		.body = run,
	};
	scenario_register(s);
}

static void add_all(void)
{
	unsigned numbers[32] = { 0 };
	const char *path;
	uint32_t minor;

	for (uint32_t i = 0; (path = interpreter_find(i, &minor)); i++)
		for (size_t k = 0; minor < 32 && k < sizeof(rows) / sizeof(*rows); k++)
			add(&rows[k], path, minor, k ? numbers[minor] : ++numbers[minor]);
}

__attribute__((constructor)) static void register_all(void)
{
	scenario_maker(add_all);
}
