"""exit_taken.py - asyncio awaits a process that has ended, and whose exit another call has taken.

FastChildWatcher learns of an exit by waitpid(-1) after SIGCHLD; who calls waitpid() besides takes
exits from it (its documentation warns of the reverse).
"""
import asyncio
import os
import warnings

import resting

EPOLL = "232"
warnings.simplefilter("ignore")


async def waits_for(process):
    await process.wait()


async def main():
    asyncio.current_task().set_name("parent")
    r, w = os.pipe()
    process = await asyncio.create_subprocess_exec("cat", stdin=r)
    os.close(r)
    task = asyncio.create_task(waits_for(process), name="waits for cat")
    await asyncio.sleep(0)
    os.close(w)
    print(process.pid)
    os.waitpid(process.pid, 0)
    resting.when(lambda: resting.call_of(os.getpid()) == EPOLL, resting.done)
    if hasattr(asyncio, "TaskGroup"):
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.wait([task]), name="member")
    else:
        await asyncio.gather(task)


async def watched():
    watcher = asyncio.FastChildWatcher()
    asyncio.set_child_watcher(watcher)
    watcher.attach_loop(asyncio.get_running_loop())
    with watcher:
        await main()


asyncio.run(watched())
