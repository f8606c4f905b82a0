/* SPDX-License-Identifier: BSD-2-Clause */
/* test_wire_msg.c - each kind of message there and back, and each way in which one can be wrong. */
#include "runtime/wire/msg.h"
#include "runtime/wire/msg_errors.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/test/help_left.h"

TestSuite(wire_msg, .init = help_begin, .fini = help_end);

static const char UUID[] = "01234567-89ab-4cde-8f01-23456789abcd";

/* A message of `kind` in which every field is set, also those that are not sent. */
static struct grove_msg full(enum grove_msg_kind kind)
{
	struct grove_msg msg = {
		.kind = kind, .cid = 7, .version = GROVE_PROTOCOL_VERSION, .pid = 4711
	};
	struct grove_entry *entry;

	cr_assert_eq(grove_uid_set(&msg.uid, "child", UUID, NULL), 0);
	cr_assert_eq(grove_uid_set(&msg.parent, "parent", UUID, NULL), 0);
	msg.name = grove_strdup("work");
	msg.mode = grove_strdup("context");
	msg.reason = grove_strdup("enough");
	msg.backend = grove_strdup("exec");
	cr_assert_eq(grove_addrs_add_text(&msg.addrs, "/unix/@a", NULL), 0);
	cr_assert_eq(grove_addrs_add_text(&msg.addrs, "/ip4/127.0.0.1/tcp/5", NULL), 0);
	cr_assert_eq(grove_addrs_add_text(&msg.registrars, "/ip6/::1/tcp/1616", NULL), 0);
	entry = grove_msg_add_entry(&msg);
	entry->uid = msg.uid;
	grove_addrs_copy(&entry->addrs, &msg.addrs);
	entry = grove_msg_add_entry(&msg);
	entry->uid = msg.parent;
	msg.errors = grove_errors_new(-EIO, "2 tasks failed");
	grove_errors_add(msg.errors, grove_errors_new(-EPIPE, "left"));
	grove_errors_add(msg.errors, grove_errors_new(-EBADMSG, "right"));
	msg.value = grove_map();
	grove_value_set(&msg.value, "depth", grove_int(3));
	return msg;
}

/* What a message is on the wire, as one text. */
static char *show(const struct grove_msg *msg)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	_grove_value_ struct grove_value v = grove_nil();

	cr_assert_eq(grove_msg_pack(&out, msg, &err), 0, "%s", err.text);
	cr_assert_eq(grove_value_unpack(&v, grove_buf_data(&out), grove_buf_size(&out), &err), 0);
	return grove_value_print(&v);
}

static void unpack_back(const struct grove_msg *msg, struct grove_msg *ret)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;

	cr_assert_eq(grove_msg_pack(&out, msg, &err), 0, "%s", err.text);
	cr_assert_eq(grove_msg_unpack(ret, grove_buf_data(&out), grove_buf_size(&out), &err), 0,
		     "%s", err.text);
}

Test(wire_msg, each_kind_there_and_back)
{
	for (int kind = 1; kind < GROVE_MSG_COUNT; kind++) {
		_grove_msg_ struct grove_msg msg = full(kind), got = { .kind = GROVE_MSG_NONE };
		_grove_buf_ struct grove_buf a = GROVE_BUF_INIT, b = GROVE_BUF_INIT;

		unpack_back(&msg, &got);
		cr_assert_eq(got.kind, (enum grove_msg_kind)kind);
		cr_assert_eq(grove_msg_pack(&a, &msg, NULL), 0);
		cr_assert_eq(grove_msg_pack(&b, &got, NULL), 0);
		cr_assert_eq(grove_buf_size(&a), grove_buf_size(&b));
		cr_assert_eq(memcmp(grove_buf_data(&a), grove_buf_data(&b), grove_buf_size(&a)), 0,
			     "%s", grove_msg_kind_name(kind));
	}
}

