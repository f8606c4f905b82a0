/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscalls.h - names of the x86-64 system calls.
 */
#pragma once

#include <stdint.h>

enum { SYSCALL_RESTART = 219 };

/* "read"; NULL for a number that is not known. */
const char *syscall_name(int32_t nr);
