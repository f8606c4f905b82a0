/* SPDX-License-Identifier: BSD-2-Clause */
#include "session_stacks.h"

#include "base/log.h"
#include "model/frames.h"
#include "model/tasks.h"
#include "read/proc/procfs_stacks.h"
#include "unwind/unwind.h"

#include <errno.h>
#include <string.h>

enum {
	TRIES = 3,		   /* for a thread that runs at the moment of the capture */
	KEPT_FRAMES_MAX = 1 << 18, /* kept for the next call, all stacks together */
	LINES_MAX = 16,
};

/* A stack of the last call. */
struct kept {
	int32_t tid;
	uint64_t start, stamp;
	uint32_t first, count; /* into frames */
	uint8_t end;
	uint32_t reason; /* string of `reasons`, 0 none */
	bool beyond;
};

struct kept_stacks {
	VEC(struct kept) stacks;
	VEC(struct unwind_frame) frames;
	struct map by_tid; /* tid -> 1 + stack */
};

struct stacks {
	struct stack_opts opts;
	struct unwinder *unwinder;
	struct strtab *reasons;
	struct kept_stacks last;
	struct unwind_frame frames[UNWIND_MAX_FRAMES];
};

/* A thread whose stack is wanted. */
struct wanted {
	uint32_t thread; /* model id */
	struct stack_ask ask;
	uint64_t stamp, first_stamp; /* of the capture; of the look */
	bool beyond;		     /* more of the stack was read than the capture holds */
};

/* Which place in the code a code id of the model is. */
struct place {
	uint64_t addr;
	uint32_t file;
	bool exact;
};

/* One call of stacks_take(). */
struct taking {
	struct stacks *x;
	struct reader *r;
	struct snapshot *s;
	struct model *m;
	VEC(struct wanted) wanted;
	VEC(struct place) places; /* by code id - 1 */
	struct map codes;	  /* hash of a place -> code id */
	struct kept_stacks next;
	struct snap_stack out[STACK_BATCH];
	bool reused[STACK_BATCH];
};

static void kept_release(struct kept_stacks *k)
{
	vec_release(&k->stacks);
	vec_release(&k->frames);
	map_release(&k->by_tid);
}

static void taking_free(struct taking *t)
{
	vec_release(&t->wanted);
	vec_release(&t->places);
	map_release(&t->codes);
	kept_release(&t->next);
	free(t);
}
DEFINE_GUARD(taking)
#define _cleanup_taking_ _cleanup_(taking_free_guard)

struct stacks *stacks_new(const struct stack_opts *opts, struct files *files)
{
	struct stacks *x = xcalloc(1, sizeof(*x));

	x->opts = *opts;
	x->reasons = strtab_new();
	x->unwinder = unwinder_new(&(struct unwind_opts){
		.libunwind = opts->libunwind,
		.no_debuginfo = opts->no_debuginfo,
		.files = files,
	});
	return x;
}

void stacks_free(struct stacks *x)
{
	if (!x)
		return;
	unwinder_free(x->unwinder);
	strtab_free(x->reasons);
	kept_release(&x->last);
	free(x);
}

/* ---- which threads --------------------------------------------------------------------------- */

static void want(struct taking *t, uint32_t thread, bool suspicious)
{
	const struct thread *th = model_thread(t->m, thread);
	const struct snap_task *task = snapshot_task(t->s, th->tid);
	const struct snap_process *p = task ? snapshot_process(t->s, task->tgid) : NULL;
	struct wanted *w;

	if (!p || task->gone || p->kernel)
		return;
	w = vec_push(&t->wanted);
	w->thread = thread;
	w->ask = (struct stack_ask){
		.tgid = task->tgid,
		.tid = task->tid,
		.start_ticks = task->start_ticks,
		.suspicious = suspicious,
		.compat = task->compat,
	};
	w->first_stamp = task->moved ? 0 : task->stamp;
}

