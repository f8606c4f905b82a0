/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict on one screen: the sentence, the chain a hop a line, the culprit, what else is odd,
 * and what could not be known.
 */
#include "view.h"

#include "clean.h"
#include "merged.h"
#include "page.h"
#include "task_tree.h"

#include "model/frames.h"
#include "model/tasks.h"

enum {
	MARGIN = 10,	 /* of everything below the sentence */
	CHAIN_SHOWN = 9, /* longer lists are folded */
	CHAIN_HEAD = 6,
	LIST_SHOWN = 4,
	FRAMES_SHOWN = 4,
	WHO_WIDTH = 32,
	SINCE_WIDTH = 7,
};

static enum style verdict_style(uint8_t kind)
{
	switch (kind) {
	case VERDICT_DEADLOCK:
		return STYLE_RED;
	case VERDICT_PROGRESSING:
	case VERDICT_IDLE:
	case VERDICT_EXITED:
		return STYLE_GREEN;
	default:
		return STYLE_YELLOW;
	}
}

/* "deadlock (proven): " */
static void add_verdict(struct strbuf *b, uint8_t kind, uint8_t confidence)
{
	strbuf_addf(b, "%s (%s): ", verdict_kind_name(kind), confidence_name(confidence));
}

static void put_sentence(struct page *p, const struct model *m)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct verdict *v = &m->verdict;

	add_verdict(&b, v->kind, v->confidence);
	page_text(p, strbuf_str(&b), verdict_style(v->kind), 0);
	/* The label stands inline: the paragraph wraps as if it began with it. */
	page_para(p, &(struct para){
			     .margin = 0,
			     .text = model_str(m, v->summary),
			     .style = STYLE_BOLD,
			     .taken = (int)b.len,
		     });
}

/* Can an actor of the chain end this wait? The index of its hop, or `count`. */
static uint32_t term_leads_to(const struct model *m, const struct term *term, const uint32_t *chain,
			      uint32_t count)
{
	uint32_t holders = 0;
	const uint32_t *list = NULL;

	if (term->kind == TERM_OBJECT)
		list = model_holders(m, term->id, &holders);
	for (uint32_t i = 0; i < count; i++) {
		const struct wait *w = model_wait(m, chain[i]);

		if (term->kind == TERM_THREAD && term->id == w->thread)
			return i;
		if ((term->kind == TERM_ACTOR || term->kind == TERM_EXIT) && term->id == w->actor)
			return i;
		for (uint32_t k = 0; k < holders; k++) {
			const struct holder *h = &m->holders.at[list[k]];

			if (h->actor == w->actor && (h->mode & term->mode) == term->mode)
				return i;
		}
	}
	return count;
}

/* Where the last hop of a deadlock leads back to. */
static void put_closing(struct page *p, const struct model *m, int lead)
{
	const struct verdict *v = &m->verdict;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct wait *last = model_wait(m, v->chain.at[v->chain.count - 1]);
	uint32_t best = v->chain.count;

	/* what a task waits for may come from any callback of its loop: that is no circle */
	if (v->kind != VERDICT_DEADLOCK || last->task)
		return;
	for (uint32_t i = 0; i < last->term_count; i++) {
		uint32_t hop = term_leads_to(m, &m->terms.at[last->first_term + i], v->chain.at,
					     v->chain.count);

		best = hop < best ? hop : best;
	}
	if (best == v->chain.count)
		return;
	strbuf_adds(&b, "and that leads back to ");
	who_add(&b, m, model_wait(m, v->chain.at[best])->actor,
		model_wait(m, v->chain.at[best])->thread);
	page_para(p, &(struct para){
			     .margin = MARGIN,
			     .lead = "",
			     .lead_width = lead,
			     .text = strbuf_str(&b),
			     .style = STYLE_DIM,
		     });
}

