/* SPDX-License-Identifier: BSD-2-Clause */
/* test_res_hang.c - the watchdog: it fires when nothing goes on, and only then. */
#include "runtime/test/help_actor.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "runtime/core/loop.h"
#include "runtime/res/hang.h"

TestSuite(res_hang, .init = help_begin, .fini = help_end);

/* A folder of this test, with a program that stands for snag. */
struct place {
	char dir[32];
	char snag[64];
};

/* `text` is its script; it is called as `snag dump PID -o FILE`. */
static struct place place_make(const char *text)
{
	struct place place;

	snprintf(place.dir, sizeof(place.dir), "%s/XXXXXX", help_folder());
	cr_assert_not_null(mkdtemp(place.dir));
	snprintf(place.snag, sizeof(place.snag), "%s/snag", place.dir);
	FILE *file = fopen(place.snag, "we");
	cr_assert_not_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", text);
	cr_assert_eq(fchmod(fileno(file), 0700), 0);
	cr_assert_eq(fclose(file), 0);
	return place;
}

/* The files in it besides snag itself, which are removed. */
static int place_clear(struct place *place)
{
	DIR *dir = opendir(place->dir);
	struct dirent *entry;
	int count = -1;

	cr_assert_not_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			cr_assert_eq(unlinkat(dirfd(dir), entry->d_name, 0), 0);
			count++;
		}
	closedir(dir);
	cr_assert_eq(rmdir(place->dir), 0);
	return count;
}

/* snag's text beside the capture. */
static void read_log(const struct grove_hang *hang, char *text, size_t size)
{
	_grove_free_ char *path = grove_format("%s.txt", grove_hang_path(hang));
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	cr_assert_geq(n, 0, "%s: %m", path);
	text[n] = 0;
}

/* Until it has fired, without a turn of the loop: the loop hangs. */
static void block_until_fired(struct grove_hang *hang)
{
	int64_t end_ns = grove_now_ns() + HELP_LONG;

	while (!grove_hang_fired(hang) && grove_now_ns() < end_ns)
		usleep(1000);
	cr_assert(grove_hang_fired(hang));
}

static void run(const char *name, grove_task_fn *body)
{
	help_on_all((struct help_case){
		.name = name, .body = body, .one_transport = true, .orphans = true });
}

/* ---- it fires -------------------------------------------------------------------------------- */

static int fires(void *arg, struct grove_error *err)
{
	struct place place = place_make("echo \"$# $1 $2 $3\"; echo kept > \"$4\"");
	struct grove_hang_opts opts = { .after_ns = 20 * GROVE_MS };
	struct grove_hang *hang = NULL;
	char text[256], expect[64];

	(void)arg;
	opts.snag = place.snag;
	opts.folder = place.dir;
	cr_assert_eq(grove_hang_open(&opts, &hang, err), 0, "%s", err->text);
	block_until_fired(hang);
	_grove_free_ char *path = grove_strdup(grove_hang_path(hang));
	cr_assert(strncmp(path, place.dir, strlen(place.dir)) == 0);
	snprintf(expect, sizeof(expect), "/root.%d.", (int)getpid());
	cr_assert(strstr(path, expect), "%s", path);
	/* that it ends is known before its text is read */
	while (access(path, R_OK) < 0)
		usleep(1000);
	read_log(hang, text, sizeof(text));
	snprintf(expect, sizeof(expect), "4 dump %d -o\n", (int)getpid());
	cr_assert_str_eq(text, expect);
	cr_assert_eq(grove_hang_close(hang, err), 1, "%s", err->text);
	cr_assert_eq(place_clear(&place), 2);
	return 0;
}
Test(res_hang, writes_a_capture_while_the_loop_is_blocked)
{
	run("hang.fires", fires);
}

static int loop_blocked(void *arg, struct grove_error *err)
{
	struct place place = place_make("echo kept > \"$4\"");
	struct grove_hang_opts opts = { .after_ns = 50 * GROVE_MS, .loop = true };
	struct grove_hang *hang = NULL;

	(void)arg;
	opts.snag = place.snag;
	opts.folder = place.dir;
	cr_assert_eq(grove_hang_open(&opts, &hang, err), 0, "%s", err->text);
	int64_t end_ns = grove_now_ns() + HELP_LONG;
	/* the task goes on and on, and says so, but lets nobody else run */
	while (!grove_hang_fired(hang) && grove_now_ns() < end_ns)
		grove_hang_progress(hang);
	cr_assert(grove_hang_fired(hang));
	cr_assert_eq(grove_hang_close(hang, err), 1, "%s", err->text);
	place_clear(&place);
	return 0;
}
Test(res_hang, a_loop_that_runs_nothing_else)
{
	run("hang.loop_blocked", loop_blocked);
}

