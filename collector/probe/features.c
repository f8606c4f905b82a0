/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/features.h"

#include "base/cleanup.h"
#include "probe/features_bpf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <linux/inet_diag.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* since Linux 5.3 */
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438 /* since Linux 5.6 */
#endif
__attribute__((format(printf, 3, 4))) static bool say(struct feature_state *f, bool there,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->note, sizeof(f->note), fmt, ap);
	va_end(ap);
	return there;
}

/* What a system call that answered `rc` with errno says. */
static bool by_errno(struct feature_state *f, long rc)
{
	return rc >= 0 || say(f, false, "%m");
}

/* ---- who we are ------------------------------------------------------------------------------ */

static bool has_capability(struct feature_state *f, int capability)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (syscall(SYS_capget, &head, data) < 0)
		return say(f, false, "capget: %m");
	return data[capability / 32].effective >> capability % 32 & 1;
}

static bool try_other_users(struct feature_state *f)
{
	return has_capability(f, CAP_SYS_PTRACE) || say(f, false, "running as uid %u", geteuid());
}

/* ---- /proc ----------------------------------------------------------------------------------- */

static bool try_read(struct feature_state *f, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[256];

	if (fd < 0 || read(fd, text, sizeof(text)) < 0)
		return say(f, false, "%s: %m", path);
	return true;
}

static bool try_syscall_file(struct feature_state *f)
{
	return try_read(f, "/proc/self/syscall");
}

static bool try_wchan(struct feature_state *f)
{
	return try_read(f, "/proc/self/wchan");
}

static bool try_stack(struct feature_state *f)
{
	return try_read(f, "/proc/self/stack");
}

static bool try_schedstat(struct feature_state *f)
{
	return try_read(f, "/proc/self/schedstat");
}

static bool try_children(struct feature_state *f)
{
	return try_read(f, "/proc/thread-self/children");
}

static bool try_timers(struct feature_state *f)
{
	return try_read(f, "/proc/self/timers");
}

static bool try_locks(struct feature_state *f)
{
	return try_read(f, "/proc/locks");
}

static bool try_io(struct feature_state *f)
{
	return try_read(f, "/proc/self/io");
}

/*
 * With hidepid (proc(5)) the processes of other users do not exist for us; process 1 is one of
 * them.
 */
static bool try_all_processes(struct feature_state *f)
{
	return access("/proc/1/stat", R_OK) == 0 || say(f, false, "/proc/1/stat: %m");
}

static bool try_others_files(struct feature_state *f)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc/1/fd");

	return dir || say(f, false, "/proc/1/fd: %m");
}

/* Does the fdinfo of our own descriptor `fd` have this field? */
static bool try_fdinfo(struct feature_state *f, int fd, const char *field)
{
	_cleanup_close_ int info = -1;
	char path[64], text[1024] = "";

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || info < 0 || read(info, text, sizeof(text) - 1) < 0)
		return say(f, false, "%s: %m", path);
	return strstr(text, field) || say(f, false, "fdinfo has no \"%s\"", field);
}

static bool try_eventfd_ids(struct feature_state *f)
{
	_cleanup_close_ int event = eventfd(0, EFD_CLOEXEC);

	return try_fdinfo(f, event, "eventfd-id:");
}

static bool try_epoll_items(struct feature_state *f)
{
	_cleanup_close_ int set = epoll_create1(EPOLL_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);
	struct epoll_event want = { .events = EPOLLIN };

	if (epoll_ctl(set, EPOLL_CTL_ADD, event, &want) < 0)
		return say(f, false, "epoll: %m");
	return try_fdinfo(f, set, " ino:");
}

/* ---- system calls ---------------------------------------------------------------------------- */

static bool try_kcmp(struct feature_state *f)
{
	return by_errno(f, syscall(SYS_kcmp, getpid(), getpid(), KCMP_VM, 0, 0));
}

static bool try_vm_readv(struct feature_state *f)
{
	static const char from[] = "snag";
	char to[sizeof(from)];
	struct iovec local = { to, sizeof(to) };
	struct iovec remote = { (void *)(uintptr_t)from, sizeof(from) };

	return by_errno(f, process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}

/* Yama (Documentation/admin-guide/LSM/Yama.rst): above 0 only descendants may be looked into. */
static bool try_yama(struct feature_state *f)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	char scope = '0';

	if (fd < 0)
		return say(f, true, "no Yama here");
	if (read(fd, &scope, 1) != 1)
		return say(f, false, "ptrace_scope: %m");
	if (scope == '0' || (scope < '3' && has_capability(f, CAP_SYS_PTRACE)))
		return say(f, true, "ptrace_scope %c", scope);
	return say(f, false, "ptrace_scope %c", scope);
}

static bool try_pidfd_getfd(struct feature_state *f)
{
	_cleanup_close_ int self = syscall(SYS_pidfd_open, getpid(), 0);
	_cleanup_close_ int copy = -1;

	if (self < 0)
		return say(f, false, "pidfd_open: %m");
	copy = syscall(SYS_pidfd_getfd, self, self, 0);
	return by_errno(f, copy);
}

