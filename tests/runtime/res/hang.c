/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hang.c - a thread that waits, and has snag look when nobody told it to go on waiting.
 *
 * snag must not find us: a thread of the actor that waits for snag can go on, and with it all who
 * wait for this actor would seem able to. So snag is started by a process that is nobody's child
 * any more, and which waits with its exec until our thread is gone.
 */
#include "runtime/res/hang.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/actor/actor.h"
#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/core/scope.h"
#include "runtime/core/tools.h"
#include "runtime/core/truth.h"

enum {
	PIPE_AT = 3,	/* the descriptor by whose end we see the end of snag */
	GONE_MS = 2000, /* our thread takes microseconds to end */
	CHECKS = 4,	/* of the loop, within the time it has */
	EXIT_NO_EXEC = 126,
};
/* snag's own deadlines are shorter. */
#define FINISH_NS (30 * GROVE_SECOND)

struct grove_hang {
	atomic_uint owners; /* who opened it, its thread's post to the loop */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	bool closing;
	bool fired;
	int start_rc;	     /* of starting snag */
	int64_t progress_ns; /* when it was told last */
	int64_t loop_ns;     /* when the loop ran last what was posted to it */
	bool posted;	     /* something is on its way there */
	/* constant */
	int64_t after_ns;
	struct grove_token *token; /* NULL: the loop is not watched */
	pid_t tid;		   /* of the thread; written by itself, read by itself */
	int end_fd;		   /* read end of a pipe that snag's process holds; -1: none */
	char *snag, *path, *log;
	char target[16];
};

/* ---- life ------------------------------------------------------------------------------------ */

static struct grove_hang *new_hang(const struct grove_hang_opts *opts)
{
	struct grove_hang *hang = grove_alloc(1, sizeof(*hang));
	pthread_condattr_t attributes;

	atomic_init(&hang->owners, 1);
	hang->end_fd = -1;
	hang->after_ns = opts->after_ns;
	hang->progress_ns = grove_now_ns();
	hang->loop_ns = hang->progress_ns;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&hang->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&hang->lock, NULL);
	return hang;
}

static void unref(struct grove_hang *hang)
{
	if (atomic_fetch_sub(&hang->owners, 1) > 1)
		return;
	if (hang->token)
		grove_token_unref(hang->token);
	pthread_cond_destroy(&hang->changed);
	pthread_mutex_destroy(&hang->lock);
	grove_close(hang->end_fd);
	free(hang->snag);
	free(hang->path);
	free(hang->log);
	free(hang);
}

static void unref_guard(struct grove_hang **hang)
{
	if (*hang)
		unref(*hang);
}
#define _unref_ _grove_cleanup_(unref_guard)

