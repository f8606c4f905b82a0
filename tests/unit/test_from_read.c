/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/from_read.h"

#include "lib/unit_scene.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static struct scene *x;

static void setup(void)
{
	x = scene_new();
}

static void teardown(void)
{
	scene_free(x);
}

TestSuite(from_read, .init = setup, .fini = teardown);

static uint32_t id_of(int n)
{
	return model_find_pid(x->model, PID(n));
}

static struct snap_file *file_of(int n, int32_t fd)
{
	struct snap_file *f = snapshot_file(x->snap, PID(n), fd);

	cr_assert_not_null(f);
	return f;
}

static const struct object *object_at(int n, int32_t fd)
{
	uint32_t id = model_file_object(x->model, x->snap, file_of(n, fd));

	model_index(x->model);
	return model_object(x->model, id);
}

static uint32_t number_of(const struct object *o)
{
	return (uint32_t)(o - x->model->objects.at) + 1;
}

static const struct holder *holder_of(const struct object *o, int n, int32_t fd)
{
	uint32_t count;
	const uint32_t *at = model_holders(x->model, number_of(o), &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct holder *h = &x->model->holders.at[at[i]];

		if (h->actor == id_of(n) && h->fd == fd)
			return h;
	}
	return NULL;
}

static uint32_t holder_count(const struct object *o)
{
	uint32_t count;

	model_holders(x->model, number_of(o), &count);
	return count;
}

static void expect_key(int n, int32_t fd, const char *key)
{
	cr_assert_str_eq(model_str(x->model, object_at(n, fd)->key), key);
}

/* ---- actors and threads ---------------------------------------------------------------------- */

Test(from_read, actors_stand_in_tree_order)
{
	scene_forked(x, 5, 0, false);
	scene_forked(x, 9, 5, true);
	scene_forked(x, 2, 5, true)->start_ticks = 1;
	scene_forked(x, 3, 9, true);
	scene_forked(x, 4, 2, true);
	x->snap->root_tgid = PID(5);
	scene_outsider(x, PID(7), "out");
	scene_model(x);
	cr_assert_eq(x->model->root, 1);
	cr_assert_eq(x->model->actors.count, 5);
	cr_assert_eq(id_of(5), 1);
	cr_assert_eq(id_of(2), 2, "the elder child first");
	cr_assert_eq(id_of(4), 3);
	cr_assert_eq(id_of(9), 4);
	cr_assert_eq(id_of(3), 5);
	for (uint32_t id = 1; id <= 5; id++)
		cr_assert_lt(model_actor(x->model, id)->parent, id);
	cr_assert_eq(model_actor(x->model, id_of(3))->parent, id_of(9));
	cr_assert_eq(model_actor_of(x->model, x->snap, PID(7)), 6);
	cr_assert_not(model_actor(x->model, 6)->in_tree);
	cr_assert_eq(model_actor_of(x->model, x->snap, PID(7)), 6);
	cr_assert_eq(model_actor_of(x->model, x->snap, PID(8)), 0);
}

Test(from_read, a_circle_of_parents_ends)
{
	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 3, true);
	scene_forked(x, 3, 2, true);
	scene_forked(x, 4, 4, true);
	scene_model(x);
	cr_assert_eq(x->model->actors.count, 4);
	for (uint32_t id = 1; id <= 4; id++)
		cr_assert_lt(model_actor(x->model, id)->parent, id);
}

Test(from_read, a_long_chain_of_processes_is_fine)
{
	scene_forked(x, 1, 0, false);
	for (int i = 2; i <= 3000; i++)
		scene_forked(x, i, i - 1, true);
	scene_model(x);
	cr_assert_eq(x->model->actors.count, 3000);
	cr_assert_eq(model_actor(x->model, 3000)->pid, PID(3000));
}

