/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_maps.c - the texts of maps and mountinfo: what is parsed is in order and can be found again.
 */
#include "read/proc/maps.h"

#include "base/alloc.h"
#include "read/proc/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_maps(const struct maps *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct map_area *a = &m->areas[i];

		if (a->start >= a->end || (i && m->areas[i - 1].end > a->start))
			abort();
		if (maps_find(m, a->start) != a || maps_find(m, a->end - 1) != a)
			abort();
		if (a->path && !strtab_get(m->strings, a->path))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	_cleanup_maps_ struct maps *maps = maps_parse(text);
	_cleanup_mounts_ struct mounts *mounts = mounts_parse(text);

	check_maps(maps);
	for (uint32_t i = 0; i < mounts->count; i++)
		if (!mounts_find(mounts, mounts->at[i].dev) || !mounts->at[i].type[0])
			abort();
	return 0;
}
