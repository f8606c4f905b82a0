/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/capture.h"

#include "base/strbuf.h"
#include "capture/check.h"
#include "capture/columns.h"
#include "capture/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>

/*
 * A capture of 5,000 processes loads in a quarter of a second; one that takes so long is made to.
 */
enum { LOAD_SECONDS = 30, STEPS_BETWEEN_LOOKS = 10000 };

/* Longest text: arguments have at most 6 MiB (fs/exec.c, bprm_stack_limits). */
enum { TEXT_MAX = 16 << 20, SQL_MAX = 1 << 16 };

static const char magic[16] = "SQLite format 3";

/* A load in progress. */
struct load {
	sqlite3 *db;
	struct model *m;
	struct capture_rows rows;
	uint64_t deadline_s;
};

static void load_release(struct load *l)
{
	capture_rows_release(&l->rows);
	model_free(l->m);
	sqlite3_close(l->db);
}
DEFINE_PLACE_GUARD(load)

static uint64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

static int is_late(void *arg)
{
	const struct load *l = arg;

	return now_s() > l->deadline_s;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* A regular file that begins as a database. Never blocks, also on a FIFO. */
static int check_file(const char *path, struct snag_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char head[sizeof(magic)];
	struct stat st;

	if (fd < 0)
		return error_set(err, -errno, "%s: %m", path);
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: %m", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, -EISDIR, "%s: %m", path);
	if (!S_ISREG(st.st_mode) || read(fd, head, sizeof(head)) != sizeof(head) ||
	    memcmp(head, magic, sizeof(magic)) != 0)
		return error_set(err, -EBADMSG, "%s: is not a capture of snag", path);
	return 0;
}

bool capture_is_one(const char *path)
{
	return check_file(path, NULL) == 0;
}

/*
 * The file as a URI, so that immutable=1 can be said: no lock, no journal, no write, whatever is in
 * it.
 */
static char *uri_of(const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (!real)
		return NULL;
	strbuf_adds(&b, "file:");
	for (const char *s = real; *s; s++) {
		if (strchr("%?#", *s) || (unsigned char)*s <= ' ')
			strbuf_addf(&b, "%%%02X", (unsigned char)*s);
		else
			strbuf_addc(&b, *s);
	}
	strbuf_adds(&b, "?mode=ro&immutable=1");
	return strbuf_steal(&b);
}

/* https://sqlite.org/security.html, "untrusted SQLite database files". */
static void distrust(struct load *l)
{
	sqlite3 *db = l->db;

	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, TEXT_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_COLUMN, 100);
	sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 10);
	sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 3);
	sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 25000);
	sqlite3_limit(db, SQLITE_LIMIT_FUNCTION_ARG, 8);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 1);
	sqlite3_progress_handler(db, STEPS_BETWEEN_LOOKS, is_late, l);
}

static int open_file(struct load *l, const char *path, struct snag_error *err)
{
	_cleanup_free_ char *uri = uri_of(path);
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;

	if (!uri)
		return error_set(err, -errno, "%m");
	if (sqlite3_open_v2(uri, &l->db, flags, NULL) != SQLITE_OK)
		return error_set(err, -EBADMSG, "%s",
				 l->db ? sqlite3_errmsg(l->db) : "no memory for a database");
	distrust(l);
	return 0;
}

/* ---- versions -------------------------------------------------------------------------------- */

static int get_number(struct load *l, const char *sql, int64_t *value, struct snag_error *err)
{
	_cleanup_stmt_ sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		return error_set(err, -EBADMSG, "%s", sqlite3_errmsg(l->db));
	*value = sqlite3_column_int64(s, 0);
	return 0;
}

/* A sound b-tree: no page used twice, which is what keeps the rows fewer than the file's bytes. */
static int check_pages(struct load *l, struct snag_error *err)
{
	_cleanup_stmt_ sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(l->db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW || !sqlite3_column_text(s, 0))
		return error_set(err, -EBADMSG, "it is damaged: %s", sqlite3_errmsg(l->db));
	if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
		return error_set(err, -EBADMSG, "it is damaged");
	return 0;
}