Test(wire_msg, fields_of_some)
{
	_grove_msg_ struct grove_msg start = full(GROVE_MSG_START);
	_grove_msg_ struct grove_msg cancel = { .kind = GROVE_MSG_CANCEL };
	_grove_msg_ struct grove_msg found = full(GROVE_MSG_FOUND), got = { .kind = 0 };
	_grove_free_ char *text = show(&start), *less = show(&cancel);

	cr_assert_str_eq(text, "{\"kind\": \"start\", \"cid\": 7, \"name\": \"work\", "
			       "\"mode\": \"context\", \"value\": {\"depth\": 3}}");
	cr_assert_str_eq(less, "{\"kind\": \"cancel\", \"cid\": 0}");
	unpack_back(&found, &got);
	cr_assert_eq(got.entry_count, 2);
	cr_assert(grove_uid_equal(&got.entries[0].uid, &found.uid));
	cr_assert_eq(got.entries[0].addrs.count, 2);
	cr_assert(grove_multiaddr_equal(&got.entries[0].addrs.at[1], &found.addrs.at[1]));
	cr_assert_eq(got.entries[1].addrs.count, 0);
	cr_assert_null(got.name, "a field of another kind does not travel");
	cr_assert_str_eq(grove_msg_kind_name(GROVE_MSG_COUNT), "unknown");
}

Test(wire_msg, nothing_incomplete_goes_out)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	struct grove_msg start = { .kind = GROVE_MSG_START }, hello = { .kind = GROVE_MSG_HELLO };
	struct grove_msg error = { .kind = GROVE_MSG_ERROR }, none = { .kind = GROVE_MSG_NONE };
	struct grove_msg odd = { .kind = GROVE_MSG_COUNT };
	_grove_msg_ struct grove_msg big = full(GROVE_MSG_DATA);

	grove_buf_add(&out, "kept", 4);
	cr_assert_eq(grove_msg_frame(&out, &start, 100, &err), -EINVAL);
	cr_assert_str_eq(err.text, "message start: 'name' is missing");
	cr_assert_eq(grove_msg_pack(&out, &hello, &err), -EINVAL);
	cr_assert_str_eq(err.text, "message hello: 'uid' is missing");
	cr_assert_eq(grove_msg_pack(&out, &error, &err), -EINVAL);
	cr_assert_str_eq(err.text, "message error: 'errors' is missing");
	cr_assert_eq(grove_msg_pack(&out, &none, &err), -EINVAL);
	cr_assert_eq(grove_msg_pack(&out, &odd, &err), -EINVAL);
	for (int i = 0; i < 40; i++) {
		struct grove_value outer = grove_array();

		grove_value_push(&outer, big.value);
		big.value = outer;
	}
	cr_assert_eq(grove_msg_frame(&out, &big, 1000, &err), -E2BIG);
	cr_assert_str_eq(err.text, "message data: a value nested deeper than 28");
	grove_value_release(&big.value);
	big.value = grove_str("0123456789");
	cr_assert_eq(grove_msg_frame(&out, &big, 20, &err), -EMSGSIZE);
	cr_assert_eq(grove_buf_size(&out), 4);
	cr_assert_eq(grove_msg_frame(&out, &big, 50, &err), 0);
}

Test(wire_msg, the_deepest_value_arrives)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_RETURN }, got = { .kind = 0 };

	for (int i = 0; i < GROVE_VALUE_DEPTH; i++) {
		struct grove_value outer = grove_map();

		grove_value_set(&outer, "in", msg.value);
		msg.value = outer;
	}
	unpack_back(&msg, &got);
	cr_assert(grove_value_equal(&msg.value, &got.value));
}

/* A message as a map of fields, to be spoilt. */
static struct grove_value map_of(enum grove_msg_kind kind)
{
	_grove_msg_ struct grove_msg msg = full(kind);
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	struct grove_value v;

	cr_assert_eq(grove_msg_pack(&out, &msg, NULL), 0);
	cr_assert_eq(grove_value_unpack(&v, grove_buf_data(&out), grove_buf_size(&out), NULL), 0);
	return v;
}

