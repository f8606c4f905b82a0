/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers and stacks through BPF against what threads know of themselves. */
#include "read/bpf/bpf_stacks.h"

#include "lib/unit_bpf.h"
#include "lib/unit_child.h"
#include "lib/unit_fuse.h"
#include "lib/unit_park.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void expect_parked(const struct snap_stack *s, const struct park *p)
{
	uint64_t top;

	cr_assert_eq(s->status, STACK_STABLE, "%s: %s", stack_status_name(s->status), s->why);
	cr_expect_eq(s->known, STACK_KNOWN_ALL);
	cr_expect_eq(s->regs[STACK_RSP], p->sp);
	cr_expect_eq(s->regs[STACK_PC], p->pc);
	cr_expect_eq(s->regs[STACK_RBX], p->rbx);
	cr_expect_eq(s->regs[STACK_RBP], p->rbp);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(s->regs[STACK_R12 + i], p->r12 + (uint64_t)i);
	cr_expect_eq(s->regs[STACK_RDI], (uint64_t)(uintptr_t)p);
	cr_expect_eq(s->fs_base, p->fs_base);
	cr_expect_eq(s->nr, SYS_pause);
	cr_expect_eq(s->state, 'S');
	cr_assert_geq(s->byte_count, sizeof(top));
	memcpy(&top, s->bytes, sizeof(top));
	cr_expect_eq(top, p->top);
}

Test(bpf_stacks, registers_are_those_that_the_thread_has)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	struct park *p = park_new(1);
	int32_t child = child_start(park_here, p);
	struct snap_stack s;

	child_wait_syscall(child, child, SYS_pause);
	s = stack_of(r, child, child);
	expect_parked(&s, p);
}

static void *park_thread(void *p)
{
	park_here(p);
	return NULL;
}

enum { THREADS = 20 };

static void park_many(void *arg)
{
	struct park *p = arg;
	pthread_t t;

	for (int i = 1; i < THREADS; i++)
		pthread_create(&t, NULL, park_thread, &p[i]);
	park_here(p);
}

Test(bpf_stacks, one_call_serves_many_threads)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	_cleanup_snapshot_ struct snapshot *snap = snapshot_new();
	struct park *p = park_new(THREADS);
	int32_t child = child_start(park_many, p);
	struct stack_ask asks[THREADS];
	struct snap_stack out[THREADS];
	struct stack_batch b = { asks, THREADS, true, out, NULL };
	struct snag_error err;

	for (int i = 0; i < THREADS; i++) {
		for (int k = 0; k < 5000 && !__atomic_load_n(&p[i].tid, __ATOMIC_ACQUIRE); k++)
			usleep(1000);
		child_wait_syscall(child, p[i].tid, SYS_pause);
		asks[i] = stack_ask_for(child, p[i].tid);
	}
	cr_assert_eq(reader_stacks(r, snap, &b, &err), 0, "%s", err.text);
	for (int i = 0; i < THREADS; i++)
		expect_parked(&out[i], &p[i]);
	/* a second look at those that did not move has the same stamps, and no bytes */
	{
		struct snap_stack again[THREADS];
		struct stack_batch regs = { asks, THREADS, false, again, NULL };

		cr_assert_eq(reader_stacks(r, snap, &regs, &err), 0, "%s", err.text);
		for (int i = 0; i < THREADS; i++) {
			cr_expect_eq(again[i].stamp, out[i].stamp);
			cr_expect_eq(again[i].byte_count, 0);
			cr_expect_eq(again[i].mm_seq, out[i].mm_seq);
		}
	}
}

Test(bpf_stacks, its_stamp_is_that_of_the_threads)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	struct park *p = park_new(1);
	int32_t child = child_start(park_here, p);
	_cleanup_snapshot_ struct snapshot *snap = NULL;
	struct snap_stack s;

	child_wait_syscall(child, child, SYS_pause);
	snap = unit_begin(r, child);
	s = stack_of(r, child, child);
	cr_expect_neq(s.stamp, 0);
	cr_expect_eq(s.stamp, snapshot_task(snap, child)->stamp);
}

static void spin(void *arg)
{
	(void)arg;
	for (volatile uint64_t i = 0;; i++)
		;
}

