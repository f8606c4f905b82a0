/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits for files that are no sockets: pipes, FIFOs, terminals, eventfds, timers, signals, disks.
 */
#include "lib/unit_scene.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PTS_0 = 136 << 8 };

/* Process 1 is in `nr` of its descriptor 3; process 2 is its child and hangs somewhere else. */
static struct scene *two(int nr)
{
	struct scene *x = scene_new();

	scene_process(x, PID(1), 0, "reader");
	scene_process(x, PID(2), PID(1), "writer");
	scene_call(x, PID(1), nr, 3);
	scene_call(x, PID(2), SYS_pause, 0);
	return x;
}

static const struct wait *decoded(struct scene *x)
{
	scene_decode(x);
	return scene_wait(x, PID(1));
}

static struct snap_file *pipe_end(struct scene *x, int32_t tgid, int32_t fd, uint8_t mode)
{
	struct snap_file *f = scene_file(x, tgid, fd, FILE_PIPE, mode);

	f->ino = 77;
	f->dev = 13;
	f->description = (uint32_t)(tgid + fd);
	return f;
}

/* The kernel's counts, of one reader and one writer, `used` of 16 buffers full. */
static void count(struct scene *x, uint32_t used)
{
	for (uint32_t i = 0; i < x->snap->files.count; i++) {
		struct snap_file *f = &x->snap->files.at[i];

		f->pipe_readers = f->pipe_writers = 1;
		f->pipe_used = used;
		f->pipe_slots = 16;
	}
	x->snap->has_pipe_counts = true;
}

/* ---- pipes ---------------------------------------------------------------------------------- */

Test(waits_file, an_empty_pipe_is_up_to_its_writers)
{
	struct scene *x = two(SYS_read);

	pipe_end(x, PID(1), 3, MODE_READ);
	pipe_end(x, PID(2), 1, MODE_WRITE);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_PIPE_READ));
	cr_assert(w->input && !w->completion);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	cr_assert_not(scene_leads_to(x, w, TERM_OBJECT, PID(1)));
	cr_assert(
		eq(str, (char *)scene_str(x, model_object(x->model, w->object)->key), "pipe:[77]"));
	cr_assert(model_object(x->model, w->object)->relevant);
	cr_assert(eq(str, (char *)scene_str(x, w->text), "reading from pipe:[77] (fd 3)"));
	scene_free(x);
}

Test(waits_file, a_full_pipe_is_up_to_its_readers)
{
	struct scene *x = two(SYS_writev);

	pipe_end(x, PID(1), 3, MODE_WRITE);
	pipe_end(x, PID(2), 0, MODE_READ);
	count(x, 16);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_PIPE_WRITE));
	cr_assert(w->completion && !w->input);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	scene_free(x);
}

/* fs/pipe.c: for bytes and room a thread sleeps interruptibly, for the pipe's mutex it does not. */
Test(waits_file, in_state_d_nobody_waits_for_a_pipe)
{
	static const int calls[] = { SYS_write, SYS_splice, SYS_futex };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct scene *x = two(calls[i]);

		pipe_end(x, PID(1), 3, MODE_WRITE);
		pipe_end(x, PID(2), 0, MODE_READ);
		count(x, 2);
		scene_task(x, PID(1))->state = 'D';
		scene_task(x, PID(1))->wchan = strtab_add(x->snap->strings, "pipe_write");
		const struct wait *w = decoded(x);
		cr_assert(eq(int, w->kind, WAIT_UNKNOWN));
		cr_assert_not_null(strstr(scene_str(x, w->text),
					  "asleep inside of the kernel, in pipe_write"));
		cr_assert(eq(u32, w->term_count, 1));
		cr_assert(eq(u32, scene_terms(x, w, TERM_UNKNOWN), 1));
		scene_free(x);
	}
}

Test(waits_file, what_the_kernel_would_end_goes_on)
{
	struct scene *x = two(SYS_read);

	pipe_end(x, PID(1), 3, MODE_READ);
	pipe_end(x, PID(2), 1, MODE_WRITE);
	count(x, 1);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
	x = two(SYS_write);
	pipe_end(x, PID(1), 3, MODE_WRITE);
	pipe_end(x, PID(2), 1, MODE_READ);
	count(x, 15);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
	x = two(SYS_read);
	pipe_end(x, PID(1), 3, MODE_READ)->pipe_writers = 0;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
}

