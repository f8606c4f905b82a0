/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ladder.c - how an actor is ended: asked by a message, asked by a signal, killed with all below.
 *
 * Each step waits the grace of the actor that takes it. In a hurry (SIGTERM came from above) the
 * first two are left out, since whoever is in a hurry will not wait for us either. An actor on a
 * thread of this process cannot be killed: it is asked in every case, and abandoned at last.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/actor/kid.h"
#include "runtime/actor/process.h"
#include "runtime/core/truth.h"

/* After SIGKILL a process ends at once, unless the kernel holds it: then it is said so. */
#define KILLED_NS (10 * GROVE_SECOND)
/* What cannot be killed has so many graces more, since to abandon it is worse. */
enum { PATIENCE = 4 };

static void log_step(const struct grove_kid *kid, const char *step, int rc, const char *text)
{
	grove_truth("ladder", grove_fact_text("child", kid->name), grove_fact_text("step", step),
		    grove_fact_int("child_pid", kid->child.pid), grove_fact_int("rc", rc),
		    grove_fact_text("text", text));
}

int grove_kid_wait_ended(struct grove_kid *kid, int64_t deadline_ns)
{
	bool hurried = kid->actor->hurried;
	struct grove_scope scope;
	int rc = 0;

	grove_fail_after(&scope,
			 deadline_ns == GROVE_NEVER ? GROVE_NEVER : deadline_ns - grove_now_ns());
	while (rc == 0 && !kid->ended && kid->actor->hurried == hurried)
		rc = grove_event_wait(&kid->changed);
	rc = grove_scope_exit(&scope, rc, NULL);
	if (rc == 0 && !kid->ended)
		rc = -ETIMEDOUT; /* no time left */
	return rc;
}

/* How a step ended: 0 when the kid has. */
static int wait_step(struct grove_kid *kid)
{
	bool for_ever = kid->actor->defects.ladder_waits;

	return grove_kid_wait_ended(kid, for_ever ? GROVE_NEVER :
						    grove_deadline_after(kid->actor->grace_ns));
}

static int step_message(struct grove_kid *kid)
{
	struct grove_peer *peer = kid->portal.peer;
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_CANCEL };
	int rc;

	if (!peer || kid->actor->hurried)
		return -ENOTCONN;
	if (peer->gone) /* which asks it as well: it is about to end */
		return wait_step(kid);
	msg.reason = grove_strdup(kid->why);
	msg.uid = kid->actor->uid;
	rc = grove_channel_post(peer->channel, &msg, NULL);
	log_step(kid, "message", rc, kid->why);
	return rc < 0 ? rc : wait_step(kid);
}

static int tell(struct grove_kid *kid, enum grove_tell how, const char *step)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_child *child = &kid->child;
	int rc;

	if (how == GROVE_TELL_KILL && kid->actor->defects.ladder_by_pid && child->pidfd >= 0)
		rc = kill(child->pid, SIGKILL) < 0 ? -errno : 0;
	else
		rc = child->backend->tell(child, how, &err);
	log_step(kid, step, rc, rc < 0 ? err.text : "");
	return rc;
}

static int step_term(struct grove_kid *kid)
{
	int rc;

	if (kid->actor->hurried && !kid->child.backend->abandon)
		return -ETIMEDOUT;
	rc = tell(kid, GROVE_TELL_TERM, "term");
	return rc < 0 ? rc : wait_step(kid);
}

/* While it ends those below it, which have bounds of their own, it is not the one that hangs. */
static void step_abandon(struct grove_kid *kid)
{
	int64_t deadline_ns;

	do {
		deadline_ns = grove_deadline_after(PATIENCE * kid->actor->grace_ns);
		while (!kid->ended && grove_now_ns() < deadline_ns)
			(void)grove_kid_wait_ended(kid, deadline_ns); /* a hurry ends it early */
	} while (!kid->ended && tell(kid, GROVE_TELL_KILL, "kill") == -EINPROGRESS);
	if (kid->ended)
		return;
	log_step(kid, "abandon", 0, "it does not end and cannot be killed");
	kid->abandoned = true;
	kid->child.backend->abandon(&kid->child);
	while (!kid->ended)
		(void)grove_kid_wait_ended(kid, GROVE_NEVER);
}

static void step_kill(struct grove_kid *kid)
{
	if (kid->child.backend->abandon) {
		step_abandon(kid);
		return;
	}
	(void)tell(kid, GROVE_TELL_KILL, "kill"); /* logged; nothing is left but to wait */
	if (grove_kid_wait_ended(kid, grove_deadline_after(KILLED_NS)) < 0)
		log_step(kid, "stuck", -ETIMEDOUT, "it does not end, whatever is done");
	while (!kid->ended)
		(void)grove_kid_wait_ended(kid, GROVE_NEVER); /* gives up when a hurry begins */
}

static void take_subtree(const struct grove_kid *kid, struct grove_subtree *tree)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int rc = grove_subtree_take(tree, kid->child.pid, kid->child.pidfd, &err);

	if (rc < 0)
		log_step(kid, "subtree", rc, err.text);
}

/* Those below it that outlived it had their grace as well. */
static void end_survivors(struct grove_kid *kid, const struct grove_subtree *tree)
{
	if (grove_subtree_wait(tree, grove_deadline_after(kid->actor->grace_ns)) == 0)
		return;
	log_step(kid, "survivors", (int)grove_subtree_signal(tree, SIGKILL), "");
	if (grove_subtree_wait(tree, grove_deadline_after(KILLED_NS)) < 0)
		log_step(kid, "stuck", -ETIMEDOUT, "descendants do not end");
}

/* The host of this actor shall know that it is busy, not stuck. */
static void note_ending(const struct grove_kid *kid, int change)
{
	const struct grove_host *host = kid->actor->host;

	if (host && host->ending)
		host->ending(host->arg, change);
}

void grove_ladder(struct grove_kid *kid)
{
	_grove_cleanup_(grove_subtree_guard) struct grove_subtree tree = GROVE_SUBTREE_INIT;
	struct grove_scope shield;
	int rc;

	note_ending(kid, 1);
	grove_scope_enter_shielded(&shield, "ladder", GROVE_NEVER);
	rc = kid->ended ? 0 : step_message(kid);
	if (rc < 0) {
		/* what it leaves behind when it dies is known by now */
		if (kid->child.pidfd >= 0 && !kid->actor->defects.ladder_by_pid)
			take_subtree(kid, &tree);
		rc = step_term(kid);
		if (rc < 0)
			step_kill(kid);
		if (tree.count > 1)
			end_survivors(kid, &tree);
	}
	(void)grove_scope_exit(&shield, 0, NULL);
	note_ending(kid, -1);
}
