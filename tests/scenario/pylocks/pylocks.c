/* SPDX-License-Identifier: BSD-2-Clause */
#include "pylocks.h"

#include "base/strbuf.h"
#include "lib/common_python.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The program states its truth line by line, with a tab between words, and calls ready() before
 * its last thread blocks. An object's address is its id(). stuck_import() leaves a thread in the
 * import of a module that hangs: a call that imports it too, that thread, and the import's lock.
 */
static const char prelude[] =
	"import os, queue, socket, sys, threading, time\n"
	"D = os.path.dirname(os.path.abspath(__file__))\n"
	"PID, ANYBODY, NOBODY = os.getpid(), 0, -1\n"
	"truth = []\n"
	"def say(*words):\n"
	"    truth.append('\\t'.join(map(str, words)))\n"
	"def key(kind, thing, pid=PID):\n"
	"    return '%s:[%d/0x%x]' % (kind, pid, id(thing))\n"
	"def verdict(kind): say('verdict', kind)\n"
	"def never(kind): say('not', kind)\n"
	"def hop(tid, kind, thing='-', on=ANYBODY, pid=PID):\n"
	"    say('hop', pid, tid, kind, thing, on)\n"
	"def wait(tid, kind, thing='-', on=ANYBODY):\n"
	"    say('wait', PID, tid, kind, thing, on)\n"
	"def culprit(tid, reason, pid=PID): say('culprit', pid, tid, reason)\n"
	"def finding(kind, pid=PID): say('finding', kind, pid)\n"
	"def says(text): say('says', text)\n"
	"def named(t): return \"thread '%s' (tid %d)\" % (t.name, t.native_id)\n"
	"def ready():\n"
	"    path = os.path.join(D, 'truth')\n"
	"    with open(path + '~', 'w') as f:\n"
	"        f.write('\\n'.join(truth) + '\\n')\n"
	"    os.rename(path + '~', path)\n"
	"def start(call, name):\n"
	"    t = threading.Thread(target=call, name=name, daemon=True)\n"
	"    t.start()\n"
	"    return t\n"
	"def stuck_import():\n"
	"    import importlib\n"
	"    with open(os.path.join(D, 'stuck_import.py'), 'w') as f:\n"
	"        f.write('import threading, __main__\\n__main__.inside.set()\\n'\n"
	"                'threading.Event().wait()\\n')\n"
	"    sys.path.insert(0, D)\n"
	"    global inside\n"
	"    inside = threading.Event()\n"
	"    load = lambda: importlib.import_module('stuck_import')\n"
	"    importer = start(load, 'importer')\n"
	"    inside.wait()\n"
	"    return load, importer, importlib._bootstrap._module_locks['stuck_import']()\n"
	"def hang():\n"
	"    r, w = os.pipe()\n"
	"    os.read(r, 1)\n";

enum { WORDS_MAX = 8, LINE_BYTES = 1024 };

/* ---- what the program says ------------------------------------------------------------------- */

static pid_t number(const char *word)
{
	return (pid_t)strtol(word, NULL, 10);
}

static void state(char *const words[WORDS_MAX])
{
	const char *thing = words[4] && strcmp(words[4], "-") != 0 ? words[4] : NULL;

	if (!strcmp(words[0], "verdict"))
		truth_verdict(words[1], NULL);
	else if (!strcmp(words[0], "not"))
		truth_not(words[1]);
	else if (!strcmp(words[0], "hop"))
		truth_hop(number(words[1]), number(words[2]), words[3], thing, number(words[5]));
	else if (!strcmp(words[0], "wait"))
		truth_wait(number(words[1]), number(words[2]), words[3], thing, number(words[5]));
	else if (!strcmp(words[0], "culprit"))
		truth_culprit_on(number(words[1]), number(words[2]), words[3], NULL);
	else if (!strcmp(words[0], "finding"))
		truth_finding(words[1], number(words[2]));
	else if (!strcmp(words[0], "says"))
		truth_says("%s", words[1]);
	else
		scenario_die("the program says '%s'", words[0]);
}

static bool is_there(void *arg)
{
	return !access(arg, F_OK);
}

static void read_truth(void)
{
	char *path = (char *)text("%s/truth", scenario_dir()), line[LINE_BYTES];
	FILE *f;

	wait_until(is_there, path, "the program states its truth");
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *words[WORDS_MAX] = { NULL }, *at = line;

		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; i < WORDS_MAX && at; i++)
			words[i] = strsep(&at, "\t");
		state(words);
	}
	if (!f || ferror(f))
		scenario_die("%s: %m", path);
	fclose(f);
}

static void run(void)
{
	const struct python_case *c = scenario_arg();
	const struct pylocks_row *row = c->row;
	_cleanup_strbuf_ struct strbuf program = STRBUF_INIT;
	pid_t python;

	strbuf_addf(&program, "%s%s", prelude, row->program);
	python = python_spawn(c->path, strbuf_str(&program));
	truth_root(python);
	read_truth();
	truth_blocked(python, 0);
	truth_ready();
	waitpid(python, NULL, 0);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void add(const struct pylocks_row *row, const char *path, uint32_t minor)
{
	struct scenario like = {
		.name = row->name,
		.file = __FILE__,
		.what = row->what,
		.needs = "python",
		.body = run,
	};

	python_scenario(like, (struct python_case){ row, path, minor, 1 });
}

void pylocks_register(const struct pylocks_row *rows)
{
	const char *path;
	uint32_t minor;

	for (uint32_t i = 0; (path = interpreter_version(i, &minor)); i++)
		for (const struct pylocks_row *row = rows; row->name; row++)
			add(row, path, minor);
}
