/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_rows.h - models in which every column of a capture has a value of its own, and their
 * comparison.
 */
#pragma once

#include "model/model.h"

/* A model with `n` rows in every table, every column of which differs from row to row. Yours. */
struct model *rows_model(uint32_t n);

/* Fail unless both have the same value in every column of every row. */
void rows_expect_equal(const struct model *a, const struct model *b);

/*
 * A big tree: `actors` processes with one thread that waits on one pipe, each with `holders`
 * holders. Yours.
 */
struct model *rows_tree(uint32_t actors, uint32_t holders);
