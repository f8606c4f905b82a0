/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/capture.h"

#include "base/strbuf.h"
#include "capture/columns.h"
#include "capture/schema.h"
#include "model/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* ---- rows ------------------------------------------------------------------------------------ */

/* Whose term each one is. The model keeps that at the wait. */
static void collect_terms(struct capture_rows *rows)
{
	const struct model *m = rows->m;

	/* those that a wait had before its program was asked are nobody's any more */
	for (uint32_t i = 0; i < m->waits.count; i++)
		for (uint32_t k = 0; k < m->waits.at[i].term_count; k++)
			*vec_push(&rows->terms) = (struct term_row){
				.wait = i + 1,
				.term = m->terms.at[m->waits.at[i].first_term + k],
			};
}

static void collect_side_members(struct capture_rows *rows)
{
	const struct model *m = rows->m;

	for (uint32_t i = 0; i < m->sides.count; i++)
		for (uint32_t k = 0; k < m->sides.at[i].members.count; k++)
			*vec_push(&rows->side_members) = (struct side_row){
				.side = i + 1,
				.actor = m->sides.at[i].members.at[k],
			};
}

/* The variables of the call whose row was collected last. */
static void collect_locals(struct capture_rows *rows, const struct script_values *values, bool task)
{
	for (uint32_t i = 0; i < values->count; i++)
		*vec_push(&rows->locals) = (struct local_row){
			.script_frame = task ? 0 : rows->script_frames.count,
			.task_frame = task ? rows->task_frames.count : 0,
			.local = rows->m->locals.at[values->first + i],
		};
}

/* See collect_frames(). */
static void collect_scripts(struct capture_rows *rows)
{
	const struct model *m = rows->m;

	for (uint32_t i = 0; i < m->tasks.count; i++)
		for (uint32_t k = 0; k < m->tasks.at[i].frame_count; k++) {
			const struct task_frame *f =
				&m->task_frames.at[m->tasks.at[i].first_frame + k];

			*vec_push(&rows->task_frames) = (struct task_frame_row){ i + 1, *f };
			collect_locals(rows, &f->locals, true);
		}
	for (uint32_t i = 0; i < m->threads.count; i++) {
		const struct thread_script *s = &m->threads.at[i].script;

		for (uint32_t k = 0; k < s->frame_count; k++) {
			const struct script_frame *f = &m->script_frames.at[s->first_frame + k];

			*vec_push(&rows->script_frames) = (struct script_row){ i + 1, *f };
			collect_locals(rows, &f->locals, false);
		}
	}
}

static void collect_exceptions(struct capture_rows *rows)
{
	const struct model *m = rows->m;
	uint32_t count;

	for (uint32_t i = 1; i <= m->threads.count + m->tasks.count; i++) {
		uint32_t thread = i <= m->threads.count ? i : 0;
		uint32_t task = thread ? 0 : i - m->threads.count;
		const struct script_exception *e = model_exceptions(m, thread, task, &count);

		for (uint32_t k = 0; k < count; k++)
			*vec_push(&rows->exceptions) = (struct exception_row){ thread, task, e[k] };
	}
}

/* Whose each frame is: the model keeps that at the thread, and what is inlined at the code. */
static void collect_frames(struct capture_rows *rows)
{
	const struct model *m = rows->m;

	for (uint32_t i = 0; i < m->codes.count; i++)
		for (uint32_t k = 0; k < m->codes.at[i].inlined_count; k++)
			*vec_push(&rows->inlined) = (struct inlined_row){
				.code = i + 1,
				.inlined = m->inlined.at[m->codes.at[i].first_inlined + k],
			};
	for (uint32_t i = 0; i < m->threads.count; i++) {
		const struct thread *t = &m->threads.at[i];

		for (uint32_t k = 0; k < t->frame_count; k++)
			*vec_push(&rows->frames) = (struct frame_row){
				.thread = i + 1,
				.frame = m->frames.at[t->first_frame + k],
			};
		for (uint32_t k = 0; k < t->kernel_count; k++)
			*vec_push(&rows->kernel_frames) = (struct kernel_row){
				.thread = i + 1,
				.text = m->kernel_frames.at[t->first_kernel + k],
			};
	}
}

