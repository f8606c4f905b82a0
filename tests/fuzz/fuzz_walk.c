/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_walk.c - any stack, any registers, in a process whose code is real: this one. The walk ends,
 * says why, and has as many frames as there is room for at most.
 */
#include "unwind/unwind.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 512, FRAMES = 300, TURNOVER = 1 << 12 };

/* Nothing is mapped there: what is not among the copied words cannot be read. */
static const uint64_t STACK_AT = 0x10000;

struct cursor {
	const uint8_t *at, *end;
};

static uint64_t number(struct cursor *c, size_t len)
{
	uint64_t value = 0;

	if ((size_t)(c->end - c->at) < len)
		len = (size_t)(c->end - c->at);
	memcpy(&value, c->at, len);
	c->at += len;
	return value;
}

/* Where handlers return to, as the kernel was told: struct kernel_sigaction has it third. */
static uint64_t restorer(void)
{
	static uint64_t at[4];

	if (!at[2]) {
		signal(SIGUSR1, SIG_IGN);
		syscall(SYS_rt_sigaction, SIGUSR1, NULL, at, sizeof(uint64_t));
	}
	return at[2];
}

/* Where there is code, with all kinds of rules. */
static uint64_t some_code(uint64_t which)
{
	switch (which % 5) {
	case 0:
		return (uintptr_t)LLVMFuzzerTestOneInput;
	case 1:
		return (uintptr_t)pthread_create;
	case 2:
		return (uintptr_t)qsort;
	case 3:
		return (uintptr_t)vfork;
	default:
		return restorer();
	}
}

/* A word by its first byte: code, a place in the stack, or anything. */
static uint64_t word(struct cursor *c)
{
	uint64_t tag = number(c, 1);

	if (tag < 128)
		return some_code(tag) + number(c, tag & 64 ? 1 : 2);
	if (tag < 224)
		return STACK_AT + 8 * number(c, tag & 64 ? 1 : 2);
	return number(c, tag & 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct unwinder *u;
	static uint32_t runs;
	static uint64_t words[WORDS];
	struct cursor c = { data, data + size };
	struct unwind_frame frames[FRAMES];
	struct unwind_result result;
	struct snap_stack s = { .tgid = getpid(), .tid = getpid(), .known = STACK_KNOWN_ALL };
	uint32_t count;

	if (!u)
		u = unwinder_new(&(struct unwind_opts){ 0 });
	if (runs++ % TURNOVER == 0)
		unwinder_begin(u);
	if (number(&c, 1) & 1)
		s.known = STACK_KNOWN_SP_PC;
	for (uint32_t i = 0; i < STACK_REGS; i++)
		s.regs[i] = word(&c);
	s.regs[STACK_RSP] = STACK_AT + 8 * (number(&c, 1) % WORDS);
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = c.at < c.end ? word(&c) : words[i % 16];
	s.bytes = (const uint8_t *)words + (s.regs[STACK_RSP] - STACK_AT);
	s.byte_count = (uint32_t)(sizeof(words) - (s.regs[STACK_RSP] - STACK_AT));
	count = unwind_thread(u, &s, frames, FRAMES, &result);
	if (count > FRAMES || !result.end || result.end >= UNWIND_END_COUNT)
		abort();
	for (uint32_t i = 0; i < count; i++)
		if (!frames[i].how || frames[i].how >= FRAME_HOW_COUNT)
			abort();
	return 0;
}
