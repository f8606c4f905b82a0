/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/frames.h"

#include <criterion/criterion.h>

static struct model *with_threads(uint32_t count)
{
	struct model *m = model_new();
	uint32_t actor = model_add_actor(m, 7, 1);

	for (uint32_t i = 0; i < count; i++)
		model_add_thread(m, actor, 7 + (int32_t)i);
	return m;
}

Test(frames, each_thread_has_its_own_in_order)
{
	_cleanup_model_ struct model *m = with_threads(3);
	uint32_t here = model_add_code(m, (struct code){ .address = 1, .inlined_count = 9 });
	uint32_t there = model_add_code(m, (struct code){ .address = 2 }), count;
	const struct frame *f;

	for (uint64_t pc = 10; pc < 13; pc++)
		cr_assert(model_add_frame(m, 3, (struct frame){ .pc = pc, .code = there }));
	cr_assert(model_add_frame(m, 1, (struct frame){ .pc = 99, .code = here }));
	f = model_frames(m, 3, &count);
	cr_assert_eq(count, 3);
	for (uint32_t i = 0; i < count; i++)
		cr_expect_eq(f[i].pc, 10 + i);
	f = model_frames(m, 1, &count);
	cr_assert_eq(count, 1);
	cr_expect_eq(f->pc, 99);
	cr_expect_null(model_frames(m, 2, &count));
	cr_expect_eq(count, 0);
	cr_expect_eq(model_code(m, here)->inlined_count, 0, "nothing was inlined there yet");
}

Test(frames, what_is_inlined_belongs_to_the_last_place)
{
	_cleanup_model_ struct model *m = with_threads(1);
	uint32_t a = model_add_code(m, (struct code){ .address = 1 }), b;

	model_add_inlined(m, (struct inlined){ .line = 5 });
	b = model_add_code(m, (struct code){ .address = 2 });
	model_add_inlined(m, (struct inlined){ .line = 6 });
	model_add_inlined(m, (struct inlined){ .line = 7 });
	cr_expect_eq(model_code(m, a)->inlined_count, 1);
	cr_expect_eq(model_code(m, b)->first_inlined, 1);
	cr_expect_eq(model_code(m, b)->inlined_count, 2);
	cr_expect_eq(m->inlined.at[model_code(m, b)->first_inlined].line, 6);
}

Test(frames, there_is_an_end_to_them)
{
	_cleanup_model_ struct model *m = with_threads(2);
	uint32_t code = model_add_code(m, (struct code){ .address = 1 });
	struct frame f = { .pc = 1, .code = code };
	uint32_t n = 0;

	while (model_add_frame(m, 1, f))
		n++;
	cr_expect_eq(n, FRAMES_MAX);
	cr_expect(!model_add_frame(m, 2, f));
	cr_expect_eq(model_thread(m, 2)->frame_count, 0);
}

Test(frames, kernel_functions_by_thread)
{
	_cleanup_model_ struct model *m = with_threads(2);

	cr_assert(model_add_kernel_frame(m, 2, "futex_wait+0x10"));
	cr_assert(model_add_kernel_frame(m, 2, "do_futex+0x20"));
	cr_assert(model_add_kernel_frame(m, 1, "pipe_read+0x30"));
	cr_expect_eq(model_thread(m, 2)->kernel_count, 2);
	cr_expect_str_eq(model_str(m, m->kernel_frames.at[model_thread(m, 1)->first_kernel]),
			 "pipe_read+0x30");
}
