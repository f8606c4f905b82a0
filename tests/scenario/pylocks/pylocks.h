/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pylocks.h - Python programs whose threads wait for locks, and that say themselves for which.
 */
#pragma once

#include "lib/scenario_python.h"

/* A program and what it shows. */
struct pylocks_row {
	const char *name, *what;
	const char *program; /* after the prelude of pylocks.c, whose functions state the truth */
};

/* Register a scenario "pylocks/NAME@3.N" for each row and interpreter; the last row has no name. */
void pylocks_register(const struct pylocks_row *rows);
