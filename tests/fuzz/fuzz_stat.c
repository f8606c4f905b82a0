/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_stat.c - the small files of a thread: stat, schedstat, status, syscall; and of its cgroup.
 */
#include "read/proc/procstat.h"

#include "read/details.h"
#include "read/proc/freezer.h"
#include "read/proc/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fields(const char *text)
{
	static const char *const NAMES[] = { "Pid:", "NSpid:", "SigBlk:", "flags:", "Uid:" };

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		uint64_t mask = 0;
		int64_t n = 0;

		if (!procfs_field_hex(text, NAMES[i], &mask) && mask)
			abort();
		if (!procfs_field_int(text, NAMES[i], &n) && n)
			abort();
		procfs_field_octal(text, NAMES[i], &mask);
		procfs_field_last(text, NAMES[i], &n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	_cleanup_freezer_ struct freezer *freezer = freezer_new_from(text);
	struct snap_task t = { .state = 'S' };
	struct procstat st;
	uint64_t stamp;

	if (procstat_parse(text, &st) && st.comm[sizeof(st.comm) - 1])
		abort();
	procstat_stamp(text, &stamp);
	procstat_stamp_status(text, &stamp);
	procstat_syscall(text, &t);
	if (t.has_syscall && t.in_fault)
		abort();
	fields(text);
	details_in_cgroup(text, "/a/b");
	details_is_top_cgroup(text);
	freezer_is_frozen(freezer, text);
	return 0;
}
