/* SPDX-License-Identifier: BSD-2-Clause */
#include "session_sources.h"

#include "model/frames.h"
#include "model/tasks.h"
#include "unwind/name/source.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* One look. */
struct reading {
	struct model *m;
	struct sources *sources;
	uint64_t boot_ns; /* CLOCK_REALTIME when CLOCK_BOOTTIME was 0 */
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * When the program of an actor began to be read: a process that was forked and executes nothing has
 * what its parent had read.
 */
static uint64_t start_of(const struct reading *r, const struct actor *a)
{
	/* parents come before their children */
	while (a->parent &&
	       (a->spawn_method == SPAWN_FORK || a->spawn_method == SPAWN_THREAD_FORK ||
		a->spawn_method == SPAWN_FORKSERVER || a->spawn_method == SPAWN_INTERPRETER))
		a = model_actor(r->m, a->parent);
	return r->boot_ns + a->start * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void read_source(const struct reading *r, uint32_t actor, uint32_t file, uint32_t line,
			struct script_source *ret)
{
	const struct actor *a = model_actor(r->m, actor);
	const struct source_place place = { .tgid = a->pid,
					    .mnt_ns = a->mnt_ns,
					    .start_ns = start_of(r, a),
					    .path = model_str(r->m, file),
					    .line = line };
	const char *text = NULL, *why;

	if (ret->text || ret->why)
		return;
	why = source_line(r->sources, &place, &text);
	if (why)
		ret->why = strtab_add(r->m->strings, why);
	else
		ret->text = strtab_add(r->m->strings, text);
}

/* Where CPython and pip put what others have written. */
static bool source_is_library(const char *path)
{
	return strstr(path, "/lib/python3") || strstr(path, "/site-packages/") ||
	       strstr(path, "/dist-packages/") || path[0] == '<';
}

static void of_thread(const struct reading *r, uint32_t thread)
{
	const struct thread *t = model_thread(r->m, thread);
	struct script_frame *f = r->m->script_frames.at + t->script.first_frame;
	uint32_t count = t->script.frame_count;

	if (!count)
		return;
	read_source(r, t->actor, f[0].file, f[0].line, &f[0].source);
	for (uint32_t i = 0; i < count; i++)
		if (!source_is_library(model_str(r->m, f[i].file))) {
			read_source(r, t->actor, f[i].file, f[i].line, &f[i].source);
			return;
		}
}

static void of_task(const struct reading *r, uint32_t task)
{
	const struct task *t = model_task(r->m, task);
	struct task_frame *f = r->m->task_frames.at + t->first_frame;

	for (uint32_t i = 0; i < t->frame_count; i++) {
		bool library = source_is_library(model_str(r->m, f[i].file));

		if (f[i].code || (i && library))
			continue;
		read_source(r, t->actor, f[i].file, f[i].line, &f[i].source);
		if (!library)
			return;
	}
}

void session_sources(struct model *m, enum stacks_of which)
{
	_cleanup_sources_ struct sources *sources = sources_new();
	const struct reading r = { .m = m,
				   .sources = sources,
				   .boot_ns = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME) };
	const struct verdict *v = &m->verdict;

	for (uint32_t i = 0; which == STACKS_CHAIN && i < v->chain.count; i++) {
		const struct wait *w = model_wait(m, v->chain.at[i]);

		if (w->task)
			of_task(&r, w->task);
		else
			of_thread(&r, w->thread);
	}
	for (uint32_t i = 1; which == STACKS_ALL && i <= m->threads.count; i++)
		of_thread(&r, i);
	for (uint32_t i = 1; which == STACKS_ALL && i <= m->tasks.count; i++)
		of_task(&r, i);
}
