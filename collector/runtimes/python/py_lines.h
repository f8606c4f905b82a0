/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_lines.h - the line of an instruction, from the line table of its code object.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The line of the instruction at byte `offset` of the code; negative: it has not begun, which is
 * `first`, the line of its `def`. 0: it has no line, or the table makes no sense.
 */
uint32_t py_line(uint32_t minor, const uint8_t *table, size_t len, uint32_t first, int64_t offset);
