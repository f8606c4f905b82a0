/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/spawn/forks.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/core/base.h"

const char *grove_forked_name(const char *actor, char name[static GROVE_THREAD_NAME])
{
	snprintf(name, GROVE_THREAD_NAME, "fork:%.10s", actor);
	return name;
}

/* Linux before 5.9 has no close_range(2). */
static void close_one_by_one(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!dir)
		grove_bug("descriptors cannot be listed: %m");
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd > STDERR_FILENO && fd != dirfd(dir))
			close(fd);
	}
	closedir(dir);
}

void grove_forked_scrub(bool keep)
{
	static const int reset[] = { SIGINT, SIGTERM, SIGCHLD };
	sigset_t none;

	if (!keep && close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		close_one_by_one();
	for (size_t i = 0; i < sizeof(reset) / sizeof(reset[0]); i++)
		signal(reset[i], SIG_DFL);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}