Test(from_read, threads_follow_their_leader)
{
	struct snap_task *t;

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_thread(x, PID(1), PID(50));
	t = scene_call(x, PID(1), SYS_futex, 0);
	t->since_ns = x->snap->taken_boottime_ns - 2500000000;
	strncpy(t->comm, "leader", sizeof(t->comm));
	t = scene_task(x, PID(50));
	t->has_syscall = t->compat = true;
	t->nr = 4;
	scene_model(x);
	cr_assert_eq(model_actor(x->model, 1)->first_thread, 1);
	cr_assert_eq(model_actor(x->model, 1)->thread_count, 2);
	cr_assert_str_eq(model_str(x->model, model_thread(x->model, 1)->syscall), "futex");
	cr_assert_str_eq(model_str(x->model, model_thread(x->model, 1)->name), "leader");
	cr_assert_eq(model_thread(x->model, 1)->since_ms, 2500);
	cr_assert_str_eq(model_str(x->model, model_thread(x->model, 2)->syscall),
			 "i386 system call 4");
	cr_assert_eq(model_thread(x->model, 2)->since_ms, UINT64_MAX);
	cr_assert_eq(model_thread(x->model, 3)->syscall, 0);
}

Test(from_read, timers_and_signals_are_carried)
{
	struct snap_process *p = scene_forked(x, 1, 0, false);
	struct snap_task *t;

	p->itimer_ns = x->snap->taken_boottime_ns + 700;
	p->has_signals = true;
	p->sig_caught = 1ull << (SIGCHLD - 1);
	p->sig_pending = 1ull << (SIGTERM - 1) | 1ull << (SIGUSR1 - 1);
	t = scene_task(x, PID(1));
	t->has_signals = true;
	t->sig_blocked = 1ull << (SIGTERM - 1) | 1ull << (SIGUSR1 - 1);
	t = scene_thread(x, PID(1), PID(50));
	t->has_signals = true;
	t->sig_blocked = 1ull << (SIGTERM - 1) | 1ull << (SIGHUP - 1) | 1ull << (SIGCHLD - 1) |
			 1ull << (SIGALRM - 1);
	t->sig_pending = 1ull << (SIGHUP - 1);
	scene_model(x);
	cr_assert_eq(model_actor(x->model, 1)->timer_ns, 700);
	cr_assert(model_actor(x->model, 1)->timers_known);
	cr_assert(model_actor(x->model, 1)->catches_sigchld);
	cr_assert_eq(model_actor(x->model, 1)->sig_pending_blocked,
		     (1ull << (SIGTERM - 1) | 1ull << (SIGHUP - 1)));
	cr_assert(model_thread(x->model, 1)->interruptible);
	cr_assert_not(model_thread(x->model, 2)->interruptible,
		      "it blocks the one that is caught and that of the timer");
}

Test(from_read, an_armed_timer_needs_no_handler)
{
	struct snap_process *p = scene_forked(x, 1, 0, false);
	struct snap_task *t;

	p->itimer_ns = x->snap->taken_boottime_ns + 700;
	p->has_signals = true;
	t = scene_task(x, PID(1));
	t->has_signals = true;
	scene_model(x);
	cr_assert(model_thread(x->model, 1)->interruptible);
}

Test(from_read, a_posix_timer_may_send_any_signal)
{
	struct snap_process *p = scene_forked(x, 1, 0, false);
	struct snap_task *t;

	p->posix_timer_ns = 900;
	p->has_signals = true;
	t = scene_task(x, PID(1));
	t->has_signals = true;
	t->sig_blocked = 1ull << (SIGALRM - 1);
	scene_model(x);
	cr_assert_eq(model_actor(x->model, 1)->timer_ns, 900);
	cr_assert(model_thread(x->model, 1)->interruptible);
}

Test(from_read, a_timer_that_cannot_be_seen_is_possible)
{
	struct snap_process *p = scene_forked(x, 1, 0, false);

	p->itimer_known = false;
	p->has_signals = true;
	scene_model(x);
	cr_assert_not(model_actor(x->model, 1)->timer_possible);
	p->sig_caught = 1ull << (SIGALRM - 1);
	model_free(x->model);
	x->model = model_new();
	scene_model(x);
	cr_assert(model_actor(x->model, 1)->timer_possible);
}

