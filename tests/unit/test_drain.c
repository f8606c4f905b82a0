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

/* Stands for an iterator: the records below `count` that `of` takes, which carry their number. */
static int file_of_some(uint32_t count, bool (*of)(uint32_t number))
{
	int fd = memfd_create("records", MFD_CLOEXEC);
	char record[RECORD] = { 0 };

	for (uint32_t i = 0; i < count; i++) {
		if (of && !of(i))
			continue;
		memcpy(record, &i, sizeof(i));
		cr_assert_eq(write(fd, record, sizeof(record)), sizeof(record));
	}
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int file_of(uint32_t count)
{
	return file_of_some(count, NULL);
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
	struct drain_opts opts = {
		.iters = { fd }, .count = 1, .ahead = *ahead, .records = check, .arg = &seen
	};
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
	struct drain_opts opts = {
		.iters = { fd }, .count = 1, .ahead = *ahead, .records = check, .arg = &seen
	};
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
	struct drain_opts opts = {
		.iters = { fd }, .count = 1, .ahead = true, .records = check, .arg = &seen
	};
	struct snag_error err = SNAG_ERROR_INIT;
	uint64_t bytes = 0;

	cr_assert_eq(drain(&opts, &bytes, &err), 0);
	cr_assert_eq(bytes, 0);
}

Test(drain, tells_what_read_says)
{
	struct seen seen = { .refuse = UINT32_MAX };
	struct drain_opts opts = {
		.iters = { -1 }, .count = 1, .ahead = true, .records = check, .arg = &seen
	};
	struct snag_error err = SNAG_ERROR_INIT;
	uint64_t bytes = 0;

	cr_assert_eq(drain(&opts, &bytes, &err), -EBADF);
	cr_assert(strstr(err.text, "reading records"));
}

/* ---- two iterators --------------------------------------------------------------------------- */

/* Runs of 16 in turn, and at the end a desert for one of them. */
static bool first_takes(uint32_t number)
{
	return number / 16 % 2 == 0 || number > MANY / 2;
}

static bool second_takes(uint32_t number)
{
	return !first_takes(number);
}

static bool nobody_takes(uint32_t number)
{
	(void)number;
	return false;
}

static int64_t number_of(const char *bytes, size_t size, size_t *len)
{
	uint32_t number;

	if (size < RECORD)
		return -EBADMSG;
	memcpy(&number, bytes, sizeof(number));
	*len = RECORD;
	return number;
}

struct sides {
	int fds[DRAIN_SIDES];
	struct seen seen;
	uint64_t bytes;
	struct snag_error err;
};

static int drain_both(struct sides *s, bool ahead)
{
	struct drain_opts opts = { .iters = { s->fds[0], s->fds[1] },
				   .count = 2,
				   .ahead = ahead,
				   .records = check,
				   .place = number_of,
				   .arg = &s->seen };

	return drain(&opts, &s->bytes, &s->err);
}

static void close_both(struct sides *s)
{
	close(s->fds[0]);
	close(s->fds[1]);
}

ParameterizedTestParameters(drain, two_give_everything_in_order)
{
	static bool ahead[] = { false, true };

	return cr_make_param_array(bool, ahead, 2);
}

ParameterizedTest(bool *ahead, drain, two_give_everything_in_order)
{
	/* either of them may be the one that begins */
	for (int turn = 0; turn < 2; turn++) {
		struct sides s = { .seen.refuse = UINT32_MAX };

		s.fds[turn] = file_of_some(MANY, first_takes);
		s.fds[!turn] = file_of_some(MANY, second_takes);
		cr_assert_eq(drain_both(&s, *ahead), 0, "%s", s.err.text);
		cr_assert_eq(s.seen.next, MANY);
		cr_assert_eq(s.bytes, (uint64_t)MANY * RECORD);
		close_both(&s);
	}
}

Test(drain, one_of_two_gives_nothing)
{
	for (int turn = 0; turn < 2; turn++) {
		struct sides s = { .seen.refuse = UINT32_MAX };

		s.fds[turn] = file_of(MANY);
		s.fds[!turn] = file_of_some(MANY, nobody_takes);
		cr_assert_eq(drain_both(&s, true), 0, "%s", s.err.text);
		cr_assert_eq(s.seen.next, MANY);
		close_both(&s);
	}
}

Test(drain, two_end_at_a_broken_record)
{
	struct sides s = { .fds = { file_of_some(MANY, first_takes),
				    file_of_some(MANY, second_takes) },
			   .seen.refuse = MANY / 4 };

	cr_assert_eq(drain_both(&s, true), -EBADMSG);
	cr_assert(strstr(s.err.text, "broken record"));
	cr_assert_eq(s.seen.next, MANY / 4 / 16 * 16);
	close_both(&s);
}

Test(drain, two_end_at_half_a_record)
{
	struct sides s = { .fds = { file_of_some(MANY, first_takes),
				    file_of_some(MANY, second_takes) },
			   .seen.refuse = UINT32_MAX };

	cr_assert_eq(ftruncate(s.fds[1], 100 * RECORD + 1), 0);
	cr_assert_eq(drain_both(&s, true), -EBADMSG);
	cr_assert(strstr(s.err.text, "broken record"));
	cr_assert_gt(s.seen.next, 100);
	close_both(&s);
}

Test(drain, the_second_of_two_cannot_be_read)
{
	struct sides s = { .fds = { file_of(MANY), -1 }, .seen.refuse = UINT32_MAX };

	cr_assert_eq(drain_both(&s, true), -EBADF);
	cr_assert_eq(s.seen.next, 0);
	close(s.fds[0]);
}