static int snag_fails(void *arg, struct grove_error *err)
{
	struct place place = place_make("echo first; echo 'snag dump: cannot do it' >&2; exit 1");
	struct grove_hang_opts opts = { .after_ns = GROVE_MS };
	struct grove_hang *hang = NULL;

	(void)arg;
	opts.snag = place.snag;
	opts.folder = place.dir;
	cr_assert_eq(grove_hang_open(&opts, &hang, err), 0, "%s", err->text);
	block_until_fired(hang);
	cr_assert_eq(grove_hang_close(hang, err), -EIO);
	cr_assert(strstr(err->text, "it said: snag dump: cannot do it"), "%s", err->text);
	grove_error_clear(err);
	place_clear(&place);
	return 0;
}
Test(res_hang, snag_that_fails_is_quoted)
{
	run("hang.snag_fails", snag_fails);
}

/* ---- it does not ----------------------------------------------------------------------------- */

static int in_time(void *arg, struct grove_error *err)
{
	struct place place = place_make("echo kept > \"$4\"");
	struct grove_hang_opts opts = { .after_ns = 3600 * GROVE_SECOND, .loop = true };
	struct grove_hang *hang = NULL;

	(void)arg;
	opts.snag = place.snag;
	opts.folder = place.dir;
	cr_assert_eq(grove_hang_open(&opts, &hang, err), 0, "%s", err->text);
	cr_assert_eq(grove_sleep(5 * GROVE_MS), 0);
	grove_hang_progress(hang);
	cr_assert_not(grove_hang_fired(hang));
	cr_assert_eq(grove_hang_close(hang, err), 0);
	cr_assert_eq(grove_hang_close(NULL, err), 0);
	cr_assert_eq(place_clear(&place), 0, "nothing was written");
	return 0;
}
Test(res_hang, work_that_is_done_in_time)
{
	run("hang.in_time", in_time);
}

static int no_snag(void *arg, struct grove_error *err)
{
	struct grove_hang *hang = NULL;
	struct grove_hang_opts opts = { .after_ns = GROVE_SECOND };

	(void)arg;
	opts.snag = "/nowhere/snag";
	cr_assert_eq(grove_hang_open(&opts, &hang, err), -ENOENT);
	cr_assert(strstr(err->text, "'/nowhere/snag' is no program"), "%s", err->text);
	setenv(GROVE_SNAG_ENV, "/nowhere/else", 1);
	cr_assert_eq(grove_dump_on_hang(GROVE_SECOND, &hang, err), -ENOENT);
	cr_assert(strstr(err->text, "'/nowhere/else' (of $" GROVE_SNAG_ENV ")"), "%s", err->text);
	unsetenv(GROVE_SNAG_ENV);
	setenv("PATH", "/nowhere:/nowhere/else:", 1);
	cr_assert_eq(grove_dump_on_hang(GROVE_SECOND, &hang, err), -ENOENT);
	cr_assert(strstr(err->text, "no program 'snag' in $PATH; set $" GROVE_SNAG_ENV), "%s",
		  err->text);
	opts.snag = "/bin/true";
	opts.folder = "/nowhere";
	cr_assert_eq(grove_hang_open(&opts, &hang, err), -EACCES);
	cr_assert(strstr(err->text, "/nowhere"), "%s", err->text);
	grove_error_clear(err);
	return 0;
}
Test(res_hang, no_snag_is_said_at_once)
{
	run("hang.no_snag", no_snag);
}

/* ---- and with snag itself -------------------------------------------------------------------- */

/* An actor below hangs and has its whole tree dumped: the root is what snag looks at. */
int help_hang_dump(struct grove_context *context, const struct grove_value *args,
		   struct grove_value *ret, struct grove_error *err)
{
	struct grove_hang_opts opts = { .after_ns = 20 * GROVE_MS };
	struct grove_hang *hang = NULL;
	char text[4096] = "";
	int rc;

	(void)context;
	opts.folder = grove_value_str(args, NULL);
	rc = grove_hang_open(&opts, &hang, err);
	if (rc < 0)
		return rc;
	block_until_fired(hang);
	_grove_free_ char *log = grove_format("%s.txt", grove_hang_path(hang));
	rc = grove_hang_close(hang, err);
	if (rc < 0)
		return rc;
	FILE *file = fopen(log, "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[n] = 0;
	if (file)
		fclose(file);
	*ret = grove_str(text);
	return 0;
}

static int real(void *arg, struct grove_error *err)
{
	struct place place = place_make("");
	_grove_value_ struct grove_value text = grove_nil();
	struct grove_actors actors;
	struct grove_portal *portal;
	char expect[64];

	(void)arg;
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "hangs");
	cr_assert_eq(grove_portal_run(portal, "hang.dump", grove_str(place.dir), &text, err), 0,
		     "%s", err->text);
	snprintf(expect, sizeof(expect), "(%d)", (int)getpid());
	cr_log_info("%s\n", grove_value_str(&text, ""));
	snprintf(expect, sizeof(expect), "[%d]", (int)getpid());
	cr_assert(strstr(grove_value_str(&text, ""), expect), "%s", grove_value_str(&text, ""));
	cr_assert_eq(place_clear(&place), 2);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}
Test(res_hang, snag_sees_the_tree_from_its_root)
{
	if (!getenv(GROVE_SNAG_ENV) || access(getenv(GROVE_SNAG_ENV), X_OK) < 0)
		cr_skip_test("no $" GROVE_SNAG_ENV);
	run("hang.real", real);
}