/* Who waits, safe to show, so that its width can be told; returns that. */
static int who_clean(struct strbuf *b, const struct page *p, const struct model *m,
		     const struct wait *w)
{
	_cleanup_strbuf_ struct strbuf who = STRBUF_INIT;

	if (w->task) {
		strbuf_adds(&who, "task \"");
		task_name_add(&who, m, w->task);
		strbuf_addc(&who, '"');
	} else {
		who_add(&who, m, w->actor, w->thread);
	}
	clean_add(b, strbuf_str(&who), p->opts->utf8);
	return clean_width(strbuf_str(b), b->len);
}

/* Is it an item of the wait before it, or of a set within that one? */
static bool is_item_of(const struct model *m, const struct wait *w, uint32_t set)
{
	while (w->parent && w->parent != set)
		w = model_wait(m, w->parent);
	return w->parent;
}

/* How wide the columns of the chain are. */
struct columns {
	int who, since; /* since 0: not known of any hop */
};

static int lead_width(const struct columns *c)
{
	return c->who + c->since + 2;
}

static struct columns chain_columns(const struct page *p, const struct model *m)
{
	struct columns c = { .who = 0 };

	for (uint32_t i = 0; i < m->verdict.chain.count; i++) {
		const struct wait *w = model_wait(m, m->verdict.chain.at[i]);
		_cleanup_strbuf_ struct strbuf who = STRBUF_INIT;
		int width = who_clean(&who, p, m, w);

		c.who = width > c.who ? width : c.who;
		if (w->since_ms != UINT64_MAX)
			c.since = SINCE_WIDTH;
	}
	if (c.who > WHO_WIDTH)
		c.who = WHO_WIDTH;
	return c;
}

/* Where lines below a hop go. */
struct margin {
	struct page *page;
	int lead;
};

static void put_dim(void *arg, const char *text)
{
	struct margin *b = arg;

	page_para(b->page, &(struct para){
				   .margin = MARGIN,
				   .lead = "",
				   .lead_width = b->lead,
				   .text = text,
				   .style = STYLE_DIM,
				   .max_lines = b->page->opts->verbose ? 0 : 2,
			   });
}

/*
 * Where in the program it waits: the innermost functions, each called by the next one. Of a program
 * that an interpreter runs these are its own, and the line of source they are at.
 */
static void put_stack(struct margin *to, const struct model *m, uint32_t thread)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_merged_ struct merged x = { .scripts = false };
	uint32_t count, shown;

	merged_read(&x, m, thread, to->page->opts->verbose);
	count = x.calls.count;
	shown = to->page->opts->verbose || count < FRAMES_SHOWN ? count : FRAMES_SHOWN;
	if (!count)
		return;
	strbuf_adds(&b, "in ");
	for (uint32_t i = 0; i < shown; i++) {
		if (i)
			strbuf_adds(&b, " < ");
		if (x.calls.at[i].script)
			script_add(&b, m, x.calls.at[i].script);
		else
			code_add(&b, m, model_code(m, x.calls.at[i].native->code));
	}
	if (shown < count)
		strbuf_addf(&b, " < %u more", count - shown);
	put_dim(to, strbuf_str(&b));
	below_calls(
		m, &(struct below){ .thread = thread, .frames = shown, .put = put_dim, .arg = to });
}

/* The calls of a task: coroutines, or what lies on its own stack. */
static void put_task_stack(struct margin *to, const struct model *m, uint32_t task)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint32_t count = model_task(m, task)->frame_count;
	uint32_t shown = to->page->opts->verbose || count < FRAMES_SHOWN ? count : FRAMES_SHOWN;

	if (!count)
		return;
	strbuf_adds(&b, "in ");
	task_calls_add(&b, m, task, shown);
	put_dim(to, strbuf_str(&b));
	below_calls(m, &(struct below){ .task = task, .frames = shown, .put = put_dim, .arg = to });
}

