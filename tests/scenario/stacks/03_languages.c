/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of other languages. Where their code has unwind information, snag must find the frames
 * that gdb finds; where code was made at run time nobody has any, and it must say what it guessed.
 */
#include "stacks_wait.h"

#include <glob.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The whole of `pid` is at rest, and gdb has the last word. */
static void same_as_gdb(pid_t pid)
{
	stacks_wait_name(pid, "waiting");
	stacks_blocked(pid);
	truth_stacks(pid, NULL);
}

static void rest(pid_t pid)
{
	truth_ready();
	waitpid(pid, NULL, 0);
}

/* ---- compiled -------------------------------------------------------------------------------- */

static const char *source(const char *name)
{
	return text("tests/scenario/patients/%s", name);
}

SCENARIO(exceptions, .needs = "gdb,g++", .options = "--stacks", .what = "C++ exceptions in flight")
{
	char *program = (char *)text("%s/thrown", scenario_dir());

	stacks_run((char *[]){ (char *)"g++", (char *)"-O2", (char *)"-g", (char *)"-pthread",
			       (char *)"-o", program, (char *)source("thrown.cc"), NULL });
	pid_t pid = spawn_program((char *[]){ program, NULL });
	same_as_gdb(pid);
	rest(pid);
}

SCENARIO(rust, .needs = "gdb,rustc", .options = "--stacks", .what = "Rust, with a panic in flight")
{
	char *program = (char *)text("%s/panicking", scenario_dir());

	/* rustup puts a rustc there that has no compiler behind it yet */
	if (!stacks_works((char *[]){ (char *)"rustc", (char *)"--version", NULL }))
		scenario_skip("rustc", "it is not set up");
	stacks_run((char *[]){ (char *)"rustc", (char *)"-Copt-level=2", (char *)"-o", program,
			       (char *)source("panicking.rs"), NULL });
	pid_t pid = spawn_program((char *[]){ program, NULL });
	same_as_gdb(pid);
	rest(pid);
}

static void go_as_gdb(const char *flags)
{
	char *program = (char *)text("%s/waiting", scenario_dir());

	must(setenv("GOCACHE", text("%s/cache", scenario_dir()), 1));
	must(setenv("GO111MODULE", "off", 1));
	stacks_run((char *[]){ (char *)"go", (char *)"build", (char *)"-ldflags", (char *)flags,
			       (char *)"-o", program, (char *)source("waiting.go"), NULL });
	pid_t pid = spawn_program((char *[]){ program, NULL });
	stacks_wait_name(pid, "waiting");
	wait_blocked(pid, 0);
	truth_stacks(pid, "Go keeps no .eh_frame");
	rest(pid);
}

SCENARIO(go, .needs = "gdb,go", .options = "--stacks", .moving = true,
	 .what = "Go: the stacks of its threads")
{
	go_as_gdb("");
}

/* Without .debug_frame there are frame pointers. */
SCENARIO(go_stripped, .needs = "gdb,go", .options = "--stacks", .moving = true,
	 .what = "Go without debug information")
{
	go_as_gdb("-s -w");
}

/* ---- interpreters ---------------------------------------------------------------------------- */

/* For Python 2 as well. */
static const char python_waits[] = "import threading, time, socket, subprocess\n"
				   "def start(f):\n"
				   "    t = threading.Thread(target=f)\n"
				   "    t.daemon = True\n"
				   "    t.start()\n"
				   "class Late(object):\n"
				   "    def __getattr__(self, name):\n"
				   "        time.sleep(3600)\n"
				   "def deep(n, f):\n"
				   "    return deep(n - 1, f) if n else f()\n"
				   "lock = threading.Lock()\n"
				   "lock.acquire()\n"
				   "ends = socket.socketpair()\n"
				   "child = subprocess.Popen(['sleep', '3600'])\n"
				   "start(lambda: deep(20, lock.acquire))\n"
				   "start(lambda: ends[0].recv(1))\n"
				   "start(lambda: sorted([2, 1], key=lambda n: Late().x))\n"
				   "start(child.wait)\n"
				   "open('/proc/self/comm', 'w').write('waiting')\n"
				   "lock.acquire()\n";

