/* build: gcc -O2 -fno-omit-frame-pointer */
/* SPDX-License-Identifier: BSD-2-Clause */
/* By gcc, with frame pointers, for scenario/stacks/01_waits.c. */
#include "waits/waits.h"

int main(void)
{
	return waits_main();
}
