/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * specimens.h - one open file of every kind, to learn from: kernel symbols cannot be resolved
 * everywhere, but the file operations of our own eventfd are those of everybody's.
 */
#pragma once

#include <stdint.h>

enum { SPECIMENS_MAX = 16 };

struct specimen {
	int fd;
	uint32_t class;	  /* enum ev_class */
	const char *name; /* for people, static */
};

struct specimens {
	struct specimen at[SPECIMENS_MAX];
	uint32_t count;
	int sock; /* its receive timeout is one second */
};

/* Open one file of each kind; what this host does not have gets fd -1. */
void specimens_open(struct specimens *s);

/* Close them. */
void specimens_close(struct specimens *s);