Test(waits_file, a_writer_that_cannot_be_seen)
{
	struct scene *x = two(SYS_read);

	pipe_end(x, PID(1), 3, MODE_READ);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits_file, an_end_in_flight_belongs_to_who_may_receive_it)
{
	struct scene *x = two(SYS_read);

	pipe_end(x, PID(1), 3, MODE_READ);
	scene_socket(x, PID(2), 5, 500);
	*vec_push(&x->snap->inflight) = (struct snap_inflight){
		.sock_ino = 500, .kind = FILE_PIPE, .mode = MODE_WRITE, .dev = 13, .ino = 77
	};
	cr_assert(scene_leads_to(x, decoded(x), TERM_OBJECT, PID(2)));
	scene_free(x);
}

Test(waits_file, a_fifo_that_only_its_reader_writes_is_a_door)
{
	struct scene *x = two(SYS_read);

	pipe_end(x, PID(1), 3, MODE_READ | MODE_WRITE)->named = true;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	scene_free(x);
	x = two(SYS_read);
	pipe_end(x, PID(1), 3, MODE_READ)->named = true;
	pipe_end(x, PID(2), 3, MODE_WRITE)->named = true;
	w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 0));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	scene_free(x);
}

Test(waits_file, a_fifo_is_opened_by_path)
{
	char dir[] = "/tmp/snag-fifo-XXXXXX", path[64];
	struct scene *x = scene_new();
	const struct wait *w;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	cr_assert(eq(int, mkfifo(path, 0600), 0));
	scene_process(x, getpid(), 0, "self");
	scene_call(x, getpid(), SYS_openat, (uint64_t)AT_FDCWD)->args[1] = HERE(path);
	scene_task(x, getpid())->args[2] = O_WRONLY;
	scene_decode(x);
	w = scene_wait(x, getpid());
	cr_assert(eq(int, w->kind, WAIT_FIFO_OPEN));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	cr_assert_not_null(strstr(scene_str(x, w->text), path));
	scene_free(x);
	unlink(path);
	rmdir(dir);
}

Test(waits_file, an_open_of_what_is_no_fifo_or_cannot_be_read)
{
	static const char path[] = "/etc/passwd";
	const uint64_t paths[] = { HERE(path), 16, UINT64_MAX - 3 };

	for (int i = 0; i < 3; i++) {
		struct scene *x = scene_new();

		scene_process(x, getpid(), 0, "self");
		scene_call(x, getpid(), SYS_open, paths[i]);
		scene_decode(x);
		cr_assert(ne(int, scene_wait(x, getpid())->kind, WAIT_FIFO_OPEN));
		cr_assert(ne(int, (int)scene_wait(x, getpid())->term_count, 0));
		scene_free(x);
	}
}

/* ---- moving bytes --------------------------------------------------------------------------- */

static struct scene *splicing(const char *wchan)
{
	struct scene *x = two(SYS_splice);

	scene_task(x, PID(1))->args[2] = 4;
	if (wchan)
		scene_task(x, PID(1))->wchan = strtab_add(x->snap->strings, wchan);
	pipe_end(x, PID(1), 3, MODE_READ);
	pipe_end(x, PID(1), 4, MODE_WRITE)->ino = 78;
	pipe_end(x, PID(2), 0, MODE_READ)->ino = 78;
	pipe_end(x, PID(2), 1, MODE_WRITE);
	return x;
}

Test(waits_file, splice_waits_for_one_of_its_ends)
{
	struct scene *x = splicing("pipe_wait_readable");

	cr_assert(eq(int, decoded(x)->kind, WAIT_PIPE_READ));
	scene_free(x);
	x = splicing("pipe_wait_writable");
	cr_assert(eq(int, decoded(x)->kind, WAIT_PIPE_WRITE));
	scene_free(x);
	x = splicing(NULL);
	count(x, 0);
	cr_assert(eq(int, decoded(x)->kind, WAIT_PIPE_READ));
	scene_free(x);
}

