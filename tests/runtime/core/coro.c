/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coro.c - stacks and the switch between them.
 *
 * AddressSanitizer has to be told of each change of stacks, or it takes the frames of one for
 * overflows of another; ThreadSanitizer keeps a call stack and a clock for each; valgrind has to
 * know where stacks lie, or it takes a switch for a huge allocation on the old one.
 */
#include "runtime/core/coro.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/core/tools.h"

#ifdef GROVE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef GROVE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if !defined(__x86_64__)
#error "grove switches stacks on x86-64 only"
#endif

static const size_t default_stack_bytes = (size_t)256 << 10;

struct stack {
	char *low; /* above the guard page */
	unsigned valgrind_id;
};

struct grove_stacks {
	size_t page_bytes;
	size_t stack_bytes;
	size_t keep;
	size_t count;
	struct stack *unused;
};

/* In the assembly of this folder. */
void grove_switch(void **saved_sp, void *to_sp);
void grove_coro_start(void);
void grove_coro_main(struct grove_coro *coro);

/* ---- what the tools are told -------------------------------------------------------------------
 */

static void tell_leaving(void **fake_stack, const void *low, size_t bytes)
{
#ifdef GROVE_ASAN
	__sanitizer_start_switch_fiber(fake_stack, low, bytes);
#else
	(void)fake_stack;
	(void)low;
	(void)bytes;
#endif
}

static void tell_arrived(void *fake_stack, const void **from_low, size_t *from_bytes)
{
#ifdef GROVE_ASAN
	__sanitizer_finish_switch_fiber(fake_stack, from_low, from_bytes);
#else
	(void)fake_stack;
	(void)from_low;
	(void)from_bytes;
#endif
}

/* What the dead frames of the last user have poisoned would be reported for the next one. */
static void tell_clean(char *low, size_t bytes)
{
#ifdef GROVE_ASAN
	__asan_unpoison_memory_region(low, bytes);
#else
	(void)low;
	(void)bytes;
#endif
}

/* ThreadSanitizer's side of a coroutine. */
static void tell_new(struct grove_coro *coro)
{
#ifdef GROVE_TSAN
	coro->fiber = __tsan_create_fiber(0);
#else
	(void)coro;
#endif
}

static void tell_gone(struct grove_coro *coro)
{
#ifdef GROVE_TSAN
	__tsan_destroy_fiber(coro->fiber);
#else
	(void)coro;
#endif
}

/* The last thing before a switch: what is instrumented in between would count for the other. */
static inline __attribute__((always_inline)) void tell_into(struct grove_coro *coro)
{
#ifdef GROVE_TSAN
	coro->owner_fiber = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(coro->fiber, 0);
#else
	(void)coro;
#endif
}

static inline __attribute__((always_inline)) void tell_out(struct grove_coro *coro)
{
#ifdef GROVE_TSAN
	__tsan_switch_to_fiber(coro->owner_fiber, 0);
#else
	(void)coro;
#endif
}

static unsigned tell_stack(char *low, size_t bytes)
{
#ifdef VALGRIND_STACK_REGISTER
	return VALGRIND_STACK_REGISTER(low, low + bytes - 1);
#else
	(void)low;
	(void)bytes;
	return 0;
#endif
}

static void tell_no_stack(unsigned valgrind_id)
{
#ifdef VALGRIND_STACK_REGISTER
	VALGRIND_STACK_DEREGISTER(valgrind_id);
#endif
	(void)valgrind_id;
}

/* ---- the pool ----------------------------------------------------------------------------------
 */

struct grove_stacks *grove_stacks_new(size_t stack_bytes, size_t keep)
{
	struct grove_stacks *pool = grove_alloc(1, sizeof(*pool));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (stack_bytes == 0)
		stack_bytes = default_stack_bytes;
	pool->page_bytes = page;
	pool->stack_bytes = (stack_bytes + page - 1) / page * page;
	pool->keep = keep;
	pool->unused = grove_alloc(keep + 1, sizeof(*pool->unused));
	return pool;
}

