/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscalls.h - the names of x86-64 system calls.
 */
#pragma once

#include <stdint.h>

/* The name of a system call, or NULL for a number that is not in the table. Static. */
const char *syscall_name(int32_t nr);
