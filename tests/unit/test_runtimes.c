/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runtimes are given of a process: here it is this one.
 */
#include "runtimes/runtime.h"

#include "lib/unit_mirror.h"
#include "lib/unit_python.h"
#include "model/frames.h"
#include "model/from_read.h"
#include "read/reader.h"
#include "waits/task/task.h"
#include "waits/wait.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

Test(runtimes, memory_is_kept_until_it_is_forgotten)
{
	static char data[3 * PAGE];
	char got[2 * PAGE];
	struct mirror x;

	memset(data, 'a', sizeof(data));
	mirror_open(&x);
	cr_assert_eq(runtime_read(&x.site, mirror_at(data) + 100, got, sizeof(got)), 0);
	cr_expect_eq(got[0], 'a');
	cr_expect_eq(got[sizeof(got) - 1], 'a');
	data[100] = 'b';
	cr_assert_eq(runtime_read(&x.site, mirror_at(data) + 100, got, 1), 0);
	cr_expect_eq(got[0], 'a', "a page is read once");
	runtime_forget(&x.site);
	cr_assert_eq(runtime_read(&x.site, mirror_at(data) + 100, got, 1), 0);
	cr_expect_eq(got[0], 'b');
	mirror_close(&x);
}

Test(runtimes, wild_addresses_are_no_memory)
{
	char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mirror x;
	char got[64];

	cr_assert_neq(none, MAP_FAILED);
	mirror_open(&x);
	cr_expect_eq(runtime_read(&x.site, 0, got, 1), -EFAULT);
	cr_expect_eq(runtime_read(&x.site, mirror_at(none), got, 1), -EFAULT);
	cr_expect_eq(runtime_read(&x.site, UINT64_MAX - 8, got, sizeof(got)), -EFAULT);
	cr_expect_eq(runtime_read(&x.site, 1ull << 60, got, 1), -EFAULT);
	mirror_close(&x);
	munmap(none, PAGE);
}

/* A text may be the last thing before a hole. */
Test(runtimes, texts_end_with_their_zero_or_are_cut)
{
	char *two =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char got[64];
	struct mirror x;

	cr_assert_neq(two, MAP_FAILED);
	strcpy(two + PAGE - 6, "short");
	memset(two, 'x', 128);
	cr_assert_eq(mprotect(two + PAGE, PAGE, PROT_NONE), 0);
	mirror_open(&x);
	cr_assert_eq(runtime_read_text(&x.site, mirror_at(two) + PAGE - 6, got, sizeof(got)), 0);
	cr_expect_str_eq(got, "short");
	cr_assert_eq(runtime_read_text(&x.site, mirror_at(two), got, 8), 0);
	cr_expect_str_eq(got, "xxxxxxx");
	two[PAGE - 1] = 'y';
	runtime_forget(&x.site);
	cr_expect_eq(runtime_read_text(&x.site, mirror_at(two) + PAGE - 1, got, sizeof(got)),
		     -EFAULT);
	mirror_close(&x);
	munmap(two, 2 * PAGE);
}

Test(runtimes, a_mapped_file_is_opened_once)
{
	const struct map_area *code;
	struct code_file *f;
	struct mirror x;

	mirror_open(&x);
	code = maps_find(x.maps, mirror_at((const void *)(uintptr_t)mirror_open));
	cr_assert_not_null(code);
	f = runtime_file(&x.site, code);
	cr_assert_not_null(f->elf, "%s", f->missing);
	cr_expect_eq(f->elf->runtime_table, 0, "this program has no descriptor");
	cr_expect_eq(runtime_file(&x.site, code), f);
	mirror_close(&x);
}

