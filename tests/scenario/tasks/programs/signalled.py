"""signalled.py - a program of asyncio that rests until Ctrl-C, which its loop handles."""
import asyncio
import os
import signal

import resting

EPOLL = "232"


async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    resting.when(lambda: resting.call_of(os.getpid()) == EPOLL, resting.done)
    await stop.wait()


asyncio.run(main())
