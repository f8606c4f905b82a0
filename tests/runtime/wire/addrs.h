/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addrs.h - the addresses of one actor: no address twice, the nearest first.
 *
 *	_grove_addrs_ struct grove_addrs addrs = GROVE_ADDRS_INIT;
 *	grove_addrs_add(&addrs, &address);
 *	grove_addrs_sort(&addrs, own);
 */
#pragma once

#include "runtime/wire/multiaddr.h"

/* More than that in one message is no list of addresses. */
static const size_t GROVE_ADDRS_MAX = 64;

struct grove_addrs {
	struct grove_multiaddr *at;
	size_t count;
};

#define GROVE_ADDRS_INIT                                                                           \
	{                                                                                          \
		.at = NULL                                                                         \
	}

/* Free what the list holds; it is empty then. */
void grove_addrs_release(struct grove_addrs *addrs);

static inline void grove_addrs_guard(struct grove_addrs *addrs)
{
	grove_addrs_release(addrs);
}
#define _grove_addrs_ _grove_cleanup_(grove_addrs_guard)

/* Put `a` last, unless it is there already: then false, and nothing changes. */
bool grove_addrs_add(struct grove_addrs *addrs, const struct grove_multiaddr *a);

/* Parse `text` and add it. Errors of grove_multiaddr_parse(). */
GROVE_MUST_CHECK
int grove_addrs_add_text(struct grove_addrs *addrs, const char *text, struct grove_error *err);

/* Replace `to` by a copy of `from`. */
void grove_addrs_copy(struct grove_addrs *to, const struct grove_addrs *from);

/* Whether `a` itself is in the list. */
bool grove_addrs_has(const struct grove_addrs *addrs, const struct grove_multiaddr *a);

/*
 * Add to `binds` what `more` has and `binds` does not bind yet: besides the same address that is an
 * address of which `binds` has the wildcard at the same port, and the other way round. So a list
 * made by this from addresses asked for and those of the registrar can be bound as it is.
 * IPv6 listeners are expected to be IPV6_V6ONLY: 0.0.0.0 and :: are two sockets.
 */
void grove_addrs_merge(struct grove_addrs *binds, const struct grove_addrs *more);

enum grove_rank {
	GROVE_RANK_UNIX,   /* no network stack at all */
	GROVE_RANK_LOCAL,  /* TCP within this host: loopback, or an address of an own interface */
	GROVE_RANK_REMOTE, /* TCP to somewhere else */
};

/*
 * The addresses of the interfaces of this host (ports 0), for the two below. -errno of
 * getifaddrs().
 */
GROVE_MUST_CHECK
int grove_addrs_own(struct grove_addrs *ret, struct grove_error *err);

/* How near `a` is. `own` may be NULL: then only loopback and wildcards are local TCP. */
enum grove_rank grove_multiaddr_rank(const struct grove_multiaddr *a,
				     const struct grove_addrs *own);

/* Nearest first; those of one rank keep their order. `own` as above. */
void grove_addrs_sort(struct grove_addrs *addrs, const struct grove_addrs *own);
