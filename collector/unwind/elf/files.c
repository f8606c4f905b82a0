/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/elf/files.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"
#include "read/deadline.h"
#include "unwind/name/lines.h"
#include "unwind/name/symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	OPEN_TIMEOUT_MS = 300,
	MAX_PIECES = 256,
	VDSO_MAX = 64 << 10,
	KEPT_IDLE = 4,
	SAME_BYTES = 512, /* enough for the headers and mostly the build id */
};

struct files {
	VEC(struct code_file *) at; /* number n is at[n - 1] */
	struct map by_hash;	    /* of (dev, ino) or of the name: first number */
	uint32_t forgotten;
};

struct files *files_new(void)
{
	return xcalloc(1, sizeof(struct files));
}

/* All that was read of it; its name and number stay. */
static void forget(struct code_file *f)
{
	symbols_free(f->symbols);
	lines_free(f->lines);
	cfi_section_release(&f->eh);
	bytes_free(f->unpacked);
	cfi_section_release(&f->debug);
	elf_file_free(f->separate);
	elf_file_free(f->elf);
	f->symbols = NULL;
	f->lines = NULL;
	f->unpacked = NULL;
	f->separate = f->elf = NULL;
	f->missing = "it is no longer open";
	f->dev = UINT64_MAX; /* nobody finds it any more */
}

static void code_file_free(struct code_file *f)
{
	forget(f);
	free(f->path);
	free(f);
}

void files_free(struct files *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->at.count; i++)
		code_file_free(t->at.at[i]);
	vec_release(&t->at);
	map_release(&t->by_hash);
	free(t);
}

struct code_file *files_get(struct files *t, uint32_t id)
{
	return t->at.at[id - 1];
}

uint32_t files_count(const struct files *t)
{
	return t->at.count;
}

static uint64_t hash_of(uint64_t dev, uint64_t ino)
{
	return ino ^ dev << 40 ^ dev >> 24;
}

static uint64_t hash_name(const char *name)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	return h;
}

uint32_t files_find(const struct files *t, uint64_t dev, uint64_t ino)
{
	uint32_t id = map_get(&t->by_hash, hash_of(dev, ino), 0);

	while (id && (t->at.at[id - 1]->dev != dev || t->at.at[id - 1]->ino != ino))
		id = t->at.at[id - 1]->next;
	return id;
}

static uint32_t find_name(const struct files *t, const char *name)
{
	uint32_t id = map_get(&t->by_hash, hash_name(name), 0);

	while (id && (t->at.at[id - 1]->ino || strcmp(t->at.at[id - 1]->path, name) != 0))
		id = t->at.at[id - 1]->next;
	return id;
}

uint32_t files_add(struct files *t, const struct file_place *place)
{
	const struct map_area *a = place->area;
	const char *name = place->path[0] ? place->path : "[anon]";
	uint32_t id = a->ino ? files_find(t, a->dev, a->ino) : find_name(t, name);
	uint64_t hash = a->ino ? hash_of(a->dev, a->ino) : hash_name(name);
	struct code_file *f;

	if (id)
		return id;
	f = xcalloc(1, sizeof(*f));
	f->dev = a->dev;
	f->ino = a->ino;
	f->path = xstrdup(name);
	*vec_push(&t->at) = f;
	f->id = t->at.count;
	f->next = map_get(&t->by_hash, hash, 0);
	map_put(&t->by_hash, hash, f->id);
	return f->id;
}

/* ---- the way to a file ----------------------------------------------------------------------- */

struct open_job {
	int32_t tgid;
	uint64_t start, end, dev, ino;
	char path[PATH_MAX];
	int fd;	      /* out, or -1 */
	bool certain; /* out: it is that file, without a doubt */
	struct stat st;
};

static void open_job_free(void *p)
{
	struct open_job *job = p;

	if (job->fd >= 0)
		close(job->fd);
	free(job);
}

/* map_files leads to the very file, wherever it is mounted and if it was deleted; root only. */
static void open_worker(void *p)
{
	struct open_job *job = p;
	char path[PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", job->tgid,
		 (unsigned long long)job->start, (unsigned long long)job->end);
	job->fd = bytes_open_regular(path, &job->st);
	job->certain = job->fd >= 0;
	if (job->fd >= 0 || job->path[0] != '/')
		return;
	snprintf(path, sizeof(path), "/proc/%d/root%s", job->tgid, job->path);
	fd = bytes_open_regular(path, &job->st);
	if (fd < 0)
		return;
	/* btrfs and overlayfs show another device number in maps than in stat(2). */
	if (job->st.st_ino != job->ino) {
		close(fd);
		return;
	}
	job->fd = fd;
	job->certain = job->st.st_dev == job->dev;
}

/* Where the file at `place` is mapped in that process. */
static uint32_t find_pieces(const struct file_place *place, struct bytes_piece *pieces)
{
	_cleanup_maps_ struct maps *maps = NULL;
	uint32_t count = 0;

	if (maps_read(place->tgid, place->suspicious, &maps, NULL) < 0)
		return 0;
	for (uint32_t i = 0; i < maps->count && count < MAX_PIECES; i++) {
		const struct map_area *a = &maps->areas[i];

		/* A private page that may be written need not be what the file says. */
		if (a->dev != place->area->dev || a->ino != place->area->ino || !a->read)
			continue;
		pieces[count++] = (struct bytes_piece){ .offset = a->offset,
							.len = a->end - a->start,
							.addr = a->start };
	}
	return count;
}

