/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futexes.h - the interpretations of a futex word, one line each, the strictest first: the first
 * one that recognises the wait has it. X(name) is `const struct futex_kind futex_name`.
 */
#pragma once

/* clang-format off */
#define SNAG_FUTEXES(X) \
	X(pi_mutex) \
	X(join) \
	X(gil) \
	X(robust_mutex) \
	X(mutex) \
	X(stdio) \
	X(rwlock) \
	X(condvar) \
	X(musl_sync) \
	X(semaphore) \
	X(barrier) \
	X(once)
/* clang-format on */