Test(from_read, threads_that_ran_lose_their_waits)
{
	uint32_t waits[3], item;

	for (int i = 1; i <= 3; i++)
		scene_forked(x, i, i - 1, true);
	scene_model(x);
	for (uint32_t i = 0; i < 3; i++) {
		waits[i] = model_add_wait(x->model, i + 1, 0);
		model_thread(x->model, i + 1)->wait = waits[i];
		item = model_add_wait(x->model, i + 1, waits[i]);
		model_wait(x->model, item)->fd = (int32_t)i + 10;
		model_add_term(x->model, item, (struct term){ .kind = TERM_ACTOR, .id = i + 1 });
		model_add_term(x->model, waits[i], (struct term){ .kind = TERM_WAIT, .id = item });
	}
	scene_task(x, PID(2))->moved = true;
	model_apply_stamps(x->model, x->snap);
	cr_assert(model_thread(x->model, 2)->moved);
	cr_assert_eq(model_thread(x->model, 2)->wait, 0);
	cr_assert_eq(x->model->waits.count, 4);
	cr_assert_eq(x->model->terms.count, 4);
	cr_assert_eq(model_thread(x->model, 3)->wait, 3);
	cr_assert_eq(model_wait(x->model, 4)->parent, 3);
	cr_assert_eq(model_wait(x->model, 4)->fd, 12);
	cr_assert_eq(x->model->terms.at[model_wait(x->model, 3)->first_term].id, 4);
	cr_assert_eq(x->model->terms.at[model_wait(x->model, 4)->first_term].id, 3);
}

/* ---- keys and groups ------------------------------------------------------------------------- */

Test(from_read, keys_name_objects_as_both_readers_do)
{
	struct snap_file *f;

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_file(x, PID(1), 3, FILE_PIPE, MODE_READ)->ino = 123;
	f = scene_file(x, PID(1), 4, FILE_PIPE, MODE_READ);
	f->named = true;
	f->ino = 9;
	f->dev = makedev(8, 1);
	f->path = strtab_add(x->snap->strings, "/tmp/fifo");
	scene_file(x, PID(1), 5, FILE_EVENTFD, MODE_READ)->id = 1;
	f = scene_file(x, PID(1), 6, FILE_TTY, MODE_READ);
	f->value = 3;
	f->ino = 6;
	f = scene_file(x, PID(1), 7, FILE_TTY, MODE_READ);
	f->value = SNAP_UNKNOWN_U64;
	f->path = strtab_add(x->snap->strings, "/dev/tty1");
	scene_file(x, PID(1), 8, FILE_PTY_MASTER, MODE_READ)->value = 3;
	scene_file(x, PID(1), 9, FILE_PIDFD, MODE_READ)->value = PID(2);
	scene_file(x, PID(1), 10, FILE_PIDFD, MODE_READ)->value = UINT64_MAX;
	f = scene_file(x, PID(1), 11, FILE_REGULAR, MODE_READ);
	f->ino = 77;
	f->dev = makedev(254, 2);
	scene_file(x, PID(1), 12, FILE_EPOLL, MODE_READ)->description = 40;
	scene_file(x, PID(2), 13, FILE_EPOLL, MODE_READ)->description = 40;
	scene_file(x, PID(2), 14, FILE_EPOLL, MODE_READ);
	scene_file(x, PID(2), 15, FILE_SOCKET, MODE_READ)->ino = 55;
	scene_file(x, PID(2), 16, FILE_FUSE_DEV, MODE_READ)->value = 44;
	scene_model(x);
	expect_key(1, 3, "pipe:[123]");
	expect_key(1, 4, "fifo:[8:1:9]");
	cr_assert_str_eq(model_str(x->model, object_at(1, 4)->label), "/tmp/fifo");
	expect_key(1, 5, "eventfd:[0]");
	expect_key(1, 6, "tty:[/dev/pts/3]");
	expect_key(1, 7, "tty:[/dev/tty1]");
	expect_key(1, 8, "ptmx:[3]");
	cr_assert_eq(object_at(1, 8)->peer, number_of(object_at(1, 6)));
	cr_assert_eq(object_at(1, 6)->peer, number_of(object_at(1, 8)));
	expect_key(1, 9, "pidfd:[5000002]");
	cr_assert_str_eq(model_str(x->model, object_at(1, 9)->label), "pid 5000002 (x)");
	expect_key(1, 10, "pidfd:[5000001/10]");
	expect_key(1, 11, "file:[fe:2:77]");
	expect_key(2, 13, "epoll:[5000001/12]");
	cr_assert_eq(object_at(2, 13), object_at(1, 12));
	expect_key(2, 14, "epoll:[5000002/14]");
	expect_key(2, 15, "socket:[55]");
	expect_key(2, 16, "fuse:[44]");
}