static void put_hop(struct page *p, const struct model *m, uint32_t index, const struct columns *c)
{
	const uint32_t *chain = m->verdict.chain.at;
	const struct wait *w = model_wait(m, chain[index]);
	_cleanup_strbuf_ struct strbuf lead = STRBUF_INIT, text = STRBUF_INIT, since = STRBUF_INIT;
	struct margin below = { .page = p, .lead = lead_width(c) };
	bool item = index > 0 && is_item_of(m, w, chain[index - 1]);
	int width = 0;

	if (!item) {
		width = who_clean(&lead, p, m, w);
		duration_add(&since, w->since_ms);
	}
	for (; width < c->who; width++)
		strbuf_addc(&lead, ' ');
	if (c->since)
		strbuf_addf(&lead, "%*s", c->since, strbuf_str(&since));
	wait_add(&text, m, w);
	page_para(p, &(struct para){
			     .label = index ? NULL : "chain",
			     .margin = MARGIN,
			     .lead = strbuf_str(&lead),
			     .lead_style = STYLE_BOLD,
			     .lead_width = lead_width(c),
			     .text = strbuf_str(&text),
			     .max_lines = p->opts->verbose ? 0 : 2,
		     });
	if (!item && w->task)
		put_task_stack(&below, m, w->task);
	else if (!item && w->thread)
		put_stack(&below, m, w->thread);
}

static void put_more(struct page *p, uint32_t count)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "%s and %u more (-v shows all)", p->opts->utf8 ? "\xe2\x80\xa6" : "...",
		    count);
	page_para(p,
		  &(struct para){ .margin = MARGIN, .text = strbuf_str(&b), .style = STYLE_DIM });
}

static void put_chain(struct page *p, const struct model *m)
{
	const struct verdict *v = &m->verdict;
	uint32_t count = v->chain.count;
	bool fold = !p->opts->verbose && count > CHAIN_SHOWN;
	struct columns columns = chain_columns(p, m);

	if (!count)
		return;
	for (uint32_t i = 0; i < count; i++) {
		if (fold && i == CHAIN_HEAD) {
			put_more(p, count - CHAIN_SHOWN + 1);
			i = count - (CHAIN_SHOWN - CHAIN_HEAD) + 1;
		}
		put_hop(p, m, i, &columns);
	}
	put_closing(p, m, lead_width(&columns));
}

static void put_culprit(struct page *p, const struct model *m)
{
	const struct culprit *c = &m->verdict.culprit;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (!c->text && !c->actor)
		return;
	if (!c->text)
		who_add(&b, m, c->actor, 0);
	strbuf_adds(&b, model_str(m, c->text));
	if (c->reason)
		strbuf_addf(&b, " [%s]", model_str(m, c->reason));
	page_para(p, &(struct para){
			     .label = "culprit",
			     .margin = MARGIN,
			     .text = strbuf_str(&b),
			     .style = STYLE_BOLD,
			     .max_lines = p->opts->verbose ? 0 : 4,
		     });
}

/* A list of sentences, folded unless -v. */
struct list {
	const char *label;
	uint32_t count, shown;
};

static bool list_next(struct page *p, struct list *l, const char *text)
{
	if (!p->opts->verbose && l->shown == LIST_SHOWN && l->count > LIST_SHOWN + 1) {
		put_more(p, l->count - l->shown);
		return false;
	}
	page_para(p, &(struct para){
			     .label = l->shown++ ? NULL : l->label,
			     .margin = MARGIN,
			     .text = text,
			     .max_lines = p->opts->verbose ? 0 : 2,
		     });
	return true;
}

static void put_members(struct page *p, const struct model *m)
{
	const struct verdict *v = &m->verdict;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	/* With the chain above two are no news. */
	if (v->members.count < 3)
		return;
	strbuf_addf(&b, "%u processes: ", v->members.count);
	for (uint32_t i = 0; i < v->members.count; i++) {
		strbuf_adds(&b, i ? ", " : "");
		who_add(&b, m, v->members.at[i], 0);
	}
	page_para(p, &(struct para){
			     .label = "members",
			     .margin = MARGIN,
			     .text = strbuf_str(&b),
			     .max_lines = p->opts->verbose ? 0 : 1,
		     });
}

