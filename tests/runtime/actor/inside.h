/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h - what the files of actor/ know of each other. Included by actor/ only.
 */
#pragma once

#include "runtime/actor/actor.h"
#include "runtime/actor/backend.h"
#include "runtime/actor/channel.h"
#include "runtime/actor/context.h"
#include "runtime/actor/listen.h"
#include "runtime/core/lock.h"
#include "runtime/core/loop.h"
#include "runtime/core/nursery.h"
#include "runtime/wire/endpoints.h"

/* Contexts of a peer are found by cid in so many lists. */
enum { GROVE_CONTEXT_LISTS = 64 };
/* So many calls of one peer may run at a time: each has a stack. */
enum { GROVE_CALLS_MAX = 4096 };

struct grove_kid;

/* A connection to another actor and what runs over it. Counted: users of it and its reader. */
struct grove_peer {
	struct grove_list link; /* actor->peers */
	struct grove_actor *actor;
	struct grove_channel *channel;
	struct grove_kid *kid; /* set while it is the channel of an actor that we started */
	unsigned users;
	bool ours; /* we have connected: our cids are odd, else even */
	bool is_parent;
	bool linked;   /* it is in actor->peers */
	bool gone;     /* nothing comes any more */
	bool answered; /* it has taken our request to end */
	int64_t next_cid;
	int64_t last_cid; /* of theirs */
	size_t context_count;
	struct grove_event changed; /* pulsed with gone and answered */
	struct grove_list contexts[GROVE_CONTEXT_LISTS];
	char name[GROVE_UID_TEXT];
};

struct grove_item {
	struct grove_list link;
	struct grove_value value;
};

/* One call, at either end. */
struct grove_context {
	struct grove_list link; /* in a list of the peer */
	struct grove_peer *peer;
	int64_t cid;
	bool ours;   /* we are the caller */
	bool stream; /* mode "context" */
	bool started;
	bool done; /* answer is there, or the peer is gone */
	bool stop_sent, stop_got;
	bool cancel_sent;
	bool cancelled;	 /* the caller wants it stopped, or is gone */
	uint32_t credit; /* items that we may send */
	uint32_t queued, taken;
	struct grove_list items;
	struct grove_event changed; /* pulsed with each change above */
	struct grove_msg answer;    /* return, error, found, ack */
	struct grove_value first;   /* with started; at the function's end: the arguments */
	struct grove_scope *scope;  /* around the function, while it runs */
	grove_call_fn *fn;
	char func[GROVE_NAME_SIZE];
	char why[128]; /* of the cancel */
};

struct grove_portal {
	struct grove_peer *peer;
	struct grove_kid *kid; /* it belongs to this one and is not to be freed */
	struct grove_uid uid;
	struct grove_addrs addrs;
};

struct grove_actor {
	const struct grove_program *program;
	const struct grove_backend *backend;
	const struct grove_host *host;
	const struct grove_root_opts *root; /* NULL: it has a parent */
	const struct grove_boot *boot;	    /* NULL: it is a root */
	grove_task_fn *main;		    /* of a root */
	void *main_arg;
	struct grove_uid uid;
	struct grove_uid parent_uid;
	struct grove_listeners listeners;
	struct grove_addrs registrars;
	struct grove_registry *registry; /* NULL: another one is the registrar */
	struct grove_peer *registrar;	 /* connection to it, NULL: none yet */
	struct grove_peer *parent;
	struct grove_nursery service; /* listeners, peers */
	struct grove_nursery work;    /* calls */
	bool serving;		      /* service is open */
	bool working;		      /* work is open */
	bool cancelled;
	bool hurried;
	struct grove_reason reason;
	struct grove_list peers;
	struct grove_list kids; /* of all its nurseries */
	int64_t grace_ns;
	pid_t root_pid;
	char *table; /* path of the endpoints, for those below; NULL: none */
	struct grove_endpoints *endpoints;
	char *dir; /* where unix sockets are */
	bool tcp;
	char fault[GROVE_NAME_SIZE];
	struct grove_actor_defects defects;
	struct grove_lock reaping; /* for a defect only */
	struct grove_signals *signals;
};