Test(waits_file, splice_of_unknown_ends_waits_for_either)
{
	struct scene *x = splicing(NULL);
	const struct wait *w = decoded(x);

	cr_assert(eq(int, (int)scene_terms(x, w, TERM_WAIT), 2));
	cr_assert(eq(int, scene_item_of(x, w, 0)->kind, WAIT_PIPE_READ));
	cr_assert(eq(int, scene_item_of(x, w, 1)->kind, WAIT_PIPE_WRITE));
	scene_free(x);
}

/* ---- terminals ------------------------------------------------------------------------------ */

static struct snap_file *tty(struct scene *x, int32_t tgid, int32_t fd, const char *path)
{
	bool slave = path != NULL;
	struct snap_file *f =
		scene_file(x, tgid, fd, slave ? FILE_TTY : FILE_PTY_MASTER, MODE_READ | MODE_WRITE);

	f->path = strtab_add(x->snap->strings, slave ? path : "/dev/ptmx");
	f->value = !slave || strstr(path, "/pts/") ? 7 : SNAP_UNKNOWN_U64;
	return f;
}

Test(waits_file, a_pty_whose_master_is_in_the_tree)
{
	struct scene *x = two(SYS_read);

	tty(x, PID(1), 3, "/dev/pts/7");
	tty(x, PID(2), 5, NULL);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_PTY));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_OUTSIDE), 0));
	scene_free(x);
}

Test(waits_file, a_terminal_that_leads_out_of_the_tree)
{
	struct scene *x = two(SYS_read);

	tty(x, PID(1), 3, "/dev/pts/7");
	scene_outsider(x, PID(9), "sshd");
	tty(x, PID(9), 5, NULL);
	const struct wait *w = decoded(x);
	cr_assert_not_null(strstr(scene_str(x, w->external), "/dev/pts/7, held by sshd[5000009]"));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_OBJECT), 0));
	scene_free(x);
	x = two(SYS_read);
	tty(x, PID(1), 3, "/dev/tty1");
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_OUTSIDE), 1));
	cr_assert(eq(int, scene_wait(x, PID(1))->kind, WAIT_TTY));
	scene_free(x);
}

Test(waits_file, a_master_waits_for_its_slaves)
{
	struct scene *x = two(SYS_read);

	tty(x, PID(1), 3, NULL);
	tty(x, PID(2), 0, "/dev/pts/7");
	cr_assert(scene_leads_to(x, decoded(x), TERM_OBJECT, PID(2)));
	scene_free(x);
	x = two(SYS_read);
	tty(x, PID(1), 3, NULL);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NEW), 1));
	scene_free(x);
}

Test(waits_file, a_background_job_that_reads_is_stopped)
{
	struct scene *x = two(SYS_read);

	tty(x, PID(1), 3, "/dev/pts/0");
	scene_task(x, PID(1))->state = 'T';
	x->snap->processes.at[0].tty_nr = PTS_0;
	x->snap->processes.at[0].tpgid = PID(2);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_TTY));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_STOPPED), 1));
	scene_free(x);
}

/* ---- counters, timers, signals -------------------------------------------------------------- */

static struct snap_file *eventfd_of(struct scene *x, int32_t tgid, int32_t fd, uint64_t value)
{
	struct snap_file *f = scene_file(x, tgid, fd, FILE_EVENTFD, MODE_READ | MODE_WRITE);

	f->id = 12;
	f->value = value;
	return f;
}

Test(waits_file, an_eventfd_is_up_to_all_that_have_it)
{
	struct scene *x = two(SYS_read);

	eventfd_of(x, PID(1), 3, 0);
	eventfd_of(x, PID(2), 4, 0);
	eventfd_of(x, PID(2), 5, 0)->id = 13;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_EVENTFD));
	cr_assert(w->input);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(1)));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	cr_assert(eq(int, (int)w->term_count, 1));
	scene_free(x);
}

Test(waits_file, an_eventfd_that_can_be_read_or_is_full)
{
	struct scene *x = two(SYS_read);

	eventfd_of(x, PID(1), 3, 1);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
	x = two(SYS_write);
	eventfd_of(x, PID(1), 3, UINT64_MAX - 1);
	cr_assert(scene_wait((scene_decode(x), x), PID(1))->completion);
	cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, PID(1)), TERM_NOW), 0));
	scene_free(x);
}

