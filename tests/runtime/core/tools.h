/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tools.h - which sanitizer this is compiled for (GROVE_ASAN, GROVE_TSAN), and what valgrind needs.
 */
#pragma once

#include <stdint.h>

#if defined(__has_include) && __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GROVE_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define GROVE_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GROVE_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define GROVE_TSAN 1
#endif

/* A limit for what is stuck, not for what is slow: under valgrind all takes fifty times as long. */
static inline int64_t grove_patience(int64_t limit_ns)
{
#ifdef RUNNING_ON_VALGRIND
	return RUNNING_ON_VALGRIND ? 10 * limit_ns : limit_ns;
#else
	return limit_ns;
#endif
}
