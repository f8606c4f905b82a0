/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel_types.h - the kernel types that our BPF objects name, cut out of the kernel's BTF.
 *
 * The BTF of a kernel has some 120,000 types, and libbpf searches all of them for each type that a
 * program names: that alone takes 50 to 100 ms. This reads them once, keeps what is named (the
 * members too), and hands libbpf a BTF of a few hundred types. It also finds the ids of the
 * iterators' hooks, for which libbpf would read the whole BTF again.
 *
 *	_cleanup_kernel_types_ struct kernel_types *k = kernel_types_new();
 *	opts.btf_custom_path = kernel_types_path(k);
 *	object = bpf_object__open_mem(bytes, size, &opts);
 *	kernel_types_want(k, bpf_object__btf(object));
 *	rc = kernel_types_read(k, "/sys/kernel/btf/vmlinux", err);
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdint.h>

struct btf;
struct kernel_types;

/* An empty set of wanted types. Never NULL. */
struct kernel_types *kernel_types_new(void);

/* Free it, and the file behind kernel_types_path(). NULL is fine. */
void kernel_types_free(struct kernel_types *k);
DEFINE_GUARD(kernel_types)
#define _cleanup_kernel_types_ _cleanup_(kernel_types_free_guard)

/* Want every type that `local` names, by its name without a ___suffix. */
void kernel_types_want(struct kernel_types *k, const struct btf *local);

/* Read the wanted types of the BTF in `file`. -ENOENT: no BTF here; -EBADMSG: not a BTF. */
SNAG_MUST_CHECK
int kernel_types_read(struct kernel_types *k, const char *file, struct snag_error *err);

/*
 * The path at which libbpf will find the cut-out, once it is read. Borrowed until
 * kernel_types_free().
 */
const char *kernel_types_path(const struct kernel_types *k);

/*
 * The id of the function bpf_iter_<target> in the kernel's BTF, 0 if the kernel has no such
 * iterator.
 */
uint32_t kernel_types_iterator(const struct kernel_types *k, const char *target);

/*
 * The id of the function `name` in the kernel's BTF, 0 if it has none: of those called bpf_iter_*
 * and bpf_task_*.
 */
uint32_t kernel_types_function(const struct kernel_types *k, const char *name);
