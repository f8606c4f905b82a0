/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.c - connections to other actors: how they come, what their messages do, how they go.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/actor/kid.h"
#include "runtime/core/io.h"
#include "runtime/core/tools.h"
#include "runtime/core/truth.h"

/* ---- life ------------------------------------------------------------------------------------ */

struct grove_peer *grove_peer_new(struct grove_actor *actor, struct grove_channel *channel,
				  bool ours)
{
	struct grove_peer *peer = grove_alloc(1, sizeof(*peer));

	peer->actor = actor;
	peer->channel = channel;
	peer->ours = ours;
	peer->users = 1;
	peer->next_cid = ours ? 1 : 2;
	grove_uid_print(&channel->peer, peer->name);
	grove_event_init(&peer->changed, peer->name);
	for (int i = 0; i < GROVE_CONTEXT_LISTS; i++)
		grove_list_init(&peer->contexts[i]);
	grove_list_add(&actor->peers, &peer->link);
	grove_truth("connected", grove_fact_text("peer", peer->name),
		    grove_fact_int("peer_pid", channel->peer_pid),
		    grove_fact_int("fd", channel->fd), grove_fact_int("ours", ours));
	return peer;
}

struct grove_peer *grove_peer_ref(struct grove_peer *peer)
{
	peer->users++;
	return peer;
}

/* A connection that we made is closed when only its reader is left. */
static bool is_idle(const struct grove_peer *peer)
{
	return peer->users == 1 && peer->ours && !peer->gone && !peer->is_parent &&
	       peer != peer->actor->registrar;
}

void grove_peer_unref(struct grove_peer *peer)
{
	if (--peer->users > 0) {
		if (is_idle(peer)) {
			peer->gone = true; /* nobody takes it up again */
			grove_channel_shut(peer->channel);
		}
		return;
	}
	grove_list_del(&peer->link);
	grove_channel_free(peer->channel);
	free(peer);
}

struct grove_peer *grove_peer_find(struct grove_actor *actor, const struct grove_uid *uid)
{
	for (struct grove_list *at = actor->peers.next; at != &actor->peers; at = at->next) {
		struct grove_peer *peer = grove_of(at, struct grove_peer, link);

		if (!peer->gone && grove_uid_equal(&peer->channel->peer, uid))
			return peer;
	}
	return NULL;
}

void grove_actor_hello(const struct grove_actor *actor, struct grove_msg *ret)
{
	*ret = (struct grove_msg){ .kind = GROVE_MSG_HELLO, .version = GROVE_PROTOCOL_VERSION };
	ret->uid = actor->uid;
	ret->pid = getpid();
	grove_addrs_copy(&ret->addrs, &actor->listeners.addrs);
}

/* ---- what a message does --------------------------------------------------------------------- */

static const struct grove_func *find_func(const struct grove_actor *actor, const char *name)
{
	for (const struct grove_func *func = actor->program->funcs; func && func->name; func++)
		if (strcmp(func->name, name) == 0)
			return func;
	return NULL;
}

static void answer_error(struct grove_peer *peer, int64_t cid, int code, const char *text)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_ERROR, .cid = cid };

	msg.errors = grove_errors_new(code, "%s", text);
	grove_errors_set_origin(msg.errors, NULL, peer->actor->uid.name, peer->actor->uid.uuid);
	(void)grove_channel_post(peer->channel, &msg, NULL); /* broken: nobody waits for it */
}

static int on_start(struct grove_peer *peer, struct grove_msg *msg, struct grove_error *err)
{
	struct grove_actor *actor = peer->actor;
	const struct grove_func *func = find_func(actor, msg->name);
	struct grove_context *context;
	char text[192];

	if (msg->cid <= peer->last_cid || (msg->cid & 1) == (peer->ours ? 1 : 0))
		return grove_error_set(err, -EPROTO, "a call with the number %lld, after %lld",
				       (long long)msg->cid, (long long)peer->last_cid);
	peer->last_cid = msg->cid;
	if (!func) {
		snprintf(text, sizeof(text), "no function '%.100s' here", msg->name);
		answer_error(peer, msg->cid, -ENOSYS, text);
		return 0;
	}
	if (!actor->working) {
		answer_error(peer, msg->cid, -ESHUTDOWN, "the actor is ending");
		return 0;
	}
	if (peer->context_count >= GROVE_CALLS_MAX) {
		answer_error(peer, msg->cid, -EBUSY, "too many calls at a time");
		return 0;
	}
	context = grove_context_new(peer, msg->cid, func->name);
	context->fn = func->fn;
	context->stream = strcmp(msg->mode, "context") == 0;
	context->first = grove_value_move(&msg->value);
	grove_spawn(&actor->work, func->name, grove_context_serve, context);
	return 0;
}

