/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll.h - what an item of an epoll set is; for the files of waits/set/ only.
 */
#pragma once

#include "waits/wait.h"

/*
 * The open file that item `item` (into snapshot.epitems) of `set` watches: of that process if it
 * can be, else of any; NULL: nobody who can be seen has it open. *stale: the number that it was
 * added under is closed there, or names another file. Borrowed until the next pass of the reader.
 */
const struct snap_file *epoll_target(struct wait_ctx *c, const struct snap_file *set, uint32_t item,
				     bool *stale);

/* A one-shot item that has fired: it never wakes anybody until it is armed anew. */
bool epoll_is_spent(const struct snap_epitem *e);
