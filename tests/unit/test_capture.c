/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/capture.h"

#include "capture/columns.h"
#include "capture/schema.h"
#include "lib/unit_rows.h"
#include "read/stack.h"
#include "unwind/frame.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- a folder of our own --------------------------------------------------------------------- */

static char folder[] = "/tmp/snag-capture-XXXXXX";
static char file[64];

static void setup(void)
{
	cr_assert_not_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/a file?.snag", folder);
}

static uint32_t entries(void)
{
	_cleanup_closedir_ DIR *d = opendir(folder);
	uint32_t n = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	return n;
}

static void teardown(void)
{
	_cleanup_closedir_ DIR *d = opendir(folder);

	for (struct dirent *e = readdir(d); e; e = readdir(d))
		unlinkat(dirfd(d), e->d_name, 0);
	rmdir(folder);
}

TestSuite(capture, .init = setup, .fini = teardown);

static struct model *load(void)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct model *m = NULL;
	int rc = capture_load(file, &m, &err);

	cr_assert_eq(rc, 0, "%s", err.text);
	return m;
}

static void save(const struct model *m)
{
	struct snag_error err = SNAG_ERROR_INIT;
	int rc = capture_write(m, file, &err);

	cr_assert_eq(rc, 0, "%s", err.text);
}

/*
 * Loading fails with `rc`, one line that names the file and has `part` in it, and nothing is given
 * back.
 */
static void expect_refused(int rc, const char *part)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct model *m = NULL;

	cr_assert_eq(capture_load(file, &m, &err), rc, "not refused as %d: %s", rc, err.text);
	cr_assert_null(m);
	cr_assert_not_null(strstr(err.text, part), "\"%s\" says nothing of \"%s\"", err.text, part);
	cr_assert_not_null(strstr(err.text, file), "%s", err.text);
	cr_assert_null(strchr(err.text, '\n'), "%s", err.text);
}

/* As somebody could who has the file and an sqlite3. */
static void edit(const char *sql)
{
	_cleanup_sqlite_ sqlite3 *db = NULL;

	cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
}

static char *slurp(size_t *size)
{
	_cleanup_fclose_ FILE *f = fopen(file, "re");
	struct stat st;
	char *bytes;

	cr_assert_not_null(f);
	cr_assert_eq(fstat(fileno(f), &st), 0);
	*size = (size_t)st.st_size;
	bytes = xcalloc(*size + 1, 1);
	cr_assert_eq(fread(bytes, 1, *size, f), *size);
	return bytes;
}

static void spill(const char *bytes, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen(file, "we");

	cr_assert_not_null(f);
	cr_assert_eq(fwrite(bytes, 1, size, f), size);
}

/* ---- there and back -------------------------------------------------------------------------- */

Test(capture, every_column_comes_back)
{
	_cleanup_model_ struct model *m = rows_model(14);

	save(m);

	_cleanup_model_ struct model *back = load();

	rows_expect_equal(m, back);
	cr_assert(back->from_capture);
	cr_assert_eq(model_find_pid(back, m->actors.at[2].pid), 3);
	cr_assert_eq(entries(), 1, "something was left beside the capture");
}

Test(capture, an_empty_model_comes_back)
{
	_cleanup_model_ struct model *m = model_new();

	save(m);

	_cleanup_model_ struct model *back = load();

	rows_expect_equal(m, back);
}

Test(capture, five_thousand_processes_come_back)
{
	_cleanup_model_ struct model *m = rows_tree(5000, 10);

	save(m);

	_cleanup_model_ struct model *back = load();

	rows_expect_equal(m, back);
}

/* A member that no column has would be lost without a word. */
#if defined(__GNUC__) && !defined(__clang__)
static void expect_covered(unsigned char *bytes, size_t size, const struct table *t)
{
	for (uint32_t i = 0; i < t->column_count; i++)
		memset(bytes + t->columns[i].offset, 0, t->columns[i].size);
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(bytes[i], 0, "byte %zu of an element of %s is in no column", i,
			     t->name);
}

/* Build code: an element of all ones but its padding, and without the members that are derived. */
#define EXPECT_COVERED(type, table, ...)                                                           \
	do {                                                                                       \
		struct type x;                                                                     \
		memset(&x, 0xff, sizeof(x));                                                       \
		__builtin_clear_padding(&x);                                                       \
		__VA_ARGS__;                                                                       \
		expect_covered((unsigned char *)&x, sizeof(x), &capture_tables[table]);            \
	} while (0)

