/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/procfs_stacks.h"

#include "base/alloc.h"
#include "read/deadline.h"
#include "read/mem.h"
#include "read/proc/procfs.h"
#include "read/proc/procstat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 200, PAGE_BYTES = 4096 };

/* One of the small files of a thread. Its size or -errno. */
static int slurp(int32_t tgid, int32_t tid, const char *name, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", tgid, tid, name);
	return procfs_slurp(AT_FDCWD, path, text, size);
}

struct file_job {
	int32_t tgid, tid;
	const char *name;
	char text[4096];
};

static int read_file(void *arg)
{
	struct file_job *job = arg;

	return slurp(job->tgid, job->tid, job->name, job->text, sizeof(job->text));
}

/*
 * The same with a deadline: reading it takes a lock that a thread which is stuck in execve(2) holds
 * (fs/proc/base.c, lock_trace()). `name` is a literal.
 */
static int slurp_late(int32_t tgid, int32_t tid, const char *name, char *text, size_t size)
{
	struct file_job *job = xcalloc(1, sizeof(*job));
	int rc;

	job->tgid = tgid;
	job->tid = tid;
	job->name = name;
	rc = deadline_call(read_file, job, free, TIMEOUT_MS);
	if (rc == -ETIMEDOUT)
		return rc;
	snprintf(text, size, "%s", rc > 0 ? job->text : "");
	free(job);
	return rc;
}

/* What changes when it runs; 0 when it cannot be told. */
static uint64_t look_stamp(const struct stack_ask *ask)
{
	char text[4096];
	uint64_t stamp;

	if (slurp(ask->tgid, ask->tid, "schedstat", text, sizeof(text)) > 0 &&
	    procstat_stamp(text, &stamp))
		return stamp;
	if (slurp(ask->tgid, ask->tid, "status", text, sizeof(text)) > 0 &&
	    procstat_stamp_status(text, &stamp))
		return stamp;
	return 0;
}

/* Stamp first. False: it is gone. */
static bool look(const struct stack_ask *ask, uint64_t *stamp, char *state)
{
	char text[4096];
	struct procstat st;

	*stamp = look_stamp(ask);
	if (slurp(ask->tgid, ask->tid, "stat", text, sizeof(text)) <= 0 ||
	    !procstat_parse(text, &st) || st.start_ticks != ask->start_ticks)
		return false;
	*state = st.state;
	return true;
}

/* sp and pc. The status so far. */
static uint8_t look_regs(const struct stack_ask *ask, struct snap_stack *out)
{
	struct snap_task t = { .tid = ask->tid };
	char text[512];
	int rc;

	if (out->state == 'D')
		rc = slurp_late(ask->tgid, ask->tid, "syscall", text, sizeof(text));
	else
		rc = slurp(ask->tgid, ask->tid, "syscall", text, sizeof(text));
	if (rc == -EACCES || rc == -EPERM)
		return STACK_DENIED;
	if (rc == -ETIMEDOUT)
		out->why = "the kernel did not say where it sleeps";
	if (rc <= 0)
		return rc == -ESRCH || rc == -ENOENT ? STACK_GONE : STACK_UNKNOWN;
	procstat_syscall(text, &t);
	if (!t.has_syscall && !t.in_fault)
		return STACK_STALE;
	out->regs[STACK_RSP] = t.sp;
	out->regs[STACK_PC] = t.pc;
	out->known = STACK_KNOWN_SP_PC;
	out->nr = t.has_syscall ? t.nr : -1;
	return STACK_STABLE;
}

/* To the end of its own page, and the next one if it is there. */
static int copy_top(const struct stack_ask *ask, struct snap_stack *out, uint8_t *room)
{
	_cleanup_mem_ struct mem *mem = mem_new(ask->tgid, ask->suspicious);
	uint64_t sp = out->regs[STACK_RSP];
	uint32_t own = PAGE_BYTES - sp % PAGE_BYTES;
	int rc = mem_read(mem, sp, room, own);

	if (rc < 0)
		return rc;
	out->bytes = room;
	out->byte_count = own;
	if (mem_read_present(mem, sp + own, room + own, PAGE_BYTES) == 0)
		out->byte_count += PAGE_BYTES;
	return 0;
}

static void look_stack(const struct stack_ask *ask, struct snap_stack *out, uint8_t *room)
{
	int rc = copy_top(ask, out, room);

	if (rc == -EPERM || rc == -EACCES)
		out->status = STACK_DENIED;
	else if (rc < 0)
		out->status = STACK_UNREADY;
	if (rc < 0)
		out->why = rc == -EFAULT    ? "its stack pointer points to nothing" :
			   rc == -ETIMEDOUT ? "its memory did not come" :
			   rc == -ESRCH	    ? "it has no memory any more" :
					      "its memory may not be read";
}

/* One that has been woken, but has not run yet, is where it was. */
static void look_all(const struct stack_ask *ask, struct snap_stack *out, uint8_t *room)
{
	out->status = look_regs(ask, out);
	if (out->status == STACK_STABLE && !out->compat)
		look_stack(ask, out, room);
	if ((out->status == STACK_STABLE || out->status == STACK_UNREADY) &&
	    (!out->stamp || out->state == 'R' || look_stamp(ask) != out->stamp))
		out->status = STACK_MOVED;
}

static void answer(const struct stack_batch *b, uint32_t i)
{
	const struct stack_ask *ask = &b->asks[i];
	struct snap_stack *out = &b->out[i];

	*out = (struct snap_stack){
		.tgid = ask->tgid,
		.tid = ask->tid,
		.start_ticks = ask->start_ticks,
		.suspicious = ask->suspicious,
		.compat = ask->compat,
		.nr = -1,
		.status = STACK_GONE,
	};
	if (!look(ask, &out->stamp, &out->state))
		return;
	if (strchr("ZX", out->state))
		out->status = STACK_NONE;
	else if (!b->with_bytes)
		out->status = out->state == 'R' ? STACK_STALE : STACK_STABLE;
	else
		look_all(ask, out, b->room + (size_t)i * STACK_BYTES);
}

void procfs_stacks(const struct stack_batch *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		answer(b, i);
}

/* "[<0>] futex_wait_queue+0x60/0x90": what is in front of the function and its length go. */
static void add_function(struct strbuf *out, const char *line, size_t len)
{
	const char *end = line + len, *name = memchr(line, ']', len);
	const char *size = memchr(line, '/', len);

	name = name ? name + 1 : line;
	while (name < end && *name == ' ')
		name++;
	if (size && size > name)
		end = size;
	if (end > name)
		strbuf_addf(out, "%.*s\n", (int)(end - name), name);
}

int procfs_kernel_stack(int32_t tgid, int32_t tid, struct strbuf *text)
{
	char raw[4096], *line = raw, *end;
	int rc = slurp_late(tgid, tid, "stack", raw, sizeof(raw));

	strbuf_reset(text);
	if (rc < 0)
		return rc == -EACCES ? -EPERM : rc == -ENOENT ? -ESRCH : rc;
	for (; (end = strchr(line, '\n')); line = end + 1)
		add_function(text, line, (size_t)(end - line));
	return 0;
}
