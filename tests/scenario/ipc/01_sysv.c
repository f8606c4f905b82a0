/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V message queues and semaphores. Nothing is opened, so anyone who knows the number may end
 * the wait: snag must say so, hint at who used it last, and name who owes a semaphore back where
 * the kernel notes it (SEM_UNDO).
 */
#include "lib/scenario.h"

#include <errno.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the runner must remove afterwards. */
struct ids {
	int queue, set; /* 1 + id */
};

static struct ids *ids(void)
{
	return shared_page();
}

static void remove_ids(void)
{
	if (ids()->queue)
		msgctl(ids()->queue - 1, IPC_RMID, NULL);
	if (ids()->set)
		semctl(ids()->set - 1, 0, IPC_RMID);
}

static int make_queue(void)
{
	int id = (int)must(msgget(IPC_PRIVATE, 0600));

	ids()->queue = id + 1;
	return id;
}

static int make_set(int first, int second)
{
	int id = (int)must(semget(IPC_PRIVATE, 2, 0600));

	ids()->set = id + 1;
	must(semctl(id, 0, SETVAL, first));
	must(semctl(id, 1, SETVAL, second));
	return id;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

struct message {
	long type;
	char text[8192];
};

static void receive(void *id)
{
	struct message m;

	if (msgrcv(*(int *)id, &m, sizeof(m.text), 0, 0) < 0)
		scenario_die("msgrcv: %m");
}

static void fill(void *id)
{
	struct message m = { .type = 1 };

	while (!msgsnd(*(int *)id, &m, sizeof(m.text), 0))
		;
	scenario_die("msgsnd: %m");
}

SCENARIO(msg_receive, .cleanup = remove_ids,
	 .what = "a child waits for a message that nobody sends")
{
	int id = make_queue();
	pid_t child = spawn_child(receive, &id);

	truth_verdict("deadlock", NULL);
	truth_verdict("undetermined", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "sysv-msg", text("sysv-msg:[%d]", id), getpid());
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(msg_send_full, .cleanup = remove_ids,
	 .what = "a child sends to a full queue that nobody reads")
{
	int id = make_queue();
	pid_t child = spawn_child(fill, &id);

	truth_verdict("deadlock", NULL);
	truth_verdict("undetermined", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "sysv-msg", text("sysv-msg:[%d]", id), getpid());
	truth_says("full");
	truth_ready();
	waitpid(child, NULL, 0);
}

static void sleep_long(void *unused)
{
	(void)unused;
	sleep(100000);
}

/* The sleeper knows the queue: it may well send to it when it wakes. */
SCENARIO(msg_receive_sleeper, .cleanup = remove_ids,
	 .what = "a child waits for a message that a sleeping sibling may send")
{
	int id = make_queue();
	pid_t child = spawn_child(receive, &id), sibling = spawn_child(sleep_long, NULL);

	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_wait(child, 0, "sysv-msg", text("sysv-msg:[%d]", id), sibling);
	truth_blocked(sibling, 0);
	truth_ready();
	waitpid(child, NULL, 0);
}

/* ---- semaphores -------------------------------------------------------------------------------
 */

static int change(int set, unsigned short number, short by)
{
	struct sembuf op = { number, by, SEM_UNDO };

	return semop(set, &op, 1);
}

static void take_second_then_first(void *set)
{
	must(change(*(int *)set, 1, -1));
	must(change(*(int *)set, 0, -1));
}

static bool second_is_taken(void *set)
{
	return semctl(*(int *)set, 1, GETVAL) == 0;
}

/* Used as locks, with SEM_UNDO: the kernel keeps who owes them. */
SCENARIO(sem_abba, .needs = "root", .reader = "bpf", .cleanup = remove_ids,
	 .what = "two processes take two semaphores in opposite order")
{
	int set = make_set(1, 1);

	must(change(set, 0, -1));
	pid_t child = spawn_child(take_second_then_first, &set);
	wait_until(second_is_taken, &set, "the child has the second");
	wait_blocked(child, 0);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "sysv-sem", text("sysv-sem:[%d.1]", set), child);
	truth_hop(child, 0, "sysv-sem", text("sysv-sem:[%d.0]", set), getpid());
	truth_ready();
	change(set, 1, -1);
}

static void take_first(void *set)
{
	struct sembuf op = { 0, -1, 0 };

	semop(*(int *)set, &op, 1);
}

SCENARIO(sem_nobody, .cleanup = remove_ids,
	 .what = "a child waits for a semaphore that nobody raises")
{
	int set = make_set(0, 0);
	pid_t child = spawn_child(take_first, &set);

	truth_verdict("deadlock", NULL);
	truth_verdict("undetermined", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "sysv-sem", text("sysv-sem:[%d.0]", set), getpid());
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(sem_timed, .cleanup = remove_ids, .what = "semtimedop on two semaphores for a day")
{
	int set = make_set(0, 0);
	struct sembuf ops[2] = { { 0, -1, 0 }, { 1, -1, 0 } };
	struct timespec day = { .tv_sec = 86400 };

	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "sysv-sem", NULL, ANYBODY);
	truth_ready();
	semtimedop(set, ops, 2, &day);
}

static void wait_for_zero(void *set)
{
	struct sembuf op = { 0, 0, 0 };

	semop(*(int *)set, &op, 1);
}

SCENARIO(sem_zero, .cleanup = remove_ids, .what = "a child waits for a semaphore to become zero")
{
	int set = make_set(1, 0);
	pid_t child = spawn_child(wait_for_zero, &set);

	truth_verdict("deadlock", NULL);
	truth_verdict("undetermined", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "sysv-sem", text("sysv-sem:[%d.0]", set), getpid());
	truth_says("become zero");
	truth_ready();
	waitpid(child, NULL, 0);
}