Test(from_read, a_terminal_by_its_other_name_is_the_same)
{
	struct snap_file *f;

	scene_forked(x, 1, 0, false)->tty_nr = 136 << 8 | 5;
	f = scene_file(x, PID(1), 0, FILE_TTY, MODE_READ);
	f->value = 5;
	f->ino = 8;
	f = scene_file(x, PID(1), 3, FILE_TTY, MODE_READ);
	f->value = SNAP_UNKNOWN_U64;
	f->ino = 9;
	f->path = strtab_add(x->snap->strings, "/dev/tty");
	scene_model(x);
	expect_key(1, 3, "tty:[/dev/pts/5]");
	cr_assert_eq(object_at(1, 0), object_at(1, 3));
	cr_assert_eq(holder_count(object_at(1, 0)), 2);
}

Test(from_read, a_file_that_only_identifies_is_found)
{
	struct snap_file like = { .kind = FILE_PIPE, .named = true, .dev = 5, .ino = 9, .fd = -1 };
	struct snap_file *f;
	uint32_t id;

	scene_forked(x, 1, 0, false);
	f = scene_file(x, PID(1), 3, FILE_PIPE, MODE_WRITE);
	f->named = true;
	f->dev = 5;
	f->ino = 9;
	scene_model(x);
	id = model_file_object(x->model, x->snap, &like);
	cr_assert_eq(id, number_of(object_at(1, 3)));
	like.ino = 10;
	id = model_file_object(x->model, x->snap, &like);
	model_index(x->model);
	cr_assert_eq(holder_count(model_object(x->model, id)), 0);
	cr_assert_str_eq(model_str(x->model, model_object(x->model, id)->key), "fifo:[0:5:10]");
}

/* ---- holders --------------------------------------------------------------------------------- */

/* A pipe of which the kernel counts so many descriptions. */
static struct snap_file *pipe_end(int n, int32_t fd, uint8_t mode, uint32_t description)
{
	struct snap_file *f = scene_file(x, PID(n), fd, FILE_PIPE, mode);

	x->snap->has_pipe_counts = true;
	f->ino = 123;
	f->description = description;
	f->pipe_readers = f->pipe_writers = 1;
	return f;
}

Test(from_read, holders_are_complete_when_the_kernel_counts_no_more)
{
	const struct object *o;

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_outsider(x, PID(3), "out");
	pipe_end(1, 3, MODE_READ, 1);
	pipe_end(1, 4, MODE_WRITE, 2);
	pipe_end(2, 4, MODE_WRITE, 2);
	pipe_end(3, 9, MODE_WRITE, 2);
	scene_model(x);
	o = object_at(1, 3);
	cr_assert_eq(holder_count(o), 4);
	cr_assert_eq(o->holders_seen, HOLDERS_COMPLETE);
	cr_assert(holder_of(o, 2, 4)->inherited);
	cr_assert_not(holder_of(o, 1, 4)->inherited);
	cr_assert_eq(holder_of(o, 1, 3)->mode, MODE_READ);
	cr_assert_not(model_actor(x->model, holder_of(o, 3, 9)->actor)->in_tree);
	cr_assert_not_null(strstr(model_str(x->model, o->detail), "\"writers\":1"));
}

Test(from_read, holders_are_hidden_when_the_kernel_counts_more)
{
	scene_forked(x, 1, 0, false);
	pipe_end(1, 3, MODE_READ, 1)->pipe_writers = 2;
	pipe_end(1, 4, MODE_WRITE, 2)->pipe_writers = 2;
	scene_model(x);
	cr_assert_eq(object_at(1, 3)->holders_seen, HOLDERS_HIDDEN);
}

Test(from_read, holders_are_what_is_visible_without_counts)
{
	scene_forked(x, 1, 0, false);
	pipe_end(1, 3, MODE_READ, 1)->pipe_writers = UINT32_MAX;
	x->snap->has_inflight = false;
	scene_model(x);
	cr_assert_eq(object_at(1, 3)->holders_seen, HOLDERS_VISIBLE);
}

