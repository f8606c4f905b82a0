"""full_pipe.py - asyncio awaits the end of a process whose output nobody reads."""
import asyncio
import os

import resting

PIPE_WRITE = "1"
EPOLL = "232"


async def main():
    asyncio.current_task().set_name("waits for head")
    process = await asyncio.create_subprocess_exec(
        "head", "-c", "1000000", "/dev/zero", stdout=asyncio.subprocess.PIPE)
    # the reader of the stream stops at twice its limit, then the pipe fills
    resting.when(lambda: process.stdout._paused and resting.call_of(process.pid) == PIPE_WRITE
                 and resting.call_of(os.getpid()) == EPOLL, resting.done)
    await process.wait()


asyncio.run(main())
