/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a futex call to a wait with terms: owners here, elsewhere, gone and inherited, over the
 * memory of this test.
 */
#include "lib/unit_child.h"
#include "lib/unit_scene.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAIT_SHARED = 0, BITSET_REALTIME = 9 | 128 | 256 };
enum { NR_FUTEX_WAITV = 449, OWNER = 1234 };

/* Words with room around them, as the window wants it. */
static struct {
	uint8_t before[4096];
	uint32_t words[16];
	uint8_t after[4096];
} memory;

/*
 * The process that waits: a child with this memory as it is when it is made. It has one thread
 * only, and the runner of the tests has some of its own.
 */
static int32_t pid;

static void sit(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

/* The child waits for the first word with value 2; its second thread calls itself 1234. */
static struct scene *waiting(uint64_t op)
{
	struct scene *x = scene_new();
	struct snap_task *t;

	pid = child_start(sit, NULL);
	scene_process(x, pid, 0, "patient");
	scene_thread(x, pid, PID(1))->ns_tid = OWNER;
	t = scene_call(x, pid, SYS_futex, HERE(memory.words));
	t->args[1] = op;
	t->args[2] = memory.words[0];
	return x;
}

static void hold_mutex(uint32_t owner)
{
	const uint32_t words[] = { 2, 0, owner, 1, 0 };

	memset(&memory, 0, sizeof(memory));
	memcpy(memory.words, words, sizeof(words));
}

static const struct wait *decoded(struct scene *x)
{
	scene_decode(x);
	return scene_wait(x, pid);
}

Test(waits_futex, the_owner_is_a_thread)
{
	hold_mutex(OWNER);
	struct scene *x = waiting(FUTEX_WAIT_PRIVATE);
	const struct wait *w = decoded(x);
	const struct term *t = scene_term(x, w, TERM_THREAD);

	cr_assert(eq(int, w->kind, WAIT_MUTEX));
	cr_assert(w->completion);
	cr_assert(eq(int, (int)w->term_count, 1));
	cr_assert(eq(int, t->as, AS_OWNER));
	cr_assert(eq(int, model_thread(x->model, t->id)->tid, PID(1)));
	cr_assert_not_null(strstr(scene_str(x, w->text), "held by thread 5000001"));
	char key[64];
	snprintf(key, sizeof(key), "futex:[%d:0x%lx]", pid, (unsigned long)HERE(memory.words));
	cr_assert_str_eq(scene_str(x, model_object(x->model, w->object)->key), key);
	scene_free(x);
}

Test(waits_futex, an_owner_that_is_no_more)
{
	hold_mutex(4194303);
	struct scene *x = waiting(FUTEX_WAIT_PRIVATE);
	const struct wait *w = decoded(x);

	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEVER), 1));
	cr_assert(eq(int, (int)w->term_count, 1));
	cr_assert(scene_finds(x, "lock-owner-dead"));
	scene_free(x);
}

/* The child calls itself 1301, has one thread, and waits for a lock of thread 1300. */
static struct scene *copied_long_ago(bool called_exec)
{
	struct scene *x = scene_new();
	struct snap_process *p;
	struct snap_task *t;

	hold_mutex(1300);
	pid = child_start(sit, NULL);
	p = scene_process(x, pid, 0, "child");
	p->ns_tgid = 1301;
	p->fork_no_exec = !called_exec;
	p->fork_no_exec_known = true;
	t = scene_call(x, pid, SYS_futex, HERE(memory.words));
	t->args[1] = FUTEX_WAIT_PRIVATE;
	t->args[2] = 2;
	return x;
}

Test(waits_futex, a_lock_copied_by_fork_whose_owner_is_no_more)
{
	struct scene *x = copied_long_ago(false);

	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NEVER), 1));
	cr_assert(scene_finds(x, "lock-copied-by-fork"));
	cr_assert_not(scene_finds(x, "lock-owner-dead"));
	scene_free(x);
	/* What it holds after an exec cannot be the parent's: the numbers began anew. */
	x = copied_long_ago(true);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NEVER), 1));
	cr_assert(scene_finds(x, "lock-owner-dead"));
	scene_free(x);
}

