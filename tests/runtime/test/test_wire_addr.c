/* SPDX-License-Identifier: BSD-2-Clause */
/* test_wire_addr.c - addresses as text, from sockets, and lists of them. */
#include "runtime/wire/addrs.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "runtime/test/help_left.h"

TestSuite(wire_addr, .init = help_begin, .fini = help_end);

static struct grove_multiaddr parse(const char *text)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_multiaddr a;

	memset(&a, 0xff, sizeof(a));
	cr_assert_eq(grove_multiaddr_parse(&a, text, &err), 0, "%s: %s", text, err.text);
	return a;
}

static void expect_text(const char *text, const char *expected)
{
	struct grove_multiaddr a = parse(text), again;
	char out[GROVE_MULTIADDR_TEXT];

	cr_assert_str_eq(grove_multiaddr_print(&a, out), expected);
	again = parse(out);
	cr_assert(grove_multiaddr_equal(&a, &again), "%s and %s", text, out);
}

static void expect_bad(const char *text, int rc, const char *why)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_multiaddr a = { .size = 77 };

	cr_assert_eq(grove_multiaddr_parse(&a, text, &err), rc, "\"%s\"", text);
	cr_assert(strstr(err.text, why), "\"%s\": %s", text, err.text);
	cr_assert(!strpbrk(err.text, "\n\t\x1b"), "one line: %s", err.text);
	cr_assert_eq(a.size, 77, "untouched");
}