/* Joining the namespace that we are in already asks for the same right as joining another. */
static bool try_setns(struct feature_state *f)
{
	_cleanup_close_ int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return say(f, false, "/proc/self/ns/net: %m");
	return by_errno(f, setns(fd, CLONE_NEWNET));
}

static bool try_iter_socks(struct feature_state *f)
{
	return features_iter_unix(f) && features_iter_tcp(f);
}

/* Either version, wherever it is mounted. */
static bool try_cgroups(struct feature_state *f)
{
	_cleanup_fclose_ FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[4096];

	if (!mounts)
		return say(f, false, "/proc/self/mounts: %m");
	while (fgets(line, sizeof(line), mounts))
		if (strstr(line, " cgroup2 ") || strstr(line, " cgroup "))
			return true;
	return say(f, false, "no cgroup file system is mounted");
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* Send one sock_diag(7) request; the kind is there when the answer is no error. */
static bool ask_diag(struct feature_state *f, const void *request, size_t size)
{
	_cleanup_close_ int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	union {
		struct nlmsghdr head;
		char bytes[8192];
	} answer;
	const struct nlmsgerr *error = NLMSG_DATA(&answer.head);
	ssize_t n;

	if (sock < 0)
		return say(f, false, "netlink: %m");
	if (send(sock, request, size, 0) < 0)
		return say(f, false, "asking: %m");
	n = recv(sock, &answer, sizeof(answer), 0);
	if (n < (ssize_t)sizeof(answer.head))
		return say(f, false, "no answer");
	if (answer.head.nlmsg_type != NLMSG_ERROR || n < (ssize_t)(NLMSG_HDRLEN + sizeof(*error)) ||
	    !error->error)
		return true;
	return say(f, false, "%s", strerror(-error->error));
}

static bool try_unix_diag(struct feature_state *f)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req r;
	} request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.r = { .sdiag_family = AF_UNIX, .udiag_states = 1U << 10 /* listening ones */ },
	};

	return ask_diag(f, &request, sizeof(request));
}

static bool try_inet_diag(struct feature_state *f)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 r;
	} request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.r = { .sdiag_family = AF_INET,
		       .sdiag_protocol = IPPROTO_TCP,
		       .idiag_states = 1U << 10 },
	};

	return ask_diag(f, &request, sizeof(request));
}

/* ---- the table ------------------------------------------------------------------------------- */

#define AS_ROOT "run as root"
#define ALLOWED "a kernel from 5.15 on, and the right to load BPF programs"

