/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_python.h"

#include "lib/unit_child.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum { PATHS = 32, PATH_BYTES = 512, LINE_BYTES = 8192 };

struct python_pipes {
	FILE *out;
	int in;
	char line[LINE_BYTES];
};

/* Where interpreters are looked for. */
static uint32_t find_paths(char paths[PATHS][PATH_BYTES])
{
	const char *home = getenv("HOME"), *more = getenv("SNAG_PYTHONS");
	char pattern[PATH_BYTES];
	uint32_t count = 0;
	glob_t g = { .gl_pathc = 0 };

	snprintf(paths[count++], PATH_BYTES, "/usr/bin/python3");
	snprintf(pattern, sizeof(pattern), "%s/.pyenv/versions/3.*/bin/python3", home ? home : "");
	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && count < PATHS; i++)
			snprintf(paths[count++], PATH_BYTES, "%s", g.gl_pathv[i]);
	globfree(&g);
	while (more && *more && count < PATHS) {
		size_t len = strcspn(more, ":");

		snprintf(paths[count++], PATH_BYTES, "%.*s", (int)len, more);
		more += len + (more[len] == ':');
	}
	return count;
}

static uint32_t minor_of(const char *path)
{
	char command[PATH_BYTES + 64];
	unsigned int minor = 0;
	FILE *f;

	if (access(path, X_OK) < 0)
		return 0;
	snprintf(command, sizeof(command), "%s -c 'import sys; print(sys.version_info[1])'", path);
	f = popen(command, "r");
	if (!f || fscanf(f, "%u", &minor) != 1)
		minor = 0;
	if (f)
		pclose(f);
	return minor;
}

bool python_at(uint32_t i, struct python *py)
{
	static char paths[PATHS][PATH_BYTES];
	static uint32_t minors[PATHS], count;

	for (; !count || i >= count;) {
		static uint32_t found, next;

		if (!found)
			found = find_paths(paths);
		if (next >= found)
			return false;
		minors[count] = minor_of(paths[next]);
		if (minors[count] >= 9) {
			memmove(paths[count], paths[next], PATH_BYTES);
			count++;
		}
		next++;
	}
	*py = (struct python){ .path = paths[i], .minor = minors[i] };
	return true;
}

void python_start(struct python *py, const char *script)
{
	int out[2], in[2];

	cr_assert_eq(pipe(out), 0);
	cr_assert_eq(pipe(in), 0);
	py->tgid = fork();
	cr_assert_geq(py->tgid, 0);
	if (!py->tgid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		dup2(in[0], 0);
		dup2(out[1], 1);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		execl(py->path, py->path, "-c", script, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	py->pipes = calloc(1, sizeof(*py->pipes));
	cr_assert(py->pipes);
	py->pipes->in = in[1];
	py->pipes->out = fdopen(out[0], "r");
}

const char *python_line(struct python *py)
{
	struct python_pipes *p = py->pipes;

	if (!fgets(p->line, sizeof(p->line), p->out))
		return NULL;
	p->line[strcspn(p->line, "\n")] = '\0';
	return p->line;
}

uint64_t python_number(struct python *py)
{
	const char *line = python_line(py);

	cr_assert(line, "%s ended early", py->path);
	return strtoull(line, NULL, 0);
}

void python_wait(const struct python *py, int nr)
{
	child_wait_syscall(py->tgid, py->tgid, nr);
}

void python_end(struct python *py)
{
	/* its children too */
	kill(-py->tgid, SIGKILL);
	waitpid(py->tgid, NULL, 0);
	fclose(py->pipes->out);
	close(py->pipes->in);
	free(py->pipes);
	py->pipes = NULL;
}

void python_need(void)
{
	const char *require = getenv("SNAG_REQUIRE");
	struct python py;

	if (python_at(0, &py))
		return;
	if (require && strstr(require, "python"))
		cr_assert_fail("SNAG_REQUIRE names python, and there is none");
	cr_skip_test("no python3");
}
