/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

#include "waits/futex/futexes.h"

#include <string.h>

/* Build code: the table of interpretations. */
#define DECLARE(name) extern const struct futex_kind futex_##name;
SNAG_FUTEXES(DECLARE)
#define ADDRESS(name) &futex_##name,
static const struct futex_kind *const kinds[] = { SNAG_FUTEXES(ADDRESS) };

/* glibc struct pthread, the same in 2.36 and 2.43: _thread_db_pthread_tid says so too. */
enum { PTHREAD_SELF = 0x10, PTHREAD_TID = 0x2d0 };

bool futex_reach(const struct futex *f, int64_t offset, uint32_t len)
{
	return offset >= -(int64_t)f->before && offset <= (int64_t)f->after &&
	       len <= (int64_t)f->after - offset;
}

bool futex_u32(const struct futex *f, int64_t offset, uint32_t *value)
{
	if (!futex_reach(f, offset, sizeof(*value)))
		return false;
	memcpy(value, f->bytes + FUTEX_BEFORE + offset, sizeof(*value));
	return true;
}

bool futex_u64(const struct futex *f, int64_t offset, uint64_t *value)
{
	if (!futex_reach(f, offset, sizeof(*value)))
		return false;
	memcpy(value, f->bytes + FUTEX_BEFORE + offset, sizeof(*value));
	return true;
}

uint32_t futex_get32(const struct futex *f, int64_t offset, uint32_t none)
{
	uint32_t value;

	return futex_u32(f, offset, &value) ? value : none;
}

uint64_t futex_get64(const struct futex *f, int64_t offset, uint64_t none)
{
	uint64_t value;

	return futex_u64(f, offset, &value) ? value : none;
}

void futex_set_bytes(struct futex *f, const void *bytes, uint32_t before, uint32_t after)
{
	f->before = before;
	f->after = after;
	memcpy(f->bytes + FUTEX_BEFORE - before, bytes, (size_t)before + after);
}

bool futex_glibc_thread(const struct futex *f, uint64_t pd, int32_t *tid)
{
	uint64_t head[3];
	int32_t found;

	if (!pd || pd % 16 || !f->world || f->world->read(f->world->arg, pd, head, sizeof(head)))
		return false;
	if (head[0] != pd || head[PTHREAD_SELF / 8] != pd)
		return false;
	if (f->world->read(f->world->arg, pd + PTHREAD_TID, &found, sizeof(found)) || found <= 0)
		return false;
	if (!f->world->has_thread(f->world->arg, found))
		return false;
	*tid = found;
	return true;
}

static const struct futex_kind plain = { .name = "plain" };

const struct futex_kind *futex_recognise(const struct futex *f, struct futex_claim *claim)
{
	memset(claim, 0, sizeof(*claim));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (kinds[i]->recognise(f, claim))
			return kinds[i];
		memset(claim, 0, sizeof(*claim));
	}
	claim->kind = WAIT_FUTEX;
	claim->what = "futex";
	claim->base = f->uaddr;
	return &plain;
}
