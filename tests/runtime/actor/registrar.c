/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registrar.c - the books of the registrar, and those who ask it.
 */
#include "runtime/actor/registrar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/actor/inside.h"
#include "runtime/core/truth.h"

struct grove_registry {
	struct grove_list entries; /* newest last */
	struct grove_list waits;
	struct grove_event changed; /* pulsed with each new entry */
};

struct entry {
	struct grove_list link;
	struct grove_uid uid;
	struct grove_addrs addrs;
	struct grove_peer *peer; /* who registered itself; not counted; NULL: somebody else did */
};

struct waiting {
	struct grove_list link;
	struct grove_peer *peer; /* not counted: forgotten when it is gone */
	int64_t cid;
	char name[GROVE_NAME_SIZE];
};

/* ---- the books ------------------------------------------------------------------------------- */

struct grove_registry *grove_registry_new(void)
{
	struct grove_registry *registry = grove_alloc(1, sizeof(*registry));

	grove_list_init(&registry->entries);
	grove_list_init(&registry->waits);
	grove_event_init(&registry->changed, "registry");
	return registry;
}

static void forget(struct entry *entry)
{
	grove_list_del(&entry->link);
	grove_addrs_release(&entry->addrs);
	free(entry);
}

static void stop_waiting(struct waiting *waiting)
{
	grove_list_del(&waiting->link);
	free(waiting);
}

void grove_registry_free(struct grove_registry *registry)
{
	if (!registry)
		return;
	while (!grove_list_empty(&registry->entries))
		forget(grove_of(registry->entries.next, struct entry, link));
	while (!grove_list_empty(&registry->waits))
		stop_waiting(grove_of(registry->waits.next, struct waiting, link));
	free(registry);
}

static struct entry *entry_of(struct grove_registry *registry, const struct grove_uid *uid)
{
	struct grove_list *list = &registry->entries;

	for (struct grove_list *at = list->next; at != list; at = at->next) {
		struct entry *entry = grove_of(at, struct entry, link);

		if (grove_uid_equal(&entry->uid, uid))
			return entry;
	}
	return NULL;
}

/* Fill `found` with the actors of a name; NULL: with all. How many. */
static size_t list_entries(struct grove_registry *registry, const char *name,
			   struct grove_msg *found)
{
	struct grove_list *list = &registry->entries;

	found->kind = GROVE_MSG_FOUND;
	for (struct grove_list *at = list->next; at != list; at = at->next) {
		struct entry *entry = grove_of(at, struct entry, link);

		if (name && strcmp(entry->uid.name, name) != 0)
			continue;
		struct grove_entry *row = grove_msg_add_entry(found);

		row->uid = entry->uid;
		grove_addrs_copy(&row->addrs, &entry->addrs);
	}
	return found->entry_count;
}

/* Those who wait for this name get their answer. */
static void answer_waiting(struct grove_registry *registry, const char *name)
{
	struct grove_list *list = &registry->waits, *next;

	for (struct grove_list *at = list->next; at != list; at = next) {
		struct waiting *waiting = grove_of(at, struct waiting, link);
		_grove_msg_ struct grove_msg found = { .cid = waiting->cid };

		next = at->next;
		if (strcmp(waiting->name, name) != 0)
			continue;
		list_entries(registry, name, &found);
		(void)grove_channel_post(waiting->peer->channel, &found,
					 NULL); /* gone: forgotten */
		stop_waiting(waiting);
	}
	grove_event_pulse(&registry->changed);
}

static void enter(struct grove_registry *registry, const struct grove_uid *uid,
		  const struct grove_addrs *addrs, struct grove_peer *peer)
{
	struct entry *entry = entry_of(registry, uid);
	char text[GROVE_UID_TEXT];

	if (!entry) {
		entry = grove_alloc(1, sizeof(*entry));
		grove_list_add(&registry->entries, &entry->link);
	}
	entry->uid = *uid;
	entry->peer = peer;
	grove_addrs_copy(&entry->addrs, addrs);
	grove_truth("registered", grove_fact_text("uid", grove_uid_print(uid, text)),
		    grove_fact_int("addresses", (int64_t)addrs->count));
	answer_waiting(registry, uid->name);
}

