/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth.c - lines of JSON, each written whole and at once.
 *
 * A write(2) that is killed ends between two pages of the file, and never in one
 * (mm/filemap.c, generic_perform_write()). So no line goes over the end of a page: blanks fill what
 * is left of one, which JSON allows before a value, and a killed process leaves blanks at worst.
 */
#include "runtime/core/truth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "runtime/core/inside.h"
#include "runtime/core/lock.h"

enum {
	PAGE = 4096, /* the smallest there is */
	LINE = PAGE,
	TAIL = 64, /* room that is kept for the end of the line */
};

/* The log of one thread. */
struct truth {
	struct grove_list link; /* all logs of the process, for the child of a fork */
	int fd;
	char actor[GROVE_NAME_SIZE];
};

static _Thread_local struct truth *mine;
static struct grove_list logs = { &logs, &logs };
static pthread_mutex_t logs_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- one line ----------------------------------------------------------------------------------
 */

struct line {
	size_t used;
	bool full;
	char text[LINE];
};

static void put(struct line *line, char c)
{
	if (line->used < LINE - TAIL)
		line->text[line->used++] = c;
	else
		line->full = true;
}

static void put_text(struct line *line, const char *text)
{
	for (; *text; text++)
		put(line, *text);
}

__attribute__((format(printf, 2, 3))) static void put_format(struct line *line, const char *fmt,
							     ...)
{
	char text[TAIL];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put_text(line, text);
}

/* Bytes beyond ASCII go through as they are when they look like UTF-8, else as their code. */
static size_t utf8_length(const unsigned char *at)
{
	size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

static void put_string(struct line *line, const char *text)
{
	put(line, '"');
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		size_t length = *at >= 0x80 ? utf8_length(at) : 1;

		if (*at == '"' || *at == '\\') {
			put(line, '\\');
			put(line, (char)*at);
		} else if (*at < 0x20 || length == 0) {
			put_format(line, "\\u%04x", *at);
		} else {
			for (; length > 1; length--)
				put(line, (char)*at++);
			put(line, (char)*at);
		}
	}
	put(line, '"');
}

static void put_fact(struct line *line, const struct grove_fact *fact)
{
	size_t before = line->used;

	put(line, ',');
	put_string(line, fact->key);
	put(line, ':');
	if (fact->text)
		put_string(line, fact->text);
	else
		put_format(line, "%lld", (long long)fact->number);
	if (line->full)
		line->used = before;
}

static void put_whole(int fd, const struct line *line)
{
	static const char blanks[PAGE] = { [0 ... PAGE - 1] = ' ' };
	off_t end = lseek(fd, 0, SEEK_END);
	size_t room = end < 0 ? PAGE : PAGE - (size_t)end % PAGE;
	const struct iovec parts[] = {
		{ (char *)blanks, room < line->used ? room : 0 },
		{ (char *)line->text, line->used },
	};

	/* A full disk must not end the program under test; a missing line will be seen. */
	while (writev(fd, parts, 2) < 0 && errno == EINTR) {
	}
}

void grove_truth_log(const char *event, const struct grove_fact *facts)
{
	struct line line = { .used = 0 };
	const struct grove_task *task = grove_current();
	int code = errno;

	if (!mine)
		return;
	put_format(&line, "{\"t\":%lld,\"event\":", (long long)grove_now_ns());
	put_string(&line, event);
	put_fact(&line, &(struct grove_fact){ .key = "actor", .text = mine->actor });
	put_fact(&line, &(struct grove_fact){ .key = "pid", .number = getpid() });
	put_fact(&line, &(struct grove_fact){ .key = "tid", .number = gettid() });
	if (task)
		put_fact(&line, &(struct grove_fact){ .key = "task", .text = task->name });
	for (; facts->key && !line.full; facts++)
		put_fact(&line, facts);
	const char *end = line.full ? ",\"cut\":1}\n" : "}\n";
	size_t length = strlen(end);

	memcpy(line.text + line.used, end, length);
	line.used += length;
	put_whole(mine->fd, &line);
	errno = code;
}

bool grove_truth_is_open(void)
{
	return mine != NULL;
}

/* ---- the file ----------------------------------------------------------------------------------
 */

int grove_truth_open(const char *actor, struct grove_error *err)
{
	const char *folder = getenv("GROVE_TRUTH");
	char name[GROVE_NAME_SIZE];

	grove_truth_close();
	if (!folder || !folder[0])
		return 0;
	grove_copy_name(name, sizeof(name), actor);
	for (char *at = name; *at; at++) {
		if (*at == '/')
			*at = '_';
	}
	_grove_free_ char *path =
		grove_format("%s/%s.%d.%d.jsonl", folder, name, getpid(), gettid());
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return grove_error_set(err, -errno, "truth log %s: %m", path);
	mine = grove_alloc(1, sizeof(*mine));
	mine->fd = fd;
	grove_copy_name(mine->actor, sizeof(mine->actor), actor);
	pthread_mutex_lock(&logs_lock);
	grove_list_add(&logs, &mine->link);
	pthread_mutex_unlock(&logs_lock);
	grove_truth("opened", grove_fact_int("ppid", getppid()));
	return 0;
}

void grove_truth_close(void)
{
	if (!mine)
		return;
	pthread_mutex_lock(&logs_lock);
	grove_list_del(&mine->link);
	pthread_mutex_unlock(&logs_lock);
	close(mine->fd);
	free(mine);
	mine = NULL;
}

void grove_truth_lock(void)
{
	pthread_mutex_lock(&logs_lock);
}

void grove_truth_unlock(void)
{
	pthread_mutex_unlock(&logs_lock);
}

void grove_truth_forget(void)
{
	pthread_mutex_init(&logs_lock, NULL);
	while (!grove_list_empty(&logs)) {
		struct truth *log = grove_of(logs.next, struct truth, link);

		grove_list_del(&log->link);
		close(log->fd);
		free(log);
	}
	mine = NULL;
}

/* ---- what all tasks do -------------------------------------------------------------------------
 */

static const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		[SNAG_RT_STATE_NEW] = "new",	     [SNAG_RT_STATE_RUNNABLE] = "runnable",
		[SNAG_RT_STATE_RUNNING] = "running", [SNAG_RT_STATE_WAITING] = "waiting",
		[SNAG_RT_STATE_DONE] = "done",
	};

	return state > 0 && state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static void task_state(const struct grove_task *task)
{
	const struct grove_task *parent = grove_task_parent(task);
	const struct grove_wait *wait = &task->wait;
	const struct grove_lock *lock = wait->object;
	const struct grove_task *owner = wait->kind == SNAG_RT_WAIT_LOCK ? lock->owner : NULL;

	grove_truth("state", grove_fact_text("name", task->name),
		    grove_fact_int("id", (int64_t)task->id),
		    grove_fact_int("parent", parent ? (int64_t)parent->id : 0),
		    grove_fact_text("state", state_name(task->state)),
		    grove_fact_text("waits-for", grove_wait_name(wait->kind)),
		    grove_fact_text("label", wait->label), grove_fact_int("fd", wait->fd),
		    grove_fact_int("for-pid", wait->pid),
		    grove_fact_int("owner", owner ? (int64_t)owner->id : 0),
		    grove_fact_int("requested", task->requested),
		    grove_fact_int("shielded", task->shielded),
		    grove_fact_int("delivered", task->delivered));
}

void grove_truth_state(void)
{
	const struct grove_loop *loop = grove_loop_current();

	if (!loop || !mine)
		return;
	for (const struct grove_list *at = loop->tasks.next; at != &loop->tasks; at = at->next)
		task_state(grove_of(at, struct grove_task, link));
}
