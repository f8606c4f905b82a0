"""A Python program at rest, for dumpers to look at.

    target.py threads|processes|asyncio|trio COUNT

Prints its processes, side by side, when everything waits; ends when its standard input does. No
wait has a time-out: a thread that wakes was woken by the one who looks.
"""

import faulthandler
import os
import signal
import sys
import threading

DEPTH = 10


def deep(n, call):
    return deep(n - 1, call) if n else call()


def ready(pids=()):
    print(os.getpid(), *pids, flush=True)


def until_end():
    while os.read(0, 1):
        pass


def threads(count):
    lock = threading.Lock()
    lock.acquire()
    for _ in range(count - 1):
        threading.Thread(target=deep, args=(DEPTH, lock.acquire), daemon=True).start()
    ready()
    deep(DEPTH, until_end)
    os._exit(0)  # daemon threads would keep the interpreter from ending


def processes(count):
    children = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            deep(DEPTH, until_end)
            os._exit(0)
        children.append(pid)
    ready(children)
    deep(DEPTH, until_end)
    for pid in children:
        os.waitpid(pid, 0)


def asyncio_tasks(count):
    import asyncio

    async def nested(n, event):
        await (nested(n - 1, event) if n else event.wait())

    async def main():
        event = asyncio.Event()
        tasks = [asyncio.create_task(nested(2, event)) for _ in range(count)]
        await asyncio.sleep(0)
        asyncio.get_running_loop().add_reader(0, lambda: os.read(0, 1) or event.set())
        ready()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def trio_tasks(count):
    import trio

    async def nested(n, event):
        await (nested(n - 1, event) if n else event.wait())

    async def main():
        event = trio.Event()
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(nested, 2, event)
            await trio.testing.wait_all_tasks_blocked()
            ready()
            await trio.lowlevel.wait_readable(0)
            event.set()

    import trio.testing

    trio.run(main)


KINDS = {"threads": threads, "processes": processes, "asyncio": asyncio_tasks, "trio": trio_tasks}

faulthandler.register(signal.SIGUSR1, file=open(os.devnull, "w"), all_threads=True)
KINDS[sys.argv[1]](int(sys.argv[2]))
