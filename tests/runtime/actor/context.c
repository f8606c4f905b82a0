/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * context.c - calls and their streams: the state of one, at both of its ends.
 */
#include "runtime/actor/context.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/actor/inside.h"
#include "runtime/core/truth.h"

/* ---- life ------------------------------------------------------------------------------------ */

static struct grove_list *list_of(struct grove_peer *peer, int64_t cid)
{
	return &peer->contexts[(uint64_t)cid / 2 % GROVE_CONTEXT_LISTS];
}

/* This event is up to the other end of the call. */
static void promise(const struct grove_context *context, uint32_t kind, struct grove_event *event)
{
	const struct grove_channel *channel = context->peer->channel;
	struct grove_promise of = { .kind = kind, .fd = channel->fd, .call = context->cid };

	grove_copy_name(of.who, sizeof(of.who), context->peer->name);
	grove_event_promise(event, &of);
}

void grove_context_expect(const struct grove_context *context, struct grove_event *event)
{
	promise(context, context->ours ? SNAG_RT_PROMISE_ANSWER : SNAG_RT_PROMISE_CALLER, event);
}

int grove_context_fd(const struct grove_context *context)
{
	return context->peer->channel->fd;
}

struct grove_context *grove_context_new(struct grove_peer *peer, int64_t cid, const char *func)
{
	struct grove_context *context = grove_alloc(1, sizeof(*context));

	context->peer = grove_peer_ref(peer);
	context->ours = cid == 0;
	if (context->ours) {
		cid = peer->next_cid;
		peer->next_cid += 2;
	}
	context->cid = cid;
	context->credit = GROVE_STREAM_WINDOW;
	grove_list_init(&context->items);
	grove_copy_name(context->func, sizeof(context->func), func);
	grove_event_init(&context->changed, context->func);
	/* a caller waits for the function; a function for whatever its caller wants to say */
	if (context->ours)
		promise(context, SNAG_RT_PROMISE_ANSWER, &context->changed);
	grove_list_add(list_of(peer, cid), &context->link);
	peer->context_count++;
	return context;
}

static void drop_item(struct grove_item *item)
{
	grove_list_del(&item->link);
	grove_value_release(&item->value);
	free(item);
}

void grove_context_free(struct grove_context *context)
{
	if (!context)
		return;
	grove_list_del(&context->link);
	context->peer->context_count--;
	while (!grove_list_empty(&context->items))
		drop_item(grove_of(context->items.next, struct grove_item, link));
	grove_msg_release(&context->answer);
	grove_value_release(&context->first);
	grove_peer_unref(context->peer);
	free(context);
}

struct grove_context *grove_context_find(struct grove_peer *peer, int64_t cid)
{
	struct grove_list *list = list_of(peer, cid);

	for (struct grove_list *at = list->next; at != list; at = at->next) {
		struct grove_context *context = grove_of(at, struct grove_context, link);

		if (context->cid == cid)
			return context;
	}
	return NULL;
}

const struct grove_uid *grove_context_peer(const struct grove_context *context)
{
	return &context->peer->channel->peer;
}

/* ---- what comes from the other side ---------------------------------------------------------- */

static int on_data(struct grove_context *context, struct grove_msg *msg, struct grove_error *err)
{
	struct grove_item *item;

	if (!context->stream || context->stop_got)
		return grove_error_set(err, -EPROTO, "an item for '%s', which takes none",
				       context->func);
	if (context->queued >= GROVE_STREAM_WINDOW)
		return grove_error_set(err, -EPROTO, "more than %d items for '%s' under way",
				       GROVE_STREAM_WINDOW, context->func);
	item = grove_alloc(1, sizeof(*item));
	item->value = grove_value_move(&msg->value);
	grove_list_add(&context->items, &item->link);
	context->queued++;
	return 0;
}

static void on_cancel(struct grove_context *context, const char *reason)
{
	struct grove_peer *peer = context->peer;

	if (context->ours || context->cancelled)
		return;
	context->cancelled = true;
	grove_copy_name(context->why, sizeof(context->why), reason);
	if (context->scope)
		grove_scope_cancel(context->scope, GROVE_CANCEL_REMOTE, peer->name, context->why);
}

static int on_end(struct grove_context *context, struct grove_msg *msg, struct grove_error *err)
{
	if (!context->ours || context->done)
		return grove_error_set(err, -EPROTO, "an answer for '%s', which waits for none",
				       context->func);
	context->answer = *msg;
	*msg = (struct grove_msg){ .kind = GROVE_MSG_NONE };
	context->done = true;
	return 0;
}

