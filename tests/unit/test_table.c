/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of a runtime and its lists, in the memory of this process: sound ones and those that
 * lead astray.
 */
#include "runtimes/descriptor/table.h"

#include "lib/unit_mirror.h"

#include <criterion/criterion.h>
#include <errno.h>

struct node {
	struct node *next;
};

struct thing {
	uint64_t number;
	int16_t small;
	uint8_t bits;
	char name[8];
	const char *text;
	struct node link;
};

struct owner {
	struct node head;
	struct node *first;
	struct node **vector;
	uint32_t count;
};

/* Build code: a field of a structure as a table has it. */
#define FIELD(type, member, as)                                                                    \
	(struct snag_rt_field)                                                                     \
	{                                                                                          \
		.offset = offsetof(type, member), .bytes = sizeof(((type *)0)->member), .how = as  \
	}

Test(table, only_a_sound_one_is_believed)
{
	static struct snag_rt good = { SNAG_RT_INIT("mine", "2.0") };
	struct snag_error err = SNAG_ERROR_INIT;
	struct table t;
	struct mirror x;

	mirror_open(&x);
	cr_assert_eq(table_read(&t, &x.site, mirror_at(&good), &err), 0, "%s", err.text);
	cr_expect_str_eq(t.t.runtime, "mine");
	good.version = 9;
	runtime_forget(&x.site);
	cr_expect_eq(table_read(&t, &x.site, mirror_at(&good), &err), -EPROTONOSUPPORT);
	good.version = 1;
	good.cookie++;
	runtime_forget(&x.site);
	cr_expect_eq(table_read(&t, &x.site, mirror_at(&good), &err), -EBADMSG);
	good.cookie--;
	good.size = 8;
	runtime_forget(&x.site);
	cr_expect_eq(table_read(&t, &x.site, mirror_at(&good), &err), -EBADMSG);
	cr_expect_eq(table_read(&t, &x.site, 16, &err), -EFAULT);
	/* an older one is shorter: the rest is absent */
	good.size = offsetof(struct snag_rt, loop);
	good.loop.tid.how = SNAG_RT_INT;
	runtime_forget(&x.site);
	cr_assert_eq(table_read(&t, &x.site, mirror_at(&good), &err), 0, "%s", err.text);
	cr_expect_eq(t.t.loop.tid.how, SNAG_RT_ABSENT);
	mirror_close(&x);
}

Test(table, fields_of_every_sort)
{
	static struct thing thing = {
		.number = 7, .small = -3, .bits = 4, .name = "abcdefgh", .text = "longer text"
	};
	struct snag_rt_field bit = FIELD(struct thing, bits, SNAG_RT_BIT);
	struct table table = { 0 };
	struct mirror x;
	uint64_t value;

	mirror_open(&x);
	table.site = &x.site;
	cr_assert(table_number(&table, mirror_at(&thing), FIELD(struct thing, number, SNAG_RT_UINT),
			       &value));
	cr_expect_eq(value, 7);
	cr_assert(table_number(&table, mirror_at(&thing), FIELD(struct thing, small, SNAG_RT_INT),
			       &value));
	cr_expect_eq((int64_t)value, -3);
	bit.arg = 2;
	cr_expect_eq(table_get(&table, mirror_at(&thing), bit, 9), 1);
	bit.arg = 1;
	cr_expect_eq(table_get(&table, mirror_at(&thing), bit, 9), 0);
	bit.arg = 8;
	cr_expect_eq(table_get(&table, mirror_at(&thing), bit, 9), 9);
	cr_expect_eq(table_get(&table, 4096, FIELD(struct thing, number, SNAG_RT_UINT), 9), 9);
	cr_expect_eq(table_get(&table, mirror_at(&thing), (struct snag_rt_field){ .how = 99 }, 9),
		     9);
	cr_expect_str_eq(model_str(x.model, table_text(&table, mirror_at(&thing),
						       FIELD(struct thing, name, SNAG_RT_TEXT))),
			 "abcdefgh");
	cr_expect_str_eq(model_str(x.model,
				   table_text(&table, mirror_at(&thing),
					      FIELD(struct thing, text, SNAG_RT_TEXT_POINTER))),
			 "longer text");
	cr_expect_eq(table_most(FIELD(struct thing, small, SNAG_RT_INT)), INT16_MAX);
	cr_expect_eq(table_most(FIELD(struct thing, number, SNAG_RT_UINT)), UINT64_MAX);
	mirror_close(&x);
}

static uint32_t walk(struct table *table, const struct owner *o, const struct snag_rt_list *list,
		     bool *broken)
{
	_cleanup_table_list_ struct table_list l;
	uint32_t count = 0;

	runtime_forget(table->site);
	table_list_init(&l, table, mirror_at(o), list);
	while (table_list_next(&l))
		count++;
	*broken = l.broken;
	return count;
}

Test(table, lists_end_and_do_not_lead_astray)
{
	static struct thing a, b;
	static struct node *slots[3];
	static struct owner o;
	const struct snag_rt_list circle = { .head = FIELD(struct owner, head, SNAG_RT_INLINE),
					     .node = offsetof(struct thing, link),
					     .shape = SNAG_RT_CIRCLE };
	const struct snag_rt_list chain = { .head = FIELD(struct owner, first, SNAG_RT_POINTER),
					    .node = offsetof(struct thing, link),
					    .shape = SNAG_RT_CHAIN };
	const struct snag_rt_list vector = { .head = FIELD(struct owner, vector, SNAG_RT_POINTER),
					     .count = FIELD(struct owner, count, SNAG_RT_UINT),
					     .shape = SNAG_RT_VECTOR };
	struct table table = { 0 };
	struct mirror x;
	bool broken;

	mirror_open(&x);
	table.site = &x.site;
	o.head.next = &a.link;
	a.link.next = &b.link;
	b.link.next = &o.head;
	cr_expect_eq(walk(&table, &o, &circle, &broken), 2);
	cr_expect(!broken);
	/* never back at its head */
	b.link.next = &a.link;
	cr_expect_eq(walk(&table, &o, &circle, &broken), 2);
	cr_expect(broken);
	/* off into the wild */
	b.link.next = (struct node *)(uintptr_t)64;
	cr_expect_eq(walk(&table, &o, &circle, &broken), 2);
	cr_expect(broken);
	o.first = &a.link;
	b.link.next = NULL;
	cr_expect_eq(walk(&table, &o, &chain, &broken), 2);
	cr_expect(!broken);
	slots[0] = &a.link;
	slots[2] = &b.link;
	o.vector = slots;
	o.count = 3;
	cr_expect_eq(walk(&table, &o, &vector, &broken), 2);
	cr_expect(!broken);
	/* a count that nobody can mean */
	o.count = UINT32_MAX;
	slots[1] = &a.link;
	walk(&table, &o, &vector, &broken);
	cr_expect(broken);
	mirror_close(&x);
}
