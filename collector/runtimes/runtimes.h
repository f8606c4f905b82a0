/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtimes.h - all runtimes, in the order in which they are asked. One line each.
 */
#pragma once

/* clang-format off */
#define RUNTIMES(X)                                                                                \
	X(descriptor) /* any that has the ELF note of docs/RUNTIME_ABI.md */                      \
	X(cpython)
/* clang-format on */