Test(wire_addr, tcp_round_trip)
{
	struct grove_multiaddr a = parse("/ip4/127.0.0.1/tcp/1616");

	cr_assert_eq(a.size, sizeof(struct sockaddr_in));
	cr_assert_eq(a.ip4.sin_family, AF_INET);
	cr_assert_eq(a.ip4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	cr_assert_eq(a.ip4.sin_port, htons(1616));
	cr_assert_eq(grove_multiaddr_port(&a), 1616);
	cr_assert_null(grove_multiaddr_path(&a));

	expect_text("/ip4/127.0.0.1/tcp/1616", "/ip4/127.0.0.1/tcp/1616");
	expect_text("/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/tcp/0");
	expect_text("/ip4/255.255.255.255/tcp/65535", "/ip4/255.255.255.255/tcp/65535");
	expect_text("/ip6/::1/tcp/1616", "/ip6/::1/tcp/1616");
	expect_text("/ip6/2001:DB8:0:0:0:0:0:1/tcp/1", "/ip6/2001:db8::1/tcp/1");
	expect_text("/ip6/::ffff:10.0.0.1/tcp/5", "/ip4/10.0.0.1/tcp/5");
}

Test(wire_addr, scopes)
{
	char lo[IF_NAMESIZE], text[80];

	/*
	 * The first interface of every network namespace is lo, and its number may be used as well.
	 */
	cr_assert_not_null(if_indextoname(1, lo));
	snprintf(text, sizeof(text), "/ip6zone/%s/ip6/fe80::1/tcp/5", lo);
	expect_text(text, text);
	expect_text("/ip6zone/1/ip6/fe80::1/tcp/5", text);
	cr_assert_eq(parse(text).ip6.sin6_scope_id, 1);
	/* A number of an interface that is gone, as a remote peer may have. */
	expect_text("/ip6zone/4294967295/ip6/fe80::1/tcp/5",
		    "/ip6zone/4294967295/ip6/fe80::1/tcp/5");
	/* An address that is the same on each link has no scope. */
	snprintf(text, sizeof(text), "/ip6zone/%s/ip6/::1/tcp/5", lo);
	expect_text(text, "/ip6/::1/tcp/5");

	expect_bad("/ip6zone/nosuchif0/ip6/fe80::1/tcp/5", -EINVAL, "no interface");
	expect_bad("/ip6zone/0/ip6/fe80::1/tcp/5", -EINVAL, "no interface");
	expect_bad("/ip6zone/1x/ip6/fe80::1/tcp/5", -EINVAL, "no interface");
	expect_bad("/ip6zone/4294967296/ip6/fe80::1/tcp/5", -EINVAL, "no interface");
	expect_bad("/ip6zone/lo/ip4/1.2.3.4/tcp/5", -EINVAL, "an interface and /ip6");
	expect_bad("/ip6zone", -EINVAL, "an interface and /ip6");
}

Test(wire_addr, unix_round_trip)
{
	struct grove_multiaddr a = parse("/unix/run/grove/root.sock");

	cr_assert_eq(a.un.sun_family, AF_UNIX);
	cr_assert_str_eq(a.un.sun_path, "/run/grove/root.sock");
	cr_assert_str_eq(grove_multiaddr_path(&a), "/run/grove/root.sock");
	cr_assert_eq(a.size, offsetof(struct sockaddr_un, sun_path) + 21);
	cr_assert_eq(grove_multiaddr_port(&a), 0);
	cr_assert_not(grove_multiaddr_is_wildcard(&a));

	expect_text("/unix/a", "/unix/a");
	expect_text("/unix//run///x/", "/unix/run/x");
	expect_text("/unix/with%20blank%0aand%25", "/unix/with%20blank%0aand%25");
	expect_text("/unix/%C3%a4", "/unix/%c3%a4");
	expect_text("/unix/tcp/1616", "/unix/tcp/1616");
	expect_text("/unix/x/@y", "/unix/x/@y");

	a = parse("/unix/@root/1");
	cr_assert_eq(a.un.sun_path[0], 0);
	cr_assert_eq(memcmp(a.un.sun_path + 1, "root/1", 6), 0);
	cr_assert_eq(a.size, offsetof(struct sockaddr_un, sun_path) + 7);
	cr_assert_null(grove_multiaddr_path(&a));
	expect_text("/unix/@root/1", "/unix/@root/1");
	expect_text("/unix/@a//b/", "/unix/@a//b/");
	expect_text("/unix/@%00%01", "/unix/@%00%01");

	/* A path that begins with @ is another socket than the abstract one. */
	a = parse("/unix//@root");
	cr_assert_str_eq(grove_multiaddr_path(&a), "/@root");
	expect_text("/unix//@root", "/unix//@root");
	expect_text("/unix/%40root", "/unix//@root");
}

Test(wire_addr, names_of_greatest_length)
{
	char text[2 * GROVE_MULTIADDR_TEXT], out[GROVE_MULTIADDR_TEXT];

	strcpy(text, "/unix/");
	for (size_t i = 0; i < 106; i++)
		strcat(text, "%01");
	expect_text(text, text);
	strcat(text, "a");
	expect_bad(text, -ENAMETOOLONG, "107 bytes at most");

	strcpy(text, "/unix/@");
	for (size_t i = 0; i < 107; i++)
		strcat(text, "%fe");
	expect_text(text, text);
	cr_assert_lt(strlen(text) + 2, sizeof(out));
	strcat(text, "a");
	expect_bad(text, -ENAMETOOLONG, "107 bytes at most");
	/* Much longer than a buffer. */
	memset(text + 7, 'x', sizeof(text) - 8);
	text[sizeof(text) - 1] = 0;
	expect_bad(text, -ENAMETOOLONG, "107 bytes at most");
}

Test(wire_addr, every_error)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "begins with" },
		{ "/", "begins with" },
		{ "ip4/1.2.3.4/tcp/1", "begins with" },
		{ "/dns/host/tcp/1", "begins with" },
		{ "/averylongprotocol/x", "begins with" },
		{ "/ip4", "four numbers" },
		{ "/ip4/", "four numbers" },
		{ "/ip4/1.2.3/tcp/1", "four numbers" },
		{ "/ip4/1.2.3.256/tcp/1", "four numbers" },
		{ "/ip4/01.2.3.4/tcp/1", "four numbers" },
		{ "/ip4/localhost/tcp/1", "four numbers" },
		{ "/ip4/1111111111111111111111111111/tcp/1", "four numbers" },
		{ "/ip4/::1/tcp/1", "four numbers" },
		{ "/ip4/1.2.3.4", "/tcp/PORT" },
		{ "/ip4/1.2.3.4/", "/tcp/PORT" },
		{ "/ip4/1.2.3.4/udp/1", "/tcp/PORT" },
		{ "/ip4/1.2.3.4/tcp", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/65536", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/-1", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/+1", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/ 1", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/01", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/1x", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/100000000000000000000", "0 to 65535" },
		{ "/ip4/1.2.3.4/tcp/1/", "follows the port" },
		{ "/ip4/1.2.3.4/tcp/1/ws", "follows the port" },
		{ "/ip6/1.2.3.4/tcp/1", "IPv6 address" },
		{ "/ip6/[::1]/tcp/1", "IPv6 address" },
		{ "/ip6/fe80::1%lo/tcp/1", "IPv6 address" },
		{ "/ip6", "IPv6 address" },
		{ "/unix", "path of a socket" },
		{ "/unix/", "path of a socket" },
		{ "/unix///", "path of a socket" },
		{ "/unix/@", "abstract socket" },
		{ "/unix/a%", "hexadecimal" },
		{ "/unix/a%4", "hexadecimal" },
		{ "/unix/@a%zz", "hexadecimal" },
		{ "/unix/a%00b", "zero byte" },
		{ "/ip4/1.2.3.4\n\x1b[31m/tcp/1", "?\?[31m" },
	};
	char text[400];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_bad(rows[i].text, -EINVAL, rows[i].why);
	memset(text, '/', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	expect_bad(text, -EINVAL, "...");
}

