/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redact.h - take arguments and paths out of a model before it travels.
 */
#pragma once

#include "model/model.h"

enum { REDACT_KEY_SIZE = 16 };

/*
 * Replace arguments, executables, cgroups, labels of objects, and every path or argument that a
 * text repeats, by "#" and twelve hexadecimal digits: a keyed hash (SipHash-2-4), equal where the
 * original was equal. With a random key that nobody keeps the originals cannot be found by trying.
 * Names of processes and threads, addresses, numbers and words of snag itself stay. The old strings
 * are gone from the model afterwards.
 */
void model_redact(struct model *m, const uint8_t key[REDACT_KEY_SIZE]);
