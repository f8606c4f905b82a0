/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_read.c - what others can learn: the descriptor, as a reader finds and follows it, and
 * the truth log.
 *
 * The reader here uses nothing of grove's headers but snag_runtime.h and copies all that it looks
 * at out of this process by address, as one from outside would.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>

#include "runtime/core/errors.h"
#include "runtime/core/event.h"
#include "runtime/core/io.h"
#include "runtime/core/lock.h"
#include "runtime/core/loop.h"
#include "runtime/core/truth.h"
#include "runtime/snag_runtime.h"
#include "runtime/test/help_core.h"

/* ---- a reader ----------------------------------------------------------------------------------
 */

static void copy(uint64_t from, void *to, size_t n)
{
	struct iovec local = { .iov_base = to, .iov_len = n };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)from, .iov_len = n };

	cr_assert_eq(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), (ssize_t)n);
}

static uint64_t number(uint64_t at, struct snag_rt_field field)
{
	uint64_t value = 0;

	cr_assert_neq(field.how, SNAG_RT_ABSENT);
	if (field.how == SNAG_RT_INLINE)
		return at + field.offset;
	copy(at + field.offset, &value, field.bytes);
	return value;
}

static void text(uint64_t at, struct snag_rt_field field, char *to)
{
	cr_assert_eq(field.how, SNAG_RT_TEXT);
	copy(at + field.offset, to, field.bytes);
	cr_assert_not_null(memchr(to, 0, field.bytes));
}

/* The note of the main program: its segment has several. */
static int find_note(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uint64_t at = info->dlpi_addr + ph->p_vaddr, end = at + ph->p_memsz;

		while (ph->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const void *)(uintptr_t)at;
			uint64_t name = at + sizeof(*note),
				 desc = name + ((note->n_namesz + 3) & ~3u);
			int64_t distance;

			at = desc + ((note->n_descsz + 3) & ~3u);
			if (note->n_type != SNAG_RT_NOTE_TYPE || note->n_namesz != 5 ||
			    strcmp((const char *)(uintptr_t)name, SNAG_RT_NOTE_NAME) != 0)
				continue;
			cr_assert_eq(note->n_descsz, 8);
			copy(desc, &distance, 8);
			*(uint64_t *)arg = desc + (uint64_t)distance;
			return 1;
		}
	}
	return 0;
}

static void find_table(struct snag_rt *table)
{
	uint64_t at = 0;

	dl_iterate_phdr(find_note, &at);
	cr_assert_neq(at, 0, "no note");
	copy(at, table, sizeof(*table));
	cr_assert_eq(table->cookie, SNAG_RT_COOKIE);
	cr_assert_eq(table->size, sizeof(*table));
	cr_assert_eq(table->version, SNAG_RT_VERSION);
	cr_assert_str_eq(table->runtime, "grove");
}

/* The element after `at` (0: the first) of a circle in `owner`; 0 at the end. */
static uint64_t next_in(uint64_t owner, const struct snag_rt_list *list, uint64_t at)
{
	uint64_t head = owner + list->head.offset, node = at ? at + list->node : head, next = 0;

	cr_assert_eq(list->shape, SNAG_RT_CIRCLE);
	copy(node + list->next, &next, sizeof(next));
	return next == head ? 0 : next - list->node;
}

static uint64_t task_named(const struct snag_rt *t, uint64_t loop, const char *name)
{
	char is[256];

	for (uint64_t task = next_in(loop, &t->loop.tasks, 0); task;
	     task = next_in(loop, &t->loop.tasks, task)) {
		text(task, t->task.name, is);
		if (strcmp(is, name) == 0)
			return task;
	}
	return 0;
}

/* ---- what it looks at --------------------------------------------------------------------------
 */

struct patient {
	struct grove_lock lock;
	struct grove_event event;
	struct grove_scope *scope;
	pthread_t thread;
	struct grove_token *token;
	_Atomic(bool) ready;
};

static int take_lock(void *arg, struct grove_error *err)
{
	struct patient *p = arg;
	int rc = grove_lock_acquire(&p->lock);

	(void)err;
	if (rc == 0)
		grove_lock_release(&p->lock);
	return rc;
}

static int hide(void *arg, struct grove_error *err)
{
	struct patient *p = arg;
	struct grove_scope shield, outer;

	grove_scope_enter(&outer, "asked", GROVE_NEVER);
	grove_scope_cancel(&outer, GROVE_CANCEL_REMOTE, "boss", "please stop");
	grove_scope_enter_shielded(&shield, "hidden", GROVE_NEVER);
	int rc = grove_scope_exit(&shield, grove_event_wait(&p->event), err);

	return grove_scope_exit(&outer, rc, err);
}

