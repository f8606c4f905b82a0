/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_find.h"

#include "lib/unit_child.h"
#include "lib/unit_python.h"
#include "runtimes/python/py.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One process as a runtime is asked about it. */
struct scene {
	struct runtimes *all;
	struct snapshot *snap;
	struct maps *maps;
	struct runtime_site site;
	struct py_mem *mem;
};

static int read_page(void *arg, uint64_t page, void *buf)
{
	return runtime_read(arg, page, buf, PY_MEM_PAGE);
}

static void scene_begin(struct scene *s, int32_t tgid)
{
	struct snap_process *p;
	struct snap_task *t;

	s->all = runtimes_new();
	s->snap = snapshot_new();
	p = vec_push(&s->snap->processes);
	p->tgid = tgid;
	p->in_tree = true;
	p->task_count = 1;
	t = vec_push(&s->snap->tasks);
	t->tgid = t->tid = tgid;
	t->state = 'S';
	snapshot_index(s->snap);
	cr_assert_eq(maps_read(tgid, false, &s->maps, NULL), 0);
	s->site = (struct runtime_site){ .all = s->all,
					 .snap = s->snap,
					 .process = snapshot_process(s->snap, tgid),
					 .maps = s->maps };
	s->mem = py_mem_new(read_page, &s->site);
}

static void scene_end(struct scene *s)
{
	py_mem_free(s->mem);
	maps_free(s->maps);
	runtimes_free(s->all);
	snapshot_free(s->snap);
}

Test(py_find, live_interpreters, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		struct py_found found;
		struct scene s;
		uint64_t at, hex;

		python_start(&py, "import ctypes, sys\n"
				  "print(ctypes.addressof(ctypes.c_char.in_dll(\n"
				  "    ctypes.pythonapi, '_PyRuntime')))\n"
				  "print(sys.hexversion, flush=True)\n"
				  "input()");
		at = python_number(&py);
		hex = python_number(&py);
		python_wait(&py, SYS_read);
		scene_begin(&s, py.tgid);
		cr_assert(py_find(&s.site, s.mem, &found), "%s", py.path);
		cr_assert_eq(found.runtime, at, "%s: %s", py.path, found.why);
		cr_assert_eq(found.minor, py.minor);
		cr_assert_eq(found.version >> 16, hex >> 16);
		/* before 3.11 the file does not say more */
		cr_assert(py.minor < 11 || found.version == hex);
		scene_end(&s);
		python_end(&py);
	}
}

/* As of a forked process whose interpreter lies on a server: what it never wrote does not come. */
static int read_written(void *arg, uint64_t page, void *buf)
{
	struct runtime_site *site = arg;
	const struct map_area *area = maps_find(site->maps, page);

	return area && area->ino && !area->write ? -ETIMEDOUT : read_page(arg, page, buf);
}

Test(py_find, constants_that_do_not_come, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_py_mem_ struct py_mem *mem = NULL;
		struct py_found found;
		struct scene s;

		python_start(&py, "print(1, flush=True); input()");
		python_line(&py);
		python_wait(&py, SYS_read);
		scene_begin(&s, py.tgid);
		mem = py_mem_new(read_written, &s.site);
		cr_assert(py_find(&s.site, mem, &found), "%s", py.path);
		cr_expect_neq(found.runtime, 0, "%s: %s", py.path, found.why);
		cr_expect_eq(found.minor, py.minor, "%s", py.path);
		scene_end(&s);
		python_end(&py);
	}
}

static void wait_for_ever(void *arg)
{
	(void)arg;
	pause();
}

Test(py_find, no_interpreter)
{
	int32_t tgid = child_start(wait_for_ever, NULL);
	struct py_found found;
	struct scene s;

	scene_begin(&s, tgid);
	cr_assert_not(py_find(&s.site, s.mem, &found));
	scene_end(&s);
	child_end(tgid);
}

/* A program that is only called so. */
Test(py_find, a_name_proves_nothing)
{
	char path[] = "/tmp/snag-find.XXXXXX", name[64];
	struct py_found found;
	struct scene s;
	int32_t tgid;

	cr_assert(mkdtemp(path));
	snprintf(name, sizeof(name), "cp /bin/sleep %s/python3", path);
	cr_assert_eq(system(name), 0);
	snprintf(name, sizeof(name), "%s/python3", path);
	tgid = fork();
	if (!tgid) {
		execl(name, name, "1000", (char *)NULL);
		_exit(1);
	}
	child_wait_syscall(tgid, tgid, SYS_clock_nanosleep);
	scene_begin(&s, tgid);
	cr_assert_not(py_find(&s.site, s.mem, &found));
	scene_end(&s);
	child_end(tgid);
	unlink(name);
	rmdir(path);
}
