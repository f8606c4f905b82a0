"""awaitables.py - what is awaited by the wait of an event: one that __await__() gives, or one in a
generator of its own. For the programs of tests/scenario/tasks."""


class Awaitable:
    def __init__(self, e):
        self.e = e

    def __await__(self):
        return self.e.wait().__await__()


class AwaitableInPython:
    def __init__(self, e):
        self.e = e

    def __await__(self):
        return (yield from self.e.wait().__await__())
