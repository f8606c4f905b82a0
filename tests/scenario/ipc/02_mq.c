/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX message queues. snag must find who else has the queue open, and that one with a name may be
 * opened by anyone.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A queue without a name is as private as a pipe. */
static mqd_t make(int flags, bool named)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	const char *name = text("/snag-scenario-%d", getpid());
	mqd_t q = mq_open(name, flags | O_CREAT | O_EXCL, 0600, &attr);

	if (q == (mqd_t)-1)
		scenario_die("mq_open: %m");
	if (!named)
		mq_unlink(name);
	return q;
}

static void receive(void *queue)
{
	char message[8];

	mq_receive(*(mqd_t *)queue, message, sizeof(message), NULL);
}

SCENARIO(mq_receive_dead, .what = "a child waits for a message of its parent, which waits for it")
{
	mqd_t q = make(O_RDWR, false);
	pid_t child = spawn_child(receive, &q);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "mq", NULL, getpid());
	truth_ready();
	waitpid(child, NULL, 0);
}

static void send_two(void *queue)
{
	mq_send(*(mqd_t *)queue, "1", 1, 0);
	mq_send(*(mqd_t *)queue, "2", 1, 0);
}

SCENARIO(mq_send_full, .what = "a child sends to a full queue whose only reader waits for it")
{
	mqd_t q = make(O_RDWR, false);
	pid_t child = spawn_child(send_two, &q);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "mq", NULL, getpid());
	truth_says("full");
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(mq_receive_day, .what = "mq_timedreceive for a day")
{
	mqd_t q = make(O_RDWR, false);
	struct timespec at;
	char message[8];

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 86400;
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "mq", NULL, ANYBODY);
	truth_ready();
	mq_timedreceive(q, message, sizeof(message), NULL, &at);
}

SCENARIO(mq_poll, .what = "poll on a queue to which only a dead child could send")
{
	mqd_t q = make(O_RDWR, false);
	struct pollfd item = { .fd = q, .events = POLLIN };
	pid_t child = spawn_child(hang_dead, NULL);

	truth_verdict("deadlock", NULL);
	truth_wait(getpid(), 0, "mq", NULL, child);
	truth_blocked(child, 0);
	truth_ready();
	poll(&item, 1, -1);
}

static void unlink_queue(void)
{
	pid_t *patient = shared_page();

	if (*patient)
		mq_unlink(text("/snag-scenario-%d", *patient));
}

/* A server at rest: whoever opens the name can send. */
SCENARIO(mq_named_server, .cleanup = unlink_queue,
	 .what = "a reader of a named queue is no deadlock")
{
	mqd_t q = make(O_RDONLY, true);

	*(pid_t *)shared_page() = getpid();
	truth_verdict("idle", NULL);
	truth_verdict("undetermined", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "mq", NULL, ANYBODY);
	truth_ready();
	receive(&q);
}
