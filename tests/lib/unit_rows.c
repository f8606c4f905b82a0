/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_rows.h"

#include "capture/columns.h"
#include "model/frames.h"
#include "model/tasks.h"

#include <criterion/criterion.h>

/* ---- filling --------------------------------------------------------------------------------- */

/* A value that fits the column and that other rows and columns do not have. */
static uint64_t value_of(struct model *m, const struct column *c, uint32_t table, uint32_t row)
{
	uint32_t seed = table * 1000 + c->offset * 10 + row;
	double real = 0.25 + seed;
	uint64_t bits;

	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_NEEDED_TEXT:
		return strtab_addf(m->strings, "%s %u \xff\n", c->name, seed);
	case COLUMN_WORD:
		return capture_words[c->arg].words[0] ? row % capture_words[c->arg].count : 1;
	case COLUMN_CHAR:
		return "RSDTZ"[row % 5];
	case COLUMN_BOOL:
		return row % 2;
	case COLUMN_TRISTATE:
		return (uint64_t)(int64_t)((int)(row % 3) - 1);
	case COLUMN_REAL:
		memcpy(&bits, &real, sizeof(bits));
		return bits;
	case COLUMN_INT:
		return (uint64_t) - (int64_t)seed;
	case COLUMN_UINT:
		return c->size == 8 ? UINT64_MAX - seed : UINT32_MAX - seed;
	case COLUMN_OPTIONAL:
		return row % 2 ? UINT64_MAX : seed;
	default:
		return row + 1;
	}
}

static void fill(struct capture_rows *rows, uint32_t table, uint32_t n)
{
	const struct table *t = &capture_tables[table];

	for (uint32_t i = 0; i < (t->single ? 1 : n); i++) {
		struct any_vec *vec = t->single ? NULL : capture_vec(rows, t);
		void *row = rows->m;

		if (vec)
			row = vec_grow(&vec->at, &vec->count, &vec->cap, t->element);
		for (uint32_t c = 0; c < t->column_count; c++)
			column_set(&t->columns[c], row,
				   value_of(rows->m, &t->columns[c], table, i));
	}
}

/* Each thread has one frame, in a place of its own where one function is inlined. */
static void link_frames(struct capture_rows *rows)
{
	struct model *m = rows->m;

	for (uint32_t i = 0; i < m->threads.count; i++) {
		m->codes.at[i].first_inlined = i;
		m->codes.at[i].inlined_count = 1;
		*vec_push(&m->inlined) = rows->inlined.at[i].inlined;
		model_add_frame(m, i + 1, rows->frames.at[i].frame);
		model_add_kernel_frame(m, i + 1, model_str(m, rows->kernel_frames.at[i].text));
		model_add_local(m, &rows->script_frames.at[i].frame.locals,
				rows->locals.at[i].local);
		model_add_script_frame(m, i + 1, rows->script_frames.at[i].frame);
		model_add_exception(m, i + 1, 0, rows->exceptions.at[i].exception);
	}
}

/* Each actor has one task with one frame, which has the actor's only wait. */
static void link_tasks(struct capture_rows *rows)
{
	struct model *m = rows->m;

	m->verdict.culprit.task = m->tasks.count ? 1 : 0;
	for (uint32_t i = 0; i < m->tasks.count; i++) {
		m->actors.at[i].first_task = i + 1;
		m->actors.at[i].task_count = 1;
		m->waits.at[i].task = i + 1;
		model_add_local(m, &rows->task_frames.at[i].frame.locals, rows->locals.at[i].local);
		model_add_task_frame(m, i + 1, rows->task_frames.at[i].frame);
		model_add_exception(m, 0, i + 1, rows->exceptions.at[i].exception);
		model_add_exception(m, 0, i + 1, rows->exceptions.at[0].exception);
	}
}

/* What holds between rows: each actor has one thread with one wait, that has one term. */
static void link_rows(struct capture_rows *rows)
{
	struct model *m = rows->m;

	for (uint32_t i = 0; i < m->actors.count; i++) {
		m->actors.at[i].parent = i;
		m->actors.at[i].first_thread = i + 1;
		m->actors.at[i].thread_count = 1;
		m->waits.at[i].parent = 0;
		m->waits.at[i].first_term = i;
		m->waits.at[i].term_count = 1;
		m->objects.at[i].detail = strtab_addf(m->strings, "{\"n\":%u}", i);
		m->objects.at[i].peer = i ? 1 : 0;
		rows->terms.at[i].term.kind = (uint8_t)(TERM_NEVER + i % TERM_TASK);
		rows->terms.at[i].term.id = term_names(rows->terms.at[i].term.kind) ? i + 1 : 0;
		*vec_push(&m->terms) = rows->terms.at[i].term;
		*vec_push(&m->sides.at[i].members) = rows->side_members.at[i].actor;
	}
	link_frames(rows);
	link_tasks(rows);
}

struct model *rows_model(uint32_t n)
{
	_cleanup_capture_rows_ struct capture_rows rows = { .m = model_new() };

