/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of live interpreters: what the program knows of them is what snag says of the waits.
 */
#include "lib/unit_python.h"
#include "model/model.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static const struct wait *wait_of(const struct model *m, int32_t tid)
{
	uint32_t thread = model_find_tid(m, tid);

	cr_assert(thread, "no thread %d", tid);
	cr_assert(model_thread(m, thread)->wait, "thread %d does not wait", tid);
	return model_wait(m, model_thread(m, thread)->wait);
}

/* A number of the facts of what a thread waits for. */
static int64_t fact(const struct model *m, int32_t tid, const char *name)
{
	const struct wait *w = wait_of(m, tid);
	const char *detail = model_str(m, model_object(m, w->object)->detail);
	json_t *facts = json_loads(detail, 0, NULL);
	int64_t value = json_integer_value(json_object_get(facts, name));

	cr_assert(json_object_get(facts, name), "thread %d: no %s in '%s'", tid, name, detail);
	json_decref(facts);
	return value;
}

/* Wait until those threads are blocked: each number on a line of its own, 0 ends them. */
static uint32_t read_tids(struct python *py, int32_t *tids, uint32_t max)
{
	uint32_t count = 0;

	for (uint64_t tid; (tid = python_number(py)) && count < max;)
		tids[count++] = (int32_t)tid;
	return count;
}

/*
 * The main thread holds the lock three times, and lets a thread look for all waiters until each has
 * been asleep in the kernel.
 */
#define PRELUDE                                                                                    \
	"import os, sys, threading, time\n"                                                        \
	"def nr(tid):\n"                                                                           \
	"    with open('/proc/self/task/%d/syscall' % tid) as f: return f.read().split()[0]\n"     \
	"def start(call):\n"                                                                       \
	"    t = threading.Thread(target=call, daemon=True)\n"                                     \
	"    t.start()\n"                                                                          \
	"    while nr(t.native_id) != '202': time.sleep(0.01)\n"                                   \
	"    return t.native_id\n"

static const char recursive_program[] = PRELUDE
	"lock = threading.RLock()\n"
	"for i in range(3): lock.acquire()\n"
	"class Mine(type(lock)): pass\n"
	"mine = Mine()\n"
	"mine.acquire()\n"
	"print(start(lock.acquire), start(mine.acquire), 0, sep='\\n', flush=True)\n"
	"sys.stdin.read()\n";

Test(py_locks, an_rlock_has_its_owner_and_how_often, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		int32_t tids[2];

		python_start(&py, recursive_program);
		cr_assert_eq(read_tids(&py, tids, 2), 2);
		python_wait(&py, SYS_read);
		{
			_cleanup_model_ struct model *m = python_look(&py, false);

			cr_expect_eq(fact(m, tids[0], "count"), 3, "%s", py.path);
			cr_expect_eq(fact(m, tids[0], "owner_tid"), py.tgid, "%s", py.path);
			cr_expect_eq(fact(m, tids[1], "count"), 1, "%s", py.path);
			cr_expect_eq(fact(m, tids[1], "owner_tid"), py.tgid, "%s", py.path);
			cr_expect_eq(wait_of(m, tids[0])->kind, WAIT_MUTEX);
			cr_expect_eq(wait_of(m, tids[0])->term_count, 1);
			cr_expect(wait_of(m, tids[0])->completion);
		}
		python_end(&py);
	}
}

/* A lock that no frame of the waiter has at hand has no name, and anybody may release it. */
static const char hidden_program[] = PRELUDE
	"import functools\n"
	"lock, q = threading.Lock(), __import__('queue').Queue(2)\n"
	"lock.acquire()\n"
	"class Hidden:\n"
	"    def __init__(self): self.call = functools.partial(lock.acquire)\n"
	"hidden = Hidden()\n"
	"def call(): hidden.call()\n"
	"for i in range(2): q.put(i)\n"
	"print(start(call), start(lambda: q.put(2)), 0, sep='\\n', flush=True)\n"
	"sys.stdin.read()\n";

Test(py_locks, what_is_not_at_hand_stays_unnamed, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		int32_t tids[2];

		python_start(&py, hidden_program);
		cr_assert_eq(read_tids(&py, tids, 2), 2);
		python_wait(&py, SYS_read);
		{
			_cleanup_model_ struct model *m = python_look(&py, false);
			const struct wait *w = wait_of(m, tids[0]);

			cr_expect(w->kind == WAIT_SEMAPHORE || w->kind == WAIT_FUTEX, "%s: %s",
				  py.path, wait_type_name(w->kind));
			for (uint32_t k = 0; k < w->term_count; k++)
				cr_expect_neq(m->terms.at[w->first_term + k].as, AS_OWNER, "%s",
					      py.path);
			cr_expect_eq(wait_of(m, tids[1])->kind, WAIT_QUEUE_PUT, "%s", py.path);
			cr_expect_eq(fact(m, tids[1], "maxsize"), 2, "%s", py.path);
			cr_expect_eq(fact(m, tids[1], "size"), 2, "%s", py.path);
			cr_expect_eq(fact(m, tids[1], "unfinished"), 2, "%s", py.path);
		}
		python_end(&py);
	}
}
