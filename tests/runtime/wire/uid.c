/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/uid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static const char NAME_BYTES[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:";

int grove_uid_check_name(const char *name, struct grove_error *err)
{
	size_t len = strnlen(name, GROVE_NAME_SIZE);

	if (!len || len >= GROVE_NAME_SIZE)
		return grove_error_set(err, -EINVAL, "an actor's name has 1 to %d characters",
				       GROVE_NAME_SIZE - 1);
	if (strspn(name, NAME_BYTES) != len)
		return grove_error_set(err, -EINVAL,
				       "an actor's name has only letters, digits and _ - . :");
	return 0;
}

int grove_uid_new(struct grove_uid *ret, const char *name, struct grove_error *err)
{
	struct grove_uid uid = { .name = "" };
	uint16_t r[8];
	int rc = grove_uid_check_name(name, err);

	if (rc < 0)
		return rc;
	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return grove_error_set(err, -errno, "getrandom: %m");
	/* RFC 4122, 4.4: version 4, variant 10. */
	r[3] = (r[3] & 0x0fff) | 0x4000;
	r[4] = (r[4] & 0x3fff) | 0x8000;
	grove_copy_name(uid.name, sizeof(uid.name), name);
	snprintf(uid.uuid, sizeof(uid.uuid), "%04x%04x-%04x-%04x-%04x-%04x%04x%04x", r[0], r[1],
		 r[2], r[3], r[4], r[5], r[6], r[7]);
	*ret = uid;
	return 0;
}

/* 8-4-4-4-12 digits, in lower case: one spelling each. */
static bool is_uuid(const char *text)
{
	for (int i = 0; i < GROVE_UUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return !text[GROVE_UUID_SIZE - 1];
}

int grove_uid_set(struct grove_uid *ret, const char *name, const char *uuid,
		  struct grove_error *err)
{
	struct grove_uid uid = { .name = "" };
	int rc = grove_uid_check_name(name, err);

	if (rc < 0)
		return rc;
	if (!is_uuid(uuid))
		return grove_error_set(err, -EINVAL, "actor %s has no valid uuid", name);
	grove_copy_name(uid.name, sizeof(uid.name), name);
	grove_copy_name(uid.uuid, sizeof(uid.uuid), uuid);
	*ret = uid;
	return 0;
}

bool grove_uid_equal(const struct grove_uid *a, const struct grove_uid *b)
{
	return strcmp(a->uuid, b->uuid) == 0 && strcmp(a->name, b->name) == 0;
}

const char *grove_uid_print(const struct grove_uid *uid, char text[static GROVE_UID_TEXT])
{
	if (grove_uid_is_set(uid))
		snprintf(text, GROVE_UID_TEXT, "%s.%.8s", uid->name, uid->uuid);
	else
		snprintf(text, GROVE_UID_TEXT, "nobody");
	return text;
}