/* Every one that is there: the system's, and all that pyenv keeps. */
SCENARIO(python, .needs = "gdb,python", .options = "--stacks", .what = "every CPython that is here")
{
	const char *home = getenv("HOME"), *root = getenv("PYENV_ROOT");
	pid_t pids[16] = { 0 };
	size_t count = 0;
	glob_t found;

	glob("/usr/bin/python3", 0, NULL, &found);
	glob(root ? text("%s/versions/*/bin/python", root) :
		    text("%s/.pyenv/versions/*/bin/python", home ? home : ""),
	     GLOB_APPEND, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && count < sizeof(pids) / sizeof(*pids); i++)
		pids[count++] = spawn_program(
			(char *[]){ found.gl_pathv[i], (char *)"-c", (char *)python_waits, NULL });
	for (size_t i = 0; i < count; i++) {
		stacks_wait_name(pids[i], "waiting");
		wait_blocked(pids[i], 0);
		truth_stacks(pids[i], NULL);
	}
	rest(pids[0]);
}

SCENARIO(perl, .needs = "gdb,perl", .options = "--stacks", .what = "perl")
{
	static const char waits[] =
		"sub d { my $n = shift; return $n ? d($n - 1) + 1 : sleep 3600 }"
		"$0 = 'waiting'; my @s = sort { d(5) } 1, 2;";
	pid_t pid = spawn_program((char *[]){ (char *)"perl", (char *)"-e", (char *)waits, NULL });

	same_as_gdb(pid);
	rest(pid);
}

SCENARIO(shells, .needs = "gdb,bash", .options = "--stacks", .what = "bash and sh")
{
	static const char waits[] = "f() { if [ $1 = 0 ]; then echo waiting >/proc/$$/comm;"
				    "sleep 3600; else f $(($1 - 1)); fi; true; }; f 5; true";
	pid_t bash = spawn_program((char *[]){ (char *)"bash", (char *)"-c", (char *)waits, NULL });
	pid_t sh = spawn_program((char *[]){ (char *)"sh", (char *)"-c", (char *)waits, NULL });

	same_as_gdb(bash);
	same_as_gdb(sh);
	rest(sh);
}

/* ---- code that is made at run time ----------------------------------------------------------- */

SCENARIO(node, .needs = "gdb,node", .options = "--stacks", .moving = true,
	 .what = "node: its own frames, and a guess at what was made at run time")
{
	static const char waits[] = "const n = new Int32Array(new SharedArrayBuffer(4));"
				    "function deep(i, f) { return i ? deep(i - 1, f) + 1 : f(); }"
				    "for (let i = 0; i < 20000; i++) deep(10, () => 0);"
				    "require('fs').writeFileSync('/proc/self/comm', 'waiting');"
				    "deep(10, () => Atomics.wait(n, 0, 0));";
	pid_t pid = spawn_program((char *[]){ (char *)"node", (char *)"-e", (char *)waits, NULL });

	stacks_wait_name(pid, "waiting");
	wait_blocked(pid, 0);
	truth_stacks(pid, "made code has no unwind information");
	rest(pid);
}

SCENARIO(java, .needs = "gdb,java,javac", .options = "--stacks", .moving = true,
	 .what = "a JVM: its own frames, and a guess at what was made at run time")
{
	char *dir = (char *)scenario_dir();

	stacks_run((char *[]){ (char *)"javac", (char *)"-d", dir, (char *)source("Waiting.java"),
			       NULL });
	pid_t pid = spawn_program((char *[]){ (char *)"java", (char *)"-XX:+UseSerialGC",
					      (char *)"-cp", dir, (char *)"Waiting", NULL });
	stacks_wait_name(pid, "waiting");
	wait_blocked(pid, 0);
	truth_stacks(pid, "made code has no unwind information");
	rest(pid);
}