Test(wire_addr, from_the_kernel)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(9),
				    .sin6_flowinfo = htonl(77),
				    .sin6_scope_id = 3 };
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr other = { .sa_family = AF_NETLINK };
	struct grove_multiaddr a, b;
	char text[GROVE_MULTIADDR_TEXT];

	inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr);
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&in6, sizeof(in6), &err), 0);
	cr_assert_str_eq(grove_multiaddr_print(&a, text), "/ip4/10.1.2.3/tcp/9");
	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&in6, sizeof(in6), &err), 0);
	b = parse("/ip6/2001:db8::1/tcp/9");
	cr_assert(grove_multiaddr_equal(&a, &b));

	memset(in4.sin_zero, 0x55, sizeof(in4.sin_zero));
	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&in4, sizeof(in4), &err), 0);
	b = parse("/ip4/127.0.0.1/tcp/9");
	cr_assert(grove_multiaddr_equal(&a, &b), "what is beside the address does not count");

	/* The kernel gives paths with and without their final 0, and socketpairs without any. */
	strcpy(un.sun_path, "/a//b/");
	b = parse("/unix/a/b");
	for (socklen_t more = 6; more <= 108; more++) {
		cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, 2 + more, &err), 0);
		cr_assert(grove_multiaddr_equal(&a, &b), "%u", more);
	}
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, 2, &err), -EADDRNOTAVAIL);
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, 111, &err), -EINVAL);
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, 1, &err), -EINVAL);
	strcpy(un.sun_path, "//");
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, sizeof(un), &err), -EINVAL);
	un.sun_path[0] = 0;
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, 3, &err), -EADDRNOTAVAIL);
	strcpy(un.sun_path, "relative");
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, sizeof(un), &err), -EINVAL);
	memset(un.sun_path, 'x', sizeof(un.sun_path));
	un.sun_path[0] = '/';
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, sizeof(un), &err), -EINVAL);
	cr_assert(strstr(err.text, "too long"), "%s", err.text);
	un.sun_path[0] = 0;
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&un, sizeof(un), &err), 0);
	b = parse(grove_multiaddr_print(&a, text));
	cr_assert(grove_multiaddr_equal(&a, &b), "%s", text);

	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&in4, 8, &err), -EINVAL);
	cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&in6, 24, &err), -EINVAL);
	cr_assert_eq(grove_multiaddr_from(&a, &other, sizeof(other), &err), -EAFNOSUPPORT);
}

Test(wire_addr, no_address)
{
	struct grove_multiaddr none = { .size = 0 };
	char text[GROVE_MULTIADDR_TEXT];

	cr_assert_str_eq(grove_multiaddr_print(&none, text), "none");
	cr_assert_null(grove_multiaddr_path(&none));
	cr_assert_eq(grove_multiaddr_port(&none), 0);
	cr_assert_not(grove_multiaddr_is_wildcard(&none));
}

/* The addresses of a list as one text. */
static const char *texts(const struct grove_addrs *addrs, char *out, size_t room)
{
	char text[GROVE_MULTIADDR_TEXT];

	*out = 0;
	for (size_t i = 0; i < addrs->count; i++)
		snprintf(out + strlen(out), room - strlen(out), "%s%s", i ? " " : "",
			 grove_multiaddr_print(&addrs->at[i], text));
	return out;
}

/* A list of addresses between blanks. */
static struct grove_addrs list(const char *words)
{
	_grove_free_ char *copy = grove_strdup(words);
	struct grove_addrs addrs = GROVE_ADDRS_INIT;

	for (char *save, *word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		cr_assert_eq(grove_addrs_add_text(&addrs, word, NULL), 0);
	return addrs;
}

Test(wire_addr, a_list_has_nothing_twice)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_addrs_ struct grove_addrs addrs =
		list("/ip4/127.0.0.1/tcp/1 /ip6/::ffff:127.0.0.1/tcp/1 /unix/a//b /unix/a/b");
	_grove_addrs_ struct grove_addrs copy = list("/unix/old");
	char out[400];

