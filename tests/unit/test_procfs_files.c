/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/procfs_files.h"

#include "lib/unit_child.h"
#include "lib/unit_fuse.h"
#include "read/reader.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_for_ever(void *arg)
{
	(void)arg;
	pause();
}

/* Closes everything but the standard three and what is said. */
static void keep_only(void *arg)
{
	const int *fds = arg;

	for (int fd = 3; fd < 1000; fd++) {
		bool kept = false;

		for (int i = 0; fds[i] >= 0; i++)
			kept |= fds[i] == fd;
		if (!kept)
			close(fd);
	}
	pause();
}

static int32_t holder(int a, int b)
{
	int fds[] = { a, b, -1 };
	int32_t tgid = child_start(keep_only, fds);

	child_wait_syscall(tgid, tgid, SYS_pause);
	return tgid;
}

/* The tree is `tgid` alone; the others are outside. */
static struct snapshot *look_at(int32_t tgid)
{
	const struct read_scope scope = { .roots = &tgid, .root_count = 1 };
	_cleanup_reader_ struct reader *r = NULL;
	struct snapshot *s = NULL;

	cr_assert_eq(reader_open("procfs", &r, NULL), 0);
	cr_assert_eq(reader_begin(r, &scope, &s, NULL), 0);
	cr_assert_eq(reader_files(r, s, NULL), 0);
	cr_assert(snapshot_process(s, tgid)->in_tree);
	return s;
}

Test(procfs_files, a_pipe_and_who_else_holds_it)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int ends[2], other[2];
	int32_t in, out, stranger;
	const struct snap_file *f;
	struct stat st;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(pipe(other), 0);
	cr_assert_eq(fstat(ends[0], &st), 0);
	in = holder(ends[0], -1);
	out = holder(ends[1], other[0]);
	stranger = holder(other[0], other[1]);
	s = look_at(in);
	f = snapshot_file(s, in, ends[0]);
	cr_assert_eq(f->kind, FILE_PIPE);
	cr_assert_eq(f->mode, MODE_READ);
	cr_assert_eq(f->ino, st.st_ino);
	cr_assert_eq(f->dev, st.st_dev);
	cr_assert_not(f->named);
	cr_assert_eq(f->pipe_readers, UINT32_MAX);
	f = snapshot_file(s, out, ends[1]);
	cr_assert_not_null(f);
	cr_assert_eq(f->mode, MODE_WRITE);
	cr_assert_eq(f->ino, st.st_ino);
	cr_assert_not(snapshot_process(s, out)->in_tree);
	cr_assert_null(snapshot_file(s, out, other[0]), "the tree has no interest in it");
	cr_assert_eq(snapshot_process(s, stranger)->file_count, 0);
	cr_assert_eq(snapshot_process(s, in)->fd_total, 4);
	child_end(in);
	child_end(out);
	child_end(stranger);
}

Test(procfs_files, the_far_end_of_a_socket)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int ends[2], other[2];
	int32_t in, out;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	in = holder(ends[0], -1);
	out = holder(ends[1], other[1]);
	s = look_at(in);
	cr_assert_eq(snapshot_file(s, in, ends[0])->kind, FILE_SOCKET);
	cr_assert_not_null(snapshot_file(s, out, ends[1]));
	cr_assert_null(snapshot_file(s, out, other[1]));
	cr_assert_neq(snapshot_file(s, in, ends[0])->sock, 0);
	child_end(in);
	child_end(out);
}

Test(procfs_files, an_eventfd_by_its_id)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int shared = eventfd(0, 0), private = eventfd(0, 0);
	int32_t in, out;

	in = holder(shared, -1);
	out = holder(shared, private);
	s = look_at(in);
	cr_assert_eq(snapshot_file(s, in, shared)->kind, FILE_EVENTFD);
	cr_assert_not_null(snapshot_file(s, out, shared));
	cr_assert_eq(snapshot_file(s, out, shared)->id, snapshot_file(s, in, shared)->id);
	cr_assert_null(snapshot_file(s, out, private));
	child_end(in);
	child_end(out);
}

Test(procfs_files, a_fifo_and_plain_files)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	char dir[] = "/tmp/snag-files-XXXXXX", path[64];
	int reader, writer, plain;
	const struct snap_file *f;
	int32_t in, out;
	struct stat st;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	writer = open(path, O_WRONLY);
	plain = open(dir, O_RDONLY);
	cr_assert_eq(fstat(reader, &st), 0);
	in = holder(reader, plain);
	out = holder(writer, plain);
	s = look_at(in);
	unlink(path);
	rmdir(dir);
	f = snapshot_file(s, in, reader);
	cr_assert_eq(f->kind, FILE_PIPE);
	cr_assert(f->named);
	cr_assert_eq(f->ino, st.st_ino);
	cr_assert_eq(f->dev, st.st_dev);
	cr_assert_str_eq(snapshot_str(s, f->path), path);
	cr_assert_eq(snapshot_file(s, in, plain)->kind, FILE_DIRECTORY);
	f = snapshot_file(s, out, writer);
	cr_assert_not_null(f);
	cr_assert_eq(f->mode, MODE_WRITE);
	cr_assert(f->named);
	cr_assert_null(snapshot_file(s, out, plain));
	child_end(in);
	child_end(out);
}

