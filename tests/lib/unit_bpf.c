/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_bpf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void bpf_or_skip(int rc, const struct snag_error *err)
{
	const char *require = getenv("SNAG_REQUIRE");

	if (rc >= 0)
		return;
	if (require && strstr(require, "bpf"))
		cr_assert_fail("BPF is required: %s", err->text);
	cr_skip_test("no BPF: %s", err->text);
}

struct reader *unit_reader(const char *name)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct reader *r = NULL;
	int rc = reader_open(name, &r, &err);

	bpf_or_skip(rc, &err);
	return r;
}

struct snapshot *unit_begin(struct reader *r, int32_t root)
{
	struct read_scope scope = { .roots = &root, .root_count = 1 };
	struct snag_error err = SNAG_ERROR_INIT;
	struct snapshot *s = NULL;

	cr_assert_eq(reader_begin(r, &scope, &s, &err), 0, "%s", err.text);
	cr_assert_eq(reader_files(r, s, &err), 0, "%s", err.text);
	return s;
}

void unit_finish(struct reader *r, struct snapshot *s)
{
	struct snag_error err = SNAG_ERROR_INIT;

	cr_assert_eq(reader_finish(r, s, &err), 0, "%s", err.text);
}
