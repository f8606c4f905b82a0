/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unix_path.h - the unix socket that a call names by an address.
 */
#pragma once

#include "waits/net/net.h"

/* Where a struct sockaddr lies in the memory of a thread. */
struct unix_address {
	uint64_t addr;
	uint64_t len;
};

/*
 * The bound socket that `at` names for thread `t`, or NULL. `name` gets the path or @abstract name
 * as it was given, "" when the address could not be read or is of another family.
 */
const struct snap_sock *unix_find(struct wait_ctx *c, const struct snap_task *t,
				  const struct unix_address *at, struct net_name *name);
