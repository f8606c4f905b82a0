/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of Python that wait for each other, or for a thread that is no more. snag must name the
 * lock and its owner where Python records one, also while other threads of the program live.
 */
#include "pylocks.h"

static const struct pylocks_row rows[] = {
	{ "abba", "two RLocks taken in different order, beside a thread that lives",
	  "a, b, both = threading.RLock(), threading.RLock(), threading.Barrier(2)\n"
	  "def one():\n"
	  "    with a:\n"
	  "        both.wait()\n"
	  "        with b: pass\n"
	  "def two():\n"
	  "    with b:\n"
	  "        both.wait()\n"
	  "        a.acquire()\n"
	  "start(lambda: time.sleep(100000), 'alive')\n"
	  "first = start(one, 'worker-1')\n"
	  "second = start(two, 'worker-2')\n"
	  "verdict('deadlock')\n"
	  "hop(PID, 'thread-join', key('threading.Thread', first), PID)\n"
	  "hop(first.native_id, 'mutex', key('threading.RLock', b), PID)\n"
	  "hop(second.native_id, 'mutex', key('threading.RLock', a), PID)\n"
	  "says('waiting for %s to end' % named(first))\n"
	  "says('waiting for threading.RLock held by ' + named(second))\n"
	  "says('waiting for threading.RLock held by ' + named(first))\n"
	  "culprit(second.native_id, 'lock-order')\n"
	  "ready()\n"
	  "first.join()\n" },
	{ "join_circle", "two threads join each other, beside a thread that lives",
	  "threads, go = [], threading.Event()\n"
	  "def join(i):\n"
	  "    go.wait()\n"
	  "    threads[i].join()\n"
	  "start(lambda: time.sleep(100000), 'alive')\n"
	  "threads.append(start(lambda: join(1), 'left'))\n"
	  "threads.append(start(lambda: join(0), 'right'))\n"
	  "verdict('deadlock')\n"
	  "left, right = threads\n"
	  "hop(PID, 'thread-join', key('threading.Thread', left), PID)\n"
	  "hop(left.native_id, 'thread-join', key('threading.Thread', right), PID)\n"
	  "hop(right.native_id, 'thread-join', key('threading.Thread', left), PID)\n"
	  "says('waiting for %s to end' % named(right))\n"
	  "go.set()\n"
	  "ready()\n"
	  "left.join()\n" },
	{ "logging_fork", "a fork copies the lock of a handler that another thread holds",
	  "import logging\n"
	  "busy = threading.Event()\n"
	  "class Slow(logging.Handler):\n"
	  "    def createLock(self):\n"
	  "        self.lock = threading.RLock()\n"
	  "    def emit(self, record):\n"
	  "        busy.set()\n"
	  "        hang()\n"
	  "slow = Slow()\n"
	  "logging.getLogger().addHandler(slow)\n"
	  "logger = start(lambda: logging.error('one'), 'logger')\n"
	  "busy.wait()\n"
	  "child = os.fork()\n"
	  "if not child:\n"
	  "    logging.error('two')\n"
	  "verdict('deadlock')\n"
	  "hop(PID, 'child-exit', '-', child)\n"
	  "hop(child, 'mutex', key('threading.RLock', slow.lock, child), NOBODY, child)\n"
	  "culprit(child, 'never-released', child)\n"
	  "finding('lock-copied-by-fork', child)\n"
	  "finding('forked-from-threads', child)\n"
	  "says('waiting for the lock of a logging Slow')\n"
	  "says('held by %s of process %d, which fork() left behind' % (named(logger), PID))\n"
	  "ready()\n"
	  "os.waitpid(child, 0)\n" },
	{ "owner_ended", "an RLock whose owner has ended",
	  "lock = threading.RLock()\n"
	  "start(lock.acquire, 'owner').join()\n"
	  "verdict('deadlock')\n"
	  "hop(PID, 'mutex', key('threading.RLock', lock), NOBODY)\n"
	  "culprit(PID, 'never-released')\n"
	  "finding('lock-owner-dead')\n"
	  "says('held by a thread that has ended')\n"
	  "ready()\n"
	  "lock.acquire()\n" },
	{ "import_stuck", "an import waits for that of another thread, which hangs in the module",
	  "load, importer, lock = stuck_import()\n"
	  "verdict('deadlock')\n"
	  "hop(PID, 'import-lock', key('import-lock', lock), PID)\n"
	  "hop(importer.native_id, 'event', '-', PID)\n"
	  "says(\"the import of module 'stuck_import' by \" + named(importer))\n"
	  "ready()\n"
	  "load()\n" },
	{ "queue_join", "Queue.join() with items that nobody will be done with",
	  "q = queue.Queue()\n"
	  "for i in range(3): q.put(i)\n"
	  "def take():\n"
	  "    q.get()\n"
	  "    q.task_done()\n"
	  "start(take, 'consumer').join()\n"
	  "verdict('deadlock')\n"
	  "hop(PID, 'queue-join', key('queue.Queue', q), NOBODY)\n"
	  "says('task_done() of 2 items of a queue.Queue, of which 2 are still in it')\n"
	  "ready()\n"
	  "q.join()\n" },
	{ "pool_self", "a pool whose only thread waits for what is in its own queue",
	  "from concurrent.futures import ThreadPoolExecutor\n"
	  "pool, tids, go = ThreadPoolExecutor(1), [], threading.Event()\n"
	  "def outer():\n"
	  "    tids.append(threading.get_native_id())\n"
	  "    go.set()\n"
	  "    return pool.submit(print).result()\n"
	  "future = pool.submit(outer)\n"
	  "go.wait()\n"
	  "verdict('deadlock')\n"
	  "hop(PID, 'future', key('concurrent.futures.Future', future), PID)\n"
	  "hop(tids[0], 'future', '-', PID)\n"
	  "culprit(tids[0], 'self-wait')\n"
	  "says('in the queue of a ThreadPoolExecutor with 1 thread')\n"
	  "ready()\n"
	  "future.result()\n" },
	{ "pool_owner", "the call of a pool wants an RLock of the one that waits for its result",
	  "from concurrent.futures import ThreadPoolExecutor\n"
	  "pool, lock, tids = ThreadPoolExecutor(1), threading.RLock(), []\n"
	  "def work():\n"
	  "    tids.append(threading.get_native_id())\n"
	  "    lock.acquire()\n"
	  "lock.acquire()\n"
	  "start(lambda: time.sleep(100000), 'alive')\n"
	  "future = pool.submit(work)\n"
	  "while not tids: time.sleep(0.01)\n"
	  "verdict('deadlock')\n"
	  "hop(PID, 'future', key('concurrent.futures.Future', future), PID)\n"
	  "hop(tids[0], 'mutex', key('threading.RLock', lock), PID)\n"
	  "says('a thread of the process could set the future on which another one works')\n"
	  "ready()\n"
	  "future.result()\n" },
	{ "lock_twice", "a Lock taken twice by the only thread",
	  "lock = threading.Lock()\n"
	  "lock.acquire()\n"
	  "verdict('deadlock')\n"
	  "hop(PID, 'mutex', key('threading.Lock', lock), NOBODY)\n"
	  "culprit(PID, 'never-released')\n"
	  "says('threading.Lock, which does not say who holds it')\n"
	  "ready()\n"
	  "with lock: pass\n" },
	{ 0 },
};

SCENARIO_MAKER(rows)
{
	pylocks_register(rows);
}
