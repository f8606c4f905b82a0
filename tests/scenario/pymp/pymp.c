/* SPDX-License-Identifier: BSD-2-Clause */
#include "pymp.h"

#include "base/strbuf.h"
#include "lib/common_python.h"

#include <stdio.h>
#include <sys/wait.h>

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

pid_t pymp_told(const char *name)
{
	return wait_number(text("%s/%s", scenario_dir(), name));
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
	const struct python_case *c = scenario_arg();
	const struct pymp_row *row = c->row;
	_cleanup_strbuf_ struct strbuf program = STRBUF_INIT;
	pid_t python;

	strbuf_addf(&program, "%s%s", prelude, row->program);
	python = python_spawn(c->path, strbuf_str(&program));
	truth_root(python);
	pymp_told("ready");
	row->truth(python);
	if (!row->awake)
		truth_blocked(python, 0);
	truth_ready();
	waitpid(python, NULL, 0);
}

static void add(const struct pymp_row *row, const char *path, uint32_t minor)
{
	struct scenario like = {
		.name = row->name,
		.file = __FILE__,
		.what = row->what,
		.needs = row->needs ? row->needs : "python",
		.moving = row->moving,
		.body = run,
	};

	python_scenario(like, (struct python_case){ row, path, minor, 1 });
}

void pymp_register(const struct pymp_row *rows)
{
	const char *path;
	uint32_t minor;

	for (uint32_t i = 0; (path = interpreter_version(i, &minor)); i++)
		for (const struct pymp_row *row = rows; row->name; row++)
			if (!i || !row->first)
				add(row, path, minor);
}