/* ---- peer.c ---------------------------------------------------------------------------------- */

/* A peer of a channel that has said hello; one user: the caller. */
struct grove_peer *grove_peer_new(struct grove_actor *actor, struct grove_channel *channel,
				  bool ours);
struct grove_peer *grove_peer_ref(struct grove_peer *peer);
void grove_peer_unref(struct grove_peer *peer);

static inline void grove_peer_guard(struct grove_peer **peer)
{
	if (*peer)
		grove_peer_unref(*peer);
}
#define _grove_peer_ _grove_cleanup_(grove_peer_guard)

/* From now on messages of the peer are received and handled, by a task of its own. */
void grove_peer_serve(struct grove_peer *peer);

/* Receive and handle until the end; the body of that task. */
int grove_peer_read(void *peer, struct grove_error *err);

/* The hello of this actor. To be released. */
void grove_actor_hello(const struct grove_actor *actor, struct grove_msg *ret);

/* Connect to the nearest of addresses that answers, within the grace; serves the peer. One user. */
int grove_peer_connect(struct grove_actor *actor, const struct grove_addrs *addrs,
		       struct grove_peer **ret, struct grove_error *err);

/* The task of an accepted connection; `arg` is a struct grove_accepted, freed by it. */
struct grove_accepted {
	struct grove_actor *actor;
	int fd;
};
int grove_peer_accepted(void *arg, struct grove_error *err);

/* The connected peer of this uid, NULL: there is none. Borrowed. */
struct grove_peer *grove_peer_find(struct grove_actor *actor, const struct grove_uid *uid);

/* ---- context.c ------------------------------------------------------------------------------- */

/* A context of `peer`, which it uses; at the caller's end cid 0: the next one. */
struct grove_context *grove_context_new(struct grove_peer *peer, int64_t cid, const char *func);
void grove_context_free(struct grove_context *context);
struct grove_context *grove_context_find(struct grove_peer *peer, int64_t cid);

/* Wait until `done`, with what the truth log should say about it. 0 or -ECANCELED. */
int grove_context_wait_done(struct grove_context *context);

/* A message for a context has come (data, stop, ack, cancel, started, return, error, found). The
 * message may be emptied. -EPROTO: it makes no sense. */
int grove_context_on(struct grove_context *context, struct grove_msg *msg, struct grove_error *err);

/* The peer is gone. */
void grove_context_on_gone(struct grove_context *context);

/* Run the function of a context at its end; the body of a task in actor->work. */
int grove_context_serve(void *context, struct grove_error *err);

/* Send `msg` under a new cid and wait for the answer: found or ack. -errno of an error answer. */
int grove_peer_ask(struct grove_peer *peer, struct grove_msg *msg, struct grove_msg *answer,
		   struct grove_error *err);

/* ---- registrar.c ----------------------------------------------------------------------------- */

/* The registrar's books; at the registrar itself. */
struct grove_registry *grove_registry_new(void);
void grove_registry_free(struct grove_registry *registry);

/* A message of a peer to the registrar: register, unregister, find, wait, query. */
int grove_registrar_on(struct grove_peer *peer, struct grove_msg *msg, struct grove_error *err);

/* A peer no longer waits for the answer to its question `cid`. */
void grove_registrar_on_cancel(struct grove_peer *peer, int64_t cid);

/* The peer is gone, and with it what it had registered and asked for. */
void grove_registrar_on_gone(struct grove_peer *peer);

/* Write this actor into the books, its own or those of the registrar. */
int grove_registrar_enter(struct grove_actor *actor, struct grove_error *err);

/* And out of them, at its end; bounded. */
void grove_registrar_leave(struct grove_actor *actor);
