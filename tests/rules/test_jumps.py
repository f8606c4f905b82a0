import struct
import unittest

from jumps import falls_back

MOV, ADD, JLT, JA, CALL, EXIT, LD_IMM64 = 0xb7, 0x07, 0xa5, 0x05, 0x85, 0x95, 0x18


def code(*insns):
    """Instructions of (opcode, offset); the others are one word."""
    words = []
    for i in insns:
        op, offset = i if isinstance(i, tuple) else (i, 0)
        words.append(struct.pack("<BBhi", op, 0, offset, 0))
        if op == LD_IMM64:
            words.append(bytes(8))
    return b"".join(words)


class Jumps(unittest.TestCase):
    def test_a_loop_that_jumps_back(self):
        self.assertEqual(falls_back(code(MOV, CALL, ADD, (JLT, -3), EXIT)), [])
        self.assertEqual(falls_back(code(MOV, (JLT, 2), ADD, (JA, -3), EXIT)), [])

    def test_a_loop_that_falls_into_its_head(self):
        # 0 goes to the head, 3; 4 jumps back to the step before it
        self.assertEqual(falls_back(code((JA, 2), ADD, ADD, CALL, (JLT, -4), EXIT)), [(2, 3)])

    def test_an_address_has_two_words(self):
        self.assertEqual(falls_back(code((JA, 2), LD_IMM64, CALL, (JLT, -4), EXIT)), [(1, 3)])

    def test_ways_that_meet_again(self):
        self.assertEqual(falls_back(code((JLT, 1), ADD, MOV, EXIT)), [])
