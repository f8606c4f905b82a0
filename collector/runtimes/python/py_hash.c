/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_hash.h"

#include "base/siphash.h"

uint64_t py_hash(uint32_t minor, const uint64_t key[2], const char *s, size_t n)
{
	uint64_t hash = minor >= 11 ? siphash(key, s, n, 1, 3) : siphash(key, s, n, 2, 4);

	/* -1 is an error there */
	return hash == UINT64_MAX ? UINT64_MAX - 1 : hash;
}
