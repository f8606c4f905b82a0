/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/kernel_types.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/btf.h>

/* A kernel of four structs and an iterator, as a file. */
static struct btf *small_kernel(void)
{
	struct btf *b = btf__new_empty();
	int number = btf__add_int(b, "int", 4, BTF_INT_SIGNED);
	int inner = btf__add_struct(b, "inner", 4);

	btf__add_field(b, "deep", number, 0, 0);
	int alias = btf__add_typedef(b, "inner_t", inner);
	int fixed = btf__add_const(b, alias);
	int outer = btf__add_struct(b, "outer", 16);
	btf__add_field(b, "unwanted", number, 0, 0);
	btf__add_field(b, "in", fixed, 32, 0);
	btf__add_field(b, "next", outer + 1, 64, 0);
	btf__add_ptr(b, outer);
	btf__add_struct(b, "stranger", 0);
	btf__add_enum(b, "words", 4);
	btf__add_enum_value(b, "YES", 7);
	int proto = btf__add_func_proto(b, number);
	btf__add_func(b, "bpf_iter_thing", BTF_FUNC_GLOBAL, proto);
	btf__add_func(b, "bpf_task_from_pid", BTF_FUNC_STATIC, proto);
	btf__add_func(b, "bpf_other", BTF_FUNC_STATIC, proto);
	return b;
}

/* What a program of ours would name of it. */
static struct btf *our_names(void)
{
	struct btf *b = btf__new_empty();
	int number = btf__add_int(b, "int", 4, BTF_INT_SIGNED);

	btf__add_struct(b, "outer___old", 8);
	btf__add_field(b, "in", number, 0, 0);
	btf__add_field(b, "next", number, 32, 0);
	btf__add_struct(b, "inner", 4);
	btf__add_field(b, "deep", number, 0, 0);
	btf__add_enum(b, "words", 4);
	btf__add_enum_value(b, "YES", 0);
	return b;
}

static const char *as_file(char path[64], const void *bytes, size_t size)
{
	int fd = memfd_create("kernel", 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return path;
}

static const struct btf_member *member(const struct btf *b, const struct btf_type *t,
				       const char *name)
{
	for (uint32_t i = 0; i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(b, btf_members(t)[i].name_off), name))
			return &btf_members(t)[i];
	return NULL;
}

Test(kernel_types, keeps_what_is_named_and_nothing_else)
{
	_cleanup_kernel_types_ struct kernel_types *k = kernel_types_new();
	struct btf *kernel = small_kernel(), *names = our_names(), *cut;
	struct snag_error err = SNAG_ERROR_INIT;
	const struct btf_type *outer, *words;
	const void *bytes;
	uint32_t size;
	char path[64];
	int id;

	bytes = btf__raw_data(kernel, &size);
	kernel_types_want(k, names);
	cr_assert_eq(kernel_types_read(k, as_file(path, bytes, size), &err), 0, "%s", err.text);
	cut = btf__parse(kernel_types_path(k), NULL);
	cr_assert_not_null(cut);
	id = btf__find_by_name_kind(cut, "outer", BTF_KIND_STRUCT);
	cr_assert_gt(id, 0);
	outer = btf__type_by_id(cut, (uint32_t)id);
	cr_expect_eq(outer->size, 16);
	cr_assert_not_null(member(cut, outer, "in"));
	cr_expect_eq(member(cut, outer, "in")->offset, 32);
	cr_expect_null(member(cut, outer, "unwanted"));
	cr_expect(btf_is_struct(btf__type_by_id(cut, member(cut, outer, "in")->type)));
	cr_expect(btf_is_ptr(btf__type_by_id(cut, member(cut, outer, "next")->type)));
	cr_expect_lt(btf__find_by_name(cut, "stranger"), 0);
	id = btf__find_by_name_kind(cut, "words", BTF_KIND_ENUM);
	cr_assert_gt(id, 0);
	words = btf__type_by_id(cut, (uint32_t)id);
	cr_assert_eq(btf_vlen(words), 1);
	cr_expect_eq(btf_enum(words)[0].val, 7);
	cr_expect_eq(kernel_types_iterator(k, "thing"),
		     (uint32_t)btf__find_by_name_kind(kernel, "bpf_iter_thing", BTF_KIND_FUNC));
	cr_expect_neq(kernel_types_function(k, "bpf_task_from_pid"), 0);
	cr_expect_eq(kernel_types_function(k, "bpf_other"), 0);
	cr_expect_eq(kernel_types_iterator(k, "nothing"), 0);
	btf__free(cut);
	btf__free(names);
	btf__free(kernel);
}

/* Every byte changed once, and every length: it may be refused, it may not read elsewhere. */
Test(kernel_types, survives_broken_files)
{
	struct btf *kernel = small_kernel(), *names = our_names();
	const void *bytes;
	uint32_t size, refused = 0;
	char *copy, path[64];

	bytes = btf__raw_data(kernel, &size);
	copy = malloc(size);
	for (uint32_t i = 0; i < 2 * size; i++) {
		_cleanup_kernel_types_ struct kernel_types *k = kernel_types_new();
		uint32_t length = i < size ? size : i - size;

		memcpy(copy, bytes, size);
		if (i < size)
			copy[i] ^= 0x55;
		kernel_types_want(k, names);
		refused += kernel_types_read(k, as_file(path, copy, length), NULL) < 0;
		close(atoi(strrchr(path, '/') + 1));
	}
	cr_expect_gt(refused, size / 2);
	free(copy);
	btf__free(names);
	btf__free(kernel);
}

Test(kernel_types, says_when_there_is_none)
{
	_cleanup_kernel_types_ struct kernel_types *k = kernel_types_new();
	struct snag_error err = SNAG_ERROR_INIT;

	cr_assert_eq(kernel_types_read(k, "/nowhere/btf", &err), -ENOENT);
	cr_assert_str_eq(err.text, "/nowhere/btf: No such file or directory");
	cr_assert_eq(kernel_types_read(k, "/proc/self/exe", &err), -EBADMSG);
}
