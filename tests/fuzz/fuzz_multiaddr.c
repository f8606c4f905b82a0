/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_multiaddr.c - addresses of actors: as text, and as the kernel tells them.
 *
 * Input: a text; the same bytes as a struct sockaddr.
 */
#include "runtime/wire/multiaddr.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An address that was taken is printed as a text that gives the same address. */
static void check(const struct grove_multiaddr *a)
{
	char text[GROVE_MULTIADDR_TEXT];
	struct grove_multiaddr again;

	if (grove_multiaddr_parse(&again, grove_multiaddr_print(a, text), NULL) < 0 ||
	    !grove_multiaddr_equal(a, &again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_free_ char *text = grove_alloc(size + 1, 1);
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	struct grove_multiaddr a;

	if (size)
		memcpy(text, data, size);
	if (grove_multiaddr_parse(&a, text, &err) == 0)
		check(&a);
	else if (!err.text[0] || strchr(err.text, '\n'))
		abort();
	if (size > sizeof(sa))
		return 0;
	if (size)
		memcpy(&sa, data, size);
	if (grove_multiaddr_from(&a, (struct sockaddr *)&sa, (socklen_t)size, &err) == 0)
		check(&a);
	return 0;
}
