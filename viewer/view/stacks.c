/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks of all threads and tasks as a tree: what equal ones share is told once, the odd one
 * first.
 *
 * A line of calls without a branch is one row, from the outside in; below it stand those who are
 * there, and on what they wait.
 */
#include "view.h"

#include "calltree.h"
#include "clean.h"
#include "page.h"
#include "task_tree.h"

#include "base/map.h"
#include "model/tasks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	CALLS_HEAD = 3, /* of a row that is folded in the middle */
	ODD_SHOWN = 8,	/* so many groups from the odd end, and so many of the largest */
	LARGE_SHOWN = 4,
	MEMBERS_SHOWN = 4,
	DEPTH_DRAWN = 20, /* deeper branches are drawn at this depth */
	COUNT_WIDTH = 4,
	INDENT = 2, /* of those who are there, below the calls */
};

/* One row: calls from a node down to where the tree parts; or what is folded below a node. */
struct row {
	uint32_t node, depth, open; /* open: bits of the branches left of it that go on below */
	bool last, fold;
};

struct trunk {
	struct page page;
	const struct calltree *t;
	uint32_t *shown; /* by node: groups at it or below that are not folded */
	bool *chosen;	 /* by group */
	VEC(struct row) stack;
	VEC(uint32_t) sorted;
};

/* ---- which groups ---------------------------------------------------------------------------- */

static void choose(struct trunk *k, uint32_t group)
{
	uint32_t node = k->t->groups.at[group].node;

	k->chosen[group] = true;
	for (; node; node = k->t->nodes.at[node].parent)
		k->shown[node]++;
}

struct size {
	uint32_t size, group;
};

static int by_size(const void *a, const void *b)
{
	const struct size *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->group < y->group ? -1 : 1;
}

/* Odd ones first; of the others the large ones say what the crowd does. */
static void choose_all(struct trunk *k)
{
	uint32_t count = k->t->groups.count, head = count;
	_cleanup_free_ struct size *sizes = xcalloc(count + 1u, sizeof(*sizes));

	if (!k->page.opts->verbose && count > ODD_SHOWN + LARGE_SHOWN + 2)
		head = ODD_SHOWN;
	for (uint32_t i = 0; i < head; i++)
		choose(k, i);
	for (uint32_t i = head; i < count; i++)
		sizes[i - head] = (struct size){ k->t->groups.at[i].size, i };
	qsort(sizes, count - head, sizeof(*sizes), by_size);
	for (uint32_t i = 0; head < count && i < LARGE_SHOWN; i++)
		choose(k, sizes[i].group);
}