static void want_all(struct taking *t)
{
	for (uint32_t i = 0; i < t->m->actors.count; i++) {
		const struct actor *a = &t->m->actors.at[i];
		bool suspicious = a->in_tree && snapshot_is_suspicious(t->s, a->pid);

		for (uint32_t k = 0; a->in_tree && k < a->thread_count; k++)
			want(t, a->first_thread + k, suspicious);
	}
}

static void want_once(struct taking *t, bool *done, uint32_t thread)
{
	const struct actor *a;

	if (!thread || done[thread])
		return;
	done[thread] = true;
	a = model_actor(t->m, model_thread(t->m, thread)->actor);
	want(t, thread, snapshot_is_suspicious(t->s, a->pid));
}

/* The focus, and each thread from there down to the culprit. */
static void want_chain(struct taking *t)
{
	const struct verdict *v = &t->m->verdict;
	_cleanup_free_ bool *done = xcalloc(t->m->threads.count + 1, sizeof(*done));

	want_once(t, done, v->focus_thread);
	for (uint32_t i = 0; i < v->chain.count; i++)
		want_once(t, done, model_wait(t->m, v->chain.at[i])->thread);
	if (v->culprit.tid > 0)
		want_once(t, done, model_find_tid(t->m, v->culprit.tid));
}

/* ---- names ----------------------------------------------------------------------------------- */

static uint32_t text_of(struct taking *t, const char *text)
{
	return text && *text ? strtab_add(t->m->strings, text) : 0;
}

static void add_lines(struct taking *t, const struct unwind_frame *f, uint32_t code)
{
	struct unwind_line lines[LINES_MAX];
	const char *missing = NULL;
	uint32_t n = unwinder_lines(t->x->unwinder, f, lines, LINES_MAX, &missing);

	for (uint32_t i = 0; i + 1 < n; i++)
		model_add_inlined(t->m, (struct inlined){ .symbol = text_of(t, lines[i].function),
							  .file = text_of(t, lines[i].file),
							  .line = lines[i].line });
	if (n) {
		model_code(t->m, code)->file = text_of(t, lines[n - 1].file);
		model_code(t->m, code)->line = lines[n - 1].line;
	}
}

static uint32_t add_code(struct taking *t, const struct unwind_frame *f)
{
	struct unwind_name name = { .function = NULL };
	uint32_t code;

	unwinder_name(t->x->unwinder, f, &name);
	code = model_add_code(t->m, (struct code){
					    .address = f->addr,
					    .offset = name.offset,
					    .symbol = text_of(t, name.function),
					    .module = text_of(t, name.module),
					    .missing = text_of(t, name.missing),
					    .function = name.function || name.from_fde,
					    .exact = f->exact,
				    });
	if (t->x->opts.lines)
		add_lines(t, f, code);
	return code;
}

/* The code id of the place that a frame is at. */
static uint32_t code_of(struct taking *t, const struct unwind_frame *f)
{
	uint64_t key = (f->addr * 0x9e3779b97f4a7c15ull) ^ ((uint64_t)f->file << 32) ^ f->exact;
	uint32_t code;

	for (; map_find(&t->codes, key, &code); key++) {
		const struct place *p = &t->places.at[code - 1];

		if (p->addr == f->addr && p->file == f->file && p->exact == f->exact)
			return code;
	}
	code = add_code(t, f);
	*vec_push(&t->places) = (struct place){ f->addr, f->file, f->exact };
	map_put(&t->codes, key, code);
	return code;
}

static void add_frames(struct taking *t, uint32_t thread, const struct unwind_frame *frames,
		       uint32_t count)
{
	unwinder_expect(t->x->unwinder, frames, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct frame f = { .pc = frames[i].pc,
					 .code = code_of(t, &frames[i]),
					 .how = frames[i].how,
					 .signal = frames[i].signal };

		if (!model_add_frame(t->m, thread, f)) {
			model_thread(t->m, thread)->stack_why =
				text_of(t, "there are more frames than are kept");
			return;
		}
	}
}