	for (uint32_t t = 0; t < TABLE_COUNT; t++)
		fill(&rows, t, n);
	link_rows(&rows);
	model_index(rows.m);
	return rows.m;
}

struct model *rows_tree(uint32_t actors, uint32_t holders)
{
	struct model *m = model_new();
	char key[32];

	for (uint32_t i = 0; i < actors; i++) {
		uint32_t actor = model_add_actor(m, (int32_t)i + 10, i), object, thread, wait;

		model_actor(m, actor)->parent = actor / 2;
		model_actor(m, actor)->in_tree = true;
		model_actor(m, actor)->name = strtab_addf(m->strings, "worker %u", i);
		model_actor(m, actor)->argv = strtab_addf(m->strings, "worker\x1f%u", i);
		thread = model_add_thread(m, actor, (int32_t)i + 10);
		snprintf(key, sizeof(key), "pipe:[%u]", i);
		object = model_add_object(m, "pipe", key);
		for (uint32_t h = 0; h < holders; h++)
			model_add_holder(m, object, actor, (int32_t)h, 1);
		wait = model_add_wait(m, thread, 0);
		model_wait(m, wait)->object = object;
		model_wait(m, wait)->text = strtab_addf(m->strings, "reading %s (fd 0)", key);
		model_thread(m, thread)->wait = wait;
		model_add_term(m, wait, (struct term){ .kind = TERM_OBJECT, .id = object });
	}
	m->root = 1;
	model_index(m);
	return m;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void expect_rows(const struct model *a, const struct model *b, const struct table *t,
			const void *x, const void *y)
{
	for (uint32_t i = 0; i < t->column_count; i++) {
		const struct column *c = &t->columns[i];
		uint64_t is = column_get(c, y), should = column_get(c, x);

		if (c->type == COLUMN_TEXT || c->type == COLUMN_NEEDED_TEXT) {
			cr_assert_str_eq(model_str(b, (uint32_t)is), model_str(a, (uint32_t)should),
					 "%s.%s", t->name, c->name);
			cr_assert_eq(!is, !should, "%s.%s: empty is not none", t->name, c->name);
		} else {
			cr_assert_eq(is, should, "%s.%s: %llx, not %llx", t->name, c->name,
				     (unsigned long long)is, (unsigned long long)should);
		}
	}
}

static void expect_table(const struct model *a, const struct model *b, const struct table *t)
{
	const struct capture_rows left = { .m = (struct model *)a },
				  right = { .m = (struct model *)b };
	const struct any_vec *x, *y;

	if (t->single) {
		expect_rows(a, b, t, a, b);
		return;
	}
	x = capture_vec(&left, t);
	y = capture_vec(&right, t);
	cr_assert_eq(x->count, y->count, "%s: %u rows, not %u", t->name, y->count, x->count);
	for (uint32_t i = 0; i < x->count; i++)
		expect_rows(a, b, t, (char *)x->at + i * t->element,
			    (char *)y->at + i * t->element);
}

static void expect_inlined(const struct model *a, const struct model *b)
{
	cr_assert_eq(a->inlined.count, b->inlined.count);
	for (uint32_t i = 0; i < a->codes.count; i++) {
		const struct code *x = &a->codes.at[i], *y = &b->codes.at[i];

		cr_assert_eq(x->inlined_count, y->inlined_count);
		for (uint32_t k = 0; k < x->inlined_count; k++) {
			const struct inlined *p = &a->inlined.at[x->first_inlined + k];
			const struct inlined *q = &b->inlined.at[y->first_inlined + k];

			cr_assert_str_eq(model_str(a, p->symbol), model_str(b, q->symbol));
			cr_assert_str_eq(model_str(a, p->file), model_str(b, q->file));
			cr_assert_eq(p->line, q->line);
		}
	}
}

static void expect_frames(const struct model *a, const struct model *b)
{
	for (uint32_t i = 0; i < a->threads.count; i++) {
		const struct thread *x = &a->threads.at[i], *y = &b->threads.at[i];

		cr_assert_eq(x->frame_count, y->frame_count);
		for (uint32_t k = 0; k < x->frame_count; k++) {
			const struct frame *f = &a->frames.at[x->first_frame + k];
			const struct frame *g = &b->frames.at[y->first_frame + k];

			cr_assert(f->pc == g->pc && f->code == g->code && f->how == g->how &&
				  f->signal == g->signal);
		}
		cr_assert_eq(x->kernel_count, y->kernel_count);
		for (uint32_t k = 0; k < x->kernel_count; k++)
			cr_assert_str_eq(model_str(a, a->kernel_frames.at[x->first_kernel + k]),
					 model_str(b, b->kernel_frames.at[y->first_kernel + k]));
	}
}

/* What calls have besides their place. */
static void expect_call(const struct model *a, const struct model *b, const struct script_frame *x,
			const struct script_frame *y)
{
	cr_assert_eq(x->kind, y->kind);
	cr_assert_str_eq(model_str(a, x->source.text), model_str(b, y->source.text));
	cr_assert_str_eq(model_str(a, x->source.why), model_str(b, y->source.why));
	cr_assert_eq(x->locals.count, y->locals.count);
	for (uint32_t i = 0; i < x->locals.count; i++) {
		const struct script_local *p = &a->locals.at[x->locals.first + i];
		const struct script_local *q = &b->locals.at[y->locals.first + i];

		cr_assert_str_eq(model_str(a, p->name), model_str(b, q->name));
		cr_assert_str_eq(model_str(a, p->type), model_str(b, q->type));
		cr_assert_str_eq(model_str(a, p->value), model_str(b, q->value));
	}
}

static struct script_frame as_script(const struct task_frame *f)
{
	return (struct script_frame){ .kind = f->kind, .source = f->source, .locals = f->locals };
}

/* Of a thread or a task. */
static void expect_exceptions(const struct model *a, const struct model *b, uint32_t thread,
			      uint32_t task)
{
	uint32_t n, k;
	const struct script_exception *x = model_exceptions(a, thread, task, &n);
	const struct script_exception *y = model_exceptions(b, thread, task, &k);

	cr_assert_eq(n, k);
	for (k = 0; k < n; k++) {
		cr_assert_eq(x[k].raised, y[k].raised);
		cr_assert_str_eq(model_str(a, x[k].type), model_str(b, y[k].type));
		cr_assert_str_eq(model_str(a, x[k].text), model_str(b, y[k].text));
	}
}

static void expect_task_frames(const struct model *a, const struct model *b)
{
	for (uint32_t i = 1; i <= a->tasks.count; i++) {
		uint32_t n, k;
		const struct task_frame *x = model_task_frames(a, i, &n);
		const struct task_frame *y = model_task_frames(b, i, &k);

		cr_assert_eq(n, k);
		for (k = 0; k < n; k++) {
			cr_assert(x[k].line == y[k].line && x[k].code == y[k].code &&
				  x[k].pc == y[k].pc);
			cr_assert_str_eq(model_str(a, x[k].function), model_str(b, y[k].function));
			cr_assert_str_eq(model_str(a, x[k].file), model_str(b, y[k].file));
			const struct script_frame p = as_script(&x[k]), q = as_script(&y[k]);

			expect_call(a, b, &p, &q);
		}
		expect_exceptions(a, b, 0, i);
	}
}

static void expect_script_frames(const struct model *a, const struct model *b)
{
	for (uint32_t i = 1; i <= a->threads.count; i++) {
		uint32_t n, k;
		const struct script_frame *x = model_script_frames(a, i, &n);
		const struct script_frame *y = model_script_frames(b, i, &k);

		cr_assert_eq(n, k);
		for (k = 0; k < n; k++) {
			cr_assert(x[k].line == y[k].line && x[k].entry == y[k].entry);
			cr_assert_str_eq(model_str(a, x[k].function), model_str(b, y[k].function));
			cr_assert_str_eq(model_str(a, x[k].qualified),
					 model_str(b, y[k].qualified));
			cr_assert_str_eq(model_str(a, x[k].file), model_str(b, y[k].file));
			expect_call(a, b, &x[k], &y[k]);
		}
		expect_exceptions(a, b, i, 0);
	}
}

static void expect_links(const struct model *a, const struct model *b)
{
	for (uint32_t i = 0; i < a->actors.count; i++) {
		cr_assert_eq(a->actors.at[i].first_thread, b->actors.at[i].first_thread);
		cr_assert_eq(a->actors.at[i].thread_count, b->actors.at[i].thread_count);
		cr_assert_eq(a->actors.at[i].first_task, b->actors.at[i].first_task);
		cr_assert_eq(a->actors.at[i].task_count, b->actors.at[i].task_count);
	}
	for (uint32_t i = 0; i < a->waits.count; i++) {
		cr_assert_eq(a->waits.at[i].term_count, b->waits.at[i].term_count);
		for (uint32_t k = 0; k < a->waits.at[i].term_count; k++) {
			const struct term *x = &a->terms.at[a->waits.at[i].first_term + k];
			const struct term *y = &b->terms.at[b->waits.at[i].first_term + k];

			cr_assert_eq(x->kind, y->kind);
			cr_assert_eq(x->as, y->as);
			cr_assert_eq(x->mode, y->mode);
			cr_assert_eq(x->id, y->id);
			cr_assert_str_eq(model_str(a, x->text), model_str(b, y->text));
		}
	}
	for (uint32_t i = 0; i < a->sides.count; i++) {
		cr_assert_eq(a->sides.at[i].members.count, b->sides.at[i].members.count);
		for (uint32_t k = 0; k < a->sides.at[i].members.count; k++)
			cr_assert_eq(a->sides.at[i].members.at[k], b->sides.at[i].members.at[k]);
	}
}

void rows_expect_equal(const struct model *a, const struct model *b)
{
	cr_assert_eq(a->terms.count, b->terms.count);
	for (uint32_t t = 0; t < TABLE_COUNT; t++)
		if (!capture_tables[t].outside)
			expect_table(a, b, &capture_tables[t]);
	expect_links(a, b);
	expect_inlined(a, b);
	expect_frames(a, b);
	expect_task_frames(a, b);
	expect_script_frames(a, b);
}
