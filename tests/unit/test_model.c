/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/model.h"

#include "model/syscalls.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>

Test(model, words_lead_there_and_back)
{
	for (int i = 0; i < WAIT_TYPE_COUNT; i++)
		cr_assert_eq(wait_type_from(wait_type_name(i)), i);
	for (int i = 0; i < VERDICT_KIND_COUNT; i++)
		cr_assert_eq(verdict_kind_from(verdict_kind_name(i)), i);
	for (int i = 0; i < CONFIDENCE_COUNT; i++)
		cr_assert_eq(confidence_from(confidence_name(i)), i);
	for (int i = 0; i < SPAWN_METHOD_COUNT; i++)
		cr_assert_eq(spawn_method_from(spawn_method_name(i)), i);
	cr_assert_eq(wait_type_from("pipe"), -1);
	cr_assert_str_eq(wait_type_name(WAIT_PIPE_READ), "pipe-read");
	cr_assert_eq(wait_type_from(""), -1);
}

Test(model, system_calls_have_the_names_of_the_kernel)
{
	cr_assert_str_eq(syscall_name(SYS_read), "read");
	cr_assert_str_eq(syscall_name(SYS_futex), "futex");
	cr_assert_str_eq(syscall_name(SYS_epoll_pwait2), "epoll_pwait2");
	cr_assert_str_eq(syscall_name(455), "futex_wait");
	cr_assert_null(syscall_name(-1));
	cr_assert_null(syscall_name(400));
	cr_assert_null(syscall_name(100000));
}

Test(model, elements_are_found_by_what_they_are)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = model_add_actor(m, 10, 7), b = model_add_actor(m, 11, 8);
	uint32_t t = model_add_thread(m, a, 10), u = model_add_thread(m, a, 12);
	uint32_t v = model_add_thread(m, b, 11);

	cr_assert_eq(model_find_pid(m, 11), b);
	cr_assert_eq(model_find_pid(m, 12), 0);
	cr_assert_eq(model_find_tid(m, 12), u);
	cr_assert_eq(model_actor(m, a)->first_thread, t);
	cr_assert_eq(model_actor(m, a)->thread_count, 2);
	cr_assert_eq(model_actor(m, b)->first_thread, v);
	cr_assert_eq(model_thread(m, u)->actor, a);
	cr_assert_eq(model_add_object(m, "pipe", "pipe:[1]"),
		     model_add_object(m, "pipe", "pipe:[1]"));
	cr_assert_eq(m->objects.count, 1);
	cr_assert_str_eq(model_str(m, 0), "");
}

Test(model, a_holder_is_kept_once)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = model_add_actor(m, 10, 7), o = model_add_object(m, "pipe", "pipe:[1]");
	uint32_t first = model_add_holder(m, o, a, 3, 1), other = model_add_holder(m, o, a, 4, 1);

	cr_assert_neq(first, other);
	cr_assert_eq(model_add_holder(m, o, a, 3, 2), first);
	cr_assert_eq(m->holders.at[first].mode, 3);
	cr_assert_eq(m->holders.at[first].used, -1);
	cr_assert_eq(m->holders.count, 2);
}

Test(model, a_holder_that_was_appended_is_found)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = model_add_actor(m, 10, 7), o = model_add_object(m, "pipe", "pipe:[1]");
	uint32_t first = model_append_holder(m, o, a, 3, 1),
		 other = model_add_holder(m, o, a, 4, 1);
	uint32_t third = model_append_holder(m, o, a, 5, 2);

	cr_assert_eq(model_add_holder(m, o, a, 3, 2), first);
	cr_assert_eq(model_add_holder(m, o, a, 4, 2), other);
	cr_assert_eq(model_add_holder(m, o, a, 5, 1), third);
	for (uint32_t i = 0; i < 3; i++)
		cr_assert_eq(m->holders.at[i].mode, 3);
	cr_assert_eq(m->holders.count, 3);
}