static void add_end(struct taking *t, uint32_t thread, uint8_t end, const char *reason)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, unwind_end_name(end));
	if (reason)
		strbuf_addf(&b, ": %s", reason);
	model_thread(t->m, thread)->stack_end = text_of(t, strbuf_str(&b));
}

/* ---- walking --------------------------------------------------------------------------------- */

/* Remember a stack for the next call. */
static void keep(struct taking *t, const struct kept *k, const struct unwind_frame *frames)
{
	struct kept_stacks *next = &t->next;
	struct kept *slot;

	if (!k->stamp || next->frames.count + k->count > KEPT_FRAMES_MAX)
		return;
	slot = vec_push(&next->stacks);
	*slot = *k;
	slot->first = next->frames.count;
	for (uint32_t i = 0; i < k->count; i++)
		*vec_push(&next->frames) = frames[i];
	map_put(&next->by_tid, (uint32_t)k->tid, next->stacks.count);
}

static void walk(struct taking *t, struct wanted *w, const struct snap_stack *s)
{
	struct unwind_result result = { .end = 0 };
	struct unwind_frame *frames = t->x->frames;
	struct kept k = { .tid = s->tid, .start = s->start_ticks, .stamp = s->stamp };

	k.count = unwind_thread(t->x->unwinder, s, frames, UNWIND_MAX_FRAMES, &result);
	k.end = result.end;
	k.reason = result.reason ? strtab_add(t->x->reasons, result.reason) : 0;
	k.beyond = k.count &&
		   (!s->byte_count || frames[k.count - 1].cfa > s->regs[STACK_RSP] + s->byte_count);
	w->beyond = k.beyond;
	add_frames(t, w->thread, frames, k.count);
	add_end(t, w->thread, k.end, result.reason);
	if (s->status == STACK_STABLE)
		keep(t, &k, frames);
}

static const char *why_of(const struct snap_stack *s)
{
	switch (s->status) {
	case STACK_STALE:
		return s->known ? "it runs: these are the calls when it last entered the kernel" :
				  "it runs";
	case STACK_MOVED:
		return "it ran while it was looked at: the calls may be of different moments";
	case STACK_DENIED:
		return "we may not look into it";
	case STACK_GONE:
		return "it has ended";
	case STACK_NONE:
		return "it has no code of its own";
	default:
		return NULL;
	}
}

