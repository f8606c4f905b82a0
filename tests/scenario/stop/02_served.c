/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits inside the kernel for what another process shall do: a page, a file system request, the
 * answer to a system call, a lock that a thread in such a wait holds. snag must name that process.
 */
#include "lib/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* ---- userfault --------------------------------------------------------------------------------
 */

/* A page that nobody fills in. Whoever has *uffd could. */
static char *missing_page(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		scenario_die("mmap: %m");
	*uffd = (int)must(syscall(SYS_userfaultfd, O_CLOEXEC));
	must(ioctl(*uffd, UFFDIO_API, &api));
	range.range.start = (unsigned long)page;
	range.range.len = PAGE;
	must(ioctl(*uffd, UFFDIO_REGISTER, &range));
	return page;
}

static void touch(void *page)
{
	*(volatile char *)page = 1;
}

SCENARIO(userfault, .needs = "root,userfaultfd",
	 .what = "a thread touches a page that its own process never fills in")
{
	int uffd;
	char *page = missing_page(&uffd);
	pid_t monitor = spawn_thread(hang_dead, NULL);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "userfault", NULL, getpid());
	truth_blocked(getpid(), monitor);
	truth_ready();
	touch(page);
}

/* ---- kernel lock ------------------------------------------------------------------------------
 */

struct writer {
	int fd;
	char *page;
};

/* Takes the pipe's lock, and then the page does not come. */
static void write_page(void *arg)
{
	const struct writer *w = arg;

	if (write(w->fd, w->page, PAGE) < 0)
		scenario_die("write: %m");
}

/* A thread that holds the lock of a pipe and waits for a page; the pipe's write end. */
static int locked_pipe(struct writer *w, pid_t *tid)
{
	int p[2], uffd;

	must(pipe(p));
	w->page = missing_page(&uffd);
	w->fd = p[1];
	*tid = spawn_thread(write_page, w);
	wait_blocked(getpid(), *tid);
	return p[1];
}

SCENARIO(kernel_mutex, .needs = "root,userfaultfd,bpf,blocker", .reader = "bpf",
	 .what = "the lock of a pipe, held by a thread that waits for a page")
{
	struct writer w;
	pid_t tid;
	int fd = locked_pipe(&w, &tid);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "kernel-lock", NULL, getpid());
	truth_hop(getpid(), tid, "userfault", NULL, getpid());
	truth_ready();
	if (write(fd, "x", 1) < 0)
		scenario_die("write: %m");
}

/* The pipe has room, and yet its writer cannot go on. */
SCENARIO(kernel_mutex_untold, .needs = "root,userfaultfd", .reader = "procfs",
	 .what = "the same where nothing tells of the lock: not known, and not going on")
{
	struct writer w;
	pid_t tid;
	int fd = locked_pipe(&w, &tid);

	truth_verdict("undetermined", NULL);
	truth_blocked(getpid(), tid);
	truth_ready();
	if (write(fd, "x", 1) < 0)
		scenario_die("write: %m");
}

/* ---- FUSE -------------------------------------------------------------------------------------
 */

/* A server that answers the first request, as it must, and then never again. */
static void serve_init(int fd)
{
	char in[FUSE_MIN_READ_BUFFER];
	struct {
		struct fuse_out_header head;
		struct fuse_init_out init;
	} out = { .head.len = sizeof(out) };
	const struct fuse_in_header *head = (const void *)in;

	must(read(fd, in, sizeof(in)));
	out.head.unique = head->unique;
	out.init.major = FUSE_KERNEL_VERSION;
	out.init.minor = FUSE_KERNEL_MINOR_VERSION;
	out.init.max_write = PAGE;
	must(write(fd, &out, sizeof(out)));
}

/* In a mount namespace of our own: it goes away with us, and the connection with its server. */
static const char *mount_fuse(int fd)
{
	const char *point = scenario_dir();

	must(unshare(CLONE_NEWNS));
	must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(mount("snag", point, "fuse", MS_NOSUID | MS_NODEV,
		   text("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)));
	return point;
}

static void serve(void *fd)
{
	serve_init(*(int *)fd);
	hang_dead(NULL);
}

SCENARIO(fuse_server_dead, .needs = "root,fuse",
	 .what = "a file system request to a server that can never go on")
{
	int fd = (int)must(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	const char *point = mount_fuse(fd);
	pid_t server = spawn_child(serve, &fd);
	struct stat st;

	close(fd);
	wait_blocked(server, 0);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "fuse", NULL, server);
	truth_hop(server, 0, "pipe-read", NULL, server);
	truth_says("%s", point);
	truth_ready();
	stat(text("%s/file", point), &st);
}

static void serve_and_sleep(void *fd)
{
	serve_init(*(int *)fd);
	sleep(100000);
}

/* The server is outside of the tree: nothing that the tree has open leads to it. */
SCENARIO(fuse_server_outside, .needs = "root,fuse",
	 .what = "a file system request to a server outside of the tree")
{
	int fd = (int)must(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	const char *point = mount_fuse(fd);
	pid_t server = spawn_session(serve_and_sleep, &fd);
	struct stat st;

	close(fd);
	wait_blocked(server, 0);
	pid_t root = (pid_t)must(fork());
	if (root == 0) {
		setsid();
		stat(text("%s/file", point), &st);
		_exit(1);
	}
	truth_root(root);
	truth_verdict("stuck-on-external", NULL);
	truth_not("deadlock");
	truth_hop(root, 0, "fuse", NULL, server);
	truth_ready();
	hang(NULL);
}

/* ---- seccomp ----------------------------------------------------------------------------------
 */

static volatile int listener = -1;

static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return (int)must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				 SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

static pid_t supervised;

static void *call_supervised(void *unused)
{
	(void)unused;
	supervised = self_tid();
	listener = install_filter();
	syscall(SYS_getppid);
	return NULL;
}

static bool has_listener(void *unused)
{
	(void)unused;
	return listener >= 0;
}

SCENARIO(seccomp_notify, .what = "a system call that its supervisor never answers")
{
	pthread_t thread;

	pthread_create(&thread, NULL, call_supervised, NULL);
	wait_until(has_listener, NULL, "the filter is there");
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "thread-join", NULL, getpid());
	truth_hop(getpid(), supervised, "seccomp", NULL, getpid());
	truth_ready();
	pthread_join(thread, NULL);
}