/* A flat table, the weightiest first. */
const struct feature features[] = {
	{ "bpf", "every thread and every open file of the host in one pass",
	  "deadlocks are probable, never proven; owners of kernel locks, io_uring requests, "
	  "interval timers, undo lists and descriptors in flight are unknown; 1,000 processes take "
	  "seconds",
	  AS_ROOT " on a kernel from 5.15 on", features_reader },
	{ "btf", "the layout of the kernel's structs, which BPF needs", "no BPF at all",
	  "a kernel with CONFIG_DEBUG_INFO_BTF", features_btf },
	{ "bpf-tasks", "threads with their registers, locks and timers", "no BPF at all", ALLOWED,
	  features_iter_task },
	{ "bpf-files", "open files with what is behind them", "no BPF at all", ALLOWED,
	  features_iter_task_file },
	{ "bpf-registers", "system calls and their arguments from BPF", "no BPF at all", ALLOWED,
	  features_pt_regs },
	{ "bpf-loops", "long epoll sets, queues and rings, whole",
	  "what lies beyond the first few items of one object is unknown",
	  "a kernel from 5.17 on, and the right to load BPF programs", features_loop },
	{ "bpf-kinds", "details of every kind of file",
	  "details of the kinds that could not be learned are read from /proc or unknown",
	  "let snag open one of each: look at seccomp filters and limits", features_kinds },
	{ "bpf-stacks", "all registers of sleeping threads, a millisecond a thousand stacks",
	  "stacks are read through /proc: of the registers only two are known, so some callers "
	  "may be missed in code that keeps frame pointers, and it takes fifty times as long",
	  "a kernel from 6.10 on, inside of containers 6.14, and the right to load BPF programs",
	  features_stacks },
	{ "bpf-sees-all", "process 1 and its like in BPF",
	  "of hidden processes only the pipes and sockets are known",
	  "run outside of the sandbox that hides them", features_all_tasks },
	{ "lock-owners", "who holds a lock inside the kernel",
	  "a thread in state D names no owner: its verdict ends at the kernel",
	  "a kernel from 6.16 on with CONFIG_DETECT_HUNG_TASK_BLOCKER, and BTF", features_blocker },
	{ "other-users", "processes of other users",
	  "their descriptors, memory and system calls are unknown, so verdicts that depend on "
	  "them are undetermined or probable",
	  AS_ROOT ", or give snag the capability CAP_SYS_PTRACE", try_other_users },
	{ "own-user", "processes of the same user that snag did not start",
	  "only descendants of snag itself can be looked into",
	  AS_ROOT ", or set kernel.yama.ptrace_scope to 0", try_yama },
	{ "all-processes", "the processes of everybody in /proc",
	  "holders outside the tree are missed: deadlocks are probable at best",
	  AS_ROOT ", or mount /proc without hidepid", try_all_processes },
	{ "all-files", "who else holds an object of the tree",
	  "holders outside the tree are missed: deadlocks are probable at best", AS_ROOT,
	  try_others_files },
	{ "net-namespaces", "sockets in other network namespaces",
	  "the peers of sockets in containers are unknown without BPF",
	  AS_ROOT ", or give snag the capability CAP_SYS_ADMIN", try_setns },
	{ "system-calls", "which system call a thread is blocked in, with its arguments",
	  "without BPF no wait can be told at all", "a kernel with CONFIG_HAVE_ARCH_TRACEHOOK",
	  try_syscall_file },
	{ "run-stamps", "whether a thread ran while snag looked",
	  "switch counters must do, which take longer to read", "a kernel with CONFIG_SCHED_INFO",
	  try_schedstat },
	{ "memory", "poll sets, locks and time-outs in the memory of a process",
	  "what a lock, a poll set or a deadline is stays unknown",
	  "a kernel with CONFIG_CROSS_MEMORY_ATTACH; a seccomp filter may forbid it",
	  try_vm_readv },
	{ "wchan", "where in the kernel a thread sleeps",
	  "FUSE, userfaultfd and freezer waits look like any wait for the kernel",
	  "a kernel with CONFIG_KALLSYMS", try_wchan },
	{ "kernel-stacks", "the kernel stacks of threads in state D",
	  "where in the kernel they hang is known by one function name only",
	  AS_ROOT " on a kernel with CONFIG_STACKTRACE", try_stack },
	{ "children", "the children of each thread", "the thread that forked a child is unknown",
	  "a kernel with CONFIG_PROC_CHILDREN", try_children },
	{ "kcmp", "which descriptors share one open file, and which processes share memory",
	  "shared epoll sets and inherited descriptors are not recognised without BPF",
	  "a kernel with CONFIG_KCMP; a seccomp filter may forbid it", try_kcmp },
	{ "pidfd-getfd", "how full a pipe is, without BPF",
	  "whether a pipe is full or empty is taken from who waits for it", "a kernel from 5.6 on",
	  try_pidfd_getfd },
	{ "unix-diag", "the peers of unix sockets",
	  "waits on unix sockets are undetermined without BPF",
	  "a kernel with CONFIG_UNIX_DIAG or its module", try_unix_diag },
	{ "inet-diag", "queues and timers of TCP connections",
	  "whether the kernel will give up on a dead peer is unknown without BPF",
	  "a kernel with CONFIG_INET_DIAG or its module", try_inet_diag },
	{ "epoll-items", "what an epoll set watches", "waits in epoll are undetermined",
	  "a kernel from 4.13 on", try_epoll_items },
	{ "eventfd-ids", "which eventfds are the same",
	  "waits on an eventfd are undetermined without BPF", "a kernel from 5.2 on",
	  try_eventfd_ids },
	{ "file-locks", "who waits for and who holds flock(2) and fcntl(2) locks",
	  "waits for file locks are undetermined", "a kernel with CONFIG_FILE_LOCKING", try_locks },
	{ "posix-timers", "timers that could wake a process",
	  "a deadlock is probable at best without BPF, for a timer may be armed",
	  "a kernel with CONFIG_POSIX_TIMERS and CHECKPOINT_RESTORE", try_timers },
	{ "io-counts", "whether a busy process reads or writes anything",
	  "busy processes look like ones that make progress",
	  "a kernel with CONFIG_TASK_IO_ACCOUNTING", try_io },
	{ "cgroups", "frozen cgroups, and --cgroup", "a frozen process looks asleep",
	  "mount the cgroup2 file system", try_cgroups },
	{ "bpf-sockets", "sockets without a descriptor in one pass",
	  "nothing yet: sockets are found through the files that hold them", ALLOWED,
	  try_iter_socks },
	{ "tracepoints", "recording: what happens, when it happens", "no recording", ALLOWED,
	  features_tp_btf },
	{ "task-storage", "recording: which processes are of the tree", "no recording",
	  "a kernel from 5.11 on, and the right to load BPF programs", features_task_storage },
	{ "ring-buffer", "recording: records in order", "no recording",
	  "a kernel from 5.8 on, and the right to load BPF programs", features_ring_buffer },
	{ "function-hooks", "nothing: snag does without fentry", "nothing",
	  "a kernel with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS", features_fentry },
};
const size_t feature_count = sizeof(features) / sizeof(features[0]);

void feature_try(const struct feature *f, struct feature_state *state)
{
	state->note[0] = '\0';
	state->there = f->attempt(state);
	if (!state->there && !state->note[0])
		say(state, false, "tried in vain");
}
