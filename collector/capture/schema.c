/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/schema.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char schema_1[] =
#include "schema.sql.h"
	;
static const char schema_2[] =
#include "schema_2.sql.h"
	;
static const char schema_3[] =
#include "schema_3.sql.h"
	;
static const char schema_4[] =
#include "schema_4.sql.h"
	;
static const char schema_5[] =
#include "schema_5.sql.h"
	;
static const char schema_6[] =
#include "schema_6.sql.h"
	;

/*
 * A new schema is a file schema_N.sql (ALTER TABLE ADD COLUMN with a default, CREATE TABLE) and a
 * row here, and its columns in columns.c. Old captures are then brought up by it before they are
 * read.
 */
const struct schema_step schema_steps[CAPTURE_SCHEMA] = {
	{ .version = 1, .sql = schema_1 }, { .version = 2, .sql = schema_2 },
	{ .version = 3, .sql = schema_3 }, { .version = 4, .sql = schema_4 },
	{ .version = 5, .sql = schema_5 }, { .version = 6, .sql = schema_6 },
};

static const char all_tables[] =
	"SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";

int schema_apply(sqlite3 *db, const struct schema_step *steps, int from, int to,
		 struct snag_error *err)
{
	char pragma[96];

	for (int i = from; i < to; i++)
		if (sqlite3_exec(db, steps[i].sql, NULL, NULL, NULL) != SQLITE_OK)
			return error_set(err, -EIO, "making schema %d: %s", steps[i].version,
					 sqlite3_errmsg(db));
	sqlite3_snprintf(sizeof(pragma), pragma, "PRAGMA application_id=%d; PRAGMA user_version=%d",
			 CAPTURE_APPLICATION_ID, to);
	if (sqlite3_exec(db, pragma, NULL, NULL, NULL) != SQLITE_OK)
		return error_set(err, -EIO, "making a capture: %s", sqlite3_errmsg(db));
	return 0;
}

/* An empty database in memory. NULL: there is no memory. */
static sqlite3 *open_memory(void)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(":memory:", &db) == SQLITE_OK)
		return db;
	sqlite3_close(db);
	return NULL;
}

static bool same_text(sqlite3_stmt *a, sqlite3_stmt *b, int column)
{
	const char *x = (const char *)sqlite3_column_text(a, column);
	const char *y = (const char *)sqlite3_column_text(b, column);

	return x && y ? !strcmp(x, y) : x == y;
}

static int compare_rows(sqlite3 *db, sqlite3_stmt *is, sqlite3_stmt *should, struct snag_error *err)
{
	for (;;) {
		int got = sqlite3_step(is), want = sqlite3_step(should);

		if (got != SQLITE_ROW && got != SQLITE_DONE)
			return error_set(err, -EBADMSG, "%s", sqlite3_errmsg(db));
		if (got != want)
			return error_set(err, -EBADMSG,
					 "its tables are not those of its schema version");
		if (got == SQLITE_DONE)
			return 0;
		for (int i = 0; i < 4; i++)
			if (!same_text(is, should, i))
				return error_set(err, -EBADMSG,
						 "its tables are not those of its schema version");
	}
}

int schema_verify(sqlite3 *db, const struct schema_step *steps, int version, struct snag_error *err)
{
	_cleanup_sqlite_ sqlite3 *ours = open_memory();
	_cleanup_stmt_ sqlite3_stmt *is = NULL;
	_cleanup_stmt_ sqlite3_stmt *should = NULL;
	int rc;

	if (!ours)
		return error_set(err, -ENOMEM, "no memory for a database");
	rc = schema_apply(ours, steps, 0, version, err);
	if (rc < 0)
		return rc;
	if (sqlite3_prepare_v2(db, all_tables, -1, &is, NULL) != SQLITE_OK)
		return error_set(err, -EBADMSG, "%s", sqlite3_errmsg(db));
	if (sqlite3_prepare_v2(ours, all_tables, -1, &should, NULL) != SQLITE_OK)
		return error_set(err, -EIO, "%s", sqlite3_errmsg(ours));
	return compare_rows(db, is, should, err);
}

int schema_upgrade(sqlite3 **db, const struct schema_step *steps, int from, int to,
		   struct snag_error *err)
{
	_cleanup_sqlite_ sqlite3 *copy = open_memory();
	sqlite3_backup *backup;
	int rc;

	if (!copy)
		return error_set(err, -ENOMEM, "no memory for a database");
	backup = sqlite3_backup_init(copy, "main", *db, "main");
	if (!backup)
		return error_set(err, -EIO, "%s", sqlite3_errmsg(copy));
	rc = sqlite3_backup_step(backup, -1);
	sqlite3_backup_finish(backup);
	if (rc != SQLITE_DONE)
		return error_set(err, -EBADMSG, "copying it to memory: %s", sqlite3_errstr(rc));
	rc = schema_apply(copy, steps, from, to, err);
	if (rc < 0)
		return rc;
	sqlite3_close(*db);
	*db = steal(copy);
	return 0;
}
