"""channel.py - an interpreter sends into a channel and waits until the one inside has received it,
which waits in the same way for the first."""
import os
import threading

import _interpchannels as channels
import _interpreters as interpreters

import resting

FUTEX = "202"
SCRIPT = """
import os, threading
import _interpchannels as channels
os.write(%d, b"%%d " %% threading.get_native_id())
channels.send(%d, b"answer")
"""
r, w = os.pipe()
request, answer = channels.create(1), channels.create(1)
inner = interpreters.create()
threading.Thread(target=interpreters.run_string, name="host",
                 args=(inner, SCRIPT % (w, int(answer)))).start()
tid = int(os.read(r, 64))
print(tid)
resting.when(lambda: resting.call_of(os.getpid()) == resting.call_of(os.getpid(), tid) == FUTEX,
             resting.done)
channels.send(request, b"request")
