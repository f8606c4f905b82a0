/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs whose files are not where their names say, and one that gdb cannot stop. snag must read
 * the file that is mapped, and find all frames.
 */
#include "stacks_wait.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void copy_to_fd(const char *from, int to)
{
	int in = (int)must(open(from, O_RDONLY | O_CLOEXEC));
	struct stat st;

	must(fstat(in, &st));
	for (off_t at = 0; at < st.st_size;)
		must(sendfile(to, in, &at, (size_t)(st.st_size - at)));
	close(in);
}

static void copy(const char *from, const char *to)
{
	int out = (int)must(open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));

	copy_to_fd(from, out);
	close(out);
}

/* All threads of the program are there and at rest: gdb has the last word. */
static void same_as_gdb(pid_t pid)
{
	stacks_wait_name(pid, "waiting");
	stacks_blocked(pid);
	truth_root(pid);
	truth_stacks(pid, NULL);
	truth_ready();
	waitpid(pid, NULL, 0);
}

SCENARIO(deleted, .needs = "gdb", .options = "--stacks", .what = "a program that was deleted")
{
	char *path = (char *)text("%s/program", scenario_dir());

	copy(stacks_patient("waits_stripped"), path);
	pid_t pid = spawn_program((char *[]){ path, NULL });
	must(unlink(path));
	same_as_gdb(pid);
}

static void run_from_memory(void *unused)
{
	int fd = (int)must(memfd_create("program", MFD_CLOEXEC));

	(void)unused;
	copy_to_fd(stacks_patient("waits_clang"), fd);
	must(fexecve(fd, (char *[]){ (char *)"program", NULL }, environ));
}

SCENARIO(from_memory, .needs = "gdb,clang", .options = "--stacks", .what = "a program in a memfd")
{
	same_as_gdb(spawn_child(run_from_memory, NULL));
}

static const char *const libraries[] = { "/lib64/ld-linux-x86-64.so.2",
					 "/lib/x86_64-linux-gnu/libc.so.6" };

static void run_in_chroot(void *unused)
{
	const char *dir = scenario_dir();
	const char *const parts[] = { "lib64", "lib", "lib/x86_64-linux-gnu", "tmp" };

	(void)unused;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		must(mkdir(text("%s/%s", dir, parts[i]), 0755));
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
		copy(libraries[i], text("%s%s", dir, libraries[i]));
	copy(stacks_patient("waits_gcc"), text("%s/program", dir));
	must(chroot(dir));
	must(chdir("/"));
	must(execl("/program", "program", NULL));
}

SCENARIO(in_chroot, .needs = "root,gdb", .options = "--stacks",
	 .what = "a program and its libraries in a chroot")
{
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
		if (access(libraries[i], R_OK) < 0)
			scenario_skip("debian", text("no %s", libraries[i]));
	same_as_gdb(spawn_child(run_in_chroot, NULL));
}

/* Nobody outside sees the file system that the program is on. */
static void run_in_namespace(void *unused)
{
	const char *dir = scenario_dir();

	(void)unused;
	must(unshare(CLONE_NEWNS));
	must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(mount("none", dir, "tmpfs", 0, NULL));
	copy(stacks_patient("waits_gcc"), text("%s/program", dir));
	must(execl(text("%s/program", dir), "program", NULL));
}

SCENARIO(mount_namespace, .needs = "root,gdb", .options = "--stacks",
	 .what = "a program in another mount namespace")
{
	same_as_gdb(spawn_child(run_in_namespace, NULL));
}

/* ---- a parent in vfork(2) -------------------------------------------------------------------- */

enum { TOLD_MAX = 64 };

static void *told[TOLD_MAX];
static int told_count;

/* The parent is blocked in the call itself: a second thread tells of it. */
static void observe(void *parent)
{
	pid_t child = wait_child(getpid(), NULL);

	/* Innermost are vfork() and whoever called it, which was elsewhere when it told. */
	truth_frames(getpid(), *(pid_t *)parent, 2, told + 1, (size_t)told_count - 1);
	truth_hop(getpid(), *(pid_t *)parent, "vfork", NULL, child);
	truth_ready();
	hang_dead(NULL);
}

__attribute__((noinline)) static int vfork_and_block(const char *fifo)
{
	told_count = backtrace(told, TOLD_MAX);
	pid_t child = vfork();

	if (child == 0) {
		if (open(fifo, O_RDONLY) < 0)
			_exit(1);
		_exit(0);
	}
	return child;
}

/* gdb hangs in the attach. The return address of vfork() is in a register that procfs has not. */
SCENARIO(vfork_parent, .options = "--stacks", .what = "a parent in vfork, which nobody can stop")
{
	const char *fifo = text("%s/fifo", scenario_dir());
	pid_t self = getpid();

	must(mkfifo(fifo, 0600));
	spawn_thread(observe, &self);
	int rc = vfork_and_block(fifo);
	scenario_die("vfork returned %d: %s", rc, strerror(errno));
}
