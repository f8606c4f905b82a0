"""all_trio.py - a run of trio in which tasks wait for everything that there is to wait for.

An instrument looks at it when the loop is about to block: then no task runs.
"""
import os
import socket
import subprocess
import sys

import trio

import telling
from awaitables import Awaitable, AwaitableInPython
from telling import waits

BEYOND = 50000.0
kept = []  # what nobody else refers to, and must stay open


# ---- what they do --------------------------------------------------------------------------------

async def event(e):
    await e.wait()


async def deeper(e, depth):
    if depth:
        await deeper(e, depth - 1)
    await e.wait()


async def ticks(e):
    async with trio.open_nursery():
        await e.wait()
        yield 1


async def through_generator(e):
    async for _ in ticks(e):
        pass


async def through_object(thing):
    await thing


async def owner(lock, e, start, other):
    async with lock:
        start(acquires, lock, name=other)
        await e.wait()


async def acquires(lock):
    async with lock:
        pass


async def conditional(condition):
    async with condition:
        await condition.wait()


async def sends(channel):
    await channel.send(2)


async def receives(channel):
    await channel.receive()


async def readable(fd):
    await trio.lowlevel.wait_readable(fd)


async def receives_bytes(stream):
    await stream.receive_some(1)


async def writes_bytes(stream):
    await stream.send_all(bytes(1 << 20))


async def socket_receives(sock):
    await sock.recv(1)


async def accepts(listener):
    await listener.accept()


async def sleeps():
    await trio.sleep(BEYOND)


async def for_ever():
    await trio.sleep_forever()


async def with_deadline(e):
    with trio.move_on_after(BEYOND):
        with trio.CancelScope(shield=True):
            await e.wait()


async def in_thread(fd):
    await trio.to_thread.run_sync(os.read, fd, 1)


async def waits_for_process(process):
    await process.wait()


async def opens_nursery(e):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(event, e, name=waits("grandchild", "task-event"))
        async with trio.open_nursery() as inner:
            inner.start_soon(event, e, name=waits("inner grandchild", "task-event"))


async def starting(e, task_status=trio.TASK_STATUS_IGNORED):
    await e.wait()


async def starts(e):
    async with trio.open_nursery() as nursery:
        await nursery.start(starting, e, name=waits("starting", "task-event"))


async def shielded(e):
    with trio.CancelScope(shield=True):
        await e.wait()


async def cancelled_from_inside(e):
    """Asks itself to end, behind its own shield."""
    with trio.CancelScope() as outer:
        with trio.CancelScope(shield=True):
            outer.cancel()
            await e.wait()


async def signals():
    import signal
    with trio.open_signal_receiver(signal.SIGUSR1) as received:
        async for _ in received:
            pass


# ---- the truth -----------------------------------------------------------------------------------

class Teller(trio.abc.Instrument):
    def __init__(self, count):
        self.count, self.told = count, False

    def before_io_wait(self, timeout):
        tasks = all_tasks()
        if self.told or len(tasks) < self.count or any(t._next_send_fn for t in tasks):
            return
        if not telling.others_blocked():
            # so that it comes here again
            trio.lowlevel.current_trio_token().run_sync_soon(int)
            return
        self.told = True
        tell(tasks)
        telling.done()


def all_tasks():
    found, left = [], [trio.lowlevel.current_root_task()]
    while left:
        task = left.pop()
        found.append(task)
        for nursery in task.child_nurseries:
            left.extend(nursery.child_tasks)
    return found


def key(thing):
    return "%x" % id(thing)


def scope_of(status, scopes):
    """The key of a cancel status; it and those around it are added to `scopes`."""
    first = key(status) if status else None
    while status and key(status) not in scopes:
        scope, reason = status._scope, getattr(status._scope, "_cancel_reason", None)
        deadline = scope.deadline - trio.current_time()
        scopes[key(status)] = {
            "parent": key(status._parent) if status._parent else None, "shield": scope.shield,
            "cancelled": scope.cancel_called,
            "deadline_s": deadline if deadline < 1e15 else None,
            "by": reason and (reason.source_task or reason.source),
            "reason": reason and reason.reason}
        status = status._parent
    return first


