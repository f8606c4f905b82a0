/* SPDX-License-Identifier: BSD-2-Clause */
#include "task_tree.h"

#include "merged.h"

#include "base/map.h"
#include "model/frames.h"
#include "model/tasks.h"

#include <string.h>

enum {
	DEPTH_DRAWN = 20, /* deeper branches are drawn at this depth */
	ROWS_SHOWN = 40,
	NAMES_SHOWN = 3, /* of equal tasks */
	CALLS_SHOWN = 3,
};

/* Nodes: 0 the actor, then its tasks, then its nurseries. */
struct tree {
	struct page *page;
	const struct model *m;
	const struct actor *actor;
	const bool *only;
	uint32_t first_nursery, nurseries, count; /* id of the first one; nodes in all */
	uint32_t *head, *next;			  /* children by node, in order */
	bool *placed, *wanted;
	VEC(struct row) stack;
	uint32_t rows, told; /* how many rows and tasks were written */
};

/* One line of the tree, and what stands below it. */
struct row {
	uint32_t node, depth, open;	       /* open: branches left of it that go on below */
	uint32_t equal[NAMES_SHOWN - 1], more; /* tasks like it: some, and how many in all */
	uint32_t fold;			       /* no node: so many tasks that are not told */
	bool mixed;			       /* they wait for different things of one kind */
	bool last, parent;
};

/* ---- who is below whom ----------------------------------------------------------------------- */

static bool is_task(const struct tree *t, uint32_t node)
{
	return node && node <= t->actor->task_count;
}

static uint32_t task_of(const struct tree *t, uint32_t node)
{
	return t->actor->first_task + node - 1;
}

/* Foreign captures may name a task or nursery of another actor: that is none here. */
static uint32_t node_of_task(const struct tree *t, uint32_t task)
{
	uint32_t at = task - t->actor->first_task;

	return task >= t->actor->first_task && at < t->actor->task_count ? at + 1 : 0;
}

static uint32_t node_of_nursery(const struct tree *t, uint32_t nursery)
{
	uint32_t at = nursery - t->first_nursery;

	return nursery >= t->first_nursery && at < t->nurseries ? t->actor->task_count + 1 + at : 0;
}

static const struct nursery *nursery_of(const struct tree *t, uint32_t node)
{
	return model_nursery(t->m, t->first_nursery + node - t->actor->task_count - 1);
}

static uint32_t parent_of(const struct tree *t, uint32_t node)
{
	const struct task *task;
	uint32_t nursery;

	if (!is_task(t, node))
		return node_of_task(t, nursery_of(t, node)->task);
	task = model_task(t->m, task_of(t, node));
	nursery = node_of_nursery(t, task->nursery);
	return nursery ? nursery : node_of_task(t, task->parent);
}

static void find_nurseries(struct tree *t, uint32_t actor)
{
	for (uint32_t i = 0; i < t->m->nurseries.count; i++) {
		if (t->m->nurseries.at[i].actor != actor)
			continue;
		if (!t->nurseries++)
			t->first_nursery = i + 1;
	}
}

static void link_nodes(struct tree *t)
{
	for (uint32_t node = t->count; node-- > 1;) {
		uint32_t parent = parent_of(t, node);

		if (parent == node)
			parent = 0;
		t->next[node] = t->head[parent];
		t->head[parent] = node;
	}
	/* those that matter, and all above them */
	for (uint32_t node = 1; node < t->count; node++) {
		uint32_t up = node;

		if (t->only && (!is_task(t, node) || !t->only[task_of(t, node)]))
			continue;
		for (; up && !t->wanted[up]; up = parent_of(t, up))
			t->wanted[up] = true;
	}
}

/* ---- equal ones ------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

/* What makes two tasks without children the same to a reader: all but their names. */
static uint64_t likeness(const struct tree *t, uint32_t task)
{
	const struct task *x = model_task(t->m, task);
	uint32_t count, exceptions;
	const struct task_frame *f = model_task_frames(t->m, task, &count);
	const struct script_exception *e = model_exceptions(t->m, 0, task, &exceptions);
	uint64_t hash = mix(x->state, x->wait ? model_wait(t->m, x->wait)->kind + 1u : 0);

	hash = mix(mix(mix(hash, (uint8_t)x->requested), (uint8_t)x->shielded),
		   (uint8_t)x->delivered);
	hash = mix(mix(mix(hash, x->main), x->hint), count);
	for (uint32_t i = 0; i < count; i++)
		hash = mix(mix(mix(mix(hash, f[i].function), f[i].file), f[i].line), f[i].code);
	for (uint32_t i = 0; i < exceptions; i++)
		hash = mix(hash, e[i].type);
	return hash;
}

