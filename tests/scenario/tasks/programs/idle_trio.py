"""idle_trio.py - a server of trio at rest: listener and a worker that waits for connections."""
import os

import resting
import trio

EPOLL = "232"


async def worker(receive):
    async for stream in receive:
        await stream.aclose()


async def main():
    send, receive = trio.open_memory_channel(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker, receive)
        listeners = await nursery.start(trio.serve_tcp, send.send, 0)
        assert listeners
        resting.when(lambda: resting.call_of(os.getpid()) == EPOLL, resting.done)


trio.run(main)
