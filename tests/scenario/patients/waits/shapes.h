/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shapes.h - waits below stacks of unusual shape: signal handlers, wrong calls, deep and wide ones.
 */
#pragma once

enum { SHAPES = 13 };

/* A thread each; they never come back. */
extern void (*const shapes[SHAPES])(void);

/* Wait until every one of them is where it shall be. */
void shapes_arrive(void);
