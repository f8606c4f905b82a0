/* build: gcc -O0 tests/scenario/patients/waits/waits.c tests/scenario/patients/waits/shapes.c */
/* SPDX-License-Identifier: BSD-2-Clause */
/* By gcc, every variable on the stack, for scenario/stacks/01_waits.c. */
#include "waits/waits.h"

int main(void)
{
	return waits_main();
}
