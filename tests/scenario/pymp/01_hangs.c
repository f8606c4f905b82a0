/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools, queues and executors that hang. To the kernel their threads all wait for each other; snag
 * must say whose job, item or lock it is that never comes.
 */
#include "pymp.h"

static void lost(pid_t python)
{
	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "future", NULL, ANYBODY);
	truth_culprit_on(python, python, "work-lost", NULL);
	truth_finding("work-lost", python);
	truth_says("waiting for the result of map() of its Pool");
	truth_says("none of the 2 workers of its Pool");
	truth_says("the one that took it is gone");
}

/* Another job goes on: nothing of the lost one comes of that. */
static void lost_beside(pid_t python)
{
	lost(python);
	truth_says("waiting for the result of map() of its Pool (job 1)");
	truth_not("waiting-with-timeout");
	truth_not("progressing");
}

static void job_stuck(pid_t python)
{
	pid_t worker = pymp_told("worker");

	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "future", NULL, ANYBODY);
	truth_hop(worker, 0, "event", NULL, ANYBODY);
	truth_culprit_on(worker, worker, "work-stuck|nobody-can", NULL);
	truth_no_finding("work-lost");
	truth_says("in job 0 of a Pool (stuck, program");
}

static void queue_join(pid_t python)
{
	pid_t child = wait_child(python, NULL);

	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "child-exit", NULL, child);
	truth_wait(child, 0, "thread-join", NULL, ANYBODY);
	truth_wait(child, pymp_told("feeder"), "pipe-write", NULL, python);
	truth_culprit_on(python, python, "not-reading", NULL);
	truth_actor(child, python, "fork");
}

static void joinable(pid_t python)
{
	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "queue-join", NULL, ANYBODY);
	truth_says("multiprocessing.JoinableQueue");
	truth_says("2 items");
}

static void logging_copied(pid_t python)
{
	pid_t worker = pymp_told("worker");

	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "future", NULL, ANYBODY);
	truth_hop(worker, 0, "mutex", NULL, NOBODY);
	truth_culprit_on(worker, worker, "never-released", NULL);
	truth_says("call 0 of a ProcessPoolExecutor (job, program");
	truth_says("logging");
}

static void circle(pid_t python)
{
	pid_t other = wait_child(python, NULL);

	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "mutex", NULL, ANYBODY);
	truth_hop(other, 0, "mutex", NULL, ANYBODY);
	truth_culprit(python, "lock-order");
	truth_culprit(other, "lock-order");
	truth_says("waiting for multiprocessing.Lock, held by process %d", other);
	truth_says("waiting for multiprocessing.RLock, held by process %d", python);
}

static void kept(pid_t python)
{
	pid_t worker = pymp_told("worker");

	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "mutex", NULL, ANYBODY);
	truth_hop(worker, 0, "event", NULL, ANYBODY);
	truth_culprit_on(worker, worker, "work-stuck|nobody-can", NULL);
	truth_no_finding("lock-lost");
	truth_says("waiting for multiprocessing.Lock, held by process %d", worker);
}

static void left(pid_t python)
{
	truth_verdict("deadlock", NULL);
	truth_hop(python, 0, "mutex", NULL, ANYBODY);
	truth_culprit_on(python, python, "never-released", NULL);
	truth_finding("lock-lost", python);
	truth_says("multiprocessing.Lock, which no process that is seen to know it has taken");
}

/* Until another worker rests where the one that was killed was. */
#define REPLACED                                                                                   \
	"    def wait():\n"                                                                        \
	"        until(lambda: len(p._pool) == 2 and 'ForkPoolWorker-3' in "                       \
	"[w.name for w in p._pool])\n"                                                             \
	"        until(lambda: '0' in [nr(w.pid) for w in p._pool])\n"                             \
	"        tell('ready')\n"                                                                  \
	"    threading.Thread(target=wait).start()\n"

/* Who keeps a lock that is no variable of any call. */
#define KEEPER                                                                                     \
	"class Keeper:\n"                                                                          \
	"    def __init__(self, lock):\n"                                                          \
	"        self.things = [lock]\n"                                                           \
	"    def keep(self):\n"                                                                    \
	"        with self.things[0]:\n"                                                           \
	"            tell('worker', os.getpid())\n"                                                \
	"            threading.Event().wait()\n"
#define KEPT                                                                                       \
	"if __name__ == '__main__':\n"                                                             \
	"    lock = c.Lock()\n"                                                                    \
	"    c.Process(target=Keeper(lock).keep).start()\n"                                        \
	"    until(lambda: told('worker'))\n"                                                      \
	"    tell('ready')\n"                                                                      \
	"    lock.acquire()\n"