Test(bpf_stacks, one_that_runs_is_never_called_stable_while_on_a_cpu)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	int32_t child = child_start(spin, NULL);
	bool seen_running = false;

	for (int i = 0; i < 50000 && !seen_running; i++) {
		struct snap_stack s = stack_of(r, child, child);

		cr_assert_eq(s.state, 'R');
		seen_running = s.status == STACK_STALE;
		usleep(100);
	}
	cr_expect(seen_running);
}

Test(bpf_stacks, a_kernel_thread_has_none_and_who_is_gone_is_gone)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	struct snap_stack s = stack_of(r, 2, 2); /* kthreadd, in the first pid namespace */
	struct stack_ask ask = { .tgid = INT32_MAX, .tid = INT32_MAX, .start_ticks = 1 };
	struct stack_batch b = { &ask, 1, true, &s, NULL };
	_cleanup_snapshot_ struct snapshot *snap = snapshot_new();
	struct snag_error err;

	cr_expect_eq(s.status, STACK_NONE);
	cr_expect_eq(s.known, 0);
	cr_assert_eq(reader_stacks(r, snap, &b, &err), 0, "%s", err.text);
	cr_expect_eq(s.status, STACK_GONE);
	/* the same number, but another thread now */
	ask = stack_ask_for(getpid(), getpid());
	ask.start_ticks--;
	cr_assert_eq(reader_stacks(r, snap, &b, &err), 0, "%s", err.text);
	cr_expect_eq(s.status, STACK_GONE);
}

/* Sleep with the stack pointer at `sp`; the kernel does not look at what is there. */
static void sleep_on(uint64_t sp)
{
	__asm__ volatile("mov %0, %%rsp\n\tmov %1, %%eax\n\tsyscall"
			 :
			 : "r"(sp), "i"(SYS_pause)
			 : "rax", "rcx", "r11", "memory");
}

/* A stack that points to nothing, as after a bad switch of contexts. */
static void lose_stack(void *arg)
{
	(void)arg;
	sleep_on(0x1000);
}

Test(bpf_stacks, a_stack_that_is_not_there)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	int32_t child = child_start(lose_stack, NULL);
	struct snap_stack s;

	child_wait_syscall(child, child, SYS_pause);
	s = stack_of(r, child, child);
	cr_expect_eq(s.status, STACK_UNREADY);
	cr_expect_eq(s.regs[STACK_RSP], 0x1000);
	cr_expect_eq(s.byte_count, 0);
	cr_expect_str_eq(s.why, "its stack pointer points to nothing");
}

/* Its stack is a page that a userfaultfd serves, and nobody does. */
static void sleep_on_unserved(void *at)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)at, 4096 },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &reg) < 0)
		return;
	sleep_on((uintptr_t)at + 4096 - 64);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

Test(bpf_stacks, a_stack_that_never_comes)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int probe = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	_cleanup_reader_ struct reader *bpf = NULL, *proc = NULL;
	struct snap_stack s;
	uint64_t start;
	int32_t child;

	if (probe < 0)
		cr_skip_test("userfaultfd: %s", strerror(errno));
	close(probe);
	bpf = unit_reader("bpf");
	proc = unit_reader("procfs");
	child = child_start(sleep_on_unserved, at);
	child_wait_syscall(child, child, SYS_pause);
	start = now_ms();
	s = stack_of(bpf, child, child);
	cr_expect_eq(s.known, STACK_KNOWN_ALL);
	cr_expect_eq(s.byte_count, 0);
	cr_expect_eq(s.status, STACK_STABLE, "its registers hold, and memory is another matter");
	s = stack_of(proc, child, child);
	cr_expect_eq(s.status, STACK_UNREADY);
	cr_expect_str_eq(s.why, "its memory did not come");
	cr_expect_lt(now_ms() - start, 2000);
	child_end(child); /* lets go of the worker that reads it */
}

/* Its stack is a page of a file whose server does not answer. */
static void sleep_on_file(void *dir)
{
	char path[64];
	char *at;
	int fd;

	snprintf(path, sizeof(path), "%s/f", (const char *)dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0 && at != MAP_FAILED)
		sleep_on((uintptr_t)at + 4096 - 64);
}

