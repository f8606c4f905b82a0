/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_python.h - live interpreters for tests: a program that prints its own truth and then waits.
 *
 *	PYTHONS(py, "import os; print(id(os), flush=True); input()")
 *		cr_assert(has(py, python_number(py)));
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct model;

struct python {
	const char *path;
	int32_t tgid;
	uint32_t minor;
	struct python_pipes *pipes;
};

/*
 * The i-th interpreter of this machine that runs: Debian's, those of pyenv and those in
 * $SNAG_PYTHONS (paths with : between), 3.9 and later. False: there is no such one.
 */
bool python_at(uint32_t i, struct python *py);

/*
 * Run `script` with it. When python_number() or python_line() was as often called as the script
 * has printed a line, the script shall block, best by input().
 */
void python_start(struct python *py, const char *script);

/* The next line that the script prints, without newline, or NULL: it has ended. Until the next. */
const char *python_line(struct python *py);

/* The next line as a number. */
uint64_t python_number(struct python *py);

/* Wait until its first thread is blocked in system call `nr`. */
void python_wait(const struct python *py, int nr);

/* What snag makes of it as it stands, `locals`: with the variables of its calls. Yours. */
struct model *python_look(const struct python *py, bool locals);

/* Kill it with its children, and reap it. */
void python_end(struct python *py);

/* Skip the test when there is no interpreter at all, unless SNAG_REQUIRE says python. */
void python_need(void);
