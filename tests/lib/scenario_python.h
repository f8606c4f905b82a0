/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_python.h - Python programs as patients, and what they know of their own stacks.
 */
#pragma once

#include "lib/scenario.h"

#include <jansson.h>

struct strbuf;

/*
 * The i-th interpreter of this machine, 3.9 or later: Debian's, those of pyenv, those in
 * $SNAG_PYTHONS with : between. NULL: there is no such one.
 */
const char *python_path(unsigned i);

/* A row of a table and the interpreter that it is for. */
struct python_case {
	const void *row;
	const char *path;
	uint32_t minor;	 /* of that one's version */
	unsigned number; /* 1: the first of that version, 2: the second */
};

/*
 * In a maker: register `like`, whose name is that of the row, under the name "NAME@3.N", or
 * "NAME@3.N-2" for the second interpreter of that version. Its scenario_arg() is `of`.
 */
void python_scenario(struct scenario like, struct python_case of);

/* Run `program`, which is written into the folder of the scenario, with it; returns its pid. */
pid_t python_spawn(const char *path, const char *program);

/* As python_spawn() with the program's output in a file, see python_said(). */
pid_t python_spawn_telling(const char *path, const char *program);

/* As python_spawn_telling() with a command. */
pid_t python_spawn_saying(char *const argv[]);

/* Wait until such a program has printed the line "done". */
void python_said(pid_t pid);

/*
 * The stacks of that process are those that it has printed (lib/python_calls.h), frame by frame,
 * and its threads are called so. The evaluation loops on the native stacks are as many as the calls
 * that native code made.
 */
void truth_python(pid_t pid);

/* For the runner: hold `answers`, one a reader or NULL, against what was said in `dir`. */
bool python_compare(json_t *const *answers, const char *dir, struct strbuf *why);
