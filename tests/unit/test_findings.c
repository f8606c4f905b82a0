/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts that stand whatever the verdict: zombies and orphans, what a fork or an exec left over,
 * listeners of who is gone, unread bytes.
 */
#include "lib/unit_scene.h"
#include "model/from_read.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

static struct scene *x;

static void setup(void)
{
	x = scene_new();
}

static void teardown(void)
{
	scene_free(x);
}

TestSuite(findings, .init = setup, .fini = teardown);

static uint32_t object_of(int n, int32_t fd)
{
	return model_file_object(x->model, x->snap, snapshot_file(x->snap, PID(n), fd));
}

static const struct finding *finding(const char *kind, int n)
{
	for (uint32_t i = 0; i < x->model->findings.count; i++) {
		const struct finding *f = &x->model->findings.at[i];

		if (!strcmp(model_str(x->model, f->kind), kind) &&
		    f->actor == model_find_pid(x->model, PID(n)))
			return f;
	}
	return NULL;
}

/* The main thread of a process waits in epoll on that descriptor, and nothing moved. */
static void waits_in_epoll(int n, int32_t fd)
{
	uint32_t thread = model_find_tid(x->model, PID(n));
	uint32_t w = model_add_wait(x->model, thread, 0);

	model_wait(x->model, w)->kind = WAIT_POLL;
	model_wait(x->model, w)->fd = fd;
	model_thread(x->model, thread)->wait = w;
}

Test(findings, facts_of_processes_are_found)
{
	struct snap_process *p;

	scene_forked(x, 1, 0, false);
	scene_thread(x, PID(1), PID(50));
	scene_forked(x, 2, 1, true);
	p = scene_forked(x, 3, 1, false);
	p->exited = true;
	p->state = 'Z';
	p = scene_forked(x, 4, 1, false);
	p->ppid = 1;
	p->joined = true;
	p->joined_why = "session";
	p = scene_forked(x, 5, 1, false);
	p->has_signals = true;
	p->sig_pending = 1ull << (SIGTERM - 1);
	p->pending_sender = PID(1);
	scene_task(x, PID(5))->has_signals = true;
	scene_task(x, PID(5))->sig_blocked = UINT64_MAX;
	scene_model(x);
	model_find_facts(x->model, x->snap);
	cr_assert_not_null(finding("forked-from-threads", 2));
	cr_assert_not_null(finding("zombie", 3));
	cr_assert_not_null(finding("orphan", 4));
	cr_assert_eq(finding("signal-blocked", 5)->signal, SIGTERM);
	cr_assert_not_null(
		strstr(model_str(x->model, finding("signal-blocked", 5)->text), "SIGTERM"));
	cr_assert_not_null(strstr(model_str(x->model, finding("signal-blocked", 5)->text),
				  "sent by pid 5000001"));
	cr_assert_eq(x->model->findings.count, 4);
}

Test(findings, many_facts_of_one_kind_are_counted)
{
	scene_forked(x, 1, 0, false);
	for (int i = 2; i < 102; i++)
		scene_forked(x, i, 1, false)->exited = true;
	scene_model(x);
	model_find_facts(x->model, x->snap);
	cr_assert_eq(x->model->findings.count, 33);
	cr_assert_str_eq(model_str(x->model, x->model->findings.at[32].text),
			 "and 68 more of this kind");
}

Test(findings, a_shared_epoll_set_is_found)
{
	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_file(x, PID(1), 3, FILE_EPOLL, MODE_READ)->description = 9;
	scene_file(x, PID(1), 4, FILE_EPOLL, MODE_READ)->description = 10;
	scene_file(x, PID(1), 5, FILE_EPOLL, MODE_READ)->description = 10;
	scene_file(x, PID(2), 3, FILE_EPOLL, MODE_READ)->description = 9;
	scene_model(x);
	model_find_facts(x->model, x->snap);
	cr_assert_eq(finding("epoll-shared", 2)->fd, 3);
	cr_assert_eq(finding("epoll-shared", 2)->object, object_of(1, 3));
	cr_assert_eq(x->model->findings.count, 1);
}

/* Both wait in sets of their own; the parent's has its socket, that of the child has not. */
static void fork_with_socket(void)
{
	struct snap_file target = { .kind = FILE_SOCKET, .ino = 100 };

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_socket(x, PID(1), 7, 100)->rqueue = 5;
	x->snap->socks.at[0].state = SOCK_ESTABLISHED;
	scene_file(x, PID(2), 7, FILE_SOCKET, MODE_READ)->ino = 100;
	scene_file(x, PID(2), 9, FILE_EPOLL, MODE_READ)->description = 31;
	scene_file(x, PID(1), 8, FILE_EPOLL, MODE_READ)->description = 30;
	scene_item(x, 7, EPOLLIN, &target);
}