int grove_context_on(struct grove_context *context, struct grove_msg *msg, struct grove_error *err)
{
	int rc = 0;

	switch (msg->kind) {
	case GROVE_MSG_DATA:
		rc = on_data(context, msg, err);
		break;
	case GROVE_MSG_STOP:
		context->stop_got = true;
		break;
	case GROVE_MSG_CANCEL:
		on_cancel(context, msg->reason);
		break;
	case GROVE_MSG_STARTED:
		if (!context->ours || context->started || !context->stream)
			return grove_error_set(err, -EPROTO, "'%s' starts again", context->func);
		context->started = true;
		context->first = grove_value_move(&msg->value);
		break;
	case GROVE_MSG_ACK:
		if (!context->stream) {
			rc = on_end(context, msg, err);
			break;
		}
		context->credit += GROVE_STREAM_BATCH;
		if (context->credit > GROVE_STREAM_WINDOW)
			rc = grove_error_set(err, -EPROTO, "'%s': more taken than sent",
					     context->func);
		break;
	default:
		rc = on_end(context, msg, err);
		break;
	}
	grove_event_pulse(&context->changed);
	return rc;
}

void grove_context_on_gone(struct grove_context *context)
{
	if (context->ours)
		context->done = true;
	else
		on_cancel(context, "the caller is gone");
	grove_event_pulse(&context->changed);
}

/* ---- streams --------------------------------------------------------------------------------- */

static int gone(const struct grove_context *context, struct grove_error *err)
{
	return grove_error_set(err, -ENOTCONN, "'%s' in %s: the connection has ended",
			       context->func, context->peer->name);
}

/* Wait for the next change of a context. */
static int wait_change(struct grove_context *context)
{
	return grove_event_wait(&context->changed);
}

int grove_context_send(struct grove_context *context, struct grove_value item,
		       struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_DATA, .cid = context->cid };
	int rc = grove_check();

	msg.value = item;
	while (rc == 0 && context->credit == 0 && !context->done && !context->peer->gone &&
	       !context->stop_sent)
		rc = wait_change(context);
	if (rc < 0)
		return rc;
	if (context->peer->gone)
		return gone(context, err);
	if (!context->stream || context->stop_sent || context->done)
		return grove_error_set(err, -EPIPE, "'%s' in %s takes no more items", context->func,
				       context->peer->name);
	context->credit--;
	return grove_channel_send(context->peer->channel, &msg, err);
}

static int take_item(struct grove_context *context, struct grove_value *ret)
{
	struct grove_item *item = grove_of(context->items.next, struct grove_item, link);
	struct grove_msg ack = { .kind = GROVE_MSG_ACK, .cid = context->cid };

	*ret = grove_value_move(&item->value);
	drop_item(item);
	context->queued--;
	if (++context->taken < GROVE_STREAM_BATCH)
		return 0;
	context->taken = 0;
	/* a channel that broke is seen by the next call */
	(void)grove_channel_post(context->peer->channel, &ack, NULL);
	return 0;
}

int grove_context_recv(struct grove_context *context, struct grove_value *ret,
		       struct grove_error *err)
{
	int rc = grove_check();

	while (rc == 0 && grove_list_empty(&context->items) && !context->stop_got &&
	       !context->done && !context->peer->gone)
		rc = wait_change(context);
	if (rc < 0)
		return rc;
	if (!grove_list_empty(&context->items))
		return take_item(context, ret);
	if (context->stop_got || context->answer.kind != GROVE_MSG_NONE)
		return grove_error_set(err, -EPIPE, "'%s' in %s sends no more items", context->func,
				       context->peer->name);
	return gone(context, err);
}

void grove_context_stop(struct grove_context *context)
{
	struct grove_msg msg = { .kind = GROVE_MSG_STOP, .cid = context->cid };

	if (context->stop_sent || !context->stream)
		return;
	context->stop_sent = true;
	grove_event_pulse(&context->changed);
	if (!context->done && !context->peer->gone)
		(void)grove_channel_post(context->peer->channel, &msg, NULL); /* see take_item() */
}

int grove_context_started(struct grove_context *context, struct grove_value value,
			  struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_STARTED, .cid = context->cid };

	msg.value = value;
	if (context->ours || context->started || !context->stream)
		return grove_error_set(err, -EPROTO, "'%s': nobody waits for its start",
				       context->func);
	context->started = true;
	return grove_channel_send(context->peer->channel, &msg, err);
}

/* ---- the function's end ---------------------------------------------------------------------- */

/* The error of a function for its caller, with where it was made. */
static struct grove_errors *relayed(struct grove_context *context, int rc, struct grove_error *err)
{
	struct grove_actor *actor = context->peer->actor;
	const struct grove_reason *reason = &actor->reason;
	struct grove_errors *node;