static const struct pymp_row rows[] = {
	{ .name = "pool_killed",
	  .what = "a worker is killed while it has a job: the Pool starts another, the job is lost",
	  .program = "def die(x):\n"
		     "    os.kill(os.getpid(), signal.SIGKILL)\n"
		     "if __name__ == '__main__':\n"
		     "    p = c.Pool(2)\n"
		     "    def wait():\n"
		     "        until(lambda: sorted(w.name for w in p._pool) == "
		     "['ForkPoolWorker-2', 'ForkPoolWorker-3'] or sorted(w.name for w in p._pool) "
		     "== ['ForkPoolWorker-1', 'ForkPoolWorker-3'])\n"
		     "        until(lambda: sorted(nr(w.pid) for w in p._pool) == ['0', '202'])\n"
		     "        tell('ready')\n"
		     "    threading.Thread(target=wait).start()\n"
		     "    p.map(die, [1])\n",
	  .truth = lost },
	{ .name = "pool_killed_beside_sleeper",
	  .what = "a worker is killed while it has a job; the other one sleeps in another job",
	  .program = "def die(x):\n"
		     "    os.kill(os.getpid(), signal.SIGKILL)\n"
		     "def sleep(x):\n"
		     "    tell('worker', os.getpid())\n"
		     "    time.sleep(3600)\n"
		     "if __name__ == '__main__':\n"
		     "    p = c.Pool(2)\n"
		     "    p.apply_async(sleep, [1])\n"
		     "    until(lambda: told('worker'))\n" REPLACED "    p.map(die, [1])\n",
	  .truth = lost_beside },
	{ .name = "pool_killed_beside_busy",
	  .what = "a worker is killed while it has a job; the other one computes for ever",
	  .program = "def die(x):\n"
		     "    os.kill(os.getpid(), signal.SIGKILL)\n"
		     "def busy(x):\n"
		     "    tell('worker', os.getpid())\n"
		     "    while True:\n"
		     "        x += 1\n"
		     "if __name__ == '__main__':\n"
		     "    p = c.Pool(2)\n"
		     "    p.apply_async(busy, [1])\n"
		     "    until(lambda: told('worker'))\n" REPLACED "    p.map(die, [1])\n",
	  .truth = lost_beside,
	  .moving = true },
	{ .name = "pool_job_stuck",
	  .what = "the job of a Pool waits for an event that nobody sets",
	  .program = "def stuck(x):\n"
		     "    tell('worker', os.getpid())\n"
		     "    threading.Event().wait()\n"
		     "if __name__ == '__main__':\n"
		     "    p = c.Pool(2)\n"
		     "    r = p.apply_async(stuck, [1])\n"
		     "    until(lambda: told('worker'))\n"
		     "    tell('ready')\n"
		     "    r.get()\n",
	  .truth = job_stuck },
	{ .name = "queue_join",
	  .what = "a process is joined that has put more into its Queue than the pipe takes",
	  .program = "def put(q):\n"
		     "    q.put(b'x' * 1000000)\n"
		     "    until(lambda: nr(os.getpid(), q._thread.native_id) == '1')\n"
		     "    tell('feeder', q._thread.native_id)\n"
		     "if __name__ == '__main__':\n"
		     "    q = c.Queue()\n"
		     "    p = c.Process(target=put, args=(q,))\n"
		     "    p.start()\n"
		     "    tell('ready')\n"
		     "    p.join()\n",
	  .truth = queue_join },
	{ .name = "joinable_queue",
	  .what = "JoinableQueue.join() with items that nobody will do",
	  .program = "if __name__ == '__main__':\n"
		     "    q = c.JoinableQueue()\n"
		     "    q.put(1)\n"
		     "    q.put(2)\n"
		     "    tell('ready')\n"
		     "    q.join()\n",
	  .truth = joinable },
	{ .name = "executor_logging",
	  .what = "a worker of an executor was forked while a thread held the lock of a handler",
	  .program = "import concurrent.futures as f, logging\n"
		     "class Handler(logging.StreamHandler):\n"
		     "    def createLock(self):\n"
		     "        self.lock = threading.RLock()\n"
		     "h = Handler(open(os.devnull, 'w'))\n"
		     "logging.getLogger().addHandler(h)\n"
		     "def job(x):\n"
		     "    tell('worker', os.getpid())\n"
		     "    logging.warning('working')\n"
		     "if __name__ == '__main__':\n"
		     "    def hold():\n"
		     "        h.acquire()\n"
		     "        tell('held')\n"
		     "        threading.Event().wait()\n"
		     "    threading.Thread(target=hold, daemon=True).start()\n"
		     "    until(lambda: told('held'))\n"
		     "    e = f.ProcessPoolExecutor(2, mp_context=c)\n"
		     "    r = e.submit(job, 1)\n"
		     "    tell('ready')\n"
		     "    r.result()\n",
	  .truth = logging_copied },
	{ .name = "lock_circle",
	  .what = "two processes with a Lock each want that of the other",
	  .program = "def hold(first, second):\n"
		     "    first.acquire()\n"
		     "    tell('held')\n"
		     "    until(lambda: told('ready'))\n"
		     "    second.acquire()\n"
		     "if __name__ == '__main__':\n"
		     "    a, b = c.Lock(), c.RLock()\n"
		     "    c.Process(target=hold, args=(a, b)).start()\n"
		     "    b.acquire()\n"
		     "    until(lambda: told('held'))\n"
		     "    tell('ready')\n"
		     "    a.acquire()\n",
	  .truth = circle },
	{ .name = "lock_spawn",
	  .what = "a process that was spawned keeps a Lock, in a block of an object's method",
	  .program = "c = m.get_context('spawn')\n" KEEPER KEPT,
	  .truth = kept },
	{ .name = "lock_forkserver",
	  .what = "a process of a fork server keeps a Lock, in a block of an object's method",
	  .program = "c = m.get_context('forkserver')\n" KEEPER KEPT,
	  .truth = kept },
	{ .name = "lock_left",
	  .what = "a process with a Lock was killed: nobody else would give it back",
	  .program = "def hold(lock):\n"
		     "    lock.acquire()\n"
		     "    os.kill(os.getpid(), signal.SIGKILL)\n"
		     "if __name__ == '__main__':\n"
		     "    lock = c.Lock()\n"
		     "    p = c.Process(target=hold, args=(lock,))\n"
		     "    p.start()\n"
		     "    p.join()\n"
		     "    tell('ready')\n"
		     "    lock.acquire()\n",
	  .truth = left },
	{ .name = NULL },
};

SCENARIO_MAKER(rows)
{
	pymp_register(rows);
}
