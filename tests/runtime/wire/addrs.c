/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/addrs.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

void grove_addrs_release(struct grove_addrs *addrs)
{
	free(addrs->at);
	addrs->at = NULL;
	addrs->count = 0;
}

bool grove_addrs_has(const struct grove_addrs *addrs, const struct grove_multiaddr *a)
{
	for (size_t i = 0; i < addrs->count; i++)
		if (grove_multiaddr_equal(&addrs->at[i], a))
			return true;
	return false;
}

static void append(struct grove_addrs *addrs, const struct grove_multiaddr *a)
{
	addrs->at = grove_realloc(addrs->at, addrs->count + 1, sizeof(*addrs->at));
	addrs->at[addrs->count++] = *a;
}

bool grove_addrs_add(struct grove_addrs *addrs, const struct grove_multiaddr *a)
{
	if (grove_addrs_has(addrs, a))
		return false;
	append(addrs, a);
	return true;
}

int grove_addrs_add_text(struct grove_addrs *addrs, const char *text, struct grove_error *err)
{
	struct grove_multiaddr a;
	int rc = grove_multiaddr_parse(&a, text, err);

	if (rc < 0)
		return rc;
	grove_addrs_add(addrs, &a);
	return 0;
}

void grove_addrs_copy(struct grove_addrs *to, const struct grove_addrs *from)
{
	struct grove_addrs copy = GROVE_ADDRS_INIT;

	for (size_t i = 0; i < from->count; i++)
		append(&copy, &from->at[i]);
	grove_addrs_release(to);
	*to = copy;
}

/* Whether the kernel would refuse the second of two listeners: one of them is the wildcard. */
static bool collide(const struct grove_multiaddr *a, const struct grove_multiaddr *b)
{
	if (grove_multiaddr_equal(a, b))
		return true;
	if (a->any.sa_family != b->any.sa_family || !grove_multiaddr_port(a) ||
	    grove_multiaddr_port(a) != grove_multiaddr_port(b))
		return false;
	return grove_multiaddr_is_wildcard(a) || grove_multiaddr_is_wildcard(b);
}

void grove_addrs_merge(struct grove_addrs *binds, const struct grove_addrs *more)
{
	for (size_t i = 0; i < more->count; i++) {
		bool bound = false;

		for (size_t j = 0; j < binds->count && !bound; j++)
			bound = collide(&binds->at[j], &more->at[i]);
		if (!bound)
			append(binds, &more->at[i]);
	}
}

int grove_addrs_own(struct grove_addrs *ret, struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs own = GROVE_ADDRS_INIT;
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) < 0)
		return grove_error_set(err, -errno, "the addresses of this host: %m");
	for (i = all; i; i = i->ifa_next) {
		struct grove_multiaddr a;
		sa_family_t family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
		socklen_t size = family == AF_INET ? sizeof(a.ip4) : sizeof(a.ip6);

		if ((family == AF_INET || family == AF_INET6) &&
		    grove_multiaddr_from(&a, i->ifa_addr, size, NULL) == 0)
			grove_addrs_add(&own, &a);
	}
	freeifaddrs(all);
	*ret = own;
	own = (struct grove_addrs)GROVE_ADDRS_INIT;
	return 0;
}

static bool is_loopback(const struct grove_multiaddr *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->ip4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&a->ip6.sin6_addr);
}

enum grove_rank grove_multiaddr_rank(const struct grove_multiaddr *a, const struct grove_addrs *own)
{
	struct grove_multiaddr host = *a;

	if (a->any.sa_family == AF_UNIX)
		return GROVE_RANK_UNIX;
	if (is_loopback(a) || grove_multiaddr_is_wildcard(a))
		return GROVE_RANK_LOCAL;
	if (a->any.sa_family == AF_INET)
		host.ip4.sin_port = 0;
	else
		host.ip6.sin6_port = 0;
	return own && grove_addrs_has(own, &host) ? GROVE_RANK_LOCAL : GROVE_RANK_REMOTE;
}

void grove_addrs_sort(struct grove_addrs *addrs, const struct grove_addrs *own)
{
	/* By insertion: it is stable, and nobody has many addresses. */
	for (size_t i = 1; i < addrs->count; i++) {
		struct grove_multiaddr a = addrs->at[i];
		enum grove_rank rank = grove_multiaddr_rank(&a, own);
		size_t j = i;

		for (; j > 0 && grove_multiaddr_rank(&addrs->at[j - 1], own) > rank; j--)
			addrs->at[j] = addrs->at[j - 1];
		addrs->at[j] = a;
	}
}