/* Unpack the map `v`, which has to fail so. */
static void expect(const struct grove_value *v, int rc, const char *why)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	struct grove_msg msg = { .kind = GROVE_MSG_ACK, .cid = 99 };

	cr_assert_eq(grove_value_pack(&out, v, NULL), 0);
	cr_expect_eq(grove_msg_unpack(&msg, grove_buf_data(&out), grove_buf_size(&out), &err), rc,
		     "%s", why);
	cr_expect_str_eq(err.text, why, "%s", err.text);
	cr_assert_eq(msg.cid, 99, "untouched");
}

/* The message `kind` whose `field` is `item`. */
static void expect_with(enum grove_msg_kind kind, const char *field, struct grove_value item,
			const char *why)
{
	_grove_value_ struct grove_value v = map_of(kind);

	grove_value_set(&v, field, item);
	expect(&v, -EBADMSG, why);
}

Test(wire_msg, not_even_a_message)
{
	_grove_value_ struct grove_value list = grove_array(), map = grove_map();
	_grove_value_ struct grove_value odd = map_of(GROVE_MSG_ACK);
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_msg msg;

	expect(&list, -EBADMSG, "a message that is an array, not a map");
	expect(&map, -EBADMSG, "a message without a kind");
	grove_value_set(&odd, "kind", grove_str("explode\n\x1b[31m"));
	expect(&odd, -EPROTONOSUPPORT, "a message of the unknown kind \"explode\\x0a\\x1b[31m\"");
	grove_value_set(&odd, "kind", grove_str("none"));
	expect(&odd, -EPROTONOSUPPORT, "a message of the unknown kind \"none\"");
	grove_value_set(&odd, "kind", grove_strn("ack\0", 4));
	expect(&odd, -EPROTONOSUPPORT, "a message of the unknown kind \"ack\\x00\"");
	grove_value_set(&odd, "kind", grove_int(3));
	expect(&odd, -EBADMSG, "a message of the unknown kind 3");
	cr_assert_eq(grove_msg_unpack(&msg, "\x81", 1, &err), -EBADMSG);
	cr_assert_str_eq(err.text,
			 "a malformed message: a map of 1 before byte 1, but only 0 bytes "
			 "follow");
}

Test(wire_msg, unknown_fields_are_ignored)
{
	_grove_value_ struct grove_value v = map_of(GROVE_MSG_ACK);
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	_grove_msg_ struct grove_msg msg = { .kind = 0 };

	grove_value_set(&v, "invented", grove_array());
	/* One that other kinds have, and that would be wrong there. */
	grove_value_set(&v, "uid", grove_int(1));
	grove_value_set(&v, "addrs", grove_int(1));
	cr_assert_eq(grove_value_pack(&out, &v, NULL), 0);
	cr_assert_eq(grove_msg_unpack(&msg, grove_buf_data(&out), grove_buf_size(&out), NULL), 0);
	cr_assert_eq(msg.cid, 7);
}

Test(wire_msg, each_field_may_be_missing)
{
	static const char *const fields[] = { "cid",	"version", "name",    "mode",	"uid",
					      "parent", "addrs",   "entries", "errors", "value" };
	size_t missed = 0;

	for (int kind = 1; kind < GROVE_MSG_COUNT; kind++) {
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
			_grove_value_ struct grove_value v = map_of(kind);
			_grove_msg_ struct grove_msg got = { .kind = 0 };
			_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
			_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
			char why[80];
			int rc;

			if (!grove_value_find(&v, fields[i]))
				continue;
			for (uint32_t k = 0; k < v.size; k++)
				if (!strcmp(v.items[2 * k].bytes, fields[i]))
					v.items[2 * k].bytes[0] = 'X';
			cr_assert_eq(grove_value_pack(&out, &v, NULL), 0);
			rc = grove_msg_unpack(&got, grove_buf_data(&out), grove_buf_size(&out),
					      &err);
			/* What is in brackets in msg.h. */
			if (rc == 0)
				continue;
			snprintf(why, sizeof(why), "message %s: '%s' is missing",
				 grove_msg_kind_name(kind), fields[i]);
			cr_expect_str_eq(err.text, why);
			missed++;
		}
	}
	cr_assert_eq(missed, 2 + 2 + 4 + 2 + 2 + 1 + 2 + 2 + 1 + 1 + 3 + 2 + 2 + 2 + 1 + 2);
}

