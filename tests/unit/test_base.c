/* SPDX-License-Identifier: BSD-2-Clause */
/* base/: what every layer above relies on without looking. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/strtab.h"
#include "base/vec.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- error.h --------------------------------------------------------------------------------- */

Test(base_error, line_grows_at_its_front)
{
	struct snag_error err = SNAG_ERROR_INIT;
	int rc = error_set(&err, -EACCES, "%s: %m", "/proc/7/maps");

	cr_assert_eq(rc, -EACCES);
	rc = error_at(&err, rc, "unwinding tid %d", 7);
	cr_assert_eq(rc, -EACCES);
	cr_assert_str_eq(err.text, "unwinding tid 7: /proc/7/maps: Permission denied");
}

Test(base_error, too_long_is_cut_and_terminated)
{
	struct snag_error err = SNAG_ERROR_INIT;
	char text[2 * sizeof(err.text)];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cr_assert_eq(error_set(&err, -EIO, "%s", text), -EIO);
	cr_assert_eq(strlen(err.text), sizeof(err.text) - 1);
	cr_assert_eq(error_at(&err, -EIO, "reading"), -EIO);
	cr_assert_eq(strlen(err.text), sizeof(err.text) - 1);
	cr_assert_eq(strncmp(err.text, "reading: xxx", 12), 0);
	cr_assert_eq(error_at(&err, -EIO, "%s", text), -EIO);
	cr_assert_eq(strlen(err.text), sizeof(err.text) - 1);
}

Test(base_error, nobody_listens)
{
	cr_assert_eq(error_set(NULL, -EIO, "x"), -EIO);
	cr_assert_eq(error_at(NULL, -EIO, "x"), -EIO);
}

/* ---- alloc.h --------------------------------------------------------------------------------- */

Test(base_alloc, zeroed_and_copied)
{
	_cleanup_free_ unsigned char *zero = xcalloc(100, 3);
	_cleanup_free_ char *copy = xstrdup("abc");
	_cleanup_free_ char *part = xstrndup("abcdef", 2);
	_cleanup_free_ char *text = xasprintf("%d-%s", 7, "x");

	for (int i = 0; i < 300; i++)
		cr_assert_eq(zero[i], 0);
	cr_assert_str_eq(copy, "abc");
	cr_assert_str_eq(part, "ab");
	cr_assert_str_eq(text, "7-x");
	text = xreallocarray(text, 100, 10);
	cr_assert_str_eq(text, "7-x");
}

/* A size that no machine has. Not a constant, or the compiler refuses it. */
static size_t half(void)
{
	volatile size_t all = SIZE_MAX;

	return all / 2;
}

/* The exit status and the words on stderr of a child that runs out of memory. */
static int run_out(bool array, char *text, size_t size)
{
	ssize_t n, len = 0;
	int status, fds[2];
	pid_t pid;

	cr_assert_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		if (array)
			free(xreallocarray(NULL, half(), 4));
		else
			free(xcalloc(half(), 4));
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], text + len, size - 1 - (size_t)len)) > 0)
		len += n;
	text[len] = '\0';
	close(fds[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

Test(base_alloc, out_of_memory_and_overflow_end_the_program)
{
#ifdef __SANITIZE_ADDRESS__
	cr_skip_test("the sanitizer's allocator ends the program itself");
#endif
	for (int i = 0; i < 2; i++) {
		char text[4096];
		int status = run_out(i == 1, text, sizeof(text));

		cr_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0, "went on");
		cr_assert_gt(strlen(text), 0, "ended without a word");
	}
}

/* ---- strbuf.h -------------------------------------------------------------------------------- */

Test(base_strbuf, grows)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	char want[5001] = "";

	cr_assert_str_eq(strbuf_str(&b), "");
	for (int i = 0; i < 1000; i++) {
		strbuf_addf(&b, "%05d", i);
		snprintf(want + 5 * i, 6, "%05d", i);
	}
	cr_assert_str_eq(strbuf_str(&b), want);
	cr_assert_eq(b.len, 5000);
	strbuf_addf(&b, "%s", want);
	cr_assert_eq(b.len, 10000);
	cr_assert_str_eq(b.s + 5000, want);
	strbuf_reset(&b);
	cr_assert_str_eq(strbuf_str(&b), "");
	cr_assert_eq(b.len, 0);
	strbuf_adds(&b, "ab");
	strbuf_addn(&b, "cdef", 2);
	strbuf_addn(&b, "", 0);
	strbuf_addc(&b, '!');
	cr_assert_str_eq(strbuf_str(&b), "abcd!");
}

