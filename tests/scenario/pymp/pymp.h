/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pymp.h - Python programs of several processes as patients, with every interpreter of this
 * machine.
 */
#pragma once

#include "lib/scenario_python.h"

/* One program and what is true of it. */
struct pymp_row {
	const char *name, *what;
	const char *program;	     /* after pymp_prelude; it says "ready" when it is to hang */
	void (*truth)(pid_t python); /* states it; the root is stated, and blocked */
	const char *needs;	     /* besides python, or NULL */
	bool moving;		     /* see struct scenario */
	bool awake;		     /* the first thread does not stand still */
	bool first;		     /* with the first interpreter only */
};

/* Register a scenario "pymp/NAME@3.N" for each row and interpreter; the last row has no name. */
void pymp_register(const struct pymp_row *rows);

/* Wait until a process of the patient has told a number (tell() of the prelude): that number. */
pid_t pymp_told(const char *name);

/* Folder of the patient, with such a file in it. */
const char *pymp_write(const char *name, const char *content);

/* Both state that the answer is no hang, and that nobody is told to be stuck beside it. */
void pymp_healthy(pid_t python);
