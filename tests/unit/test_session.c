/* SPDX-License-Identifier: BSD-2-Clause */
#include "snag.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int look(const struct session_opts *opts, pid_t pid, struct model **m,
		struct snag_error *err)
{
	_cleanup_session_ struct session *s = NULL;
	int rc = session_open(opts, &s, err);
	struct read_scope scope = { .roots = &pid, .root_count = 1 };

	return rc < 0 ? rc : session_look(s, &scope, m, err);
}

Test(session, a_child_that_waits_for_itself)
{
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_model_ struct model *m = NULL;
	struct session_opts opts = { .reader = "procfs" };
	int p[2], rc = 0;
	pid_t child;
	char byte;

	cr_assert_eq(pipe(p), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!read(p[0], &byte, 1);
		_exit(0);
	}
	close(p[0]);
	close(p[1]);
	/* until it blocks it is seen to run */
	for (int i = 0; i < 100; i++) {
		model_free(m);
		m = NULL;
		rc = look(&opts, child, &m, &err);
		if (rc < 0 || m->verdict.kind == VERDICT_DEADLOCK)
			break;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	cr_assert_eq(rc, 0, "%s", err.text);
	cr_assert_eq(m->verdict.kind, VERDICT_DEADLOCK, "%s", model_str(m, m->verdict.summary));
	cr_assert_str_eq(model_str(m, m->reader), "procfs");
	cr_assert_eq(model_actor(m, m->root)->pid, child);
}

Test(session, a_pid_that_does_not_exist)
{
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_model_ struct model *m = NULL;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	cr_assert_eq(look(&(struct session_opts){ .reader = "procfs" }, child, &m, &err), -ESRCH);
	cr_assert_null(m);
	cr_assert_neq(err.text[0], '\0');
}

Test(session, a_thread_that_is_not_in_the_tree)
{
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_model_ struct model *m = NULL;
	struct session_opts opts = { .reader = "procfs", .focus_tid = 1 };

	cr_assert_eq(look(&opts, getpid(), &m, &err), -ESRCH);
	cr_assert_not_null(strstr(err.text, "no thread 1"));
}

Test(session, a_reader_that_there_is_not)
{
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_session_ struct session *s = NULL;

	cr_assert_eq(session_open(&(struct session_opts){ .reader = "ebpf" }, &s, &err), -EINVAL);
	cr_assert_null(s);
}
