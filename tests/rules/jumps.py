#!/usr/bin/env python3
"""jumps.py FILE.bpf.o ...: no loop of a BPF program falls through into its own head.

Before Linux 6.8 the verifier takes a way back only where an instruction jumps, in code that will
never run as well (kernel/bpf/verifier.c, check_cfg() and push_insn()): "back-edge from insn ...".
Where the compiler puts the end of a loop is chance, and a kernel of today does not mind.
"""

import struct
import sys

JMP, JMP32, LD_IMM64 = 0x05, 0x06, 0x18
JA, CALL, EXIT = 0x00, 0x80, 0x90
EXECINSTR, STT_FUNC = 4, 2


def ways(code, i):
    """Where instruction `i` goes on: (instruction, does it get there by a jump)."""
    op, _, offset = struct.unpack_from("<BBh", code, i * 8)
    if op == LD_IMM64:
        return [(i + 2, False)]
    if op & 7 not in (JMP, JMP32) or op & 0xf0 == CALL:
        return [(i + 1, False)]
    if op & 0xf0 == EXIT:
        return []
    if op & 0xf0 == JA:
        return [(i + 1 + offset, True)]
    return [(i + 1, True), (i + 1 + offset, True)]


def falls_back(code):
    """Pairs of instructions (end of a loop, its head) of one function that fall through."""
    found, done, path = [], set(), {0}
    todo = [(0, iter(ways(code, 0)))]
    while todo:
        at, left = todo[-1]
        to, jumps = next(left, (None, True))
        if to is None:
            todo.pop()
            path.discard(at)
            done.add(at)
        elif to in path:
            if not jumps:
                found.append((at, to))
        elif to not in done and to * 8 < len(code):
            path.add(to)
            todo.append((to, iter(ways(code, to))))
    return found


def sections(elf):
    """(type, flags, offset, size, link) of each section, include/uapi/linux/elf.h."""
    start, = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    for i in range(count):
        _, kind, flags, _, offset, length, link = struct.unpack_from("<IIQQQQI", elf,
                                                                     start + i * size)
        yield kind, flags, offset, length, link


def functions(elf):
    """(name, code) of each function of an object file."""
    table = list(sections(elf))
    for kind, _, offset, length, link in table:
        if kind != 2:  # SHT_SYMTAB
            continue
        names = table[link][2]
        for at in range(offset, offset + length, 24):
            name, info, _, where, value, size = struct.unpack_from("<IBBHQQ", elf, at)
            if info & 15 != STT_FUNC or not table[where][1] & EXECINSTR:
                continue
            end = elf.index(b"\0", names + name)
            start = table[where][2] + value
            yield elf[names + name:end].decode(), elf[start:start + size]


def main():
    bad = 0
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            elf = file.read()
        for name, code in functions(elf):
            for at, head in falls_back(code):
                print(f"{path}: {name}: a loop falls through from instruction {at} to {head}, "
                      "which kernels before 6.8 refuse")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
