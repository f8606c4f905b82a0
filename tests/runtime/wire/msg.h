/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg.h - what actors say to each other, and to the registrar.
 *
 * A message is a map with "kind" and the fields of that kind. Fields that a reader does not know
 * are ignored, so that they can be added; a kind that it does not know is an error, for somebody
 * waits for what it asked.
 *
 *	kind		fields (those in brackets may be left out)
 *	hello		uid version [pid addrs]		the first message of both sides
 *	spec		uid parent [addrs registrars backend name value]   what a new actor is to be
 *	start		cid name mode value		run a function, in mode "call" or "context"
 *	started		cid value			a context is open
 *	data		cid value			one item of its stream
 *	stop		cid				no more items from this side
 *	return		cid value			the function's result
 *	error		cid errors			its failure; cid 0: of the connection
 *	cancel		cid [reason uid]		stop it; cid 0: the whole actor. Who asks
 *	ack		cid				a cancel or a registrar's change was taken
 *	register	cid uid addrs			to the registrar: uid listens there
 *	unregister	cid uid
 *	find		cid name			who is called so? Answered at once by found
 *	wait		cid name			the same, answered once there is one
 *	query		cid				all that are registered
 *	found		cid entries
 *
 * Who owns a message owns all in it:
 *
 *	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_RETURN, .cid = cid };
 *	msg.value = grove_value_move(&result);
 *	rc = grove_msg_frame(&channel->out, &msg, GROVE_FRAME_LIMIT, err);
 */
#pragma once

#include "runtime/core/errors.h"
#include "runtime/wire/addrs.h"
#include "runtime/wire/frame.h"
#include "runtime/wire/uid.h"
#include "runtime/wire/value.h"

/* What hello carries; peers of another version are refused. */
#define GROVE_PROTOCOL_VERSION 1

/* Builds code: the kinds, with their names on the wire. */
#define GROVE_MSG_KINDS(X)                                                                         \
	X(HELLO, "hello")                                                                          \
	X(SPEC, "spec")                                                                            \
	X(START, "start")                                                                          \
	X(STARTED, "started")                                                                      \
	X(DATA, "data")                                                                            \
	X(STOP, "stop")                                                                            \
	X(RETURN, "return")                                                                        \
	X(ERROR, "error")                                                                          \
	X(CANCEL, "cancel")                                                                        \
	X(ACK, "ack")                                                                              \
	X(REGISTER, "register")                                                                    \
	X(UNREGISTER, "unregister")                                                                \
	X(FIND, "find")                                                                            \
	X(WAIT, "wait")                                                                            \
	X(QUERY, "query")                                                                          \
	X(FOUND, "found")

enum grove_msg_kind {
	GROVE_MSG_NONE,
#define X(name, text) GROVE_MSG_##name,
	GROVE_MSG_KINDS(X)
#undef X
		GROVE_MSG_COUNT,
};

/* An actor that the registrar knows. */
struct grove_entry {
	struct grove_uid uid;
	struct grove_addrs addrs;
};

/* All that hangs in it is owned by the message. What a kind has not is empty. */
struct grove_msg {
	enum grove_msg_kind kind;
	int64_t cid; /* which call or context, made up by who started it; never negative */
	int64_t version;
	int64_t pid;
	struct grove_uid uid;
	struct grove_uid parent;
	char *name;
	char *mode;
	char *reason;
	char *backend;
	struct grove_addrs addrs;
	struct grove_addrs registrars;
	struct grove_entry *entries;
	size_t entry_count;
	struct grove_errors *errors; /* one count of it */
	struct grove_value value;
};

/* Free all that hangs in it; kind is NONE then. */
void grove_msg_release(struct grove_msg *msg);

static inline void grove_msg_guard(struct grove_msg *msg)
{
	grove_msg_release(msg);
}
#define _grove_msg_ _grove_cleanup_(grove_msg_guard)

/* "start", ... Static. */
const char *grove_msg_kind_name(enum grove_msg_kind kind);

/* One more entry of a found message, which is to be filled. Borrowed until the next. */
struct grove_entry *grove_msg_add_entry(struct grove_msg *msg) __attribute__((returns_nonnull));

/*
 * Append it to `out`. -EINVAL when a field of its kind is missing, -E2BIG for a value that is too
 * deep; `out` is as it was then.
 */
GROVE_MUST_CHECK
int grove_msg_pack(struct grove_buf *out, const struct grove_msg *msg, struct grove_error *err);

/* The same as one frame. -EMSGSIZE besides when that is above the limit. */
GROVE_MUST_CHECK
int grove_msg_frame(struct grove_buf *out, const struct grove_msg *msg, uint32_t limit,
		    struct grove_error *err);

/*
 * The message that the payload of a frame is. -EBADMSG with what is wrong (a field that is missing,
 * of the wrong kind, twice there, out of its range, an address or uuid that is none), or
 * -EPROTONOSUPPORT for a kind that is unknown. `ret` is untouched then.
 */
GROVE_MUST_CHECK
int grove_msg_unpack(struct grove_msg *ret, const void *payload, size_t size,
		     struct grove_error *err);
