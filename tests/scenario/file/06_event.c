/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eventfd, timerfd, signals, inotify and fanotify. snag must find the holders of an eventfd by its
 * id, tell an armed timer from a disarmed one, and know a wait for new input (a signal, a file
 * event) for what it is.
 */
#include "lib/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_eight(int fd)
{
	uint64_t value;

	if (read(fd, &value, sizeof(value)) < 0)
		scenario_die("read: %m");
}

/* The decoy is another eventfd, held by a process that will end: their inode numbers are equal. */
static pid_t eventfd_decoy(void)
{
	char *argv[] = { (char *)"sleep", (char *)"100000", NULL };
	int fd = (int)must(eventfd(0, EFD_CLOEXEC));
	pid_t pid = spawn_program_on(argv, fd, -1, -1);

	close(fd);
	return pid;
}

static void truth_eventfd(pid_t child, pid_t decoy)
{
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "eventfd", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_blocked(decoy, 0);
	truth_ready();
}

SCENARIO(eventfd_read, .what = "a read of an empty eventfd whose other holder can never go on")
{
	pid_t decoy = eventfd_decoy();
	int fd = (int)must(eventfd(0, 0));
	pid_t child = spawn_child(hang_dead, NULL);

	truth_eventfd(child, decoy);
	read_eight(fd);
}

/* Polls a timer by aio, which posts to the eventfd when it has expired. */
static void post_by_aio(void *eventfd)
{
	struct itimerspec far = { .it_value.tv_sec = 100000 };
	int timer = (int)must(timerfd_create(CLOCK_MONOTONIC, 0));
	struct iocb poll = { .aio_lio_opcode = IOCB_CMD_POLL,
			     .aio_fildes = (uint32_t)timer,
			     .aio_buf = POLLIN,
			     .aio_flags = IOCB_FLAG_RESFD,
			     .aio_resfd = *(uint32_t *)eventfd };
	struct iocb *list[] = { &poll };
	aio_context_t context = 0;

	must(timerfd_settime(timer, 0, &far, NULL));
	must(syscall(SYS_io_setup, 8, &context));
	must(syscall(SYS_io_submit, context, 1, list));
	hang_dead(NULL);
}

SCENARIO(eventfd_aio, .what = "a read of an eventfd that a dead child has given to aio")
{
	int fd = (int)must(eventfd(0, 0));
	pid_t child = spawn_child(post_by_aio, &fd);

	truth_verdict("undetermined", NULL);
	truth_blocked(getpid(), 0);
	truth_blocked(child, 0);
	truth_ready();
	read_eight(fd);
}

SCENARIO(eventfd_write, .what = "a write to a saturated eventfd")
{
	pid_t decoy = eventfd_decoy();
	int fd = (int)must(eventfd(0, 0));
	uint64_t most = UINT64_MAX - 1;
	pid_t child = spawn_child(hang_dead, NULL);

	must(write(fd, &most, sizeof(most)));
	truth_eventfd(child, decoy);
	must(write(fd, &most, sizeof(most)));
}

SCENARIO(timerfd_armed, .what = "a read of an armed timerfd ends by itself")
{
	int fd = (int)must(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec in_a_day = { .it_value.tv_sec = 100000 };

	must(timerfd_settime(fd, 0, &in_a_day, NULL));
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "timer", NULL, ANYBODY);
	truth_ready();
	read_eight(fd);
}

SCENARIO(timerfd_disarmed, .what = "a read of a disarmed timerfd that only a dead child could arm")
{
	int fd = (int)must(timerfd_create(CLOCK_MONOTONIC, 0));
	pid_t child = spawn_child(hang_dead, NULL);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "timer", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_ready();
	read_eight(fd);
}

/* Who waits for a signal only waits for new input: at rest, not stuck. */
static void truth_signal_wait(void)
{
	truth_verdict("idle", NULL);
	truth_hop(getpid(), 0, "signal", NULL, ANYBODY);
	truth_ready();
}

static sigset_t blocked_usr1(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigprocmask(SIG_BLOCK, &set, NULL));
	return set;
}

SCENARIO(signalfd_read, .what = "a read of a signalfd")
{
	sigset_t set = blocked_usr1();
	int fd = (int)must(signalfd(-1, &set, 0));
	struct signalfd_siginfo info;

	truth_signal_wait();
	must(read(fd, &info, sizeof(info)));
}

SCENARIO(sigwaitinfo_for_ever, .what = "sigwaitinfo without a time-out")
{
	sigset_t set = blocked_usr1();

	truth_signal_wait();
	sigwaitinfo(&set, NULL);
}

SCENARIO(sigtimedwait_day, .what = "sigtimedwait with a time-out")
{
	sigset_t set = blocked_usr1();

	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "signal", NULL, ANYBODY);
	truth_ready();
	sigtimedwait(&set, NULL, &(struct timespec){ .tv_sec = 100000 });
}

SCENARIO(sigsuspend_for_ever, .what = "sigsuspend")
{
	sigset_t none;

	sigemptyset(&none);
	truth_signal_wait();
	sigsuspend(&none);
}

SCENARIO(pause_for_ever, .what = "pause")
{
	truth_signal_wait();
	hang(NULL);
}

SCENARIO(inotify_read, .what = "a read of an inotify descriptor waits for a file event")
{
	int fd = (int)must(inotify_init1(0));
	char event[4096];

	must(inotify_add_watch(fd, scenario_dir(), IN_CREATE));
	truth_verdict("idle", NULL);
	truth_hop(getpid(), 0, "inotify", NULL, ANYBODY);
	truth_ready();
	must(read(fd, event, sizeof(event)));
}

static void open_watched(void *path)
{
	must(open(path, O_RDONLY));
}

/* The opener is blocked in the kernel until the watcher has answered, which it never does. */
SCENARIO(fanotify_permission, .needs = "root",
	 .what = "an open waits for a fanotify permission answer that nobody gives")
{
	const char *path = text("%s/watched", scenario_dir());
	int file = (int)must(open(path, O_WRONLY | O_CREAT, 0600));
	int fan = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);

	close(file);
	if (fan < 0)
		scenario_skip("fanotify", "fanotify_init is refused");
	must(fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path));
	pid_t watcher = spawn_child(hang_dead, NULL);
	close(fan);
	pid_t opener = spawn_child(open_watched, (void *)path);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, opener);
	truth_hop(opener, 0, "inotify|kernel-lock|unknown", NULL, watcher);
	truth_culprit(watcher, NULL);
	truth_ready();
	waitpid(opener, NULL, 0);
}
