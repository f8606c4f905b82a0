/* SPDX-License-Identifier: BSD-2-Clause */
#include "calltree.h"

#include "base/map.h"
#include "model/frames.h"
#include "page.h"
#include "read/stack.h"
#include "unwind/frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	CROWD = 3, /* so many equal stacks are a crowd, and so many times the odd ones */
	NO_GROUP = UINT32_MAX,
};

/* A call on the stack that is being added. */
struct step {
	uint32_t call, line;
	bool guessed;
};

/* The most frequent stacks below a node, of two different children; child 0: of the node itself. */
struct crowds {
	uint32_t most, child, second;
};

struct building {
	struct calltree *t;
	struct map calls;		      /* hash of a call -> element */
	struct map code_calls;		      /* code id -> element, for the function itself */
	struct map children;		      /* (node, call) -> node */
	VEC(uint32_t) next;		      /* by thread id: the next one of its group */
	VEC(uint32_t) last;		      /* by group */
	struct step path[CALLTREE_DEPTH + 1]; /* innermost first; one more for why it is cut */
	uint32_t depth;
	bool cut;
	uint32_t walked;
};

static void building_release(struct building *b)
{
	map_release(&b->calls);
	map_release(&b->code_calls);
	map_release(&b->children);
	vec_release(&b->next);
	vec_release(&b->last);
}
DEFINE_PLACE_GUARD(building)
#define _cleanup_building_ _cleanup_(building_release_guard)

/* ---- calls ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static bool same_call(const struct call *a, const struct call *b)
{
	return a->kind == b->kind && a->name == b->name && a->module == b->module &&
	       a->start == b->start && a->function == b->function;
}

/* The element of a call, added when it is new. */
static uint32_t intern(struct building *b, const struct call *c)
{
	uint64_t key = mix(mix(mix(c->kind, c->name), c->module), c->start);
	uint32_t id;

	for (; map_find(&b->calls, key, &id); key++)
		if (same_call(&b->t->calls.at[id], c))
			return id;
	id = b->t->calls.count;
	*vec_push(&b->t->calls) = *c;
	map_put(&b->calls, key, id);
	return id;
}

static uint32_t name_of(struct building *b, uint32_t string)
{
	return string ? strtab_add(b->t->names, model_str(b->t->m, string)) : 0;
}

static uint32_t call_of_code(struct building *b, uint32_t id)
{
	const struct code *code = model_code(b->t->m, id);
	struct call c = { .kind = CALL_NATIVE, .module = code->module, .file = code->file };
	uint32_t known;

	if (map_find(&b->code_calls, id, &known))
		return known;
	c.name = name_of(b, code->symbol);
	c.function = c.name || code_start(code);
	if (!c.name)
		c.start = c.function ? code_start(code) : code->address;
	known = intern(b, &c);
	map_put(&b->code_calls, id, known);
	return known;
}

/* "futex_wait_queue+0x60/0x90": where in the function does not matter. */
static uint32_t call_of_kernel(struct building *b, uint32_t string)
{
	const char *text = model_str(b->t->m, string);
	struct call c = { .kind = CALL_KERNEL, .function = true };

	c.name = strtab_addn(b->t->names, text, strcspn(text, "+ "));
	return intern(b, &c);
}

static uint32_t call_of_words(struct building *b, enum call_kind kind, const char *words)
{
	struct call c = { .kind = (uint8_t)kind };

	c.name = strtab_add(b->t->names, words);
	return intern(b, &c);
}

/* ---- the path of one thread ------------------------------------------------------------------ */

/* False: what is further outside is not kept. */
static bool add_step(struct building *b, struct step step)
{
	b->cut = b->cut || b->depth >= CALLTREE_DEPTH || b->walked >= CALLTREE_CALLS;
	if (b->cut)
		return false;
	b->path[b->depth++] = step;
	b->walked++;
	return true;
}

/* A place in the code: what is inlined there, then the function itself. */
static bool add_place(struct building *b, const struct frame *f)
{
	const struct model *m = b->t->m;
	const struct code *code = model_code(m, f->code);
	bool guessed = f->how == FRAME_GUESS || f->how == FRAME_POINTER;

	for (uint32_t i = 0; i < code->inlined_count; i++) {
		const struct inlined *in = &m->inlined.at[code->first_inlined + i];
		struct call c = { .kind = CALL_NATIVE, .function = true };

		c.name = in->symbol ? name_of(b, in->symbol) : strtab_add(b->t->names, "?");
		c.module = code->module;
		c.file = in->file;
		if (!add_step(b, (struct step){ intern(b, &c), in->line, guessed }))
			return false;
	}
	return add_step(b, (struct step){ call_of_code(b, f->code), code->line, guessed });
}

