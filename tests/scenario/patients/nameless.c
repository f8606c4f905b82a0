/* build: gcc -s */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stripped, for scenario/view/02_nameless.c: writes where its functions begin, as addresses of the
 * file, into the file that it is given, and waits in them.
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Where the file begins in memory; the linker knows. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

__attribute__((noinline)) static void inner(void)
{
	pause();
	__asm__ volatile("");
}

__attribute__((noinline)) static void outer(void)
{
	inner();
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	FILE *f = argc > 1 ? fopen(argv[1], "w") : NULL;
	uintptr_t base = (uintptr_t)__ehdr_start;

	if (!f || fprintf(f, "%zx %zx\n", (uintptr_t)outer - base, (uintptr_t)inner - base) < 0 ||
	    fclose(f) != 0)
		return 1;
	outer();
	return 0;
}