/* How many stacks are folded directly below a node; *size: of how many threads and tasks. */
static uint32_t folded(const struct trunk *k, uint32_t node, uint32_t *size)
{
	const struct call_node *n = &k->t->nodes.at[node];
	uint32_t groups = 0;

	*size = 0;
	if (n->group != UINT32_MAX && !k->chosen[n->group]) {
		groups++;
		*size += k->t->groups.at[n->group].size;
	}
	for (uint32_t c = n->child; c; c = k->t->nodes.at[c].next) {
		if (k->shown[c])
			continue;
		groups += k->t->nodes.at[c].groups;
		*size += k->t->nodes.at[c].size;
	}
	return groups;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int by_best(const void *a, const void *b, void *arg)
{
	const struct calltree *t = arg;
	uint32_t x = t->nodes.at[*(const uint32_t *)a].best;
	uint32_t y = t->nodes.at[*(const uint32_t *)b].best;

	return x < y ? -1 : x > y;
}

/* The last node of the row that begins at `node`. */
static uint32_t row_end(const struct calltree *t, uint32_t node)
{
	while (t->nodes.at[node].children == 1 && t->nodes.at[node].group == UINT32_MAX)
		node = t->nodes.at[node].child;
	return node;
}

/* The rows below `end`, the last node of `row`, onto the stack, which is emptied from its end. */
static uint32_t push_below(struct trunk *k, const struct row *row, uint32_t end)
{
	const struct calltree *t = k->t;
	struct row below = { .depth = end ? row->depth + 1 : 0, .open = row->open, .last = true };
	uint32_t before = k->stack.count, size;

	if (below.depth > DEPTH_DRAWN)
		below.depth = DEPTH_DRAWN;
	below.open &= ~(1u << below.depth);
	k->sorted.count = 0;
	for (uint32_t c = t->nodes.at[end].child; c; c = t->nodes.at[c].next)
		if (k->shown[c])
			*vec_push(&k->sorted) = c;
	if (k->sorted.count)
		qsort_r(k->sorted.at, k->sorted.count, sizeof(*k->sorted.at), by_best, (void *)t);
	for (uint32_t i = k->sorted.count + 1; i-- > 0;) {
		below.fold = i == k->sorted.count;
		if (below.fold && !folded(k, end, &size))
			continue;
		below.node = below.fold ? end : k->sorted.at[i];
		*vec_push(&k->stack) = below;
		below.last = false;
		below.open |= 1u << below.depth;
	}
	return k->stack.count - before;
}

/* What a row is written with. */
struct pen {
	struct trunk *k;
	const struct row *row;
	uint32_t count; /* in its margin */
	bool below;	/* a branch starts under it */
	int indent;	/* further columns before the text */
	bool begun;
};

static void add_margin(struct pen *pen)
{
	const bool utf8 = pen->k->page.opts->utf8;
	const char *through = utf8 ? "\xe2\x94\x82 " : "| ";
	const char *last = utf8 ? "\xe2\x94\x94\xe2\x94\x80" : "`-";
	const char *more = utf8 ? "\xe2\x94\x9c\xe2\x94\x80" : "|-";
	struct strbuf *b = pen->k->page.out;
	const struct row *row = pen->row;

	for (uint32_t d = 1; d < row->depth; d++)
		strbuf_adds(b, row->open & 1u << d ? through : "  ");
	if (row->depth && pen->begun)
		strbuf_adds(b, row->last ? "  " : through);
	else if (row->depth)
		strbuf_adds(b, row->last ? last : more);
	if (pen->begun)
		strbuf_addf(b, "%s%*s", pen->below ? through : "  ", COUNT_WIDTH - 2 + pen->indent,
			    "");
	else
		strbuf_addf(b, "%-*" PRIu32 "%s", COUNT_WIDTH, pen->count,
			    pen->count > 999 ? " " : "");
	pen->begun = true;
}

/* A paragraph right of the branches. */
static void put(struct pen *pen, const char *text, enum style style, int max_lines)
{
	_cleanup_strbuf_ struct strbuf lines = STRBUF_INIT;
	struct view_opts opts = *pen->k->page.opts;
	struct page page = { .out = &lines, .opts = &opts };
	struct strbuf *out = pen->k->page.out;

	opts.width -= (int)pen->row->depth * 2 + COUNT_WIDTH + 1 + pen->indent;
	page_para(&page, &(struct para){ .text = text,
					 .style = style,
					 .max_lines = opts.verbose ? 0 : max_lines });
	for (const char *at = strbuf_str(&lines), *end; *at; at = end + 1) {
		end = strchrnul(at, '\n');
		add_margin(pen);
		strbuf_addn(out, at, (size_t)(end - at));
		strbuf_addc(out, '\n');
		if (!*end)
			break;
	}
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* "worker (pool.c:12,30)"; with a question mark when it was guessed. */
static void add_call(const struct trunk *k, struct strbuf *b, uint32_t node)
{
	const struct call_node *n = &k->t->nodes.at[node];
	const struct call *c = calltree_call(k->t, node);

	call_add(b, k->t->path, c);
	if (n->guessed)
		strbuf_addc(b, '?');
	if (!c->file || !n->line_count)
		return;
	strbuf_addf(b, " (%s:", file_name(k->t->m, c->file));
	for (uint32_t i = 0; i < n->line_count && i < CALL_LINES; i++)
		strbuf_addf(b, "%s%u", i ? "," : "", n->lines[i]);
	strbuf_adds(b, n->line_count > CALL_LINES ? ",..)" : ")");
}

/* How often a function calls itself from `node` on: the nodes up to `end` that are the same call.
 */
static uint32_t recursion(const struct calltree *t, uint32_t node, uint32_t end, uint32_t *last)
{
	uint32_t times = 1;

	while (node != end && calltree_call(t, node)->kind < CALL_TASK &&
	       t->nodes.at[t->nodes.at[node].child].call == t->nodes.at[node].call) {
		node = t->nodes.at[node].child;
		times++;
	}
	*last = node;
	return times;
}

static void add_item(const struct trunk *k, struct strbuf *b, uint32_t node, uint32_t times)
{
	add_call(k, b, node);
	if (times > 1)
		strbuf_addf(b, " [%u times]", times);
}

/* A call a line, with its module: nothing is left out. */
static void put_calls_whole(struct pen *pen, uint32_t node, uint32_t end)
{
	const struct calltree *t = pen->k->t;

	for (uint32_t last;; node = t->nodes.at[last].child) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		uint32_t times = recursion(t, node, end, &last);
		const struct call *c = calltree_call(t, node);

		add_item(pen->k, &b, node, times);
		if (c->kind == CALL_NATIVE && c->name && c->module)
			strbuf_addf(&b, "  %s", file_name(t->m, c->module));
		put(pen, strbuf_str(&b), STYLE_PLAIN, 0);
		if (last == end)
			return;
	}
}

static uint32_t count_items(const struct calltree *t, uint32_t node, uint32_t end)
{
	uint32_t items = 0;

	for (uint32_t last;; node = t->nodes.at[last].child) {
		recursion(t, node, end, &last);
		items++;
		if (last == end)
			return items;
	}
}

/* So many calls of a row are shown: few rows may be longer. */
static uint32_t calls_shown(const struct calltree *t)
{
	return t->groups.count == 1 ? 60 : t->groups.count <= 4 ? 20 : 10;
}

/* All on one line or two; of a long row the middle is folded. */
static void put_calls(struct pen *pen, uint32_t node, uint32_t end)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct calltree *t = pen->k->t;
	const uint32_t shown = calls_shown(t), tail = shown - CALLS_HEAD - 1;
	uint32_t items = count_items(t, node, end), last;
	bool fold = items > shown;

	for (uint32_t i = 0; i < items; i++, node = t->nodes.at[last].child) {
		uint32_t times = recursion(t, node, end, &last);

		if (fold && i >= CALLS_HEAD && i < items - tail) {
			if (i == CALLS_HEAD)
				strbuf_addf(&b, " > [%u more]", items - CALLS_HEAD - tail);
			continue;
		}
		strbuf_adds(&b, i ? " > " : "");
		add_item(pen->k, &b, node, times);
	}
	put(pen, strbuf_str(&b), STYLE_PLAIN, 0);
}

