/* SPDX-License-Identifier: BSD-2-Clause */
#include "pymp.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "lib/common_python.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a process says a number: whole or not at all. */
static const char prelude[] =
	"import os, sys, threading, time, signal\n"
	"import multiprocessing as m\n"
	"c = m.get_context('fork')\n"
	"D = os.path.dirname(os.path.abspath(__file__))\n"
	"def tell(name, value=0):\n"
	"    path = os.path.join(D, name)\n"
	"    with open(path + '~', 'w') as f:\n"
	"        f.write('%d\\n' % value)\n"
	"    os.rename(path + '~', path)\n"
	"def until(condition):\n"
	"    while not condition():\n"
	"        time.sleep(0.01)\n"
	"def told(name):\n"
	"    return os.path.exists(os.path.join(D, name))\n"
	"def nr(pid, tid=None):\n"
	"    try:\n"
	"        with open('/proc/%d/task/%d/syscall' % (pid, tid or pid)) as f:\n"
	"            return f.read().split()[0]\n"
	"    except OSError:\n"
	"        return ''\n";

struct pymp_case {
	const struct pymp_row *row;
	const char *python;
};

static bool has_told(void *arg)
{
	return !access(arg, F_OK);
}

pid_t pymp_told(const char *name)
{
	char *path = (char *)text("%s/%s", scenario_dir(), name);
	FILE *f;
	int value = 0;

	wait_until(has_told, path, path);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &value) != 1)
		scenario_die("%s: no number in it", path);
	fclose(f);
	return value;
}

const char *pymp_write(const char *name, const char *content)
{
	const char *path = text("%s/%s", scenario_dir(), name);
	FILE *f = fopen(path, "we");

	if (!f || fputs(content, f) < 0 || fclose(f))
		scenario_die("%s: %m", path);
	return scenario_dir();
}

void pymp_healthy(pid_t python)
{
	(void)python;
	truth_not("deadlock");
	truth_not("undetermined");
	truth_not("stuck-on-external");
	truth_no_finding("work-lost");
}

static void run(void)
{
	const struct pymp_case *c = scenario_arg();
	_cleanup_strbuf_ struct strbuf program = STRBUF_INIT;
	pid_t python;

	strbuf_addf(&program, "%s%s", prelude, c->row->program);
	python = python_spawn(c->python, strbuf_str(&program));
	truth_root(python);
	pymp_told("ready");
	c->row->truth(python);
	if (!c->row->awake)
		truth_blocked(python, 0);
	truth_ready();
	waitpid(python, NULL, 0);
}

static void add(const struct pymp_row *row, const char *python, uint32_t minor)
{
	struct pymp_case *c = xcalloc(1, sizeof(*c));
	struct scenario *s = xcalloc(1, sizeof(*s));
	char *name = NULL;

	*c = (struct pymp_case){ .row = row, .python = python };
	if (asprintf(&name, "%s@3.%u", row->name, minor) < 0)
		abort();
	*s = (struct scenario){
		.name = name,
		.file = __FILE__,
		.what = row->what,
		.needs = row->needs ? row->needs : "python",
		.moving = row->moving,
		.arg = c,
		.body = run,
	};
	scenario_register(s);
}

void pymp_register(const struct pymp_row *rows)
{
	uint32_t seen = 0, minor;

	/* one of each version */
	for (uint32_t i = 0; interpreter_find(i, &minor); i++) {
		const char *path = interpreter_find(i, &minor);

		if (minor > 31 || seen & 1u << minor)
			continue;
		for (const struct pymp_row *row = rows; row->name; row++)
			if (!seen || !row->first)
				add(row, path, minor);
		seen |= 1u << minor;
	}
}
