/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * portal.c - ways into other actors.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/actor/kid.h"

static struct grove_portal *portal_of(struct grove_peer *peer)
{
	struct grove_portal *portal = grove_alloc(1, sizeof(*portal));

	portal->peer = grove_peer_ref(peer);
	portal->uid = peer->channel->peer;
	grove_addrs_copy(&portal->addrs, &peer->channel->peer_addrs);
	return portal;
}

void grove_portal_free(struct grove_portal *portal)
{
	if (!portal || portal->kid)
		return;
	grove_peer_unref(portal->peer);
	grove_addrs_release(&portal->addrs);
	free(portal);
}

int grove_portal_connect(const struct grove_addrs *addrs, const struct grove_uid *uid,
			 struct grove_portal **ret, struct grove_error *err)
{
	struct grove_actor *actor = grove_actor_self();
	struct grove_peer *there = uid ? grove_peer_find(actor, uid) : NULL;
	_grove_peer_ struct grove_peer *peer = there ? grove_peer_ref(there) : NULL;
	char text[GROVE_UID_TEXT];
	int rc = peer ? grove_check() : grove_peer_connect(actor, addrs, &peer, err);

	if (rc < 0)
		return rc;
	if (uid && !grove_uid_equal(uid, &peer->channel->peer))
		return grove_error_set(err, -ESTALE, "%s answers where %s was", peer->name,
				       grove_uid_print(uid, text));
	if (!there)
		grove_peer_serve(peer);
	*ret = portal_of(peer);
	return 0;
}

struct grove_portal *grove_portal_parent(void)
{
	struct grove_actor *actor = grove_actor_self();

	return actor->parent ? portal_of(actor->parent) : NULL;
}

struct grove_portal *grove_portal_back(struct grove_context *context)
{
	return portal_of(context->peer);
}

const struct grove_uid *grove_portal_uid(const struct grove_portal *portal)
{
	return &portal->uid;
}

const struct grove_addrs *grove_portal_addrs(const struct grove_portal *portal)
{
	return &portal->addrs;
}

int grove_portal_cancel_actor(struct grove_portal *portal, const char *reason,
			      struct grove_error *err)
{
	struct grove_peer *peer = portal->peer;
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_CANCEL };
	struct grove_scope scope;
	int rc;

	if (peer->gone)
		return grove_check();
	if (portal->kid)
		portal->kid->wanted = true;
	msg.reason = grove_strdup(reason ? reason : "");
	msg.uid = peer->actor->uid;
	grove_fail_after(&scope, peer->actor->grace_ns);
	rc = grove_channel_send(peer->channel, &msg, err);
	if (rc == -EPIPE)
		rc = 0;
	while (rc == 0 && !peer->answered && !peer->gone)
		rc = grove_event_wait(&peer->changed);
	rc = grove_scope_exit(&scope, rc, err);
	return rc == -ETIMEDOUT ?
		       grove_error_set(err, rc, "%s has not taken the request to end within %d ms",
				       peer->name, (int)(peer->actor->grace_ns / GROVE_MS)) :
		       rc;
}