Test(model, holders_are_grouped_by_object)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t objects[50], count;

	for (int i = 0; i < 20; i++)
		model_add_actor(m, 100 + i, 1);
	for (uint32_t i = 0; i < 50; i++) {
		char key[16];

		snprintf(key, sizeof(key), "pipe:[%u]", i);
		objects[i] = model_add_object(m, "pipe", key);
	}
	/* Interleaved, and object i has i % 20 holders: some none. */
	for (uint32_t h = 0; h < 20; h++)
		for (uint32_t i = 0; i < 50; i++)
			if (h < i % 20)
				model_add_holder(m, objects[i], h + 1, 3, 1);
	model_index(m);
	for (uint32_t i = 0; i < 50; i++) {
		const uint32_t *at = model_holders(m, objects[i], &count);

		cr_assert_eq(count, i % 20);
		for (uint32_t h = 0; h < count; h++) {
			cr_assert_eq(m->holders.at[at[h]].object, objects[i]);
			cr_assert_eq(m->holders.at[at[h]].actor, h + 1);
		}
	}
}

Test(model, an_index_of_a_bare_model_finds_as_before)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = model_add_actor(m, 10, 7), t = model_add_thread(m, a, 10), count;
	uint32_t o = model_add_object(m, "pipe", "pipe:[1]");
	struct finding f = { .kind = strtab_add(m->strings, "zombie"), .actor = a, .fd = -1 };

	model_add_holder(m, o, a, 3, 1);
	model_add_finding(m, f);
	map_release(&m->by_pid);
	map_release(&m->by_tid);
	map_release(&m->by_key);
	map_release(&m->holder_ids);
	map_release(&m->finding_ids);
	model_index(m);
	cr_assert_eq(model_find_pid(m, 10), a);
	cr_assert_eq(model_find_tid(m, 10), t);
	cr_assert_eq(model_add_object(m, "pipe", "pipe:[1]"), o);
	model_add_holder(m, o, a, 3, 1);
	model_add_finding(m, f);
	cr_assert_eq(m->holders.count, 1);
	cr_assert_eq(m->findings.count, 1);
	cr_assert_eq(*model_holders(m, o, &count), 0);
	cr_assert_eq(count, 1);
}

Test(model, terms_of_a_wait_stand_side_by_side)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t t = model_add_thread(m, model_add_actor(m, 10, 7), 10);
	uint32_t w = model_add_wait(m, t, 0), item = model_add_wait(m, t, w);

	model_add_term(m, item, (struct term){ .kind = TERM_NEVER, .id = 99 });
	model_add_term(m, w, (struct term){ .kind = TERM_WAIT, .id = item });
	model_add_term(m, w, (struct term){ .kind = TERM_TIME });
	cr_assert_eq(model_wait(m, w)->first_term, 1);
	cr_assert_eq(model_wait(m, w)->term_count, 2);
	cr_assert_eq(model_wait(m, item)->first_term, 0);
	cr_assert_eq(model_wait(m, item)->parent, w);
	cr_assert_eq(m->terms.at[0].id, 0, "a term that names nothing has no id");
	cr_assert_eq(m->terms.at[1].id, item);
	cr_assert_eq(model_wait(m, w)->need, 1);
	cr_assert_eq(model_wait(m, w)->fd, -1);
	cr_assert_eq(model_wait(m, w)->since_ms, UINT64_MAX);
}

Test(model, findings_and_notes_are_kept_once)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t kind = strtab_add(m->strings, "signal-blocked");

	model_add_finding(m, (struct finding){ .kind = kind, .fd = -1, .signal = 15 });
	model_add_finding(m, (struct finding){ .kind = kind, .fd = -1, .signal = 15 });
	model_add_finding(m, (struct finding){ .kind = kind, .fd = -1, .signal = 2 });
	model_add_finding(m, (struct finding){ .kind = kind, .fd = 3, .signal = 2 });
	cr_assert_eq(m->findings.count, 3);
	model_add_missing(m, "a");
	model_add_missing(m, "b");
	model_add_missing(m, "a");
	cr_assert_eq(m->missing.count, 2);
}
