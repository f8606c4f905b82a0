/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/elf/debug_file.h"

#include "base/alloc.h"
#include "read/deadline.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum {
	SERVER_TIMEOUT_MS = 5000,
	MAX_UNPACKED = 64 << 20,
	MAX_RATIO = 1024, /* zlib cannot do better; more is a lie about the size */
};

/* ---- separate debug files -------------------------------------------------------------------- */

static bool same_build_id(const struct elf_file *a, const struct elf_file *b)
{
	return a->build_id_len && a->build_id_len == b->build_id_len &&
	       memcmp(a->build_id, b->build_id, a->build_id_len) == 0;
}

/* The file at `path` if it is the right one: by build id, or by the checksum in the link. */
static struct elf_file *try_path(const struct elf_file *elf, const char *path, const uint32_t *crc)
{
	struct bytes *bytes = bytes_open(path);
	_cleanup_elf_file_ struct elf_file *d = bytes ? elf_file_new(bytes) : NULL;
	const uint8_t *all;

	if (!d || d->missing)
		return NULL;
	if (elf->build_id_len)
		return same_build_id(elf, d) ? steal(d) : NULL;
	all = crc ? bytes_at(bytes, 0, bytes_size(bytes)) : NULL;
	if (!all || (uint32_t)crc32_z(0, all, bytes_size(bytes)) != *crc)
		return NULL;
	return steal(d);
}

