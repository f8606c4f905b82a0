/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The actors as a tree: how each came to be, what it waits on, and where groups, sessions and
 * namespaces change.
 */
#include "view.h"

#include "clean.h"
#include "page.h"

#include <string.h>

enum {
	NAME_MAX_WIDTH = 44, /* of the column with the tree itself */
	SPAWN_WIDTH = 13,
	FIXED_WIDTH = SPAWN_WIDTH + 12, /* spawn, threads, since */
	DEPTH_DRAWN = 20,		/* deeper branches are drawn at this depth */
	OUTSIDE_SHOWN = 8,
};

/* One line: an actor, and which of the branches left of it go on below. */
struct row {
	uint32_t actor, depth, open;
	bool last; /* of its siblings */
};

struct forest {
	struct page page;
	const struct model *m;
	uint32_t *last_child, *elder; /* by actor id: children from the youngest to the eldest */
	bool *placed;
	VEC(struct row) rows;
	int name_width;
};

static void link_children(struct forest *f)
{
	for (uint32_t id = 1; id <= f->m->actors.count; id++) {
		uint32_t parent = model_actor(f->m, id)->parent;

		if (!parent || !model_actor(f->m, id)->in_tree)
			continue;
		f->elder[id] = f->last_child[parent];
		f->last_child[parent] = id;
	}
}

/*
 * The rows of a root and its descendants: depth first, no recursion. The parents in a foreign
 * capture may form circles: everybody is placed once.
 */
static void grow(struct forest *f, uint32_t root)
{
	VEC(struct row) stack = VEC_INIT;

	*vec_push(&stack) = (struct row){ .actor = root, .last = true };
	f->placed[root] = true;
	while (stack.count > 0) {
		struct row row = stack.at[--stack.count];
		bool last = true;

		*vec_push(&f->rows) = row;
		for (uint32_t c = f->last_child[row.actor]; c; c = f->elder[c]) {
			struct row child = { .actor = c, .open = row.open, .last = last };

			if (f->placed[c])
				continue;
			f->placed[c] = true;
			child.depth = row.depth < DEPTH_DRAWN ? row.depth + 1 : DEPTH_DRAWN;
			if (last)
				child.open &= ~(1u << child.depth);
			else
				child.open |= 1u << child.depth;
			*vec_push(&stack) = child;
			last = false;
		}
	}
	vec_release(&stack);
}

static void add_branches(struct strbuf *b, const struct row *row, bool utf8)
{
	const char *through = utf8 ? "\xe2\x94\x82 " : "| ";
	const char *last = utf8 ? "\xe2\x94\x94\xe2\x94\x80" : "`-";
	const char *more = utf8 ? "\xe2\x94\x9c\xe2\x94\x80" : "|-";

	for (uint32_t d = 1; d < row->depth; d++)
		strbuf_adds(b, row->open & 1u << d ? through : "  ");
	if (row->depth > 0)
		strbuf_adds(b, row->last ? last : more);
}

/* The arguments after the first, which the name tells already. */
static void add_arguments(struct strbuf *b, const struct model *m, const struct actor *a)
{
	const char *rest = strchr(model_str(m, a->argv), '\x1f');

	for (; rest && *rest; rest++)
		strbuf_addc(b, *rest == '\x1f' ? ' ' : *rest);
}

static void add_spawn(struct strbuf *b, const struct model *m, const struct actor *a)
{
	const char *method = spawn_method_name((enum spawn_method)a->spawn_method);

	strbuf_adds(b, a->spawn_method == SPAWN_UNKNOWN ? "-" : method);
	if (a->spawn_backend)
		strbuf_addf(b, " %s", model_str(m, a->spawn_backend));
}

/* The wait to tell: the main thread's, else that of the first thread which has one. */
static const struct wait *main_wait(const struct model *m, const struct actor *a)
{
	for (uint32_t i = 0; i < a->thread_count; i++) {
		const struct thread *t = model_thread(m, a->first_thread + i);

		if (t->wait)
			return model_wait(m, t->wait);
	}
	return NULL;
}

static const char *state_word(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
	case 'I':
		return "sleeping";
	case 'D':
		return "in the kernel";
	case 'T':
		return "stopped";
	case 't':
		return "held by a tracer";
	case 'Z':
	case 'X':
		return "zombie";
	default:
		return "?";
	}
}

static void add_mark(struct strbuf *b, const char *mark)
{
	strbuf_addf(b, "%s%s", b->len ? ", " : "", mark);
}

/* Namespaces that could not be read are 0. */
static bool is_other(uint64_t ns, uint64_t parents)
{
	return ns && parents && ns != parents;
}

/* Where the process lives, when that is not where its parent does. */
static void add_moves(struct strbuf *b, const struct model *m, const struct actor *a)
{
	const struct actor *parent = a->parent ? model_actor(m, a->parent) : NULL;

	if (!parent || !a->in_tree)
		return;
	if (a->session != parent->session)
		add_mark(b, "own session");
	else if (a->pgrp != parent->pgrp)
		add_mark(b, "own group");
	if (is_other(a->pid_ns, parent->pid_ns))
		add_mark(b, "own pid namespace");
	if (is_other(a->net_ns, parent->net_ns))
		add_mark(b, "own net namespace");
	if (is_other(a->mnt_ns, parent->mnt_ns))
		add_mark(b, "own mount namespace");
}