/* A thread of another process, for a lock that only this one can see. */
static struct scene *copied(bool forked_by_owner, bool heir_threads)
{
	struct scene *x = scene_new();
	struct snap_task *t;

	hold_mutex(1300);
	pid = child_start(sit, NULL);
	scene_process(x, PID(8), 0, "parent");
	scene_task(x, PID(8))->ns_tid = 1300;
	scene_process(x, pid, PID(8), "child")->forker = forked_by_owner ? 1300 : 1299;
	if (heir_threads)
		scene_thread(x, pid, PID(1));
	t = scene_call(x, pid, SYS_futex, HERE(memory.words));
	t->args[1] = FUTEX_WAIT_PRIVATE;
	t->args[2] = 2;
	return x;
}

Test(waits_futex, a_lock_copied_by_fork_is_never_released)
{
	struct scene *x = copied(false, false);
	const struct wait *w = decoded(x);
	const struct term *t = scene_term(x, w, TERM_NEVER);

	cr_assert(eq(int, (int)w->term_count, 1));
	cr_assert_not_null(strstr(scene_str(x, t->text), "at the time of the fork"));
	cr_assert(scene_finds(x, "lock-copied-by-fork"));
	scene_free(x);
}

/*
 * pthread_atfork() handlers lock in the parent and unlock in the child: the first thread is the
 * heir.
 */
Test(waits_futex, what_the_forking_thread_held_the_child_may_release)
{
	struct scene *x = copied(true, true);
	const struct wait *w = decoded(x);

	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEVER), 0));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, pid));
	cr_assert_not(scene_finds(x, "lock-copied-by-fork"));
	scene_free(x);
	/* Alone it can only wait for itself. */
	x = copied(true, false);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NEVER), 1));
	scene_free(x);
}

Test(waits_futex, a_thread_newer_than_the_look_may_be_the_owner)
{
	struct scene *x = scene_new();
	struct snap_task *t;

	/* The snapshot knows one thread only, and not by the number that it has. */
	hold_mutex(1300);
	pid = child_start(sit, NULL);
	scene_process(x, pid, 0, "patient");
	t = scene_call(x, pid, SYS_futex, HERE(memory.words));
	t->tid = PID(3);
	t->args[1] = FUTEX_WAIT_PRIVATE;
	t->args[2] = 2;
	scene_decode(x);
	const struct wait *w = scene_wait(x, PID(3));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEVER), 0));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_OBJECT), 1));
	scene_free(x);
}

Test(waits_futex, a_plain_futex_and_its_time_out)
{
	struct timespec at;

	memset(&memory, 0, sizeof(memory));
	memory.words[0] = 4711;
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 100;
	struct scene *x = waiting(BITSET_REALTIME);
	scene_task(x, pid)->args[3] = HERE(&at);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_FUTEX));
	cr_assert_not(w->completion);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, pid));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	cr_assert(gt(i64, w->timeout_ms, 90000));
	cr_assert(le(i64, w->timeout_ms, 100000));
	scene_free(x);
}