/* Once as strbuf_addf() does it, once as the C library does. */
#define cr_assert_same_text(...)                                                                   \
	do {                                                                                       \
		_cleanup_strbuf_ struct strbuf _text = STRBUF_INIT;                                \
		char _want[256];                                                                   \
                                                                                                   \
		snprintf(_want, sizeof(_want), __VA_ARGS__);                                       \
		strbuf_adds(&_text, ">");                                                          \
		strbuf_addf(&_text, __VA_ARGS__);                                                  \
		cr_assert_str_eq(_text.s + 1, _want);                                              \
		cr_assert_eq(_text.len, strlen(_want) + 1);                                        \
	} while (0)

Test(base_strbuf, writes_what_printf_does)
{
	cr_assert_same_text("plain");
	cr_assert_same_text("%d %d %d %d", 0, -1, INT32_MIN, INT32_MAX);
	cr_assert_same_text("%u %lu %llu", UINT32_MAX, ULONG_MAX, ULLONG_MAX);
	cr_assert_same_text("%ld, %lld%s", LONG_MIN, LLONG_MIN, "!");
	cr_assert_same_text("%s%s", "", "two of them");
	/* part of the text is written before it shows that printf is needed after all */
	cr_assert_same_text("%s of %d: 0x%llx, %.3s, %5d %% %c", "a", 7, 255ULL, "abcdef", 3, 'c');
	cr_assert_same_text("%u %zu %hhu %g", 1U, (size_t)2, (unsigned char)3, 0.5);
}

Test(base_strbuf, steal_leaves_it_empty)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *nothing = strbuf_steal(&b);

	cr_assert_str_eq(nothing, "");
	strbuf_adds(&b, "mine");
	_cleanup_free_ char *text = strbuf_steal(&b);
	cr_assert_str_eq(text, "mine");
	cr_assert_str_eq(strbuf_str(&b), "");
	strbuf_adds(&b, "again");
	cr_assert_str_eq(text, "mine");
}

/* ---- strtab.h -------------------------------------------------------------------------------- */

Test(base_strtab, once_each_and_they_do_not_move)
{
	_cleanup_strtab_ struct strtab *t = strtab_new();
	uint32_t first = strtab_add(t, "first");
	const char *text = strtab_get(t, first);

	cr_assert_eq(strtab_add(t, NULL), 0);
	cr_assert_null(strtab_get(t, 0));
	for (int i = 0; i < 5000; i++)
		cr_assert_eq(strtab_addf(t, "s%d", i), first + 1 + (uint32_t)i);
	for (int i = 0; i < 5000; i++)
		cr_assert_eq(strtab_addf(t, "s%d", i), first + 1 + (uint32_t)i);
	cr_assert_eq(strtab_count(t), 5001);
	cr_assert_eq(strtab_get(t, first), text);
	cr_assert_str_eq(text, "first");
	cr_assert_str_eq(strtab_get(t, first + 1 + 4711), "s4711");
}

Test(base_strtab, parts)
{
	_cleanup_strtab_ struct strtab *t = strtab_new();
	uint32_t ab = strtab_add(t, "ab");

	cr_assert_eq(strtab_addn(t, "abc", 2), ab);
	cr_assert_eq(strtab_addn(t, "ab\0c", 4), ab);
	cr_assert_neq(strtab_addn(t, "abc", 3), ab);
	cr_assert_str_eq(strtab_get(t, strtab_add(t, "")), "");
	cr_assert_neq(strtab_add(t, ""), 0);
}

Test(base_strtab, appended_strings_are_not_looked_for)
{
	_cleanup_strtab_ struct strtab *t = strtab_new();
	uint32_t found = strtab_add(t, "same"), first = strtab_append(t, "same", 100);

	cr_assert_eq(strtab_append(t, "same again", 4), first + 1);
	cr_assert_eq(strtab_add(t, "same"), found);
	cr_assert_str_eq(strtab_get(t, first), "same");
	cr_assert_str_eq(strtab_get(t, first + 1), "same");
	cr_assert_eq(strtab_count(t), 3);
}

