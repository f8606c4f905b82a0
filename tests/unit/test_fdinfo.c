/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/fdinfo.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <unistd.h>

static struct snap_file classify(struct snapshot *s, const char *link, uint32_t mode, uint64_t rdev)
{
	struct snap_file f = { .fd = 3 };

	fdinfo_classify(s, &f, link, mode, rdev);
	return f;
}

Test(fdinfo, kinds_by_link)
{
	static const struct {
		const char *link;
		uint32_t mode;
		uint8_t kind;
	} CASES[] = {
		{ "pipe:[123]", 0, FILE_PIPE },
		{ "socket:[123]", 0, FILE_SOCKET },
		{ "anon_inode:[eventfd]", 0600, FILE_EVENTFD },
		{ "anon_inode:[timerfd]", 0, FILE_TIMERFD },
		{ "anon_inode:[signalfd]", 0, FILE_SIGNALFD },
		{ "anon_inode:[eventpoll]", 0, FILE_EPOLL },
		{ "anon_inode:[pidfd]", S_IFREG, FILE_PIDFD },
		{ "anon_inode:inotify", 0, FILE_INOTIFY },
		{ "anon_inode:[fanotify]", 0, FILE_FANOTIFY },
		{ "anon_inode:[userfaultfd]", 0, FILE_USERFAULTFD },
		{ "anon_inode:[io_uring]", 0, FILE_IO_URING },
		{ "anon_inode:seccomp notify", 0, FILE_SECCOMP_NOTIFY },
		{ "anon_inode:bpf-map", 0, FILE_ANON },
		{ "/x", S_IFREG | 0644, FILE_REGULAR },
		{ "/x (deleted)", S_IFREG, FILE_REGULAR },
		{ "/x", S_IFDIR, FILE_DIRECTORY },
		{ "/x", 0, FILE_UNKNOWN },
		{ "/x", S_IFSOCK, FILE_ANON },
		{ "/pipe:[1]", S_IFREG, FILE_REGULAR },
		{ "net:[4026531833]", S_IFREG, FILE_REGULAR },
		{ "pipe:[]", 0, FILE_UNKNOWN },
		{ "pipe:[1", 0, FILE_UNKNOWN },
		{ "", 0, FILE_UNKNOWN },
	};
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct snap_file f = classify(s, CASES[i].link, CASES[i].mode, 0);

		cr_assert_eq(f.kind, CASES[i].kind, "%s: %d", CASES[i].link, f.kind);
		cr_assert_not(f.named);
	}
	cr_assert_eq(classify(s, "pipe:[123]", 0, 0).ino, 123);
	cr_assert(classify(s, "/fifo", S_IFIFO, 0).named);
	cr_assert_eq(classify(s, "/fifo", S_IFIFO, 0).kind, FILE_PIPE);
}

Test(fdinfo, kinds_of_devices)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snap_file f = classify(s, "/dev/pts/3", S_IFCHR, makedev(136, 3));

	cr_assert_eq(f.kind, FILE_TTY);
	cr_assert_eq(f.value, 3);
	f = classify(s, "/dev/ptmx", S_IFCHR, makedev(5, 2));
	cr_assert_eq(f.kind, FILE_PTY_MASTER);
	cr_assert_eq(f.value, SNAP_UNKNOWN_U64);
	cr_assert_eq(classify(s, "/dev/tty", S_IFCHR, makedev(5, 0)).kind, FILE_TTY);
	cr_assert_eq(classify(s, "/dev/fuse", S_IFCHR, makedev(10, 229)).kind, FILE_FUSE_DEV);
	f = classify(s, "/dev/null", S_IFCHR, makedev(1, 3));
	cr_assert_eq(f.kind, FILE_DEVICE);
	cr_assert_eq(f.value, makedev(1, 3));
	cr_assert_eq(classify(s, "/dev/vda", S_IFBLK, makedev(254, 0)).kind, FILE_DEVICE);
}

static struct snap_file parse(struct snapshot *s, uint8_t kind, const char *text)
{
	struct snap_file f = { .tgid = 2000000000, .fd = 3, .kind = kind };

	fdinfo_parse(s, &f, text);
	cr_assert(f.details);
	return f;
}

Test(fdinfo, flags_and_mount)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snap_file f =
		parse(s, FILE_PIPE, "pos:\t0\nflags:\t02004001\nmnt_id:\t15\nino:\t7\n");

	cr_assert(f.nonblock);
	cr_assert_eq(f.mode, MODE_WRITE);
	cr_assert_eq(f.mnt_id, 15);
	cr_assert_eq(parse(s, FILE_PIPE, "flags:\t02\n").mode, MODE_READ | MODE_WRITE);
	cr_assert_eq(parse(s, FILE_PIPE, "flags:\t0\n").mode, MODE_READ);
	cr_assert_eq(parse(s, FILE_REGULAR, "flags:\t010000000\n").mode, 0, "O_PATH");
	cr_assert_eq(parse(s, FILE_PIPE, "").mnt_id, -1);
}