Test(wire_msg, each_field_may_be_wrong)
{
	struct grove_value twice = map_of(GROVE_MSG_ACK), v;
	char text[64];

	expect_with(GROVE_MSG_ACK, "cid", grove_int(-1), "message ack: 'cid': is negative");
	expect_with(GROVE_MSG_ACK, "cid", grove_str("7"),
		    "message ack: 'cid': is a string, not an integer");
	expect_with(GROVE_MSG_HELLO, "version", grove_nil(),
		    "message hello: 'version': is nil, not an integer");
	expect_with(GROVE_MSG_START, "name", grove_int(1),
		    "message start: 'name': is an integer, not a string");
	expect_with(GROVE_MSG_START, "name", grove_strn("a\0b", 3),
		    "message start: 'name': has a zero byte within");
	expect_with(GROVE_MSG_HELLO, "uid", grove_int(1),
		    "message hello: 'uid': is an integer, not a map");
	expect_with(GROVE_MSG_HELLO, "uid", grove_map(),
		    "message hello: 'uid': is no actor: 'name' is missing");
	v = grove_map();
	grove_value_set(&v, "name", grove_str("x"));
	grove_value_set(&v, "uuid", grove_str("1"));
	expect_with(GROVE_MSG_HELLO, "uid", v,
		    "message hello: 'uid': is no actor: actor x has no valid uuid");
	expect_with(GROVE_MSG_REGISTER, "addrs", grove_str("/unix/a"),
		    "message register: 'addrs': is a string, not an array");
	v = grove_array();
	grove_value_push(&v, grove_str("/unix/a"));
	grove_value_push(&v, grove_str("/unix/"));
	expect_with(GROVE_MSG_REGISTER, "addrs", v,
		    "message register: 'addrs': item 1: bad address \"/unix/\": /unix is followed "
		    "by the path of a socket");
	v = grove_array();
	grove_value_push(&v, grove_strn("/unix/a\0", 8));
	expect_with(GROVE_MSG_REGISTER, "addrs", v,
		    "message register: 'addrs': item 0: has a zero byte within");
	v = grove_array();
	for (int i = 0; i < 65; i++) {
		snprintf(text, sizeof(text), "/unix/%d", i);
		grove_value_push(&v, grove_str(text));
	}
	expect_with(GROVE_MSG_REGISTER, "addrs", v,
		    "message register: 'addrs': has 65 addresses, more than 64");
	expect_with(GROVE_MSG_FOUND, "entries", grove_nil(),
		    "message found: 'entries': is nil, not an array");
	v = grove_array();
	grove_value_push(&v, grove_map());
	expect_with(GROVE_MSG_FOUND, "entries", v, "message found: 'entries': item 0 has no uid");
	grove_value_set(&twice, "xid", grove_int(8));
	twice.items[2 * twice.size - 2].bytes[0] = 'c';
	expect(&twice, -EBADMSG, "message ack: 'cid' is there twice");
	grove_value_release(&twice);
}