/* The row of an earlier sibling that this task is like, or NULL. */
static struct row *find_like(struct tree *t, struct map *seen, uint32_t node)
{
	uint64_t key = likeness(t, task_of(t, node));
	uint32_t at;

	if (t->page->opts->verbose || t->head[node])
		return NULL;
	if (map_find(seen, key, &at))
		return &t->stack.at[at];
	map_put(seen, key, t->stack.count);
	return NULL;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void reverse(struct row *rows, uint32_t count)
{
	for (uint32_t i = 0, k = count; i + 1 < k; i++) {
		struct row swap = rows[--k];

		rows[k] = rows[i];
		rows[i] = swap;
	}
}

static uint32_t wait_text(const struct tree *t, uint32_t node)
{
	uint32_t wait = model_task(t->m, task_of(t, node))->wait;

	return wait ? model_wait(t->m, wait)->text : 0;
}

static void add_equal(struct tree *t, struct row *like, uint32_t node)
{
	like->mixed |= wait_text(t, node) != wait_text(t, like->node);
	if (like->more < NAMES_SHOWN - 1)
		like->equal[like->more] = task_of(t, node);
	like->more++;
}

/* The children of a node onto the stack, which is emptied from its end: how many rows. */
static uint32_t push_children(struct tree *t, const struct row *row)
{
	_cleanup_map_ struct map seen = MAP_INIT;
	uint32_t from = t->stack.count, folded = 0;
	struct row below = { .depth = row->node ? row->depth + 1 : 0, .open = row->open };

	if (below.depth > DEPTH_DRAWN)
		below.depth = DEPTH_DRAWN;
	for (uint32_t c = t->head[row->node]; c; c = t->next[c]) {
		struct row *like;

		if (t->placed[c])
			continue;
		t->placed[c] = true;
		if (!t->wanted[c]) {
			folded += is_task(t, c);
			continue;
		}
		like = is_task(t, c) ? find_like(t, &seen, c) : NULL;
		if (like) {
			add_equal(t, like, c);
			continue;
		}
		below.node = c;
		*vec_push(&t->stack) = below;
	}
	if (folded)
		*vec_push(&t->stack) =
			(struct row){ .depth = below.depth, .open = row->open, .fold = folded };
	for (uint32_t i = from; i < t->stack.count; i++) {
		t->stack.at[i].last = i + 1 == t->stack.count;
		t->stack.at[i].open &= ~(1u << below.depth);
		if (!t->stack.at[i].last)
			t->stack.at[i].open |= 1u << below.depth;
	}
	reverse(t->stack.at + from, t->stack.count - from);
	return t->stack.count - from;
}

static void add_margin(const struct tree *t, const struct row *row, bool first)
{
	const bool utf8 = t->page->opts->utf8;
	const char *through = utf8 ? "\xe2\x94\x82 " : "| ";
	const char *last = utf8 ? "\xe2\x94\x94\xe2\x94\x80" : "`-";
	const char *more = utf8 ? "\xe2\x94\x9c\xe2\x94\x80" : "|-";
	struct strbuf *out = t->page->out;

	for (uint32_t d = 1; d < row->depth; d++)
		strbuf_adds(out, row->open & 1u << d ? through : "  ");
	if (row->depth && first)
		strbuf_adds(out, row->last ? last : more);
	else if (row->depth)
		strbuf_adds(out, row->last ? "  " : through);
	if (!first)
		strbuf_adds(out, row->parent ? through : "  ");
}

/* What a row is written with. */
struct pen {
	const struct tree *t;
	const struct row *row;
	bool begun;
};

/* A paragraph right of the branches. */
static void put(struct pen *pen, const char *text, enum style style, int max_lines)
{
	_cleanup_strbuf_ struct strbuf lines = STRBUF_INIT;
	struct view_opts opts = *pen->t->page->opts;
	struct page page = { .out = &lines, .opts = &opts };

	opts.width -= (int)pen->row->depth * 2 + (pen->begun ? 2 : 0);
	page_para(&page, &(struct para){ .text = text,
					 .style = style,
					 .indent = 2,
					 .max_lines = opts.verbose ? 0 : max_lines });
	for (const char *at = strbuf_str(&lines), *end; *at; at = end + 1) {
		end = strchrnul(at, '\n');
		add_margin(pen->t, pen->row, !pen->begun);
		pen->begun = true;
		strbuf_addn(pen->t->page->out, at, (size_t)(end - at));
		strbuf_addc(pen->t->page->out, '\n');
		if (!*end)
			break;
	}
}

static void put_dim(void *pen, const char *text)
{
	put(pen, text, STYLE_DIM, 2);
}

/* ---- what is said of a task ------------------------------------------------------------------ */

static void add_cancel(struct strbuf *b, const struct task *x)
{
	if (x->requested != TOLD_YES)
		return;
	strbuf_adds(b, x->shielded == TOLD_YES	? "; cancelled, but shielded" :
		       x->delivered == TOLD_YES ? "; cancelled, and told so" :
		       x->delivered == TOLD_NO	? "; cancelled, but not told so yet" :
						  "; cancelled");
}

static void add_task(struct strbuf *b, const struct tree *t, const struct row *row)
{
	uint32_t task = task_of(t, row->node);
	const struct task *x = model_task(t->m, task);
	const struct wait *w = x->wait ? model_wait(t->m, x->wait) : NULL;

	task_name_add(b, t->m, task);
	for (uint32_t i = 0; i < row->more && i < NAMES_SHOWN - 1; i++) {
		strbuf_adds(b, ", ");
		task_name_add(b, t->m, row->equal[i]);
	}
	if (row->more >= NAMES_SHOWN)
		strbuf_addf(b, ", %u more", row->more - (NAMES_SHOWN - 1));
	if (x->main)
		strbuf_adds(b, " [main]");
	strbuf_addf(b, ": ");
	if (!w)
		strbuf_adds(b, task_state_name(x->state));
	else if (row->mixed)
		strbuf_addf(b, "each %s", wait_type_name(w->kind));
	else
		wait_add(b, t->m, w);
	if (w && w->since_ms != UINT64_MAX) {
		strbuf_adds(b, ", for ");
		duration_add(b, w->since_ms);
	}
	add_cancel(b, x);
	if (x->hint)
		strbuf_adds(b, "; its loop ran while it was read");
}

static void add_nursery(struct strbuf *b, const struct tree *t, uint32_t node)
{
	const struct nursery *n = nursery_of(t, node);
	const struct scope *s = n->scope ? model_scope(t->m, n->scope) : NULL;

	strbuf_addf(b, "(%s", n->name ? model_str(t->m, n->name) : "nursery");
	if (n->children >= 0)
		strbuf_addf(b, " of %d", n->children);
	strbuf_adds(b, n->waiting ? ", waited for" : "");
	if (s)
		strbuf_addf(b, "%s%s", s->cancelled ? ", cancelled" : "",
			    s->shield ? ", shielded" : "");
	strbuf_addc(b, ')');
}

void task_calls_add(struct strbuf *out, const struct model *m, uint32_t task, uint32_t shown)
{
	uint32_t count;
	const struct task_frame *frames = model_task_frames(m, task, &count);

	shown = shown < count ? shown : count;
	for (uint32_t i = 0; i < shown; i++) {
		const struct task_frame *f = &frames[i];

		strbuf_adds(out, i ? " < " : "");
		if (f->code)
			code_add(out, m, model_code(m, f->code));
		else
			strbuf_addf(out, "%s (%s:%u)", model_str(m, f->function),
				    file_name(m, f->file), f->line);
	}
	if (shown < count)
		strbuf_addf(out, " < %u more", count - shown);
}

void below_calls(const struct model *m, const struct below *b)
{
	struct source_of of = b->task ? task_source(m, b->task) : script_source(m, b->thread);
	_cleanup_strbuf_ struct strbuf source = STRBUF_INIT, exceptions = STRBUF_INIT;

	if (source_add(&source, m, &of))
		b->put(b->arg, strbuf_str(&source));
	if (exceptions_add(&exceptions, m, b))
		b->put(b->arg, strbuf_str(&exceptions));
	for (uint32_t i = 0; i < b->frames && !b->several; i++) {
		_cleanup_strbuf_ struct strbuf values = STRBUF_INIT;

		if (locals_add(&values, m, b, i))
			b->put(b->arg, strbuf_str(&values));
	}
}

static void put_task(struct pen *pen)
{
	const struct tree *t = pen->t;
	uint32_t task = task_of(t, pen->row->node);
	uint32_t shown = t->page->opts->verbose ? UINT32_MAX : CALLS_SHOWN;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT, calls = STRBUF_INIT;

	add_task(&b, t, pen->row);
	put(pen, strbuf_str(&b), STYLE_PLAIN, 2);
	strbuf_adds(&calls, "in ");
	task_calls_add(&calls, t->m, task, shown);
	if (calls.len > 3)
		put_dim(pen, strbuf_str(&calls));
	if (shown > model_task(t->m, task)->frame_count)
		shown = model_task(t->m, task)->frame_count;
	below_calls(t->m, &(struct below){ .task = task,
					   .frames = shown,
					   .several = pen->row->more,
					   .put = put_dim,
					   .arg = pen });
}

static void put_row(struct tree *t, struct row *row)
{
	struct pen pen = { .t = t, .row = row };
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	row->parent = row->node && push_children(t, row);
	if (row->fold) {
		strbuf_addf(&b, "and %u more", row->fold);
		put_dim(&pen, strbuf_str(&b));
		t->told += row->fold;
	} else if (is_task(t, row->node)) {
		put_task(&pen);
		t->told += 1 + row->more;
	} else {
		add_nursery(&b, t, row->node);
		put(&pen, strbuf_str(&b), STYLE_CYAN, 1);
	}
	t->rows++;
}

/* What is on the stack, and below it. False: there are too many rows. */
static bool put_all(struct tree *t)
{
	while (t->stack.count) {
		struct row row = t->stack.at[--t->stack.count];

		if (t->rows >= ROWS_SHOWN && !t->page->opts->verbose)
			return false;
		put_row(t, &row);
	}
	return true;
}

/* Foreign captures may have circles of tasks, which no root leads to. */
static bool put_circles(struct tree *t)
{
	for (uint32_t node = 1; node < t->count; node++) {
		if (t->placed[node] || !t->wanted[node])
			continue;
		t->placed[node] = true;
		*vec_push(&t->stack) = (struct row){ .node = node, .last = true };
		if (!put_all(t))
			return false;
	}
	return true;
}

static void put_heading(const struct tree *t, uint32_t actor)
{
	const struct task *first = model_task(t->m, t->actor->first_task);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "%u %s task%s of ", t->actor->task_count,
		    first->runtime ? model_str(t->m, first->runtime) : "unknown",
		    t->actor->task_count == 1 ? "" : "s");
	who_add(&b, t->m, actor, 0);
	page_para(t->page, &(struct para){ .text = strbuf_str(&b), .style = STYLE_BOLD });
}

void task_tree_put(struct page *p, const struct model *m, uint32_t actor, const bool *only)
{
	struct tree t = { .page = p, .m = m, .actor = model_actor(m, actor), .only = only };

	if (!t.actor->task_count)
		return;
	find_nurseries(&t, actor);
	t.count = 1 + t.actor->task_count + t.nurseries;
	_cleanup_free_ uint32_t *head = xcalloc(t.count, sizeof(*head));
	_cleanup_free_ uint32_t *next = xcalloc(t.count, sizeof(*next));
	_cleanup_free_ bool *placed = xcalloc(t.count, sizeof(*placed));
	_cleanup_free_ bool *wanted = xcalloc(t.count, sizeof(*wanted));

	t.head = head;
	t.next = next;
	t.placed = placed;
	t.wanted = wanted;
	link_nodes(&t);
	put_heading(&t, actor);
	push_children(&t, &(struct row){ .node = 0 });
	if (!put_all(&t) || !put_circles(&t)) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		strbuf_addf(&b, "and %u more tasks (--all shows them)",
			    t.actor->task_count - t.told);
		page_para(p, &(struct para){ .text = strbuf_str(&b), .style = STYLE_DIM });
	}
	vec_release(&t.stack);
}