Test(from_read, a_file_that_could_not_be_told_may_be_one_more_holder)
{
	scene_forked(x, 1, 0, false);
	pipe_end(1, 3, MODE_READ, 1)->pipe_writers = UINT32_MAX;
	x->snap->has_inflight = false;
	x->snap->files_lost = true;
	scene_model(x);
	cr_assert_eq(object_at(1, 3)->holders_seen, HOLDERS_HIDDEN);
}

Test(from_read, a_fifo_that_is_being_opened_hides_nobody)
{
	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_call(x, PID(2), SYS_openat, 0);
	pipe_end(1, 3, MODE_READ, 1)->named = true;
	scene_model(x);
	cr_assert_eq(object_at(1, 3)->holders_seen, HOLDERS_VISIBLE, "a writer is counted");
}

Test(from_read, a_queued_descriptor_is_held_by_who_may_receive_it)
{
	struct snap_inflight *q;
	const struct object *o;

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	pipe_end(1, 3, MODE_READ, 1);
	scene_socket(x, PID(2), 5, 700);
	scene_file(x, PID(1), 6, FILE_SOCKET, MODE_READ)->ino = 600;
	q = vec_push(&x->snap->inflight);
	*q = (struct snap_inflight){
		.sock_ino = 800, .kind = FILE_PIPE, .mode = MODE_WRITE, .ino = 123, .description = 2
	};
	/* The socket that it is queued in is itself queued in one of the second process. */
	q = vec_push(&x->snap->inflight);
	*q = (struct snap_inflight){ .sock_ino = 700,
				     .kind = FILE_SOCKET,
				     .mode = MODE_WRITE,
				     .ino = 800,
				     .description = 3 };
	scene_model(x);
	o = object_at(1, 3);
	cr_assert_eq(o->holders_seen, HOLDERS_COMPLETE);
	cr_assert_eq(holder_of(o, 2, -1)->mode, MODE_WRITE);
	cr_assert_null(holder_of(o, 1, -1));
	cr_assert(scene_finds(x, "fd-in-flight"));
}

Test(from_read, a_queue_that_nobody_holds_hides_somebody)
{
	struct snap_inflight *q;

	scene_forked(x, 1, 0, false);
	pipe_end(1, 3, MODE_READ, 1);
	q = vec_push(&x->snap->inflight);
	*q = (struct snap_inflight){
		.sock_ino = 800, .kind = FILE_PIPE, .mode = MODE_WRITE, .ino = 123, .description = 2
	};
	q = vec_push(&x->snap->inflight);
	*q = (struct snap_inflight){ .sock_ino = 800, .kind = FILE_SOCKET, .ino = 800 };
	scene_model(x);
	cr_assert_eq(object_at(1, 3)->holders_seen, HOLDERS_HIDDEN, "a socket queued in itself");
}

Test(from_read, without_descriptions_a_bare_fork_inherits_by_number)
{
	const struct object *o;

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_forked(x, 3, 1, false);
	pipe_end(1, 4, MODE_WRITE, 0);
	pipe_end(2, 4, MODE_WRITE, 0);
	pipe_end(2, 7, MODE_WRITE, 0);
	pipe_end(3, 4, MODE_WRITE, 0);
	scene_model(x);
	o = object_at(1, 4);
	cr_assert(holder_of(o, 2, 4)->inherited);
	cr_assert_not(holder_of(o, 2, 7)->inherited);
	cr_assert_not(holder_of(o, 3, 4)->inherited);
}

Test(from_read, siblings_that_share_a_description_have_it_from_their_parent)
{
	const struct object *o;

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_forked(x, 3, 1, true);
	scene_forked(x, 4, 2, true);
	pipe_end(2, 4, MODE_WRITE, 8);
	pipe_end(3, 4, MODE_WRITE, 8);
	pipe_end(4, 4, MODE_WRITE, 9);
	scene_model(x);
	o = object_at(2, 4);
	cr_assert(holder_of(o, 2, 4)->inherited);
	cr_assert(holder_of(o, 3, 4)->inherited);
	cr_assert_not(holder_of(o, 4, 4)->inherited);
}

