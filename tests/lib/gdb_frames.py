"""Frames of processes as gdb finds them; runs inside gdb, which has set `pids` before.

A line a thread: "thread PID TID outermost|other PC ...", innermost first, physical frames only.
What has been inlined or jumped to has no frame of its own. Where gdb has no unwind information it
goes on by looking at the code, and ends in addresses that are no code: those are cut off, but for
the address of a wrong call below a signal handler.
"""

import os

import gdb

VIRTUAL = (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)
SETTINGS = (
    "set debuginfod enabled off",
    "set auto-load off",
    "set print thread-events off",
    "set backtrace past-main on",
    "set backtrace limit 2000",
)


def code_of(pid):
    """The executable mappings of a process."""
    ranges = []
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            addresses, mode = line.split()[:2]
            if "x" in mode:
                ranges.append([int(end, 16) for end in addresses.split("-")])
    return ranges


def physical(code):
    """The pcs of the selected thread, and whether nobody called the last one."""
    pcs = []
    frame = gdb.newest_frame()
    below = None
    reason = None
    while frame is not None:
        pc = frame.pc()
        certain = below in (None, gdb.SIGTRAMP_FRAME)
        if not certain and not any(start <= pc < end for start, end in code):
            return pcs, False
        if frame.type() not in VIRTUAL:
            pcs.append(pc)
        below = frame.type()
        reason = frame.unwind_stop_reason()
        try:
            frame = frame.older()
        except gdb.error:
            return pcs, False
    return pcs, reason == gdb.FRAME_UNWIND_OUTERMOST


def show(pid):
    """All threads of a process, which is stopped meanwhile."""
    root = f"/proc/{pid}/root"
    gdb.execute("set sysroot " + (root if os.readlink(root) != "/" else "target:"))
    gdb.execute(f"file /proc/{pid}/exe", to_string=True)
    gdb.execute(f"attach {pid}", to_string=True)
    code = code_of(pid)
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        pcs, outermost = physical(code)
        print("thread", pid, thread.ptid[1], "outermost" if outermost else "other",
              *(f"{pc:#x}" for pc in pcs))
    gdb.execute("detach", to_string=True)


for setting in SETTINGS:
    gdb.execute(setting, to_string=True)
for one in pids:  # noqa: F821
    try:
        show(one)
    except gdb.error as error:
        print("error", one, error)
