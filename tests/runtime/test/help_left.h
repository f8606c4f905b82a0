/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_left.h - what a test has left behind: processes, threads, descriptors, ports, files.
 *
 *	TestSuite(wire_msg, .init = help_begin, .fini = help_end);
 *
 * Every suite says so (test_left.c looks), so every test is looked at when it is over; those that
 * run something several times look after each run as well:
 *
 *	const char *left = help_left(HELP_ALL, HELP_LONG);
 */
#pragma once

#include "runtime/core/base.h"
#include "runtime/core/tools.h"

/* How long it takes to sort itself out, on a slow machine under valgrind. */
#define HELP_LONG grove_patience(30 * GROVE_SECOND)

enum {
	HELP_PROCESSES = 1, /* children and, since orphans come to us, all below them */
	HELP_THREADS = 2,
	HELP_FDS = 4,	 /* open ones that were not, and closed ones that were open */
	HELP_PORTS = 8,	 /* sockets of actors that somebody still listens on, of any family */
	HELP_FILES = 16, /* in help_folder() */
	HELP_ALL = 31,
	/* a process is killed: those below it are for us to reap, once they have ended */
	HELP_ORPHANS = 32,
};

/* Before a test: take orphans, note what there is, make the folders. */
void help_begin(void);

/* After it: fail it when anything is left, end the children that are, remove the folders. */
void help_end(void);

/* Not so patient after this test: what there is to see is there. */
void help_end_soon(void);

/* A folder of this test, "/tmp/" and a few characters. $XDG_RUNTIME_DIR is the same. */
const char *help_folder(void);

/* Where the actors of this test log what they do: $GROVE_TRUTH. Emptied by each look at ports. */
const char *help_truth(void);

/*
 * Wait until nothing of this kind is left that was not there before the test: NULL. What is left
 * after `wait_ns` is the text, which the next call changes.
 */
const char *help_left(unsigned what, int64_t wait_ns);

/* The kernel's name of a process, "" when it is gone. */
void help_comm(pid_t pid, char name[static 32]);
