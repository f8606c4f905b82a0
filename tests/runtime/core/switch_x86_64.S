/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch_x86_64.S - leave one stack, continue on another (System V ABI). See coro.h.
 */

	.text

/*
 * void grove_switch(void **saved_sp, void *to_sp)
 *
 * Pushes what the ABI wants kept (struct grove_saved), stores the stack pointer in *saved_sp, and
 * does the reverse on the stack `to_sp`. The CFI holds at each instruction, also after the change
 * of stacks, because both have the same shape at that point.
 */
	.globl	grove_switch
	.hidden	grove_switch
	.type	grove_switch, @function
	.balign	16
grove_switch:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	ret
	.cfi_endproc
	.size	grove_switch, .-grove_switch

/*
 * Where a fresh coroutine comes out of grove_switch(): r12 holds its struct grove_coro, the stack
 * is aligned for a call. The return address is undefined: here every unwinder stops.
 */
	.globl	grove_coro_start
	.hidden	grove_coro_start
	.type	grove_coro_start, @function
	.balign	16
grove_coro_start:
	.cfi_startproc
	.cfi_undefined rip
	xorl	%ebp, %ebp
	movq	%r12, %rdi
	call	grove_coro_main
	ud2
	.cfi_endproc
	.size	grove_coro_start, .-grove_coro_start

	.section .note.GNU-stack, "", @progbits
