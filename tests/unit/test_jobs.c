/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/jobs/jobs.h"

#include "lib/unit_python.h"
#include "model/debts.h"
#include "snag.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The pid of the worker that has the job, then of the one that has the lock. */
static const char script[] =
	"import multiprocessing as mp, os, threading, unittest\n"
	"c = mp.get_context('fork')\n"
	"def job(w):\n"
	"    os.write(w, b'%d\\n' % os.getpid())\n"
	"    threading.Event().wait()\n"
	"def hold(lock):\n"
	"    with lock:\n"
	"        print(os.getpid(), flush=True)\n"
	"        threading.Event().wait()\n"
	"class Case(unittest.TestCase):\n"
	"    def test_lock(self):\n"
	"        lock.acquire()\n"
	"r, w = os.pipe()\n"
	"lock = c.Lock()\n"
	"c.Process(target=hold, args=(lock,)).start()\n"
	"p = c.Pool(2)\n"
	"x = p.apply_async(job, (w,))\n"
	"print(os.read(r, 100).decode().strip(), flush=True)\n"
	"threading.Thread(target=x.get, daemon=True).start()\n"
	"print(os.getpid(), flush=True)\n"
	"unittest.TextTestRunner(stream=open(os.devnull, 'w')).run(Case('test_lock'))\n";

static uint32_t first_thread(const struct model *m, int64_t pid)
{
	uint32_t id = model_find_pid(m, (int32_t)pid);

	cr_assert(id, "%lld is not in the tree", (long long)pid);
	return model_actor(m, id)->first_thread;
}

static bool has_work(const struct model *m, uint32_t thread, const char *text)
{
	return strstr(model_str(m, model_thread(m, thread)->script.work), text) != NULL;
}

/* The thread of the process whose wait is described so, 0 none. */
static uint32_t waiter(const struct model *m, int64_t pid, const char *text)
{
	const struct actor *a = model_actor(m, model_find_pid(m, (int32_t)pid));

	for (uint32_t i = 0; i < a->thread_count; i++) {
		const struct thread *t = model_thread(m, a->first_thread + i);

		if (t->wait && strstr(model_str(m, model_wait(m, t->wait)->text), text))
			return a->first_thread + i;
	}
	return 0;
}

static void check(const struct model *m, const struct python *py, int64_t holder, int64_t worker)
{
	uint32_t count, getter = waiter(m, py->tgid, "the result of a call of its Pool");
	const struct debt *d;

	cr_assert(has_work(m, first_thread(m, worker), "job 0 of a Pool (job"), "%s: %s", py->path,
		  model_str(m, model_thread(m, first_thread(m, worker))->script.work));
	cr_assert(getter, "%s", py->path);
	d = model_debts(m, getter, &count);
	cr_assert_eq(count, 1, "%s", py->path);
	cr_expect_eq(d->by, first_thread(m, worker), "%s", py->path);
	cr_expect(has_work(m, first_thread(m, py->tgid), "test Case.test_lock (Case.test_lock") ||
			  has_work(m, first_thread(m, py->tgid), "test Case.test_lock (test_lock"),
		  "%s", py->path);
	cr_expect(waiter(m, py->tgid, "multiprocessing.Lock, held by process"), "%s", py->path);
	d = model_debts(m, first_thread(m, py->tgid), &count);
	cr_assert_eq(count, 1, "%s", py->path);
	cr_expect_eq(d->by, first_thread(m, holder), "%s", py->path);
}

Test(jobs, of_a_pool_and_a_lock, .timeout = 200)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_session_ struct session *s = NULL;
		_cleanup_model_ struct model *m = NULL;
		struct snag_error err = SNAG_ERROR_INIT;
		const struct read_scope scope = { .roots = &py.tgid, .root_count = 1 };
		int64_t holder, worker;

		python_start(&py, script);
		holder = (int64_t)python_number(&py);
		worker = (int64_t)python_number(&py);
		cr_assert_eq(python_number(&py), (uint64_t)py.tgid);
		python_wait(&py, SYS_futex);
		cr_assert_eq(session_open(&(struct session_opts){ .reader = "procfs" }, &s, &err),
			     0, "%s", err.text);
		cr_assert_eq(session_look(s, &scope, &m, &err), 0, "%s", err.text);
		check(m, &py, holder, worker);
		python_end(&py);
	}
}
