/* SPDX-License-Identifier: BSD-2-Clause */
#include "shapes.h"

#include <alloca.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* glibc 2.36 has no name for it, sigevent(3type). */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { STACK = 1 << 16, VDSO_MAX = 1 << 14 };

static int arrived, back;

/* Never true; the compiler must not know, or what comes behind a call would be left out. */
static volatile bool over;

/* Where each of them ends. */
__attribute__((noinline)) static int rest(void)
{
	__atomic_fetch_add(&arrived, 1, __ATOMIC_RELEASE);
	while (!over)
		__atomic_fetch_add(&back, pause(), __ATOMIC_RELAXED);
	return back;
}

/* ---- signals ---- */

static void on_signal(int signo)
{
	back += rest() + signo;
}

static void handler_set(int signo, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(signo, &action, NULL);
}

static void other_stack(void)
{
	stack_t stack = { .ss_sp = malloc(STACK), .ss_size = STACK };

	sigaltstack(&stack, NULL);
	handler_set(SIGUSR1, SA_ONSTACK);
	pthread_kill(pthread_self(), SIGUSR1);
	back++;
}

static void same_stack(void)
{
	handler_set(SIGURG, 0);
	pthread_kill(pthread_self(), SIGURG);
	back++;
}

/* One handler is interrupted by another one. */
static void on_first(int signo)
{
	handler_set(SIGVTALRM, 0);
	pthread_kill(pthread_self(), SIGVTALRM);
	back += signo;
}

static void two_handlers(void)
{
	struct sigaction action = { .sa_handler = on_first };

	sigaction(SIGPROF, &action, NULL);
	pthread_kill(pthread_self(), SIGPROF);
	back++;
}

/* SIGSEGV has one handler for all threads, set before any of them starts. */
static void bad_read(void)
{
	int *volatile nowhere = NULL;

	handler_set(SIGSEGV, 0);
	back += *nowhere;
}

static void bad_call(void)
{
	void (*volatile nowhere)(void) = NULL;

	handler_set(SIGSEGV, 0);
	nowhere();
	back++;
}

/* A handler that rests only when it has interrupted the vdso. */
static void on_tick(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *c = context;
	uint64_t pc = (uint64_t)c->uc_mcontext.gregs[REG_RIP];

	(void)info;
	if (pc - getauxval(AT_SYSINFO_EHDR) < VDSO_MAX) {
		sigset_t all;

		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, NULL);
		back += rest() + signo;
	}
}

static void in_vdso(void)
{
	struct sigaction action = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	const struct itimerspec often = { .it_value.tv_nsec = 100003,
					  .it_interval.tv_nsec = 100003 };
	struct timespec now;
	timer_t timer;

	sigaction(SIGALRM, &action, NULL);
	event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &often, NULL) < 0)
		_exit(1);
	while (!over)
		back += clock_gettime(CLOCK_REALTIME_COARSE, &now);
}

/* ---- sizes ---- */

/* The barrier: or the compiler makes a loop of it. */
__attribute__((noinline)) static int deeper(int n)
{
	int below = n ? deeper(n - 1) : rest();

	__asm__ volatile("" : "+r"(below));
	return below + n;
}

static void deep(void)
{
	back += deeper(400) + 1;
}

/* A stack whose size the compiler cannot know. */
__attribute__((noinline)) static int wide_by(size_t size)
{
	char *bytes = alloca(size);

	memset(bytes, 1, size);
	__asm__ volatile("" : : "r"(bytes) : "memory");
	return rest() + bytes[size / 2];
}

static void wide(void)
{
	back += wide_by(20000 + (size_t)arrived) + 1;
}

/* A frame of more than what is copied at once. */
static void big_frame(void)
{
	char bytes[40000];

	memset(bytes, 1, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
	back += deeper(3) + bytes[arrived];
}

/* Aligned by hand: the frame is found through a register that is saved in it. */
static void aligned(void)
{
	_Alignas(256) char bytes[512];

	memset(bytes, 1, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
	back += deeper(2) + bytes[arrived];
}

/* ---- through libraries ---- */

static int compare(const void *a, const void *b)
{
	return rest() + *(const int *)a - *(const int *)b;
}

static void in_qsort(void)
{
	int numbers[4] = { 3, 1, 2, 0 };

	qsort(numbers, 4, sizeof(*numbers), compare);
	back += numbers[0];
}

/* A coroutine has a stack of its own, on which the first function was called by nobody. */
static void coroutine(void)
{
	back += deeper(5) + 1;
}

static void in_coroutine(void)
{
#ifdef __GLIBC__ /* musl has no contexts */
	static ucontext_t from, to;

	getcontext(&to);
	to.uc_stack = (stack_t){ .ss_sp = malloc(STACK), .ss_size = STACK };
	to.uc_link = &from;
	makecontext(&to, coroutine, 0);
	back += swapcontext(&from, &to);
#else
	coroutine();
#endif
}

static int on_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info, (void)arg;
	return rest() + (int)size;
}

/* It holds a lock of the loader, which nobody else needs. */
static void in_loader(void)
{
	back += dl_iterate_phdr(on_object, NULL);
}

void (*const shapes[SHAPES])(void) = {
	other_stack, same_stack, two_handlers, bad_read, bad_call,     in_vdso,	  deep,
	wide,	     big_frame,	 aligned,      in_qsort, in_coroutine, in_loader,
};

void shapes_arrive(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < SHAPES)
		nanosleep(&ms, NULL);
}
