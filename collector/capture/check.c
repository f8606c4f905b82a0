/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/check.h"

#include "model/frames.h"
#include "model/tasks.h"

#include <errno.h>
#include <jansson.h>

/* Details are a handful of numbers. */
enum { DETAIL_MAX = 1 << 16 };

static uint32_t rows_of(const struct capture_rows *rows, enum table_id id)
{
	return capture_tables[id].single ? 1 : capture_vec(rows, &capture_tables[id])->count;
}

/* Every reference of every row of one table. */
static int check_references(const struct capture_rows *rows, const struct table *t,
			    struct snag_error *err)
{
	const char *at = t->single ? (const char *)rows->m : capture_vec(rows, t)->at;
	uint32_t count = t->single ? 1 : capture_vec(rows, t)->count;

	for (uint32_t c = 0; c < t->column_count; c++) {
		const struct column *column = &t->columns[c];
		uint64_t most, least = column->type == COLUMN_NEEDED_REF;

		if (column->type != COLUMN_REF && column->type != COLUMN_NEEDED_REF)
			continue;
		most = rows_of(rows, column->arg);
		for (uint32_t i = 0; i < count; i++) {
			uint64_t id = column_get(column, at + (size_t)i * t->element);

			if (id < least || id > most)
				return error_set(err, -EBADMSG, "%s %u: no %s %llu", t->name, i + 1,
						 column->name, (unsigned long long)id);
		}
	}
	return 0;
}

/* Parents come before their children, so there is no cycle of them. */
static int check_order(const struct model *m, struct snag_error *err)
{
	for (uint32_t i = 0; i < m->actors.count; i++)
		if (m->actors.at[i].parent > i)
			return error_set(err, -EBADMSG, "actors %u: its parent comes after it",
					 i + 1);
	for (uint32_t i = 0; i < m->waits.count; i++)
		if (m->waits.at[i].parent > i)
			return error_set(err, -EBADMSG, "waits %u: its parent comes after it",
					 i + 1);
	return 0;
}

static int link_threads(struct model *m, struct snag_error *err)
{
	for (uint32_t i = 0; i < m->threads.count; i++) {
		struct actor *a = &m->actors.at[m->threads.at[i].actor - 1];

		if (!a->thread_count)
			a->first_thread = i + 1;
		if (a->first_thread + a->thread_count++ != i + 1)
			return error_set(err, -EBADMSG, "threads %u: apart from its siblings",
					 i + 1);
	}
	return 0;
}

/* Nurseries and scopes stand in the order of their actors. */
static int check_homes(const struct model *m, struct snag_error *err)
{
	for (uint32_t i = 1; i < m->nurseries.count; i++)
		if (m->nurseries.at[i].actor < m->nurseries.at[i - 1].actor)
			return error_set(err, -EBADMSG, "nurseries %u: apart from its siblings",
					 i + 1);
	for (uint32_t i = 1; i < m->scopes.count; i++)
		if (m->scopes.at[i].actor < m->scopes.at[i - 1].actor)
			return error_set(err, -EBADMSG, "scopes %u: apart from its siblings",
					 i + 1);
	return 0;
}

/* See model_debts(). */
static int check_debts(const struct model *m, struct snag_error *err)
{
	for (uint32_t i = 1; i < m->debts.count; i++)
		if (m->debts.at[i].thread < m->debts.at[i - 1].thread)
			return error_set(err, -EBADMSG, "debts %u: apart from its siblings", i + 1);
	return 0;
}

/* Who asked for a child is a task of the actor that did. */
static int check_requests(const struct model *m, struct snag_error *err)
{
	for (uint32_t i = 0; i < m->actors.count; i++) {
		const struct actor *a = &m->actors.at[i];
		uint32_t task = a->spawn_requested_task;

		if (task && m->tasks.at[task - 1].actor != a->spawn_requested_by)
			return error_set(err, -EBADMSG, "actors %u: another actor's task", i + 1);
	}
	return 0;
}

/* Tasks run on threads of their actor; those of an interpreter on threads of its process. */
static bool is_of(const struct model *m, const struct task *t, uint32_t actor)
{
	const struct actor *a = &m->actors.at[t->actor - 1];

	return actor == t->actor || (a->kind == ACTOR_INTERPRETER && actor == a->parent);
}

/* Tasks of an actor stand side by side, and what they live in is of the same one. */
static int link_tasks(struct model *m, struct snag_error *err)
{
	for (uint32_t i = 0; i < m->tasks.count; i++) {
		const struct task *t = &m->tasks.at[i];
		struct actor *a = &m->actors.at[t->actor - 1];

		if (!a->task_count)
			a->first_task = i + 1;
		if (a->first_task + a->task_count++ != i + 1)
			return error_set(err, -EBADMSG, "tasks %u: apart from its siblings", i + 1);
		if (t->thread && !is_of(m, t, m->threads.at[t->thread - 1].actor))
			return error_set(err, -EBADMSG, "tasks %u: another actor's thread", i + 1);
		if (t->wait && m->waits.at[t->wait - 1].task != i + 1)
			return error_set(err, -EBADMSG, "tasks %u: another task's wait", i + 1);
	}
	return 0;
}

