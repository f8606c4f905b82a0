"""inner_asyncio.py - a loop of asyncio in a sub-interpreter, and another one beside it."""
import asyncio
import os
import sys
import threading

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

import telling
from telling import waits

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = """
import os, sys
sys.argv = ["all_asyncio.py", "7"]
sys.dont_write_bytecode = True
sys.path.insert(0, %r)
import telling
if %d >= 0:
    telling.done = lambda: os.write(%d, b"1")
import all_asyncio
"""


def look(first):
    """When the other one stands in its loop, it has told all."""
    if not telling.others_blocked():
        asyncio.get_running_loop().call_later(0.001, look, first)
        return
    telling.tell("asyncio", {first.get_name(): {
        "state": "waiting", "calls": telling.calls(first.get_coro()), "main": True,
        "nursery": None, "parent": None, "requested": telling.asked(first),
        "shielded": telling.asked(first) and False, "delivered": telling.asked(first)}})
    telling.done()


async def main():
    first = asyncio.current_task()
    waits(first.get_name(), "task-event")
    asyncio.get_running_loop().call_soon(look, first)
    await asyncio.Event().wait()


def inner(told):
    interpreters.run_string(interpreters.create(), SCRIPT % (HERE, told, told))


# before 3.12 asyncio asks a thread, and not an interpreter, whether it is in a loop already
if sys.version_info < (3, 12):
    inner(-1)
ends = os.pipe()
threading.Thread(target=inner, args=[ends[1]], daemon=True).start()
os.read(ends[0], 1)
asyncio.run(main())
