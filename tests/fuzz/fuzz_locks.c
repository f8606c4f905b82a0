/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_locks.c - the text of /proc/locks.
 */
#include "read/proc/locks.h"

#include "base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	_cleanup_file_locks_ struct file_locks *l = file_locks_parse(text);

	for (uint32_t i = 0; i < l->count; i++)
		if (l->at[i].type > LOCK_LEASE)
			abort();
	return 0;
}