Test(waits_file, timers)
{
	struct scene *x = two(SYS_read);

	scene_file(x, PID(1), 3, FILE_TIMERFD, MODE_READ)->expires_ns = 1500000000;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_TIMER));
	cr_assert(eq(i64, w->timeout_ms, 1500));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	scene_free(x);
	x = two(SYS_read);
	scene_file(x, PID(1), 3, FILE_TIMERFD, MODE_READ)->id = 5;
	scene_file(x, PID(2), 3, FILE_TIMERFD, MODE_READ)->id = 5;
	w = decoded(x);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	cr_assert(eq(int, scene_term(x, w, TERM_OBJECT)->as, AS_SETTER));
	scene_free(x);
	x = two(SYS_read);
	scene_file(x, PID(1), 3, FILE_TIMERFD, MODE_READ)->details = false;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}

static uint64_t bit(int signal)
{
	return 1ull << (signal - 1);
}

Test(waits_file, a_signalfd_waits_for_children_only_if_asked)
{
	struct scene *x = two(SYS_read);

	scene_file(x, PID(1), 3, FILE_SIGNALFD, MODE_READ)->sigmask = bit(SIGCHLD) | bit(SIGTERM);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_SIGNAL));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	cr_assert(scene_leads_to(x, w, TERM_EXIT, PID(2)));
	cr_assert_not_null(strstr(scene_str(x, w->text), "SIGTERM, SIGCHLD"));
	scene_free(x);
	x = two(SYS_read);
	scene_file(x, PID(1), 3, FILE_SIGNALFD, MODE_READ)->sigmask = bit(SIGTERM);
	x->snap->processes.at[0].itimer_ns = 5;
	w = decoded(x);
	cr_assert(eq(int, (int)w->term_count, 1));
	scene_free(x);
	x = two(SYS_read);
	scene_file(x, PID(1), 3, FILE_SIGNALFD, MODE_READ)->sigmask = UINT64_MAX;
	x->snap->processes.at[0].itimer_ns = 5;
	x->snap->processes.at[0].sig_pending = bit(SIGUSR1);
	w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NOW), 1));
	scene_free(x);
}

/* ---- what the kernel or a device ends ------------------------------------------------------- */

Test(waits_file, sources_of_new_events)
{
	static const struct {
		enum file_kind file;
		enum wait_type kind;
	} sources[] = {
		{ FILE_INOTIFY, WAIT_INOTIFY },	       { FILE_FANOTIFY, WAIT_INOTIFY },
		{ FILE_USERFAULTFD, WAIT_USERFAULT },  { FILE_FUSE_DEV, WAIT_FUSE },
		{ FILE_SECCOMP_NOTIFY, WAIT_SECCOMP },
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct scene *x = two(SYS_read);

		scene_file(x, PID(1), 3, sources[i].file, MODE_READ);
		cr_assert(eq(int, decoded(x)->kind, sources[i].kind));
		cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, PID(1)), TERM_NEW), 1));
		scene_free(x);
	}
}

Test(waits_file, a_disk_is_outside)
{
	static const int calls[] = { SYS_read, SYS_fsync, SYS_getdents64 };

	for (int i = 0; i < 3; i++) {
		struct scene *x = two(calls[i]);

		scene_task(x, PID(1))->state = 'D';
		scene_file(x, PID(1), 3, FILE_REGULAR, MODE_READ)->path =
			strtab_add(x->snap->strings, "/srv/nfs/data");
		const struct wait *w = decoded(x);
		cr_assert(eq(int, w->kind, WAIT_DISK));
		cr_assert(eq(str, (char *)scene_str(x, w->external),
			     "the device or server of /srv/nfs/data"));
		scene_free(x);
	}
}

Test(waits_file, what_nobody_decodes_is_named)
{
	struct scene *x = two(SYS_read);

	scene_file(x, PID(1), 3, FILE_ANON, MODE_READ)->path =
		strtab_add(x->snap->strings, "anon_inode:[perf_event]");
	cr_assert_not_null(strstr(scene_str(x, scene_term(x, decoded(x), TERM_UNKNOWN)->text),
				  "anon_inode:[perf_event]"));
	scene_free(x);
	x = two(SYS_read);
	scene_file(x, PID(1), 3, FILE_UNKNOWN, MODE_READ)->details = false;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}
