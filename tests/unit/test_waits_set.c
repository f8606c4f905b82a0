/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of descriptors: poll, select, epoll with nested, stale and spent items, io_uring, and
 * hostile arguments of all of them.
 */
#include "lib/unit_scene.h"
#include "waits/wait_ctx.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>

/* This very process in system call `nr`, with an empty pipe as fd 3 and a full one as fd 4. */
static struct scene *self_in(int nr, uint64_t a0)
{
	struct scene *x = scene_new();
	int32_t self = getpid();

	scene_process(x, self, 0, "self");
	scene_process(x, PID(2), self, "other");
	scene_call(x, self, nr, a0);
	scene_call(x, PID(2), SYS_pause, 0);
	scene_file(x, self, 3, FILE_PIPE, MODE_READ)->ino = 71;
	scene_file(x, self, 4, FILE_PIPE, MODE_WRITE)->ino = 72;
	scene_file(x, PID(2), 0, FILE_PIPE, MODE_READ)->ino = 72;
	scene_file(x, PID(2), 1, FILE_PIPE, MODE_WRITE)->ino = 71;
	return x;
}

static const struct wait *decoded(struct scene *x)
{
	scene_decode(x);
	return scene_wait(x, getpid());
}

static void expect_both_pipes(const struct scene *x, const struct wait *w)
{
	const struct wait *in = scene_item_of(x, w, 0), *out = scene_item_of(x, w, 1);

	cr_assert(eq(int, w->kind, WAIT_POLL));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_WAIT), 2));
	cr_assert(eq(int, in->kind, WAIT_PIPE_READ));
	cr_assert(eq(int, in->fd, 3));
	cr_assert(in->input);
	cr_assert(eq(int, out->kind, WAIT_PIPE_WRITE));
	cr_assert(out->completion);
	cr_assert(scene_leads_to(x, in, TERM_OBJECT, PID(2)));
	cr_assert(scene_leads_to(x, out, TERM_OBJECT, PID(2)));
}

/* ---- poll ----------------------------------------------------------------------------------- */

Test(waits_set, poll_of_two_and_a_hole)
{
	struct pollfd p[] = { { 3, POLLIN, 0 }, { -1, POLLIN, 0 }, { 4, POLLOUT, 0 } };
	struct scene *x = self_in(SYS_poll, HERE(p));

	scene_task(x, getpid())->args[1] = 3;
	scene_task(x, getpid())->args[2] = (uint64_t)-1;
	expect_both_pipes(x, decoded(x));
	cr_assert(eq(int, (int)scene_wait(x, getpid())->term_count, 2));
	scene_free(x);
}

Test(waits_set, poll_has_a_time_out)
{
	struct pollfd p = { 3, POLLIN, 0 };
	struct scene *x = self_in(SYS_poll, HERE(&p));

	scene_task(x, getpid())->args[1] = 1;
	scene_task(x, getpid())->args[2] = 1500;
	const struct wait *w = decoded(x);
	cr_assert(eq(i64, w->timeout_ms, 1500));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	scene_free(x);
}

Test(waits_set, a_poll_that_asks_for_nothing_learns_of_the_end)
{
	struct pollfd p[] = { { 3, 0, 0 }, { 4, 0, 0 } };
	struct scene *x = self_in(SYS_poll, HERE(p));

	scene_task(x, getpid())->args[1] = 2;
	scene_task(x, getpid())->args[2] = (uint64_t)-1;
	const struct wait *w = decoded(x);
	cr_assert(scene_leads_to(x, scene_item_of(x, w, 0), TERM_OBJECT, PID(2)));
	cr_assert(scene_leads_to(x, scene_item_of(x, w, 1), TERM_OBJECT, PID(2)));
	cr_assert_not(scene_item_of(x, w, 1)->completion);
	scene_free(x);
}

Test(waits_set, a_poll_of_nothing_ends_by_a_signal_alone)
{
	struct scene *x = self_in(SYS_poll, 0);

	scene_task(x, getpid())->args[2] = (uint64_t)-1;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)w->term_count, 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	scene_free(x);
}

