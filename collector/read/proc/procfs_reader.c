/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/reader.h"

#include "read/deadline.h"
#include "read/proc/procfs.h"
#include "read/proc/procfs_files.h"
#include "read/proc/procfs_stacks.h"
#include "read/proc/procstat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	/*
	 * More threads than the kernel's default limit of pids: the list of one process is cut
	 * there.
	 */
	MAX_THREADS = 1 << 22,
	SYSCALL_TIMEOUT_MS = 200,
};

/*
 * Above this no address of a 32-bit process lies (TASK_SIZE of
 * arch/x86/include/asm/page_32_types.h).
 */
static const uint64_t LIMIT_32BIT = 1ull << 32;

static int procfs_reader_open(void **priv, struct snag_error *err)
{
	if (access("/proc/self/stat", R_OK) < 0)
		return error_set(err, -errno, "/proc/self/stat: %m");
	*priv = NULL;
	return 0;
}

static void procfs_reader_close(void *priv)
{
	(void)priv;
}

/* ---- all processes -------------------------------------------------------------------------- */

static void add_process(struct snapshot *s, int proc_fd, const char *name)
{
	struct procstat st;
	struct snap_process *p;
	struct stat dir;
	char path[64], text[2048];

	snprintf(path, sizeof(path), "%.32s/stat", name);
	if (procfs_slurp(proc_fd, path, text, sizeof(text)) < 0 || !procstat_parse(text, &st))
		return;
	p = vec_push(&s->processes);
	procstat_process(&st, p);
	/*
	 * Its effective user, or root for a process that may not be looked into; see
	 * read_process().
	 */
	if (!fstatat(proc_fd, name, &dir, 0))
		p->uid = dir.st_uid;
}

static int read_processes(void *priv, struct snapshot *s, struct snag_error *err)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");

	(void)priv;
	if (!proc)
		return error_set(err, -errno, "/proc: %m");
	for (struct dirent *e = readdir(proc); e; e = readdir(proc))
		if (procfs_number(e->d_name) > 0)
			add_process(s, dirfd(proc), e->d_name);
	if (!s->processes.count)
		return error_set(err, -ENOENT, "/proc shows no process");
	return 0;
}

/* ---- processes of the tree ------------------------------------------------------------------ */

static uint64_t namespace_of(int proc_fd, const char *name)
{
	char link[64];
	uint64_t ino;
	ssize_t n = readlinkat(proc_fd, name, link, sizeof(link) - 1);

	if (n < 0)
		return 0;
	link[n] = '\0';
	return sscanf(link, "%*[a-z]:[%" SCNu64 "]", &ino) == 1 ? ino : 0;
}

/* What the status text of the leader tells of its process. */
static void parse_process_status(struct snap_process *p, const char *status)
{
	int64_t n;

	if (procfs_field_int(status, "Uid:", &n))
		p->uid = (uint32_t)n;
	p->has_signals = procfs_field_hex(status, "ShdPnd:", &p->sig_pending) &&
			 procfs_field_hex(status, "SigIgn:", &p->sig_ignored) &&
			 procfs_field_hex(status, "SigCgt:", &p->sig_caught);
	p->ns_tgid = procfs_field_last(status, "NSpid:", &n) ? (int32_t)n : 0;
}

/*
 * Timers that POSIX calls made; they are listed whether armed or not (fs/proc/base.c
 * show_timer()).
 */
static void read_timers(struct snap_process *p, int proc_fd)
{
	char text[8192];

	if (procfs_slurp(proc_fd, "timers", text, sizeof(text)) < 0)
		return;
	p->posix_timers = 0;
	for (const char *at = text; (at = strstr(at, "ID: ")); at++)
		if (at == text || at[-1] == '\n')
			p->posix_timers++;
}

static void read_process(struct snap_process *p, int proc_fd)
{
	char text[4096];
	int64_t read_bytes, written;

	if (procfs_slurp(proc_fd, "status", text, sizeof(text)) >= 0)
		parse_process_status(p, text);
	p->pid_ns = namespace_of(proc_fd, "ns/pid");
	p->net_ns = namespace_of(proc_fd, "ns/net");
	p->mnt_ns = namespace_of(proc_fd, "ns/mnt");
	p->user_ns = namespace_of(proc_fd, "ns/user");
	read_timers(p, proc_fd);
	if (procfs_slurp(proc_fd, "io", text, sizeof(text)) >= 0 &&
	    procfs_field_int(text, "rchar:", &read_bytes) &&
	    procfs_field_int(text, "wchar:", &written))
		p->io_bytes = (uint64_t)read_bytes + (uint64_t)written;
}

