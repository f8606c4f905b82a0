/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * context.h - a function that runs in another actor, seen from both of its ends; and portals.
 *
 * A portal leads to an actor. grove_portal_run() is a plain call. A context stays open: the
 * function says that it has started, both ends may send and receive items (each direction bounded:
 * a sender waits until the other side takes some), and it ends with a result or an error.
 * Cancelling goes both ways: the caller's cancel cancels the scope of the function there; a
 * function that fails or ends makes the caller's calls return.
 *
 *	rc = grove_portal_open(portal, "numbers", grove_int(3), &context, err);
 *	while (rc == 0 && (rc = grove_context_recv(context, &item, err)) == 0)
 *		...
 *	rc = grove_context_close(context, rc == -EPIPE ? 0 : rc, &result, err);
 *
 * An error that comes from there is a tree (core/errors.h) whose root names the function and the
 * actor, by uid. That the function was cancelled is -EREMOTEIO here: -ECANCELED means only our own
 * scopes. A peer that is gone is -ENOTCONN.
 */
#pragma once

#include "runtime/core/event.h"
#include "runtime/wire/msg.h"

struct grove_actor;
struct grove_context;
struct grove_peer;
struct grove_portal;

/* So many items may be on their way in one direction; taken ones are told in batches. */
enum { GROVE_STREAM_WINDOW = 64, GROVE_STREAM_BATCH = 16 };

/* ---- both ends ------------------------------------------------------------------------------- */

/* Send one item, which is taken over in any case. -EPIPE: the other side has ended or we have said
 * so; -ENOTCONN; -ECANCELED. Waits while the window is full. */
GROVE_MUST_CHECK
int grove_context_send(struct grove_context *context, struct grove_value item,
		       struct grove_error *err);

/* The next item of the other side. -EPIPE: it sends no more (then the result tells why);
 * -ENOTCONN; -ECANCELED. */
GROVE_MUST_CHECK
int grove_context_recv(struct grove_context *context, struct grove_value *ret,
		       struct grove_error *err);

/* We send no more items. May be called again. */
void grove_context_stop(struct grove_context *context);

/* The other actor. Borrowed. */
const struct grove_uid *grove_context_peer(const struct grove_context *context);

/* `event` is one that the other end of the call will bring about: said to readers outside. */
void grove_context_expect(const struct grove_context *context, struct grove_event *event);

/* The connection that the call goes over. */
int grove_context_fd(const struct grove_context *context);

/* ---- the function's end ---------------------------------------------------------------------- */

/* I am ready, here is a value (taken over): the caller's open returns. -EPROTO when it was a plain
 * call or was done before. */
int grove_context_started(struct grove_context *context, struct grove_value value,
			  struct grove_error *err);

/* ---- the caller's end ------------------------------------------------------------------------ */

/* Run a function there (`args` is taken over), and wait until it says that it has started. Its
 * failure before that is the result. */
GROVE_MUST_CHECK
int grove_portal_open(struct grove_portal *portal, const char *func, struct grove_value args,
		      struct grove_context **ret, struct grove_error *err);

/* The value that the function gave when it started. Borrowed while the context lives. */
const struct grove_value *grove_context_first(const struct grove_context *context);

/* Ask the function to stop; goes on. */
void grove_context_cancel(struct grove_context *context, const char *reason);

/* Wait for the end of the function, and take its result (*ret may be NULL) or error. */
GROVE_MUST_CHECK
int grove_context_result(struct grove_context *context, struct grove_value *ret,
			 struct grove_error *err);

/*
 * Leave the context with the outcome of the body, and free it. After 0: waits for the function and
 * gives its result or error. After a failure or a cancel: cancels the function, waits for its end
 * at most the grace of this actor, and gives `rc` back, unless the function had an error of its
 * own: then that.
 */
int grove_context_close(struct grove_context *context, int rc, struct grove_value *ret,
			struct grove_error *err);

/* Call a function and wait for its result: open and close in one. `args` is taken over. */
GROVE_MUST_CHECK
int grove_portal_run(struct grove_portal *portal, const char *func, struct grove_value args,
		     struct grove_value *ret, struct grove_error *err);

/* ---- portals --------------------------------------------------------------------------------- */

/* A portal to the actor at the nearest of `addrs` that answers; `uid` (may be NULL): it must be
 * this one, else -ESTALE. Uses a connection that there is already. */
GROVE_MUST_CHECK
int grove_portal_connect(const struct grove_addrs *addrs, const struct grove_uid *uid,
			 struct grove_portal **ret, struct grove_error *err);

/* A portal to an actor that is connected: the parent (NULL for a root), the caller of a context. */
struct grove_portal *grove_portal_parent(void);
struct grove_portal *grove_portal_back(struct grove_context *context)
	__attribute__((returns_nonnull));

/* Let go of it. A connection that we have made ends when nobody here uses it. NULL is fine. */
void grove_portal_free(struct grove_portal *portal);
GROVE_GUARD(grove_portal)
#define _grove_portal_ _grove_cleanup_(grove_portal_free_guard)

/* Who is there, and where it listens. Borrowed from the portal. */
const struct grove_uid *grove_portal_uid(const struct grove_portal *portal);
const struct grove_addrs *grove_portal_addrs(const struct grove_portal *portal);

/* Ask the whole actor to end, and wait until it has taken the request, at most our grace. 0 also
 * when it is gone; -ETIMEDOUT: no answer; -ECANCELED. */
GROVE_MUST_CHECK
int grove_portal_cancel_actor(struct grove_portal *portal, const char *reason,
			      struct grove_error *err);