static void lock_guard(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

static pthread_mutex_t *locked(struct grove_hang *hang)
{
	pthread_mutex_lock(&hang->lock);
	return &hang->lock;
}
/* Until the end of the block. */
#define _locked_ _grove_cleanup_(lock_guard)

/* ---- snag ------------------------------------------------------------------------------------ */

/*
 * The rest of the life of a process that was forked from a program with threads, any of which may
 * have held any lock: nothing but system calls from here on.
 */
__attribute__((noreturn)) static void become_snag(const struct grove_hang *hang, pid_t pid,
						  int end_fd)
{
	const struct timespec ms = { .tv_nsec = GROVE_MS };
	char *const argv[] = { hang->snag,	 (char[]){ "dump" }, (char *)hang->target,
			       (char[]){ "-o" }, hang->path,	     NULL };
	int null = open("/dev/null", O_RDWR);
	int log = open(hang->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 ||
	    (end_fd != PIPE_AT && dup2(end_fd, PIPE_AT) < 0) || fcntl(PIPE_AT, F_SETFD, 0) < 0)
		_exit(EXIT_NO_EXEC);
	/* ends that we hold would be seen as ours */
	syscall(SYS_close_range, PIPE_AT + 1, ~0U, 0);
	for (int i = 0; i < GONE_MS && syscall(SYS_tgkill, pid, hang->tid, 0) == 0; i++)
		nanosleep(&ms, NULL);
	execv(hang->snag, argv);
	dprintf(2, "%s: cannot be started (errno %d)\n", hang->snag, errno);
	_exit(EXIT_NO_EXEC);
}

/*
 * _Fork(3) takes no lock of malloc or of anybody else: the loop may hang with one of them held.
 * The one between is reaped here, so that snag's process has no parent here.
 */
static int start_snag(struct grove_hang *hang)
{
	int end[2], status = 0;
	pid_t self = getpid(), between;

	if (pipe2(end, O_CLOEXEC) < 0)
		return -errno;
	between = _Fork();
	if (between == 0) {
		setsid();
		pid_t pid = _Fork();

		if (pid == 0)
			become_snag(hang, self, end[1]);
		_exit(pid < 0 ? errno : 0);
	}
	int rc = between < 0 ? -errno : 0;
	close(end[1]);
	hang->end_fd = end[0];
	if (rc < 0)
		return rc;
	while (waitpid(between, &status, 0) < 0)
		if (errno != EINTR)
			return errno == ECHILD ? 0 : -errno; /* somebody reaps all children */
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* In the loop. */
static void loop_runs(void *arg)
{
	_unref_ struct grove_hang *hang = arg;
	_locked_ pthread_mutex_t *held = locked(hang);

	hang->posted = false;
	hang->loop_ns = grove_now_ns();
}

/* With the lock held. A loop that has ended does not hang. */
static void ask_loop(struct grove_hang *hang)
{
	if (hang->posted)
		return;
	atomic_fetch_add(&hang->owners, 1);
	hang->posted = true;
	if (grove_token_post(hang->token, loop_runs, hang) == 0)
		return;
	atomic_fetch_sub(&hang->owners, 1);
	hang->posted = false;
	hang->loop_ns = grove_now_ns();
}

/* With the lock held: when to look again; in the past when it is time to dump. */
static int64_t next_look(const struct grove_hang *hang)
{
	int64_t end_ns = hang->progress_ns + hang->after_ns;
	int64_t loop_end_ns = hang->loop_ns + hang->after_ns;
	int64_t check_ns = grove_now_ns() + hang->after_ns / CHECKS;

	if (!hang->token)
		return end_ns;
	if (loop_end_ns < end_ns)
		end_ns = loop_end_ns;
	return check_ns < end_ns ? check_ns : end_ns;
}

static bool is_time(const struct grove_hang *hang)
{
	int64_t now_ns = grove_now_ns();

	return now_ns >= hang->progress_ns + hang->after_ns ||
	       (hang->token && hang->posted && now_ns >= hang->loop_ns + hang->after_ns);
}

static void *watch(void *arg)
{
	struct grove_hang *hang = arg;
	_locked_ pthread_mutex_t *held = locked(hang);

	hang->tid = gettid();
	while (!hang->closing && !is_time(hang)) {
		if (hang->token)
			ask_loop(hang);
		int64_t at_ns = next_look(hang);
		struct timespec until = { .tv_sec = at_ns / GROVE_SECOND,
					  .tv_nsec = at_ns % GROVE_SECOND };

		pthread_cond_timedwait(&hang->changed, held, &until);
	}
	if (hang->closing)
		return NULL;
	hang->start_rc = start_snag(hang);
	hang->fired = true;
	return NULL;
}

static int start_thread(struct grove_hang *hang, struct grove_error *err)
{
	sigset_t all, before;
	int code;

	/* signals are the loop's business */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&hang->thread, NULL, watch, hang);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code != 0)
		return grove_error_set(err, -code, "no thread for the watchdog: %s",
				       strerror(code));
	pthread_setname_np(hang->thread, "grove-hang");
	return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

/* The program `name` in the folders of $PATH; NULL: none has it. Free with free(). */
static char *in_path(const char *name)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		size_t size = strcspn(at, ":");
		_grove_free_ char *path =
			grove_format("%.*s/%s", size ? (int)size : 1, size ? at : ".", name);

		if (is_program(path))
			return grove_steal(path);
		at += size + (at[size] == ':');
	}
	return NULL;
}

static int find_snag(const char *asked, char **ret, struct grove_error *err)
{
	const char *from = "";

	if (!asked || !*asked) {
		asked = getenv(GROVE_SNAG_ENV);
		from = " (of $" GROVE_SNAG_ENV ")";
	}
	if (!asked || !*asked) {
		asked = "snag";
		from = "; set $" GROVE_SNAG_ENV;
	}
	*ret = strchr(asked, '/') ? grove_strdup(asked) : in_path(asked);
	if (!*ret)
		return grove_error_set(err, -ENOENT, "no program '%s' in $PATH%s", asked, from);
	if (is_program(*ret))
		return 0;
	return grove_error_set(err, -ENOENT, "'%s'%s is no program: %s", asked, from,
			       strerror(errno));
}

