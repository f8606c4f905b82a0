"""telling.py - a program that tells the truth of its own tasks, for tests/lib/scenario_tasks.c.

tell() prints one line of JSON: all tasks of a loop with the calls that they wait in, found through
coroutine objects, and what the program knows of each wait because it made it. The last line that
a program prints is "done"; then nothing of it moves any more.
"""
import gc
import json
import os
import sys
import threading
import types

expected = {}


def waits(name, kind, **facts):
    """Task `name` will wait, in a wait of `kind`: what else is known of it."""
    expected[name] = dict(facts, kind=kind)
    return name


def frame_of(awaitable):
    """Frame of a coroutine or generator, and what it awaits."""
    for prefix, inner in (("cr", "await"), ("gi", "yieldfrom"), ("ag", "await")):
        if hasattr(awaitable, prefix + "_frame"):
            return getattr(awaitable, prefix + "_frame"), getattr(awaitable, prefix + "_" + inner)
    return None, None


def behind(awaitable):
    """The coroutine or generator that a wrapper without attributes stands for."""
    wrappers = ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper",
                "anext_awaitable", "FutureIter")
    if type(awaitable).__name__ not in wrappers:
        return None
    for thing in gc.get_referents(awaitable):
        if isinstance(thing, (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)) \
                or type(thing).__name__ in wrappers:
            return thing
    return None


def calls(coroutine):
    """[function, file, line], innermost first."""
    found = []
    while coroutine is not None:
        frame, inner = frame_of(coroutine)
        if frame is None:
            coroutine = behind(coroutine)
            continue
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        found.insert(0, [name, code.co_filename, frame.f_lineno])
        coroutine = inner
    return found


def reader_of(fd):
    """The thread that stands in read(2) of it."""
    for tid in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/syscall" % tid) as f:
            if f.read().startswith("0 0x%x " % fd):
                return int(tid)
    return None


def asked(task):
    """Was a task of asyncio asked to end? None: it does not count that."""
    return task.cancelling() > 0 if hasattr(task, "cancelling") else None


def tell(runtime, tasks, nurseries=(), scopes=()):
    """`tasks` by name, the others by any key that is theirs alone."""
    for name, task in tasks.items():
        task["wait"] = wait = expected.pop(name, None)
        if wait and "reads" in wait:
            wait["tid"] = reader_of(wait["reads"])
    if expected:
        raise AssertionError("no such tasks: %r" % expected)
    print(json.dumps({
        "runtime": runtime, "pid": os.getpid(), "tid": threading.get_native_id(),
        "interpreter": interpreter(), "tasks": tasks, "nurseries": dict(nurseries),
        "scopes": dict(scopes)}), flush=True)


def interpreter():
    """Its number, 0 for the main one."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            current = __import__(name).get_current()
        except ImportError:
            continue
        return int(current[0] if isinstance(current, tuple) else current)
    return 0


def done():
    print("done", flush=True)


def others_blocked():
    """Does every other thread stand in a system call?"""
    for tid in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/syscall" % tid) as f:
            if int(tid) != threading.get_native_id() and f.read().split()[0] in ("running", "-1"):
                return False
    return True
