/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/set/spin.h"

#include "lib/unit_child.h"
#include "lib/unit_scene.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { SPINNER = PID(1), INO = 71 };

/* A loop with set 5, in which fd 3 is a connected unix socket that has seen its peer's end. */
static struct scene *loop_with(uint32_t events)
{
	struct scene *x = scene_new();
	struct snap_sock *k;

	scene_process(x, SPINNER, 0, "loop");
	scene_task(x, SPINNER)->state = 'R';
	k = scene_socket(x, SPINNER, 3, INO);
	k->family = AF_UNIX;
	k->type = SOCK_STREAM;
	k->state = SOCK_ESTABLISHED;
	k->shutdown = 3;
	scene_file(x, SPINNER, 5, FILE_EPOLL, MODE_READ | MODE_WRITE);
	scene_item(x, 3, events, &(struct snap_file){ .kind = FILE_SOCKET, .ino = INO });
	return x;
}

static struct snap_sock *sock_of(struct scene *x)
{
	return &x->snap->socks.at[0];
}

static uint32_t found_in(struct scene *x, struct scene *later)
{
	_cleanup_wait_ctx_ struct wait_ctx *c = wait_ctx_new(later->snap, x->model);

	return spin_find_items(x->ctx, c, SPINNER, true);
}

/* How many items of a loop that looks so twice are told of. */
static uint32_t found_twice(struct scene *x)
{
	uint32_t count;

	scene_decode(x);
	count = found_in(x, x);
	scene_free(x);
	return count;
}

Test(spin, the_end_of_a_socket_is_told_with_its_descriptor)
{
	struct scene *x = loop_with(EPOLLIN);
	const struct finding *f;

	scene_decode(x);
	cr_assert(eq(u32, spin_find_items(x->ctx, x->ctx, SPINNER, false), 1));
	cr_assert(eq(u32, x->model->findings.count, 0), "it only counts");
	cr_assert(eq(u32, found_in(x, x), 1));
	f = &x->model->findings.at[0];
	cr_assert_str_eq(scene_str(x, f->kind), SPIN_FINDING);
	cr_assert(eq(int, f->fd, 3));
	cr_assert_str_eq(scene_str(x, model_object(x->model, f->object)->key), "socket:[71]");
	cr_assert(eq(int, model_actor(x->model, f->actor)->pid, SPINNER));
	cr_assert(eq(u32, found_in(x, x), 0), "once is enough");
	scene_free(x);
}

/* What does not wake a loop again and again, or is not at its end. */
Test(spin, others_are_not_told)
{
	struct scene *x = loop_with(EPOLLIN);

	sock_of(x)->shutdown = 0;
	cr_assert(eq(u32, found_twice(x), 0), "open");
	x = loop_with(EPOLLIN);
	sock_of(x)->shutdown = 0xff;
	cr_assert(eq(u32, found_twice(x), 0), "unknown");
	x = loop_with(EPOLLIN);
	sock_of(x)->rqueue = 7;
	cr_assert(eq(u32, found_twice(x), 0), "it is being read, maybe");
	x = loop_with(EPOLLOUT);
	sock_of(x)->shutdown = 1;
	cr_assert(eq(u32, found_twice(x), 0), "nobody asked for input");
	cr_assert(eq(u32, found_twice(loop_with(EPOLLIN | EPOLLET)), 0), "told once");
	cr_assert(eq(u32, found_twice(loop_with(EPOLLONESHOT)), 0), "spent");
	x = loop_with(EPOLLIN);
	sock_of(x)->state = SOCK_LISTENING;
	cr_assert(eq(u32, found_twice(x), 0), "a listener");
}