/* 0, or -EBUSY: it is connected, and so it is no stale entry, whatever `peer` says. */
static int leave(struct grove_registry *registry, const struct grove_uid *uid,
		 const struct grove_peer *peer)
{
	struct entry *entry = entry_of(registry, uid);
	char text[GROVE_UID_TEXT];

	if (!entry)
		return 0;
	if (entry->peer && entry->peer != peer)
		return -EBUSY;
	grove_truth("unregistered", grove_fact_text("uid", grove_uid_print(uid, text)));
	forget(entry);
	return 0;
}

/* ---- messages -------------------------------------------------------------------------------- */

static void on_wait(struct grove_registry *registry, struct grove_peer *peer,
		    const struct grove_msg *msg)
{
	_grove_msg_ struct grove_msg found = { .cid = msg->cid };
	struct waiting *waiting;

	if (list_entries(registry, msg->name, &found) > 0) {
		(void)grove_channel_post(peer->channel, &found, NULL); /* gone: nobody asks */
		return;
	}
	waiting = grove_alloc(1, sizeof(*waiting));
	waiting->peer = peer;
	waiting->cid = msg->cid;
	grove_copy_name(waiting->name, sizeof(waiting->name), msg->name);
	grove_list_add(&registry->waits, &waiting->link);
}

int grove_registrar_on(struct grove_peer *peer, struct grove_msg *msg, struct grove_error *err)
{
	struct grove_registry *registry = peer->actor->registry;
	_grove_msg_ struct grove_msg answer = { .kind = GROVE_MSG_ACK, .cid = msg->cid };
	bool self = grove_uid_equal(&msg->uid, &peer->channel->peer);
	int rc = 0;

	if (msg->cid <= peer->last_cid || (msg->cid & 1) == (peer->ours ? 1 : 0))
		return grove_error_set(err, -EPROTO, "a question with the number %lld",
				       (long long)msg->cid);
	peer->last_cid = msg->cid;
	if (!registry)
		rc = -EOPNOTSUPP;
	else if (msg->kind == GROVE_MSG_REGISTER)
		enter(registry, &msg->uid, &msg->addrs, self ? peer : NULL);
	else if (msg->kind == GROVE_MSG_UNREGISTER)
		rc = leave(registry, &msg->uid, peer);
	else if (msg->kind == GROVE_MSG_WAIT)
		on_wait(registry, peer, msg);
	else
		list_entries(registry, msg->kind == GROVE_MSG_FIND ? msg->name : NULL, &answer);
	if (rc == 0 && msg->kind == GROVE_MSG_WAIT)
		return 0;
	if (rc < 0) {
		answer.kind = GROVE_MSG_ERROR;
		answer.errors = grove_errors_new(rc, "%s",
						 registry ? "that actor is connected" :
							    "this actor is no registrar");
	}
	(void)grove_channel_post(peer->channel, &answer, NULL); /* gone: nobody asks */
	return 0;
}

void grove_registrar_on_cancel(struct grove_peer *peer, int64_t cid)
{
	struct grove_registry *registry = peer->actor->registry;
	struct grove_list *next;

	if (!registry)
		return;
	for (struct grove_list *at = registry->waits.next; at != &registry->waits; at = next) {
		struct waiting *waiting = grove_of(at, struct waiting, link);

		next = at->next;
		if (waiting->peer == peer && waiting->cid == cid)
			stop_waiting(waiting);
	}
}

