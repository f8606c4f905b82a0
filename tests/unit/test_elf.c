/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF files that are whole, cut, packed, elsewhere or gone: bytes, headers, and ways to a file. */
#include "unwind/elf/elf_file.h"

#include "base/alloc.h"
#include "lib/unit_child.h"
#include "lib/unit_elf.h"
#include "lib/unit_fuse.h"
#include "unwind/elf/debug_file.h"
#include "unwind/elf/files.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <zlib.h>

static int temp_file(const void *data, size_t len)
{
	int fd = memfd_create("unit", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, data, len), (ssize_t)len);
	return fd;
}

Test(elf, bytes_of_a_file_are_those_of_the_file)
{
	size_t len = 300000;
	_cleanup_free_ uint8_t *data = xmalloc(len);
	_cleanup_bytes_ struct bytes *b = NULL;
	const uint8_t *first;
	uint64_t got = 0;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	b = bytes_of_fd(temp_file(data, len), len);
	first = bytes_at(b, 100000, 10);
	cr_assert_not_null(first);
	cr_assert_leq(bytes_read_count(b), 4096u, "no more than a block");
	for (size_t i = 0; i < len; i += 4097)
		cr_assert_arr_eq(bytes_at(b, i, 1), data + i, 1);
	cr_assert_arr_eq(bytes_at(b, 0, len), data, len);
	cr_assert_eq(bytes_at(b, 100000, 10), first, "it does not move");
	cr_assert_null(bytes_at(b, 0, len + 1));
	cr_assert_null(bytes_at(b, len + 1, 0));
	cr_assert_null(bytes_at(b, UINT64_MAX, 2));
	cr_assert_null(bytes_at(b, 2, UINT64_MAX));
	cr_assert_not_null(bytes_upto(b, len - 5, 100, &got));
	cr_assert_eq(got, 5u);
	cr_assert_null(bytes_upto(b, len, 100, &got));
}

Test(elf, a_file_that_is_cut_while_it_is_read)
{
	char data[100000] = "";
	int fd = temp_file(data, sizeof(data));
	_cleanup_bytes_ struct bytes *b = bytes_of_fd(fd, sizeof(data));

	cr_assert_not_null(bytes_at(b, 0, 100));
	cr_assert_eq(ftruncate(fd, 20000), 0);
	cr_assert_null(bytes_at(b, 50000, 100));
	cr_assert_not_null(bytes_why(b));
	cr_assert_not_null(bytes_at(b, 0, 100), "what was read stays");
	bytes_close(b);
	cr_assert_null(bytes_at(b, 70000, 100));
	cr_assert_not_null(bytes_at(b, 0, 100));
}

Test(elf, headers_segments_and_sections)
{
	struct unit_elf e = UNIT_ELF_INIT;
	_cleanup_elf_file_ struct elf_file *f = NULL;
	static const char note[] = "\4\0\0\0\5\0\0\0\3\0\0\0GNU\0\1\2\3\4\5\0\0\0";
	uint64_t text, note_addr, offset, left, addr;

	text = unit_elf_section(&e, ".text", SHT_PROGBITS, "0123456789", 10);
	note_addr = unit_elf_section(&e, ".note", SHT_NOTE, note, sizeof(note) - 1);
	unit_elf_segment(&e, PT_NOTE, note_addr, sizeof(note) - 1);
	unit_elf_finish(&e);
	f = elf_file_new(unit_elf_bytes(&e));
	cr_assert_null(f->missing);
	cr_assert(f->exec);
	cr_assert_eq(f->load_count, 1u);
	cr_assert_eq(f->build_id_len, 5u);
	cr_assert_arr_eq(f->build_id, "\1\2\3\4\5", 5);
	cr_assert_eq(elf_section(f, ".text", 0)->addr, text);
	cr_assert_eq(elf_section(f, NULL, SHT_NOTE)->addr, note_addr);
	cr_assert_null(elf_section(f, ".tex", 0));
	cr_assert_arr_eq(elf_at(f, text, 10), "0123456789", 10);
	cr_assert(elf_addr_to_offset(f, text, &offset, &left));
	cr_assert_eq(offset, text - UNIT_ELF_BASE);
	cr_assert(elf_mapped_at(f, offset, &addr));
	cr_assert_eq(addr, text);
	cr_assert_null(elf_at(f, UNIT_ELF_BASE + e.file.len - 5, 6));
	cr_assert_not(elf_addr_to_offset(f, UNIT_ELF_BASE - 1, &offset, &left));
	cr_assert_not(elf_mapped_at(f, e.file.len, &addr));
	unit_elf_release(&e);
}

