/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uid.h - which actor: a name for people, and a number that no two incarnations share.
 *
 *	struct grove_uid uid;
 *	rc = grove_uid_new(&uid, "worker", &err);	worker.1f0c2b9a
 */
#pragma once

#include "runtime/core/base.h"

/* 36 characters and their end. */
#define GROVE_UUID_SIZE 37

/* All zero: no actor. */
struct grove_uid {
	char name[GROVE_NAME_SIZE];
	char uuid[GROVE_UUID_SIZE];
};

/* Room for the name, a dot and eight digits. */
#define GROVE_UID_TEXT (GROVE_NAME_SIZE + 9)

/* A new incarnation of `name`: uuid version 4. -EINVAL for a bad name, -errno of getrandom(). */
GROVE_MUST_CHECK
int grove_uid_new(struct grove_uid *ret, const char *name, struct grove_error *err);

/* Take both from texts, as they come from a peer. -EINVAL says what is wrong. */
GROVE_MUST_CHECK
int grove_uid_set(struct grove_uid *ret, const char *name, const char *uuid,
		  struct grove_error *err);

/* -EINVAL unless `name` is 1 to 63 of letters, digits, "_", "-", "." and ":". */
GROVE_MUST_CHECK
int grove_uid_check_name(const char *name, struct grove_error *err);

/* Whether both are the same incarnation. */
bool grove_uid_equal(const struct grove_uid *a, const struct grove_uid *b);

/* Whether it names an actor at all. */
static inline bool grove_uid_is_set(const struct grove_uid *uid)
{
	return uid->uuid[0] != 0;
}

/* "name.12345678", in `text`, which is returned; "nobody" for no actor. */
const char *grove_uid_print(const struct grove_uid *uid, char text[static GROVE_UID_TEXT]);