/* ---- map.h ----------------------------------------------------------------------------------- */

Test(base_map, finds_what_was_put)
{
	_cleanup_map_ struct map m = MAP_INIT;
	uint32_t value = 77;

	cr_assert_not(map_find(&m, 3, &value));
	cr_assert_eq(map_get(&m, 3, 9), 9);
	for (uint32_t i = 0; i < 20000; i++)
		map_put(&m, map_pair(i % 100, i / 100), i);
	cr_assert_eq(m.count, 20000);
	for (uint32_t i = 0; i < 20000; i++)
		cr_assert_eq(map_get(&m, map_pair(i % 100, i / 100), UINT32_MAX), i);
	cr_assert_not(map_find(&m, map_pair(100, 0), &value));
	cr_assert_eq(value, 77, "a failed look-up touched the value");
	map_put(&m, map_pair(5, 5), 1234);
	cr_assert_eq(m.count, 20000);
	cr_assert(map_find(&m, map_pair(5, 5), NULL));
	cr_assert_eq(map_get(&m, map_pair(5, 5), 0), 1234);
}

Test(base_map, what_is_added_twice_keeps_its_value)
{
	_cleanup_map_ struct map m = MAP_INIT;

	cr_assert_eq(map_add(&m, 7, 1), 1);
	cr_assert_eq(map_add(&m, 7, 2), 1);
	cr_assert_eq(map_get(&m, 7, 0), 1);
	cr_assert_eq(m.count, 1);
}

Test(base_map, zero_is_a_key)
{
	_cleanup_map_ struct map m = MAP_INIT;

	cr_assert_not(map_find(&m, 0, NULL));
	map_put(&m, 0, 0);
	map_put(&m, UINT64_MAX, 1);
	cr_assert(map_find(&m, 0, NULL));
	cr_assert_eq(map_get(&m, UINT64_MAX, 9), 1);
	map_release(&m);
	cr_assert_not(map_find(&m, 0, NULL));
}

Test(base_map, has_room_for_what_was_announced)
{
	_cleanup_map_ struct map m = MAP_INIT;
	uint32_t cap;

	map_reserve(&m, 0);
	map_put(&m, 7, 1);
	map_reserve(&m, 1000);
	cap = m.cap;
	cr_assert_geq(cap, 2000);
	map_reserve(&m, 10);
	for (uint32_t i = 0; i < 1000; i++)
		map_put(&m, i, i);
	cr_assert_eq(m.cap, cap);
	cr_assert_eq(map_get(&m, 7, 0), 7);
	cr_assert_eq(m.count, 1000);
}

/* ---- vec.h, cleanup.h, log.h ----------------------------------------------------------------- */

struct point {
	int x, y;
};

Test(base_vec, new_elements_are_zero)
{
	VEC(struct point) v = VEC_INIT;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 1000; i++) {
			struct point *p = vec_push(&v);

			cr_assert_eq(p->x, 0);
			cr_assert_eq(p->y, 0);
			*p = (struct point){ i, -i - 1 };
		}
		cr_assert_eq(v.count, 1000);
		for (int i = 0; i < 1000; i++)
			cr_assert_eq(v.at[i].x + v.at[i].y, -1);
		v.count = 0; /* the second round reuses dirty memory */
	}
	vec_release(&v);
	cr_assert_eq(v.count, 0);
	cr_assert_null(v.at);
}

static int opened(bool keep)
{
	_cleanup_close_ int fd = dup(STDERR_FILENO);

	return keep ? steal_fd(&fd) : fd;
}

Test(base_cleanup, ownership_leaves_by_steal_only)
{
	int fd = opened(true);

	cr_assert_eq(close(fd), 0);
	fd = opened(false);
	cr_assert_eq(close(fd), -1);
	cr_assert_eq(errno, EBADF);
}

Test(base_log, tells_who_asked, .init = cr_redirect_stderr)
{
	log_info("not asked");
	log_set_level(1);
	cr_assert_eq(log_level(), 1);
	log_info("step %d", 1);
	log_debug("detail");
	log_set_level(2);
	log_debug("detail %d", 2);
	fflush(stderr);
	cr_assert_stderr_eq_str("snag: step 1\nsnag: detail 2\n");
}