Test(procfs_files, both_sides_of_a_pty)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int master = posix_openpt(O_RDWR | O_NOCTTY), other = posix_openpt(O_RDWR | O_NOCTTY),
	    slave;
	int32_t in, out;
	char name[64];

	cr_assert_geq(master, 0);
	cr_assert_eq(unlockpt(master), 0);
	cr_assert_eq(ptsname_r(master, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY);
	cr_assert_geq(slave, 0);
	in = holder(slave, -1);
	out = holder(master, other);
	s = look_at(in);
	cr_assert_eq(snapshot_file(s, in, slave)->kind, FILE_TTY);
	cr_assert_not_null(snapshot_file(s, out, master));
	cr_assert_eq(snapshot_file(s, out, master)->kind, FILE_PTY_MASTER);
	cr_assert_eq(snapshot_file(s, out, master)->value, snapshot_file(s, in, slave)->value);
	cr_assert_null(snapshot_file(s, out, other));
	snapshot_free(s);
	s = look_at(out);
	cr_assert_not_null(snapshot_file(s, in, slave), "and from the other side");
	child_end(in);
	child_end(out);
}

Test(procfs_files, no_descriptor_of_ours_is_listed_and_none_is_opened)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int ends[2];
	int32_t in;
	char c;

	cr_assert_eq(pipe(ends), 0);
	in = holder(ends[0], -1);
	s = look_at(in);
	cr_assert_eq(snapshot_process(s, getpid())->file_count, 0);
	/* Nobody but us has the write end, and the look added nobody: closing it is the end. */
	close(ends[1]);
	cr_assert_eq(read(ends[0], &c, 1), 0);
	child_end(in);
}

Test(procfs_files, without_init_in_sight_holders_may_be_hidden)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snap_process *p = vec_push(&s->processes);
	int32_t tgid = child_start(wait_for_ever, NULL);

	child_wait_syscall(tgid, tgid, SYS_pause);
	p->tgid = tgid;
	p->in_tree = true;
	snapshot_index(s);
	cr_assert_eq(procfs_files(s, NULL), 0);
	cr_assert_not(s->all_holders, "the list of processes has no init");
	cr_assert_eq(s->missing.count, 1);
	child_end(tgid);
}

static void wait_flock(void *arg)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	flock(fd, LOCK_EX);
}

Test(procfs_files, the_heirs_of_a_file_lock)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	char path[] = "/tmp/snag-files-XXXXXX";
	int fd = mkstemp(path), other = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	int32_t in, heir;
	uint32_t locked = 0;

	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	heir = holder(fd, other);
	s = look_at(heir);
	cr_assert(snapshot_file(s, heir, fd)->lockable);
	cr_assert_not(snapshot_file(s, heir, other)->lockable);
	snapshot_free(s);
	close(fd); /* who made the lock has it no more */
	in = child_start(wait_flock, path);
	child_wait_syscall(in, in, SYS_flock);
	s = look_at(in);
	unlink(path);
	for (uint32_t i = 0; i < s->files.count; i++)
		locked += s->files.at[i].tgid == in && s->files.at[i].lockable;
	cr_assert_eq(locked, 1);
	cr_assert_not_null(snapshot_file(s, heir, fd));
	cr_assert(snapshot_file(s, heir, fd)->lockable);
	cr_assert_null(snapshot_file(s, heir, other));
	child_end(in);
	child_end(heir);
}

/*
 * The attributes are known; if they were asked for anew, a server that is stopped could not tell
 * them.
 */
Test(procfs_files, an_open_file_of_a_file_system_that_hangs)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	char dir[] = "/tmp/snag-fuse-XXXXXX", path[64];
	int32_t server, in;
	int fd;

	cr_assert_not_null(mkdtemp(dir));
	if (!fuse_mount(dir, &server)) {
		rmdir(dir);
		cr_skip_test("no FUSE here");
	}
	snprintf(path, sizeof(path), "%s/f", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	in = holder(fd, -1);
	kill(server, SIGSTOP);
	child_wait_state(server, server, 'T');
	s = look_at(in);
	cr_assert_eq(snapshot_file(s, in, fd)->kind, FILE_REGULAR);
	cr_assert_eq(snapshot_file(s, in, fd)->ino, 2);
	child_end(server); /* which ends what waits for it */
	child_end(in);
	rmdir(dir);
}