Test(bpf_stacks, a_stack_on_a_file_system_that_hangs)
{
	char dir[] = "/tmp/snag-fuse-XXXXXX";
	_cleanup_reader_ struct reader *bpf = unit_reader("bpf"), *proc = unit_reader("procfs");
	int32_t server, child;
	struct snap_stack s;
	uint64_t start;

	cr_assert_not_null(mkdtemp(dir));
	if (!fuse_mount(dir, &server)) {
		rmdir(dir);
		cr_skip_test("FUSE: %s", strerror(errno));
	}
	child = child_start(sleep_on_file, dir);
	child_wait_syscall(child, child, SYS_pause);
	start = now_ms();
	s = stack_of(bpf, child, child);
	cr_expect_eq(s.known, STACK_KNOWN_ALL);
	cr_expect_eq(s.byte_count, 0);
	s = stack_of(proc, child, child);
	cr_expect_eq(s.status, STACK_UNREADY);
	cr_expect_lt(now_ms() - start, 2000);
	child_end(server);
	child_end(child);
	rmdir(dir);
}

Test(bpf_stacks, both_readers_agree)
{
	_cleanup_reader_ struct reader *bpf = unit_reader("bpf"), *proc = unit_reader("procfs");
	struct park *p = park_new(1);
	int32_t child = child_start(park_here, p);
	struct snap_stack a, b;

	child_wait_syscall(child, child, SYS_pause);
	a = stack_of(bpf, child, child);
	b = stack_of(proc, child, child);
	cr_expect_eq(a.status, b.status);
	cr_expect_eq(a.stamp, b.stamp);
	cr_expect_eq(a.nr, b.nr);
	cr_expect_eq(a.regs[STACK_RSP], b.regs[STACK_RSP]);
	cr_expect_eq(a.regs[STACK_PC], b.regs[STACK_PC]);
	cr_assert(a.byte_count && b.byte_count);
	cr_expect_eq(memcmp(a.bytes, b.bytes,
			    a.byte_count < b.byte_count ? a.byte_count : b.byte_count),
		     0);
}

/* From now on bpf(2) fails in this process, as with a kernel that refuses our program. */
static void refuse_bpf(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			     &program),
		     0);
}

Test(bpf_stacks, where_the_kernel_refuses_it_they_come_through_proc)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	_cleanup_snapshot_ struct snapshot *s = NULL;
	struct park *p = park_new(1);
	int32_t child = child_start(park_here, p);
	struct snap_stack out;
	struct stack_ask ask;
	struct stack_batch b = { &ask, 1, true, &out, NULL };
	struct snag_error err;

	child_wait_syscall(child, child, SYS_pause);
	ask = stack_ask_for(child, child);
	s = unit_begin(r, child); /* the other programs are loaded by now */
	refuse_bpf();
	cr_assert_eq(reader_stacks(r, s, &b, &err), 0, "%s", err.text);
	cr_expect_eq(out.status, STACK_STABLE);
	cr_expect_eq(out.known, STACK_KNOWN_SP_PC);
	cr_expect_eq(out.regs[STACK_RSP], p->sp);
	cr_assert_gt(s->missing.count, 0);
	cr_expect(strstr(snapshot_str(s, s->missing.at[s->missing.count - 1]), "through /proc"),
		  "%s", snapshot_str(s, s->missing.at[s->missing.count - 1]));
}

/* ---- one that flips between two stacks ------------------------------------------------------- */

enum { FLIP_WORDS = 480, FLIP_THREADS = 2 };

/* Where the words of a flipping thread lie, and the two places where it naps. */
struct flip {
	uint64_t words, odd_pc, even_pc;
};

static const struct timespec shortest = { .tv_nsec = 1 };

/*
 * Every word and every register becomes `n`, then it naps: any stack of it that holds two numbers
 * is of two moments. Two copies of this are two places in the code.
 */
#define FLIP(words, n, pc)                                                                         \
	__asm__ volatile("lea 1f(%%rip), %%rax\n\t"                                                \
			 "mov %%rax, %[at]\n\t"                                                    \
			 "mov %[number], %%rax\n\t"                                                \
			 "mov %[count], %%ecx\n\t"                                                 \
			 "rep stosq\n\t"                                                           \
			 "mov %%rax, %%rbx\n\t"                                                    \
			 "mov %%rax, %%r12\n\t"                                                    \
			 "mov %%rax, %%r13\n\t"                                                    \
			 "lea %[nap], %%rdi\n\t"                                                   \
			 "xor %%esi, %%esi\n\t"                                                    \
			 "mov %[nr], %%eax\n\t"                                                    \
			 "syscall\n"                                                               \
			 "1:"                                                                      \
			 : [at] "=m"(pc), "+D"(words)                                              \
			 : [number] "m"(n), [count] "i"(FLIP_WORDS), [nap] "m"(shortest),          \
			   [nr] "i"(SYS_nanosleep)                                                 \
			 : "rax", "rcx", "r11", "rbx", "r12", "r13", "rsi", "memory")

