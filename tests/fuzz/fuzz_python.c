/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_python.c - the memory of an interpreter, with anything in it.
 *
 * A live python3 with threads in locks, exceptions, generators and tasks of asyncio and trio is
 * read once, and every page that this takes is kept; $SNAG_PYTHON names another one. Input: records
 * of 12 bytes, each of which puts something into a page: a place (page, offset) and a value, or the
 * address of another place. A place may also be in one of the objects that the program tells of,
 * which few words of all the pages are. Then all is read again from these pages, with all
 * variables, and told.
 */
#include "lib/common_pages.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { RECORD = 12, RECORDS_MAX = 32, LEAST_PAGES = 60, LEAST_OBJECTS = 12, OBJECTS_MAX = 64 };

/* Bits of the offset of a record. */
enum {
	POINTER = 0x8000,   /* the value is a place */
	TO_OBJECT = 0x4000, /* and that is in an object */
	IN_OBJECT = 0x2000, /* the place is in an object */
};

static struct pages *pages;
static uint64_t objects[OBJECTS_MAX];
static uint32_t object_count;

/* ---- the interpreter ------------------------------------------------------------------------- */

static pid_t start(void)
{
	const char *python = getenv("SNAG_PYTHON");
	char line[256] = "";
	int out[2], in[2];
	FILE *f;
	pid_t pid;

	if (pipe(out) < 0 || pipe(in) < 0)
		abort();
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		python = python ? python : "python3";
		execlp(python, python, "-c", pages_program, (char *)NULL);
		_exit(1);
	}
	close(out[1]);
	close(in[0]);
	f = fdopen(out[0], "r");
	while (f && strcmp(line, "done\n") != 0) {
		uint64_t at;

		if (!fgets(line, sizeof(line), f))
			abort();
		if (object_count < OBJECTS_MAX && sscanf(line, "%*s %lu", &at) == 1)
			objects[object_count++] = at;
	}
	if (!f || object_count < LEAST_OBJECTS)
		abort();
	fclose(f);
	return pid;
}

/* Wait until its main thread is in read(2) of its input: then its memory is of one moment. */
static void await_read(pid_t pid)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	while (strncmp(text, "0 0x0 ", 6) != 0) {
		FILE *f = fopen(path, "re");

		if (!f || !fgets(text, sizeof(text), f))
			abort();
		fclose(f);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	pid_t pid = start();

	(void)argc;
	(void)argv;
	await_read(pid);
	pages = pages_of(pid);
	/* frames, threads, types, objects, tasks: less than that is no walk */
	if (!pages || pages_count(pages) < LEAST_PAGES)
		abort();
	return 0;
}

/* ---- the input ------------------------------------------------------------------------------- */

static uint64_t place(uint32_t number, uint64_t offset, bool in_object)
{
	if (in_object)
		return objects[number % object_count] + (offset & 0xf8);
	return pages_at(pages, number % pages_count(pages)) + (offset & 0xff8);
}

static void put(const uint8_t *record)
{
	uint16_t number, offset;
	uint64_t value;

	memcpy(&number, record, 2);
	memcpy(&offset, record + 2, 2);
	memcpy(&value, record + 4, 8);
	if (offset & POINTER)
		value = place((uint32_t)(value >> 16), value, offset & TO_OBJECT);
	pages_put(pages, place(number, offset, offset & IN_OBJECT), value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf lines = STRBUF_INIT;

	for (size_t i = 0; i + RECORD <= size && i < RECORDS_MAX * RECORD; i += RECORD)
		put(data + i);
	_cleanup_model_ struct model *m = pages_read(pages);

	pages_lines(m, &lines);
	pages_undo(pages);
	return 0;
}