Test(capture, every_member_has_a_column)
{
	EXPECT_COVERED(actor, TABLE_ACTORS, x.first_thread = x.thread_count = 0,
		       x.first_task = x.task_count = 0);
	EXPECT_COVERED(thread, TABLE_THREADS, x.first_frame = x.frame_count = 0,
		       x.first_kernel = x.kernel_count = 0,
		       x.script.first_frame = x.script.frame_count = 0,
		       x.script.first_exception = x.script.exception_count = 0);
	EXPECT_COVERED(object, TABLE_OBJECTS);
	EXPECT_COVERED(holder, TABLE_HOLDERS);
	EXPECT_COVERED(wait, TABLE_WAITS, x.first_term = x.term_count = 0);
	EXPECT_COVERED(term_row, TABLE_TERMS);
	EXPECT_COVERED(finding, TABLE_FINDINGS);
	EXPECT_COVERED(side_verdict, TABLE_SIDES, memset(&x.members, 0, sizeof(x.members)));
	EXPECT_COVERED(side_row, TABLE_SIDE_MEMBERS);
	EXPECT_COVERED(code, TABLE_CODES, x.first_inlined = x.inlined_count = 0);
	EXPECT_COVERED(inlined_row, TABLE_INLINED);
	EXPECT_COVERED(frame_row, TABLE_FRAMES);
	EXPECT_COVERED(kernel_row, TABLE_KERNEL_FRAMES);
	EXPECT_COVERED(task, TABLE_TASKS, x.first_frame = x.frame_count = 0,
		       x.first_exception = x.exception_count = 0);
	EXPECT_COVERED(nursery, TABLE_NURSERIES);
	EXPECT_COVERED(scope, TABLE_SCOPES);
	EXPECT_COVERED(task_frame_row, TABLE_TASK_FRAMES,
		       x.frame.locals.first = x.frame.locals.count = 0);
	EXPECT_COVERED(script_row, TABLE_SCRIPT_FRAMES,
		       x.frame.locals.first = x.frame.locals.count = 0);
	EXPECT_COVERED(local_row, TABLE_LOCALS);
	EXPECT_COVERED(exception_row, TABLE_EXCEPTIONS);
	EXPECT_COVERED(debt, TABLE_DEBTS);
}
#endif

Test(capture, words_of_stacks_are_those_of_the_layers_that_make_them)
{
	const struct word_list *stack = &capture_words[WORDS_STACK];
	const struct word_list *how = &capture_words[WORDS_HOW];

	for (uint32_t i = 0; i < stack->count; i++)
		cr_expect_str_eq(stack->words[i], stack_status_name((uint8_t)i));
	for (uint32_t i = 1; i < how->count; i++)
		cr_expect_str_eq(how->words[i], frame_how_name((uint8_t)i));
}

Test(capture, words_of_the_contract_are_what_is_stored)
{
	_cleanup_model_ struct model *m = rows_tree(1, 1);
	_cleanup_sqlite_ sqlite3 *db = NULL;
	_cleanup_stmt_ sqlite3_stmt *s = NULL;

	m->waits.at[0].kind = WAIT_PIPE_READ;
	m->holders.at[0].mode = 3;
	m->verdict.kind = VERDICT_DEADLOCK;
	save(m);
	cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
	cr_assert_eq(
		sqlite3_prepare_v2(db,
				   "SELECT waits.kind, holders.mode, verdict.kind, terms.kind, "
				   "actors.argv, (SELECT user_version FROM pragma_user_version) "
				   "FROM waits, holders, verdict, terms, actors",
				   -1, &s, NULL),
		SQLITE_OK);
	cr_assert_eq(sqlite3_step(s), SQLITE_ROW);
	cr_assert_str_eq((const char *)sqlite3_column_text(s, 0), "pipe-read");
	cr_assert_str_eq((const char *)sqlite3_column_text(s, 1), "rw");
	cr_assert_str_eq((const char *)sqlite3_column_text(s, 2), "deadlock");
	cr_assert_str_eq((const char *)sqlite3_column_text(s, 3), "object");
	cr_assert_str_eq((const char *)sqlite3_column_text(s, 4), "worker\x1f"
								  "0");
	cr_assert_eq(sqlite3_column_int(s, 5), CAPTURE_SCHEMA);
}

/* ---- writing --------------------------------------------------------------------------------- */

