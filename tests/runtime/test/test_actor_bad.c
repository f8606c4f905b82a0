/* SPDX-License-Identifier: BSD-2-Clause */
/* test_actor_bad.c - peers that talk nonsense: they are told, and the actor lives on. */
#include "runtime/test/help_actor.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/actor/channel.h"
#include "runtime/core/loop.h"

TestSuite(actor_bad, .init = help_begin, .fini = help_end);

/* A plain connection to an actor, without a word said. */
static int raw_connect(struct grove_portal *portal)
{
	const struct grove_multiaddr *address = &grove_portal_addrs(portal)->at[0];
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(grove_connect(fd, &address->any, address->size), 0);
	return fd;
}

/* A channel to an actor that has said hello. */
static struct grove_channel *greeted(struct grove_portal *portal)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_msg_ struct grove_msg hello = { .kind = GROVE_MSG_HELLO, .version = 1 };
	struct grove_channel *channel =
		grove_channel_new(raw_connect(portal), grove_system_nursery());

	cr_assert_eq(grove_uid_new(&hello.uid, "stranger", &err), 0);
	cr_assert_eq(grove_channel_hello(channel, &hello, true, &err), 0, "%s", err.text);
	return channel;
}

/* The other side tells what is wrong, and closes. */
static void expect_refusal(struct grove_channel *channel, const char *why)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_NONE };
	_grove_msg_ struct grove_msg more = { .kind = GROVE_MSG_NONE };
	int rc = grove_channel_recv(channel, &msg, &err);

	cr_assert_eq(rc, 0, "%s: %s", why, err.text);
	cr_assert_eq(msg.kind, GROVE_MSG_ERROR);
	cr_assert_eq(msg.cid, 0);
	cr_assert(strstr(grove_errors_text(msg.errors), why), "%s", grove_errors_text(msg.errors));
	cr_assert_eq(grove_channel_recv(channel, &more, &err), -EPIPE);
}

/* Send bytes over a greeted channel, and hear what is wrong with them. */
static void nonsense(struct grove_portal *portal, const void *bytes, size_t size, const char *why)
{
	_grove_channel_ struct grove_channel *channel = greeted(portal);

	cr_assert_eq(grove_write_all(channel->fd, bytes, size, NULL), 0);
	expect_refusal(channel, why);
	help_expect_alive(portal);
}

static void bad_frames(struct grove_portal *portal)
{
	static const unsigned char no_msgpack[] = { 0, 0, 0, 3, 0xc1, 0xc1, 0xc1 };
	static const unsigned char no_map[] = { 0, 0, 0, 1, 0x07 };
	static const unsigned char empty[] = { 0, 0, 0, 0 };
	static const unsigned char oversized[] = { 0x7f, 0xff, 0xff, 0xff, 0x80 };

	nonsense(portal, no_msgpack, sizeof(no_msgpack), "");
	nonsense(portal, no_map, sizeof(no_map), "");
	nonsense(portal, empty, sizeof(empty), "");
	nonsense(portal, oversized, sizeof(oversized), "");
}

/* Messages that are well-formed and make no sense. */
static void bad_messages(struct grove_portal *portal)
{
	struct grove_msg wrong[] = {
		{ .kind = GROVE_MSG_DATA, .cid = 99 },	   { .kind = GROVE_MSG_RETURN, .cid = 5 },
		{ .kind = GROVE_MSG_STOP, .cid = 4 },	   { .kind = GROVE_MSG_DATA, .cid = 0 },
		{ .kind = GROVE_MSG_HELLO, .version = 1 }, { .kind = GROVE_MSG_QUERY, .cid = 2 },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
		_grove_channel_ struct grove_channel *channel = greeted(portal);

		if (wrong[i].kind == GROVE_MSG_HELLO)
			cr_assert_eq(grove_uid_new(&wrong[i].uid, "again", &err), 0);
		cr_assert_eq(grove_channel_send(channel, &wrong[i], &err), 0, "%s", err.text);
		expect_refusal(channel, "");
		help_expect_alive(portal);
	}
}

static void bad_greetings(struct grove_portal *portal)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_msg first[] = {
		{ .kind = GROVE_MSG_HELLO, .version = 77 },
		{ .kind = GROVE_MSG_QUERY, .cid = 1 },
	};

	for (size_t i = 0; i < 2; i++) {
		_grove_channel_ struct grove_channel *channel =
			grove_channel_new(raw_connect(portal), grove_system_nursery());

		if (i == 0)
			cr_assert_eq(grove_uid_new(&first[i].uid, "old", &err), 0);
		cr_assert_eq(grove_channel_send(channel, &first[i], &err), 0, "%s", err.text);
		expect_refusal(channel, i == 0 ? "version" : "hello comes first");
		help_expect_alive(portal);
	}
}

/* A peer that is gone in the middle of a frame, of a call, of a stream, or at once. */
static void vanishing(struct grove_portal *portal)
{
	static const unsigned char half[] = { 0, 0, 1, 0, 0x81, 0xa4 };
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;

	grove_close(raw_connect(portal));
	for (size_t size = 1; size <= sizeof(half); size++) {
		_grove_channel_ struct grove_channel *channel = greeted(portal);

		cr_assert_eq(grove_write_all(channel->fd, half, size, NULL), 0);
	}
	for (int i = 0; i < 2; i++) {
		_grove_channel_ struct grove_channel *channel = greeted(portal);
		_grove_msg_ struct grove_msg start = { .kind = GROVE_MSG_START, .cid = 1 };

		start.name = grove_strdup(i ? "flood" : "forever");
		start.mode = grove_strdup(i ? "context" : "call");
		cr_assert_eq(grove_channel_send(channel, &start, &err), 0, "%s", err.text);
	}
	help_expect_alive(portal);
}

