/* build: musl-gcc -O2 -static */
/* SPDX-License-Identifier: BSD-2-Clause */
/* With musl, for scenario/stacks/01_waits.c. */
#include "waits/waits.h"

int main(void)
{
	return waits_main();
}
