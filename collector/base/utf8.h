/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * utf8.h - one character of foreign text at a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The code point that starts at `s`, of which `n` bytes may be read (n > 0), and how many bytes it
 * takes. Bytes that are no UTF-8 (also overlong forms and surrogates) give UTF8_BAD and one byte.
 */
uint32_t utf8_next(const char *s, size_t n, size_t *used);

enum { UTF8_BAD = 0xffffffffu >> 1 };