static void *flip_for_ever(void *arg)
{
	struct flip *f = arg;
	uint64_t words[FLIP_WORDS];

	prctl(PR_SET_TIMERSLACK, 1);
	for (volatile uint64_t n = 1;; n++) {
		uint64_t odd = n, even = ++n, *at = words, *again = words;

		FLIP(at, odd, f->odd_pc);
		FLIP(again, even, f->even_pc);
		__atomic_store_n(&f->words, (uint64_t)(uintptr_t)words, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void flip_many(void *arg)
{
	struct flip *f = arg;
	pthread_t t;

	for (int i = 1; i < FLIP_THREADS; i++)
		pthread_create(&t, NULL, flip_for_ever, &f[i]);
	flip_for_ever(f);
}

/* Are all words that the capture holds, and the registers, of one and the same moment? */
static bool is_whole(const struct snap_stack *s, const struct flip *f)
{
	uint64_t n = s->regs[STACK_RBX], from = f->words - s->regs[STACK_RSP], word;

	if (s->regs[STACK_PC] != (n % 2 ? f->odd_pc : f->even_pc) || s->regs[STACK_R12] != n ||
	    s->regs[STACK_R12 + 1] != n)
		return false;
	for (uint64_t i = from; i < from + sizeof(uint64_t) * FLIP_WORDS && i + 8 <= s->byte_count;
	     i += 8) {
		memcpy(&word, s->bytes + i, sizeof(word));
		if (word != n)
			return false;
	}
	return true;
}

struct flip_count {
	unsigned long stable, mixed, rejected, torn, odd;
};

static void count_flip(struct flip_count *c, const struct snap_stack *s, const struct flip *f)
{
	bool in_nap = s->regs[STACK_PC] == f->odd_pc || s->regs[STACK_PC] == f->even_pc;

	if (s->status != STACK_STABLE || !in_nap) {
		c->rejected++;
		c->torn += s->known && !is_whole(s, f);
		return;
	}
	c->stable++;
	c->odd += s->regs[STACK_RBX] % 2;
	c->mixed += !is_whole(s, f);
}

/* SNAG_FLIPS: how many stable captures to make; `make soak` asks for a million. */
Test(bpf_stacks, a_stable_stack_is_never_mixed, .timeout = 900)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	_cleanup_snapshot_ struct snapshot *snap = snapshot_new();
	struct flip *f =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int32_t child = child_start(flip_many, f), other = child_wait_thread(child);
	struct stack_ask asks[2] = { stack_ask_for(child, child), stack_ask_for(child, other) };
	struct snap_stack out[2];
	struct stack_batch b = { asks, 2, true, out, NULL };
	unsigned long want = getenv("SNAG_FLIPS") ? strtoul(getenv("SNAG_FLIPS"), NULL, 10) : 20000;
	struct flip_count c = { 0 };
	struct snag_error err;

	for (int i = 0; i < 5000 * FLIP_THREADS; i++)
		if (!__atomic_load_n(&f[i / 5000].words, __ATOMIC_ACQUIRE))
			usleep(1000);
	cr_assert(f[0].words && f[1].words, "they do not flip");
	while (c.stable < want || (!c.rejected && c.stable < 100 * want)) {
		cr_assert_eq(reader_stacks(r, snap, &b, &err), 0, "%s", err.text);
		for (int i = 0; i < FLIP_THREADS; i++)
			count_flip(&c, &out[i], &f[i]);
	}
	fprintf(stderr, "%lu stable captures, %lu mixed among them; %lu others, %lu mixed\n",
		c.stable, c.mixed, c.rejected, c.torn);
	cr_expect_eq(c.mixed, 0, "%lu of %lu stable stacks are of two moments", c.mixed, c.stable);
	cr_expect_gt(c.rejected, 0, "it never ran meanwhile: nothing was tried");
	cr_expect(c.odd > 0 && c.odd < c.stable, "it never flipped");
}