static int say_ready(void *arg, struct grove_error *err)
{
	(void)err;
	atomic_store(&((struct patient *)arg)->ready, true);
	return 0;
}

static int live(void *arg, struct grove_error *err)
{
	struct patient *p = arg;
	struct grove_nursery nursery;

	grove_lock_init(&p->lock, "the lock");
	grove_event_init(&p->event, "the end");
	p->token = grove_loop_token();
	cr_assert_eq(grove_lock_acquire(&p->lock), 0);
	grove_nursery_open(&nursery, "home");
	grove_spawn(&nursery, "wants", take_lock, p);
	grove_spawn(&nursery, "hides", hide, p);
	grove_spawn(&nursery, "says", say_ready, p);
	int rc = grove_event_wait(&p->event);

	grove_lock_release(&p->lock);
	return grove_nursery_exit(&nursery, rc, err);
}

static void *run_patient(void *arg)
{
	const struct grove_run_opts opts = { .name = "patient" };

	cr_assert_eq(grove_run(live, arg, &opts, NULL), 0);
	return NULL;
}

static void let_go(void *arg)
{
	grove_event_set(arg);
}

/* The only loop, once it rests. */
static uint64_t resting_loop(const struct snag_rt *t)
{
	uint64_t loop = 0;

	for (int tries = 0; tries < 2000; tries++) {
		loop = next_in(t->loops.address, &t->loop_list, 0);
		if (loop && task_named(t, loop, "wants") &&
		    number(loop, t->loop.generation) % 2 == 0)
			return loop;
		usleep(1000);
	}
	return 0;
}

static void check_wants(const struct snag_rt *t, uint64_t loop, uint64_t main_task)
{
	uint64_t task = task_named(t, loop, "wants");
	uint64_t wait = number(task, t->task.wait), object = number(wait, t->wait.object);
	uint64_t nursery = number(task, t->task.nursery);
	char name[256];

	cr_assert_eq(number(task, t->task.state), SNAG_RT_STATE_WAITING);
	cr_assert_eq(number(wait, t->wait.kind), SNAG_RT_WAIT_LOCK);
	text(object, t->lock.name, name);
	cr_assert_str_eq(name, "the lock");
	cr_assert_eq(number(object, t->lock.owner), main_task);
	text(nursery, t->nursery.name, name);
	cr_assert_str_eq(name, "home");
	cr_assert_eq(number(nursery, t->nursery.parent), main_task);
	cr_assert_eq(number(nursery, t->nursery.count), 2);
	cr_assert_eq(next_in(main_task, &t->task.nurseries,
			     next_in(main_task, &t->task.nurseries, 0)),
		     nursery);
}

static void check_hides(const struct snag_rt *t, uint64_t loop)
{
	uint64_t task = task_named(t, loop, "hides");
	uint64_t scope = number(task, t->task.scope), outer = number(scope, t->scope.parent);
	char name[256];

	cr_assert_eq(number(task, t->task.shielded), 1);
	cr_assert_eq(number(task, t->task.requested), 0);
	cr_assert_eq(number(scope, t->scope.shield), 1);
	cr_assert_eq(number(outer, t->scope.cancel_called), 1);
	text(outer, t->scope.reason, name);
	cr_assert_str_eq(name, "please stop");
	text(outer, t->scope.who, name);
	cr_assert_str_eq(name, "boss");
}

/* The saved registers: where it goes on lies in the program, what it uses on its own stack. */
static void check_stack(const struct snag_rt *t, uint64_t task)
{
	uint64_t sp = number(task, t->task.saved_sp), low = number(task, t->task.stack_low);
	uint64_t bytes = number(task, t->task.stack_bytes), pc = 0;
	extern const char __executable_start, etext;

	cr_assert_gt(sp, low);
	cr_assert_leq(sp + t->saved.sp_after, low + bytes);
	copy(sp + t->saved.pc_offset, &pc, sizeof(pc));
	cr_assert_geq(pc, (uint64_t)(uintptr_t)&__executable_start);
	cr_assert_lt(pc, (uint64_t)(uintptr_t)&etext);
	cr_assert_eq(t->saved.machine, EM_X86_64);
}

