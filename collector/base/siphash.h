/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash.h - SipHash-c-d, Aumasson and Bernstein 2012: a short keyed hash.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The hash of `n` bytes: `each` rounds (c of the paper) for every eight bytes, `last` rounds (d) at
 * the end. The sixteen bytes of the paper's key are two words of siphash_word().
 */
uint64_t siphash(const uint64_t key[2], const void *bytes, size_t n, int each, int last);

/* `n` bytes, 8 at most, as a little-endian number. */
uint64_t siphash_word(const void *bytes, size_t n);
