"""resting.py - wait for what /proc says of a thread: a program of tests/scenario/tasks stands still
when it says "done"."""
import os
import threading
import time


def call_of(pid, tid=None):
    """Number of the system call in which a thread is."""
    try:
        with open("/proc/%d/task/%d/syscall" % (pid, tid or pid)) as f:
            return f.read().split()[0]
    except OSError:
        return ""


def until(condition):
    while not condition():
        time.sleep(0.001)


def when(condition, then):
    """Call `then` in a thread once the condition holds; the thread ends with it."""
    def watch():
        until(condition)
        then()
    threading.Thread(target=watch).start()


def done():
    print("done", flush=True)