/* ---- members --------------------------------------------------------------------------------- */

static const char *plural(uint32_t count)
{
	return count == 1 ? "" : "s";
}

/* "50 threads", "3 tasks", "50 threads and 3 tasks" */
static void add_counts(struct strbuf *b, uint32_t threads, uint32_t tasks)
{
	if (threads || !tasks)
		strbuf_addf(b, "%u thread%s", threads, plural(threads));
	if (threads && tasks)
		strbuf_adds(b, " and ");
	if (tasks)
		strbuf_addf(b, "%u task%s", tasks, plural(tasks));
}

/* The name that all of a group of tasks have, a string of the model, or 0. */
static uint32_t common_name(const struct calltree *t, const struct call_group *g)
{
	const struct call_member *members = t->members.at + g->first;
	uint32_t name = 0;

	if (g->size < 2 || g->tasks != g->size)
		return 0;
	for (uint32_t i = 0; i < g->size; i++) {
		uint32_t own = model_task(t->m, members[i].task)->name;

		if (i && own != name)
			return 0;
		name = own;
	}
	return name;
}

/* "12 actors: ", "50 threads of pool[12]: ", "60 tasks of 5 actors: ", or nothing of one. */
static void add_heading(struct strbuf *b, const struct model *m, const struct call_group *g,
			uint32_t actor)
{
	if (g->size == 1)
		return;
	if (g->actors == g->size && !g->tasks) {
		strbuf_addf(b, "%u actors: ", g->actors);
		return;
	}
	add_counts(b, g->size - g->tasks, g->tasks);
	strbuf_adds(b, " of ");
	if (g->actors == 1)
		who_add(b, m, actor, 0);
	else
		strbuf_addf(b, "%u actors", g->actors);
	strbuf_adds(b, ": ");
}