/*
 * The class of the program's ELF header: 1 is 32 bits, 2 is 64; 0 unknown. Opening it may ask a
 * server.
 */
static int elf_class_worker(void *arg)
{
	char path[64], ident[8];

	snprintf(path, sizeof(path), "/proc/%d/exe", *(int32_t *)arg);
	if (procfs_slurp(AT_FDCWD, path, ident, sizeof(ident)) < 5 || memcmp(ident, "\177ELF", 4))
		return 0;
	return ident[4];
}

/*
 * A 32-bit process has its stack below 4 GiB; a 64-bit one hardly ever. Only then is it worth a
 * look at the program.
 */
static bool is_compat(const struct snap_process *p)
{
	int32_t *tgid;
	int class;

	if (!p->start_stack || p->start_stack >= LIMIT_32BIT)
		return false;
	tgid = xcalloc(1, sizeof(*tgid));
	*tgid = p->tgid;
	class = deadline_call(elf_class_worker, tgid, free, SYSCALL_TIMEOUT_MS);
	if (class != -ETIMEDOUT)
		free(tgid);
	return class != 2;
}

/* ---- threads -------------------------------------------------------------------------------- */

static int slurp_task(int task_fd, int32_t tid, const char *name, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/%s", tid, name);
	return procfs_slurp(task_fd, path, buf, size);
}

struct text_job {
	int32_t tgid, tid;
	char text[512];
};

static int syscall_worker(void *arg)
{
	struct text_job *job = arg;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", job->tgid, job->tid);
	return procfs_slurp(AT_FDCWD, path, job->text, sizeof(job->text));
}

/*
 * The syscall file. Up to Linux 5.10 reading it takes a mutex (fs/proc/base.c lock_trace()) that
 * a thread stuck in execve holds: for a thread in D state there is a deadline.
 */
static int read_syscall(int task_fd, struct snap_task *t)
{
	struct text_job *job;
	char text[512];
	int rc;

	if (t->state != 'D') {
		rc = slurp_task(task_fd, t->tid, "syscall", text, sizeof(text));
		if (rc > 0)
			procstat_syscall(text, t);
		return rc;
	}
	job = xcalloc(1, sizeof(*job));
	job->tgid = t->tgid;
	job->tid = t->tid;
	rc = deadline_call(syscall_worker, job, free, SYSCALL_TIMEOUT_MS);
	if (rc == -ETIMEDOUT)
		return rc;
	if (rc > 0)
		procstat_syscall(job->text, t);
	free(job);
	return rc;
}

static void parse_task_status(struct snap_task *t, const char *status)
{
	int64_t n;

	t->has_signals = procfs_field_hex(status, "SigPnd:", &t->sig_pending) &&
			 procfs_field_hex(status, "SigBlk:", &t->sig_blocked);
	if (procfs_field_int(status, "TracerPid:", &n))
		t->tracer = (int32_t)n;
	if (procfs_field_last(status, "NSpid:", &n))
		t->ns_tid = (int32_t)n;
	if (procfs_field_last(status, "NStgid:", &n))
		t->ns_tgid = (int32_t)n;
}

/* All of one thread, the stamp before anything else. False: it is gone. */
static bool read_task(struct snapshot *s, int task_fd, struct snap_task *t, bool *denied)
{
	char text[4096];
	struct procstat st;
	bool stamped;
	int rc;

	stamped = slurp_task(task_fd, t->tid, "schedstat", text, sizeof(text)) > 0 &&
		  procstat_stamp(text, &t->stamp);
	if (slurp_task(task_fd, t->tid, "status", text, sizeof(text)) > 0) {
		/*
		 * Without CONFIG_SCHED_INFO; what follows below is then read after the stamp as
		 * well.
		 */
		if (!stamped && !procstat_stamp_status(text, &t->stamp))
			t->moved = true;
		parse_task_status(t, text);
	}
	if (slurp_task(task_fd, t->tid, "stat", text, sizeof(text)) <= 0 ||
	    !procstat_parse(text, &st))
		return false;
	t->start_ticks = st.start_ticks;
	memcpy(t->comm, st.comm, sizeof(t->comm));
	t->state = st.state;
	rc = read_syscall(task_fd, t);
	*denied |= rc == -EACCES || rc == -EPERM;
	rc = slurp_task(task_fd, t->tid, "wchan", text, sizeof(text));
	if (rc > 0 && strcmp(text, "0"))
		t->wchan = strtab_add(s->strings, text);
	return true;
}

