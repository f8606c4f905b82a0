/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread in each sort of wait that threading, queue, importlib and concurrent.futures know.
 * snag must tell for each which object it is, by its address, and never that it makes progress.
 */
#include "pylocks.h"

static const struct pylocks_row rows[] = {
	{ "kinds", "a thread in every wait for a lock, queue, event, future, import or thread",
	  "from concurrent.futures import ThreadPoolExecutor, as_completed, wait as wait_all\n"
	  "lock, rlock, event = threading.Lock(), threading.RLock(), threading.Event()\n"
	  "semaphore, barrier = threading.Semaphore(0), threading.Barrier(3)\n"
	  "condition = threading.Condition()\n"
	  "empty, full, simple = queue.Queue(), queue.Queue(2), queue.SimpleQueue()\n"
	  "owed = queue.LifoQueue()\n"
	  "for i in range(2):\n"
	  "    full.put(i)\n"
	  "    owed.put(i)\n"
	  "lock.acquire()\n"
	  "rlock.acquire()\n"
	  "def with_lock():\n"
	  "    with lock: pass\n"
	  "def with_rlock():\n"
	  "    with rlock: pass\n"
	  "def with_condition():\n"
	  "    with condition: condition.wait()\n"
	  "def with_predicate():\n"
	  "    with condition: condition.wait_for(lambda: False)\n"
	  "def begin(call, name, kind, what, thing, on=PID):\n"
	  "    t = start(call, name)\n"
	  "    wait(t.native_id, kind, key(what, thing), on)\n"
	  "    return t\n"
	  "begin(lambda: lock.acquire(), 'lock', 'mutex', 'threading.Lock', lock)\n"
	  "begin(with_lock, 'with-lock', 'mutex', 'threading.Lock', lock)\n"
	  "begin(lambda: rlock.acquire(), 'rlock', 'mutex', 'threading.RLock', rlock)\n"
	  "begin(with_rlock, 'with-rlock', 'mutex', 'threading.RLock', rlock)\n"
	  "begin(with_condition, 'condition', 'condvar', 'threading.Condition', condition)\n"
	  "begin(with_predicate, 'wait-for', 'condvar', 'threading.Condition', condition)\n"
	  "waiter = begin(event.wait, 'event', 'event', 'threading.Event', event)\n"
	  "begin(semaphore.acquire, 'semaphore', 'semaphore', 'threading.Semaphore', semaphore)\n"
	  "begin(barrier.wait, 'barrier', 'barrier', 'threading.Barrier', barrier)\n"
	  "begin(empty.get, 'get', 'queue-get', 'queue.Queue', empty)\n"
	  "begin(lambda: full.put(2), 'put', 'queue-put', 'queue.Queue', full)\n"
	  "begin(owed.join, 'queue-join', 'queue-join', 'queue.Queue', owed)\n"
	  "begin(simple.get, 'simple', 'queue-get', 'queue.SimpleQueue', simple)\n"
	  "begin(waiter.join, 'join', 'thread-join', 'threading.Thread', waiter)\n"
	  "pool = ThreadPoolExecutor(1)\n"
	  "future = pool.submit(lambda: pool.submit(print).result())\n"
	  "begin(future.result, 'future', 'future', 'concurrent.futures.Future', future)\n"
	  "f = start(lambda: wait_all([future]), 'wait')\n"
	  "wait(f.native_id, 'future')\n"
	  "f = start(lambda: list(as_completed([future])), 'as-completed')\n"
	  "wait(f.native_id, 'future')\n"
	  "load, importer, module_lock = stuck_import()\n"
	  "begin(load, 'imports-too', 'import-lock', 'import-lock', module_lock)\n"
	  "wait(importer.native_id, 'event')\n"
	  "verdict('deadlock')\n"
	  "never('progressing')\n"
	  "ready()\n"
	  "hang()\n" },
	{ 0 },
};

SCENARIO_MAKER(rows)
{
	pylocks_register(rows);
}
