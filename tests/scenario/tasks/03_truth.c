/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that event loops know of their tasks, in every interpreter of this machine and with whatever
 * trio each of them has. snag must see the tasks as the program itself does: names, calls with
 * lines, nurseries, scopes, cancels, and what each one waits for.
 */
#include "lib/common_python.h"
#include "lib/scenario_python.h"
#include "lib/scenario_tasks.h"

#include <sys/wait.h>

static const struct row {
	const char *name, *what;
	const char *module, *program, *argument;
	const char *verdict;
} rows[] = {
	{ "asyncio", "every wait that asyncio has", "asyncio", "all_asyncio", NULL,
	  "waiting-with-timeout" },
	{ "trio", "every wait that trio has", "trio", "all_trio", NULL, "waiting-with-timeout" },
	{ "trio_guest", "a run of trio that is a guest in a loop of asyncio", "trio", "guest_trio",
	  NULL, "waiting-with-timeout" },
	{ "asyncio_1000", "1,000 tasks that wait for an event", "asyncio", "all_asyncio", "1000",
	  "deadlock" },
	{ "asyncio_inside", "loops in an interpreter and in one inside of it", "asyncio",
	  "inner_asyncio", NULL, "deadlock" },
	{ "trio_1000", "1,000 tasks that wait for an event", "trio", "all_trio", "1000",
	  "deadlock" },
};

static void run(void)
{
	const struct python_case *c = scenario_arg();
	const struct row *row = c->row;
	pid_t python;

	python_needs(c->path, row->module);
	python = tasks_spawn(c->path, row->program, row->argument);
	truth_root(python);
	truth_tasks(python);
	truth_blocked(python, 0);
	truth_verdict(row->verdict, NULL);
	truth_ready();
	waitpid(python, NULL, 0);
}

static void add(const struct row *row, struct python_case of)
{
	struct scenario like = {
		.name = row->name,
		.file = __FILE__,
		.what = row->what,
		.needs = "python",
		.body = run,
	};

	of.row = row;
	python_scenario(like, of);
}

SCENARIO_MAKER(rows)
{
	unsigned numbers[32] = { 0 };
	struct python_case of;

	for (uint32_t i = 0; (of.path = interpreter_find(i, &of.minor)); i++) {
		if (of.minor > 31)
			continue;
		of.number = ++numbers[of.minor];
		for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++)
			add(&rows[k], of);
	}
}