/* What was found in one process holds for another one of the same program, mapped the same. */
Test(runtimes, a_note_is_for_those_who_have_the_same_file_there)
{
	struct runtime_note note = { .words = { 1, 2, 3, 4 } }, got;
	const struct map_area *code;
	struct map_area query;
	struct mirror x;

	mirror_open(&x);
	code = maps_find(x.maps, mirror_at((const void *)(uintptr_t)mirror_open));
	cr_assert_not_null(code);
	_cleanup_close_ int fd = maps_open(getpid());
	if (maps_query(fd, code->start, &query, NULL, 0) == -ENOTTY)
		cr_skip_test("this kernel has no PROCMAP_QUERY");
	note.area = *code;
	runtime_note(&x.site, &note);
	cr_expect_not(runtime_recall(&x.site, &got), "nobody knows which program it runs");
	x.process.code = 7;
	cr_expect_not(runtime_recall(&x.site, &got), "no note is there yet");
	runtime_note(&x.site, &note);
	cr_assert(runtime_recall(&x.site, &got));
	cr_expect_arr_eq(got.words, note.words, sizeof(note.words));
	x.process.code = 8;
	cr_expect_not(runtime_recall(&x.site, &got), "that is another program");
	x.process.code = 7;
	note.area.offset += PAGE;
	runtime_note(&x.site, &note);
	cr_expect_not(runtime_recall(&x.site, &got), "another piece of the file is there");
	note.area = *code;
	note.area.ino++;
	runtime_note(&x.site, &note);
	cr_expect_not(runtime_recall(&x.site, &got), "another file is there");
	mirror_close(&x);
}

/* Those who need many pages get their neighbours with them, and the bytes are the same. */
Test(runtimes, neighbours_come_along)
{
	enum { PAGES = 128 };
	char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	struct mirror x;
	uint32_t got;

	cr_assert_neq(at, MAP_FAILED);
	for (uint32_t i = 0; i < PAGES; i++)
		if (i % 2)
			memcpy(at + i * PAGE, &i, sizeof(i));
	mirror_open(&x);
	for (uint32_t i = 0; i < PAGES; i++) {
		cr_assert_eq(runtime_read(&x.site, mirror_at(at) + i * PAGE, &got, sizeof(got)), 0);
		cr_expect_eq(got, i % 2 ? i : 0, "page %u", i);
	}
	mirror_close(&x);
	munmap(at, PAGES * PAGE);
}

/* One look at an interpreter as far as its waits; `begun`: so often before these are known. */
static struct model *look(struct runtimes *all, int32_t tgid, int begun)
{
	const struct read_scope scope = { .roots = &tgid, .root_count = 1 };
	_cleanup_reader_ struct reader *r = NULL;
	_cleanup_snapshot_ struct snapshot *s = NULL;
	struct model *m = NULL;

	cr_assert_eq(reader_open("procfs", &r, NULL), 0);
	cr_assert_eq(reader_begin(r, &scope, &s, NULL), 0);
	reader_details(r, s);
	do {
		model_free(m);
		m = model_new();
		model_from_read(m, s);
		if (begun)
			runtimes_begin(all, s, m);
	} while (begun-- > 1);
	cr_assert_eq(reader_files(r, s, NULL), 0);
	_cleanup_wait_ctx_ struct wait_ctx *c = wait_ctx_new(s, m);
	waits_decode(c);
	runtimes_read(all, s, m);
	waits_decode_tasks(c);
	return m;
}

/*
 * Interpreters are read before the waits are known and what has to do with waits after it, or all
 * at once, which comes to the same; what was begun for a model that is gone is no more.
 */
Test(runtimes, what_was_begun_is_gone_on_with, .timeout = 120)
{
	_cleanup_runtimes_ struct runtimes *all = runtimes_new();
	struct python py;

	python_need();
	cr_assert(python_at(0, &py));
	python_start(&py, "import threading\n"
			  "def hold(lock, held):\n"
			  "    lock.acquire()\n"
			  "    held.set()\n"
			  "    threading.Event().wait()\n"
			  "def main(lock, held):\n"
			  "    threading.Thread(target=hold, args=(lock, held)).start()\n"
			  "    held.wait()\n"
			  "    print('held', flush=True)\n"
			  "    lock.acquire()\n"
			  "main(threading.RLock(), threading.Event())\n");
	python_line(&py);
	python_wait(&py, SYS_futex);
	for (int begun = 0; begun <= 2; begun++) {
		_cleanup_model_ struct model *m = look(all, py.tgid, begun);
		uint32_t thread = model_find_tid(m, py.tgid), count = 0;
		const struct wait *w = model_wait(m, model_thread(m, thread)->wait);

		cr_expect(model_script_frames(m, thread, &count));
		cr_expect_eq(count, 2, "begun %d times: %u frames", begun, count);
		cr_expect_eq(w->kind, WAIT_MUTEX, "begun %d times: %s", begun,
			     wait_type_name(w->kind));
		cr_expect_eq(w->term_count, 1, "the holder, %d times begun", begun);
	}
	python_end(&py);
}