	if (rc == -ECANCELED && context->cancelled)
		node = grove_errors_new(rc, "cancelled: %s", context->why);
	else if (rc == -ECANCELED)
		node = grove_errors_new(rc, "the actor was cancelled by %s%s%s",
					reason->who[0] ? reason->who : "itself",
					reason->text[0] ? ": " : "", reason->text);
	else
		node = grove_errors_from(err);
	if (grove_errors_origin(node)->actor[0]) {
		/* passed on as it came from a third actor: that one stays its origin */
		struct grove_errors *from = node;

		node = grove_errors_new(rc, "%s", grove_errors_text(from));
		grove_errors_add(node, from);
	}
	grove_errors_set_origin(node, context->func, actor->uid.name, actor->uid.uuid);
	return node;
}

int grove_context_serve(void *arg, struct grove_error *unused)
{
	struct grove_context *context = arg;
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_value_ struct grove_value args = grove_value_move(&context->first);
	_grove_msg_ struct grove_msg msg = { .cid = context->cid };
	struct grove_scope scope;
	int rc;

	(void)unused;
	grove_task_serves(context->peer->channel->fd, context->cid);
	grove_scope_enter(&scope, context->func, GROVE_NEVER);
	context->scope = &scope;
	if (context->cancelled)
		grove_scope_cancel(&scope, GROVE_CANCEL_REMOTE, context->peer->name, context->why);
	rc = context->fn(context, &args, &msg.value, &err);
	context->scope = NULL;
	rc = grove_scope_exit(&scope, rc, &err);
	if (rc == 0 && scope.caught)
		rc = -ECANCELED;
	msg.kind = rc == 0 ? GROVE_MSG_RETURN : GROVE_MSG_ERROR;
	if (rc < 0) {
		grove_value_release(&msg.value);
		msg.errors = relayed(context, rc, &err);
	}
	/* not send: a cancelled actor, too, tells how its calls ended */
	rc = grove_channel_post(context->peer->channel, &msg, &err);
	if ((rc == -EMSGSIZE || rc == -E2BIG) && msg.kind == GROVE_MSG_RETURN) {
		_grove_msg_ struct grove_msg too_big = { .kind = GROVE_MSG_ERROR };

		too_big.cid = context->cid;
		too_big.errors = relayed(context, rc, &err);
		(void)grove_channel_post(context->peer->channel, &too_big, NULL);
	}
	grove_context_free(context);
	return 0;
}

/* ---- the caller's end ------------------------------------------------------------------------ */

int grove_context_wait_done(struct grove_context *context)
{
	int rc = 0;

	/* an outcome that is there is given also to who is cancelled: it may be an error */
	while (rc == 0 && !context->done)
		rc = wait_change(context);
	return rc;
}

void grove_context_cancel(struct grove_context *context, const char *reason)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_CANCEL, .cid = context->cid };

	if (!context->ours || context->done || context->cancel_sent)
		return;
	context->cancel_sent = true;
	msg.reason = grove_strdup(reason ? reason : "");
	msg.uid = context->peer->actor->uid;
	(void)grove_channel_post(context->peer->channel, &msg, NULL); /* broken: gone */
}

/* The error that came first of all in a tree of them. Not deeper than a tree from a wire can be. */
static const struct grove_errors *first_leaf(const struct grove_errors *node)
{
	while (grove_errors_count(node) > 0)
		node = grove_errors_child(node, 0);
	return node;
}

/* The error of the answer as ours: one line says where and what at first, the tree has it all. */
static int remote_error(struct grove_context *context, struct grove_error *err)
{
	struct grove_errors *from = context->answer.errors;
	int code = grove_errors_code(from);
	struct grove_errors *node;

	if (code == -ECANCELED || code >= 0)
		code = -EREMOTEIO;
	node = grove_errors_new(code, "'%s' in %s: %s", context->func, context->peer->name,
				grove_errors_text(first_leaf(from)));
	grove_errors_add(node, grove_errors_ref(from));
	return grove_error_set_tree(err, node);
}

/* What the context gave, when it is done. */
static int outcome(struct grove_context *context, struct grove_value *ret, struct grove_error *err)
{
	switch (context->answer.kind) {
	case GROVE_MSG_RETURN:
		if (ret)
			*ret = grove_value_move(&context->answer.value);
		return 0;
	case GROVE_MSG_ERROR:
		return remote_error(context, err);
	case GROVE_MSG_NONE:
		return gone(context, err);
	default:
		return grove_error_set(err, -EPROTO, "'%s' in %s: answered with '%s'",
				       context->func, context->peer->name,
				       grove_msg_kind_name(context->answer.kind));
	}
}

int grove_context_result(struct grove_context *context, struct grove_value *ret,
			 struct grove_error *err)
{
	int rc = grove_context_wait_done(context);

