"""guest_trio.py - the run of all_trio.py as a guest in a loop of asyncio."""
import asyncio

import trio

import all_trio


async def main():
    loop = asyncio.get_running_loop()
    trio.lowlevel.start_guest_run(all_trio.main, 0, done_callback=print,
                                  run_sync_soon_threadsafe=loop.call_soon_threadsafe)
    await loop.create_future()


asyncio.run(main())