Test(findings, a_socket_left_over_from_a_fork_is_found)
{
	fork_with_socket();
	scene_model(x);
	waits_in_epoll(1, 8);
	waits_in_epoll(2, 9);
	model_find_facts(x->model, x->snap);
	cr_assert_eq(finding("fd-inherited", 2)->fd, 7);
	cr_assert_null(finding("fd-inherited", 1));
	cr_assert_null(finding("unread-bytes", 1), "the parent waits for it");
}

/* Process 2 outlived its parent, in our session, and sleeps; fd 5 of it is a listener. */
static struct snap_sock *orphan_with_listener(void)
{
	struct snap_process *p;
	struct snap_sock *k;

	scene_forked(x, 1, 0, false);
	p = scene_forked(x, 2, 1, false);
	p->ppid = 1;
	p->joined = true;
	p->joined_why = "session";
	k = scene_socket(x, PID(2), 5, 100);
	k->state = SOCK_LISTENING;
	k->local_port = 1616;
	k->family = 2;
	return k;
}

/* The main thread of a process waits, for that descriptor or (-1) for none. */
static void waits_for(int n, int32_t fd)
{
	waits_in_epoll(n, fd);
	model_wait(x->model, x->model->waits.count)->kind = fd < 0 ? WAIT_SLEEP : WAIT_ACCEPT;
}

Test(findings, a_listener_of_who_is_gone_is_found)
{
	orphan_with_listener();
	scene_model(x);
	waits_for(1, -1);
	waits_for(2, -1);
	model_find_facts(x->model, x->snap);
	cr_assert_eq(finding("listener-orphaned", 2)->fd, 5);
	cr_assert_eq(finding("listener-orphaned", 2)->object, object_of(2, 5));
}

Test(findings, a_listener_that_somebody_waits_for_is_none_of_who_is_gone)
{
	orphan_with_listener();
	scene_model(x);
	waits_for(1, -1);
	waits_for(2, 5);
	model_find_facts(x->model, x->snap);
	cr_assert_not_null(finding("orphan", 2));
	cr_assert_null(finding("listener-orphaned", 2));
}

Test(findings, who_serves_at_a_listener_is_no_stranger_to_it)
{
	struct snap_sock *k;

	orphan_with_listener();
	k = scene_socket(x, PID(2), 6, 101);
	k->state = SOCK_ESTABLISHED;
	k->local_port = 1616;
	k->family = 2;
	scene_model(x);
	waits_for(1, -1);
	waits_for(2, -1);
	model_find_facts(x->model, x->snap);
	cr_assert_null(finding("listener-orphaned", 2));
}

Test(findings, who_may_be_about_to_accept_is_not_blamed)
{
	orphan_with_listener();
	scene_model(x);
	waits_for(1, -1);
	model_find_facts(x->model, x->snap);
	cr_assert_null(finding("listener-orphaned", 2), "it runs");
}

/* A program that was started has the listener of who started it. */
Test(findings, a_listener_left_over_from_an_exec_is_found)
{
	struct snap_file *f;

	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, false);
	scene_socket(x, PID(1), 5, 100)->state = SOCK_LISTENING;
	f = scene_file(x, PID(2), 5, FILE_SOCKET, MODE_READ);
	f->ino = 100;
	scene_model(x);
	waits_for(1, 5);
	waits_for(2, -1);
	model_find_facts(x->model, x->snap);
	cr_assert_eq(finding("fd-inherited", 2)->fd, 5);
	cr_assert_null(finding("listener-orphaned", 2));
}

Test(findings, a_connection_that_a_program_was_given_is_its_own)
{
	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, false);
	scene_socket(x, PID(1), 5, 100)->state = SOCK_ESTABLISHED;
	scene_file(x, PID(2), 5, FILE_SOCKET, MODE_READ)->ino = 100;
	scene_model(x);
	waits_for(1, 5);
	waits_for(2, -1);
	model_find_facts(x->model, x->snap);
	cr_assert_null(finding("fd-inherited", 2));
}

Test(findings, unread_bytes_that_nobody_waits_for_are_found)
{
	fork_with_socket();
	x->snap->epitems.at[0].events = 0x40000000;
	scene_model(x);
	waits_in_epoll(1, 8);
	waits_in_epoll(2, 9);
	model_find_facts(x->model, x->snap);
	cr_assert_eq(finding("unread-bytes", 1)->fd, 7);
	cr_assert_null(finding("fd-inherited", 2), "the parent does not wait for it either");
}

Test(findings, nothing_is_said_of_who_may_be_on_his_way)
{
	fork_with_socket();
	x->snap->epitems.at[0].events = 0;
	scene_model(x);
	waits_in_epoll(1, 8);
	model_find_facts(x->model, x->snap);
	cr_assert_eq(x->model->findings.count, 0, "the child runs");
}
