/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/reader.h"

#include "lib/unit_child.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void wait_for_ever(void *arg)
{
	(void)arg;
	pause();
}

static int32_t sleeper(void)
{
	int32_t tgid = child_start(wait_for_ever, NULL);

	child_wait_syscall(tgid, tgid, SYS_pause);
	return tgid;
}

static struct reader *open_procfs(void)
{
	struct reader *r = NULL;

	cr_assert_eq(reader_open("procfs", &r, NULL), 0);
	return r;
}

static struct snapshot *begin(struct reader *r, int32_t tgid)
{
	const struct read_scope scope = { .roots = &tgid, .root_count = 1 };
	struct snapshot *s = NULL;

	cr_assert_eq(reader_begin(r, &scope, &s, NULL), 0);
	cr_assert_eq(reader_files(r, s, NULL), 0);
	return s;
}

Test(reader, names)
{
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_reader_ struct reader *r = NULL;

	cr_assert_eq(reader_open("gdb", &r, &err), -EINVAL);
	cr_assert(strstr(err.text, "gdb"), "%s", err.text);
	cr_assert_null(r);
	cr_assert_eq(reader_open("procfs", &r, &err), 0);
	cr_assert_str_eq(reader_name(r), "procfs");
}

Test(reader, auto_always_finds_one)
{
	_cleanup_reader_ struct reader *r = NULL;
	_cleanup_snapshot_ struct snapshot *s = NULL;
	struct snag_error err = SNAG_ERROR_INIT;
	int32_t tgid = sleeper();

	cr_assert_eq(reader_open("auto", &r, &err), 0, "%s", err.text);
	s = begin(r, tgid);
	if (!strcmp(reader_name(r), "procfs")) {
		cr_assert_geq(s->missing.count, 1);
		cr_assert(strstr(snapshot_str(s, s->missing.at[0]), "not BPF ("));
	}
	cr_assert_eq(snapshot_task(s, tgid)->nr, SYS_pause);
	child_end(tgid);
}

Test(reader, nobody_there)
{
	_cleanup_reader_ struct reader *r = open_procfs();
	struct snag_error err = SNAG_ERROR_INIT;
	int32_t nobody = 2000000000;
	const struct read_scope scope = { .roots = &nobody, .root_count = 1 },
				none = { .roots = NULL };
	struct snapshot *s = NULL;

	cr_assert_eq(reader_begin(r, &scope, &s, &err), -ESRCH);
	cr_assert_str_eq(err.text, "no process 2000000000");
	cr_assert_eq(reader_begin(r, &none, &s, &err), -ESRCH);
	cr_assert_null(s);
}

Test(reader, an_instant_has_its_time)
{
	_cleanup_reader_ struct reader *r = open_procfs();
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int32_t tgid = sleeper();

	s = begin(r, tgid);
	cr_assert_eq(s->root_tgid, tgid);
	cr_assert_eq(s->root_start, snapshot_process(s, tgid)->start_ticks);
	cr_assert_neq(s->taken_realtime_ns, 0);
	cr_assert_eq(reader_finish(r, s, NULL), 0);
	cr_assert_gt(s->took_ms, 0);
	cr_assert_lt(s->took_ms, 60000);
	child_end(tgid);
}

static int ends[2];

static void close_on_signal(int sig)
{
	(void)sig;
	close(ends[1]);
}

static void hold_until_signal(void *arg)
{
	(void)arg;
	signal(SIGUSR1, close_on_signal);
	for (;;)
		pause();
}

Test(reader, holders_that_change)
{
	_cleanup_reader_ struct reader *r = open_procfs();
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int32_t in, out, late;
	bool same = false;

	cr_assert_eq(pipe(ends), 0);
	in = sleeper();
	out = child_start(hold_until_signal, NULL);
	child_wait_syscall(out, out, SYS_pause);
	s = begin(r, in);
	cr_assert_eq(reader_same_holders(r, s, &same, NULL), 0);
	cr_assert(same);
	late = sleeper(); /* an heir outside the tree */
	cr_assert_eq(reader_same_holders(r, s, &same, NULL), 0);
	cr_assert_not(same);
	child_end(late);
	cr_assert_eq(reader_same_holders(r, s, &same, NULL), 0);
	cr_assert(same);
	kill(out, SIGUSR1);
	for (int i = 0; i < 5000 && same; i++) {
		usleep(1000);
		cr_assert_eq(reader_same_holders(r, s, &same, NULL), 0);
	}
	cr_assert_not(same, "a holder closed its end");
	child_end(out);
	child_end(in);
	cr_assert_eq(reader_same_holders(r, s, &same, NULL), 0);
	cr_assert_not(same, "the tree is gone");
}

/*
 * A listener, a FIFO and a userfaultfd of its own: what any process of the host may have, for one
 * snag itself while it learns the kinds of files.
 */
static void hold_public_files(void *arg)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd;

	syscall(SYS_close_range, 0, ~0u, 0); /* an heir of the runner's files would be none */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t)) < 0 || listen(fd, 1) < 0 ||
	    open(arg, O_RDWR) < 0)
		_exit(1);
	syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	pause();
}

enum { TRIES = 50 };

Test(reader, strangers_change_nothing)
{
	_cleanup_reader_ struct reader *r = NULL;
	_cleanup_snapshot_ struct snapshot *s = NULL;
	char fifo[] = "/tmp/snag-test-reader-XXXXXX";
	int32_t in = sleeper(), stranger;
	bool same = false;

	cr_assert(mkdtemp(fifo));
	cr_assert_eq(rmdir(fifo), 0);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_eq(reader_open("auto", &r, NULL), 0);
	/*
	 * Other tests, which begin and end beside this one, hold what the runner passed on to all.
	 */
	for (int tries = 0; !same && tries < TRIES; tries++) {
		snapshot_free(s);
		s = begin(r, in);
		stranger = child_start(hold_public_files, fifo);
		child_wait_syscall(stranger, stranger, SYS_pause);
		cr_assert_eq(reader_same_holders(r, s, &same, NULL), 0);
		child_end(stranger);
	}
	cr_assert(same);
	child_end(in);
	unlink(fifo);
}
