/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks of whole looks: whose, of which moment, and kept when nobody moved. */
#include "session_stacks.h"

#include "lib/unit_bpf.h"
#include "lib/unit_child.h"
#include "model/frames.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- patients -------------------------------------------------------------------------------- */

__attribute__((noinline)) static void stack_test_inner(void)
{
	pause();
	__asm__ volatile("");
}

__attribute__((noinline)) static void stack_test_outer(void *arg)
{
	(void)arg;
	stack_test_inner();
	__asm__ volatile("");
}

static void wait_for_child(void *arg)
{
	int32_t *children = arg;
	int32_t pid;

	for (int i = 0; i < 2; i++) {
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			stack_test_outer(NULL);
			_exit(0);
		}
		children[i] = pid;
	}
	waitpid(children[1], NULL, 0);
}

static int never_exec(void *arg)
{
	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pause();
}

/* As vfork(2), but with memory of its own for the child: sanitizers have a vfork of theirs. */
static void wait_for_vfork(void *arg)
{
	char *stack = malloc(65536);

	(void)arg;
	clone(never_exec, stack + 65536, CLONE_VFORK | SIGCHLD, NULL);
	__asm__ volatile("" : : "r"(stack) : "memory");
}

/* ---- looks ----------------------------------------------------------------------------------- */

static struct session *open_session(const char *reader, enum stacks_of which)
{
	struct session_opts opts = { .reader = reader, .stacks.which = which };
	struct snag_error err = SNAG_ERROR_INIT;
	struct session *s = NULL;

	bpf_or_skip(session_open(&opts, &s, &err), &err);
	return s;
}

static struct model *look(struct session *s, int32_t pid)
{
	struct read_scope scope = { .roots = &pid, .root_count = 1 };
	struct snag_error err = SNAG_ERROR_INIT;
	struct model *m = NULL;

	cr_assert_eq(session_look(s, &scope, &m, &err), 0, "%s", err.text);
	return m;
}

static const char *symbol(const struct model *m, const struct frame *f)
{
	return model_str(m, model_code(m, f->code)->symbol);
}

/* Where `name` stands in the stack of thread `tid`, -1 nowhere. */
static int depth_of(const struct model *m, int32_t tid, const char *name)
{
	uint32_t count;
	const struct frame *f = model_frames(m, model_find_tid(m, tid), &count);

	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(symbol(m, &f[i]), name))
			return (int)i;
	return -1;
}

static void expect_stack(const struct model *m, int32_t tid)
{
	const struct thread *t = model_thread(m, model_find_tid(m, tid));

	cr_expect_eq(t->stack, STACK_STABLE, "%u: %s", t->stack, model_str(m, t->stack_why));
	cr_expect(t->stack_current);
	cr_expect_str_eq(model_str(m, t->stack_end), "outermost");
	cr_expect_geq(depth_of(m, tid, "stack_test_inner"), 1);
	cr_expect_eq(depth_of(m, tid, "stack_test_outer"),
		     depth_of(m, tid, "stack_test_inner") + 1);
}

static void try_reader(const char *reader)
{
	_cleanup_session_ struct session *s = open_session(reader, STACKS_ALL);
	int32_t child = child_start(stack_test_outer, NULL);

	child_wait_syscall(child, child, SYS_pause);

	_cleanup_model_ struct model *m = look(s, child);

	expect_stack(m, child);
}

Test(session_stacks, calls_by_name_through_bpf)
{
	try_reader("bpf");
}

Test(session_stacks, calls_by_name_through_procfs)
{
	try_reader("procfs");
}

Test(session_stacks, none_unless_asked_for)
{
	_cleanup_session_ struct session *s = open_session("procfs", STACKS_NONE);
	int32_t child = child_start(stack_test_outer, NULL);

	child_wait_syscall(child, child, SYS_pause);

	_cleanup_model_ struct model *m = look(s, child);

	cr_expect_eq(model_thread(m, 1)->stack, STACK_UNKNOWN);
	cr_expect_eq(m->frames.count, 0);
}

/* ---- whose ----------------------------------------------------------------------------------- */

static int32_t *shared_children(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	return p;
}

Test(session_stacks, of_the_chain_only)
{
	_cleanup_session_ struct session *s = open_session("procfs", STACKS_CHAIN);
	int32_t *children = shared_children();
	int32_t parent = child_start(wait_for_child, children);

	child_wait_syscall(parent, parent, SYS_wait4);
	for (int i = 0; i < 2; i++)
		child_wait_syscall(children[i], children[i], SYS_pause);

	_cleanup_model_ struct model *m = look(s, parent);
	uint32_t waited = model_find_tid(m, children[1]), other = model_find_tid(m, children[0]);

	cr_assert(waited && other);
	cr_expect_gt(model_thread(m, model_find_tid(m, parent))->frame_count, 0);
	expect_stack(m, children[1]);
	cr_expect_eq(model_thread(m, other)->frame_count, 0);
	cr_expect_eq(model_thread(m, other)->stack, STACK_UNKNOWN);
	kill(children[0], SIGKILL);
	kill(children[1], SIGKILL);
}

