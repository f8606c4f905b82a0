/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.h - something that has happened, or not yet. Once set it stays set.
 *
 * Lives in place; same loop only. Its offsets are in the runtime descriptor.
 *
 *	struct grove_event ready;
 *	grove_event_init(&ready, "ready");
 *	rc = grove_event_wait(&ready);
 */
#pragma once

#include "runtime/core/task.h"

struct grove_event {
	struct grove_list waiters;
	size_t waiting; /* how many tasks wait */
	bool set;
	struct grove_promise promise; /* kind NONE: anybody may set it */
	char name[GROVE_NAME_SIZE];
};

/* Not set, nobody waits. The name (NULL: "") is copied. */
void grove_event_init(struct grove_event *event, const char *name);

/* Who is going to set it, for readers outside; replaces what was said before. Copied. */
void grove_event_promise(struct grove_event *event, const struct grove_promise *promise);

/* The running task is. */
void grove_event_promise_own(struct grove_event *event);

/* Set it and wake all who wait. Again: nothing happens. */
void grove_event_set(struct grove_event *event);

/* Whether it is set. */
static inline bool grove_event_is_set(const struct grove_event *event)
{
	return event->set;
}

/* Wait until it is set. 0, or -ECANCELED. A checkpoint also when it is set already. */
GROVE_MUST_CHECK
int grove_event_wait(struct grove_event *event);

/*
 * A condition to wait on again and again: wake all who wait now, the event stays unset. Waiters
 * look at their condition afterwards; there is no lost wake-up, since nothing runs in between.
 */
void grove_event_pulse(struct grove_event *event);