static int check_waits(const struct model *m, struct snag_error *err)
{
	if (m->verdict.culprit.task > m->tasks.count)
		return error_set(err, -EBADMSG, "verdict: no culprit_task %u",
				 m->verdict.culprit.task);
	for (uint32_t i = 0; i < m->waits.count; i++) {
		const struct wait *w = &m->waits.at[i];

		if (m->threads.at[w->thread - 1].actor != w->actor)
			return error_set(err, -EBADMSG, "waits %u: another actor's thread", i + 1);
		if (w->task > m->tasks.count ||
		    (w->task && !is_of(m, &m->tasks.at[w->task - 1], w->actor)))
			return error_set(err, -EBADMSG, "waits %u: another actor's task", i + 1);
		if (w->parent && m->waits.at[w->parent - 1].thread != w->thread)
			return error_set(err, -EBADMSG, "waits %u: another thread's item", i + 1);
	}
	for (uint32_t i = 0; i < m->threads.count; i++) {
		uint32_t wait = m->threads.at[i].wait;

		if (wait && m->waits.at[wait - 1].thread != i + 1)
			return error_set(err, -EBADMSG, "threads %u: another thread's wait", i + 1);
	}
	return 0;
}

/* How many things there are of what a term of this kind names; 0: it names nothing. */
static uint32_t targets_of(const struct model *m, uint8_t kind)
{
	switch (kind) {
	case TERM_THREAD:
		return m->threads.count;
	case TERM_ACTOR:
	case TERM_EXIT:
		return m->actors.count;
	case TERM_OBJECT:
		return m->objects.count;
	case TERM_WAIT:
		return m->waits.count;
	case TERM_TASK:
		return m->tasks.count;
	default:
		return 0;
	}
}

static int link_terms(struct capture_rows *rows, struct snag_error *err)
{
	struct model *m = rows->m;

	for (uint32_t i = 0; i < rows->terms.count; i++) {
		const struct term_row *row = &rows->terms.at[i];
		uint32_t most = targets_of(m, row->term.kind);
		struct wait *w = &m->waits.at[row->wait - 1];

		if (row->term.id > most || (most && !row->term.id))
			return error_set(err, -EBADMSG, "terms %u: no target %u", i + 1,
					 row->term.id);
		if (!w->term_count)
			w->first_term = i;
		if (w->first_term + w->term_count++ != i)
			return error_set(err, -EBADMSG, "terms %u: apart from its siblings", i + 1);
		*vec_push(&m->terms) = row->term;
	}
	return 0;
}

static int check_objects(const struct model *m, struct snag_error *err)
{
	_cleanup_map_ struct map keys = MAP_INIT;

	for (uint32_t i = 0; i < m->objects.count; i++) {
		const struct object *o = &m->objects.at[i];
		const char *detail = strtab_get(m->strings, o->detail);
		json_t *parsed;

		if (map_find(&keys, o->key, NULL))
			return error_set(err, -EBADMSG, "objects %u: its key is there twice",
					 i + 1);
		map_put(&keys, o->key, i);
		if (!detail)
			continue;
		parsed = strlen(detail) <= DETAIL_MAX ? json_loads(detail, 0, NULL) : NULL;
		if (!json_is_object(parsed)) {
			json_decref(parsed);
			return error_set(err, -EBADMSG, "objects %u: its detail is not JSON",
					 i + 1);
		}
		json_decref(parsed);
	}
	return 0;
}

static void link_side_members(struct capture_rows *rows)
{
	for (uint32_t i = 0; i < rows->side_members.count; i++) {
		const struct side_row *row = &rows->side_members.at[i];

		*vec_push(&rows->m->sides.at[row->side - 1].members) = row->actor;
	}
}

/* What is inlined at a place, and the frames of a thread, stand side by side. */
static int link_codes(struct capture_rows *rows, struct snag_error *err)
{
	for (uint32_t i = 0; i < rows->inlined.count; i++) {
		const struct inlined_row *row = &rows->inlined.at[i];
		struct code *c = model_code(rows->m, row->code);

		if (!c->inlined_count)
			c->first_inlined = i;
		if (c->first_inlined + c->inlined_count++ != i)
			return error_set(err, -EBADMSG, "inlined %u: apart from its siblings",
					 i + 1);
		*vec_push(&rows->m->inlined) = row->inlined;
	}
	return 0;
}