static void take_one(struct taking *t, struct wanted *w, const struct snap_stack *s)
{
	struct thread *th = model_thread(t->m, w->thread);

	w->stamp = s->stamp;
	th->stack = s->status;
	th->stack_why = text_of(t, s->why ? s->why : why_of(s));
	if (!s->known)
		return;
	if (s->compat) {
		th->stack_why = text_of(t, "32-bit code is not unwound");
		return;
	}
	walk(t, w, s);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static bool in_chain(const struct model *m, uint32_t task)
{
	const struct verdict *v = &m->verdict;

	for (uint32_t i = 0; i < v->chain.count; i++)
		if (model_wait(m, v->chain.at[i])->task == task)
			return true;
	return v->culprit.task == task;
}

/*
 * The calls of a task that does not run, from the registers that its runtime saved. Its pc is
 * where a call returns to: one before it is the call.
 */
static void walk_task(struct taking *t, const struct task_stack *from)
{
	struct task *task = model_task(t->m, from->task);
	int32_t tgid = model_actor(t->m, task->actor)->pid;
	struct unwind_result result = { .end = 0 };
	struct unwind_frame *frames = t->x->frames;
	struct snap_stack s = { .tgid = tgid, .known = from->known };
	uint32_t count;

	s.suspicious = snapshot_is_suspicious(t->s, tgid);
	memcpy(s.regs, from->regs, sizeof(s.regs));
	s.regs[STACK_PC]--;
	count = unwind_thread(t->x->unwinder, &s, frames, UNWIND_MAX_FRAMES, &result);
	for (uint32_t i = 0; i < count; i++) {
		const struct task_frame f = { .pc = frames[i].pc + !i,
					      .code = code_of(t, &frames[i]) };

		if (!model_add_task_frame(t->m, from->task, f))
			break;
	}
	if (result.end != UNWIND_OUTERMOST)
		task->stack_why = strtab_addf(t->m->strings, "%s%s%s", unwind_end_name(result.end),
					      result.reason ? ": " : "",
					      result.reason ? result.reason : "");
}

static void walk_tasks(struct taking *t)
{
	_Static_assert(sizeof(((struct task_stack *)0)->regs) ==
			       sizeof(((struct snap_stack *)0)->regs),
		       "the same registers");
	for (uint32_t i = 0; i < t->m->task_stacks.count; i++) {
		const struct task_stack *from = &t->m->task_stacks.at[i];

		if (t->x->opts.which == STACKS_ALL ||
		    (t->x->opts.which == STACKS_CHAIN && in_chain(t->m, from->task)))
			walk_task(t, from);
	}
}

/* ---- batches --------------------------------------------------------------------------------- */

static void fill_asks(const struct taking *t, uint32_t from, uint32_t count, struct stack_ask *asks)
{
	for (uint32_t i = 0; i < count; i++)
		asks[i] = t->wanted.at[from + i].ask;
}

/* One that has not run since the last call has the stack of then. */
static bool reuse(struct taking *t, struct wanted *w, const struct snap_stack *s)
{
	uint32_t at = map_get(&t->x->last.by_tid, (uint32_t)s->tid, 0);
	const struct kept *k = at ? &t->x->last.stacks.at[at - 1] : NULL;
	const struct unwind_frame *frames;

	if (!k || k->start != s->start_ticks || k->stamp != s->stamp || s->status != STACK_STABLE)
		return false;
	frames = t->x->last.frames.at + k->first;
	w->stamp = s->stamp;
	w->beyond = k->beyond;
	model_thread(t->m, w->thread)->stack = STACK_STABLE;
	add_frames(t, w->thread, frames, k->count);
	add_end(t, w->thread, k->end, k->reason ? strtab_get(t->x->reasons, k->reason) : NULL);
	keep(t, k, frames);
	return true;
}

static int reuse_batch(struct taking *t, uint32_t from, uint32_t count, struct snag_error *err)
{
	struct stack_ask asks[STACK_BATCH];
	struct stack_batch b = { .asks = asks, .count = count, .out = t->out };
	int rc = 0;

	memset(t->reused, 0, sizeof(t->reused));
	if (!t->x->last.stacks.count)
		return 0;
	fill_asks(t, from, count, asks);
	rc = reader_stacks(t->r, t->s, &b, err);
	for (uint32_t i = 0; rc == 0 && i < count; i++)
		t->reused[i] = reuse(t, &t->wanted.at[from + i], &t->out[i]);
	return rc;
}

/* Those of a batch that are left, in one call; the ones that moved are left over. */
static int take_left(struct taking *t, uint32_t *left, uint32_t *count, bool last,
		     struct snag_error *err)
{
	struct stack_ask asks[STACK_BATCH];
	struct stack_batch b = { .asks = asks, .count = *count, .with_bytes = true, .out = t->out };
	uint32_t moved = 0;
	int rc;

	for (uint32_t i = 0; i < *count; i++)
		asks[i] = t->wanted.at[left[i]].ask;
	rc = reader_stacks(t->r, t->s, &b, err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < *count; i++) {
		if (t->out[i].status == STACK_MOVED && !last)
			left[moved++] = left[i];
		else
			take_one(t, &t->wanted.at[left[i]], &t->out[i]);
	}
	*count = moved;
	return 0;
}

static int take_batch(struct taking *t, uint32_t from, uint32_t count, struct snag_error *err)
{
	uint32_t left[STACK_BATCH], n = 0;
	int rc = reuse_batch(t, from, count, err);

	for (uint32_t i = 0; i < count; i++)
		if (!t->reused[i])
			left[n++] = from + i;
	for (int try = 1; rc == 0 && n && try <= TRIES; try++)
		rc = take_left(t, left, &n, try == TRIES, err);
	return rc;
}

/* ---- the second look ------------------------------------------------------------------------- */

static void confirm_one(struct taking *t, const struct wanted *w, const struct snap_stack *s)
{
	struct thread *th = model_thread(t->m, w->thread);
	bool same = s->stamp && s->stamp == w->stamp;

	if (th->stack != STACK_STABLE && th->stack != STACK_UNREADY)
		return;
	th->stack_current = same && s->stamp == w->first_stamp && !th->moved;
	if (same || !w->beyond)
		return;
	th->stack = STACK_MOVED;
	th->stack_why = text_of(t, "it ran while its stack was read");
}

static int confirm(struct taking *t, struct snag_error *err)
{
	struct stack_ask asks[STACK_BATCH];
	int rc = 0;

	for (uint32_t from = 0; rc == 0 && from < t->wanted.count; from += STACK_BATCH) {
		uint32_t left = t->wanted.count - from;
		struct stack_batch b = { .asks = asks, .out = t->out };

		b.count = left < STACK_BATCH ? left : STACK_BATCH;
		fill_asks(t, from, b.count, asks);
		rc = reader_stacks(t->r, t->s, &b, err);
		for (uint32_t i = 0; rc == 0 && i < b.count; i++)
			confirm_one(t, &t->wanted.at[from + i], &t->out[i]);
	}
	return rc;
}

/* ---- kernel stacks --------------------------------------------------------------------------- */

static void take_kernel(struct taking *t, const struct wanted *w)
{
	struct thread *th = model_thread(t->m, w->thread);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *line, *end;
	int rc;

	if (!t->x->opts.kernel && th->state != 'D')
		return;
	rc = procfs_kernel_stack(w->ask.tgid, w->ask.tid, &text);
	if (rc == -EPERM)
		model_add_missing(t->m, "kernel stacks may be read by root only");
	else if (rc == -ETIMEDOUT)
		model_add_missing(t->m, "the kernel did not tell a thread's kernel stack in time");
	if (rc < 0)
		return;
	for (line = text.s; line && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (!model_add_kernel_frame(t->m, w->thread, line))
			return;
	}
}

/* ---- all together ---------------------------------------------------------------------------- */

static void forget(struct stacks *x, struct taking *t)
{
	kept_release(&x->last);
	x->last = t->next;
	memset(&t->next, 0, sizeof(t->next));
}

int stacks_take(struct stacks *x, struct reader *r, struct snapshot *s, struct model *m,
		struct snag_error *err)
{
	_cleanup_taking_ struct taking *t = xcalloc(1, sizeof(*t));
	uint64_t clock = 0;
	int rc = 0;

	t->x = x;
	t->r = r;
	t->s = s;
	t->m = m;
	log_step(&clock, "stacks");
	if (x->opts.which == STACKS_ALL)
		want_all(t);
	else if (x->opts.which == STACKS_CHAIN)
		want_chain(t);
	unwinder_begin(x->unwinder);
	for (uint32_t from = 0; rc == 0 && from < t->wanted.count; from += STACK_BATCH) {
		uint32_t left = t->wanted.count - from;

		rc = take_batch(t, from, left < STACK_BATCH ? left : STACK_BATCH, err);
	}
	log_step(&clock, "stacks taken and walked");
	walk_tasks(t);
	log_step(&clock, "tasks walked");
	if (rc == 0)
		rc = confirm(t, err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < t->wanted.count; i++)
		take_kernel(t, &t->wanted.at[i]);
	for (uint32_t i = 0; i < s->missing.count; i++)
		model_add_missing(m, snapshot_str(s, s->missing.at[i]));
	forget(x, t);
	log_step(&clock, "stacks confirmed");
	return 0;
}
