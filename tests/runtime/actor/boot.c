/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/actor/boot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *grove_boot_print(const struct grove_boot *boot, char text[static GROVE_BOOT_TEXT])
{
	char address[GROVE_MULTIADDR_TEXT];

	grove_multiaddr_print(&boot->address, address);
	snprintf(text, GROVE_BOOT_TEXT, "%s %s %s %d %d %s", boot->uid.name, boot->uid.uuid,
		 boot->backend, (int)boot->parent_pid, (int)boot->parent_tid, address);
	return text;
}

static int read_pid(const char *word, pid_t *ret, struct grove_error *err)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(word, &end, 10);
	if (errno || end == word || *end || value <= 0 || value > INT32_MAX)
		return grove_error_set(err, -EINVAL, "boot line: '%s' is no process", word);
	*ret = (pid_t)value;
	return 0;
}

int grove_boot_parse(struct grove_boot *ret, const char *line, struct grove_error *err)
{
	enum { NAME, UUID, BACKEND, PID, TID, WORDS };
	struct grove_boot boot = { .parent_pid = 0 };
	char copy[GROVE_BOOT_TEXT];
	char *word[WORDS], *rest = copy;
	int rc;

	if (strlen(line) >= sizeof(copy))
		return grove_error_set(err, -EINVAL, "boot line: longer than %zu bytes",
				       sizeof(copy) - 1);
	memcpy(copy, line, strlen(line) + 1);
	for (int i = 0; i < WORDS; i++) {
		word[i] = strsep(&rest, " ");
		if (!rest)
			return grove_error_set(err, -EINVAL, "boot line: only %d words", i + 1);
	}
	rc = grove_uid_set(&boot.uid, word[NAME], word[UUID], err);
	if (rc == 0)
		rc = grove_uid_check_name(word[BACKEND], err);
	if (rc < 0)
		return grove_error_at(err, rc, "boot line");
	grove_copy_name(boot.backend, sizeof(boot.backend), word[BACKEND]);
	rc = read_pid(word[PID], &boot.parent_pid, err);
	if (rc == 0)
		rc = read_pid(word[TID], &boot.parent_tid, err);
	if (rc == 0)
		rc = grove_multiaddr_parse(&boot.address, rest, err);
	if (rc < 0)
		return rc;
	*ret = boot;
	return 0;
}