/* Who was told last: what is the same again is not told again. */
struct told {
	uint32_t actor, name;
	const char *word;
	bool named; /* the heading has the name of all tasks */
};

/* Which one of its actor: "tid 815 (worker-1)", "task reader", "main thread" after others. */
static void add_which(struct strbuf *b, const struct model *m, const struct call_member *who,
		      struct told *told)
{
	const struct actor *a = model_actor(m, who->actor);
	const struct thread *t = who->thread ? model_thread(m, who->thread) : NULL;
	const char *word = !t ? "task " : t->tid != a->pid ? "tid " : "";
	bool again = told->actor == who->actor;

	if (told->named && !t)
		return;
	if (!*word)
		strbuf_adds(b, again ? "main thread" : "");
	else
		strbuf_addf(b, "%s%s", again ? "" : " ", again && told->word == word ? "" : word);
	if (!t)
		task_name_add(b, m, who->task);
	else if (*word)
		strbuf_addf(b, "%d", t->tid);
	if (t && t->script.title)
		strbuf_addf(b, " (%s)", model_str(m, t->script.title));
	else if (t && t->name && t->name != a->name)
		strbuf_addf(b, " (%s)", model_str(m, t->name));
	told->word = word;
}

static void add_members(const struct trunk *k, struct strbuf *b, const struct call_group *g)
{
	const struct model *m = k->t->m;
	const struct call_member *members = k->t->members.at + g->first;
	struct told told = { .actor = 0 };
	uint32_t shown = g->size, name = common_name(k->t, g);

	if (!k->page.opts->verbose && shown > MEMBERS_SHOWN + 1)
		shown = MEMBERS_SHOWN;
	if (name && g->actors == 1) {
		strbuf_addf(b, "%u tasks %s of ", g->size, model_str(m, name));
		who_add(b, m, members[0].actor, 0);
		return;
	}
	told.named = name && g->actors == g->size;
	if (told.named)
		strbuf_addf(b, "%u actors, task %s: ", g->actors, model_str(m, name));
	else
		add_heading(b, m, g, members[0].actor);
	if (g->actors == 1 && g->size > 1)
		told.actor = members[0].actor;
	for (uint32_t i = 0; i < shown; i++) {
		const struct actor *a = model_actor(m, members[i].actor);

		strbuf_adds(b, i ? ", " : "");
		if (told.actor != members[i].actor)
			strbuf_addf(b, "%s[%d]", told.name == a->name ? "" : model_str(m, a->name),
				    a->pid);
		add_which(b, m, &members[i], &told);
		told.actor = members[i].actor;
		told.name = a->name;
	}
	if (shown < g->size)
		strbuf_addf(b, ", %u more", g->size - shown);
}

static const struct wait *wait_of(const struct model *m, const struct call_member *who)
{
	uint32_t wait = who->task ? model_task(m, who->task)->wait :
				    model_thread(m, who->thread)->wait;

	return wait ? model_wait(m, wait) : NULL;
}

/* On what they wait: in the words of all when these are the same, else the kind. */
static void add_waits(const struct trunk *k, struct strbuf *b, const struct call_group *g)
{
	const struct model *m = k->t->m;
	const struct wait *one = NULL;
	uint32_t waiting = 0;
	uint64_t since_ms = 0;
	bool same_text = true, same_kind = true;

	for (uint32_t i = 0; i < g->size; i++) {
		const struct wait *w = wait_of(m, &k->t->members.at[g->first + i]);

		if (!w)
			continue;
		waiting++;
		same_text = same_text && (!one || (w->text && w->text == one->text));
		same_kind = same_kind && (!one || w->kind == one->kind);
		if (w->since_ms != UINT64_MAX && w->since_ms > since_ms)
			since_ms = w->since_ms;
		one = one ? one : w;
	}
	if (!one)
		return;
	strbuf_adds(b, g->size == 1 ? ": " : "; ");
	if (waiting < g->size)
		strbuf_addf(b, "%u of them ", waiting);
	if (same_text)
		wait_add(b, m, one);
	else
		strbuf_adds(b,
			    same_kind ? wait_type_name(one->kind) : "waiting for different things");
	if (since_ms) {
		strbuf_adds(b, waiting > 1 ? ", for up to " : ", for ");
		duration_add(b, since_ms);
	}
}

