/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/siphash.h"

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void rounds(uint64_t v[4], int count)
{
	for (int i = 0; i < count; i++) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

uint64_t siphash_word(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t n, int each, int last)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
			  key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
	const unsigned char *p = bytes;

	for (size_t left = n;; left -= 8, p += 8) {
		uint64_t word = siphash_word(p, left < 8 ? left : 8);

		if (left < 8)
			word |= (uint64_t)n << 56;
		v[3] ^= word;
		rounds(v, each);
		v[0] ^= word;
		if (left < 8)
			break;
	}
	v[2] ^= 0xff;
	rounds(v, last);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
