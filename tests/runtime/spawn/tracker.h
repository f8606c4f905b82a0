/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracker.h - a process that removes the files of actors that could not do it any more.
 *
 * As multiprocessing/resource_tracker.py: whoever makes a file tells the tracker, whoever removes
 * it does as well. The tracker's descriptor is handed on from process to process, and when the last
 * copy is closed, by whatever death, it unlinks what is left and ends. One for a tree, started by
 * the first that needs it; started anew when it is found dead, and told all again.
 *
 * What is known of this process is shared by its loops; the child of a fork begins without. Files
 * are told apart by device and inode: a name that somebody else has taken over meanwhile is not
 * ours.
 */
#pragma once

#include "runtime/spawn/backend.h"

/* A descriptor of the tracker to hand on, close-on-exec; the caller's own. -errno when there is
 * none and none can be started. */
GROVE_MUST_CHECK
int grove_tracker_need(struct grove_error *err);

/* This process was handed the descriptor of a tracker. Takes it over. */
void grove_tracker_adopt(int fd);

/* backend->on_file: keep the list, and tell the tracker when there is one. */
void grove_tracker_file(const char *path, bool made);

/* The actor of this process has removed its files. When the tracker was started here, wait for its
 * end: all others have ended. In a task, shielded. */
void grove_tracker_shutdown(void);

/* The entry point of that process. */
int grove_tracker_main(const struct grove_program *program, int argc, char **argv);
