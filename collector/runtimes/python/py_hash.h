/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_hash.h - the hash of a str, so that a key of a dict is found without reading all others.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * hash() of the ASCII text, as Python/pyhash.c has it: SipHash-1-3 from 3.11 on, 2-4 before. `key`
 * is the beginning of _Py_HashSecret.
 */
uint64_t py_hash(uint32_t minor, const uint64_t key[2], const char *s, size_t n);