def tell(tasks):
    told, nurseries, scopes = {}, {}, {}
    name = {t: t.name for t in tasks}
    for t in tasks:
        status = t._cancel_status
        effective = bool(status and status.effectively_cancelled)
        around, asked = status, False
        while around:
            asked = asked or around._scope.cancel_called
            around = around._parent
        told[name[t]] = {
            "state": "waiting", "calls": telling.calls(t.coro),
            "nursery": key(t.parent_nursery) if t.parent_nursery else None,
            "parent": name[t.parent_nursery.parent_task] if t.parent_nursery else None,
            "scope": scope_of(status, scopes), "main": t.name == "first",
            "requested": effective, "shielded": asked and not effective,
            "delivered": False if effective else None}
        for n in t.child_nurseries:
            nurseries[key(n)] = {
                "task": name[t], "children": len(n.child_tasks),
                "waiting": n._parent_waiting_in_aexit,
                "scope": scope_of(n._cancel_status, scopes)}
    telling.tell("trio", told, nurseries, scopes)


# ---- all of them ---------------------------------------------------------------------------------

def sockets():
    """A pair for streams that nobody reads."""
    pair = [trio.socket.from_stdlib_socket(s) for s in socket.socketpair()]
    kept.extend(pair)
    return pair


def start_simple(start, e):
    start(event, e, name=waits("event", "task-event"))
    start(deeper, e, 20, name=waits("deep", "task-event"))
    start(through_generator, e, name=waits("generator", "task-event"))
    start(through_object, Awaitable(e), name=waits("object", "task-event"))
    start(through_object, AwaitableInPython(e), name=waits("object in Python", "task-event"))
    start(for_ever, name=waits("forever", "sleep"))
    start(sleeps, name=waits("sleep", "sleep", timeout_s=BEYOND))
    start(with_deadline, e, name=waits("deadline", "task-event"))
    start(shielded, e, name=waits("shielded", "task-event"))
    start(cancelled_from_inside, e, name=waits("cancelled", "task-event"))
    start(signals, name=waits("signals", "signal|task-event"))
    start(opens_nursery, e, name=waits("nursery", "nursery", on=["inner grandchild"]))
    start(starts, e, name=waits("starts", "nursery", on=["starting"]))


def start_locks(start, e):
    other = waits("lock", "task-lock", on=["owner"])
    start(owner, trio.Lock(), e, start, other, name=waits("owner", "task-event"))
    other = waits("strict lock", "task-lock", on=["strict owner"])
    start(owner, trio.StrictFIFOLock(), e, start, other, name=waits("strict owner", "task-event"))
    start(acquires, trio.Semaphore(0), name=waits("semaphore", "semaphore"))
    limiter = trio.CapacityLimiter(1)
    limiter.acquire_on_behalf_of_nowait("somebody")
    start(acquires, limiter, name=waits("limiter", "semaphore"))
    start(conditional, trio.Condition(), name=waits("condition", "task-event"))
    send, receive = trio.open_memory_channel(1)
    send.send_nowait(1)
    start(sends, send, name=waits("send", "task-channel"))
    other, empty = trio.open_memory_channel(0)
    start(receives, empty, name=waits("receive", "task-channel"))
    kept.extend([send, receive, other, empty])


def start_files(start):
    r = os.pipe()[0]
    start(readable, r, name=waits("readable", "pipe-read", fd=r))
    stream = sockets()[0]
    start(receives_bytes, trio.SocketStream(stream),
          name=waits("stream", "unix-recv", fd=stream.fileno()))
    full = sockets()[0]
    start(writes_bytes, trio.SocketStream(full),
          name=waits("full stream", "unix-send", fd=full.fileno()))
    one = sockets()[0]
    start(socket_receives, one, name=waits("socket", "unix-recv",
                                           fd=one.fileno()))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    start(accepts, trio.SocketListener(trio.socket.from_stdlib_socket(listener)),
          name=waits("listener", "accept", fd=listener.fileno()))
    end = os.pipe()[0]
    start(in_thread, end, name=waits("thread", "thread-join", reads=end))


async def main(count):
    e = trio.Event()
    trio.lowlevel.current_task().name = "first"
    async with trio.open_nursery() as nursery:
        start = nursery.start_soon
        if count:
            for i in range(count):
                start(deeper, e, 3, name=waits("task %d" % i, "task-event"))
            trio.lowlevel.add_instrument(Teller(count + 1))
            waits("first", "nursery")
            return
        start_simple(start, e)
        start_locks(start, e)
        start_files(start)
        process = await trio.lowlevel.open_process(["cat"], stdin=subprocess.PIPE)
        start(waits_for_process, process,
              name=waits("process", "child-exit", pid=process.pid))
        waits("first", "nursery", on=[t for t in expected_children()])
        trio.lowlevel.add_instrument(Teller(len(telling.expected)))


def expected_children():
    return [n for n in telling.expected if n not in ("grandchild", "inner grandchild", "starting")]


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 0)
