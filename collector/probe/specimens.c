/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/specimens.h"

#include "bpf/event.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* since Linux 5.3, headers may be older */
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static int open_signalfd(void)
{
	sigset_t none;

	sigemptyset(&none);
	return signalfd(-1, &none, SFD_CLOEXEC);
}

static int open_uring(void)
{
	struct io_uring_params params;

	memset(&params, 0, sizeof(params));
	return syscall(SYS_io_uring_setup, 1, &params);
}

static int open_pidfd(void)
{
	return syscall(SYS_pidfd_open, getpid(), 0);
}

static int open_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
}

static int open_master(void)
{
	return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* The other side has file operations of its own, which all other terminals share. */
static int open_slave(int master)
{
	int unlocked = 0;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return -1;
	return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* Not mounted: a /dev/fuse that serves nothing. */
static int open_fuse(void)
{
	return open("/dev/fuse", O_RDWR | O_CLOEXEC);
}

static void add(struct specimens *s, uint32_t class, const char *name, int fd)
{
	s->at[s->count++] = (struct specimen){ .fd = fd, .class = class, .name = name };
}

void specimens_open(struct specimens *s)
{
	struct timeval second = { .tv_sec = 1 };
	int master;

	s->count = 0;
	add(s, EV_CLASS_EVENTFD, "eventfd", eventfd(0, EFD_CLOEXEC));
	add(s, EV_CLASS_TIMERFD, "timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	add(s, EV_CLASS_SIGNALFD, "signalfd", open_signalfd());
	add(s, EV_CLASS_EPOLL, "epoll", epoll_create1(EPOLL_CLOEXEC));
	add(s, EV_CLASS_PIDFD, "pidfd", open_pidfd());
	add(s, EV_CLASS_INOTIFY, "inotify", inotify_init1(IN_CLOEXEC));
	add(s, EV_CLASS_FANOTIFY, "fanotify",
	    fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY));
	add(s, EV_CLASS_USERFAULTFD, "userfaultfd", open_userfaultfd());
	add(s, EV_CLASS_IO_URING, "io_uring", open_uring());
	master = open_master();
	add(s, EV_CLASS_TTY, "pty master", master);
	add(s, EV_CLASS_TTY, "terminal", open_slave(master));
	add(s, EV_CLASS_FUSE_DEV, "/dev/fuse", open_fuse());
	s->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->sock >= 0 &&
	    setsockopt(s->sock, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0) {
		close(s->sock);
		s->sock = -1;
	}
}

void specimens_close(struct specimens *s)
{
	/* Backwards: a slave before its master, else the slave is hung up first. */
	for (uint32_t i = s->count; i-- > 0;)
		if (s->at[i].fd >= 0)
			close(s->at[i].fd);
	if (s->sock >= 0)
		close(s->sock);
	s->count = 0;
	s->sock = -1;
}
