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