Test(waits_set, hostile_arguments_of_poll)
{
	static const uint64_t counts[] = { 1, 4096, 4097, UINT32_MAX, UINT64_MAX };
	static const uint64_t places[] = { 0, 8, UINT64_MAX - 7 };

	for (int i = 0; i < 15; i++) {
		struct scene *x = self_in(SYS_poll, places[i / 5]);

		scene_task(x, getpid())->args[1] = counts[i % 5];
		scene_task(x, getpid())->args[2] = (uint64_t)-1;
		cr_assert(ge(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
		scene_free(x);
	}
}

Test(waits_set, a_set_beyond_the_limit_is_cut_and_says_so)
{
	static struct pollfd p[WAIT_ITEMS_MAX + 10];
	struct scene *x = self_in(SYS_poll, HERE(p));

	for (int i = 0; i < WAIT_ITEMS_MAX + 10; i++)
		p[i] = (struct pollfd){ .fd = 3, .events = POLLIN };
	scene_task(x, getpid())->args[1] = WAIT_ITEMS_MAX + 10;
	scene_task(x, getpid())->args[2] = (uint64_t)-1;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_WAIT), WAIT_ITEMS_MAX));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits_set, what_is_always_ready_ends_a_poll)
{
	struct pollfd p = { 5, POLLIN, 0 };
	struct scene *x = self_in(SYS_poll, HERE(&p));

	scene_file(x, getpid(), 5, FILE_REGULAR, MODE_READ)->path =
		strtab_add(x->snap->strings, "/etc/passwd");
	scene_task(x, getpid())->args[1] = 1;
	cr_assert(eq(int, (int)scene_terms(x, scene_item_of(x, decoded(x), 0), TERM_NOW), 1));
	scene_free(x);
}

/* ---- select --------------------------------------------------------------------------------- */

Test(waits_set, select_reads_three_bit_sets)
{
	struct timeval tv = { .tv_sec = 2 };
	fd_set in, out;
	struct scene *x;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(3, &in);
	FD_SET(4, &out);
	x = self_in(SYS_select, 5);
	scene_task(x, getpid())->args[1] = HERE(&in);
	scene_task(x, getpid())->args[2] = HERE(&out);
	scene_task(x, getpid())->args[4] = HERE(&tv);
	expect_both_pipes(x, decoded(x));
	cr_assert(eq(i64, scene_wait(x, getpid())->timeout_ms, 2000));
	scene_free(x);
}

Test(waits_set, select_looks_no_further_than_the_kernel)
{
	static const uint64_t counts[] = { 4, 1024, INT32_MAX, UINT64_MAX };
	fd_set in;

	FD_ZERO(&in);
	FD_SET(3, &in);
	for (int i = 0; i < 4; i++) {
		struct scene *x = self_in(SYS_pselect6, counts[i]);
		uint32_t items = counts[i] == UINT64_MAX ? 0 : 1; /* -1 is refused */

		scene_task(x, getpid())->args[1] = HERE(&in);
		cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_WAIT), (int)items));
		scene_free(x);
	}
	struct scene *x = self_in(SYS_select, 5);
	scene_task(x, getpid())->args[3] = 24;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}

/* ---- epoll ---------------------------------------------------------------------------------- */

static struct snap_file *set_of(struct scene *x, int32_t fd, uint64_t id)
{
	struct snap_file *f = scene_file(x, getpid(), fd, FILE_EPOLL, MODE_READ | MODE_WRITE);

	f->id = id;
	return f;
}

static struct scene *epolling(void)
{
	struct scene *x = self_in(SYS_epoll_wait, 9);

	scene_task(x, getpid())->args[3] = UINT32_MAX; /* -1, as an int */
	set_of(x, 9, 900);
	return x;
}

static const struct snap_file pipe_in = { .kind = FILE_PIPE, .ino = 71 };
static const struct snap_file pipe_out = { .kind = FILE_PIPE, .ino = 72 };

