"""deaf_loop.py - an orphan: SIGINT sets an event of asyncio, but by a handler that its loop does
not know.

signal.signal() has no wakeup fd: the handler runs within epoll_wait(2), which is then called again
(PEP 475). What the handler made ready is never run.
"""
import asyncio
import os
import signal
import threading

import resting

EPOLL = "232"


def resting_loop():
    return resting.call_of(os.getpid()) == EPOLL


async def main():
    asyncio.current_task().set_name("waits for SIGINT")
    asked = asyncio.Event()
    handled = threading.Event()

    def on_sigint(number, frame):
        asked.set()
        handled.set()

    def after():
        handled.wait()
        resting.until(resting_loop)
        resting.done()

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        after()

    signal.signal(signal.SIGINT, on_sigint)
    resting.when(resting_loop, interrupt)
    await asked.wait()


parent = os.getpid()
if os.fork():
    os._exit(0)
resting.until(lambda: os.getppid() != parent)
print(os.getpid(), flush=True)
asyncio.run(main())