/* More items than the window allows. */
static void overrun(struct grove_portal *portal)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_channel_ struct grove_channel *channel = greeted(portal);
	_grove_msg_ struct grove_msg start = { .kind = GROVE_MSG_START, .cid = 1 };
	_grove_msg_ struct grove_msg started = { .kind = GROVE_MSG_NONE };
	struct grove_msg item = { .kind = GROVE_MSG_DATA, .cid = 1 };
	int rc = 0;

	start.name = grove_strdup("flood");
	start.mode = grove_strdup("context");
	cr_assert_eq(grove_channel_send(channel, &start, &err), 0, "%s", err.text);
	cr_assert_eq(grove_channel_recv(channel, &started, &err), 0, "%s", err.text);
	for (int i = 0; i < 2 * GROVE_STREAM_WINDOW && rc == 0; i++)
		rc = grove_channel_send(channel, &item, &err);
	for (;;) {
		_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_NONE };

		rc = grove_channel_recv(channel, &msg, &err);
		cr_assert_eq(rc, 0, "%s", err.text);
		if (msg.kind == GROVE_MSG_ERROR && msg.cid == 0)
			break;
	}
	help_expect_alive(portal);
}

static int bad_peers(void *arg, struct grove_error *err)
{
	struct grove_portal *portal;
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	bad_frames(portal);
	bad_messages(portal);
	bad_greetings(portal);
	vanishing(portal);
	overrun(portal);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_bad, peers_that_talk_nonsense)
{
	help_on_all((struct help_case){ .name = "bad_peers", .body = bad_peers });
}

static int bad_addresses(void *arg, struct grove_error *err)
{
	static const char *const nowhere[] = { "/unix/no/such/socket", "/unix/@grove-nobody",
					       "/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1" };
	_grove_addrs_ struct grove_addrs all = GROVE_ADDRS_INIT;
	struct grove_portal *portal;
	struct grove_actors actors;
	struct grove_uid other;
	int rc;

	(void)arg;
	cr_assert_eq(grove_portal_connect(&all, NULL, &portal, err), -EADDRNOTAVAIL);
	for (size_t i = 0; i < 4; i++) {
		_grove_addrs_ struct grove_addrs one = GROVE_ADDRS_INIT;

		cr_assert_eq(grove_addrs_add_text(&one, nowhere[i], err), 0);
		cr_assert_eq(grove_addrs_add_text(&all, nowhere[i], err), 0);
		rc = grove_portal_connect(&one, NULL, &portal, err);
		cr_assert_lt(rc, 0, "%s", nowhere[i]);
		cr_assert(strstr(err->text, nowhere[i]), "%s", err->text);
	}
	cr_assert_lt(grove_portal_connect(&all, NULL, &portal, err), 0);
	cr_assert(strstr(err->text, "none of 4"), "%s", err->text);
	/* one that answers after some that do not; and one that is not who it should be */
	grove_actors_open(&actors, "actors");
	grove_addrs_merge(&all, grove_portal_addrs(help_start(&actors, "worker")));
	rc = grove_portal_connect(&all, NULL, &portal, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	help_expect_alive(portal);
	grove_portal_free(portal);
	cr_assert_eq(grove_uid_new(&other, "other", err), 0);
	rc = grove_portal_connect(&all, &other, &portal, err);
	cr_assert_eq(rc, -ESTALE, "%d: %s", rc, err->text);
	grove_error_clear(err);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_bad, addresses)
{
	help_on_all((struct help_case){ .name = "bad_addresses", .body = bad_addresses });
}

Test(actor_bad, boot_lines)
{
	static const char uuid[] = "1f0c2b9a-0000-4000-8000-000000000001";
	static const char *const bad[] = {
		"",
		" ",
		"a",
		"a b c d e f",
		"worker %s exec 1",
		"worker %s exec 0 1 /unix/x",
		"worker %s exec 1 x /unix/x",
		"worker %s exec 1 1 ",
		"worker %s exec 1 1 nowhere",
		"wor/ker %s exec 1 1 /unix/x",
		"worker 123 exec 1 1 /unix/x",
		"worker %s e/c 1 1 /unix/x",
		"worker %s exec 99999999999 1 /unix/x",
	};
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_boot boot = { .parent_pid = 5 };
	char line[GROVE_BOOT_TEXT], again[GROVE_BOOT_TEXT], endless[4096];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = strstr(bad[i], "%s");

		snprintf(line, sizeof(line), "%.*s%s%s", at ? (int)(at - bad[i]) : 4096, bad[i],
			 at ? uuid : "", at ? at + 2 : "");
		cr_assert_lt(grove_boot_parse(&boot, line, &err), 0, "'%s'", line);
		cr_assert_eq(boot.parent_pid, 5, "untouched");
	}
	memset(endless, 'a', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = 0;
	cr_assert_eq(grove_boot_parse(&boot, endless, &err), -EINVAL);
	snprintf(line, sizeof(line), "worker %s exec 11 12 /unix/tmp/a b.sock", uuid);
	cr_assert_eq(grove_boot_parse(&boot, line, &err), 0, "%s", err.text);
	cr_assert_eq(boot.parent_tid, 12);
	grove_boot_print(&boot, again);
	cr_assert_eq(grove_boot_parse(&boot, again, &err), 0, "%s", err.text);
}