/* Who forked whom: each thread lists its own children (CONFIG_PROC_CHILDREN). */
static void read_children(struct snapshot *s, int task_fd, int32_t tgid, int32_t tid)
{
	char text[65536], *p = text, *end;

	if (slurp_task(task_fd, tid, "children", text, sizeof(text)) <= 0)
		return;
	for (;;) {
		long child = strtol(p, &end, 10);
		struct snap_process *c;

		if (end == p || child <= 0 || child > INT32_MAX)
			return;
		c = snapshot_process(s, (int32_t)child);
		if (c && c->ppid == tgid)
			c->forker = tid;
		p = end;
	}
}

/* The threads of process `p`, appended to s->tasks. -errno: it could not be looked at. */
static int read_tasks(struct snapshot *s, struct snap_process *p)
{
	_cleanup_close_ int proc_fd = procfs_open_dir(p->tgid, NULL);
	_cleanup_closedir_ DIR *tasks = NULL;
	bool compat = is_compat(p);
	uint32_t first = s->tasks.count;

	if (proc_fd < 0)
		return proc_fd;
	tasks = procfs_opendir_at(proc_fd, "task");
	if (!tasks)
		return -errno;
	for (struct dirent *e = readdir(tasks); e; e = readdir(tasks)) {
		struct snap_task t = { .tgid = p->tgid, .tid = procfs_number(e->d_name) };

		if (t.tid <= 0 || s->tasks.count - first >= MAX_THREADS)
			continue;
		t.compat = compat;
		if (!read_task(s, dirfd(tasks), &t, &p->denied))
			continue;
		if (t.tid == t.tgid && t.start_ticks != p->start_ticks) {
			s->tasks.count = first; /* another process took the number */
			return -ESRCH;
		}
		*vec_push(&s->tasks) = t;
	}
	if (s->tasks.count == first)
		return -ESRCH;
	read_process(p, proc_fd);
	for (uint32_t i = first; i < s->tasks.count; i++)
		read_children(s, dirfd(tasks), p->tgid, s->tasks.at[i].tid);
	return 0;
}

/* ---- what follows from the threads ---------------------------------------------------------- */

static bool same_mm(int32_t a, int32_t b)
{
	return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}

/* Is a thread of `p` in a system call that may be a vfork? Waiting for the child is a D state. */
static bool has_vfork_wait(const struct snapshot *s, const struct snap_process *p)
{
	for (uint32_t i = 0; i < p->task_count; i++) {
		const struct snap_task *t = &s->tasks.at[p->first_task + i];

		if (t->state == 'D' && t->has_syscall && !t->compat &&
		    (t->nr == SYS_vfork || t->nr == SYS_clone || t->nr == SYS_clone3))
			return true;
	}
	return false;
}

/* Numbers for the address spaces: a child that has not called exec may share that of its parent. */
static void number_spaces(struct snapshot *s)
{
	for (uint32_t i = 0; i < s->processes.count; i++)
		if (s->processes.at[i].in_tree && !s->processes.at[i].kernel)
			s->processes.at[i].mm = i + 1;
	for (uint32_t i = 0; i < s->processes.count; i++) {
		struct snap_process *p = &s->processes.at[i];
		const struct snap_process *parent = snapshot_process(s, p->ppid);

		if (!p->mm || !parent || !parent->mm || !p->fork_no_exec ||
		    p->arg_start != parent->arg_start || !same_mm(p->tgid, parent->tgid))
			continue;
		p->mm = parent->mm;
		p->vfork_child = has_vfork_wait(s, parent);
	}
}

static void mark_exited(struct snapshot *s)
{
	for (uint32_t i = 0; i < s->processes.count; i++) {
		struct snap_process *p = &s->processes.at[i];
		bool live = false;

		for (uint32_t k = 0; k < p->task_count; k++)
			live |= !strchr("ZX", s->tasks.at[p->first_task + k].state);
		if (p->in_tree)
			p->exited = p->task_count && !live;
		else
			p->exited = false;
	}
}

