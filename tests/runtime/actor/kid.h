/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kid.h - actors that were started here, as the files of actor/ know them. Included by actor/ only.
 */
#pragma once

#include "runtime/actor/inside.h"

/* Owned by its nursery of actors. */
struct grove_kid {
	struct grove_list link;	 /* actors->kids */
	struct grove_list known; /* actor->kids, while it is expected or connected */
	struct grove_actors *actors;
	struct grove_actor *actor;
	struct grove_child child;
	int64_t timeout_ns; /* to be up */
	struct grove_portal portal;
	struct grove_addrs binds;
	bool up;	/* it serves */
	bool ended;	/* and is reaped */
	bool wanted;	/* somebody wants its end: then it is no failure */
	bool abandoned; /* it does not end and cannot be killed; `ended` means that we go on */
	int wait_rc;
	struct grove_error wait_err;
	struct grove_error refusal; /* what the actor itself said about why it cannot be up */
	char why[128];
	struct grove_scope *scope;  /* around the wait for its end */
	struct grove_event changed; /* pulsed with each change */
	char name[GROVE_UID_TEXT];
};

/* A connection has said hello as this actor: is it one that we expect? */
struct grove_kid *grove_kid_expected(struct grove_actor *actor, const struct grove_uid *uid);

/* Its channel has something new: it is up, or gone, or cannot be. */
void grove_kid_on_up(struct grove_kid *kid);
void grove_kid_on_gone(struct grove_kid *kid);
void grove_kid_on_refusal(struct grove_kid *kid, struct grove_errors *errors);

/* Wait until kid->ended, until the deadline: 0, -ETIMEDOUT, -ECANCELED. */
int grove_kid_wait_ended(struct grove_kid *kid, int64_t deadline_ns);

/* End it, step by step; returns when it is reaped. Not cancellable. */
void grove_ladder(struct grove_kid *kid);