void grove_registrar_on_gone(struct grove_peer *peer)
{
	struct grove_registry *registry = peer->actor->registry;
	struct grove_list *next;

	if (peer == peer->actor->registrar)
		peer->actor->registrar = NULL;
	if (!registry)
		return;
	for (struct grove_list *at = registry->entries.next; at != &registry->entries; at = next) {
		struct entry *entry = grove_of(at, struct entry, link);

		next = at->next;
		if (entry->peer != peer)
			continue;
		if (peer->actor->defects.find_keeps_stale)
			entry->peer = NULL;
		else
			(void)leave(registry, &entry->uid, peer); /* its own: never busy */
	}
	for (struct grove_list *at = registry->waits.next; at != &registry->waits; at = next) {
		struct waiting *waiting = grove_of(at, struct waiting, link);

		next = at->next;
		if (waiting->peer == peer)
			stop_waiting(waiting);
	}
}

/* ---- those who ask --------------------------------------------------------------------------- */

const struct grove_addrs *grove_registrar_addrs(void)
{
	return &grove_actor_self()->registrars;
}

/* The connection to the registrar, made when there is none. One more user. */
static int reach(struct grove_actor *actor, struct grove_peer **ret, struct grove_error *err)
{
	struct grove_peer *peer = NULL;
	int rc;

	if (actor->registrar) {
		*ret = grove_peer_ref(actor->registrar);
		return 0;
	}
	/* mostly it is the parent, and then there is a connection */
	if (actor->parent && !actor->parent->gone)
		for (size_t i = 0; i < actor->registrars.count; i++)
			if (grove_addrs_has(&actor->parent->channel->peer_addrs,
					    &actor->registrars.at[i]))
				peer = actor->parent;
	if (!peer) {
		rc = grove_peer_connect(actor, &actor->registrars, &peer, err);
		if (rc == -ECANCELED)
			return rc;
		if (rc < 0) {
			grove_error_at(err, rc, "the registrar");
			if (err)
				err->code = -ENOTCONN;
			return -ENOTCONN;
		}
		grove_peer_serve(peer);
		actor->registrar = peer;
		*ret = peer;
		return 0;
	}
	actor->registrar = peer;
	*ret = grove_peer_ref(peer);
	return 0;
}

static int ask(struct grove_actor *actor, struct grove_msg *msg, struct grove_msg *answer,
	       struct grove_error *err)
{
	_grove_peer_ struct grove_peer *peer = NULL;
	int rc = reach(actor, &peer, err);

	return rc < 0 ? rc : grove_peer_ask(peer, msg, answer, err);
}

/* The actors of a name (NULL: all), now or when there is one. */
static int look_up(struct grove_actor *actor, const char *name, bool wait, struct grove_msg *found,
		   struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_QUERY };
	int rc = grove_check();

	if (name) {
		msg.kind = wait ? GROVE_MSG_WAIT : GROVE_MSG_FIND;
		msg.name = grove_strdup(name);
	}
	if (!actor->registry)
		return rc < 0 ? rc : ask(actor, &msg, found, err);
	while (rc == 0 && list_entries(actor->registry, name, found) == 0 && wait)
		rc = grove_event_wait(&actor->registry->changed);
	return rc;
}

/* Nobody answers where `uid` was: out of the books with it. */
static int remove_stale(struct grove_actor *actor, const struct grove_uid *uid,
			struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_UNREGISTER };
	char text[GROVE_UID_TEXT];
	int rc;

	if (actor->defects.find_keeps_stale)
		return 0;
	grove_truth("stale-entry", grove_fact_text("uid", grove_uid_print(uid, text)));
	if (actor->registry)
		return leave(actor->registry, uid, NULL) < 0 ? -EBUSY : 0;
	msg.uid = *uid;
	rc = ask(actor, &msg, NULL, err);
	if (rc == -EBUSY)
		grove_error_clear(err);
	return rc;
}

/*
 * A portal to each of `found` that answers; stale ones are removed. How many answered, with the
 * first portal; or -errno.
 */
