/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs at rest, whose threads wait for locks and queues all the same: no deadlock.
 */
#include "pylocks.h"

static const struct pylocks_row rows[] = {
	{ "idle_pool", "consumers and threads of a pool without work, and a listener",
	  "from concurrent.futures import ThreadPoolExecutor\n"
	  "q, tids = queue.Queue(), []\n"
	  "consumer = start(q.get, 'consumer')\n"
	  "pool = ThreadPoolExecutor(2)\n"
	  "pool.submit(lambda: tids.append(threading.get_native_id())).result()\n"
	  "listener = socket.socket()\n"
	  "listener.bind(('127.0.0.1', 0))\n"
	  "listener.listen()\n"
	  "verdict('idle')\n"
	  "never('deadlock')\n"
	  "wait(consumer.native_id, 'queue-get', key('queue.Queue', q), PID)\n"
	  "wait(tids[0], 'queue-get', '-', PID)\n"
	  "ready()\n"
	  "listener.accept()\n" },
	{ "joins_consumer", "the main thread joins a consumer, another thread listens",
	  "q = queue.Queue()\n"
	  "consumer = start(q.get, 'consumer')\n"
	  "listener = socket.socket()\n"
	  "listener.bind(('127.0.0.1', 0))\n"
	  "listener.listen()\n"
	  "start(lambda: q.put(listener.accept()), 'listener')\n"
	  "verdict('idle')\n"
	  "verdict('undetermined')\n"
	  "never('deadlock')\n"
	  "hop(PID, 'thread-join', key('threading.Thread', consumer), PID)\n"
	  "hop(consumer.native_id, 'queue-get', key('queue.Queue', q), PID)\n"
	  "ready()\n"
	  "consumer.join()\n" },
	{ "signal_ends", "the main thread waits for an event that the handler of a signal sets",
	  "import signal\n"
	  "end, q = threading.Event(), queue.Queue()\n"
	  "signal.signal(signal.SIGTERM, lambda *unused: end.set())\n"
	  "start(q.get, 'consumer')\n"
	  "verdict('idle')\n"
	  "never('deadlock')\n"
	  "hop(PID, 'event', key('threading.Event', end))\n"
	  "says('a signal that it handles')\n"
	  "ready()\n"
	  "end.wait()\n" },
	{ "interrupt_ends", "the main thread waits for an event that the handler of SIGINT sets",
	  "import signal\n"
	  "end = threading.Event()\n"
	  "signal.signal(signal.SIGINT, lambda *unused: end.set())\n"
	  "verdict('undetermined')\n"
	  "never('deadlock')\n"
	  "hop(PID, 'event', key('threading.Event', end))\n"
	  "ready()\n"
	  "end.wait()\n" },
	{ "rests_in_background", "the main thread waits for an event until it is killed",
	  "import signal\n"
	  "end = threading.Event()\n"
	  "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
	  "verdict('undetermined')\n"
	  "never('deadlock')\n"
	  "hop(PID, 'event', key('threading.Event', end))\n"
	  "ready()\n"
	  "end.wait()\n" },
	{ "rests_above_servers", "the main thread rests until Ctrl-C, a child serves",
	  "import signal\n"
	  "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
	  "listener = socket.socket()\n"
	  "listener.bind(('127.0.0.1', 0))\n"
	  "listener.listen()\n"
	  "if os.fork() == 0:\n"
	  "    listener.accept()\n"
	  "verdict('undetermined')\n"
	  "never('deadlock')\n"
	  "ready()\n"
	  "try: threading.Event().wait()\n"
	  "except KeyboardInterrupt: pass\n" },
	{ "turns_to_accept", "threads take turns to accept with a Lock",
	  "turn = threading.Lock()\n"
	  "listener = socket.socket()\n"
	  "listener.bind(('127.0.0.1', 0))\n"
	  "listener.listen()\n"
	  "def serve():\n"
	  "    with turn: listener.accept()\n"
	  "threads = [start(serve, 'server-%d' % i) for i in range(3)]\n"
	  "never('deadlock')\n"
	  "verdict('idle')\n"
	  "verdict('undetermined')\n"
	  "ready()\n"
	  "threads[0].join()\n" },
	{ "owner_sleeps", "an RLock whose owner sleeps",
	  "lock, held = threading.RLock(), threading.Event()\n"
	  "def own():\n"
	  "    with lock:\n"
	  "        held.set()\n"
	  "        time.sleep(100000)\n"
	  "owner = start(own, 'owner')\n"
	  "held.wait()\n"
	  "verdict('waiting-with-timeout')\n"
	  "never('deadlock')\n"
	  "hop(PID, 'mutex', key('threading.RLock', lock), PID)\n"
	  "hop(owner.native_id, 'sleep|poll')\n"
	  "says('waiting for threading.RLock held by ' + named(owner))\n"
	  "ready()\n"
	  "lock.acquire()\n" },
	{ "future_cancelled",
	  "a pool waits for what is in its own queue, which a thread cancels soon",
	  "from concurrent.futures import ThreadPoolExecutor\n"
	  "pool, inner, go = ThreadPoolExecutor(1), [], threading.Event()\n"
	  "def outer():\n"
	  "    inner.extend([pool.submit(print), threading.get_native_id()])\n"
	  "    go.set()\n"
	  "    return inner[0].result()\n"
	  "def watch():\n"
	  "    time.sleep(100000)\n"
	  "    inner[0].cancel()\n"
	  "watchdog = start(watch, 'watchdog')\n"
	  "future = pool.submit(outer)\n"
	  "go.wait()\n"
	  "verdict('waiting-with-timeout')\n"
	  "never('deadlock')\n"
	  "hop(PID, 'future', key('concurrent.futures.Future', future), PID)\n"
	  "hop(inner[1], 'future', key('concurrent.futures.Future', inner[0]), PID)\n"
	  "hop(watchdog.native_id, 'sleep|poll')\n"
	  "says('if no thread cancels the future that is waited for')\n"
	  "ready()\n"
	  "future.result()\n" },
	{ "future_cancelled_by_input",
	  "a pool waits for what is in its own queue, which a thread cancels when it is asked to",
	  "from concurrent.futures import ThreadPoolExecutor\n"
	  "pool, inner, go = ThreadPoolExecutor(1), [], threading.Event()\n"
	  "def outer():\n"
	  "    inner.append(pool.submit(print))\n"
	  "    go.set()\n"
	  "    return inner[0].result()\n"
	  "listener = socket.socket()\n"
	  "listener.bind(('127.0.0.1', 0))\n"
	  "listener.listen()\n"
	  "def watch():\n"
	  "    listener.accept()\n"
	  "    inner[0].cancel()\n"
	  "start(watch, 'listener')\n"
	  "future = pool.submit(outer)\n"
	  "go.wait()\n"
	  "verdict('undetermined')\n"
	  "never('deadlock')\n"
	  "ready()\n"
	  "future.result()\n" },
	{ 0 },
};

SCENARIO_MAKER(rows)
{
	pylocks_register(rows);
}