Test(spin, tcp_is_at_its_end_when_the_other_has_closed)
{
	static const struct {
		uint8_t state;
		uint32_t events, found;
	} cases[] = {
		{ SOCK_ESTABLISHED, EPOLLIN, 0 }, { SOCK_CLOSE_WAIT, EPOLLIN, 1 },
		{ SOCK_CLOSE_WAIT, EPOLLOUT, 0 }, { SOCK_CLOSE, EPOLLOUT, 1 },
		{ SOCK_SYN_SENT, EPOLLOUT, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene *x = loop_with(cases[i].events);

		sock_of(x)->family = AF_INET;
		sock_of(x)->shutdown = 0;
		sock_of(x)->state = cases[i].state;
		cr_assert(eq(u32, found_twice(x), cases[i].found), "case %zu", i);
	}
}

static uint32_t found_of_pipe(uint8_t mode, uint32_t others, uint32_t used, bool named)
{
	struct scene *x = scene_new();
	struct snap_file *f;

	scene_process(x, SPINNER, 0, "loop");
	scene_task(x, SPINNER)->state = 'R';
	f = scene_file(x, SPINNER, 3, FILE_PIPE, mode);
	f->ino = INO;
	f->pipe_used = used;
	f->named = named;
	*(mode == MODE_READ ? &f->pipe_writers : &f->pipe_readers) = others;
	scene_file(x, SPINNER, 5, FILE_EPOLL, MODE_READ | MODE_WRITE);
	scene_item(x, 3, mode == MODE_READ ? EPOLLIN : EPOLLOUT,
		   &(struct snap_file){ .kind = FILE_PIPE, .ino = INO });
	return found_twice(x);
}

Test(spin, a_pipe_is_at_its_end_when_the_kernel_counts_nobody_there)
{
	cr_assert(eq(u32, found_of_pipe(MODE_READ, 0, 0, false), 1));
	cr_assert(eq(u32, found_of_pipe(MODE_WRITE, 0, 16, false), 1));
	cr_assert(eq(u32, found_of_pipe(MODE_READ, 1, 0, false), 0));
	cr_assert(eq(u32, found_of_pipe(MODE_READ, UINT32_MAX, 0, false), 0));
	cr_assert(eq(u32, found_of_pipe(MODE_READ, 0, 3, false), 0), "there are bytes");
	cr_assert(eq(u32, found_of_pipe(MODE_READ, 0, 0, true), 0), "a FIFO");
}

Test(spin, what_is_gone_at_the_later_look_was_taken_out)
{
	struct scene *x = loop_with(EPOLLIN), *later = loop_with(EPOLLIN);

	scene_decode(x);
	scene_decode(later);
	later->snap->epitems.at[0].fd = 4;
	cr_assert(eq(u32, found_in(x, later), 0), "another item");
	later->snap->epitems.at[0].fd = 3;
	sock_of(later)->shutdown = 0;
	cr_assert(eq(u32, found_in(x, later), 0), "another state");
	sock_of(later)->shutdown = 3;
	later->snap->files.at[1].kind = FILE_PIPE;
	cr_assert(eq(u32, found_in(x, later), 0), "another set");
	scene_free(later);
	scene_free(x);
}

/* A set that changes while it is read. */
Test(spin, items_beyond_the_list_are_not_looked_at)
{
	struct scene *x = loop_with(EPOLLIN);

	x->snap->files.at[1].item_count = 100;
	cr_assert(eq(u32, found_twice(x), 1));
	x = loop_with(EPOLLIN);
	x->snap->files.at[1].first_item = UINT32_MAX - 1;
	cr_assert(eq(u32, found_twice(x), 0));
}

/* ---- who calls the kernel -------------------------------------------------------------------- */

static void call(void *unused)
{
	(void)unused;
	for (;;)
		syscall(SYS_getppid);
}

static void compute(void *unused)
{
	(void)unused;
	for (volatile unsigned long n = 0;; n++)
		;
}

static bool calls(void (*fn)(void *))
{
	struct scene *x = scene_new();
	int32_t child = child_start(fn, NULL);
	bool seen;

	child_wait_state(child, child, 'R');
	scene_process(x, child, 0, "child");
	scene_task(x, child)->state = 'R';
	_cleanup_spin_times_ struct spin_times *times = spin_times_new(x->snap);
	seen = spin_calls_kernel(times, child, child);
	child_end(child);
	cr_assert_not(spin_calls_kernel(times, child, child), "it is gone");
	scene_free(x);
	return seen;
}

Test(spin, who_calls_the_kernel_is_told_from_who_computes)
{
	cr_assert(calls(call));
	cr_assert_not(calls(compute));
}

Test(spin, a_thread_that_was_not_noted_is_not_known_to_call)
{
	struct scene *x = scene_new();

	_cleanup_spin_times_ struct spin_times *times = spin_times_new(x->snap);
	cr_assert_not(spin_calls_kernel(times, getpid(), getpid()));
	scene_free(x);
}