/* As lld packs them: the page of the file in which code begins belongs to two segments. */
Test(elf, segments_that_share_a_page)
{
	struct unit_elf e = UNIT_ELF_INIT;
	_cleanup_elf_file_ struct elf_file *f = NULL;
	char text[8192] = "";
	uint64_t addr;

	unit_elf_section(&e, ".text", SHT_PROGBITS, text, sizeof(text));
	unit_elf_segment(&e, PT_LOAD, UNIT_ELF_BASE + 0x1234, 0x1000);
	e.segments[0].p_vaddr += 0x1000;
	e.segments[0].p_flags = PF_R | PF_X;
	unit_elf_finish(&e);
	((Elf64_Phdr *)(e.file.s + sizeof(Elf64_Ehdr)))[1].p_flags = PF_R;
	f = elf_file_new(unit_elf_bytes(&e));
	cr_assert(elf_mapped_at(f, 0x1000, &addr));
	cr_assert_eq(addr, UNIT_ELF_BASE + 0x2000u);
	cr_assert(elf_mapped_at(f, 0x2000, &addr));
	cr_assert_eq(addr, UNIT_ELF_BASE + 0x3000u);
	cr_assert(elf_mapped_at(f, 0, &addr));
	cr_assert_eq(addr, UNIT_ELF_BASE + 0u);
	unit_elf_release(&e);
}

/* Every prefix of a file, and every byte of its headers changed: never more than a refusal. */
Test(elf, cut_and_changed_files)
{
	struct unit_elf e = UNIT_ELF_INIT;
	uint32_t whole = 0;

	unit_elf_section(&e, ".text", SHT_PROGBITS, "0123456789", 10);
	unit_elf_symbol(&e, "f", UNIT_ELF_BASE, 1, STT_FUNC);
	unit_elf_finish(&e);
	for (size_t len = 0; len <= e.file.len; len += 1 + len / 97) {
		void *copy = xmalloc(len ? len : 1);
		_cleanup_elf_file_ struct elf_file *f = NULL;

		memcpy(copy, e.file.s, len);
		f = elf_file_new(bytes_of_memory(copy, len));
		whole += !f->missing;
		cr_assert(len >= 64 || f->missing);
	}
	cr_assert_gt(whole, 0u);
	for (size_t at = 0; at < 64 + 2 * 56; at++)
		for (int value = 0; value < 256; value += 51) {
			uint8_t *copy = xmalloc(e.file.len);
			_cleanup_elf_file_ struct elf_file *f = NULL;

			memcpy(copy, e.file.s, e.file.len);
			copy[at] = (uint8_t)value;
			f = elf_file_new(bytes_of_memory(copy, e.file.len));
			cr_assert(at >= 4 || copy[at] == (uint8_t)e.file.s[at] || f->missing);
		}
	unit_elf_release(&e);
}

/* ---- ways to a file -------------------------------------------------------------------------- */

static void wait_for_ever(void *arg)
{
	(void)arg;
	pause();
}

/* Open the file that is mapped at `addr` of the child. */
static struct code_file *open_at(struct files *t, int32_t tgid, const void *addr)
{
	_cleanup_maps_ struct maps *maps = NULL;
	const struct map_area *area;
	struct file_place place;
	const char *path;
	uint32_t id;

	cr_assert_eq(maps_read(tgid, false, &maps, NULL), 0);
	area = maps_find(maps, (uintptr_t)addr);
	cr_assert_not_null(area);
	path = strtab_get(maps->strings, area->path);
	place = (struct file_place){ .tgid = tgid, .area = area, .path = path ? path : "" };
	id = files_add(t, &place);
	cr_assert_eq(files_add(t, &place), id, "known now");
	cr_assert_eq(files_open(t, &place)->id, id);
	return files_get(t, id);
}

