/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system that somebody froze (fsfreeze(8), a snapshot tool that died half-way). snag must
 * say that whoever writes to it waits for the thaw, and call it stopped.
 */
#include "lib/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IMAGE_BYTES = 8 << 20 };

/* Where it is mounted, for .cleanup, which runs in another process; empty when it is not. */
static char *mounted(void)
{
	return shared_page();
}

static void thaw(void)
{
	int fd = *mounted() ? open(mounted(), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (ioctl(fd, FITHAW, 0) < 0 && errno != EINVAL)
		fprintf(stderr, "thawing %s: %s\n", mounted(), strerror(errno));
	close(fd);
	umount2(mounted(), MNT_DETACH);
}

static void run(char *const argv[])
{
	int status;
	pid_t pid = spawn_program(argv);

	must(waitpid(pid, &status, 0));
	if (status)
		scenario_skip("loop", text("%s failed", argv[0]));
}

static void create_file(void *path)
{
	must(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

SCENARIO(frozen_filesystem, .needs = "root,mkfs.ext4,mount", .cleanup = thaw,
	 .what = "a child creates a file on a file system that is frozen")
{
	char *image = (char *)text("%s/image", scenario_dir());
	char *point = (char *)text("%s/mnt", scenario_dir());
	int fd = (int)must(open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600));

	must(ftruncate(fd, IMAGE_BYTES));
	close(fd);
	must(mkdir(point, 0700));
	run((char *[]){ (char *)"mkfs.ext4", (char *)"-q", (char *)"-F", image, NULL });
	run((char *[]){ (char *)"mount", (char *)"-o", (char *)"loop", image, point, NULL });
	snprintf(mounted(), 4096, "%s", point);
	fd = (int)must(open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	must(ioctl(fd, FIFREEZE, 0));
	close(fd);
	pid_t child = spawn_child(create_file, (char *)text("%s/file", point));
	truth_verdict("stopped", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "freeze", NULL, ANYBODY);
	truth_says("unfreezes");
	truth_ready();
	waitpid(child, NULL, 0);
}