Test(waits_set, epoll_follows_its_items)
{
	struct scene *x = epolling();

	scene_item(x, 3, EPOLLIN, &pipe_in);
	scene_item(x, 4, EPOLLOUT | EPOLLERR | EPOLLHUP, &pipe_out);
	expect_both_pipes(x, decoded(x));
	cr_assert(eq(int, (int)x->model->findings.count, 0));
	cr_assert(eq(i64, scene_wait(x, getpid())->timeout_ms, -1));
	scene_free(x);
}

Test(waits_set, a_stale_item_watches_what_it_was_added_for)
{
	struct scene *x = epolling();

	scene_item(x, 4, EPOLLIN, &pipe_in); /* fd 4 was the empty pipe when it was added */
	const struct wait *w = decoded(x);
	cr_assert(eq(int, scene_item_of(x, w, 0)->kind, WAIT_PIPE_READ));
	cr_assert(scene_leads_to(x, scene_item_of(x, w, 0), TERM_OBJECT, PID(2)));
	cr_assert(scene_finds(x, "epoll-stale"));
	scene_free(x);
}

Test(waits_set, an_item_that_nobody_has_open)
{
	static const struct snap_file gone = { .kind = FILE_PIPE, .ino = 12345 };
	struct scene *x = epolling();

	scene_item(x, 30, EPOLLIN, &gone);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, scene_item_of(x, w, 0), TERM_UNKNOWN), 1));
	cr_assert(scene_finds(x, "epoll-stale"));
	scene_free(x);
}

Test(waits_set, a_spent_item_is_armed_by_who_has_the_set)
{
	struct scene *x = epolling();

	scene_item(x, 3, EPOLLONESHOT | EPOLLET, &pipe_in);
	const struct wait *w = decoded(x);
	const struct wait *item = scene_item_of(x, w, 0);
	cr_assert(eq(int, item->kind, WAIT_POLL));
	cr_assert(scene_leads_to(x, item, TERM_OBJECT, getpid()));
	cr_assert_not(scene_leads_to(x, item, TERM_OBJECT, PID(2)));
	cr_assert(scene_finds(x, "epoll-oneshot-spent"));
	scene_free(x);
}

Test(waits_set, an_item_that_is_armed_is_not_spent)
{
	struct scene *x = epolling();

	scene_item(x, 3, EPOLLIN | EPOLLONESHOT, &pipe_in);
	cr_assert(eq(int, scene_item_of(x, decoded(x), 0)->kind, WAIT_PIPE_READ));
	cr_assert_not(scene_finds(x, "epoll-oneshot-spent"));
	scene_free(x);
}

Test(waits_set, unread_bytes_wake_a_level_and_not_an_edge)
{
	static const uint32_t events[] = { EPOLLIN, EPOLLIN | EPOLLET, EPOLLIN | EPOLLEXCLUSIVE };

	for (int i = 0; i < 3; i++) {
		struct scene *x = epolling();

		scene_item(x, 3, events[i], &pipe_in);
		for (uint32_t j = 0; j < x->snap->files.count; j++)
			x->snap->files.at[j].pipe_used = 1;
		cr_assert(eq(int, (int)scene_terms(x, scene_item_of(x, decoded(x), 0), TERM_NOW),
			     i == 0));
		scene_free(x);
	}
}

Test(waits_set, an_empty_set_is_filled_by_who_has_it)
{
	struct scene *x = epolling();
	const struct wait *w = decoded(x);

	cr_assert(eq(int, (int)w->term_count, 1));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, getpid()));
	scene_free(x);
	x = epolling();
	x->snap->files.at[4].details = false;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits_set, sets_in_sets)
{
	struct scene *x = epolling();
	struct snap_file inner = { .kind = FILE_EPOLL, .id = 800 };

	scene_item(x, 8, EPOLLIN, &inner);
	set_of(x, 8, 800);
	scene_item(x, 3, EPOLLIN, &pipe_in);
	const struct wait *w = decoded(x), *middle = scene_item_of(x, w, 0);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_WAIT), 1));
	cr_assert(eq(int, middle->kind, WAIT_POLL));
	cr_assert(eq(int, scene_item_of(x, middle, 0)->kind, WAIT_PIPE_READ));
	scene_free(x);
}