/* What an interpreter says of them, of whom when they are many: "holds the GIL". */
static void add_script_notes(const struct trunk *k, struct strbuf *b, const struct call_group *g)
{
	const struct model *m = k->t->m;

	for (uint32_t i = 0; i < g->size; i++) {
		const struct call_member *who = &k->t->members.at[g->first + i];
		const struct thread *t = who->thread ? model_thread(m, who->thread) : NULL;

		if (!t || !t->script.note)
			continue;
		strbuf_adds(b, "; ");
		if (g->size > 1)
			strbuf_addf(b, "%d ", t->tid);
		strbuf_adds(b, model_str(m, t->script.note));
	}
}

static void put_below(void *pen, const char *text)
{
	put(pen, text, STYLE_DIM, 2);
}

/* Of one who is there alone, or of the first of them: what stands in its source, and so on. */
static void put_details(struct pen *pen, const struct call_group *g)
{
	const struct model *m = pen->k->t->m;
	const struct call_member *who = &pen->k->t->members.at[g->first];
	uint32_t frames = 0;

	/* tasks have a tree of their own */
	if (who->task)
		return;
	if (g->size == 1)
		frames = model_thread(m, who->thread)->script.frame_count;
	if (frames > CALLS_HEAD && !pen->k->page.opts->verbose)
		frames = CALLS_HEAD;
	below_calls(m, &(struct below){ .thread = who->thread,
					.frames = frames,
					.several = g->size > 1,
					.put = put_below,
					.arg = pen });
}

static void put_members(struct pen *pen, uint32_t group)
{
	const struct trunk *k = pen->k;
	const struct call_group *g = &k->t->groups.at[group];
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	bool odd = group == 0 && g->parted && !g->lost;

	if (g->culprit || odd)
		strbuf_addf(&b, "[%s%s%s] ",
			    !g->culprit	 ? "" :
			    g->size == 1 ? "CULPRIT" :
					   "with the CULPRIT",
			    g->culprit && odd ? ", " : "", odd ? "odd one out" : "");
	add_members(k, &b, g);
	add_waits(k, &b, g);
	add_script_notes(k, &b, g);
	pen->indent = INDENT;
	put(pen, strbuf_str(&b), g->culprit ? STYLE_RED : odd ? STYLE_YELLOW : STYLE_CYAN, 3);
	put_details(pen, g);
}

/* ---- the page -------------------------------------------------------------------------------- */

static void put_row(struct trunk *k, const struct row *row)
{
	const struct calltree *t = k->t;
	const uint32_t end = row_end(t, row->node), group = t->nodes.at[end].group;
	struct pen pen = { .k = k, .row = row, .count = t->nodes.at[end].size };

	pen.below = push_below(k, row, end) > 0;
	if (k->page.opts->verbose)
		put_calls_whole(&pen, row->node, end);
	else
		put_calls(&pen, row->node, end);
	if (group != UINT32_MAX && k->chosen[group])
		put_members(&pen, group);
}

static void put_fold(struct trunk *k, const struct row *row)
{
	struct pen pen = { .k = k, .row = row };
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint32_t groups = folded(k, row->node, &pen.count);

	strbuf_addf(&b, "in %u more stack%s (--all shows %s)", groups, groups == 1 ? "" : "s",
		    groups == 1 ? "it" : "them");
	put(&pen, strbuf_str(&b), STYLE_DIM, 1);
}

