/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/drain.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RECORD = 64, MANY = 40000 };

/* Stands for an iterator: `count` records that carry their number. */
static int file_of(uint32_t count)
{
	int fd = memfd_create("records", MFD_CLOEXEC);
	char record[RECORD] = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		memcpy(record, &i, sizeof(i));
		cr_assert_eq(write(fd, record, sizeof(record)), sizeof(record));
	}
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

struct seen {
	uint32_t next, refuse; /* refuse: the number that is broken */
};

static int check(const char *bytes, size_t size, void *arg)
{
	struct seen *seen = arg;

	for (size_t at = 0; at < size; at += RECORD) {
		uint32_t number;

		memcpy(&number, bytes + at, sizeof(number));
		if (number == seen->refuse)
			return -EBADMSG;
		cr_assert_eq(number, seen->next);
		seen->next++;
	}
	return size % RECORD ? -EBADMSG : 0;
}

ParameterizedTestParameters(drain, gives_everything_in_order)
{
	static bool ahead[] = { false, true };

	return cr_make_param_array(bool, ahead, 2);
}

ParameterizedTest(bool *ahead, drain, gives_everything_in_order)
{
	_cleanup_close_ int fd = file_of(MANY);
	struct seen seen = { .refuse = UINT32_MAX };
	struct drain_opts opts = { .iter = fd, .ahead = *ahead, .records = check, .arg = &seen };
	struct snag_error err = SNAG_ERROR_INIT;
	uint64_t bytes = 1;

	cr_assert_eq(drain(&opts, &bytes, &err), 0, "%s", err.text);
	cr_assert_eq(seen.next, MANY);
	cr_assert_eq(bytes, 1 + (uint64_t)MANY * RECORD);
}

ParameterizedTestParameters(drain, ends_at_a_broken_record)
{
	static bool ahead[] = { false, true };

	return cr_make_param_array(bool, ahead, 2);
}

ParameterizedTest(bool *ahead, drain, ends_at_a_broken_record)
{
	_cleanup_close_ int fd = file_of(MANY);
	struct seen seen = { .refuse = MANY / 2 };
	struct drain_opts opts = { .iter = fd, .ahead = *ahead, .records = check, .arg = &seen };
	struct snag_error err = SNAG_ERROR_INIT;
	uint64_t bytes = 0;

	cr_assert_eq(drain(&opts, &bytes, &err), -EBADMSG);
	cr_assert(strstr(err.text, "broken record"));
	cr_assert_eq(seen.next, MANY / 2);
}

Test(drain, nothing_at_all)
{
	_cleanup_close_ int fd = file_of(0);
	struct seen seen = { .refuse = UINT32_MAX };
	struct drain_opts opts = { .iter = fd, .ahead = true, .records = check, .arg = &seen };
	struct snag_error err = SNAG_ERROR_INIT;
	uint64_t bytes = 0;

	cr_assert_eq(drain(&opts, &bytes, &err), 0);
	cr_assert_eq(bytes, 0);
}

Test(drain, tells_what_read_says)
{
	struct seen seen = { .refuse = UINT32_MAX };
	struct drain_opts opts = { .iter = -1, .ahead = true, .records = check, .arg = &seen };
	struct snag_error err = SNAG_ERROR_INIT;
	uint64_t bytes = 0;

	cr_assert_eq(drain(&opts, &bytes, &err), -EBADF);
	cr_assert(strstr(err.text, "reading records"));
}