/* See link_codes(). */
static int link_frames(struct capture_rows *rows, struct snag_error *err)
{
	struct model *m = rows->m;

	for (uint32_t i = 0; i < rows->frames.count; i++) {
		const struct frame_row *row = &rows->frames.at[i];
		const struct thread *t = model_thread(m, row->thread);

		if (t->frame_count && t->first_frame + t->frame_count != i)
			return error_set(err, -EBADMSG, "frames %u: apart from its siblings",
					 i + 1);
		if (!model_add_frame(m, row->thread, row->frame))
			return error_set(err, -EBADMSG, "frames: too many");
	}
	for (uint32_t i = 0; i < rows->kernel_frames.count; i++) {
		const struct kernel_row *row = &rows->kernel_frames.at[i];
		const struct thread *t = model_thread(m, row->thread);

		if (t->kernel_count && t->first_kernel + t->kernel_count != i)
			return error_set(err, -EBADMSG, "kernel_frames %u: apart from its siblings",
					 i + 1);
		if (!model_add_kernel_frame(m, row->thread, model_str(m, row->text)))
			return error_set(err, -EBADMSG, "kernel_frames: too many");
	}
	return 0;
}

/* See link_codes(). */
static int link_script_frames(struct capture_rows *rows, struct snag_error *err)
{
	struct model *m = rows->m;

	for (uint32_t i = 0; i < rows->script_frames.count; i++) {
		const struct script_row *row = &rows->script_frames.at[i];
		const struct thread_script *t = &model_thread(m, row->thread)->script;

		if (t->frame_count && t->first_frame + t->frame_count != i)
			return error_set(err, -EBADMSG, "script_frames %u: apart from its siblings",
					 i + 1);
		if (!model_add_script_frame(m, row->thread, row->frame))
			return error_set(err, -EBADMSG, "script_frames: too many");
	}
	return 0;
}

/* See link_codes(). */
static int link_task_frames(struct capture_rows *rows, struct snag_error *err)
{
	struct model *m = rows->m;

	for (uint32_t i = 0; i < rows->task_frames.count; i++) {
		const struct task_frame_row *row = &rows->task_frames.at[i];
		const struct task *t = model_task(m, row->task);

		if (t->frame_count && t->first_frame + t->frame_count != i)
			return error_set(err, -EBADMSG, "task_frames %u: apart from its siblings",
					 i + 1);
		if (!model_add_task_frame(m, row->task, row->frame))
			return error_set(err, -EBADMSG, "task_frames: too many");
	}
	return 0;
}

/* The values of the call that a row of `locals` belongs to. */
static struct script_values *values_of(struct model *m, const struct local_row *row)
{
	return row->script_frame ? &m->script_frames.at[row->script_frame - 1].locals :
				   &m->task_frames.at[row->task_frame - 1].locals;
}

/* What frames, threads and tasks have stands side by side; see link_codes(). */
static int link_values(struct capture_rows *rows, struct snag_error *err)
{
	struct model *m = rows->m;

	for (uint32_t i = 0; i < rows->locals.count; i++) {
		const struct local_row *row = &rows->locals.at[i];
		struct script_values *values;

		if (!row->script_frame == !row->task_frame)
			return error_set(err, -EBADMSG, "locals %u: not of one call", i + 1);
		values = values_of(m, row);
		if (values->count && values->first + values->count != i)
			return error_set(err, -EBADMSG, "locals %u: apart from its siblings",
					 i + 1);
		if (!model_add_local(m, values, row->local))
			return error_set(err, -EBADMSG, "locals: too many");
	}
	for (uint32_t i = 0; i < rows->exceptions.count; i++) {
		const struct exception_row *row = &rows->exceptions.at[i];
		const struct script_exception *first;
		uint32_t count;

		if (!row->thread == !row->task)
			return error_set(err, -EBADMSG, "exceptions %u: not of one thread or task",
					 i + 1);
		first = model_exceptions(m, row->thread, row->task, &count);
		if (first && first + count != m->exceptions.at + i)
			return error_set(err, -EBADMSG, "exceptions %u: apart from its siblings",
					 i + 1);
		if (!model_add_exception(m, row->thread, row->task, row->exception))
			return error_set(err, -EBADMSG, "exceptions: too many");
	}
	return 0;
}

int capture_check(struct capture_rows *rows, struct snag_error *err)
{
	int rc = 0;

	for (int t = 0; rc == 0 && t < TABLE_COUNT; t++)
		rc = check_references(rows, &capture_tables[t], err);
	if (rc == 0)
		rc = check_order(rows->m, err);
	if (rc == 0)
		rc = link_threads(rows->m, err);
	if (rc == 0)
		rc = link_tasks(rows->m, err);
	if (rc == 0)
		rc = check_homes(rows->m, err);
	if (rc == 0)
		rc = check_debts(rows->m, err);
	if (rc == 0)
		rc = check_requests(rows->m, err);
	if (rc == 0)
		rc = check_waits(rows->m, err);
	if (rc == 0)
		rc = link_terms(rows, err);
	if (rc == 0)
		rc = link_codes(rows, err);
	if (rc == 0)
		rc = link_frames(rows, err);
	if (rc == 0)
		rc = link_task_frames(rows, err);
	if (rc == 0)
		rc = link_script_frames(rows, err);
	if (rc == 0)
		rc = link_values(rows, err);
	if (rc == 0)
		rc = check_objects(rows->m, err);
	if (rc == 0)
		link_side_members(rows);
	return rc;
}
