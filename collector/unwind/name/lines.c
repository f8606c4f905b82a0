/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/name/lines.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/strtab.h"
#include "base/vec.h"
#include "read/deadline.h"
#include "unwind/elf/debug_file.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TIMEOUT_MS = 3000,
	MAX_LINES = 32,	      /* inlined into each other */
	MAX_UNITS = 1 << 17,  /* compilation units of one file */
	MAX_RANGES = 1 << 12, /* of one unit */
};

/* Addresses of a compilation unit. */
struct unit {
	uint64_t start, end;
	Dwarf_Die die;
};

struct lines {
	int fd; /* our own: a worker that is stuck keeps it */
	Dwarf *dwarf;
	uint64_t bias;		/* of the debug file's addresses */
	VEC(struct unit) units; /* sorted by start */
	struct strtab *strings;
	bool stuck;	     /* a worker has it and does not come back */
	const char *missing; /* or NULL */
};

/* One question, answered by a worker. */
struct job {
	struct lines *lines;
	uint64_t addr;
	uint32_t count;
	struct {
		char *function, *file;
		uint32_t line;
	} at[MAX_LINES];
};

static void job_free(void *arg)
{
	struct job *job = arg;

	for (uint32_t i = 0; i < MAX_LINES; i++) {
		free(job->at[i].function);
		free(job->at[i].file);
	}
	free(job);
}

void lines_free(struct lines *l)
{
	/* A worker that is stuck on a dead file system still uses it. */
	if (!l || l->stuck)
		return;
	if (l->dwarf)
		dwarf_end(l->dwarf);
	if (l->fd >= 0)
		close(l->fd);
	vec_release(&l->units);
	strtab_free(l->strings);
	free(l);
}

/* ---- which unit ------------------------------------------------------------------------------ */

static int by_start(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/*
 * From the units themselves: .debug_aranges is a shortcut that clang does not write, and libdw
 * before 0.192 knows nothing else.
 */
static void add_unit(struct lines *l, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	for (int i = 0; i < MAX_RANGES; i++) {
		at = dwarf_ranges(die, at, &base, &start, &end);
		if (at <= 0)
			return;
		if (start < end)
			*vec_push(&l->units) = (struct unit){ start, end, *die };
	}
}

static void find_units(struct lines *l)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	uint8_t type;

	for (int i = 0; i < MAX_UNITS; i++) {
		if (dwarf_get_units(l->dwarf, cu, &cu, NULL, &type, &die, NULL) != 0)
			break;
		if (type == DW_UT_compile || type == DW_UT_skeleton)
			add_unit(l, &die);
	}
	if (l->units.count)
		qsort(l->units.at, l->units.count, sizeof(*l->units.at), by_start);
}

/* Once. It reads section headers, so it is a worker's business too. */
static void open_dwarf(struct lines *l)
{
	l->dwarf = dwarf_begin(l->fd, DWARF_C_READ);
	if (l->dwarf)
		find_units(l);
	else
		l->missing = "its debug information cannot be read";
}