Test(fdinfo, one_number_each)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snap_file f =
		parse(s, FILE_EVENTFD, "eventfd-count: fffffffffffffffe\neventfd-id: 0\n");

	cr_assert_eq(f.value, 0xfffffffffffffffeull);
	cr_assert_eq(f.id, 1);
	cr_assert_eq(parse(s, FILE_EVENTFD, "eventfd-count:                1\n").id, 0);
	cr_assert_eq((int64_t)parse(s, FILE_PIDFD, "Pid:\t-1\nNSpid:\t-1\n").value, -1);
	cr_assert_eq(parse(s, FILE_PIDFD, "Pid:\t812\n").value, 812);
	cr_assert_eq(parse(s, FILE_PTY_MASTER, "tty-index:\t4\n").value, 4);
	cr_assert_eq(parse(s, FILE_FUSE_DEV, "fuse_connection:\t44\n").value, 44);
	cr_assert_eq(parse(s, FILE_SIGNALFD, "sigmask:\t0000000000010002\n").sigmask, 0x10002);
	f = parse(s, FILE_TIMERFD, "it_value: (3, 500)\nit_interval: (0, 7)\n");
	cr_assert_eq(f.expires_ns, 3000000500);
	cr_assert_eq(f.interval_ns, 7);
	f = parse(s, FILE_TIMERFD, "it_value: (99999999999999999, 0)\nit_interval: (x, 7)\n");
	cr_assert_eq(f.expires_ns, UINT64_MAX - 1);
	cr_assert_eq(f.interval_ns, 0);
}

static const char ITEMS[] =
	"pos:\t0\nflags:\t02\n"
	"tfd:        5 events:       19 data:  7fff00000005  pos:0 ino:2c sdev:1000e\n"
	"tfd:       11 events: 40000000 data: ffffffffffffffff  pos:-1 ino:1 sdev:f\n"
	"tfd:       12 events:        1 data:                c\n";

Test(fdinfo, items_of_a_set)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snap_file f = parse(s, FILE_EPOLL, ITEMS);
	const struct snap_epitem *item = s->epitems.at;

	cr_assert_eq(f.first_item, 0);
	cr_assert_eq(f.item_count, 3);
	cr_assert_not(f.items_cut);
	cr_assert_eq(item[0].fd, 5);
	cr_assert_eq(item[0].events, 0x19);
	cr_assert_eq(item[0].data, 0x7fff00000005);
	cr_assert_eq(item[0].ino, 0x2c);
	cr_assert_eq(item[0].dev, makedev(0, 0x1000e), "a minor of 20 bits");
	cr_assert_eq(item[1].events, 0x40000000);
	cr_assert_eq(item[1].ino, 1);
	cr_assert_eq(item[2].ino, 0, "before Linux 4.13");
	f = parse(s, FILE_EPOLL, "tfd: 1 events: 1 data: 1\n");
	cr_assert_eq(f.first_item, 3);
	cr_assert_eq(f.item_count, 1);
}

Test(fdinfo, broken_items_are_left_out)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snap_file f = parse(s, FILE_EPOLL,
				   "tfd:\ntfd: events:\ntfd: -1 events: 1 data: 1\n"
				   "tfd: 9999999999 events: 1 data: 1\ntfd: 1 events: x data: 1\n"
				   "tfd: 1 events: 1\ntfd: 1 events: 1 data: 11112222333344445\n");

	cr_assert_eq(f.item_count, 0);
	for (size_t n = 0; n < sizeof(ITEMS); n++) {
		_cleanup_free_ char *cut = strndup(ITEMS, n);

		cr_assert_leq(parse(s, FILE_EPOLL, cut).item_count, 3);
	}
}

Test(fdinfo, descriptors_in_flight_belong_to_the_socket)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snap_file f = { .kind = FILE_SOCKET, .sock = 1 };

	fdinfo_parse(s, &f, "scm_fds: 3\n"); /* a link to nothing */
	vec_push(&s->socks)->in_flight_fds = UINT32_MAX;
	fdinfo_parse(s, &f, "flags:\t02\nscm_fds: 2\n");
	cr_assert_eq(s->socks.at[0].in_flight_fds, 2);
}

/* Our own descriptor as a reader lists it. */
static uint32_t add(struct snapshot *s, int fd)
{
	char path[64], link[256];
	struct snap_file *f;
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	cr_assert_gt(n, 0);
	link[n] = '\0';
	cr_assert_eq(fstat(fd, &st), 0);
	f = vec_push(&s->files);
	f->tgid = getpid();
	f->fd = fd;
	fdinfo_classify(s, f, link, st.st_mode, st.st_rdev);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return s->files.count - 1;
}

static struct snapshot *of_self(void)
{
	struct snapshot *s = snapshot_new();

	vec_push(&s->processes)->tgid = getpid();
	return s;
}

