/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classic hangs of Python programs. snag sees processes, threads and pipes here, no tasks; it
 * must find who does not read, who does not write, and the lock that a fork copied.
 */
#include "lib/scenario.h"

#include <sys/wait.h>
#include <unistd.h>

static pid_t run_python(const char *program)
{
	char *argv[] = { "python3", "-c", (char *)program, NULL };
	pid_t python = spawn_program(argv);

	truth_root(python);
	return python;
}

SCENARIO(subprocess_both_ways, .needs = "python",
	 .what = "a parent writes all input before it reads: both pipes are full")
{
	pid_t python = run_python("import subprocess as s\n"
				  "p = s.Popen(['cat'], stdin=s.PIPE, stdout=s.PIPE)\n"
				  "p.stdin.write(b'x' * 1000000)\n");
	pid_t cat = wait_child(python, "cat");

	truth_verdict("deadlock", "proven");
	truth_hop(python, 0, "pipe-write", NULL, cat);
	truth_hop(cat, 0, "pipe-write", NULL, python);
	truth_ready();
	waitpid(python, NULL, 0);
}

SCENARIO(queue_join, .needs = "python", .what = "join() of a process whose Queue still holds items")
{
	pid_t python = run_python("import multiprocessing as m\n"
				  "c = m.get_context('fork')\n"
				  "q = c.Queue()\n"
				  "p = c.Process(target=q.put, args=(b'x' * 1000000,))\n"
				  "p.start()\n"
				  "p.join()\n");
	pid_t child = wait_child(python, "python3");

	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "child-exit", NULL, child);
	truth_wait(child, 0, "semaphore|futex|condvar|mutex|thread-join", NULL, ANYBODY);
	truth_culprit(python, "not-reading");
	truth_actor(child, python, "fork");
	truth_ready();
	waitpid(python, NULL, 0);
}

SCENARIO(fork_with_lock_held, .needs = "python",
	 .what = "a thread holds a lock while another forks: nobody will release the copy")
{
	pid_t python = run_python("import os, threading, time\n"
				  "lock = threading.Lock()\n"
				  "held = threading.Event()\n"
				  "def hold():\n"
				  "    with lock:\n"
				  "        held.set()\n"
				  "        time.sleep(3600)\n"
				  "threading.Thread(target=hold, daemon=True).start()\n"
				  "held.wait()\n"
				  "pid = os.fork()\n"
				  "if pid == 0:\n"
				  "    lock.acquire()\n"
				  "os.waitpid(pid, 0)\n");
	pid_t child = wait_child(python, "python3");

	/* the lock's word has no owner: that the child has one thread only is what makes it dead */
	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "child-exit", NULL, child);
	truth_hop(child, 0, "semaphore|futex|mutex", NULL, ANYBODY);
	truth_culprit(child, NULL);
	truth_actor(child, python, "fork");
	truth_ready();
	waitpid(python, NULL, 0);
}

SCENARIO(pool_worker_killed, .needs = "python", .moving = true,
	 .what = "a Pool whose worker was killed: map() waits for a result that nobody computes")
{
	pid_t python = run_python("import multiprocessing as m, os, signal\n"
				  "def die(x):\n"
				  "    os.kill(os.getpid(), signal.SIGKILL)\n"
				  "with m.get_context('fork').Pool(1) as p:\n"
				  "    p.map(die, [1])\n");

	/* the pool's threads poll: what the kernel shows is at best a deadlock behind pollers */
	truth_verdict("deadlock", NULL);
	truth_verdict("waiting-with-timeout", NULL);
	truth_verdict("progressing", NULL);
	truth_blocked(python, 0);
	truth_ready();
	waitpid(python, NULL, 0);
}

SCENARIO(sqlite_busy, .needs = "python", .moving = true,
	 .what = "sqlite polls for a lock with a long busy time-out")
{
	pid_t python = run_python(
		text("import sqlite3, os, time\n"
		     "path = '%s/db'\n"
		     "a = sqlite3.connect(path, isolation_level=None)\n"
		     "a.execute('create table t(x)')\n"
		     "if os.fork() == 0:\n"
		     "    b = sqlite3.connect(path, timeout=3600, isolation_level=None)\n"
		     "    a.close()\n"
		     "    time.sleep(3600)\n"
		     "a.execute('begin exclusive')\n"
		     "b = sqlite3.connect(path, timeout=3600, isolation_level=None)\n"
		     "b.execute('insert into t values (1)')\n",
		     scenario_dir()));

	truth_verdict("waiting-with-timeout", NULL);
	truth_verdict("progressing", NULL);
	truth_not("deadlock");
	truth_actor(wait_child(python, "python3"), python, "fork");
	truth_ready();
	waitpid(python, NULL, 0);
}