/* Did the walk come to where nobody called? */
static bool is_whole(const char *end)
{
	static const uint8_t ends[] = { UNWIND_OUTERMOST, UNWIND_ZERO };

	for (size_t i = 0; i < sizeof(ends); i++) {
		const char *name = unwind_end_name(ends[i]);

		if (strncmp(end, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

static const char *status_words(const struct model *m, const struct thread *t)
{
	if (t->stack_why)
		return model_str(m, t->stack_why);
	return t->stack == STACK_UNKNOWN ? "no stack was taken" : stack_status_name(t->stack);
}

/* Its calls, the innermost first; *lost: there are none. */
static void make_path(struct building *b, uint32_t thread, bool *lost)
{
	const struct model *m = b->t->m;
	const struct thread *t = model_thread(m, thread);
	const char *end = model_str(m, t->stack_end);
	uint32_t count;
	const struct frame *frames = model_frames(m, thread, &count);

	b->depth = 0;
	b->cut = false;
	*lost = !count && !t->kernel_count;
	if (*lost || (t->stack != STACK_STABLE && t->stack_why))
		add_step(b, (struct step){ call_of_words(b, CALL_NOTE, status_words(m, t)), 0,
					   false });
	for (uint32_t i = 0; i < t->kernel_count; i++)
		if (!add_step(b,
			      (struct step){
				      call_of_kernel(b, m->kernel_frames.at[t->first_kernel + i]),
				      0, false }))
			break;
	for (uint32_t i = 0; i < count; i++)
		if (!add_place(b, &frames[i]))
			break;
	if (b->cut)
		end = "more calls than are kept";
	if (b->cut || (count && !is_whole(end)))
		b->path[b->depth++] = (struct step){
			.call = call_of_words(b, CALL_CUT, *end ? end : "not known why")
		};
}

/* ---- the tree -------------------------------------------------------------------------------- */

static uint32_t child_of(struct building *b, uint32_t parent, uint32_t call)
{
	uint64_t key = map_pair(parent, call);
	struct calltree *t = b->t;
	struct call_node *n;
	uint32_t id;

	if (map_find(&b->children, key, &id))
		return id;
	id = t->nodes.count;
	n = vec_push(&t->nodes);
	n->call = call;
	n->parent = parent;
	n->depth = t->nodes.at[parent].depth + 1;
	n->group = NO_GROUP;
	n->next = t->nodes.at[parent].child;
	t->nodes.at[parent].child = id;
	t->nodes.at[parent].children++;
	map_put(&b->children, key, id);
	return id;
}

static void add_line(struct call_node *n, uint32_t line)
{
	if (!line || n->line_count > CALL_LINES)
		return;
	for (uint32_t i = 0; i < n->line_count && i < CALL_LINES; i++)
		if (n->lines[i] == line)
			return;
	if (n->line_count < CALL_LINES)
		n->lines[n->line_count] = line;
	n->line_count++;
}

/* A culprit without a thread of its own is told by its first one. */
static bool is_culprit(const struct model *m, uint32_t thread)
{
	const struct culprit *c = &m->verdict.culprit;
	const struct thread *t = model_thread(m, thread);

	return c->actor == t->actor &&
	       t->tid == (c->tid > 0 ? c->tid : model_actor(m, t->actor)->pid);
}

static void add_member(struct building *b, uint32_t node, uint32_t thread, bool lost)
{
	struct calltree *t = b->t;
	const struct thread *th = model_thread(t->m, thread);
	struct call_group *g;
	uint32_t group = t->nodes.at[node].group;

	if (group == NO_GROUP) {
		group = t->nodes.at[node].group = t->groups.count;
		*vec_push(&t->groups) = (struct call_group){ .node = node, .first = thread };
		*vec_push(&b->last) = 0;
	}
	g = &t->groups.at[group];
	if (!g->threads || model_thread(t->m, b->last.at[group])->actor != th->actor)
		g->actors++;
	if (g->threads)
		b->next.at[b->last.at[group]] = thread;
	b->last.at[group] = thread;
	g->threads++;
	g->lost = lost;
	g->culprit |= is_culprit(t->m, thread);
	t->threads++;
}

static void add_thread(struct building *b, uint32_t thread)
{
	struct calltree *t = b->t;
	uint32_t node = 0;
	bool lost;

	make_path(b, thread, &lost);
	for (uint32_t i = b->depth; i-- > 0;) {
		node = child_of(b, node, b->path[i].call);
		t->nodes.at[node].guessed |= b->path[i].guessed;
		add_line(&t->nodes.at[node], b->path[i].line);
	}
	add_member(b, node, thread, lost);
}

static void add_threads(struct building *b, uint32_t only)
{
	const struct model *m = b->t->m;

	for (uint32_t i = 0; i < m->actors.count; i++) {
		const struct actor *a = &m->actors.at[i];
		uint32_t before = b->t->threads;

		for (uint32_t k = 0; a->in_tree && k < a->thread_count; k++) {
			uint32_t thread = a->first_thread + k;

			if (only ? thread == only : !model_thread(m, thread)->gone)
				add_thread(b, thread);
		}
		b->t->actors += b->t->threads > before;
	}
}

/* ---- who is odd ------------------------------------------------------------------------------ */

static void count_crowd(struct crowds *c, uint32_t child, uint32_t threads)
{
	if (threads > c->most) {
		c->second = c->most;
		c->most = threads;
		c->child = child;
	} else if (threads > c->second) {
		c->second = threads;
	}
}

/*
 * How deep a group goes with a crowd before it leaves it. Of many equal workers and one that does
 * something else, that one leaves them further inside than whoever started them all.
 */
static uint32_t parted(const struct calltree *t, const struct crowds *crowds, uint32_t group)
{
	const struct call_group *g = &t->groups.at[group];
	uint32_t node = g->node, from = 0;

	for (;;) {
		const struct crowds *c = &crowds[node];
		uint32_t crowd = c->child == from ? c->second : c->most;

		if (crowd >= CROWD && crowd / CROWD >= g->threads)
			return t->nodes.at[node].depth + 1;
		if (!node)
			return 0;
		from = node;
		node = t->nodes.at[node].parent;
	}
}

/* Parents have smaller numbers than their children. */
static void sum_up(struct calltree *t)
{
	_cleanup_free_ struct crowds *crowds = xcalloc(t->nodes.count, sizeof(*crowds));

	for (uint32_t i = t->nodes.count; i-- > 0;) {
		struct call_node *n = &t->nodes.at[i], *parent = &t->nodes.at[n->parent];

		if (n->group != NO_GROUP) {
			n->groups++;
			n->threads += t->groups.at[n->group].threads;
			count_crowd(&crowds[i], 0, t->groups.at[n->group].threads);
		}
		if (!i)
			break;
		parent->groups += n->groups;
		parent->threads += n->threads;
		count_crowd(&crowds[n->parent], i, crowds[i].most);
	}
	for (uint32_t i = 0; i < t->groups.count; i++)
		t->groups.at[i].parted = parted(t, crowds, i);
}

static int by_oddness(const void *a, const void *b)
{
	const struct call_group *x = a, *y = b;

	if (x->lost != y->lost)
		return x->lost ? 1 : -1;
	if (x->parted != y->parted)
		return x->parted > y->parted ? -1 : 1;
	if (x->threads != y->threads)
		return x->threads < y->threads ? -1 : 1;
	if (x->culprit != y->culprit)
		return x->culprit ? -1 : 1;
	return x->first < y->first ? -1 : 1;
}

/* Groups in the order to be shown, their members side by side. */
static void sort_groups(struct building *b)
{
	struct calltree *t = b->t;

	if (t->groups.count)
		qsort(t->groups.at, t->groups.count, sizeof(*t->groups.at), by_oddness);
	for (uint32_t i = 0; i < t->nodes.count; i++)
		t->nodes.at[i].best = NO_GROUP;
	for (uint32_t i = 0; i < t->groups.count; i++) {
		struct call_group *g = &t->groups.at[i];
		uint32_t thread = g->first;

		g->first = t->members.count;
		for (uint32_t k = 0; k < g->threads; k++, thread = b->next.at[thread])
			*vec_push(&t->members) = thread;
		t->nodes.at[g->node].group = i;
		for (uint32_t n = g->node; t->nodes.at[n].best > i; n = t->nodes.at[n].parent)
			t->nodes.at[n].best = i;
	}
}

struct calltree *calltree_new(const struct model *m, uint32_t thread)
{
	struct calltree *t = xcalloc(1, sizeof(*t));
	_cleanup_building_ struct building b = { .t = t };

	t->m = m;
	t->names = strtab_new();
	vec_push(&t->nodes)->group = NO_GROUP;
	for (uint32_t i = 0; i <= m->threads.count; i++)
		vec_push(&b.next);
	add_threads(&b, thread);
	sum_up(t);
	sort_groups(&b);
	return t;
}

void calltree_free(struct calltree *t)
{
	if (!t)
		return;
	strtab_free(t->names);
	vec_release(&t->calls);
	vec_release(&t->nodes);
	vec_release(&t->groups);
	vec_release(&t->members);
	free(t);
}

void call_add(struct strbuf *out, const struct calltree *t, const struct call *c)
{
	const char *name = strtab_get(t->names, c->name);

	if (c->kind == CALL_CUT)
		strbuf_addf(out, "(cut: %s)", name);
	else if (c->kind == CALL_NOTE)
		strbuf_addf(out, "(%s)", name);
	else if (name)
		strbuf_adds(out, name);
	else if (c->module)
		strbuf_addf(out, "%s%c0x%" PRIx64, file_name(t->m, c->module),
			    c->function ? '!' : '+', c->start);
	else
		strbuf_addf(out, "0x%" PRIx64, c->start);
}
