/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clean.h - foreign text that may go to a terminal.
 *
 * Names of processes, their arguments and paths are chosen by whoever runs them; an escape sequence
 * among them could rewrite what the reader sees.
 */
#pragma once

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Append `s`: control characters, those that reorder or hide text, and bytes that are no UTF-8
 * become \xNN or \uNNNN; with `utf8` false everything outside ASCII does.
 */
void clean_add(struct strbuf *out, const char *s, bool utf8);

/* Whether the locale set by setlocale() is a UTF-8 one. */
bool clean_locale_is_utf8(void);

/* How many columns cleaned text takes. */
int clean_width(const char *s, size_t n);
