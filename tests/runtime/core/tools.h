/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tools.h - which sanitizer this is compiled for: GROVE_ASAN, GROVE_TSAN.
 */
#pragma once

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