static int read_threads(void *priv, struct snapshot *s, struct snag_error *err)
{
	uint32_t denied = 0;

	(void)priv;
	(void)err;
	for (uint32_t i = 0; i < s->processes.count; i++) {
		struct snap_process *p = &s->processes.at[i];
		int rc;

		if (!p->in_tree)
			continue;
		rc = read_tasks(s, p);
		p->vanished = rc == -ESRCH || rc == -ENOENT;
		p->denied |= rc < 0 && !p->vanished;
		denied += p->denied;
	}
	snapshot_index(s);
	mark_exited(s);
	number_spaces(s);
	if (denied)
		snapshot_missing(s,
				 "%u %s of the tree may not be looked into: what they wait for and "
				 "what they hold is unknown (run as root, or as their user)",
				 denied, denied == 1 ? "process" : "processes");
	return 0;
}

/* ---- second stamps -------------------------------------------------------------------------- */

/* Look at the thread `t` again; its process is `p`. */
static void restamp_task(int task_fd, struct snap_task *t)
{
	char text[4096];
	struct procstat st;
	uint64_t stamp;
	bool stamped;

	if (slurp_task(task_fd, t->tid, "stat", text, sizeof(text)) <= 0 ||
	    !procstat_parse(text, &st) || st.start_ticks != t->start_ticks) {
		t->gone = true;
		t->moved |= !strchr("ZX", t->state);
		return;
	}
	stamped = slurp_task(task_fd, t->tid, "schedstat", text, sizeof(text)) > 0 &&
		  procstat_stamp(text, &stamp);
	if (!stamped)
		stamped = slurp_task(task_fd, t->tid, "status", text, sizeof(text)) > 0 &&
			  procstat_stamp_status(text, &stamp);
	/* Woken, but not on the CPU yet: the stamp is the old one and it will run all the same. */
	t->moved |= !stamped || stamp != t->stamp || t->state == 'R' || st.state == 'R' ||
		    st.state != t->state;
}

static void restamp_process(struct snapshot *s, struct snap_process *p)
{
	_cleanup_close_ int proc_fd = procfs_open_dir(p->tgid, NULL);
	_cleanup_closedir_ DIR *tasks = proc_fd < 0 ? NULL : procfs_opendir_at(proc_fd, "task");
	bool is_new = false;

	if (tasks)
		for (struct dirent *e = readdir(tasks); e; e = readdir(tasks)) {
			int32_t tid = procfs_number(e->d_name);
			const struct snap_task *t = tid > 0 ? snapshot_task(s, tid) : NULL;

			is_new |= tid > 0 && (!t || t->tgid != p->tgid);
		}
	for (uint32_t i = 0; i < p->task_count; i++) {
		struct snap_task *t = &s->tasks.at[p->first_task + i];

		if (tasks)
			restamp_task(dirfd(tasks), t);
		else
			t->gone = t->moved = true;
		t->moved |= is_new && !i;
	}
}

static int restamp(void *priv, struct snapshot *s, struct snag_error *err)
{
	(void)priv;
	(void)err;
	for (uint32_t i = 0; i < s->processes.count; i++)
		if (s->processes.at[i].in_tree)
			restamp_process(s, &s->processes.at[i]);
	return 0;
}

static int read_files(void *priv, struct snapshot *s, struct snag_error *err)
{
	(void)priv;
	return procfs_files(s, err);
}

/* ---- stacks --------------------------------------------------------------------------------- */

static void want_stacks(void *priv)
{
	(void)priv; /* there is nothing to load */
}

static int read_stacks(void *priv, struct snapshot *s, const struct stack_batch *b,
		       struct snag_error *err)
{
	(void)priv;
	(void)s;
	(void)err;
	procfs_stacks(b);
	return 0;
}

const struct reader_ops reader_procfs = {
	.name = "procfs",
	.open = procfs_reader_open,
	.processes = read_processes,
	.threads = read_threads,
	.files = read_files,
	.restamp = restamp,
	.want_stacks = want_stacks,
	.stacks = read_stacks,
	.close = procfs_reader_close,
};