static struct stack stack_map(const struct grove_stacks *pool)
{
	size_t all = pool->stack_bytes + pool->page_bytes;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
	/* cppcheck-suppress invalidFunctionArg ; -1 is what mmap(2) asks for */
	char *base = mmap(NULL, all, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (base == MAP_FAILED)
		grove_bug("no memory for the stack of a task: %s", strerror(errno));
	if (mprotect(base, pool->page_bytes, PROT_NONE) != 0)
		grove_bug("no guard page for the stack of a task: %s", strerror(errno));
	char *low = base + pool->page_bytes;

	return (struct stack){ .low = low, .valgrind_id = tell_stack(low, pool->stack_bytes) };
}

static void stack_unmap(const struct grove_stacks *pool, struct stack stack)
{
	tell_no_stack(stack.valgrind_id);
	munmap(stack.low - pool->page_bytes, pool->stack_bytes + pool->page_bytes);
}

static struct stack stack_get(struct grove_stacks *pool)
{
	return pool->count > 0 ? pool->unused[--pool->count] : stack_map(pool);
}

static void stack_put(struct grove_stacks *pool, struct stack stack)
{
	tell_clean(stack.low, pool->stack_bytes);
	if (pool->count < pool->keep)
		pool->unused[pool->count++] = stack;
	else
		stack_unmap(pool, stack);
}

void grove_stacks_free(struct grove_stacks *pool)
{
	if (!pool)
		return;
	while (pool->count > 0)
		stack_unmap(pool, pool->unused[--pool->count]);
	free(pool->unused);
	free(pool);
}

/* ---- the switch --------------------------------------------------------------------------------
 */

void grove_coro_init(struct grove_coro *coro, struct grove_stacks *pool, void (*fn)(void *),
		     void *arg)
{
	struct stack stack = stack_get(pool);
	/* grove_coro_start() wants the stack pointer on a multiple of 16 after its "ret". */
	char *top = stack.low + pool->stack_bytes - 16;
	struct grove_saved *saved = (struct grove_saved *)(top - sizeof(*saved));

	memset(coro, 0, sizeof(*coro));
	memset(saved, 0, sizeof(*saved));
	__asm__ volatile("stmxcsr %0" : "=m"(saved->mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(saved->x87_control));
	saved->r12 = (uint64_t)(uintptr_t)coro;
	saved->return_address = (uint64_t)(uintptr_t)grove_coro_start;
	coro->saved_sp = saved;
	coro->stack_low = stack.low;
	coro->stack_bytes = pool->stack_bytes;
	coro->valgrind_id = stack.valgrind_id;
	coro->pool = pool;
	coro->fn = fn;
	coro->arg = arg;
	tell_new(coro);
}

void grove_coro_release(struct grove_coro *coro)
{
	tell_gone(coro);
	stack_put(coro->pool,
		  (struct stack){ .low = coro->stack_low, .valgrind_id = coro->valgrind_id });
	memset(coro, 0, sizeof(*coro));
}

/* The first frame of each coroutine. It has none to return to. */
void grove_coro_main(struct grove_coro *coro)
{
	void *nowhere = NULL;

	tell_arrived(NULL, &coro->owner_low, &coro->owner_bytes);
	coro->fn(coro->arg);
	coro->done = true;
	tell_leaving(NULL, coro->owner_low, coro->owner_bytes);
	tell_out(coro);
	grove_switch(&nowhere, coro->owner_sp);
	grove_bug("a coroutine was resumed after its end");
}

void grove_coro_resume(struct grove_coro *coro)
{
	void *to = coro->saved_sp;

	coro->saved_sp = NULL;
	tell_leaving(&coro->owner_fake_stack, coro->stack_low, coro->stack_bytes);
	tell_into(coro);
	grove_switch(&coro->owner_sp, to);
	tell_arrived(coro->owner_fake_stack, NULL, NULL);
}

void grove_coro_yield(struct grove_coro *coro)
{
	tell_leaving(&coro->fake_stack, coro->owner_low, coro->owner_bytes);
	tell_out(coro);
	grove_switch(&coro->saved_sp, coro->owner_sp);
	tell_arrived(coro->fake_stack, &coro->owner_low, &coro->owner_bytes);
}
