/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_frame.c - what a peer sends to an actor: frames, and the messages in them.
 *
 * Input: a byte of mode. Below the number of kinds: a good message of that kind is made, and the
 * other bytes are pairs of a place and what is put there. Else: a stream that comes in pieces of
 * that size.
 */
#include "runtime/wire/msg.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A message of `kind` with something in every field. */
static void make(struct grove_msg *msg, enum grove_msg_kind kind)
{
	static const char uuid[] = "01234567-89ab-4cde-8f01-23456789abcd";
	struct grove_value list = grove_array();

	msg->kind = kind;
	msg->version = GROVE_PROTOCOL_VERSION;
	if (grove_uid_set(&msg->uid, "child", uuid, NULL) < 0 ||
	    grove_addrs_add_text(&msg->addrs, "/unix/@a", NULL) < 0 ||
	    grove_addrs_add_text(&msg->addrs, "/ip4/127.0.0.1/tcp/5", NULL) < 0)
		abort();
	msg->parent = msg->uid;
	msg->name = grove_strdup("work");
	msg->mode = grove_strdup("call");
	msg->reason = grove_strdup("enough");
	msg->backend = grove_strdup("exec");
	grove_addrs_copy(&msg->registrars, &msg->addrs);
	grove_msg_add_entry(msg)->uid = msg->uid;
	grove_addrs_copy(&msg->entries[0].addrs, &msg->addrs);
	msg->errors = grove_errors_new(-EIO, "group");
	grove_errors_add(msg->errors, grove_errors_new(-EPIPE, "leaf"));
	grove_value_push(&list, grove_float(0.5));
	grove_value_push(&list, grove_bin("\0", 1));
	msg->value = grove_map();
	grove_value_set(&msg->value, "list", list);
}

/* What was taken can be said again, and is taken again as the same. */
static void check(const void *payload, size_t size)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_NONE }, again = { .kind = 0 };
	_grove_buf_ struct grove_buf one = GROVE_BUF_INIT, two = GROVE_BUF_INIT;
	int rc = grove_msg_unpack(&msg, payload, size, &err);

	if (rc < 0) {
		if (!err.text[0] || strchr(err.text, '\n'))
			abort();
		return;
	}
	rc = grove_msg_pack(&one, &msg, &err);
	/* Two levels deeper are taken than are said. */
	if (rc == -E2BIG)
		return;
	if (rc < 0 ||
	    grove_msg_unpack(&again, grove_buf_data(&one), grove_buf_size(&one), &err) < 0)
		abort();
	if (grove_msg_pack(&two, &again, &err) < 0 ||
	    grove_buf_size(&one) != grove_buf_size(&two) ||
	    memcmp(grove_buf_data(&one), grove_buf_data(&two), grove_buf_size(&one)) != 0)
		abort();
}

static void changed_message(enum grove_msg_kind kind, const uint8_t *data, size_t size)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_NONE };
	_grove_buf_ struct grove_buf buf = GROVE_BUF_INIT;

	make(&msg, kind);
	if (grove_msg_pack(&buf, &msg, NULL) < 0)
		abort();
	for (size_t i = 0; i + 1 < size; i += 2)
		grove_buf_data(&buf)[data[i] % grove_buf_size(&buf)] = (char)data[i + 1];
	check(grove_buf_data(&buf), grove_buf_size(&buf));
}

static void stream(size_t piece, const uint8_t *data, size_t size)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_frames_ struct grove_frames frames;
	const void *payload;
	size_t length;
	int rc = 0;

	grove_frames_init(&frames, 1u << 16);
	for (size_t at = 0; at < size && rc == 0; at += piece) {
		grove_frames_feed(&frames, data + at, piece < size - at ? piece : size - at);
		while ((rc = grove_frames_next(&frames, &payload, &length, &err)) > 0)
			check(payload, length);
	}
	if (rc < 0 && !err.text[0])
		abort();
	if (rc == 0 && grove_frames_end(&frames, &err) < 0 && !err.text[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] && data[0] < GROVE_MSG_COUNT)
		changed_message(data[0], data + 1, size - 1);
	else
		stream(data[0] ? data[0] : 256, data + 1, size - 1);
	return 0;
}
