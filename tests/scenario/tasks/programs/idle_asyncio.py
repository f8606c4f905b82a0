"""idle_asyncio.py - a server of asyncio at rest: listener, connection, a worker of a group."""
import asyncio
import os

import resting

EPOLL = "232"


async def worker(queue):
    while True:
        await queue.get()


async def main():
    queue = asyncio.Queue()
    server = await asyncio.start_server(lambda r, w: queue.put_nowait((r, w)), "127.0.0.1", 0)
    resting.when(lambda: resting.call_of(os.getpid()) == EPOLL, resting.done)
    async with server:
        if hasattr(asyncio, "TaskGroup"):
            async with asyncio.TaskGroup() as group:
                group.create_task(server.serve_forever(), name="server")
                group.create_task(worker(queue), name="worker")
        else:
            await asyncio.gather(server.serve_forever(), worker(queue))


asyncio.run(main())
