"""all_asyncio.py - a loop of asyncio in which tasks wait for everything that there is to wait for.

A callback of the loop looks at them: then no task runs. With a number as argument: so many tasks.
"""
import asyncio
import os
import socket
import sys

import telling
from awaitables import Awaitable, AwaitableInPython
from telling import waits

BEYOND = 50000.0
kept = []  # what nobody else refers to, and must stay open


# ---- what they do --------------------------------------------------------------------------------

async def event(e):
    await e.wait()


async def future():
    await asyncio.get_running_loop().create_future()


async def deeper(e, depth):
    if depth:
        await deeper(e, depth - 1)
    await e.wait()


async def ticks(e):
    try:
        await e.wait()
        yield 1
    finally:
        pass


async def through_generator(e):
    async for _ in ticks(e):
        pass


async def through_anext(e):
    await ticks(e).__anext__()


async def through(thing):
    await thing


async def owner(lock, e):
    async with lock:
        await e.wait()


async def conditional(condition):
    async with condition:
        await condition.wait()


async def sleeps():
    await asyncio.sleep(BEYOND)


async def gathers(names, e):
    await asyncio.gather(*[begin(event(e), waits(n, "task-event")) for n in names])


async def waits_for_any(names, e):
    tasks = [begin(event(e), waits(n, "task-event")) for n in names]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def waits_for_all(names, e):
    tasks = [begin(event(e), waits(n, "task-event")) for n in names]
    await asyncio.wait(tasks)


async def waits_for(task):
    await asyncio.wait_for(task, BEYOND)


async def shields(task):
    await asyncio.shield(task)


async def groups(names, e):
    async with asyncio.TaskGroup() as group:
        for n in names:
            kept.append(group.create_task(event(e), name=waits(n, "task-event")))


async def in_executor(fd):
    await asyncio.get_running_loop().run_in_executor(None, os.read, fd, 1)


async def in_thread(fd):
    await asyncio.to_thread(os.read, fd, 1)


async def receives(sock):
    await asyncio.get_running_loop().sock_recv(sock, 1)


async def accepts(listener):
    await asyncio.get_running_loop().sock_accept(listener)


async def sends(sock):
    await asyncio.get_running_loop().sock_sendall(sock, bytes(1 << 20))


async def reads(stream):
    await stream.readexactly(1)


async def drains(stream):
    stream.write(bytes(1 << 22))
    await stream.drain()


async def goes_on(e):
    """Is told to end, and does not."""
    try:
        await e.wait()
    except asyncio.CancelledError:
        await e.wait()


async def passes_on(task):
    """Is told to end, and what it waits for does not."""
    await task


# ---- the truth -----------------------------------------------------------------------------------

def begin(coroutine, name):
    task = asyncio.get_running_loop().create_task(coroutine)
    task.set_name(name)
    kept.append(task)
    return task


def is_waiting(task):
    return task._fut_waiter is not None and not task._fut_waiter.done()


def look(first):
    tasks = asyncio.all_tasks()
    if not all(is_waiting(t) for t in tasks) or not telling.others_blocked() or \
            any(n not in {t.get_name() for t in tasks} for n in telling.expected):
        asyncio.get_running_loop().call_later(0.001, look, first)
        return
    tell(tasks, first)
    telling.done()


def group_of(task):
    """The TaskGroup that a task is of."""
    for callback, _ in task._callbacks or ():
        if type(getattr(callback, "__self__", None)).__name__ == "TaskGroup":
            return callback.__self__
    return None


def tell(tasks, first):
    told, nurseries = {}, {}
    for t in tasks:
        asked = telling.asked(t)
        group = group_of(t)
        told[t.get_name()] = {
            "state": "waiting", "calls": telling.calls(t.get_coro()), "main": t is first,
            "nursery": "%x" % id(group) if group else None,
            "parent": group._parent_task.get_name() if group else None,
            "requested": asked, "shielded": asked and False,
            # who passes it on to whom it awaits has not been told, and snag cannot know
            "delivered": None if asked is None or t.get_name() == "passes on" else asked}
        if group:
            nurseries["%x" % id(group)] = {
                "task": group._parent_task.get_name(), "children": len(group._tasks),
                "waiting": True}
    telling.tell("asyncio", told, nurseries)