static int connect_found(struct grove_actor *actor, const struct grove_msg *found,
			 struct grove_portal **ret, struct grove_error *err)
{
	_grove_portal_ struct grove_portal *first = NULL;
	size_t i = 0;
	int count = 0;

	if (actor->defects.find_takes_newest && found->entry_count > 0)
		i = found->entry_count - 1;
	for (; i < found->entry_count; i++) {
		const struct grove_entry *row = &found->entries[i];
		_grove_error_ struct grove_error why = GROVE_ERROR_INIT;
		_grove_portal_ struct grove_portal *portal = NULL;
		int rc = grove_portal_connect(&row->addrs, &row->uid, &portal, &why);

		if (rc < 0 && rc != -ECANCELED)
			rc = remove_stale(actor, &row->uid, err) == -EBUSY ?
				     grove_error_set(err, -EHOSTUNREACH,
						     "%s is registered and does not answer: %s",
						     row->uid.name, why.text) :
				     0;
		if (rc < 0)
			return rc;
		if (!portal)
			continue;
		count++;
		if (!first)
			first = grove_steal(portal);
	}
	if (count == 1)
		*ret = grove_steal(first);
	return count;
}

static int not_unique(const struct grove_msg *found, struct grove_error *err)
{
	char list[200] = "", text[GROVE_UID_TEXT];

	for (size_t i = 0; i < found->entry_count; i++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
			 grove_uid_print(&found->entries[i].uid, text));
	}
	return grove_error_set(err, -ENOTUNIQ, "%zu actors have one name: %s", found->entry_count,
			       list);
}

static int find(const char *name, bool wait, struct grove_portal **ret, struct grove_error *err)
{
	struct grove_actor *actor = grove_actor_self();
	int rc;

	for (;;) {
		_grove_msg_ struct grove_msg found = { .kind = GROVE_MSG_NONE };

		rc = look_up(actor, name, wait, &found, err);
		if (rc < 0)
			return rc;
		rc = connect_found(actor, &found, ret, err);
		if (rc > 1)
			return not_unique(&found, err);
		if (rc == 1)
			return 0;
		if (rc == 0 && wait)
			continue;
		return rc < 0 ? rc : grove_error_set(err, -ENOENT, "no actor is called '%s'", name);
	}
}

int grove_find_actor(const char *name, struct grove_portal **ret, struct grove_error *err)
{
	return find(name, false, ret, err);
}

int grove_wait_actor(const char *name, struct grove_portal **ret, struct grove_error *err)
{
	return find(name, true, ret, err);
}

int grove_query_actors(struct grove_msg *ret, struct grove_error *err)
{
	_grove_msg_ struct grove_msg found = { .kind = GROVE_MSG_NONE };
	int rc = look_up(grove_actor_self(), NULL, false, &found, err);

	if (rc < 0)
		return rc;
	*ret = found;
	found = (struct grove_msg){ .kind = GROVE_MSG_NONE };
	return 0;
}

int grove_registrar_enter(struct grove_actor *actor, struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_REGISTER };
	int rc;

	if (actor->registry) {
		enter(actor->registry, &actor->uid, &actor->listeners.addrs, NULL);
		return 0;
	}
	msg.uid = actor->uid;
	grove_addrs_copy(&msg.addrs, &actor->listeners.addrs);
	rc = ask(actor, &msg, NULL, err);
	return rc < 0 && rc != -ECANCELED ? grove_error_at(err, rc, "register") : rc;
}

void grove_registrar_leave(struct grove_actor *actor)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_UNREGISTER, .uid = actor->uid };
	struct grove_scope shield;
	int rc;

	if (!actor->registrar || actor->registrar->gone)
		return;
	grove_scope_enter_shielded(&shield, "unregister", grove_deadline_after(actor->grace_ns));
	rc = grove_peer_ask(actor->registrar, &msg, NULL, NULL);
	/* the end of our connection does the same */
	(void)grove_scope_exit(&shield, rc, NULL);
}
