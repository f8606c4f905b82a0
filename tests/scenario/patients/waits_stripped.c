/* build: gcc -O2 -s */
/* SPDX-License-Identifier: BSD-2-Clause */
/* Stripped, for scenario/stacks/01_waits.c. */
#include "waits/waits.h"

int main(void)
{
	return waits_main();
}