Test(session_stacks, equal_places_are_one_place)
{
	_cleanup_session_ struct session *s = open_session("procfs", STACKS_ALL);
	int32_t *children = shared_children();
	int32_t parent = child_start(wait_for_child, children);

	child_wait_syscall(parent, parent, SYS_wait4);
	for (int i = 0; i < 2; i++)
		child_wait_syscall(children[i], children[i], SYS_pause);

	_cleanup_model_ struct model *m = look(s, parent);
	uint32_t a, b;
	const struct frame *x = model_frames(m, model_find_tid(m, children[0]), &a);
	const struct frame *y = model_frames(m, model_find_tid(m, children[1]), &b);

	cr_assert_eq(a, b);
	cr_assert_gt(a, 2);
	for (uint32_t i = 0; i < a; i++)
		cr_expect_eq(x[i].code, y[i].code);
	kill(children[0], SIGKILL);
	kill(children[1], SIGKILL);
}

Test(session_stacks, kernel_functions_of_who_cannot_be_interrupted)
{
	_cleanup_session_ struct session *s = open_session("bpf", STACKS_ALL);
	int32_t parent = child_start(wait_for_vfork, NULL);

	child_wait_state(parent, parent, 'D');

	_cleanup_model_ struct model *m = look(s, parent);
	const struct thread *t = model_thread(m, model_find_tid(m, parent));

	cr_expect_eq(t->stack, STACK_STABLE, "%s", model_str(m, t->stack_why));
	cr_expect_geq(depth_of(m, parent, "wait_for_vfork"), 1);
	cr_assert_gt(t->kernel_count, 0);
	cr_expect_not_null(strchr(model_str(m, m->kernel_frames.at[t->first_kernel]), '+'));
}

/* ---- kept ------------------------------------------------------------------------------------ */

/* Overwrite the words of its stack that hold `value`: it does not notice while it sleeps. */
static void spoil(int32_t tgid, uint64_t sp, uint64_t value)
{
	uint64_t words[256];
	struct iovec local = { words, sizeof(words) }, remote = { (void *)sp, sizeof(words) };
	int hits = 0;

	cr_assert_eq(process_vm_readv(tgid, &local, 1, &remote, 1, 0), sizeof(words));
	for (size_t i = 0; i < 256; i++)
		if (words[i] == value) {
			words[i] = 1;
			hits++;
		}
	cr_assert_gt(hits, 0);
	cr_assert_eq(process_vm_writev(tgid, &local, 1, &remote, 1, 0), sizeof(words));
}

static uint64_t sp_of(int32_t tgid)
{
	char path[64], text[256] = "", *sp;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tgid);
	f = fopen(path, "re");
	cr_assert(f && fgets(text, sizeof(text), f));
	fclose(f);
	sp = strrchr(text, ' ');
	*sp = '\0';
	return strtoull(strrchr(text, ' '), NULL, 16);
}

Test(session_stacks, one_that_did_not_run_keeps_its_stack)
{
	_cleanup_session_ struct session *s = open_session("bpf", STACKS_ALL);
	int32_t child = child_start(stack_test_outer, NULL);

	child_wait_syscall(child, child, SYS_pause);

	_cleanup_model_ struct model *m = look(s, child);
	uint32_t count;
	const struct frame *f = model_frames(m, model_find_tid(m, child), &count);

	expect_stack(m, child);
	cr_assert_gt(count, 2);
	spoil(child, sp_of(child), f[depth_of(m, child, "stack_test_outer")].pc);

	_cleanup_model_ struct model *again = look(s, child);
	_cleanup_session_ struct session *fresh = open_session("bpf", STACKS_ALL);
	_cleanup_model_ struct model *spoilt = look(fresh, child);

	expect_stack(again, child);
	cr_expect_eq(depth_of(spoilt, child, "stack_test_outer"), -1,
		     "nothing was spoilt: this test shows nothing");
}

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
	caught = signal;
}

static void pause_elsewhere(void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal };

	(void)arg;
	sigaction(SIGUSR1, &sa, NULL);
	while (!caught)
		pause();
	stack_test_outer(NULL);
}

Test(session_stacks, one_that_ran_has_a_new_stack)
{
	_cleanup_session_ struct session *s = open_session("bpf", STACKS_ALL);
	int32_t child = child_start(pause_elsewhere, NULL);

	child_wait_syscall(child, child, SYS_pause);

	_cleanup_model_ struct model *m = look(s, child), *again = NULL;

	cr_expect_eq(depth_of(m, child, "stack_test_inner"), -1);
	cr_expect_geq(depth_of(m, child, "pause_elsewhere"), 0);
	kill(child, SIGUSR1);
	for (int i = 0; i < 500; i++) {
		again = look(s, child);
		if (depth_of(again, child, "stack_test_inner") >= 0)
			break;
		model_free(steal(again));
		usleep(10000);
	}
	cr_assert_not_null(again, "it never got there");
	expect_stack(again, child);
}
