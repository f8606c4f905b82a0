/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_show.h - what an object is, in a few words: nothing of the program is asked for that.
 *
 * Numbers, text, None and the like are told as one would write them, cut; of containers the first
 * items and how many there are; of anything else its class and where it is. Items that are
 * containers themselves are told by their length: no loop follows what a program has nested.
 */
#pragma once

#include "base/strbuf.h"
#include "runtimes/python/py.h"

enum {
	PY_SHOW_CHARS = 60, /* bytes of a str or bytes that are shown */
	PY_SHOW_ITEMS = 6,  /* of a container */
};

/* "'abc'", "[1, 2, <Foo 0x7f..>, 9 in all]"; "?" of what makes no sense. */
void py_show(struct py *py, uint64_t obj, struct strbuf *out);

/* How many bytes of a valid UTF-8 text are whole characters and no more than `max`. */
size_t py_show_fit(const char *text, size_t max);