static void put_heading(struct trunk *k)
{
	const struct calltree *t = k->t;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	add_counts(&b, t->threads, t->tasks);
	strbuf_addf(&b, " of %u actor%s, %u different stack%s", t->actors, plural(t->actors),
		    t->groups.count, plural(t->groups.count));
	page_para(&k->page, &(struct para){ .text = strbuf_str(&b), .style = STYLE_BOLD });
	page_source(&k->page, t->m);
	page_gap(&k->page);
}

static void render_stacks(const struct model *m, const struct view_opts *opts, struct strbuf *out)
{
	_cleanup_calltree_ struct calltree *t = calltree_new(m, opts->thread, opts->verbose);
	_cleanup_free_ uint32_t *shown = xcalloc(t->nodes.count, sizeof(*shown));
	_cleanup_free_ bool *chosen = xcalloc(t->groups.count + 1u, sizeof(*chosen));
	struct trunk k = {
		.page = { .out = out, .opts = opts }, .t = t, .shown = shown, .chosen = chosen
	};

	choose_all(&k);
	put_heading(&k);
	push_below(&k, &(struct row){ .node = 0 }, 0);
	while (k.stack.count) {
		const struct row row = k.stack.at[--k.stack.count];

		if (row.fold)
			put_fold(&k, &row);
		else
			put_row(&k, &row);
	}
	vec_release(&k.stack);
	vec_release(&k.sorted);
	for (uint32_t i = 1; !opts->thread && i <= m->actors.count; i++) {
		if (!model_actor(m, i)->task_count)
			continue;
		page_gap(&k.page);
		task_tree_put(&k.page, m, i, NULL);
	}
}

/* ---- folded lines ---------------------------------------------------------------------------- */

/* A call between semicolons, as flamegraph.pl of Brendan Gregg reads it. */
static void add_frame(struct strbuf *out, const char *text, bool utf8)
{
	size_t from = out->len;

	clean_add(out, text, utf8);
	for (char *p = out->s + from; from < out->len && *p; p++)
		if (*p == ';')
			*p = ':';
}

/* ";main;read", the outermost call first. */
static void add_stack(const struct calltree *t, struct strbuf *out, uint32_t node, bool utf8)
{
	VEC(uint32_t) path = VEC_INIT;

	for (; node; node = t->nodes.at[node].parent)
		*vec_push(&path) = node;
	while (path.count) {
		const struct call *c = calltree_call(t, path.at[--path.count]);
		_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

		call_add(&name, t->path, c);
		strbuf_addc(out, ';');
		add_frame(out, strbuf_str(&name), utf8);
		if (c->kind == CALL_KERNEL)
			strbuf_adds(out, "_[k]");
	}
	vec_release(&path);
}

/* A line for each name of a process in the group: equal stacks of several processes are one. */
static void put_folded(const struct calltree *t, const struct call_group *g, struct strbuf *out,
		       bool utf8)
{
	_cleanup_strbuf_ struct strbuf stack = STRBUF_INIT;
	_cleanup_free_ uint32_t *names = xcalloc(g->size, sizeof(*names));
	_cleanup_map_ struct map seen = MAP_INIT;
	uint32_t count = 0;

	add_stack(t, &stack, g->node, utf8);
	for (uint32_t i = 0; i < g->size; i++) {
		uint32_t actor = t->members.at[g->first + i].actor, times = 0;
		uint32_t name = model_actor(t->m, actor)->name;

		if (!map_find(&seen, name, &times))
			names[count++] = name;
		map_put(&seen, name, times + 1);
	}
	for (uint32_t i = 0; i < count; i++) {
		const char *name = names[i] ? model_str(t->m, names[i]) : "?";

		add_frame(out, name, utf8);
		strbuf_addf(out, "%s %u\n", strbuf_str(&stack), map_get(&seen, names[i], 0));
	}
}

static void render_folded(const struct model *m, const struct view_opts *opts, struct strbuf *out)
{
	_cleanup_calltree_ struct calltree *t = calltree_new(m, opts->thread, opts->verbose);

	for (uint32_t i = 0; i < t->groups.count; i++)
		put_folded(t, &t->groups.at[i], out, opts->utf8);
}

const struct view view_stacks = { .name = "stacks", .render = render_stacks };
const struct view view_folded = { .name = "folded", .render = render_folded };
