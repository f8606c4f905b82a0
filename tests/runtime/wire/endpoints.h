/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoints.h - which actor listens where: a TOML file.
 *
 *	[registrar]
 *	bind = ["/unix/run/grove/registrar.sock", "/ip4/127.0.0.1/tcp/1616"]
 *
 *	[actor.worker]
 *	bind = "/ip4/127.0.0.1/tcp/0"
 *
 * A file with anything else in it is refused: a typing error must not leave an actor unreachable.
 */
#pragma once

#include "runtime/wire/addrs.h"

struct grove_endpoints;

/* Read a file. -errno of opening and reading it, -EBADMSG with "file:line: what is wrong". */
GROVE_MUST_CHECK
int grove_endpoints_load(struct grove_endpoints **ret, const char *path, struct grove_error *err);

/* Read `text`; `name` stands for the file in error lines. */
GROVE_MUST_CHECK
int grove_endpoints_parse(struct grove_endpoints **ret, const char *name, const char *text,
			  size_t size, struct grove_error *err);

/* Free it. NULL is fine. */
void grove_endpoints_free(struct grove_endpoints *endpoints);
GROVE_GUARD(grove_endpoints)
#define _grove_endpoints_ _grove_cleanup_(grove_endpoints_free_guard)

/* Where the actor `name` is to listen; NULL when the table has nothing about it. Borrowed. */
const struct grove_addrs *grove_endpoints_find(const struct grove_endpoints *endpoints,
					       const char *name);

/* Where the registrar listens; empty when the table does not say. Borrowed. */
const struct grove_addrs *grove_endpoints_registrar(const struct grove_endpoints *endpoints);

/* The names of the actors, in the order of the file; NULL past the last one. Borrowed. */
const char *grove_endpoints_name(const struct grove_endpoints *endpoints, size_t i);
