/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema.h - the tables of a capture, their versions, and the way from an old one to ours; inside
 * capture/ only.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <sqlite3.h>

/* PRAGMA application_id of a capture: "snag". */
#define CAPTURE_APPLICATION_ID 0x736e6167

/* What is written, PRAGMA user_version. */
#define CAPTURE_SCHEMA 6

/*
 * SQL that makes version `version` of what the version before it left; the first makes it of
 * nothing.
 */
struct schema_step {
	int version;
	const char *sql;
};

/* Our steps in order, CAPTURE_SCHEMA of them. */
extern const struct schema_step schema_steps[CAPTURE_SCHEMA];

/* Run the steps after version `from` up to `to`, and set application_id and user_version. -EIO. */
SNAG_MUST_CHECK
int schema_apply(sqlite3 *db, const struct schema_step *steps, int from, int to,
		 struct snag_error *err);

/*
 * Has `db` exactly the tables of that version, by their SQL, and nothing else (views, triggers,
 * indices, generated columns)? -EBADMSG when not.
 */
SNAG_MUST_CHECK
int schema_verify(sqlite3 *db, const struct schema_step *steps, int version,
		  struct snag_error *err);

/*
 * Bring a database of version `from` to `to` in a copy in memory, the file stays as it is. On
 * success *db is closed and replaced by the copy.
 */
SNAG_MUST_CHECK
int schema_upgrade(sqlite3 **db, const struct schema_step *steps, int from, int to,
		   struct snag_error *err);

static inline void sqlite3_guard(sqlite3 **db)
{
	sqlite3_close(*db);
}
#define _cleanup_sqlite_ _cleanup_(sqlite3_guard)

static inline void sqlite3_stmt_guard(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
}
#define _cleanup_stmt_ _cleanup_(sqlite3_stmt_guard)