/* A file of `e`, mapped into us and so into the child, and then gone. */
static void *map_and_delete(const struct unit_elf *e)
{
	char path[] = "/tmp/snag-unit-XXXXXX";
	int fd = mkstemp(path);
	void *at;

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, e->file.s, e->file.len), (ssize_t)e->file.len);
	at = mmap(NULL, e->file.len, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	cr_assert_neq(at, MAP_FAILED);
	cr_assert_eq(unlink(path), 0);
	close(fd);
	return at;
}

Test(elf, a_deleted_file_is_found)
{
	_cleanup_files_ struct files *t = files_new();
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;
	int32_t tgid;
	void *at;

	unit_elf_section(&e, ".text", SHT_PROGBITS, "0123456789", 10);
	unit_elf_finish(&e);
	at = map_and_delete(&e);
	tgid = child_start(wait_for_ever, NULL);
	child_wait_syscall(tgid, tgid, SYS_pause);
	f = open_at(t, tgid, at);
	cr_assert_null(f->missing, "%s", f->missing);
	cr_assert_not_null(strstr(f->path, "(deleted)"));
	cr_assert_arr_eq(bytes_at(f->elf->bytes, 4096, 10), "0123456789", 10);
	child_end(tgid);
	unit_elf_release(&e);
}

/* Without root there is no map_files: what is mapped is read from memory, and not more. */
Test(elf, a_file_from_memory)
{
	struct unit_elf e = UNIT_ELF_INIT;
	struct bytes_piece pieces[2];
	struct bytes *b;
	_cleanup_elf_file_ struct elf_file *f = NULL;
	char big[20000] = "big";
	int32_t tgid;
	void *at;

	unit_elf_section(&e, ".text", SHT_PROGBITS, big, sizeof(big));
	unit_elf_finish(&e);
	at = map_and_delete(&e);
	tgid = child_start(wait_for_ever, NULL);
	child_wait_syscall(tgid, tgid, SYS_pause);
	pieces[0] = (struct bytes_piece){ .offset = 0, .len = 4096, .addr = (uintptr_t)at };
	pieces[1] = (struct bytes_piece){ 4096, 8192, (uintptr_t)at + 4096 };
	b = bytes_of_target(tgid, pieces, 2);
	f = elf_file_new(b);
	cr_assert_null(f->missing);
	cr_assert_eq(f->section_count, 0u, "section headers are not mapped");
	cr_assert_str_eq((const char *)bytes_at(b, 4096, 10), "big");
	cr_assert_not_null(bytes_at(b, 4000, 200), "over two pieces");
	cr_assert_null(bytes_at(b, 12288, 1));
	child_end(tgid);
	cr_assert_not_null(bytes_at(b, 0, 64), "what was read stays");
	unit_elf_release(&e);
}

Test(elf, the_vdso)
{
	_cleanup_files_ struct files *t = files_new();
	_cleanup_maps_ struct maps *maps = NULL;
	const struct map_area *vdso = NULL;
	struct code_file *f;

	cr_assert_eq(maps_read(getpid(), false, &maps, NULL), 0);
	for (uint32_t i = 0; i < maps->count; i++) {
		const char *path = strtab_get(maps->strings, maps->areas[i].path);

		if (path && strcmp(path, "[vdso]") == 0)
			vdso = &maps->areas[i];
	}
	if (!vdso)
		cr_skip_test("this kernel gives no vdso");
	f = open_at(t, getpid(), (void *)(uintptr_t)vdso->start);
	cr_assert_null(f->missing, "%s", f->missing);
	cr_assert_not_null(elf_section(f->elf, ".eh_frame", 0));
}

