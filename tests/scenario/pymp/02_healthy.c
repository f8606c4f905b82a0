/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools and executors that rest or work: never a deadlock, and no worker is stuck.
 */
#include "pymp.h"

static void idle(pid_t python)
{
	truth_verdict("idle", NULL);
	pymp_healthy(python);
}

static void asleep(pid_t python)
{
	truth_verdict("waiting-with-timeout", NULL);
	pymp_healthy(python);
	truth_hop(python, 0, "future", NULL, ANYBODY);
	truth_hop(pymp_told("worker"), 0, "sleep|poll", NULL, ANYBODY);
	truth_says("in job 0 of a Pool (sleep, program");
}

static void working(pid_t python)
{
	truth_verdict("progressing", NULL);
	truth_verdict("busy", NULL);
	pymp_healthy(python);
}

static const struct pymp_row rows[] = {
	{ .name = "pool_idle",
	  .what = "a Pool that has done its work, and a program that waits for a signal",
	  .program =
		  "if __name__ == '__main__':\n"
		  "    p = c.Pool(3)\n"
		  "    p.map(abs, [1, 2, 3])\n"
		  "    until(lambda: sorted(nr(w.pid) for w in p._pool) == ['0', '202', '202'])\n"
		  "    tell('ready')\n"
		  "    signal.pause()\n",
	  .truth = idle },
	{ .name = "executor_idle",
	  .what = "an executor that has done its work, and a program that waits for a signal",
	  .program = "import concurrent.futures as f\n"
		     "if __name__ == '__main__':\n"
		     "    e = f.ProcessPoolExecutor(2, mp_context=c)\n"
		     "    list(e.map(abs, [1, 2, 3]))\n"
		     "    tell('ready')\n"
		     "    signal.pause()\n",
	  .truth = idle },
	{ .name = "pool_asleep",
	  .what = "a Pool whose workers sleep: that ends by itself",
	  .program = "def sleep(x):\n"
		     "    tell('worker', os.getpid())\n"
		     "    until(lambda: told('ready'))\n"
		     "    time.sleep(3600)\n"
		     "if __name__ == '__main__':\n"
		     "    p = c.Pool(2)\n"
		     "    r = p.apply_async(sleep, [0])\n"
		     "    until(lambda: told('worker'))\n"
		     "    tell('ready')\n"
		     "    r.get()\n",
	  .truth = asleep },
	{ .name = "pool_busy",
	  .what = "a Pool whose workers compute",
	  .program = "def count(x):\n"
		     "    tell('count%d' % x)\n"
		     "    while True:\n"
		     "        x += 1\n"
		     "if __name__ == '__main__':\n"
		     "    p = c.Pool(2)\n"
		     "    r = p.map_async(count, [0, 1], 1)\n"
		     "    until(lambda: told('count0') and told('count1'))\n"
		     "    tell('ready')\n"
		     "    r.get()\n",
	  .truth = working,
	  .moving = true },
	{ .name = "executor_busy",
	  .what = "an executor whose workers compute",
	  .program = "import concurrent.futures as f\n"
		     "def count(x):\n"
		     "    tell('count')\n"
		     "    while True:\n"
		     "        x += 1\n"
		     "if __name__ == '__main__':\n"
		     "    e = f.ProcessPoolExecutor(2, mp_context=c)\n"
		     "    r = e.submit(count, 1)\n"
		     "    until(lambda: told('count'))\n"
		     "    tell('ready')\n"
		     "    r.result()\n",
	  .truth = working,
	  .moving = true },
	{ .name = NULL },
};

SCENARIO_MAKER(rows)
{
	pymp_register(rows);
}