# ---- all of them ---------------------------------------------------------------------------------

def start_simple(e):
    begin(event(e), waits("event", "task-event"))
    begin(future(), waits("future", "task-event"))
    begin(deeper(e, 20), waits("deep", "task-event"))
    begin(through_generator(e), waits("generator", "task-event"))
    begin(through_anext(e), waits("anext", "task-event"))
    begin(through(Awaitable(e)), waits("object", "task-event"))
    begin(through(AwaitableInPython(e)), waits("object in Python", "task-event"))
    begin(sleeps(), waits("sleep", "sleep", timeout_s=BEYOND))
    begin(conditional(asyncio.Condition()), waits("condition", "task-event"))
    lock = asyncio.Lock()
    begin(owner(lock, e), waits("owner", "task-event"))
    begin(owner(lock, e), waits("lock", "task-lock"))
    begin(owner(asyncio.Semaphore(0), e), waits("semaphore", "semaphore"))
    empty, full = asyncio.Queue(), asyncio.Queue(1)
    full.put_nowait(1)
    begin(through(empty.get()), waits("get", "task-channel"))
    begin(through(full.put(2)), waits("put", "task-channel"))
    begin(through(full.join()), waits("join", "task-event"))


def start_joins(e):
    # a task without a name has a number
    one = begin(event(e), waits("Task-1000", "task-event"))
    begin(through(one), waits("task", "task-join", on=["Task-1000"]))
    begin(gathers(["a", "b", "c"], e), waits("gather", "task-join", on=["a", "b", "c"]))
    begin(waits_for_any(["d", "e"], e), waits("any", "task-join", on=["d", "e"]))
    begin(waits_for_all(["f", "g"], e), waits("all", "task-join", on=["f", "g"]))
    begin(waits_for(one), waits("wait_for", "task-join", on=["Task-1000"], timeout_s=BEYOND))
    begin(shields(one), waits("shield", "task-join", on=["Task-1000"]))
    if sys.version_info >= (3, 11):
        begin(groups(["h", "i"], e), waits("group", "nursery", on=["h", "i"]))


def start_files():
    one, two = os.pipe(), os.pipe()
    begin(in_executor(one[0]), waits("executor", "thread-join", reads=one[0]))
    begin(in_thread(two[0]), waits("thread", "thread-join", reads=two[0]))
    pairs = [socket.socketpair() for _ in range(4)]
    for pair in pairs:
        kept.append(pair)
        pair[0].setblocking(False)
    begin(receives(pairs[0][0]), waits("recv", "unix-recv", fd=pairs[0][0].fileno()))
    begin(sends(pairs[1][0]), waits("sendall", "unix-send", fd=pairs[1][0].fileno()))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    kept.append(listener)
    begin(accepts(listener), waits("accept", "accept", fd=listener.fileno()))
    return pairs


async def start_streams(pairs):
    reader, writer = await asyncio.open_unix_connection(sock=pairs[2][0])
    begin(reads(reader), waits("stream", "unix-recv", fd=pairs[2][0].fileno()))
    kept.append(writer)
    reader, writer = await asyncio.open_unix_connection(sock=pairs[3][0])
    begin(drains(writer), waits("drain", "unix-send", fd=pairs[3][0].fileno()))
    kept.append(reader)


async def start_cancelled(e):
    deaf = begin(goes_on(e), waits("goes on", "task-event"))
    between = begin(passes_on(deaf), waits("passes on", "task-join", on=["goes on"]))
    for _ in range(3):
        await asyncio.sleep(0)
    between.cancel()


async def main(count):
    e = asyncio.Event()
    first = asyncio.current_task()
    for i in range(count):
        begin(deeper(e, 3), waits("task %d" % i, "task-event"))
    if not count:
        start_simple(e)
        start_joins(e)
        await start_streams(start_files())
        await start_cancelled(e)
        ends = os.pipe()
        kept.append(ends)
        process = await asyncio.create_subprocess_exec("cat", stdin=ends[0])
        begin(through(process.wait()), waits("process", "child-exit", pid=process.pid))
    asyncio.get_running_loop().call_soon(look, first)
    waits(first.get_name(), "task-event")
    await e.wait()


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