	return rc < 0 ? rc : outcome(context, ret, err);
}

/* After a cancel: the function's end, as long as our grace allows. */
static void wait_cancelled(struct grove_context *context)
{
	struct grove_actor *actor = context->peer->actor;
	int64_t deadline_ns = actor->defects.ladder_waits ? GROVE_NEVER :
							    grove_deadline_after(actor->grace_ns);
	struct grove_scope shield;
	int rc;

	grove_context_cancel(context, "its caller was cancelled or failed");
	grove_scope_enter_shielded(&shield, "context close", deadline_ns);
	rc = grove_context_wait_done(context);
	/* not done in time: it is left to itself, and the answer will find nobody */
	(void)grove_scope_exit(&shield, rc, NULL);
}

int grove_context_close(struct grove_context *context, int rc, struct grove_value *ret,
			struct grove_error *err)
{
	if (rc == 0)
		rc = grove_context_result(context, ret, err);
	if (rc < 0 && !context->done)
		wait_cancelled(context);
	if (rc < 0 && context->answer.kind == GROVE_MSG_ERROR &&
	    grove_errors_code(context->answer.errors) != -ECANCELED)
		rc = remote_error(context, err);
	grove_truth("waits-no-more", grove_fact_text("for", context->peer->name),
		    grove_fact_text("function", context->func), grove_fact_int("rc", rc));
	grove_context_free(context);
	return rc;
}

/* Begin a call: the message is out, or there is an error and no context. */
static int begin(struct grove_peer *peer, const char *func, struct grove_msg *msg,
		 struct grove_context **ret, struct grove_error *err)
{
	struct grove_context *context;
	int rc;

	if (peer->gone)
		return grove_error_set(err, -ENOTCONN, "'%s' in %s: not connected", func,
				       peer->name);
	context = grove_context_new(peer, 0, func);
	msg->cid = context->cid;
	rc = grove_channel_send(peer->channel, msg, err);
	if (rc < 0) {
		grove_context_free(context);
		return rc == -EPIPE ? grove_error_set(err, -ENOTCONN, "'%s' in %s: not connected",
						      func, peer->name) :
				      rc;
	}
	grove_truth("waits-for", grove_fact_text("for", peer->name),
		    grove_fact_text("function", func), grove_fact_int("cid", context->cid));
	*ret = context;
	return 0;
}

static struct grove_msg start_message(const char *func, const char *mode, struct grove_value args)
{
	struct grove_msg msg = { .kind = GROVE_MSG_START };

	msg.value = args;
	msg.name = grove_strdup(func);
	msg.mode = grove_strdup(mode);
	return msg;
}

int grove_portal_run(struct grove_portal *portal, const char *func, struct grove_value args,
		     struct grove_value *ret, struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = start_message(func, "call", args);
	struct grove_context *context = NULL;
	int rc = begin(portal->peer, func, &msg, &context, err);

	return context ? grove_context_close(context, 0, ret, err) : rc;
}

int grove_portal_open(struct grove_portal *portal, const char *func, struct grove_value args,
		      struct grove_context **ret, struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = start_message(func, "context", args);
	struct grove_context *context = NULL;
	int rc = begin(portal->peer, func, &msg, &context, err);

	if (!context)
		return rc;
	context->stream = true;
	while (rc == 0 && !context->started && !context->done)
		rc = wait_change(context);
	if (rc == 0 && !context->started) {
		rc = outcome(context, NULL, err);
		if (rc == 0)
			rc = grove_error_set(err, -EPROTO, "'%s' in %s ended without a start", func,
					     context->peer->name);
	}
	if (rc < 0)
		return grove_context_close(context, rc, NULL, err);
	*ret = context;
	return 0;
}

const struct grove_value *grove_context_first(const struct grove_context *context)
{
	return &context->first;
}

int grove_peer_ask(struct grove_peer *peer, struct grove_msg *msg, struct grove_msg *answer,
		   struct grove_error *err)
{
	struct grove_context *context = NULL;
	int rc = begin(peer, grove_msg_kind_name(msg->kind), msg, &context, err);

	if (!context)
		return rc;
	rc = grove_context_wait_done(context);
	if (rc < 0)
		grove_context_cancel(context, "nobody waits for it");
	if (rc == 0 && context->answer.kind == GROVE_MSG_NONE)
		rc = gone(context, err);
	if (rc == 0 && context->answer.kind == GROVE_MSG_ERROR)
		rc = remote_error(context, err);
	if (rc == 0 && answer) {
		*answer = context->answer;
		context->answer = (struct grove_msg){ .kind = GROVE_MSG_NONE };
	}
	grove_context_free(context);
	return rc;
}
