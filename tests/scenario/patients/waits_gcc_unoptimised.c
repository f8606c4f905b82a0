/* build: gcc -O0 */
/* SPDX-License-Identifier: BSD-2-Clause */
/* By gcc, every variable on the stack, for scenario/stacks/01_waits.c. */
#include "waits/waits.h"

int main(void)
{
	return waits_main();
}