Test(core_read, descriptor)
{
	struct patient p = { .ready = false };
	struct snag_rt table;
	char name[256];

	core_remember();
	find_table(&table);
	cr_assert_eq(next_in(table.loops.address, &table.loop_list, 0), 0);
	cr_assert_eq(pthread_create(&p.thread, NULL, run_patient, &p), 0);
	while (!atomic_load(&p.ready))
		usleep(100);
	uint64_t loop = resting_loop(&table), generation = number(loop, table.loop.generation);
	uint64_t main_task = task_named(&table, loop, "main");

	text(loop, table.loop.name, name);
	cr_assert_str_eq(name, "patient");
	cr_assert_eq(number(loop, table.loop.current), 0);
	cr_assert_neq(number(loop, table.loop.tid), (uint64_t)gettid());
	check_wants(&table, loop, main_task);
	check_hides(&table, loop);
	check_stack(&table, main_task);
	cr_assert_eq(number(loop, table.loop.generation), generation);
	cr_assert_eq(grove_token_post(p.token, let_go, &p.event), 0);
	pthread_join(p.thread, NULL);
	grove_token_unref(p.token);
	cr_assert_eq(next_in(table.loops.address, &table.loop_list, 0), 0);
	core_clean();
}

/* ---- the truth log -----------------------------------------------------------------------------
 */

static int be_cancelled(void *arg, struct grove_error *err)
{
	(void)arg;
	(void)err;
	return grove_sleep_forever();
}

static int log_things(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	(void)arg;
	cr_assert_eq(grove_truth_open("a/b", err), 0);
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "victim", be_cancelled, NULL);
	cr_assert_eq(grove_checkpoint(), 0);
	grove_truth_state();
	grove_nursery_cancel(&nursery, "quote \" and \n line and \x01");
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0);
	_grove_free_ char *big = grove_alloc(10000, 1);

	memset(big, 'y', 9999);
	grove_truth("big", grove_fact_int("first", 1), grove_fact_text("big", big));
	return 0;
}

static char *read_log(const char *folder)
{
	_grove_free_ char *path = grove_format("%s/a_b.%d.%d.jsonl", folder, getpid(), gettid());
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = grove_alloc(1 << 16, 1);

	cr_assert_geq(fd, 0);
	cr_assert_gt(read(fd, bytes, (1 << 16) - 1), 0);
	unlink(path);
	return bytes;
}

Test(core_read, truth_log)
{
	char folder[] = "/tmp/grove-truth-XXXXXX";

	core_remember();
	cr_assert_not_null(mkdtemp(folder));
	setenv("GROVE_TRUTH", folder, 1);
	cr_assert_eq(grove_run(log_things, NULL, NULL, NULL), 0);
	grove_truth_close();
	_grove_free_ char *log = read_log(folder);
	static const char *const wanted[] = {
		"\"event\":\"opened\",\"actor\":\"a/b\"",
		"\"event\":\"state\"",
		"\"name\":\"victim\"",
		"\"state\":\"waiting\",\"waits-for\":\"forever\"",
		"\"event\":\"cancelled-by\"",
		"\"by\":\"call\",\"who\":\"main\"",
		"quote \\\" and \\u000a line and \\u0001",
		"\"event\":\"cancel-delivered\"",
		"\"to\":\"victim\"",
		"\"event\":\"task-exit\"",
		"\"event\":\"big\"",
		"\"first\":1,\"cut\":1}",
		"\"event\":\"loop-exit\"",
	};
	const char *at = log;

	/* In this order, one after the other. */
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		at = strstr(at, wanted[i]);
		cr_assert_not_null(at, "%s in %s", wanted[i], log);
	}
	for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
		cr_assert(line[0] == '{' && line[strlen(line) - 1] == '}', "%s", line);
	rmdir(folder);
	core_clean();
}

static int nothing_to_log(void *arg, struct grove_error *err)
{
	(void)arg;
	cr_assert_eq(grove_truth_open("x", err), 0);
	cr_assert_not(grove_truth_is_open());
	grove_truth("event", grove_fact_int("n", 1));
	setenv("GROVE_TRUTH", "/nowhere", 1);
	cr_assert_eq(grove_truth_open("x", err), -ENOENT);
	cr_assert(strstr(err->text, "/nowhere/x."));
	return 0;
}

Test(core_read, no_truth_log)
{
	unsetenv("GROVE_TRUTH");
	cr_assert_eq(core_run(nothing_to_log, NULL), 0);
}
