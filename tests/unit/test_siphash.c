/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash beside the vectors of its authors (vectors.h of the reference implementation): the key is
 * 00 01 .. 0f, the text 00 01 02 .., as long as the vector's number.
 */
#include "base/siphash.h"

#include <criterion/criterion.h>

static uint64_t hash(size_t n, int each, int last)
{
	unsigned char bytes[64];
	uint64_t key[2];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	key[0] = siphash_word(bytes, 8);
	key[1] = siphash_word(bytes + 8, 8);
	return siphash(key, bytes, n, each, last);
}

Test(siphash, vectors_of_2_4)
{
	/* the one of the paper, appendix A */
	cr_expect_eq(hash(15, 2, 4), 0xa129ca6149be45e5u);
	cr_expect_eq(hash(0, 2, 4), 0x726fdb47dd0e0e31u);
	cr_expect_eq(hash(1, 2, 4), 0x74f839c593dc67fdu);
	cr_expect_eq(hash(7, 2, 4), 0xab0200f58b01d137u);
	cr_expect_eq(hash(8, 2, 4), 0x93f5f5799a932462u);
	cr_expect_eq(hash(63, 2, 4), 0x958a324ceb064572u);
}

/* What hash() of Python 3.11 gives with PYTHONHASHSEED=0, the key of zeros. */
Test(siphash, values_of_1_3)
{
	const uint64_t key[2] = { 0, 0 };

	cr_expect_eq(siphash(key, "abcdefg", 7, 1, 3), 0x6db12aae9070f506u);
	cr_expect_eq(siphash(key, "abcdefghijklmno", 15, 1, 3), 0x1fd27a29b0e9dc7au);
}

Test(siphash, words_are_little_endian)
{
	const unsigned char bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 0x88 };

	cr_expect_eq(siphash_word(bytes, 8), 0x8807060504030201u);
	cr_expect_eq(siphash_word(bytes, 3), 0x030201u);
	cr_expect_eq(siphash_word(bytes, 0), 0);
}