/*
 * On a host, by kcmp(2): the snapshot is of this process and a fork of it, with descriptions
 * unknown.
 */
Test(from_read, the_kernel_tells_which_descriptors_are_one)
{
	int shared = epoll_create1(0), child, status;
	const struct object *o;
	int32_t self = getpid();

	child = fork();
	if (child == 0) {
		epoll_create1(0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	if (syscall(SYS_kcmp, self, self, 0, shared, shared) != 0)
		cr_skip("no kcmp(2) here");
	x->snap->has_descriptions = false;
	scene_process(x, self, 0, "parent");
	scene_process(x, child, self, "child");
	scene_file(x, self, shared, FILE_EPOLL, MODE_READ);
	scene_file(x, child, shared, FILE_EPOLL, MODE_READ);
	scene_file(x, child, shared + 1, FILE_EPOLL, MODE_READ);
	/* The child has opened its own by the time that descriptor is there. */
	for (int i = 0; i < 1000; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", child, shared + 1);
		if (!access(path, F_OK))
			break;
		usleep(1000);
	}
	scene_model(x);
	o = model_object(x->model, model_file_object(x->model, x->snap,
						     snapshot_file(x->snap, child, shared)));
	model_index(x->model);
	cr_assert_eq(holder_count(o), 2);
	o = model_object(x->model, model_file_object(x->model, x->snap,
						     snapshot_file(x->snap, child, shared + 1)));
	model_index(x->model);
	cr_assert_eq(holder_count(o), 1);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
}

/* ---- sockets --------------------------------------------------------------------------------- */

static void address(uint8_t to[16], uint8_t last)
{
	memcpy(to, (uint8_t[16]){ [10] = 0xff, [11] = 0xff, [12] = 127, [15] = last }, 16);
}

Test(from_read, sockets_know_their_peers)
{
	struct snap_sock *k;

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	k = scene_socket(x, PID(1), 3, 100);
	k->family = AF_UNIX;
	k->type = SOCK_STREAM;
	k->state = SOCK_ESTABLISHED;
	k->peer_ino = 101;
	k->rqueue = 5;
	k = scene_socket(x, PID(2), 3, 101);
	k->family = AF_UNIX;
	k->peer_ino = 100;
	k->path = strtab_add(x->snap->strings, "/run/x.sock");
	k = scene_socket(x, PID(1), 4, 102);
	k->family = AF_INET;
	k->protocol = 6;
	k->state = SOCK_ESTABLISHED;
	address(k->local, 1);
	address(k->remote, 2);
	k->local_port = 80;
	k->remote_port = 4242;
	scene_model(x);
	cr_assert_eq(object_at(1, 3)->peer, number_of(object_at(2, 3)));
	cr_assert_eq(object_at(2, 3)->peer, number_of(object_at(1, 3)));
	cr_assert_str_eq(model_str(x->model, object_at(2, 3)->label), "/run/x.sock");
	cr_assert_not_null(
		strstr(model_str(x->model, object_at(1, 3)->detail),
		       "\"family\":\"unix\",\"type\":\"stream\",\"state\":\"established\","
		       "\"receive_queue\":5"));
	cr_assert_str_eq(model_str(x->model, object_at(1, 4)->label),
			 "127.0.0.1:80 -> 127.0.0.2:4242");
	cr_assert_eq(object_at(1, 4)->peer, 0);
	cr_assert_eq(object_at(1, 3)->holders_seen, HOLDERS_COMPLETE);
}

Test(from_read, many_senders_to_one_socket_do_not_make_it_theirs)
{
	struct snap_sock *k;

	scene_forked(x, 1, 0, false);
	for (int i = 0; i < 3; i++) {
		k = scene_socket(x, PID(1), 3 + i, 100 + (uint64_t)i);
		k->family = AF_UNIX;
		k->peer_ino = i ? 100 : 0;
	}
	scene_model(x);
	cr_assert_eq(object_at(1, 4)->peer, number_of(object_at(1, 3)));
	cr_assert_eq(object_at(1, 5)->peer, number_of(object_at(1, 3)));
	cr_assert_eq(object_at(1, 3)->peer, 0);
}