static int bind_text(sqlite3_stmt *insert, int at, const char *text)
{
	return text ? sqlite3_bind_text(insert, at, text, -1, SQLITE_STATIC) :
		      sqlite3_bind_null(insert, at);
}

/* One value, as columns.h says its type is stored. */
static int bind_column(const struct model *m, sqlite3_stmt *insert, int at, const struct column *c,
		       const void *row)
{
	uint64_t value = column_get(c, row);
	double real;

	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_NEEDED_TEXT:
		return bind_text(insert, at, strtab_get(m->strings, (uint32_t)value));
	case COLUMN_WORD:
		return bind_text(insert, at, capture_words[c->arg].words[value]);
	case COLUMN_CHAR:
		if (!value)
			return sqlite3_bind_null(insert, at);
		return sqlite3_bind_text(insert, at, (const char *)row + c->offset, 1,
					 SQLITE_TRANSIENT);
	case COLUMN_REAL:
		memcpy(&real, &value, sizeof(real));
		return sqlite3_bind_double(insert, at, real);
	case COLUMN_REF:
		if (!value)
			return sqlite3_bind_null(insert, at);
		break;
	case COLUMN_OPTIONAL:
		if (value == UINT64_MAX)
			return sqlite3_bind_null(insert, at);
		break;
	case COLUMN_TRISTATE:
		if ((int8_t)value < 0)
			return sqlite3_bind_null(insert, at);
		break;
	default:
		break;
	}
	return sqlite3_bind_int64(insert, at, (sqlite3_int64)value);
}

static char *insert_sql(const struct table *t)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "INSERT INTO %s(id", t->name);
	for (uint32_t i = 0; i < t->column_count; i++)
		strbuf_addf(&b, ",\"%s\"", t->columns[i].name);
	strbuf_adds(&b, ") VALUES(?");
	for (uint32_t i = 0; i < t->column_count; i++)
		strbuf_adds(&b, ",?");
	strbuf_addc(&b, ')');
	return strbuf_steal(&b);
}

static int write_table(sqlite3 *db, const struct capture_rows *rows, const struct table *t,
		       struct snag_error *err)
{
	const struct any_vec *vec = t->single ? NULL : capture_vec(rows, t);
	const char *at = vec ? vec->at : (const char *)rows->m;
	_cleanup_free_ char *sql = insert_sql(t);
	_cleanup_stmt_ sqlite3_stmt *insert = NULL;
	uint32_t count = vec ? vec->count : 1;
	int rc = sqlite3_prepare_v2(db, sql, -1, &insert, NULL);

	for (uint32_t i = 0; rc == SQLITE_OK && i < count; i++) {
		rc = sqlite3_bind_int64(insert, 1, i + 1);
		for (uint32_t c = 0; rc == SQLITE_OK && c < t->column_count; c++)
			rc = bind_column(rows->m, insert, (int)c + 2, &t->columns[c],
					 at + (size_t)i * t->element);
		if (rc == SQLITE_OK && sqlite3_step(insert) != SQLITE_DONE)
			rc = sqlite3_errcode(db);
		sqlite3_reset(insert);
	}
	if (rc != SQLITE_OK)
		return error_set(err, -EIO, "table %s: %s", t->name, sqlite3_errmsg(db));
	return 0;
}

