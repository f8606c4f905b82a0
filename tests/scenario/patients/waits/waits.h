/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits.h - a program with a thread in every kind of wait that a C program has, for the tests of
 * stacks. It is built by several compilers with several options; each build is a file above.
 */
#pragma once

/*
 * Start a thread for each wait; when all of them wait, the first thread is called "waiting" and
 * waits as well. Comes back, with 1, only when something could not be made.
 */
int waits_main(void);
