/* build: gcc -O2 */
/* SPDX-License-Identifier: BSD-2-Clause */
/* By gcc, for scenario/stacks/01_waits.c. */
#include "waits/waits.h"

int main(void)
{
	return waits_main();
}
