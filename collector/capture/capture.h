/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - a model in one SQLite file, readable on any machine for ever (docs/FORMAT.md).
 */
#pragma once

#include "base/error.h"
#include "model/model.h"

/*
 * Write `m` to `path`, mode 0600, in one transaction under a temporary name beside it, renamed when
 * complete: on any failure (-ENOSPC, ..) the old file is untouched and nothing is left behind.
 */
SNAG_MUST_CHECK
int capture_write(const struct model *m, const char *path, struct snag_error *err);

/*
 * Load a capture. -EBADMSG: not a capture, truncated, or its content contradicts itself;
 * -EPROTONOSUPPORT: made by a newer snag with an incompatible schema. Hostile content cannot do
 * more than fail. Yours: model_free().
 */
SNAG_MUST_CHECK
int capture_load(const char *path, struct model **ret, struct snag_error *err);

/*
 * True when the file begins as an SQLite database: a capture rather than a pid or a typing error.
 */
bool capture_is_one(const char *path);