static int on_cancel_actor(struct grove_peer *peer, const struct grove_msg *msg)
{
	struct grove_msg ack = { .kind = GROVE_MSG_ACK };

	if (peer->actor->defects.cancel_unanswered)
		return 0;
	(void)grove_channel_post(peer->channel, &ack,
				 NULL); /* the request counts, not the answer */
	grove_actor_cancel(peer->actor, GROVE_CANCEL_REMOTE, peer->name, msg->reason);
	return 0;
}

/* A message about the connection or the actor behind it, not about one call. */
static int on_whole(struct grove_peer *peer, struct grove_msg *msg, struct grove_error *err)
{
	switch (msg->kind) {
	case GROVE_MSG_CANCEL:
		return on_cancel_actor(peer, msg);
	case GROVE_MSG_ACK:
		peer->answered = true;
		grove_event_pulse(&peer->changed);
		return 0;
	case GROVE_MSG_HELLO:
		/* once more, from an actor that we have started: it is up, and listens there */
		if (!peer->kid)
			return grove_error_set(err, -EPROTO, "hello was said already");
		grove_addrs_copy(&peer->channel->peer_addrs, &msg->addrs);
		grove_kid_on_up(peer->kid);
		return 0;
	case GROVE_MSG_ERROR:
		if (peer->kid)
			grove_kid_on_refusal(peer->kid, msg->errors);
		return grove_error_set(err, -EPIPE, "the peer ends the connection: %s",
				       grove_errors_text(msg->errors));
	default:
		return grove_error_set(err, -EPROTO, "'%s' out of place",
				       grove_msg_kind_name(msg->kind));
	}
}

static int on_context(struct grove_peer *peer, struct grove_msg *msg, struct grove_error *err)
{
	struct grove_context *context = grove_context_find(peer, msg->cid);
	bool ours = (msg->cid & 1) == (peer->ours ? 1 : 0);

	if (context)
		return grove_context_on(context, msg, err);
	if (!ours && msg->kind == GROVE_MSG_CANCEL)
		grove_registrar_on_cancel(peer, msg->cid);
	/* one that has ended here while this was under way */
	if (ours ? msg->cid < peer->next_cid : msg->cid <= peer->last_cid)
		return 0;
	return grove_error_set(err, -EPROTO, "'%s' for the call %lld, which there never was",
			       grove_msg_kind_name(msg->kind), (long long)msg->cid);
}

static int dispatch(struct grove_peer *peer, struct grove_msg *msg, struct grove_error *err)
{
	switch (msg->kind) {
	case GROVE_MSG_START:
		return on_start(peer, msg, err);
	case GROVE_MSG_REGISTER:
	case GROVE_MSG_UNREGISTER:
	case GROVE_MSG_FIND:
	case GROVE_MSG_WAIT:
	case GROVE_MSG_QUERY:
		return grove_registrar_on(peer, msg, err);
	case GROVE_MSG_HELLO:
	case GROVE_MSG_SPEC:
		return on_whole(peer, msg, err);
	default:
		return msg->cid == 0 ? on_whole(peer, msg, err) : on_context(peer, msg, err);
	}
}

/* ---- the reader ------------------------------------------------------------------------------ */

/* The connection is over, for us or for them: all that waits for it is told. */
static void end_peer(struct grove_peer *peer, int rc, const struct grove_error *why)
{
	struct grove_actor *actor = peer->actor;
	bool refused = rc != -EPIPE && rc != -ECANCELED;

	peer->gone = true;
	if (refused) {
		grove_truth("protocol-error", grove_fact_text("peer", peer->name),
			    grove_fact_text("text", why->text), grove_fact_int("rc", rc));
		answer_error(peer, 0, rc, why->text);
	}
	if (rc != -ECANCELED)
		grove_truth("disconnected", grove_fact_text("peer", peer->name),
			    grove_fact_text("why", why->text));
	for (int i = 0; i < GROVE_CONTEXT_LISTS; i++) {
		struct grove_list *list = &peer->contexts[i];

		for (struct grove_list *at = list->next; at != list; at = at->next)
			grove_context_on_gone(grove_of(at, struct grove_context, link));
	}
	grove_registrar_on_gone(peer);
	grove_event_pulse(&peer->changed);
	if (peer->kid)
		grove_kid_on_gone(peer->kid);
	if (peer->is_parent && rc != -ECANCELED && !actor->defects.orphan_stays)
		grove_actor_cancel(actor, GROVE_CANCEL_REMOTE, peer->name,
				   "the channel to the parent has ended");
	if (refused)
		grove_channel_linger(peer->channel, grove_now_ns() + GROVE_SECOND);
	grove_channel_shut(peer->channel);
}