Test(waits_futex, memory_that_cannot_be_read_is_unknown)
{
	static const uint64_t bad[] = { 0, 16, 0x800, UINT64_MAX, UINT64_MAX - 200, 1ull << 46 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct scene *x = waiting(FUTEX_WAIT_PRIVATE);

		scene_task(x, pid)->args[0] = bad[i];
		const struct wait *w = decoded(x);
		cr_expect(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
		cr_expect(eq(int, (int)w->term_count, 1));
		scene_free(x);
	}
}

/* Only the page of the word is there: the window must not be missed for its neighbours. */
Test(waits_futex, a_lock_alone_on_its_page)
{
	uint8_t *pages = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct scene *x;

	cr_assert(ne(ptr, pages, MAP_FAILED));
	cr_assert(eq(int, mprotect(pages + 4096, 4096, PROT_READ | PROT_WRITE), 0));
	hold_mutex(OWNER);
	memcpy(pages + 8192 - 40, memory.words, 40);
	x = waiting(FUTEX_WAIT_PRIVATE);
	scene_task(x, pid)->args[0] = HERE(pages + 8192 - 40);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_MUTEX));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_THREAD), 1));
	scene_free(x);
}

Test(waits_futex, waking_is_not_waiting)
{
	struct scene *x = waiting(128 | 1);
	const struct wait *w = decoded(x);

	cr_assert(eq(int, w->kind, WAIT_UNKNOWN));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	scene_free(x);
}

/* ---- barrier ----------------------------------------------------------------------------------
 */

static const struct wait *barrier(struct scene **ret, uint32_t count, int others)
{
	struct scene *x = scene_new();
	struct snap_task *t;

	memset(&memory, 0, sizeof(memory));
	memory.words[0] = 1;	 /* in */
	memory.words[2] = count; /* current_round 0, count */
	pid = child_start(sit, NULL);
	scene_process(x, pid, 0, "patient");
	for (int i = 0; i < others; i++)
		scene_thread(x, pid, PID(1 + i));
	t = scene_call(x, pid, SYS_futex, HERE(memory.words + 1));
	t->args[1] = FUTEX_WAIT_PRIVATE;
	*ret = x;
	return decoded(x);
}

Test(waits_futex, a_barrier_needs_as_many_as_are_missing)
{
	struct scene *x;
	const struct wait *w = barrier(&x, 3, 4);

	cr_assert(eq(int, w->kind, WAIT_BARRIER));
	cr_assert(eq(int, (int)w->need, 2));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_THREAD), 4));
	scene_free(x);
	/* More are missing than there are threads: whoever runs may create them. */
	w = barrier(&x, 9, 4);
	cr_assert(eq(int, (int)w->need, 1));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, pid));
	scene_free(x);
}

/* ---- several words ----------------------------------------------------------------------------
 */

struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

Test(waits_futex, waitv_is_any_of_its_words)
{
	struct waitv v[2] = { { 5, HERE(memory.words), 2 | 128, 0 },
			      { 6, HERE(memory.words + 8), 2 | 128, 0 } };

	memset(&memory, 0, sizeof(memory));
	memory.words[0] = 5;
	memory.words[8] = 6;
	struct scene *x = waiting(2);
	scene_task(x, pid)->nr = NR_FUTEX_WAITV;
	scene_task(x, pid)->args[0] = HERE(v);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_WAIT), 2));
	cr_assert(eq(int, (int)w->need, 1));
	cr_assert(eq(int, scene_item_of(x, w, 1)->kind, WAIT_FUTEX));
	scene_free(x);
	/* A count that cannot be: said to be unknown, not read. */
	x = waiting(UINT64_MAX);
	scene_task(x, pid)->nr = NR_FUTEX_WAITV;
	scene_task(x, pid)->args[0] = HERE(v);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}

/* ---- shared memory ----------------------------------------------------------------------------
 */

Test(waits_futex, shared_memory_is_one_object_for_all_who_map_it)
{
	uint32_t *words =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct scene *x;

	cr_assert(ne(ptr, words, MAP_FAILED));
	words[0] = 4711;
	memory.words[0] = 4711;
	x = waiting(FUTEX_WAIT_SHARED);
	scene_task(x, pid)->args[0] = HERE(words + 0);
	const struct wait *w = decoded(x);
	const struct object *o = model_object(x->model, w->object);
	cr_assert_not_null(strstr(scene_str(x, o->key), "+0x0]"));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, pid));
	scene_free(x);
}