static int fill(sqlite3 *db, const struct model *m, struct snag_error *err)
{
	/* capture_rows is for both ways; nothing is changed on this one. */
	_cleanup_capture_rows_ struct capture_rows rows = { .m = (struct model *)m };
	int rc;

	collect_terms(&rows);
	collect_side_members(&rows);
	collect_frames(&rows);
	collect_scripts(&rows);
	collect_exceptions(&rows);
	rc = schema_apply(db, schema_steps, 0, CAPTURE_SCHEMA, err);
	if (rc < 0)
		return rc;
	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return error_set(err, -EIO, "%s", sqlite3_errmsg(db));
	for (int t = 0; t < TABLE_COUNT; t++) {
		rc = write_table(db, &rows, &capture_tables[t], err);
		if (rc < 0)
			return rc;
	}
	if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return error_set(err, -EIO, "%s", sqlite3_errmsg(db));
	return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* A file under a temporary name, which is removed unless it got its own. */
struct temporary {
	char *path; /* NULL: there is none */
	int fd;
};

static void temporary_release(struct temporary *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->path)
		unlink(t->path);
	free(t->path);
}
DEFINE_PLACE_GUARD(temporary)

/* May `path` be written or replaced? What is there already must be a file of ours to write. */
static int check_target(const char *path, struct snag_error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, -errno, "%s: %m", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, -EISDIR, "%s: %m", path);
	if (S_ISLNK(st.st_mode))
		return error_set(err, -ELOOP, "%s: is a symbolic link, which is not followed",
				 path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "%s: is not a regular file", path);
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
		return error_set(err, -errno, "%s: %m", path);
	return 0;
}

static int write_all(int fd, const unsigned char *at, size_t left)
{
	while (left) {
		ssize_t n = write(fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

/* fsync(2): EINVAL and EROFS say that this file has no disk to be on. */
static int sync_file(int fd)
{
	if (fsync(fd) == 0 || errno == EINVAL || errno == EROFS)
		return 0;
	return -errno;
}

/* The folder that a name is in, "." when it names none. Yours: free(). */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* That the name is on the disk too. The file is complete by now: a failure here loses nothing. */
static void sync_directory(const char *dir)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)fsync(fd);
}

/*
 * Put the bytes there under a temporary name beside it, then rename: it is there whole or not at
 * all.
 */
static int put_file(const char *path, const unsigned char *bytes, size_t size,
		    struct snag_error *err)
{
	_cleanup_(temporary_release_guard) struct temporary t = { .fd = -1 };
	_cleanup_free_ char *dir = directory_of(path);
	_cleanup_free_ char *name = xasprintf("%s/.snag-XXXXXX", dir);
	int rc;

	/* mkostemp(3) creates with O_EXCL and mode 0600. */
	t.fd = mkostemp(name, O_CLOEXEC);
	if (t.fd < 0)
		return error_set(err, -errno, "%s: %m", path);
	t.path = steal(name);
	rc = write_all(t.fd, bytes, size);
	if (rc == 0)
		rc = sync_file(t.fd);
	if (rc < 0)
		return error_set(err, rc, "%s: %m", path);
	if (rename(t.path, path) < 0)
		return error_set(err, -errno, "%s: %m", path);
	free(steal(t.path));
	sync_directory(dir);
	return 0;
}

/*
 * The database is made in memory and written in one go: SQLite then needs no journal beside the
 * target, and every failure of the disk is ours to tell.
 */
int capture_write(const struct model *m, const char *path, struct snag_error *err)
{
	_cleanup_sqlite_ sqlite3 *db = NULL;
	unsigned char *bytes;
	sqlite3_int64 size = 0;
	int rc = check_target(path, err);

	if (rc < 0)
		return rc;
	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		return error_set(err, -ENOMEM, "%s: no memory for a database", path);
	rc = fill(db, m, err);
	if (rc < 0)
		return error_at(err, rc, "%s", path);
	bytes = sqlite3_serialize(db, "main", &size, 0);
	if (!bytes || size <= 0) {
		sqlite3_free(bytes);
		return error_set(err, -ENOMEM, "%s: no memory for a capture", path);
	}
	rc = put_file(path, bytes, (size_t)size, err);
	sqlite3_free(bytes);
	return rc;
}
