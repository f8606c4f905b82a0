/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * common_python.h - the Python interpreters of this machine.
 */
#pragma once

#include <stdint.h>

/*
 * The path of the i-th one that runs, 3.9 or later, and its `minor` version: Debian's, those of
 * pyenv, those in $SNAG_PYTHONS with : between. NULL: there is no such one.
 */
const char *interpreter_find(uint32_t i, uint32_t *minor);

/* As interpreter_find(), where only the first one of each version counts. */
const char *interpreter_version(uint32_t i, uint32_t *minor);
