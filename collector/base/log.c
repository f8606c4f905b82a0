/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static int current_level;

void log_set_level(int level)
{
	current_level = level;
}

int log_level(void)
{
	return current_level;
}

__attribute__((format(printf, 1, 0))) static void tell(const char *fmt, va_list ap)
{
	fputs("snag: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (current_level < 1)
		return;
	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (current_level < 2)
		return;
	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
}

void log_step(uint64_t *clock_ns, const char *what)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (*clock_ns)
		log_debug("%s: %.1f ms", what, (double)(ns - *clock_ns) / 1e6);
	*clock_ns = ns;
}