/* The kernel forbids circles; a snapshot of a changing set may show one. */
Test(waits_set, a_circle_of_sets_ends)
{
	struct scene *x = epolling();
	struct snap_file self = { .kind = FILE_EPOLL, .id = 900 };

	for (int i = 0; i < 3; i++)
		scene_item(x, 9, EPOLLIN, &self);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_WAIT), 3));
	cr_assert(lt(int, (int)x->model->waits.count, 1000));
	scene_free(x);
	x = epolling();
	for (int i = 0; i < 100; i++)
		scene_item(x, 9, EPOLLIN, &self);
	decoded(x);
	cr_assert(le(int, (int)x->model->waits.count, WAIT_ITEMS_MAX + 2));
	scene_free(x);
}

Test(waits_set, items_outside_of_the_list_are_not_read)
{
	struct scene *x = epolling();

	x->snap->files.at[4].first_item = UINT32_MAX - 2;
	x->snap->files.at[4].item_count = 10;
	cr_assert(ne(int, (int)decoded(x)->term_count, 0));
	scene_free(x);
}

/* ---- io_uring ------------------------------------------------------------------------------- */

static struct scene *uring(uint64_t min_complete)
{
	struct scene *x = self_in(SYS_io_uring_enter, 9);

	scene_task(x, getpid())->args[2] = min_complete;
	scene_task(x, getpid())->args[3] = IORING_ENTER_GETEVENTS;
	scene_file(x, getpid(), 9, FILE_IO_URING, MODE_READ | MODE_WRITE)->id = 55;
	return x;
}

static void add_request(struct scene *x, uint8_t opcode, const struct snap_file *target)
{
	*vec_push(&x->snap->uring) = (struct snap_uring_req){ .tgid = getpid(),
							      .fd = 9,
							      .opcode = opcode,
							      .kind = target->kind,
							      .ino = target->ino };
	x->snap->has_uring = true;
}

Test(waits_set, requests_of_a_ring_are_items)
{
	struct scene *x = uring(1);

	add_request(x, IORING_OP_READ, &pipe_in);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_IO_URING));
	cr_assert(eq(int, (int)w->term_count, 1));
	cr_assert(scene_leads_to(x, scene_item_of(x, w, 0), TERM_OBJECT, PID(2)));
	scene_free(x);
}

Test(waits_set, a_ring_that_shows_too_little)
{
	struct scene *x = uring(1);

	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
	x = uring(2);
	add_request(x, IORING_OP_WRITE, &pipe_out);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
	x = uring(1);
	scene_task(x, getpid())->args[0] = 77;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits_set, requests_of_a_ring_that_wait_for_no_file)
{
	struct scene *x = uring(2);

	add_request(x, IORING_OP_READ, &pipe_in);
	x->snap->files.at[4].value = URING_TIMEOUTS;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 0));
	scene_free(x);
	x = uring(1);
	x->snap->has_uring = true;
	x->snap->files.at[4].value = URING_CHILDREN | URING_FUTEXES;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 2));
	scene_free(x);
}

Test(waits_set, a_time_out_of_a_ring)
{
	struct timespec ts = { .tv_sec = 3 };
	struct {
		uint64_t sigmask;
		uint32_t size, min_wait;
		uint64_t ts;
	} arg = { .ts = HERE(&ts) };
	struct scene *x = uring(1);

	scene_task(x, getpid())->args[3] |= 1 << 3; /* IORING_ENTER_EXT_ARG */
	scene_task(x, getpid())->args[4] = HERE(&arg);
	scene_task(x, getpid())->args[5] = sizeof(arg);
	cr_assert(eq(i64, decoded(x)->timeout_ms, 3000));
	scene_free(x);
}

Test(waits_set, old_asynchronous_io_is_outside)
{
	struct scene *x = self_in(SYS_io_getevents, 1);

	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_OUTSIDE), 1));
	scene_free(x);
}