int grove_peer_read(void *arg, struct grove_error *unused)
{
	struct grove_peer *peer = arg;
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int rc = 0;

	(void)unused;
	while (rc == 0) {
		_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_NONE };

		rc = grove_channel_recv(peer->channel, &msg, &err);
		if (rc == 0)
			rc = dispatch(peer, &msg, &err);
	}
	end_peer(peer, rc, &err);
	grove_peer_unref(peer);
	/* what a peer does wrong is no failure of this actor */
	return 0;
}

void grove_peer_serve(struct grove_peer *peer)
{
	char name[GROVE_NAME_SIZE];

	snprintf(name, sizeof(name), "peer %.50s", peer->name);
	grove_spawn(&peer->actor->service, name, grove_peer_read, grove_peer_ref(peer));
}

/* ---- how connections come -------------------------------------------------------------------- */

int grove_peer_accepted(void *arg, struct grove_error *unused)
{
	struct grove_accepted *accepted = arg;
	struct grove_actor *actor = accepted->actor;
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_channel_ struct grove_channel *channel =
		grove_channel_new(accepted->fd, &actor->service);
	_grove_msg_ struct grove_msg hello = { .kind = GROVE_MSG_NONE };
	struct grove_peer *peer;
	int rc;

	(void)unused;
	free(accepted);
	grove_actor_hello(actor, &hello);
	rc = grove_channel_hello(channel, &hello, false, &err);
	if (rc < 0) {
		if (rc != -ECANCELED)
			grove_truth("protocol-error", grove_fact_text("peer", "?"),
				    grove_fact_text("text", err.text), grove_fact_int("rc", rc));
		return 0;
	}
	peer = grove_peer_new(actor, grove_steal(channel), false);
	peer->kid = grove_kid_expected(actor, &peer->channel->peer);
	if (peer->kid) {
		peer->kid->portal.peer = grove_peer_ref(peer);
		grove_event_pulse(&peer->kid->changed);
	}
	grove_task_set_name(grove_current(), peer->name);
	return grove_peer_read(peer, NULL);
}

static int connect_one(struct grove_actor *actor, const struct grove_multiaddr *address,
		       struct grove_peer **ret, struct grove_error *err)
{
	_grove_channel_ struct grove_channel *channel = NULL;
	_grove_msg_ struct grove_msg hello = { .kind = GROVE_MSG_NONE };
	bool for_ever = actor->defects.connect_for_ever;
	int64_t patience_ns = for_ever ? GROVE_NEVER : grove_patience(GROVE_HELLO_NS);
	int64_t deadline_ns = grove_deadline_after(patience_ns);
	int rc = grove_channel_connect(address, deadline_ns, &actor->service, &channel, err);

	if (rc < 0)
		return rc;
	channel->hello_ns = patience_ns;
	grove_actor_hello(actor, &hello);
	rc = grove_channel_hello(channel, &hello, true, err);
	if (rc < 0)
		return rc;
	*ret = grove_peer_new(actor, grove_steal(channel), true);
	return 0;
}

int grove_peer_connect(struct grove_actor *actor, const struct grove_addrs *addrs,
		       struct grove_peer **ret, struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs sorted = GROVE_ADDRS_INIT;
	_grove_addrs_ struct grove_addrs own = GROVE_ADDRS_INIT;
	char text[GROVE_MULTIADDR_TEXT];
	int rc;

	if (addrs->count == 0)
		return grove_error_set(err, -EADDRNOTAVAIL, "no address to connect to");
	grove_addrs_copy(&sorted, addrs);
	rc = grove_addrs_own(&own, err);
	if (rc < 0)
		return rc;
	grove_addrs_sort(&sorted, &own);
	for (size_t i = 0; i < sorted.count; i++) {
		rc = connect_one(actor, &sorted.at[i], ret, err);
		if (rc == 0 || rc == -ECANCELED)
			return rc;
		grove_truth("connect-failed",
			    grove_fact_text("address", grove_multiaddr_print(&sorted.at[i], text)),
			    grove_fact_int("rc", rc));
	}
	return sorted.count == 1 ?
		       rc :
		       grove_error_at(err, rc, "none of %zu addresses answers; the last",
				      sorted.count);
}