/* Where the capture will be, by a name that nothing of this process had before. */
static int choose_path(struct grove_hang *hang, const char *folder, struct grove_error *err)
{
	static atomic_uint number;
	const char *name = grove_actor_uid(grove_actor_self())->name;

	if (!folder || !*folder)
		folder = getenv(GROVE_HANG_ENV);
	if (!folder || !*folder)
		folder = ".";
	if (access(folder, W_OK | X_OK) < 0)
		return grove_error_set(err, -EACCES, "no capture can be written to '%s': %s",
				       folder, strerror(errno));
	hang->path = grove_format("%s/%s.%d.%u.snag", folder, name, (int)getpid(),
				  atomic_fetch_add(&number, 1) + 1);
	hang->log = grove_format("%s.txt", hang->path);
	(void)unlink(hang->path); /* of a process that had our number */
	(void)unlink(hang->log);
	return 0;
}

int grove_hang_open(const struct grove_hang_opts *opts, struct grove_hang **ret,
		    struct grove_error *err)
{
	_unref_ struct grove_hang *hang = new_hang(opts);
	pid_t root = opts->root > 0 ? opts->root : grove_actor_root_pid(grove_actor_self());
	int rc;

	snprintf(hang->target, sizeof(hang->target), "%d", (int)root);
	rc = find_snag(opts->snag, &hang->snag, err);
	if (rc == 0)
		rc = choose_path(hang, opts->folder, err);
	if (rc == 0 && opts->loop)
		hang->token = grove_loop_token();
	if (rc == 0)
		rc = start_thread(hang, err);
	if (rc < 0)
		return rc;
	*ret = grove_steal(hang);
	return 0;
}

int grove_dump_on_hang(int64_t after_ns, struct grove_hang **ret, struct grove_error *err)
{
	return grove_hang_open(&(struct grove_hang_opts){ .after_ns = after_ns }, ret, err);
}

/* ---- its users ------------------------------------------------------------------------------- */

void grove_hang_progress(struct grove_hang *hang)
{
	_locked_ pthread_mutex_t *held = locked(hang);

	hang->progress_ns = grove_now_ns();
}

bool grove_hang_fired(struct grove_hang *hang)
{
	_locked_ pthread_mutex_t *held = locked(hang);

	return hang->fired;
}

const char *grove_hang_path(const struct grove_hang *hang)
{
	return hang->path;
}

/* The last line that snag said. */
static void last_words(const struct grove_hang *hang, char *text, size_t size)
{
	char line[256];
	FILE *log = fopen(hang->log, "re");

	snprintf(text, size, "nothing");
	while (log && fgets(line, sizeof(line), log)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0])
			snprintf(text, size, "%s", line);
	}
	if (log)
		fclose(log);
}

/* snag's process has ended: its end of the pipe is gone. Whatever is cancelled around us. */
static int wait_snag(int end_fd)
{
	struct grove_scope shield;
	int rc;

	grove_scope_enter_shielded(&shield, "snag",
				   grove_deadline_after(grove_patience(FINISH_NS)));
	rc = grove_wait_readable(end_fd);
	rc = grove_scope_exit(&shield, rc, NULL);
	return rc == 0 && shield.caught ? -ETIMEDOUT : rc;
}

static int outcome(struct grove_hang *hang, struct grove_error *err)
{
	char said[256];
	int rc;

	if (hang->start_rc < 0)
		return grove_error_set(err, hang->start_rc, "snag could not be started: %s",
				       strerror(-hang->start_rc));
	rc = wait_snag(hang->end_fd);
	if (rc < 0)
		return grove_error_set(err, -EIO, "waiting for the end of snag: %s", strerror(-rc));
	if (access(hang->path, R_OK) == 0)
		return 1;
	last_words(hang, said, sizeof(said));
	return grove_error_set(err, -EIO, "snag has written no %s; it said: %s", hang->path, said);
}

int grove_hang_close(struct grove_hang *from, struct grove_error *err)
{
	_unref_ struct grove_hang *hang = from;
	int rc;

	if (!hang)
		return 0;
	pthread_mutex_lock(&hang->lock);
	hang->closing = true;
	pthread_cond_signal(&hang->changed);
	pthread_mutex_unlock(&hang->lock);
	pthread_join(hang->thread, NULL);
	if (!hang->fired)
		return 0;
	rc = outcome(hang, err);
	grove_truth("hang-dumped", grove_fact_text("capture", hang->path),
		    grove_fact_int("rc", rc));
	return rc;
}
