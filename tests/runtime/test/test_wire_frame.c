/* SPDX-License-Identifier: BSD-2-Clause */
/* test_wire_frame.c - frames in a stream that comes in pieces, ends early, or is none. */
#include "runtime/wire/frame.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "runtime/test/help_left.h"

TestSuite(wire_frame, .init = help_begin, .fini = help_end);

/* A frame of `size` bytes of `fill`, appended to `out`. */
static void add_frame(struct grove_buf *out, size_t size, char fill)
{
	size_t begin = grove_frame_begin(out);

	memset(grove_buf_reserve(out, size), fill, size);
	grove_buf_grow(out, size);
	cr_assert_eq(grove_frame_end(out, begin, GROVE_FRAME_LIMIT, NULL), 0);
}

Test(wire_frame, any_pieces)
{
	static const size_t sizes[] = { 1, 2, 255, 4096, 70000, 3, 200000 };
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	unsigned int seed = 1;

	for (size_t i = 0; i < COUNT; i++)
		add_frame(&out, sizes[i], (char)('a' + i));
	for (int round = 0; round < 200; round++) {
		_grove_frames_ struct grove_frames frames;
		size_t at = 0, seen = 0, most = round % 2 ? 100000 : 5000, size;
		const void *payload;
		int rc;

		grove_frames_init(&frames, GROVE_FRAME_LIMIT);
		while (at < grove_buf_size(&out)) {
			size_t n = 1 + (size_t)rand_r(&seed) % most, room;

			n = n < grove_buf_size(&out) - at ? n : grove_buf_size(&out) - at;
			if (round % 3) {
				char *space = grove_frames_space(&frames, &room);

				cr_assert_geq(room, 4096);
				cr_assert_leq(room, 65536);
				n = n < room ? n : room;
				memcpy(space, grove_buf_data(&out) + at, n);
				grove_frames_got(&frames, n);
			} else {
				grove_frames_feed(&frames, grove_buf_data(&out) + at, n);
			}
			at += n;
			while ((rc = grove_frames_next(&frames, &payload, &size, NULL)) > 0) {
				const char *bytes = payload;

				cr_assert_eq(size, sizes[seen]);
				cr_assert_eq(bytes[0], (char)('a' + seen));
				cr_assert_eq(bytes[size - 1], (char)('a' + seen));
				seen++;
			}
			cr_assert_eq(rc, 0);
		}
		cr_assert_eq(seen, COUNT);
		cr_assert_eq(grove_frames_end(&frames, NULL), 0);
	}
}

Test(wire_frame, errors_stay)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_frames_ struct grove_frames frames;
	const void *payload = "untouched";
	size_t size = 77;

	grove_frames_init(&frames, 100);
	grove_frames_feed(&frames, "\0\0\0\2ab", 6);
	grove_frames_feed(&frames, "\0\0\0\145", 4);
	cr_assert_eq(grove_frames_next(&frames, &payload, &size, &err), 1);
	cr_assert_eq(size, 2);
	payload = "untouched";
	for (int i = 0; i < 3; i++) {
		size_t room;

		cr_assert_eq(grove_frames_next(&frames, &payload, &size, &err), -EMSGSIZE);
		cr_assert_str_eq(err.text, "a frame of 101 bytes, more than 100");
		cr_assert_str_eq(payload, "untouched");
		cr_assert_not_null(grove_frames_space(&frames, &room));
	}
	grove_frames_release(&frames);

	grove_frames_init(&frames, GROVE_FRAME_LIMIT);
	grove_frames_feed(&frames, "GET / HTTP/1.1\r\n", 16);
	cr_assert_eq(grove_frames_next(&frames, &payload, &size, &err), -EMSGSIZE);
	cr_assert_str_eq(err.text, "a frame of 1195725856 bytes, more than 16777216; "
				   "it begins with \"GET \": no grove peer");
	grove_frames_release(&frames);

	grove_frames_init(&frames, GROVE_FRAME_LIMIT);
	grove_frames_feed(&frames, "\0\0\0\0\1\2\3", 7);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(grove_frames_next(&frames, &payload, &size, &err), -EBADMSG);
	cr_assert_str_eq(err.text, "an empty frame");
}

Test(wire_frame, a_peer_that_vanishes)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_frames_ struct grove_frames frames;
	const void *payload;
	size_t size;

	grove_frames_init(&frames, GROVE_FRAME_LIMIT);
	cr_assert_eq(grove_frames_end(&frames, &err), 0, "before anything");
	grove_frames_feed(&frames, "\0\0\0\4abcd\0", 9);
	cr_assert_eq(grove_frames_next(&frames, &payload, &size, &err), 1);
	cr_assert_eq(grove_frames_end(&frames, &err), -ECONNRESET);
	cr_assert_str_eq(err.text, "the peer vanished within a frame: 1 bytes of it came");
	cr_assert_eq(grove_frames_next(&frames, &payload, &size, &err), 0);
	grove_frames_feed(&frames, "\0\1\0x", 4);
	cr_assert_eq(grove_frames_next(&frames, &payload, &size, &err), 0);
	cr_assert_eq(grove_frames_end(&frames, &err), -ECONNRESET);
	cr_assert_str_eq(err.text, "the peer vanished within a frame: 1 of 256 bytes");
}

Test(wire_frame, a_claim_costs_nothing)
{
	_grove_frames_ struct grove_frames frames;
	const void *payload;
	size_t size, room;

	grove_frames_init(&frames, GROVE_FRAME_LIMIT);
	grove_frames_feed(&frames, "\1\0\0\0x", 5);
	cr_assert_eq(grove_frames_next(&frames, &payload, &size, NULL), 0);
	grove_frames_space(&frames, &room);
	cr_assert_leq(frames.in.room, 2 * 65536 + 4096);
}

Test(wire_frame, what_goes_out_has_limits)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	size_t begin;

	add_frame(&out, 10, 'x');
	begin = grove_frame_begin(&out);
	grove_buf_add(&out, "12345", 5);
	cr_assert_eq(grove_frame_end(&out, begin, 4, &err), -EMSGSIZE);
	cr_assert_str_eq(err.text, "a message of 5 bytes, not 1 to 4");
	cr_assert_eq(grove_buf_size(&out), 14, "the frame before it is whole");
	begin = grove_frame_begin(&out);
	cr_assert_eq(grove_frame_end(&out, begin, 4, &err), -EMSGSIZE);
	cr_assert_eq(grove_buf_size(&out), 14);
	begin = grove_frame_begin(&out);
	grove_buf_add(&out, "1234", 4);
	cr_assert_eq(grove_frame_end(&out, begin, 4, &err), 0);
	cr_assert_eq(memcmp(grove_buf_data(&out) + 14, "\0\0\0\0041234", 8), 0);
}