Test(capture, only_its_owner_may_read_it)
{
	_cleanup_model_ struct model *m = model_new();
	struct stat st;

	umask(0);
	save(m);
	cr_assert_eq(stat(file, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert(capture_is_one(file));
}

Test(capture, an_older_one_is_replaced)
{
	_cleanup_model_ struct model *old = rows_tree(3, 1);
	_cleanup_model_ struct model *m = rows_tree(7, 1);

	save(old);
	save(m);

	_cleanup_model_ struct model *back = load();

	cr_assert_eq(back->actors.count, 7);
	cr_assert_eq(entries(), 1);
}

static void expect_not_written(const char *path, int rc)
{
	_cleanup_model_ struct model *m = rows_tree(3, 1);
	struct snag_error err = SNAG_ERROR_INIT;

	cr_assert_eq(capture_write(m, path, &err), rc, "%s", err.text);
	cr_assert_not_null(strstr(err.text, path), "%s", err.text);
	cr_assert_null(strchr(err.text, '\n'));
}

Test(capture, what_is_no_plain_file_is_not_written_to)
{
	char path[128];

	expect_not_written(folder, -EISDIR);
	expect_not_written("/dev/null", -EINVAL);
	snprintf(path, sizeof(path), "%s/link", folder);
	cr_assert_eq(symlink("elsewhere", path), 0);
	expect_not_written(path, -ELOOP);
	snprintf(path, sizeof(path), "%s/none/there", folder);
	expect_not_written(path, -ENOENT);
	cr_assert_eq(entries(), 1, "only the link is there");
}

Test(capture, what_may_not_be_written_is_not_replaced)
{
	if (geteuid() == 0 && seteuid(65534) < 0)
		cr_skip("cannot become nobody");
	expect_not_written("/etc/passwd", -EACCES);
	cr_assert_eq(seteuid(getuid()), 0);
}

/* As a full disk: write(2) fails after some bytes. */
Test(capture, a_write_that_fails_leaves_the_old_one)
{
	_cleanup_model_ struct model *old = rows_tree(3, 1);
	struct rlimit limit = { 20000, 20000 };

	save(old);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	{
		_cleanup_model_ struct model *m = rows_tree(3000, 1);
		struct snag_error err = SNAG_ERROR_INIT;

		cr_assert_eq(capture_write(m, file, &err), -EFBIG, "%s", err.text);
		cr_assert_not_null(strstr(err.text, file));
	}
	cr_assert_eq(entries(), 1, "the unfinished one was left there");

	_cleanup_model_ struct model *back = load();

	rows_expect_equal(old, back);
}

/* ---- files of others ------------------------------------------------------------------------- */

Test(capture, what_is_no_capture_is_refused)
{
	expect_refused(-ENOENT, "No such file");
	cr_assert_not(capture_is_one(file));
	spill("", 0);
	expect_refused(-EBADMSG, "not a capture");
	spill("hello, this is a text of some length", 36);
	expect_refused(-EBADMSG, "not a capture");
	cr_assert_not(capture_is_one(file));
	cr_assert_eq(unlink(file), 0);
	cr_assert_eq(mkfifo(file, 0600), 0);
	expect_refused(-EBADMSG, "not a capture");
	cr_assert_eq(unlink(file), 0);
	edit("CREATE TABLE t(x)");
	expect_refused(-EBADMSG, "not a capture");
	cr_assert(capture_is_one(file), "it begins as a database, and loading says the rest");
}

Test(capture, a_newer_one_is_told_so)
{
	_cleanup_model_ struct model *m = rows_model(3);

	save(m);
	edit("PRAGMA user_version=77; CREATE TABLE wonders(x)");
	expect_refused(-EPROTONOSUPPORT, "newer snag");
}

Test(capture, a_truncated_one_is_refused)
{
	_cleanup_model_ struct model *m = rows_model(20);
	_cleanup_free_ char *bytes = NULL;
	size_t size;

	save(m);
	bytes = slurp(&size);
	cr_assert_gt(size, 20000u);
	for (size_t cut = 0; cut < size; cut += 512) {
		struct snag_error err = SNAG_ERROR_INIT;
		struct model *got = NULL;
		int rc;

		spill(bytes, cut);
		rc = capture_load(file, &got, &err);
		cr_assert_eq(rc, -EBADMSG, "cut at %zu of %zu: %d %s", cut, size, rc, err.text);
		cr_assert_null(got);
	}
}

/* Any number of flipped bits: it loads or it does not, and what loads can be looked at whole. */
Test(capture, a_damaged_one_never_does_harm, .timeout = 120)
{
	_cleanup_model_ struct model *m = rows_model(20);
	_cleanup_free_ char *bytes = NULL;
	uint32_t refused = 0;
	size_t size;

	save(m);
	bytes = slurp(&size);
	for (unsigned seed = 1; seed <= 600; seed++) {
		_cleanup_free_ char *bad = xcalloc(size, 1);
		struct model *got = NULL;
		unsigned state = seed;
		int rc;

		memcpy(bad, bytes, size);
		for (unsigned n = 0; n < 1 + seed % 7; n++) {
			size_t bit = ((size_t)rand_r(&state) << 12 ^ (size_t)rand_r(&state)) %
				     (size * 8);

			bad[bit / 8] ^= (char)(1 << bit % 8);
		}
		spill(bad, size);
		rc = capture_load(file, &got, NULL);
		refused += rc < 0;
		cr_assert(rc == 0 || rc == -EBADMSG || rc == -EPROTONOSUPPORT, "seed %u: %d", seed,
			  rc);
		cr_assert_eq(rc == 0, got != NULL);
		if (got)
			rows_expect_equal(got, got);
		model_free(got);
	}
	cr_assert_gt(refused, 0u);
}

/* One edit each that makes a sound capture contradict itself. */
static const struct {
	const char *sql, *says;
} lies[] = {
	{ "UPDATE actors SET parent = 9 WHERE id = 2", "parent" },
	{ "UPDATE actors SET parent = 2 WHERE id = 1", "parent" },
	{ "UPDATE actors SET parent = 1 WHERE id = 1", "parent" },
	{ "UPDATE actors SET spawn_method = 'magic'", "spawn_method" },
	{ "UPDATE actors SET pid = 5000000000", "pid" },
	{ "UPDATE actors SET pid = 'x'", "pid" },
	{ "UPDATE actors SET in_tree = 2", "in_tree" },
	{ "UPDATE actors SET state = 'SS'", "state" },
	{ "UPDATE actors SET state = char(27)", "state" },
	{ "UPDATE actors SET name = x'00'", "name" },
	{ "UPDATE actors SET name = 'a' || char(0) || 'b'", "name" },
	{ "UPDATE actors SET name = x'41'", "name" },
	{ "DELETE FROM actors WHERE id = 2", "ids" },
	{ "UPDATE actors SET id = -1 WHERE id = 1", "ids" },
	{ "UPDATE threads SET actor = 0", "threads" },
	{ "UPDATE threads SET actor = 1", "" },
	{ "UPDATE threads SET actor = 3 - actor WHERE id < 3; "
	  "UPDATE threads SET actor = 1 WHERE id = 3",
	  "" },
	{ "UPDATE threads SET wait = 2 WHERE id = 1", "wait" },
	{ "UPDATE waits SET thread = 2 WHERE id = 1", "waits" },
	{ "UPDATE waits SET parent = 1 WHERE id = 3", "waits" },
	{ "UPDATE waits SET parent = 3 WHERE id = 3", "waits" },
	{ "UPDATE waits SET object = 1000000", "object" },
	{ "UPDATE waits SET kind = 'sleeping-beauty'", "kind" },
	{ "UPDATE waits SET since_ms = -1", "since_ms" },
	{ "UPDATE waits SET level = 3", "level" },
	{ "UPDATE terms SET target = 99, kind = 'thread'", "terms" },
	{ "UPDATE terms SET target = 0, kind = 'object'", "terms" },
	{ "UPDATE terms SET target = 1, kind = 'never'", "terms" },
	{ "UPDATE terms SET wait = 4 - wait WHERE id IN (1, 3); "
	  "UPDATE terms SET wait = 1 WHERE id = 1",
	  "terms" },
	{ "UPDATE objects SET key = 'same'", "key" },
	{ "UPDATE objects SET peer = -1", "peer" },
	{ "UPDATE objects SET detail = '{'", "detail" },
	{ "UPDATE objects SET detail = '[1]'", "detail" },
	{ "UPDATE objects SET detail = '7'", "detail" },
	{ "UPDATE objects SET detail = '{} {}'", "detail" },
	{ "UPDATE objects SET detail = '{\"a\":1}} , {'", "detail" },
	{ "UPDATE holders SET mode = 'x'", "mode" },
	{ "UPDATE holders SET used = 3", "used" },
	{ "UPDATE holders SET description = -1", "description" },
	{ "UPDATE threads SET stack = 'shaky'", "stack" },
	{ "UPDATE frames SET code = 99 WHERE id = 1", "code" },
	{ "UPDATE frames SET code = 0", "code" },
	{ "UPDATE frames SET thread = 99", "thread" },
	{ "UPDATE frames SET how = 'luck'", "how" },
	{ "UPDATE frames SET signal = 2", "signal" },
	{ "UPDATE frames SET thread = 1 WHERE id = 3", "frames" },
	{ "UPDATE kernel_frames SET thread = 1 WHERE id = 3", "kernel_frames" },
	{ "UPDATE inlined SET code = 1 WHERE id = 3", "inlined" },
	{ "UPDATE inlined SET code = -1", "code" },
	{ "UPDATE codes SET line = -1", "line" },
	{ "UPDATE codes SET exact = 7", "exact" },
	{ "UPDATE tasks SET parent = 99", "parent" },
	{ "UPDATE tasks SET state = 'asleep'", "state" },
	{ "UPDATE tasks SET requested = 3", "requested" },
	{ "UPDATE tasks SET wait = 3 WHERE id = 1", "another task's wait" },
	{ "UPDATE tasks SET thread = 3 WHERE id = 1", "another actor's thread" },
	{ "UPDATE tasks SET actor = 1 WHERE id = 3", "tasks" },
	{ "UPDATE tasks SET wait = NULL; UPDATE waits SET task = 99", "another actor's task" },
	{ "UPDATE verdict SET culprit_task = 99", "culprit_task" },
	{ "UPDATE terms SET target = 99 WHERE kind = 'task'", "target" },
	{ "UPDATE nurseries SET actor = 1 WHERE id = 3", "nurseries" },
	{ "UPDATE scopes SET actor = 1 WHERE id = 3", "scopes" },
	{ "UPDATE scopes SET parent = 99", "parent" },
	{ "UPDATE task_frames SET task = 1 WHERE id = 3", "task_frames" },
	{ "UPDATE task_frames SET code = 99", "code" },
	{ "UPDATE script_frames SET thread = 1 WHERE id = 3", "script_frames" },
	{ "UPDATE script_frames SET thread = 99", "thread" },
	{ "UPDATE script_frames SET entry = 2", "entry" },
	{ "UPDATE script_frames SET kind = 'macro'", "kind" },
	{ "UPDATE threads SET script_gil = 'stolen'", "script_gil" },
	{ "UPDATE locals SET script_frame = 99 WHERE task_frame IS NULL", "script_frame" },
	{ "UPDATE locals SET script_frame = 1, task_frame = 1", "not of one call" },
	{ "UPDATE locals SET script_frame = NULL, task_frame = NULL", "not of one call" },
	{ "UPDATE locals SET task_frame = 1 WHERE id = 3", "locals" },
	{ "UPDATE exceptions SET task = 1 WHERE thread = 1", "not of one thread" },
	{ "UPDATE exceptions SET thread = 1 WHERE thread = 3", "exceptions" },
	{ "UPDATE exceptions SET raised = 2", "raised" },
	{ "UPDATE debts SET thread = 3 WHERE id = 1", "debts 2: apart" },
	{ "UPDATE debts SET thread = 99", "thread" },
	{ "UPDATE debts SET \"by\" = 99", "by" },
	{ "UPDATE debts SET kind = 'favour'", "kind" },
	{ "UPDATE actors SET spawn_requested_task = 99", "spawn_requested_task" },
	{ "UPDATE actors SET spawn_requested_task = 2 WHERE id = 1", "another actor's task" },
	{ "UPDATE capture SET took_ms = 9e999", "took_ms" },
	{ "UPDATE capture SET root = 21", "root" },
	{ "DELETE FROM capture", "capture" },
	{ "INSERT INTO verdict(id, kind, confidence, culprit_task, culprit_tid) "
	  "VALUES(2, 'idle', 'proven', 0, 0)",
	  "verdict" },
	{ "UPDATE verdict SET focus = 21", "focus" },
	{ "UPDATE verdict_chain SET wait = 21", "wait" },
	{ "UPDATE side_members SET side = 21", "side" },
	{ "CREATE TABLE more(x)", "tables" },
	{ "CREATE INDEX i ON actors(pid)", "tables" },
	{ "CREATE TRIGGER t AFTER INSERT ON actors BEGIN SELECT 1; END", "tables" },
	{ "DROP TABLE findings", "tables" },
	{ "DROP TABLE findings; CREATE VIEW findings AS SELECT id, 'x' AS kind FROM actors",
	  "tables" },
	{ "ALTER TABLE findings ADD COLUMN x AS (abs(-9223372036854775808))", "tables" },
	{ "PRAGMA writable_schema=1; UPDATE sqlite_schema SET rootpage = 2", "" },
	{ "PRAGMA application_id=1", "not a capture" },
	{ "PRAGMA user_version=0", "schema" },
	{ "PRAGMA user_version=-5", "schema" },
};

Test(capture, one_that_contradicts_itself_is_refused, .timeout = 60)
{
	_cleanup_model_ struct model *m = rows_model(20);

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct model *got = NULL;
		struct snag_error err = SNAG_ERROR_INIT;
		int rc;

		save(m);
		edit(lies[i].sql);
		rc = capture_load(file, &got, &err);
		cr_assert_eq(rc, -EBADMSG, "%s: %d", lies[i].sql, rc);
		cr_assert_not_null(strstr(err.text, lies[i].says), "%s: %s", lies[i].sql, err.text);
	}
}

/* ---- versions -------------------------------------------------------------------------------- */

static const struct schema_step two_steps[] = {
	{ .version = 1, .sql = "CREATE TABLE t(id INTEGER PRIMARY KEY)" },
	{ .version = 2, .sql = "ALTER TABLE t ADD COLUMN added TEXT NOT NULL DEFAULT 'x'" },
};

Test(capture, an_old_schema_is_brought_up_in_a_copy)
{
	_cleanup_sqlite_ sqlite3 *db = NULL, *again = NULL;
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	struct snag_error err = SNAG_ERROR_INIT;

	cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
	cr_assert_eq(schema_apply(db, two_steps, 0, 1, &err), 0, "%s", err.text);
	cr_assert_eq(sqlite3_exec(db, "INSERT INTO t VALUES(1)", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(schema_verify(db, two_steps, 1, &err), 0, "%s", err.text);
	cr_assert_eq(schema_verify(db, two_steps, 2, &err), -EBADMSG);
	cr_assert_eq(schema_upgrade(&db, two_steps, 1, 2, &err), 0, "%s", err.text);
	cr_assert_eq(schema_verify(db, two_steps, 2, &err), 0, "%s", err.text);
	cr_assert_eq(sqlite3_prepare_v2(db, "SELECT added FROM t", -1, &s, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(s), SQLITE_ROW);
	cr_assert_str_eq((const char *)sqlite3_column_text(s, 0), "x");
	cr_assert_eq(sqlite3_open(file, &again), SQLITE_OK);
	cr_assert_eq(schema_verify(again, two_steps, 1, &err), 0, "the file itself has changed");
}

/* A file of schema 1, as the first snag wrote it: one process, no stacks. */
static const char first_rows[] =
	"INSERT INTO capture VALUES(1,'h','0.1.0','bpf','6.1',1,1.0,1,0);"
	"INSERT INTO actors VALUES(1,'process',7,1,NULL,1,'x',NULL,NULL,'S',1,0,0,0,0,0,0,NULL,7,"
	"7,0,0,1,1,1,NULL,3,-1,'unknown',NULL,NULL,0,0,NULL,NULL,0,0);"
	"INSERT INTO threads VALUES(1,1,7,'x','read','S',0,0,0,0,1,NULL,NULL,NULL);"
	"INSERT INTO verdict VALUES(1,'idle','probable','s',NULL,1,NULL,0,NULL,0,NULL,NULL);";

Test(capture, one_of_schema_1_is_read_and_has_no_stacks)
{
	_cleanup_sqlite_ sqlite3 *db = NULL;
	struct snag_error err = SNAG_ERROR_INIT;

	cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
	cr_assert_eq(schema_apply(db, schema_steps, 0, 1, &err), 0, "%s", err.text);
	cr_assert_eq(sqlite3_exec(db, first_rows, NULL, NULL, NULL), SQLITE_OK, "%s",
		     sqlite3_errmsg(db));

	_cleanup_model_ struct model *m = load();

	cr_assert_eq(m->threads.count, 1);
	cr_expect_eq(m->threads.at[0].stack, STACK_UNKNOWN);
	cr_expect_eq(m->threads.at[0].frame_count, 0);
	cr_expect_eq(m->threads.at[0].kernel_count, 0);
	cr_expect(!m->threads.at[0].stack_current);
}