	cr_assert_str_eq(texts(&addrs, out, sizeof(out)), "/ip4/127.0.0.1/tcp/1 /unix/a/b");
	cr_assert_not(grove_addrs_add(&addrs, &addrs.at[1]));
	cr_assert_eq(grove_addrs_add_text(&addrs, "/ip4/x", &err), -EINVAL);
	cr_assert_eq(addrs.count, 2);
	grove_addrs_copy(&copy, &addrs);
	grove_addrs_release(&addrs);
	cr_assert_eq(addrs.count, 0);
	cr_assert_str_eq(texts(&copy, out, sizeof(out)), "/ip4/127.0.0.1/tcp/1 /unix/a/b");
}

Test(wire_addr, what_the_kernel_would_refuse_is_not_bound_twice)
{
	_grove_addrs_ struct grove_addrs binds =
		list("/ip4/0.0.0.0/tcp/1616 /ip4/127.0.0.1/tcp/7 /ip4/0.0.0.0/tcp/0 /unix/@r");
	_grove_addrs_ struct grove_addrs more =
		list("/ip4/127.0.0.1/tcp/1616 /ip4/0.0.0.0/tcp/7 /ip4/127.0.0.1/tcp/8 /unix/r "
		     "/ip6/::/tcp/1616 /ip6/::1/tcp/1616 /unix/@r /ip4/127.0.0.1/tcp/0");
	char out[600];

	grove_addrs_merge(&binds, &more);
	cr_assert_str_eq(texts(&binds, out, sizeof(out)),
			 "/ip4/0.0.0.0/tcp/1616 /ip4/127.0.0.1/tcp/7 /ip4/0.0.0.0/tcp/0 /unix/@r "
			 "/ip4/127.0.0.1/tcp/8 /unix/r /ip6/::/tcp/1616 /ip4/127.0.0.1/tcp/0");
}

Test(wire_addr, nearest_first_and_stable)
{
	_grove_addrs_ struct grove_addrs own = list("/ip4/10.9.8.7/tcp/0 /ip6/2001:db8::7/tcp/0");
	_grove_addrs_ struct grove_addrs addrs =
		list("/ip4/10.9.8.6/tcp/1 /ip4/10.9.8.7/tcp/2 /ip6/2001:db8::7/tcp/3 /unix/z "
		     "/ip4/127.8.8.8/tcp/4 /ip6/::1/tcp/5 /ip6/2001:db8::8/tcp/6 /unix/@a "
		     "/ip4/0.0.0.0/tcp/7");
	char out[600];

	grove_addrs_sort(&addrs, &own);
	cr_assert_str_eq(texts(&addrs, out, sizeof(out)),
			 "/unix/z /unix/@a /ip4/10.9.8.7/tcp/2 /ip6/2001:db8::7/tcp/3 "
			 "/ip4/127.8.8.8/tcp/4 /ip6/::1/tcp/5 /ip4/0.0.0.0/tcp/7 "
			 "/ip4/10.9.8.6/tcp/1 /ip6/2001:db8::8/tcp/6");
	grove_addrs_sort(&addrs, NULL);
	cr_assert_str_eq(texts(&addrs, out, sizeof(out)),
			 "/unix/z /unix/@a /ip4/127.8.8.8/tcp/4 /ip6/::1/tcp/5 /ip4/0.0.0.0/tcp/7 "
			 "/ip4/10.9.8.7/tcp/2 /ip6/2001:db8::7/tcp/3 /ip4/10.9.8.6/tcp/1 "
			 "/ip6/2001:db8::8/tcp/6");
}

Test(wire_addr, own_addresses_are_local)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_addrs_ struct grove_addrs own = GROVE_ADDRS_INIT;
	struct ifaddrs *all;
	size_t seen = 0;

	cr_assert_eq(grove_addrs_own(&own, &err), 0, "%s", err.text);
	cr_assert_eq(getifaddrs(&all), 0);
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct sockaddr_in in4;
		struct grove_multiaddr a;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&in4, i->ifa_addr, sizeof(in4));
		in4.sin_port = htons(1616);
		cr_assert_eq(grove_multiaddr_from(&a, (struct sockaddr *)&in4, sizeof(in4), &err),
			     0);
		cr_assert_eq(grove_multiaddr_rank(&a, &own), GROVE_RANK_LOCAL);
		seen++;
	}
	freeifaddrs(all);
	cr_assert_gt(seen, 0, "not even lo");
	struct grove_multiaddr far = parse("/ip4/192.0.2.1/tcp/1");
	cr_assert_eq(grove_multiaddr_rank(&far, &own), GROVE_RANK_REMOTE);
}