/* Is it one of ours, whole, and of a version that we know? An older one is brought up to ours. */
static int check_version(struct load *l, struct snag_error *err)
{
	int64_t id = 0, version = 0;
	int rc = get_number(l, "PRAGMA application_id", &id, err);

	if (rc == 0)
		rc = get_number(l, "PRAGMA user_version", &version, err);
	if (rc < 0)
		return rc;
	if (id != CAPTURE_APPLICATION_ID)
		return error_set(err, -EBADMSG, "is an SQLite database but not a capture of snag");
	if (version > CAPTURE_SCHEMA)
		return error_set(err, -EPROTONOSUPPORT,
				 "made by a newer snag: schema %lld, this snag reads up to %d",
				 (long long)version, CAPTURE_SCHEMA);
	if (version < 1)
		return error_set(err, -EBADMSG, "schema %lld never was", (long long)version);
	rc = schema_verify(l->db, schema_steps, (int)version, err);
	if (rc == 0)
		rc = check_pages(l, err);
	if (rc < 0 || version == CAPTURE_SCHEMA)
		return rc;
	return schema_upgrade(&l->db, schema_steps, (int)version, CAPTURE_SCHEMA, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

static int bad(const struct table *t, const struct column *c, const char *what,
	       struct snag_error *err)
{
	return error_set(err, -EBADMSG, "%s.%s: %s", t->name, c ? c->name : "id", what);
}

static bool get_text(struct model *m, sqlite3_stmt *s, int at, uint64_t *value)
{
	const char *text;

	if (sqlite3_column_type(s, at) != SQLITE_TEXT)
		return false;
	text = (const char *)sqlite3_column_text(s, at);
	if (!text || strlen(text) != (size_t)sqlite3_column_bytes(s, at))
		return false;
	*value = strtab_add(m->strings, text);
	return true;
}

static bool get_word(const struct column *c, sqlite3_stmt *s, int at, uint64_t *value)
{
	const struct word_list *list = &capture_words[c->arg];
	const char *text;

	if (sqlite3_column_type(s, at) != SQLITE_TEXT)
		return false;
	text = (const char *)sqlite3_column_text(s, at);
	for (uint32_t i = 0; text && i < list->count; i++)
		if (list->words[i] && !strcmp(list->words[i], text)) {
			*value = i;
			return true;
		}
	return false;
}

static bool get_char(sqlite3_stmt *s, int at, uint64_t *value)
{
	const unsigned char *text;

	if (sqlite3_column_type(s, at) != SQLITE_TEXT)
		return false;
	text = sqlite3_column_text(s, at);
	if (!text || sqlite3_column_bytes(s, at) != 1 || *text <= ' ' || *text > '~')
		return false;
	*value = *text;
	return true;
}

static bool get_real(sqlite3_stmt *s, int at, uint64_t *value)
{
	double real;

	if (sqlite3_column_type(s, at) != SQLITE_FLOAT)
		return false;
	real = sqlite3_column_double(s, at);
	memcpy(value, &real, sizeof(real));
	return isfinite(real);
}

/* An integer that fits into the member. */
static bool get_integer(const struct column *c, sqlite3_stmt *s, int at, uint64_t *value)
{
	int64_t number;

	if (sqlite3_column_type(s, at) != SQLITE_INTEGER)
		return false;
	number = sqlite3_column_int64(s, at);
	*value = (uint64_t)number;
	if (c->type == COLUMN_BOOL || c->type == COLUMN_TRISTATE)
		return number == 0 || number == 1;
	if (c->type == COLUMN_OPTIONAL)
		return *value != UINT64_MAX;
	if (c->size == 8)
		return true;
	if (c->type == COLUMN_INT)
		return number >= INT32_MIN && number <= INT32_MAX;
	return number >= 0 && number <= UINT32_MAX;
}

/* What NULL stands for; false: it may not be NULL. */
static bool get_null(const struct column *c, uint64_t *value)
{
	*value = c->type == COLUMN_OPTIONAL || c->type == COLUMN_TRISTATE ? UINT64_MAX : 0;
	return c->type == COLUMN_OPTIONAL || c->type == COLUMN_TRISTATE || c->type == COLUMN_TEXT ||
	       c->type == COLUMN_CHAR || c->type == COLUMN_REF;
}

static bool get_column(struct load *l, const struct column *c, sqlite3_stmt *s, int at,
		       uint64_t *value)
{
	if (sqlite3_column_type(s, at) == SQLITE_NULL)
		return get_null(c, value);
	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_NEEDED_TEXT:
		return get_text(l->m, s, at, value);
	case COLUMN_WORD:
		return get_word(c, s, at, value);
	case COLUMN_CHAR:
		return get_char(s, at, value);
	case COLUMN_REAL:
		return get_real(s, at, value);
	default:
		return get_integer(c, s, at, value);
	}
}

/* ---- rows ------------------------------------------------------------------------------------ */

static char *select_sql(const struct table *t)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, "SELECT id");
	for (uint32_t i = 0; i < t->column_count; i++)
		strbuf_addf(&b, ",\"%s\"", t->columns[i].name);
	strbuf_addf(&b, " FROM %s ORDER BY id", t->name);
	return strbuf_steal(&b);
}

