/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.h - which open files of a snapshot are one object; inside model/ only.
 */
#pragma once

struct model_files;

/* Free it. NULL is fine. */
void model_files_free(struct model_files *x);
