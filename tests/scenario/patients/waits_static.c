/* build: gcc -O2 -static -s */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Static and stripped, for scenario/stacks/01_waits.c. */
#include "waits/waits.h"

int main(void)
{
	return waits_main();
}
