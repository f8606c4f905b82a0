/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_stack.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

static void take_regs(const struct user_regs_struct *r, struct snap_stack *s)
{
	uint64_t regs[STACK_REGS] = {
		r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8,
		r->r9,	r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip,
	};

	memcpy(s->regs, regs, sizeof(regs));
	s->known = STACK_KNOWN_ALL;
	s->fs_base = r->fs_base;
}

static size_t take_bytes(int32_t tgid, uint64_t sp, uint8_t *bytes)
{
	struct iovec local = { bytes, UNIT_STACK_BYTES - sp % 4096 };
	struct iovec remote = { (void *)(uintptr_t)sp, local.iov_len };
	ssize_t n = process_vm_readv(tgid, &local, 1, &remote, 1, 0);

	return n > 0 ? (size_t)n : 0;
}

void unit_stack_take(int32_t tgid, int32_t tid, struct unit_stack *stack)
{
	struct user_regs_struct regs;
	int status;

	memset(stack, 0, sizeof(*stack));
	cr_assert_eq(ptrace(PTRACE_SEIZE, tid, 0, 0), 0, "ptrace: %s", strerror(errno));
	cr_assert_eq(ptrace(PTRACE_INTERRUPT, tid, 0, 0), 0);
	cr_assert_eq(waitpid(tid, &status, __WALL), tid);
	cr_assert_eq(ptrace(PTRACE_GETREGS, tid, 0, &regs), 0);
	stack->s.tgid = tgid;
	stack->s.tid = tid;
	stack->s.status = STACK_STABLE;
	take_regs(&regs, &stack->s);
	stack->s.bytes = stack->bytes;
	stack->s.byte_count = (uint32_t)take_bytes(tgid, regs.rsp, stack->bytes);
	cr_assert_eq(ptrace(PTRACE_DETACH, tid, 0, 0), 0);
}

uint32_t unit_stack_walk(struct unwinder *u, int32_t tgid, struct unwind_frame *frames,
			 uint32_t max, struct unwind_result *result)
{
	struct unit_stack stack;

	unit_stack_take(tgid, tgid, &stack);
	return unwind_thread(u, &stack.s, frames, max, result);
}

void unit_stack_print(struct unwinder *u, const struct unwind_frame *frames, uint32_t count,
		      const struct unwind_result *result)
{
	for (uint32_t i = 0; i < count; i++) {
		struct unwind_name name;

		unwinder_name(u, &frames[i], &name);
		fprintf(stderr, "#%u %#llx %s+%#llx %s %s%s\n", i, (unsigned long long)frames[i].pc,
			name.function ? name.function : "?", (unsigned long long)name.offset,
			name.module ? name.module : "-", frame_how_name(frames[i].how),
			frames[i].signal ? " signal" : "");
	}
	fprintf(stderr, "end: %s (%s)\n", unwind_end_name(result->end),
		result->reason ? result->reason : "");
}
