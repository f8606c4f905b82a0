/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this host can do. A word that is not in the table is the name of a program that must be in
 * PATH.
 */
#include "scenario_harness.h"

#include <bpf/btf.h>
#include <errno.h>
#include <glob.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool have_root(void)
{
	return geteuid() == 0;
}

/* BPF can be had when the kernel describes its types and lets us make a map. */
static bool have_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	if (geteuid() != 0 || access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return false;
	_cleanup_close_ int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	return fd >= 0;
}

/* Since 6.16, as it is configured: a thread that sleeps for a kernel lock notes which. */
static bool have_blocker(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT) : -1;
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	bool have = false;

	for (uint32_t i = 0; type && i < btf_vlen(type) && !have; i++)
		have = !strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), "blocker");
	btf__free(btf);
	return have;
}

static bool have_io_uring(void)
{
	struct io_uring_params params = { .flags = 0 };
	_cleanup_close_ int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	return fd >= 0;
}

static bool have_fuse(void)
{
	return geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0;
}

/* In a child, for the namespace is left by nobody. */
static bool have_pidns(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWPID) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool have_cgroup1_freezer(void)
{
	return access("/sys/fs/cgroup/freezer/cgroup.procs", W_OK) == 0;
}

static bool have_cgroup2(void)
{
	return access("/sys/fs/cgroup/unified/cgroup.procs", W_OK) == 0 ||
	       access("/sys/fs/cgroup/cgroup.subtree_control", W_OK) == 0;
}

static bool have_userfaultfd(void)
{
	_cleanup_close_ int fd = (int)syscall(SYS_userfaultfd, 0);

	return fd >= 0;
}

/* Does a system call of 32-bit programs answer? In a child, which a kernel without them kills. */
static bool have_ia32(void)
{
	enum { NR_GETPID = 20 };
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		int answer = NR_GETPID;

		__asm__ volatile("int $0x80" : "+a"(answer) : : "r8", "r9", "r10", "r11", "memory");
		_exit(answer != getpid());
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool have_program(const char *name)
{
	const char *path = getenv("PATH");
	_cleanup_free_ char *dirs = strdup(path ? path : "/usr/bin:/bin");
	char file[4096];

	for (char *save = NULL, *d = strtok_r(dirs, ":", &save); d;
	     d = strtok_r(NULL, ":", &save)) {
		snprintf(file, sizeof(file), "%s/%s", d, name);
		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

static bool have_python(void)
{
	return have_program("python3");
}

/* Debian keeps the server's programs out of PATH. */
static bool have_postgres(void)
{
	glob_t found;
	bool have = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0;

	globfree(&found);
	return have;
}

static const struct {
	const char *word;
	bool (*have)(void);
} capabilities[] = {
	{ "root", have_root },
	{ "bpf", have_bpf },
	{ "python", have_python },
	{ "iouring", have_io_uring },
	{ "fuse", have_fuse },
	{ "pidns", have_pidns },
	{ "cgroup1", have_cgroup1_freezer },
	{ "cgroup2", have_cgroup2 },
	{ "userfaultfd", have_userfaultfd },
	{ "blocker", have_blocker },
	{ "ia32", have_ia32 },
	{ "postgres", have_postgres },
};

static bool capability_met(const char *word)
{
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++)
		if (strcmp(word, capabilities[i].word) == 0)
			return capabilities[i].have();
	return have_program(word);
}

bool needs_met(const char *needs, char *lacking, size_t size)
{
	_cleanup_free_ char *words = strdup(needs ? needs : "");

	for (char *save = NULL, *w = strtok_r(words, ", ", &save); w;
	     w = strtok_r(NULL, ", ", &save)) {
		if (!capability_met(w)) {
			snprintf(lacking, size, "%s", w);
			return false;
		}
	}
	return true;
}

bool words_have(const char *list, const char *word)
{
	_cleanup_free_ char *words = strdup(list ? list : "");

	for (char *save = NULL, *w = strtok_r(words, ",| ", &save); w;
	     w = strtok_r(NULL, ",| ", &save))
		if (strcmp(w, word) == 0)
			return true;
	return false;
}