Test(wire_msg, errors_keep_their_tree_and_origin)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_ERROR, .cid = 1 }, got = { 0 };
	struct grove_errors *inner = grove_errors_new(-ETIMEDOUT, "inner");
	const struct grove_errors *leaf;

	msg.errors = grove_errors_new(-EIO, "outer");
	grove_errors_set_origin(inner, "task 1", "leaf", "leaf.01234567");
	grove_errors_add(inner, grove_errors_new(-EPIPE, "innermost"));
	grove_errors_add(msg.errors, grove_errors_new(-EBADF, "first"));
	grove_errors_add(msg.errors, inner);
	grove_errors_add(msg.errors, grove_errors_new(-EBADF, "last"));
	unpack_back(&msg, &got);

	_grove_free_ char *a = grove_errors_print(msg.errors), *b = grove_errors_print(got.errors);
	cr_assert_str_eq(a, b);
	cr_assert_eq(grove_errors_leaves(got.errors), 3);
	leaf = grove_errors_find(got.errors, -ETIMEDOUT);
	cr_assert_not_null(leaf);
	cr_assert_str_eq(grove_errors_text(leaf), "inner");
	cr_assert_str_eq(grove_errors_origin(leaf)->task, "task 1");
	cr_assert_str_eq(grove_errors_origin(leaf)->actor, "leaf");
	cr_assert_str_eq(grove_errors_origin(leaf)->uid, "leaf.01234567");
	cr_assert_eq(grove_errors_code(grove_errors_child(leaf, 0)), -EPIPE);
}

Test(wire_msg, too_many_or_too_deep_errors_are_counted)
{
	_grove_errors_ struct grove_errors *wide = grove_errors_new(-EIO, "wide");
	_grove_errors_ struct grove_errors *deep = grove_errors_new(-EIO, "innermost");
	_grove_errors_ struct grove_errors *got = NULL, *also = NULL;
	_grove_value_ struct grove_value v = grove_nil(), w = grove_nil();
	const struct grove_errors *rest;
	size_t depth = 0;

	for (int i = 0; i < 3000; i++)
		grove_errors_add(wide, grove_errors_new(-EPIPE, "%d", i));
	v = grove_msg_from_errors(wide);
	cr_assert_eq(v.size, GROVE_MSG_ERRORS);
	cr_assert_eq(grove_msg_to_errors(&v, &got, NULL), 0);
	rest = grove_errors_child(got, grove_errors_count(got) - 1);
	cr_assert_str_eq(grove_errors_text(rest), "1978 more errors");
	cr_assert_eq(1 + 1022 + 1978, 1 + 3000);

	for (int i = 0; i < 50; i++) {
		struct grove_errors *outer = grove_errors_new(-EIO, "level %d", i);

		grove_errors_add(outer, deep);
		deep = outer;
	}
	w = grove_msg_from_errors(deep);
	cr_assert_eq(grove_msg_to_errors(&w, &also, NULL), 0);
	for (const struct grove_errors *e = also; grove_errors_child(e, 0);
	     e = grove_errors_child(e, 0))
		depth++;
	cr_assert_eq(depth, GROVE_MSG_ERRORS_DEPTH);
	rest = grove_errors_child(also, grove_errors_count(also) - 1);
	cr_assert_str_eq(grove_errors_text(rest), "18 more errors");
}

/* One node of an errors array. */
static struct grove_value node(int64_t code, const char *text, int64_t up)
{
	struct grove_value v = grove_map();

	grove_value_set(&v, "code", grove_int(code));
	grove_value_set(&v, "text", grove_str(text));
	if (up != -1)
		grove_value_set(&v, "up", grove_int(up));
	return v;
}

/* An error message with the nodes 0, 1 (below 0) and `last`. */
static void expect_node(struct grove_value last, const char *why)
{
	struct grove_value all = grove_array();

	grove_value_push(&all, node(-EIO, "0", -1));
	grove_value_push(&all, node(-EIO, "1", 0));
	grove_value_push(&all, last);
	expect_with(GROVE_MSG_ERROR, "errors", all, why);
}

