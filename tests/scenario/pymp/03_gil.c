/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call of C that takes for ever and keeps the GIL: the program is busy, and snag must say in
 * which function.
 */
#include "pymp.h"

/* A regular expression that goes back and forth over its text: it needs 2^60 steps. */
#define SEARCH "pattern.match('a' * 60)\n"

static void searching(pid_t python)
{
	truth_verdict("busy", NULL);
	truth_not("deadlock");
	truth_culprit_on(python, python, "busy", NULL);
	truth_says("running search (program");
}

/*
 * On a loaded machine who wants the lock may be found on its way back to asking for it each time.
 */
static void wanting(pid_t python)
{
	(void)python;
	truth_verdict("busy", NULL);
	truth_verdict("progressing", NULL);
	truth_not("deadlock");
	truth_not("waiting-with-timeout");
}

static const struct pymp_row rows[] = {
	{ .name = "gil_busy",
	  .what = "the first thread searches, and another one wants the GIL",
	  .program = "import re\n"
		     "pattern = re.compile('(a+)+b')\n"
		     "def search():\n"
		     "    tell('ready')\n"
		     "    " SEARCH "def other():\n"
		     "    while True:\n"
		     "        time.sleep(0.001)\n"
		     "threading.Thread(target=other, daemon=True).start()\n"
		     "search()\n",
	  .truth = searching,
	  .moving = true,
	  .awake = true },
	{ .name = "gil_wanted",
	  .what = "the first thread wants the GIL of one that searches for ever",
	  .program = "import re\n"
		     "pattern = re.compile('(a+)+b')\n"
		     "def search():\n"
		     "    tell('ready')\n"
		     "    " SEARCH "threading.Thread(target=search, daemon=True).start()\n"
		     "while True:\n"
		     "    time.sleep(0.001)\n",
	  .truth = wanting,
	  .moving = true,
	  .awake = true },
	{ .name = NULL },
};

SCENARIO_MAKER(rows)
{
	pymp_register(rows);
}
