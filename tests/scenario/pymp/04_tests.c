/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run of pytest with xdist, one test of which hangs: the first process only waits for what its
 * workers report. snag must name the test.
 */
#include "pymp.h"

#include <sys/syscall.h>
#include <sys/wait.h>

static const char conftest[] =
	"import os, time\n"
	"D = os.path.dirname(os.path.abspath(__file__))\n"
	"def tell(name):\n"
	"    with open(os.path.join(D, name + '~'), 'w') as f:\n"
	"        f.write('%d\\n' % os.getpid())\n"
	"    os.rename(os.path.join(D, name + '~'), os.path.join(D, name))\n";

/* A run of pytest, and the worker whose test is to be found. */
struct tested {
	pid_t python, worker;
};

/*
 * Until a test has told `name` and the first process waits for its workers. Debian's packages are
 * Debian's Python's.
 */
static struct tested run_pytest(const char *name, const char *tests)
{
	const char *dir;
	char *argv[] = { "/usr/bin/python3", "-m", "pytest", "-p",
			 "no:cacheprovider", "-q", "-n",     "2",
			 "--rootdir",	     NULL, NULL,     NULL };
	struct tested run;

	pymp_write("conftest.py", conftest);
	dir = pymp_write("test_things.py", tests);
	argv[9] = (char *)dir;
	argv[10] = (char *)dir;
	run.python = spawn_program(argv);
	truth_root(run.python);
	truth_no_finding("work-lost");
	run.worker = pymp_told(name);
	wait_call(run.python, SYS_futex);
	return run;
}

static void wait_test(pid_t python)
{
	truth_ready();
	waitpid(python, NULL, 0);
}

SCENARIO(xdist_hangs, .needs = "python,py.test-3", .moving = true,
	 .what = "a test of a worker waits for an event that nobody sets")
{
	struct tested run = run_pytest("hangs", "import threading, pytest\n"
						"from conftest import tell\n"
						"class TestThings:\n"
						"    @pytest.mark.parametrize('n', [1, 2])\n"
						"    def test_hangs(self, n):\n"
						"        if n == 2:\n"
						"            tell('hangs')\n"
						"            threading.Event().wait()\n"
						"def test_fine():\n"
						"    pass\n");

	truth_blocked(run.worker, 0);
	truth_verdict("deadlock", NULL);
	truth_culprit_on(run.worker, run.worker, "work-stuck|nobody-can", NULL);
	truth_wait(run.worker, 0, "event", NULL, ANYBODY);
	truth_says("test test_things.py::TestThings::test_hangs[2]");
	truth_says("test_hangs, test_things.py:8)");
	truth_says("waiting for what 1 pytest worker reports");
	wait_test(run.python);
}

SCENARIO(xdist_fixture_hangs, .needs = "python,py.test-3", .moving = true,
	 .what = "the setup of a test hangs")
{
	struct tested run = run_pytest("hangs", "import threading, pytest\n"
						"from conftest import tell\n"
						"@pytest.fixture\n"
						"def server():\n"
						"    tell('hangs')\n"
						"    threading.Event().wait()\n"
						"def test_server(server):\n"
						"    pass\n");

	truth_blocked(run.worker, 0);
	truth_verdict("deadlock", NULL);
	truth_culprit_on(run.worker, run.worker, "work-stuck|nobody-can", NULL);
	truth_says("setup of test test_things.py::test_server");
	wait_test(run.python);
}

SCENARIO(xdist_asleep, .needs = "python,py.test-3", .moving = true,
	 .what = "a test sleeps: that is no hang")
{
	struct tested run = run_pytest("sleeps", "import time\n"
						 "from conftest import tell\n"
						 "def test_sleeps():\n"
						 "    tell('sleeps')\n"
						 "    time.sleep(3600)\n");

	truth_blocked(run.worker, 0);
	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_culprit_on(run.worker, run.worker, "sleeping", NULL);
	truth_says("test test_things.py::test_sleeps");
	wait_test(run.python);
}

SCENARIO(xdist_works, .needs = "python,py.test-3", .moving = true,
	 .what = "a test computes: that is no hang")
{
	struct tested run = run_pytest("counts", "from conftest import tell\n"
						 "def test_counts():\n"
						 "    tell('counts')\n"
						 "    n = 0\n"
						 "    while True:\n"
						 "        n += 1\n");

	truth_verdict("progressing", NULL);
	truth_verdict("busy", NULL);
	truth_not("deadlock");
	wait_test(run.python);
}
