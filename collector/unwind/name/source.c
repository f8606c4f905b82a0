/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/name/source.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/strtab.h"
#include "base/vec.h"
#include "unwind/elf/bytes.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	SOURCE_MAX = 1 << 22,
	LINE_MAX_BYTES = 200,
	FILES_MAX = 1024, /* of all processes of a look */
	/* starttime of proc(5) is cut to a tick of 10 ms, a file's time to one of the kernel's */
	SLACK_NS = 20000000,
};

struct source_file {
	struct bytes *bytes;
	const char *why;	/* without bytes */
	uint64_t changed_ns;	/* last change of contents, name or owner */
	uint64_t dev, ino, mnt; /* of the root folder that it is below */
	uint32_t path, next;	/* string; 1 + the next one with the same path, 0 none */
};

struct sources {
	VEC(struct source_file) files;
	struct strtab *paths;
	struct map by_path; /* string -> 1 + first file */
	char line[LINE_MAX_BYTES + 1];
};

struct sources *sources_new(void)
{
	struct sources *s = xcalloc(1, sizeof(*s));

	s->paths = strtab_new();
	return s;
}

void sources_free(struct sources *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->files.count; i++)
		bytes_free(s->files.at[i].bytes);
	vec_release(&s->files);
	strtab_free(s->paths);
	map_release(&s->by_path);
	free(s);
}

static uint64_t nanoseconds(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static void open_source(struct source_file *f, const char *root, const char *path)
{
	struct stat st;

	f->bytes = bytes_open_in(root, path, &st);
	if (!f->bytes) {
		f->why = "its file cannot be read";
		return;
	}
	/* ctime too: who installs a package sets the time of its files back */
	f->changed_ns = nanoseconds(&st.st_mtim);
	if (nanoseconds(&st.st_ctim) > f->changed_ns)
		f->changed_ns = nanoseconds(&st.st_ctim);
	if (bytes_size(f->bytes) > SOURCE_MAX)
		f->why = "its file is too large";
}

/* The file of a place, opened when it is new; NULL: there are too many. */
static struct source_file *file_of(struct sources *s, const struct source_place *place)
{
	uint32_t path = strtab_add(s->paths, place->path), first = map_get(&s->by_path, path, 0);
	struct source_file *f;
	struct stat st = { .st_dev = 0 };
	char root[32];

	snprintf(root, sizeof(root), "/proc/%d/root", place->tgid);
	/* whoever may not look there may not open a file below it */
	if (stat(root, &st) < 0)
		st.st_ino = 0;
	for (uint32_t i = first; i; i = s->files.at[i - 1].next) {
		f = &s->files.at[i - 1];
		if (f->dev == st.st_dev && f->ino == st.st_ino && f->mnt == place->mnt_ns)
			return f;
	}
	if (s->files.count >= FILES_MAX)
		return NULL;
	f = vec_push(&s->files);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->mnt = place->mnt_ns;
	f->path = path;
	f->next = first;
	map_put(&s->by_path, path, s->files.count);
	open_source(f, root, place->path);
	return f;
}

/* Line `number` into s->line; false: there is none, or nothing is in it. */
static bool find_line(struct sources *s, struct bytes *b, uint32_t number)
{
	uint64_t got = 0;
	const char *at = (const char *)bytes_upto(b, 0, bytes_size(b), &got), *end, *line_end;
	size_t n;

	if (!at)
		return false;
	end = at + got;
	for (uint32_t i = 1; at && i < number; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return false;
	line_end = memchr(at, '\n', (size_t)(end - at));
	line_end = line_end ? line_end : end;
	while (at < line_end && isspace((unsigned char)*at))
		at++;
	while (at < line_end && isspace((unsigned char)line_end[-1]))
		line_end--;
	n = (size_t)(line_end - at) < LINE_MAX_BYTES ? (size_t)(line_end - at) : LINE_MAX_BYTES;
	/* whole characters of UTF-8 */
	while (n && at + n < line_end && ((unsigned char)at[n] & 0xc0) == 0x80)
		n--;
	memcpy(s->line, at, n);
	s->line[n] = '\0';
	return n && strlen(s->line) == n;
}

const char *source_line(struct sources *s, const struct source_place *place, const char **text)
{
	struct source_file *f;

	/* "<string>" and what is relative to a folder that the program may have left */
	if (place->path[0] != '/')
		return "it has no file";
	if (!place->line)
		return "its line is not known";
	f = file_of(s, place);
	if (!f)
		return "there are too many files";
	if (f->why)
		return f->why;
	if (f->changed_ns > place->start_ns + SLACK_NS)
		return "changed since its process began";
	if (!find_line(s, f->bytes, place->line))
		return "its file has no such line";
	*text = s->line;
	return NULL;
}
