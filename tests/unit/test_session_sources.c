/* SPDX-License-Identifier: BSD-2-Clause */
#include "session_sources.h"

#include "model/frames.h"
#include "model/tasks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char path[] = "/tmp/snag-sources.XXXXXX";

/* Clock ticks since boot, `seconds` from now. */
static uint64_t start_in(int64_t seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)(t.tv_sec + seconds) * (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint32_t add_actor(struct model *m, uint32_t parent, int64_t seconds)
{
	uint32_t actor = model_add_actor(m, getpid(), start_in(seconds));

	model_actor(m, actor)->parent = parent;
	return actor;
}

/* A thread that is in a library which the file has called. */
static uint32_t add_thread(struct model *m, uint32_t actor)
{
	uint32_t thread = model_add_thread(m, actor, (int32_t)actor);

	model_add_script_frame(
		m, thread,
		(struct script_frame){ .file = strtab_add(m->strings, "/usr/lib/python3.11/x.py"),
				       .line = 1 });
	model_add_script_frame(m, thread,
			       (struct script_frame){ .file = strtab_add(m->strings, path),
						      .line = 2 });
	model_add_script_frame(m, thread,
			       (struct script_frame){ .file = strtab_add(m->strings, path),
						      .line = 1 });
	return thread;
}

static void make_file(void)
{
	int fd = mkstemp(path);

	cr_assert_eq(dprintf(fd, "first\nsecond\n"), 13);
	close(fd);
}

static void remove_file(void)
{
	unlink(path);
}

TestSuite(session_sources, .init = make_file, .fini = remove_file);

static const char *text(const struct model *m, uint32_t thread, uint32_t i)
{
	uint32_t count;

	return model_str(m, model_script_frames(m, thread, &count)[i].source.text);
}

static const char *why(const struct model *m, uint32_t thread, uint32_t i)
{
	uint32_t count;

	return model_str(m, model_script_frames(m, thread, &count)[i].source.why);
}

Test(session_sources, of_the_program_and_of_where_it_is)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t actor = add_actor(m, 0, 60), thread = add_thread(m, actor), task;

	task = model_add_task(m, actor, 1);
	model_add_task_frame(
		m, task, (struct task_frame){ .file = strtab_add(m->strings, path), .line = 2 });
	session_sources(m, STACKS_NONE);
	cr_expect_str_eq(text(m, thread, 1), "");
	session_sources(m, STACKS_ALL);
	cr_expect_str_eq(why(m, thread, 0), "its file cannot be read");
	cr_expect_str_eq(text(m, thread, 1), "second");
	cr_expect_str_eq(text(m, thread, 2), "", "who called that is not asked for");
	cr_expect_str_eq(why(m, thread, 2), "");
	cr_expect_str_eq(model_str(m, m->task_frames.at[0].source.text), "second");
}

Test(session_sources, who_was_forked_has_what_its_parent_had_read)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t parent = add_actor(m, 0, -600), old = add_thread(m, parent);
	uint32_t forked = add_actor(m, parent, 60), child = add_thread(m, forked);
	uint32_t executed = add_actor(m, parent, 60), other = add_thread(m, executed);

	model_actor(m, forked)->spawn_method = SPAWN_FORK;
	model_actor(m, executed)->spawn_method = SPAWN_FORK_EXEC;
	session_sources(m, STACKS_ALL);
	cr_expect_str_eq(why(m, old, 1), "changed since its process began");
	cr_expect_str_eq(why(m, child, 1), "changed since its process began");
	cr_expect_str_eq(text(m, child, 1), "");
	cr_expect_str_eq(text(m, other, 1), "second");
}

Test(session_sources, of_the_chain)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t actor = add_actor(m, 0, 60), thread = add_thread(m, actor);
	uint32_t next = add_actor(m, 0, 60), other = add_thread(m, next);

	*vec_push(&m->verdict.chain) = model_add_wait(m, other, 0);
	session_sources(m, STACKS_CHAIN);
	cr_expect_str_eq(text(m, thread, 1), "");
	cr_expect_str_eq(text(m, other, 1), "second");
}