static void add_marks(struct strbuf *b, const struct model *m, uint32_t id)
{
	const struct actor *a = model_actor(m, id);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (m->verdict.culprit.actor == id)
		add_mark(b, "CULPRIT");
	if (a->exited)
		add_mark(b, "zombie");
	if (a->frozen)
		add_mark(b, "frozen");
	if (a->state == 'T')
		add_mark(b, "stopped");
	if (a->tracer > 0) {
		strbuf_addf(&text, "traced by %d", a->tracer);
		add_mark(b, strbuf_str(&text));
	}
	if (a->denied)
		add_mark(b, "may not be looked into");
	if (a->joined)
		add_mark(b, model_str(m, a->joined));
	add_moves(b, m, a);
}

static void add_what(struct strbuf *b, const struct model *m, uint32_t id)
{
	const struct actor *a = model_actor(m, id);
	const struct wait *w = main_wait(m, a);
	_cleanup_strbuf_ struct strbuf marks = STRBUF_INIT;

	add_marks(&marks, m, id);
	if (marks.len)
		strbuf_addf(b, "[%s] ", strbuf_str(&marks));
	if (w)
		strbuf_adds(b, w->text ? model_str(m, w->text) : wait_type_name(w->kind));
	else if (!a->exited)
		strbuf_adds(b, state_word(a->state));
}

/* Text to a column: cut or padded to `width`. */
static void add_column(struct strbuf *b, struct page *p, const char *text, int width)
{
	struct page plain = { .out = b, .opts = p->opts };
	struct view_opts opts = *p->opts;
	int used;

	opts.color = false;
	plain.opts = &opts;
	used = page_text(&plain, text, STYLE_PLAIN, width - 1);
	for (; used < width; used++)
		strbuf_addc(b, ' ');
}

static void put_row(struct forest *f, const struct row *row)
{
	const struct actor *a = model_actor(f->m, row->actor);
	const struct wait *w = main_wait(f->m, a);
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT, line = STRBUF_INIT, what = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf spawn = STRBUF_INIT, since = STRBUF_INIT;

	add_branches(&name, row, f->page.opts->utf8);
	who_add(&name, f->m, row->actor, 0);
	add_arguments(&name, f->m, a);
	add_spawn(&spawn, f->m, a);
	if (w)
		duration_add(&since, w->since_ms);
	add_column(&line, &f->page, strbuf_str(&name), f->name_width);
	add_column(&line, &f->page, strbuf_str(&spawn), SPAWN_WIDTH);
	strbuf_addf(&line, "%3u %7s ", a->thread_count, strbuf_str(&since));
	add_what(&what, f->m, row->actor);
	page_para(&f->page,
		  &(struct para){
			  .lead = strbuf_str(&line),
			  .lead_style = f->m->verdict.culprit.actor == row->actor ? STYLE_RED :
										    STYLE_PLAIN,
			  .text = strbuf_str(&what),
			  .max_lines = f->page.opts->verbose ? 0 : 1,
		  });
}

static void put_heading(struct forest *f)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	add_column(&line, &f->page, "PROCESS", f->name_width);
	add_column(&line, &f->page, "SPAWNED BY", SPAWN_WIDTH);
	strbuf_adds(&line, "THR   SINCE WAITS FOR");
	page_para(&f->page, &(struct para){ .text = strbuf_str(&line), .style = STYLE_DIM });
}

/* Who is not of the tree and is here because it holds something that the tree waits for. */
static void put_outside(struct forest *f)
{
	const struct model *m = f->m;
	uint32_t count = 0;

	for (uint32_t id = 1; id <= m->actors.count; id++) {
		struct row row = { .actor = id, .last = true };

		if (model_actor(m, id)->in_tree)
			continue;
		if (count++ == 0)
			page_para(&f->page,
				  &(struct para){ .text = "outside the tree, with an end of "
							  "something it waits for:",
						  .style = STYLE_DIM });
		if (count <= OUTSIDE_SHOWN || f->page.opts->verbose)
			put_row(f, &row);
	}
	if (count > OUTSIDE_SHOWN && !f->page.opts->verbose) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		strbuf_addf(&b, "... and %u more (-v shows all)", count - OUTSIDE_SHOWN);
		page_para(&f->page, &(struct para){ .text = strbuf_str(&b), .style = STYLE_DIM });
	}
}

/* The root first, then whoever is in the tree without a parent in it, then what circles of parents
 * left over. */
static void grow_all(struct forest *f)
{
	const struct model *m = f->m;

	if (m->root)
		grow(f, m->root);
	for (uint32_t id = 1; id <= m->actors.count; id++) {
		const struct actor *a = model_actor(m, id);

		if (a->in_tree && !f->placed[id] &&
		    (!a->parent || !model_actor(m, a->parent)->in_tree))
			grow(f, id);
	}
	for (uint32_t id = 1; id <= m->actors.count; id++)
		if (model_actor(m, id)->in_tree && !f->placed[id])
			grow(f, id);
}

static void render(const struct model *m, const struct view_opts *opts, struct strbuf *out)
{
	size_t count = (size_t)m->actors.count + 1;
	_cleanup_free_ uint32_t *last_child = xcalloc(count, sizeof(*last_child));
	_cleanup_free_ uint32_t *elder = xcalloc(count, sizeof(*elder));
	_cleanup_free_ bool *placed = xcalloc(count, sizeof(*placed));
	struct forest f = { .page = { .out = out, .opts = opts },
			    .m = m,
			    .last_child = last_child,
			    .elder = elder,
			    .placed = placed };

	f.name_width = (opts->width - FIXED_WIDTH) / 2;
	if (f.name_width > NAME_MAX_WIDTH)
		f.name_width = NAME_MAX_WIDTH;
	link_children(&f);
	grow_all(&f);
	put_heading(&f);
	for (uint32_t i = 0; i < f.rows.count; i++)
		put_row(&f, &f.rows.at[i]);
	put_outside(&f);
	vec_release(&f.rows);
}

const struct view view_tree = { .name = "tree", .render = render };
