/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/descriptor/table.h"

#include <errno.h>
#include <string.h>

enum { SIZE_MAX_BYTES = 64 << 10 };

/* ---- the table ------------------------------------------------------------------------------- */

int table_read(struct table *table, struct runtime_site *site, uint64_t address,
	       struct snag_error *err)
{
	uint32_t head[2];
	struct snag_rt t = { .size = 0 };
	size_t size = sizeof(t);
	int rc = runtime_read(site, address, head, sizeof(head));

	if (rc < 0)
		return error_set(err, rc, "the table cannot be read");
	if (head[0] < offsetof(struct snag_rt, loops_generation) || head[0] > SIZE_MAX_BYTES)
		return error_set(err, -EBADMSG, "a table of %u bytes", head[0]);
	/* append only: what it has more is not known here, what it has less is absent */
	if (head[0] < size)
		size = head[0];
	rc = runtime_read(site, address, &t, size);
	if (rc < 0)
		return error_set(err, rc, "the table cannot be read");
	if (t.cookie != SNAG_RT_COOKIE)
		return error_set(err, -EBADMSG, "no table is where its note says");
	if (t.version != SNAG_RT_VERSION)
		return error_set(err, -EPROTONOSUPPORT, "a table of version %u, which is not known",
				 t.version);
	t.runtime[sizeof(t.runtime) - 1] = t.release[sizeof(t.release) - 1] = '\0';
	*table = (struct table){ .site = site, .t = t, .address = address };
	return 0;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static bool is_number(struct snag_rt_field f)
{
	return f.bytes == 1 || f.bytes == 2 || f.bytes == 4 || f.bytes == 8;
}

static bool read_number(const struct table *table, uint64_t at, struct snag_rt_field f,
			uint64_t *value)
{
	*value = 0;
	return is_number(f) && runtime_read(table->site, at, value, f.bytes) == 0;
}

bool table_number(const struct table *table, uint64_t owner, struct snag_rt_field field,
		  uint64_t *value)
{
	uint64_t at = owner + field.offset;
	uint32_t unused = 64 - 8u * (field.bytes & 15u);

	switch (field.how) {
	case SNAG_RT_INLINE:
		*value = at;
		return true;
	case SNAG_RT_UINT:
	case SNAG_RT_POINTER:
		return read_number(table, at, field, value);
	case SNAG_RT_INT:
		if (!read_number(table, at, field, value))
			return false;
		*value = (uint64_t)((int64_t)(*value << unused) >> unused);
		return true;
	case SNAG_RT_BIT:
		if (field.arg >= 8 * field.bytes || !read_number(table, at, field, value))
			return false;
		*value = *value >> field.arg & 1;
		return true;
	default:
		return false;
	}
}

uint64_t table_get(const struct table *table, uint64_t owner, struct snag_rt_field field,
		   uint64_t none)
{
	uint64_t value;

	return table_number(table, owner, field, &value) ? value : none;
}

uint64_t table_most(struct snag_rt_field field)
{
	uint32_t bits = 8u * field.bytes - (field.how == SNAG_RT_INT);

	return is_number(field) && bits < 64 ? (1ull << bits) - 1 : UINT64_MAX;
}

uint32_t table_text(const struct table *table, uint64_t owner, struct snag_rt_field field)
{
	char text[TABLE_TEXT_MAX] = "";
	size_t size = sizeof(text);
	uint64_t at = owner + field.offset;

	if (field.how == SNAG_RT_TEXT) {
		if (field.bytes < size)
			size = (size_t)field.bytes + 1;
	} else if (field.how == SNAG_RT_TEXT_POINTER) {
		if (runtime_read(table->site, at, &at, sizeof(at)) < 0 || !at)
			return 0;
	} else {
		return 0;
	}
	if (runtime_read_text(table->site, at, text, size) < 0 || !text[0])
		return 0;
	return strtab_add(table->site->model->strings, text);
}

/* ---- lists ----------------------------------------------------------------------------------- */

void table_list_init(struct table_list *l, const struct table *table, uint64_t owner,
		     const struct snag_rt_list *list)
{
	*l = (struct table_list){ .table = table, .list = list, .owner = owner };
	l->broken = list->shape != SNAG_RT_NO_LIST &&
		    !table_number(table, owner, list->head, &l->head);
	l->node = l->head;
	if (list->shape == SNAG_RT_VECTOR)
		l->count = table_get(table, owner, list->count, 0);
	else if (list->shape == SNAG_RT_CIRCLE)
		l->broken |= runtime_read(table->site, l->head + list->next, &l->node,
					  sizeof(l->node)) < 0;
}

void table_list_release(struct table_list *l)
{
	map_release(&l->seen);
}

static uint64_t stop(struct table_list *l, bool broken)
{
	l->broken |= broken;
	l->node = 0;
	l->count = 0;
	return 0;
}

/* A node once: a list that comes back into itself would never end. */
static uint64_t take(struct table_list *l, uint64_t element)
{
	if (l->taken++ >= TABLE_LIST_MAX || map_find(&l->seen, element, NULL))
		return stop(l, true);
	map_put(&l->seen, element, 1);
	return element;
}

static uint64_t next_in_vector(struct table_list *l)
{
	while (l->index < l->count && l->index < TABLE_LIST_MAX) {
		uint64_t at = l->head + 8 * l->index++, element;

		if (runtime_read(l->table->site, at, &element, sizeof(element)) < 0)
			return stop(l, true);
		/* 0 is a hole */
		if (element)
			return take(l, element - l->list->node);
	}
	return stop(l, l->index < l->count);
}

uint64_t table_list_next(struct table_list *l)
{
	uint64_t node = l->node;

	if (l->broken || l->list->shape == SNAG_RT_NO_LIST)
		return 0;
	if (l->list->shape == SNAG_RT_VECTOR)
		return next_in_vector(l);
	if (l->list->shape != SNAG_RT_CHAIN && l->list->shape != SNAG_RT_CIRCLE)
		return stop(l, true);
	if (!node || (l->list->shape == SNAG_RT_CIRCLE && node == l->head))
		return stop(l, !node && l->list->shape == SNAG_RT_CIRCLE);
	if (runtime_read(l->table->site, node + l->list->next, &l->node, sizeof(l->node)) < 0)
		return stop(l, true);
	return take(l, node - l->list->node);
}
