/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_python.h"

#include "lib/common_python.h"
#include "lib/unit_child.h"
#include "snag.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum { LINE_BYTES = 8192 };

struct python_pipes {
	FILE *out;
	int in;
	char line[LINE_BYTES];
};

bool python_at(uint32_t i, struct python *py)
{
	*py = (struct python){ .tgid = 0 };
	py->path = interpreter_find(i, &py->minor);
	return py->path;
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

struct model *python_look(const struct python *py, bool locals)
{
	const struct session_opts opts = { .reader = "procfs", .locals = locals };
	const struct read_scope scope = { .roots = &py->tgid, .root_count = 1 };
	_cleanup_session_ struct session *s = NULL;
	struct snag_error err = SNAG_ERROR_INIT;
	struct model *m = NULL;

	cr_assert_eq(session_open(&opts, &s, &err), 0, "%s", err.text);
	cr_assert_eq(session_look(s, &scope, &m, &err), 0, "%s", err.text);
	return m;
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