static const struct snap_file *load(struct snapshot *s, int fd)
{
	struct snap_file *f = snapshot_file(s, getpid(), fd);

	cr_assert_eq(fdinfo_load(s, (uint32_t)(f - s->files.at), NULL), 0);
	return f;
}

Test(fdinfo, live_descriptors)
{
	_cleanup_snapshot_ struct snapshot *s = of_self();
	struct itimerspec in = { .it_value = { 100, 0 }, .it_interval = { 2, 5 } };
	int event = eventfd(7, EFD_NONBLOCK), twin = dup(event), second = eventfd(7, 0);
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	int pid = (int)syscall(SYS_pidfd_open, getpid(), 0);
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sig = signalfd(-1, &set, 0);
	timerfd_settime(timer, 0, &in, NULL);
	add(s, event);
	add(s, twin);
	add(s, second);
	add(s, timer);
	add(s, sig);
	add(s, pid);
	snapshot_index(s);
	cr_assert_eq(load(s, event)->value, 7);
	cr_assert(load(s, event)->nonblock);
	cr_assert_neq(load(s, event)->id, 0);
	cr_assert_eq(load(s, event)->id, load(s, twin)->id);
	cr_assert_neq(load(s, event)->id, load(s, second)->id);
	cr_assert_leq(load(s, timer)->expires_ns, 100000000000ull);
	cr_assert_gt(load(s, timer)->expires_ns, 90000000000ull);
	cr_assert_eq(load(s, timer)->interval_ns, 2000000005);
	cr_assert_eq(load(s, sig)->sigmask, 1ull << (SIGUSR1 - 1));
	cr_assert_eq(load(s, pid)->kind, FILE_PIDFD);
	cr_assert_eq(load(s, pid)->value, (uint64_t)getpid());
}

Test(fdinfo, items_name_the_true_file)
{
	_cleanup_snapshot_ struct snapshot *s = of_self();
	struct epoll_event ev = { .events = EPOLLIN };
	int ends[2], ep = epoll_create1(0), event = eventfd(0, 0), moved;
	const struct snap_epitem *item;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &ev), 0);
	cr_assert_eq(epoll_ctl(ep, EPOLL_CTL_ADD, event, &ev), 0);
	/* The pipe goes to another number; its old number is another file now. */
	moved = dup(ends[0]);
	cr_assert_eq(dup2(timerfd_create(CLOCK_MONOTONIC, 0), ends[0]), ends[0]);
	add(s, ep);
	add(s, moved);
	add(s, ends[0]);
	add(s, event);
	snapshot_index(s);
	load(s, ep);
	cr_assert_eq(s->epitems.count, 2);
	item = s->epitems.at[0].fd == ends[0] ? &s->epitems.at[0] : &s->epitems.at[1];
	cr_assert_eq(item->fd, ends[0]);
	cr_assert_eq(item->kind, FILE_PIPE);
	cr_assert_eq(item->ino, snapshot_file(s, getpid(), moved)->ino);
	cr_assert_eq(item->dev, snapshot_file(s, getpid(), moved)->dev);
	item = item == s->epitems.at ? item + 1 : item - 1;
	cr_assert_eq(item->kind, FILE_EVENTFD);
	cr_assert_eq(item->id, snapshot_file(s, getpid(), event)->id);
	cr_assert_neq(item->id, 0);
}

Test(fdinfo, an_item_whose_number_names_another_anonymous_file)
{
	_cleanup_snapshot_ struct snapshot *s = of_self();
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0), event = eventfd(0, 0), moved;

	cr_assert_eq(epoll_ctl(ep, EPOLL_CTL_ADD, event, &ev), 0);
	moved = dup(event);
	cr_assert_eq(dup2(timerfd_create(CLOCK_MONOTONIC, 0), event), event);
	add(s, ep);
	add(s, moved);
	add(s, event);
	snapshot_index(s);
	load(s, ep);
	/* Both files have the one anonymous inode; kcmp(2) tells them apart. */
	cr_assert_eq(s->epitems.at[0].kind, FILE_EVENTFD);
	cr_assert_eq(s->epitems.at[0].id, snapshot_file(s, getpid(), moved)->id);
}

Test(fdinfo, what_is_gone)
{
	_cleanup_snapshot_ struct snapshot *s = of_self();
	struct snap_file *f;
	int fd = eventfd(0, 0);

	add(s, fd);
	close(fd);
	f = vec_push(&s->files);
	f->tgid = 2000000000;
	snapshot_index(s);
	cr_assert_eq(fdinfo_load(s, 0, NULL), -EBADF);
	cr_assert_not(s->files.at[0].details);
	vec_push(&s->processes)->tgid = 2000000000;
	vec_push(&s->files)->tgid = 2000000000;
	snapshot_index(s);
	cr_assert_eq(fdinfo_load(s, s->files.count - 1, NULL), -ESRCH);
}