/* Row number `n`, counted from 0, at its place. */
static int load_row(struct load *l, const struct table *t, sqlite3_stmt *s, uint32_t n,
		    struct snag_error *err)
{
	struct any_vec *vec = t->single ? NULL : capture_vec(&l->rows, t);
	void *row = l->m;

	if (n >= t->max)
		return bad(t, NULL, "too many rows", err);
	if (sqlite3_column_int64(s, 0) != (int64_t)n + 1)
		return bad(t, NULL, "ids are not 1, 2, 3 and so on", err);
	if (vec)
		row = vec_grow(&vec->at, &vec->count, &vec->cap, t->element);
	for (uint32_t i = 0; i < t->column_count; i++) {
		uint64_t value = 0;

		if (!get_column(l, &t->columns[i], s, (int)i + 1, &value))
			return bad(t, &t->columns[i], "a value that cannot be", err);
		column_set(&t->columns[i], row, value);
	}
	return 0;
}

static int load_table(struct load *l, const struct table *t, struct snag_error *err)
{
	_cleanup_free_ char *sql = select_sql(t);
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	uint32_t n = 0;
	int step;

	if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) != SQLITE_OK)
		return error_set(err, -EBADMSG, "%s: %s", t->name, sqlite3_errmsg(l->db));
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		int rc = load_row(l, t, s, n, err);

		if (rc < 0)
			return rc;
		n++;
	}
	if (step == SQLITE_INTERRUPT)
		return error_set(err, -EBADMSG, "it takes more than %d s to read", LOAD_SECONDS);
	if (step != SQLITE_DONE)
		return error_set(err, -EBADMSG, "%s: %s", t->name, sqlite3_errmsg(l->db));
	if (t->single && n != 1)
		return bad(t, NULL, "not one row", err);
	return 0;
}

int capture_load(const char *path, struct model **ret, struct snag_error *err)
{
	_cleanup_(load_release_guard) struct load l = { .m = model_new() };
	int rc = check_file(path, err);

	if (rc < 0)
		return rc;
	l.rows.m = l.m;
	l.deadline_s = now_s() + LOAD_SECONDS;
	rc = open_file(&l, path, err);
	if (rc == 0)
		rc = check_version(&l, err);
	for (int t = 0; rc == 0 && t < TABLE_COUNT; t++)
		rc = load_table(&l, &capture_tables[t], err);
	if (rc == 0)
		rc = capture_check(&l.rows, err);
	if (rc < 0)
		return error_at(err, rc, "%s", path);
	l.m->from_capture = true;
	model_index(l.m);
	*ret = steal(l.m);
	return 0;
}