static Dwarf_Die *unit_of(struct lines *l, uint64_t addr)
{
	uint32_t low = 0, high = l->units.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (l->units.at[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr < l->units.at[low - 1].end ? &l->units.at[low - 1].die : NULL;
}

/* ---- which line ------------------------------------------------------------------------------ */

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void add_line(struct job *job, const char *file, int line)
{
	if (job->count == MAX_LINES)
		return;
	job->at[job->count].file = copy(file);
	job->at[job->count].line = line > 0 ? (uint32_t)line : 0;
	job->count++;
}

static int number_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value = 0;

	if (!dwarf_attr(die, name, &attr) || dwarf_formudata(&attr, &value) != 0 ||
	    value > INT32_MAX)
		return 0;
	return (int)value;
}

static const char *called_in(Dwarf_Die *unit, Dwarf_Die *die)
{
	Dwarf_Files *files;
	size_t count;
	int number = number_of(die, DW_AT_call_file);

	if (!number || dwarf_getsrcfiles(unit, &files, &count) != 0 || (size_t)number >= count)
		return NULL;
	return dwarf_filesrc(files, (size_t)number, NULL, NULL);
}

/* The functions that were inlined there, from the inside out, each with where it was called. */
static void add_inlined(struct job *job, Dwarf_Die *unit)
{
	Dwarf_Die *scopes = NULL, *chain = NULL;
	int n = dwarf_getscopes(unit, job->addr, &scopes);

	/* The scopes around inlined code are those of where it was written: ask where it is now. */
	n = n > 0 ? dwarf_getscopes_die(&scopes[0], &chain) : 0;
	for (int i = 0; i < n && dwarf_tag(&chain[i]) != DW_TAG_subprogram; i++) {
		if (dwarf_tag(&chain[i]) != DW_TAG_inlined_subroutine || job->count == MAX_LINES)
			continue;
		if (!job->at[job->count - 1].function)
			job->at[job->count - 1].function = copy(dwarf_diename(&chain[i]));
		add_line(job, called_in(unit, &chain[i]), number_of(&chain[i], DW_AT_call_line));
	}
	free(scopes);
	free(chain);
}

static int worker(void *arg)
{
	struct job *job = arg;
	Dwarf_Die *unit;
	Dwarf_Line *line;
	int number = 0;

	if (!job->lines->dwarf)
		open_dwarf(job->lines);
	unit = unit_of(job->lines, job->addr);
	line = unit ? dwarf_getsrc_die(unit, job->addr) : NULL;
	if (!line || dwarf_lineno(line, &number) != 0)
		return 0;
	add_line(job, dwarf_linesrc(line, NULL, NULL), number);
	add_inlined(job, unit);
	return 0;
}

/* ---------------------------------------------------------------------------------------------- */

static bool has_lines(const struct elf_file *elf)
{
	return elf_section(elf, ".debug_line", 0) || elf_section(elf, ".zdebug_line", 0);
}

static struct lines *open_lines(struct code_file *f)
{
	struct lines *l = xcalloc(1, sizeof(*l));
	struct elf_file *elf = f->elf;

	l->fd = -1;
	l->strings = strtab_new();
	if (!has_lines(elf))
		elf = debug_file_separate(f);
	if (!elf || !has_lines(elf)) {
		l->missing = "no debug information";
		return l;
	}
	if (bytes_fd(elf->bytes) >= 0)
		l->fd = fcntl(bytes_fd(elf->bytes), F_DUPFD_CLOEXEC, 3);
	if (l->fd < 0)
		l->missing = "its debug information cannot be read";
	if (elf->load_count && f->elf->load_count)
		l->bias = f->elf->loads[0].addr - elf->loads[0].addr;
	return l;
}

uint32_t lines_find(struct code_file *f, uint64_t addr, struct unwind_line *lines, uint32_t max,
		    const char **missing)
{
	struct lines *l = f->lines ? f->lines : (f->lines = open_lines(f));
	struct job *job;
	uint32_t count;

	*missing = l->missing;
	if (l->missing)
		return 0;
	job = xcalloc(1, sizeof(*job));
	job->lines = l;
	job->addr = addr - l->bias;
	if (deadline_call(worker, job, job_free, TIMEOUT_MS) == -ETIMEDOUT) {
		l->stuck = true;
		*missing = l->missing = "its debug information takes too long to read";
		return 0;
	}
	count = job->count < max ? job->count : max;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t function = strtab_add(l->strings, job->at[i].function);
		uint32_t file = strtab_add(l->strings, job->at[i].file);

		lines[i] = (struct unwind_line){ .function = strtab_get(l->strings, function),
						 .file = strtab_get(l->strings, file),
						 .line = job->at[i].line };
	}
	*missing = l->missing;
	if (!count && !l->missing)
		*missing = "no line of source is known for it";
	job_free(job);
	return count;
}
