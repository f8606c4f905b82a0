/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/name/source.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/snag-source.XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	cr_assert(f);
	cr_assert_geq(fputs(text, f), 0);
	cr_assert_eq(fclose(f), 0);
}

static void setup(void)
{
	cr_assert(mkdtemp(folder));
	write_file("a.py", "one\ntwo\n\t three(1)\t\n\nfive");
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(source, .init = setup, .fini = teardown);

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* "=text" of a line, or why not, as this process sees it, begun `later_ms` from now. */
static const char *line_of(struct sources *s, const char *name, uint32_t line, int64_t later_ms)
{
	static char text[512];
	char path[128];
	struct source_place place = { .tgid = getpid(), .mnt_ns = 1, .path = path, .line = line };
	const char *got = "", *why;

	snprintf(path, sizeof(path), "%s%s%s", *name == '<' ? "" : folder, *name == '<' ? "" : "/",
		 name);
	place.start_ns = now_ns() + (uint64_t)(later_ms * 1000000);
	why = source_line(s, &place, &got);
	if (why)
		return why;
	snprintf(text, sizeof(text), "=%s", got);
	return text;
}

Test(source, lines)
{
	_cleanup_sources_ struct sources *s = sources_new();

	cr_expect_str_eq(line_of(s, "a.py", 1, 60000), "=one");
	cr_expect_str_eq(line_of(s, "a.py", 3, 60000), "=three(1)");
	cr_expect_str_eq(line_of(s, "a.py", 5, 60000), "=five");
	cr_expect_str_eq(line_of(s, "a.py", 4, 60000), "its file has no such line");
	cr_expect_str_eq(line_of(s, "a.py", 6, 60000), "its file has no such line");
	cr_expect_str_eq(line_of(s, "a.py", 0, 60000), "its line is not known");
	cr_expect_str_eq(line_of(s, "<string>", 1, 60000), "it has no file");
	cr_expect_str_eq(line_of(s, "none.py", 1, 60000), "its file cannot be read");
}

Test(source, a_file_that_was_changed_since)
{
	_cleanup_sources_ struct sources *s = sources_new();
	struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char path[128];

	cr_expect_str_eq(line_of(s, "a.py", 1, -60000), "changed since its process began");
	/* a package manager sets the time of a file back, the change of that stays */
	snprintf(path, sizeof(path), "%s/a.py", folder);
	cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	_cleanup_sources_ struct sources *again = sources_new();

	cr_expect_str_eq(line_of(again, "a.py", 1, -60000), "changed since its process began");
	cr_expect_str_eq(line_of(again, "a.py", 1, 60000), "=one");
}

Test(source, what_is_no_plain_file, .timeout = 30)
{
	_cleanup_sources_ struct sources *s = sources_new();
	char path[128], line[300];

	snprintf(path, sizeof(path), "%s/fifo.py", folder);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_str_eq(line_of(s, "fifo.py", 1, 60000), "its file cannot be read");
	cr_expect_str_eq(line_of(s, "", 1, 60000), "its file cannot be read");
	memset(line, 'x', 255);
	memcpy(line + 199, "\xc3\xa4", 2);
	strcpy(line + 255, "\n");
	write_file("long.py", line);
	line[199] = '\0';
	cr_expect_str_eq(line_of(s, "long.py", 1, 60000) + 1, line, "whole characters");
	snprintf(path, sizeof(path), "%s/large.py", folder);
	write_file("large.py", "x\n");
	cr_assert_eq(truncate(path, 5 << 20), 0);
	cr_expect_str_eq(line_of(s, "large.py", 1, 60000), "its file is too large");
}