Test(elf, one_that_is_written_to_is_another_one)
{
	_cleanup_files_ struct files *t = files_new();
	char path[] = "/tmp/snag-unit-XXXXXX";
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;
	uint32_t id;
	void *at;
	int fd = mkstemp(path);

	unit_elf_section(&e, ".text", SHT_PROGBITS, "0123456789", 10);
	unit_elf_finish(&e);
	cr_assert_eq(write(fd, e.file.s, e.file.len), (ssize_t)e.file.len);
	at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	f = open_at(t, getpid(), at);
	id = f->id;
	cr_assert_not_null(f->elf);
	cr_assert_not(files_refresh(t));
	cr_assert_eq(files_find(t, f->dev, f->ino), id);
	cr_assert_eq(pwrite(fd, "x", 1, (off_t)e.file.len), 1);
	cr_assert_eq(files_forgotten(t), 0u);
	cr_assert(files_refresh(t));
	cr_assert_eq(files_forgotten(t), 1u);
	cr_assert_null(f->elf, "what was read of it is not true any more");
	cr_assert_not_null(f->missing);
	f = open_at(t, getpid(), at);
	cr_assert_neq(f->id, id);
	unlink(path);
	close(fd);
	unit_elf_release(&e);
}

/* All code of this very process, which is opened once however often it is named. */
Test(elf, many_at_once)
{
	_cleanup_files_ struct files *t = files_new();
	_cleanup_maps_ struct maps *maps = NULL;
	struct file_place places[256];
	uint32_t count = 0, opened;

	cr_assert_eq(maps_read(getpid(), false, &maps, NULL), 0);
	for (uint32_t i = 0; i < maps->count && count < 256; i++) {
		const char *path = strtab_get(maps->strings, maps->areas[i].path);

		if (maps->areas[i].exec)
			places[count++] = (struct file_place){ .tgid = getpid(),
							       .area = &maps->areas[i],
							       .path = path ? path : "" };
	}
	cr_assert_gt(count, 2u, "a program, libc and the vdso at least");
	files_open_all(t, places, count);
	opened = files_count(t);
	for (uint32_t i = 0; i < count; i++) {
		const struct code_file *f = files_get(t, files_add(t, &places[i]));

		cr_assert(f->opened);
		cr_assert(f->elf || f->missing);
		cr_assert(!f->ino || f->elf, "%s: %s", f->path, f->missing);
	}
	cr_assert_eq(files_count(t), opened);
	files_open_all(t, places, count);
	files_open_all(t, places, 0);
	cr_assert_eq(files_count(t), opened);
}

/* Long sessions do not collect files. */
Test(elf, one_that_nobody_uses_is_forgotten)
{
	_cleanup_files_ struct files *t = files_new();
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;
	int rounds = 0;
	void *at;

	unit_elf_section(&e, ".text", SHT_PROGBITS, "0123456789", 10);
	unit_elf_finish(&e);
	at = map_and_delete(&e);
	f = open_at(t, getpid(), at);
	if (f->target)
		cr_skip_test("without map_files it is forgotten at once");
	for (int i = 0; i < 100; i++) {
		f->idle = 0;
		cr_assert_not(files_refresh(t));
	}
	while (!files_refresh(t))
		cr_assert_lt(rounds++, 100);
	cr_assert_null(f->elf);
	cr_assert_eq(files_find(t, f->dev, f->ino), 0u);
	cr_assert_not_null(open_at(t, getpid(), at)->elf);
	unit_elf_release(&e);
}

/* A program on a file system whose server does not answer any more. */
static int told[2];

static void map_file(void *arg)
{
	char path[64];
	void *at;
	int fd;

	snprintf(path, sizeof(path), "%s/f", (const char *)arg);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd < 0 || at == MAP_FAILED || write(told[1], &at, sizeof(at)) != sizeof(at))
		return;
	pause();
}

