/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_hash.h"

#include <criterion/criterion.h>

/* The test vectors of the reference implementation: key and text are 0, 1, 2, .. */
Test(py_hash, vectors_of_siphash_2_4)
{
	const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	char text[15];

	for (char i = 0; i < 15; i++)
		text[(int)i] = i;
	cr_expect_eq(py_hash(10, key, text, 15), 0xa129ca6149be45e5u);
	cr_expect_eq(py_hash(10, key, text, 0), 0x726fdb47dd0e0e31u);
	cr_expect_eq(py_hash(10, key, text, 8), 0x93f5f5799a932462u);
	cr_expect_neq(py_hash(11, key, text, 15), py_hash(10, key, text, 15));
}