static void hex_of(const uint8_t *bytes, uint32_t len, char *hex)
{
	for (uint32_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static struct elf_file *by_build_id(const struct elf_file *elf)
{
	char hex[2 * ELF_MAX_BUILD_ID + 1] = "", path[PATH_MAX];

	if (elf->build_id_len < 2)
		return NULL;
	hex_of(elf->build_id, elf->build_id_len, hex);
	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
	return try_path(elf, path, NULL);
}

/* Name and checksum of .gnu_debuglink: gdb's manual, "Debugging Information in Separate Files". */
static const char *debug_link(const struct elf_file *elf, uint32_t *crc)
{
	const struct elf_section *s = elf_section(elf, ".gnu_debuglink", 0);
	const uint8_t *at = s && s->size < PATH_MAX ? bytes_at(elf->bytes, s->offset, s->size) :
						      NULL;
	uint64_t len = at ? strnlen((const char *)at, s->size) : 0;

	if (!len || len / 4 * 4 + 8 > s->size || memchr(at, '/', len))
		return NULL;
	memcpy(crc, at + len / 4 * 4 + 4, sizeof(*crc));
	return (const char *)at;
}

static struct elf_file *by_link(const struct code_file *f)
{
	static const char *const dirs[][2] = { { "", "" },
					       { "", "/.debug" },
					       { "/usr/lib/debug", "" } };
	uint32_t crc;
	const char *name = debug_link(f->elf, &crc);
	const char *slash = strrchr(f->path, '/');

	if (!name || f->path[0] != '/')
		return NULL;
	for (uint32_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		_cleanup_free_ char *path = xasprintf("%s%.*s%s/%s", dirs[i][0],
						      (int)(slash - f->path), f->path, dirs[i][1],
						      name);
		struct elf_file *d = try_path(f->elf, path, &crc);

		if (d)
			return d;
	}
	return NULL;
}

/* ---- debuginfod ------------------------------------------------------------------------------ */

struct server_job {
	uint8_t id[ELF_MAX_BUILD_ID];
	uint32_t id_len;
	char *path; /* out */
};

static void server_job_free(void *arg)
{
	struct server_job *job = arg;

	free(job->path);
	free(job);
}

/* The library is loaded when it is needed, as elfutils does: it brings all of libcurl. */
static int server_worker(void *arg)
{
	struct server_job *job = arg;
	void *lib = dlopen("libdebuginfod.so.1", RTLD_LAZY);
	void *(*begin)(void) = NULL;
	int (*find)(void *, const unsigned char *, int, char **) = NULL;
	void (*end)(void *) = NULL;
	void *client;
	int fd;

	if (!lib)
		return -ENOENT;
	*(void **)&begin = dlsym(lib, "debuginfod_begin");
	*(void **)&find = dlsym(lib, "debuginfod_find_debuginfo");
	*(void **)&end = dlsym(lib, "debuginfod_end");
	client = begin && find && end ? begin() : NULL;
	if (!client)
		return -ENOENT;
	fd = find(client, job->id, (int)job->id_len, &job->path);
	if (fd >= 0)
		close(fd);
	end(client);
	return fd < 0 ? -ENOENT : 0;
}

static struct elf_file *by_server(const struct elf_file *elf)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	struct elf_file *d = NULL;
	struct server_job *job;
	int rc;

	if (!urls || !*urls || !elf->build_id_len)
		return NULL;
	job = xcalloc(1, sizeof(*job));
	memcpy(job->id, elf->build_id, elf->build_id_len);
	job->id_len = elf->build_id_len;
	rc = deadline_call(server_worker, job, server_job_free, SERVER_TIMEOUT_MS);
	if (rc == -ETIMEDOUT)
		return NULL;
	if (rc == 0 && job->path)
		d = try_path(elf, job->path, NULL);
	server_job_free(job);
	return d;
}

struct elf_file *debug_file_separate(struct code_file *f)
{
	if (f->separate_tried)
		return f->separate;
	f->separate_tried = true;
	f->separate = by_build_id(f->elf);
	if (!f->separate)
		f->separate = by_link(f);
	if (!f->separate)
		f->separate = by_server(f->elf);
	return f->separate;
}

/* ---- .gnu_debugdata -------------------------------------------------------------------------- */

/* One xz file, unpacked into memory from malloc(3). */
static uint8_t *unpack_xz(const uint8_t *packed, uint64_t len, uint64_t *size)
{
	lzma_stream xz = LZMA_STREAM_INIT;
	uint64_t cap = len * 4 + (64 << 10);
	uint8_t *out = NULL;
	lzma_ret rc = lzma_stream_decoder(&xz, (uint64_t)MAX_UNPACKED * 2, 0);

	xz.next_in = packed;
	xz.avail_in = len;
	while (rc == LZMA_OK && xz.total_out < MAX_UNPACKED) {
		cap = xz.total_out == cap ? cap * 2 : cap;
		out = xreallocarray(out, cap, 1);
		xz.next_out = out + xz.total_out;
		xz.avail_out = cap - xz.total_out;
		rc = lzma_code(&xz, LZMA_FINISH);
	}
	*size = xz.total_out;
	lzma_end(&xz);
	if (rc == LZMA_STREAM_END)
		return out;
	free(out);
	return NULL;
}

struct elf_file *debug_file_mini(const struct code_file *f)
{
	const struct elf_section *s = elf_section(f->elf, ".gnu_debugdata", 0);
	const uint8_t *packed = NULL;
	struct elf_file *mini;
	uint64_t size;
	uint8_t *out;

	if (s && s->size && s->size < MAX_UNPACKED)
		packed = bytes_at(f->elf->bytes, s->offset, s->size);
	out = packed ? unpack_xz(packed, s->size, &size) : NULL;
	if (!out)
		return NULL;
	mini = elf_file_new(bytes_of_memory(out, size));
	if (!mini->missing)
		return mini;
	elf_file_free(mini);
	return NULL;
}

/* ---- .debug_frame ---------------------------------------------------------------------------- */

/* Compressed with zlib, behind a header that says how long it is. */
static struct bytes *inflate_section(const uint8_t *at, uint64_t len, uint64_t size)
{
	uLongf out_len = size;
	uint8_t *out;

	if (!size || size > MAX_UNPACKED || size / MAX_RATIO > len)
		return NULL;
	out = xmalloc(size);
	if (uncompress(out, &out_len, at, len) == Z_OK && out_len == size)
		return bytes_of_memory(out, size);
	free(out);
	return NULL;
}

/* SHF_COMPRESSED: Elf64_Chdr in front. ".zdebug": "ZLIB" and the size, big-endian. */
static struct bytes *unpack_section(const uint8_t *at, uint64_t len, bool old)
{
	Elf64_Chdr head;
	uint64_t size;

	if (old) {
		if (len < 12 || memcmp(at, "ZLIB", 4) != 0)
			return NULL;
		memcpy(&size, at + 4, sizeof(size));
		return inflate_section(at + 12, len - 12, __builtin_bswap64(size));
	}
	if (len < sizeof(head))
		return NULL;
	memcpy(&head, at, sizeof(head));
	if (head.ch_type != ELFCOMPRESS_ZLIB)
		return NULL;
	return inflate_section(at + sizeof(head), len - sizeof(head), head.ch_size);
}

static bool take_debug_frame(struct code_file *f, struct elf_file *from)
{
	const struct elf_section *s = elf_section(from, ".debug_frame", 0);
	bool old = !s;
	struct elf_range range;
	const uint8_t *at;

	if (old)
		s = elf_section(from, ".zdebug_frame", 0);
	if (!s || !s->size)
		return false;
	range = (struct elf_range){ .offset = s->offset, .size = s->size };
	if (!old && !(s->flags & SHF_COMPRESSED)) {
		cfi_section_init_debug(&f->debug, from, from->bytes, range);
		return true;
	}
	at = s->size < MAX_UNPACKED ? bytes_at(from->bytes, s->offset, s->size) : NULL;
	f->unpacked = at ? unpack_section(at, s->size, old) : NULL;
	if (!f->unpacked)
		return false;
	range = (struct elf_range){ .size = bytes_size(f->unpacked) };
	cfi_section_init_debug(&f->debug, from, f->unpacked, range);
	return true;
}

void debug_file_cfi(struct code_file *f)
{
	struct elf_file *separate;

	if (f->debug_tried)
		return;
	f->debug_tried = true;
	if (take_debug_frame(f, f->elf))
		return;
	separate = debug_file_separate(f);
	if (separate)
		take_debug_frame(f, separate);
}