static void put_sides(struct page *p, const struct model *m)
{
	struct list list = { .label = "also", .count = m->sides.count };

	for (uint32_t i = 0; i < m->sides.count; i++) {
		const struct side_verdict *s = &m->sides.at[i];
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		if (s->condition)
			strbuf_addf(&b, "%s: ", model_str(m, s->condition));
		add_verdict(&b, s->kind, s->confidence);
		strbuf_adds(&b, model_str(m, s->summary));
		if (!list_next(p, &list, strbuf_str(&b)))
			return;
	}
}

static void put_findings(struct page *p, const struct model *m)
{
	struct list list = { .label = "findings", .count = m->findings.count };

	for (uint32_t i = 0; i < m->findings.count; i++) {
		const struct finding *f = &m->findings.at[i];
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		strbuf_addf(&b, "%s: %s", model_str(m, f->kind), model_str(m, f->text));
		if (f->effect)
			strbuf_addf(&b, " (%s)", model_str(m, f->effect));
		if (!list_next(p, &list, strbuf_str(&b)))
			return;
	}
}

/* Evidence that would change the answer comes first, then what could not be known at all. */
static void put_unknown(struct page *p, const struct model *m)
{
	const struct verdict *v = &m->verdict;
	_cleanup_free_ uint32_t *texts = xcalloc(v->missing.count + m->missing.count + 1u, 4);
	struct list list = { .label = "unknown" };

	for (uint32_t i = 0; i < v->missing.count; i++)
		texts[list.count++] = v->missing.at[i];
	for (uint32_t i = 0; i < m->missing.count; i++) {
		bool told = false;

		for (uint32_t k = 0; k < v->missing.count; k++)
			told |= v->missing.at[k] == m->missing.at[i];
		if (!told)
			texts[list.count++] = m->missing.at[i];
	}
	for (uint32_t i = 0; i < list.count; i++)
		if (!list_next(p, &list, model_str(m, texts[i])))
			return;
}

static void put_caveats(struct page *p, const struct model *m)
{
	const struct verdict *v = &m->verdict;
	struct list list = { .label = "caveats", .count = v->caveats.count };

	for (uint32_t i = 0; i < v->caveats.count; i++)
		if (!list_next(p, &list, model_str(m, v->caveats.at[i])))
			return;
}

/* Where the tasks of the chain and the one to blame are among those of their runtime. */
static void put_tasks(struct page *p, const struct model *m)
{
	const struct verdict *v = &m->verdict;
	_cleanup_free_ bool *only = xcalloc(m->tasks.count + 1u, sizeof(*only));
	uint32_t actor = 0;

	for (uint32_t i = 0; i < v->chain.count; i++)
		only[model_wait(m, v->chain.at[i])->task] = true;
	only[v->culprit.task] = true;
	for (uint32_t i = 1; i <= m->tasks.count; i++) {
		/* a tree of one says no more than the chain */
		if (!only[i] || model_task(m, i)->actor == actor)
			continue;
		actor = model_task(m, i)->actor;
		if (model_actor(m, actor)->task_count < 2)
			continue;
		page_gap(p);
		task_tree_put(p, m, actor, p->opts->verbose ? NULL : only);
	}
}

static void render_why(const struct model *m, const struct view_opts *opts, struct strbuf *out)
{
	struct page p = { .out = out, .opts = opts };

	put_sentence(&p, m);
	page_source(&p, m);
	page_gap(&p);
	put_chain(&p, m);
	put_members(&p, m);
	put_culprit(&p, m);
	put_sides(&p, m);
	put_findings(&p, m);
	put_caveats(&p, m);
	put_unknown(&p, m);
	put_tasks(&p, m);
}

static void render_brief(const struct model *m, const struct view_opts *opts, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct page p = { .out = out, .opts = opts };

	add_verdict(&b, m->verdict.kind, m->verdict.confidence);
	page_text(&p, strbuf_str(&b), verdict_style(m->verdict.kind), 0);
	page_text(&p, model_str(m, m->verdict.summary), STYLE_PLAIN, 0);
	page_gap(&p);
}

const struct view view_why = { .name = "why", .render = render_why };
const struct view view_brief = { .name = "brief", .render = render_brief };
