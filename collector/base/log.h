/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - tells steps to whoever asked with -v; never the error path.
 */
#pragma once

#include <stdint.h>

/* How much is told: 0 nothing (the start value), 1 steps, 2 details. */
void log_set_level(int level);

/* The level set last. */
int log_level(void);

/* One line on stderr when the level is at least 1 (log_info) or 2 (log_debug). */
__attribute__((format(printf, 1, 2))) void log_info(const char *fmt, ...);

/* See log_info(). */
__attribute__((format(printf, 1, 2))) void log_debug(const char *fmt, ...);

/*
 * One line with the milliseconds since *clock_ns when the level is 2; *clock_ns becomes now (0:
 * only that).
 */
void log_step(uint64_t *clock_ns, const char *what);