/* Is what is mapped the file that was found by its path? */
static bool is_same(const struct file_place *place, int fd, const struct bytes_piece *pieces,
		    uint32_t count)
{
	uint8_t there[SAME_BYTES], here[SAME_BYTES];

	for (uint32_t i = 0; i < count; i++) {
		_cleanup_mem_ struct mem *mem = NULL;

		if (pieces[i].offset)
			continue;
		mem = mem_new(place->tgid, place->suspicious);
		return mem_read(mem, pieces[i].addr, there, sizeof(there)) == 0 &&
		       pread(fd, here, sizeof(here), 0) == sizeof(here) &&
		       memcmp(here, there, sizeof(here)) == 0;
	}
	return false;
}

static void take_elf(struct code_file *f, struct bytes *bytes)
{
	f->elf = elf_file_new(bytes);
	f->missing = f->elf->missing;
	if (f->missing) {
		elf_file_free(f->elf);
		f->elf = NULL;
		return;
	}
	cfi_section_init(&f->eh, f->elf);
}

static void open_target(struct code_file *f, const struct file_place *place,
			const struct bytes_piece *pieces, uint32_t count)
{
	if (!count) {
		f->missing = "the file cannot be opened";
		return;
	}
	f->target = true;
	take_elf(f, bytes_of_target(place->tgid, pieces, count));
}

static struct open_job *open_job_new(const struct code_file *f, const struct file_place *place)
{
	struct open_job *job = xcalloc(1, sizeof(*job));

	*job = (struct open_job){ .tgid = place->tgid,
				  .start = place->area->start,
				  .end = place->area->end,
				  .dev = f->dev,
				  .ino = f->ino,
				  .fd = -1 };
	snprintf(job->path, sizeof(job->path), "%s", place->path);
	return job;
}

/* What the worker has found. */
static void take_file(struct code_file *f, const struct file_place *place, struct open_job *job)
{
	struct bytes_piece pieces[MAX_PIECES];
	uint32_t count = 0;

	if (job->fd < 0 || !job->certain)
		count = find_pieces(place, pieces);
	if (job->fd >= 0 && (job->certain || is_same(place, job->fd, pieces, count))) {
		f->size = (uint64_t)job->st.st_size;
		f->mtime_ns = (uint64_t)job->st.st_mtim.tv_sec * 1000000000u +
			      (uint64_t)job->st.st_mtim.tv_nsec;
		take_elf(f, bytes_of_fd(steal_fd(&job->fd), f->size));
	} else {
		open_target(f, place, pieces, count);
	}
	open_job_free(job);
}

/*
 * The kernel maps the same pages into every 64-bit process: what our own copy says is true, and
 * nobody else can have written to it.
 */
static void open_vdso(struct code_file *f, const struct file_place *place)
{
	const void *own = (const void *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	uint64_t len = place->area->end - place->area->start;
	Elf64_Ehdr eh;
	void *copy;

	if (!own || len > VDSO_MAX || len < sizeof(eh)) {
		f->missing = "not the vdso of this kernel";
		return;
	}
	memcpy(&eh, own, sizeof(eh));
	/* Section headers are its last part: so its length is known without a look at our maps. */
	if (((eh.e_shoff + (uint64_t)eh.e_shnum * eh.e_shentsize + 4095) & ~4095ull) != len) {
		f->missing = "not the vdso of this kernel";
		return;
	}
	copy = xmalloc(len);
	memcpy(copy, own, len);
	take_elf(f, bytes_of_memory(copy, len));
}

/* Those without a file are opened; of the others the job, which is theirs. NULL: nothing to do. */
static struct open_job *begin_open(struct code_file *f, const struct file_place *place)
{
	if (f->opened)
		return NULL;
	f->opened = true;
	if (f->ino)
		return open_job_new(f, place);
	if (strcmp(f->path, "[vdso]") == 0)
		open_vdso(f, place);
	else
		f->missing = "no file";
	return NULL;
}

void files_open_all(struct files *t, const struct file_place *places, uint32_t count)
{
	_cleanup_free_ void **jobs = xcalloc(count, sizeof(*jobs));
	_cleanup_free_ uint32_t *which = xcalloc(count, sizeof(*which));
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		jobs[n] = begin_open(files_get(t, files_add(t, &places[i])), &places[i]);
		if (jobs[n])
			which[n++] = i;
	}
	deadline_each(open_worker, jobs, n, open_job_free, OPEN_TIMEOUT_MS);
	for (uint32_t i = 0; i < n; i++) {
		const struct file_place *place = &places[which[i]];
		struct code_file *f = files_get(t, files_add(t, place));

		if (jobs[i])
			take_file(f, place, jobs[i]);
		else
			f->missing = "its file system does not answer";
	}
}

struct code_file *files_open(struct files *t, const struct file_place *place)
{
	files_open_all(t, place, 1);
	return files_get(t, files_add(t, place));
}

/* ---- files change ---------------------------------------------------------------------------- */

/* Without asking a server: what is known here is enough, and comes at once. */
static bool was_written(const struct code_file *f)
{
	struct statx st;
	int fd = f->elf ? bytes_fd(f->elf->bytes) : -1;

	if (fd < 0 ||
	    statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MTIME | STATX_SIZE, &st) < 0)
		return false;
	return st.stx_size != f->size ||
	       (uint64_t)st.stx_mtime.tv_sec * 1000000000u + st.stx_mtime.tv_nsec != f->mtime_ns;
}

uint32_t files_forgotten(const struct files *t)
{
	return t->forgotten;
}

bool files_refresh(struct files *t)
{
	uint32_t before = t->forgotten;

	for (uint32_t i = 0; i < t->at.count; i++) {
		struct code_file *f = t->at.at[i];

		if (!f->ino || !f->opened || f->dev == UINT64_MAX)
			continue;
		if (f->elf && !f->target && f->idle++ < KEPT_IDLE && !was_written(f))
			continue;
		forget(f);
		t->forgotten++;
	}
	return t->forgotten != before;
}