Test(wire_msg, errors_may_be_wrong)
{
	struct grove_value many = grove_array(), deep = grove_array();

	expect_with(GROVE_MSG_ERROR, "errors", grove_map(),
		    "message error: 'errors': is no list of errors");
	expect_with(GROVE_MSG_ERROR, "errors", grove_array(),
		    "message error: 'errors': is no list of errors");
	expect_node(grove_nil(), "message error: 'errors': error 2: 'up' is missing");
	expect_node(node(-EIO, "x", -1), "message error: 'errors': error 2: 'up' is missing");
	expect_node(node(-EIO, "x", 2),
		    "message error: 'errors': error 2: its parent does not come before it");
	expect_node(node(-EIO, "x", INT64_MIN),
		    "message error: 'errors': error 2: its parent does not come before it");
	expect_node(node(-EIO, "x", INT64_MAX),
		    "message error: 'errors': error 2: its parent does not come before it");
	expect_node(node(-EIO, NULL, 0),
		    "message error: 'errors': error 2: 'text' is nil, not a string");
	for (int i = 0; i <= GROVE_MSG_ERRORS; i++)
		grove_value_push(&many, node(-EIO, "x", i - 1));
	expect_with(GROVE_MSG_ERROR, "errors", many,
		    "message error: 'errors': has 1025 errors, more than 1024");
	for (int i = 0; i < 40; i++)
		grove_value_push(&deep, node(-EIO, "x", i - 1));
	expect_with(GROVE_MSG_ERROR, "errors", deep,
		    "message error: 'errors': error 33: it is deeper than 32");
}

Test(wire_msg, errors_of_a_peer_are_made_harmless)
{
	_grove_value_ struct grove_value all = grove_array();
	_grove_errors_ struct grove_errors *got = NULL;

	grove_value_push(&all, node(5, "a\nb\x1b\x7f%s", -1));
	grove_value_push(&all, node(0, "", 0));
	grove_value_push(&all, node(INT64_MIN, "", 0));
	grove_value_push(&all, node(-4095, "", 0));
	grove_value_set(&all.items[3], "task", grove_str("t\n"));
	grove_value_set(&all.items[3], "actor", grove_int(3));
	cr_assert_eq(grove_msg_to_errors(&all, &got, NULL), 0);
	cr_assert_str_eq(grove_errors_text(got), "a?b??%s");
	cr_assert_eq(grove_errors_code(got), -EREMOTEIO);
	cr_assert_eq(grove_errors_code(grove_errors_child(got, 0)), -EREMOTEIO);
	cr_assert_eq(grove_errors_code(grove_errors_child(got, 1)), -EREMOTEIO);
	cr_assert_eq(grove_errors_code(grove_errors_child(got, 2)), -4095);
	cr_assert_str_eq(grove_errors_origin(grove_errors_child(got, 2))->task, "t?");
	cr_assert_str_eq(grove_errors_origin(grove_errors_child(got, 2))->actor, "");
}

Test(wire_msg, random_changes_are_a_message_or_an_error)
{
	unsigned int seed = 11;
	size_t fine = 0, refused = 0;

	for (int round = 0; round < 300; round++) {
		for (int kind = 1; kind < GROVE_MSG_COUNT; kind++) {
			_grove_msg_ struct grove_msg msg = full(kind), got = { .kind = 0 };
			_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
			_grove_buf_ struct grove_buf out = GROVE_BUF_INIT, again = GROVE_BUF_INIT;

			cr_assert_eq(grove_msg_pack(&out, &msg, NULL), 0);
			for (int i = rand_r(&seed) % 3; i >= 0; i--)
				grove_buf_data(&out)[(size_t)rand_r(&seed) % grove_buf_size(&out)] =
					(char)rand_r(&seed);
			if (grove_msg_unpack(&got, grove_buf_data(&out), grove_buf_size(&out),
					     &err) == 0) {
				cr_assert_eq(grove_msg_pack(&again, &got, &err), 0, "%s", err.text);
				fine++;
			} else {
				cr_assert_neq(err.text[0], 0);
				refused++;
			}
		}
	}
	cr_assert_gt(fine, 100);
	cr_assert_gt(refused, 100);
}
