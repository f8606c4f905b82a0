/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V and POSIX queues and semaphores, over hand-built snapshots and the memory of this test.
 */
#include "lib/unit_scene.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>

/* A set of this test's own, removed at its end. */
static int set = -1;

static void remove_set(void)
{
	if (set >= 0)
		semctl(set, 0, IPC_RMID);
}

static void make_set(int first, int second)
{
	set = semget(IPC_PRIVATE, 2, 0600);
	if (set < 0)
		cr_skip_test("no System V semaphores here");
	semctl(set, 0, SETVAL, first);
	semctl(set, 1, SETVAL, second);
}

/* This process operates on the set; 1 is another process of the tree. */
static struct scene *operating(struct sembuf *ops, uint32_t count)
{
	struct scene *x = scene_new();
	struct snap_task *t;

	scene_process(x, getpid(), 0, "worker");
	scene_process(x, PID(1), getpid(), "other");
	t = scene_call(x, getpid(), SYS_semop, (uint64_t)(uint32_t)set);
	t->args[1] = HERE(ops);
	t->args[2] = count;
	return x;
}

static void owes(struct scene *x, int32_t tgid, int32_t number, int32_t adjust)
{
	*vec_push(&x->snap->undo) = (struct snap_sem_undo){ tgid, set, number, adjust };
}

static const struct wait *decoded(struct scene *x)
{
	scene_decode(x);
	return scene_wait(x, getpid());
}

Test(waits_ipc, a_semaphore_used_as_a_lock_has_an_owner, .fini = remove_set)
{
	struct sembuf op = { 1, -1, SEM_UNDO };

	make_set(0, 0);
	struct scene *x = operating(&op, 1);
	owes(x, PID(1), 1, 1);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_SYSV_SEM));
	cr_assert(w->completion);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(1)));
	cr_assert_not(scene_leads_to(x, w, TERM_OBJECT, getpid()));
	cr_assert(eq(int, scene_term(x, w, TERM_OBJECT)->as, AS_OWNER));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	scene_free(x);
}

/* A consumer that took one before, with SEM_UNDO, does not wait for itself. */
Test(waits_ipc, the_own_undo_is_no_owner, .fini = remove_set)
{
	struct sembuf op = { 0, -1, SEM_UNDO };

	make_set(0, 0);
	struct scene *x = operating(&op, 1);
	owes(x, getpid(), 0, 1);
	const struct wait *w = decoded(x);
	cr_assert_not(w->completion);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, getpid()));
	cr_assert(eq(int, scene_term(x, w, TERM_OBJECT)->as, AS_SETTER));
	scene_free(x);
}

Test(waits_ipc, the_undo_of_another_semaphore_does_not_count, .fini = remove_set)
{
	struct sembuf op = { 0, -1, SEM_UNDO };

	make_set(0, 0);
	struct scene *x = operating(&op, 1);
	owes(x, PID(1), 1, 1);
	cr_assert_not(decoded(x)->completion);
	scene_free(x);
}

Test(waits_ipc, all_semaphores_in_the_way_must_change, .fini = remove_set)
{
	struct sembuf ops[] = { { 0, -1, 0 }, { 1, -1, 0 } };

	make_set(0, 0);
	struct scene *x = operating(ops, 2);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_WAIT), 2));
	cr_assert(eq(int, (int)w->need, 2));
	scene_free(x);
	/* One of them is free: then it is about the other only. */
	semctl(set, 0, SETVAL, 1);
	x = operating(ops, 2);
	w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_WAIT), 0));
	cr_assert_not_null(strstr(scene_str(x, w->text), ".1 to be raised"));
	scene_free(x);
}

Test(waits_ipc, a_time_out_stands_beside_all_semaphores, .fini = remove_set)
{
	struct sembuf ops[] = { { 0, -1, 0 }, { 1, -1, 0 } };
	struct timespec ten = { .tv_sec = 10 };

	make_set(0, 0);
	struct scene *x = operating(ops, 2);
	scene_task(x, getpid())->nr = SYS_semtimedop;
	scene_task(x, getpid())->args[3] = HERE(&ten);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)w->need, 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_WAIT), 1));
	cr_assert(eq(int, (int)scene_item_of(x, w, 0)->need, 2));
	scene_free(x);
}

Test(waits_ipc, operations_that_cannot_be_read, .fini = remove_set)
{
	make_set(0, 0);
	struct scene *x = operating(NULL, 1);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}

/* The numbers of another IPC namespace, or of none that can be seen, must not be looked up in ours.
 */
Test(waits_ipc, another_namespace)
{
	struct scene *x = scene_new();
	struct snap_task *t;

	scene_process(x, PID(1), 0, "worker");
	t = scene_call(x, PID(1), SYS_msgrcv, 3);
	cr_assert_not_null(t);
	scene_decode(x);
	const struct wait *w = scene_wait(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_SYSV_MSG));
	cr_assert_not_null(
		strstr(scene_str(x, model_object(x->model, w->object)->key), " of ipc "));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(1)));
	scene_free(x);
}

/* ---- messages ---------------------------------------------------------------------------------
 */

Test(waits_ipc, whoever_shares_the_namespace_may_send)
{
	int id = msgget(IPC_PRIVATE, 0600);
	struct scene *x = scene_new();

	if (id < 0)
		cr_skip_test("no System V queues here");
	scene_process(x, getpid(), 0, "receiver");
	scene_call(x, getpid(), SYS_msgrcv, (uint64_t)id);
	const struct wait *w = decoded(x);
	msgctl(id, IPC_RMID, NULL);
	cr_assert(w->input);
	cr_assert_not(w->completion);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, getpid()));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	scene_free(x);
}

/* ---- POSIX queues -----------------------------------------------------------------------------
 */

static struct scene *queue(const char *path, int nr)
{
	struct scene *x = scene_new();
	struct snap_file *f;

	scene_process(x, PID(1), 0, "reader");
	scene_process(x, PID(2), PID(1), "writer");
	f = scene_file(x, PID(1), 3, FILE_MQUEUE, MODE_READ);
	f->dev = 1;
	f->ino = 7;
	f->path = strtab_add(x->snap->strings, path);
	*scene_file(x, PID(2), 4, FILE_MQUEUE, MODE_WRITE) =
		(struct snap_file){ .tgid = PID(2),
				    .fd = 4,
				    .kind = FILE_MQUEUE,
				    .mode = MODE_WRITE,
				    .dev = 1,
				    .ino = 7,
				    .path = f->path,
				    .details = true };
	scene_call(x, PID(1), nr, 3);
	scene_decode(x);
	return x;
}

Test(waits_ipc, a_queue_is_read_from_those_who_can_write)
{
	struct scene *x = queue("/jobs (deleted)", SYS_mq_timedreceive);
	const struct wait *w = scene_wait(x, PID(1));

	cr_assert(eq(int, w->kind, WAIT_MQ));
	cr_assert(w->input);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	cr_assert(eq(int, scene_term(x, w, TERM_OBJECT)->mode, MODE_WRITE));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 0));
	scene_free(x);
	x = queue("/jobs", SYS_mq_timedreceive);
	cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, PID(1)), TERM_NEW), 1));
	scene_free(x);
	x = queue("/jobs", SYS_mq_timedsend);
	cr_assert(scene_wait(x, PID(1))->completion);
	cr_assert(eq(int, scene_term(x, scene_wait(x, PID(1)), TERM_OBJECT)->mode, MODE_READ));
	scene_free(x);
}