Test(elf, a_file_system_that_hangs)
{
	_cleanup_files_ struct files *t = files_new();
	char dir[] = "/tmp/snag-fuse-XXXXXX";
	struct timespec a, b;
	struct code_file *f;
	int32_t server, tgid;
	void *at;

	cr_assert_not_null(mkdtemp(dir));
	if (!fuse_mount(dir, &server)) {
		rmdir(dir);
		cr_skip_test("FUSE: %s", strerror(errno));
	}
	cr_assert_eq(pipe(told), 0);
	tgid = child_start(map_file, dir);
	cr_assert_eq(read(told[0], &at, sizeof(at)), (ssize_t)sizeof(at));
	child_wait_syscall(tgid, tgid, SYS_pause);
	clock_gettime(CLOCK_MONOTONIC, &a);
	f = open_at(t, tgid, at);
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_assert_not_null(f->missing);
	cr_assert_null(f->elf);
	cr_assert_lt((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, 2000);
	child_end(server);
	child_end(tgid);
	rmdir(dir);
}

/* ---- what is packed -------------------------------------------------------------------------- */

/* A file whose section `name` is `len` bytes at `data`. */
static void file_with(struct code_file *f, const char *name, const void *data, size_t len,
		      uint64_t flags)
{
	struct unit_elf e = UNIT_ELF_INIT;

	unit_elf_section(&e, name, SHT_PROGBITS, data, len);
	e.sections[1].sh_flags = flags;
	unit_elf_finish(&e);
	*f = (struct code_file){ .path = (char *)"", .separate_tried = true };
	f->elf = elf_file_new(unit_elf_bytes(&e));
	cr_assert_null(f->elf->missing);
	unit_elf_release(&e);
}

Test(elf, symbols_packed_with_xz)
{
	struct unit_elf inner = UNIT_ELF_INIT;
	_cleanup_elf_file_ struct elf_file *mini = NULL;
	uint8_t packed[65536];
	size_t len = 0;
	struct code_file f;

	unit_elf_symbol(&inner, "hidden_function", UNIT_ELF_BASE, 1, STT_FUNC);
	unit_elf_finish(&inner);
	cr_assert_eq(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, (uint8_t *)inner.file.s,
					     inner.file.len, packed, &len, sizeof(packed)),
		     LZMA_OK);
	file_with(&f, ".gnu_debugdata", packed, len, 0);
	mini = debug_file_mini(&f);
	cr_assert_not_null(mini);
	cr_assert_not_null(elf_section(mini, ".symtab", 0));
	elf_file_free(f.elf);
	file_with(&f, ".gnu_debugdata", packed, len / 2, 0);
	cr_assert_null(debug_file_mini(&f), "cut");
	elf_file_free(f.elf);
	unit_elf_release(&inner);
}

/* .debug_frame in the three forms that there are; and one that lies about its size. */
Test(elf, debug_frame_packed_with_zlib)
{
	uint8_t plain[1000], packed[2000];
	Elf64_Chdr head = { .ch_type = ELFCOMPRESS_ZLIB, .ch_size = sizeof(plain) };
	uint64_t big_endian = __builtin_bswap64(sizeof(plain));
	uLongf len = sizeof(packed) - sizeof(head);
	struct code_file f;

	memset(plain, 7, sizeof(plain));
	file_with(&f, ".debug_frame", plain, sizeof(plain), 0);
	debug_file_cfi(&f);
	cr_assert_eq(f.debug.range.size, sizeof(plain));
	elf_file_free(f.elf);
	cr_assert_eq(compress(packed + sizeof(head), &len, plain, sizeof(plain)), Z_OK);
	for (int lie = 0; lie < 2; lie++) {
		head.ch_size = sizeof(plain) + (unsigned)lie;
		memcpy(packed, &head, sizeof(head));
		file_with(&f, ".debug_frame", packed, sizeof(head) + len, SHF_COMPRESSED);
		debug_file_cfi(&f);
		cr_assert_eq(f.debug.range.size, lie ? 0 : sizeof(plain));
		if (!lie)
			cr_assert_arr_eq(bytes_at(f.unpacked, 0, sizeof(plain)), plain, 1000);
		bytes_free(f.unpacked);
		elf_file_free(f.elf);
	}
	memcpy(packed + sizeof(head) - 12, "ZLIB", 4);
	memcpy(packed + sizeof(head) - 8, &big_endian, 8);
	file_with(&f, ".zdebug_frame", packed + sizeof(head) - 12, len + 12, 0);
	debug_file_cfi(&f);
	cr_assert_eq(f.debug.range.size, sizeof(plain));
	bytes_free(f.unpacked);
	elf_file_free(f.elf);
}
