/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/redact.h"

#include "lib/unit_hang.h"
#include "model/frames.h"

#include <criterion/criterion.h>

static const uint8_t key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static struct model *redacted(void)
{
	struct model *m = hang_model();

	m->verdict.summary = strtab_add(m->strings,
					"make[810] opens /home/ann/src and /tmp/x, then "
					"/home/ann/fifo (fd 7); rw 1/2");
	model_redact(m, key);
	return m;
}

Test(redact, no_path_and_no_argument_is_left)
{
	static const char *const secrets[] = { "ann",	   "/home", "/tmp",	  "/usr", "fifo",
					       "infinity", "-j8",   "user.slice", "src" };
	_cleanup_model_ struct model *m = redacted();

	for (uint32_t id = 1; id <= strtab_count(m->strings); id++)
		for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
			cr_assert_null(strstr(model_str(m, id), secrets[i]), "%s in %s", secrets[i],
				       model_str(m, id));
}

Test(redact, what_is_no_secret_stays)
{
	_cleanup_model_ struct model *m = redacted();

	cr_assert_str_eq(model_str(m, model_actor(m, 2)->name), "python3");
	cr_assert_str_eq(model_str(m, model_actor(m, 2)->runtime), "cpython 3.11.2");
	cr_assert_str_eq(model_str(m, model_wait(m, 1)->text), "waiting for python3[811] to exit");
	cr_assert_str_eq(model_str(m, model_wait(m, 2)->text), "reading pipe:[123] (fd 0)");
	cr_assert_str_eq(model_str(m, model_object(m, 1)->key), "pipe:[123]");
	cr_assert_eq(map_get(&m->by_key, model_object(m, 1)->key, 0), 1);
	cr_assert_not_null(strstr(model_str(m, m->verdict.summary), "rw 1/2"));
	cr_assert_not_null(strstr(model_str(m, model_object(m, 1)->detail), "\"buffered\":0"));
}

Test(redact, stacks_keep_their_functions_and_lose_their_files)
{
	_cleanup_model_ struct model *m = hang_model();
	struct code code = { .symbol = strtab_add(m->strings, "wait_for_it"),
			     .module = strtab_add(m->strings, "/home/ann/bin/tool"),
			     .missing = strtab_add(m->strings, "no /home/ann/tool.debug"),
			     .file = strtab_add(m->strings, "../ann/tool.c") };

	model_add_frame(m, 1, (struct frame){ .pc = 1, .code = model_add_code(m, code) });
	model_add_inlined(m, (struct inlined){ .symbol = code.symbol, .file = code.file });
	model_add_code(m, (struct code){ .module = strtab_add(m->strings, "[vdso]") });
	model_add_kernel_frame(m, 1, "pipe_read+0x10");
	m->threads.at[0].stack_end = strtab_add(m->strings, "file not readable: /home/ann/x");
	m->threads.at[0].stack_why = code.missing;
	model_redact(m, key);
	for (uint32_t id = 1; id <= strtab_count(m->strings); id++)
		cr_expect_null(strstr(model_str(m, id), "ann"), "%s", model_str(m, id));
	cr_expect_str_eq(model_str(m, m->codes.at[0].symbol), "wait_for_it");
	cr_expect_eq(model_str(m, m->codes.at[0].module)[0], '#');
	cr_expect_str_eq(model_str(m, m->codes.at[1].module), "[vdso]");
	cr_expect_str_eq(model_str(m, m->kernel_frames.at[0]), "pipe_read+0x10");
}

Test(redact, equal_stays_equal)
{
	_cleanup_model_ struct model *m = redacted();
	const char *label = model_str(m, model_object(m, 1)->label);
	const char *argv = model_str(m, model_actor(m, 1)->argv);

	cr_assert_eq(strlen(label), 13);
	cr_assert_not_null(strstr(model_str(m, m->findings.at[0].text), label));
	cr_assert_not_null(strstr(model_str(m, m->verdict.summary), label));
	/* the third argument of make stands in the summary too */
	cr_assert_not_null(strstr(model_str(m, m->verdict.summary), strrchr(argv, '\x1f') + 1));
	cr_assert_eq(strlen(argv), 3 * 13 + 2);
}

Test(redact, another_key_gives_other_hashes)
{
	static const uint8_t other[REDACT_KEY_SIZE] = { 9 };
	_cleanup_model_ struct model *a = hang_model(), *b = hang_model();

	model_redact(a, key);
	model_redact(b, other);
	cr_assert_str_neq(model_str(a, model_actor(a, 3)->exe),
			  model_str(b, model_actor(b, 3)->exe));
}

/* By an implementation that gives the vector of the paper, a129ca6149be45e5 for 00..0e. */
Test(redact, the_hash_is_siphash)
{
	_cleanup_model_ struct model *m = model_new();

	model_actor(m, tree_actor(m, 1, "x", 0))->exe =
		strtab_add(m->strings, "/usr/bin/python3.11");
	model_actor(m, tree_actor(m, 2, "y", 0))->exe = strtab_add(m->strings, "12345678");
	model_redact(m, key);
	cr_assert_str_eq(model_str(m, model_actor(m, 1)->exe), "#704b6b7f90a6");
	cr_assert_str_eq(model_str(m, model_actor(m, 2)->exe), "#02130609caea");
}

Test(redact, an_empty_model)
{
	_cleanup_model_ struct model *m = model_new();

	model_redact(m, key);
	cr_assert_eq(strtab_count(m->strings), 0);
}
