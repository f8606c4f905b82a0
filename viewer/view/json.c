/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON document, schema 1: docs/man/snag-why.1 names its fields, schema.c types them. One
 * element of each list stands on a line of its own.
 */
#include "json_parts.h"

#include "model/debts.h"
#include "model/tasks.h"
#include "read/snapshot_files.h"
#include "snag.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* A wait on an object that everybody holds names so many of them; objects[].holders has them all.
 */
enum { ON_LIMIT = 32 };

static void put_since(struct document *d, uint64_t since_ms)
{
	if (since_ms == UINT64_MAX)
		jsonw_null(&d->w, "since_ms");
	else
		jsonw_uint(&d->w, "since_ms", since_ms);
}

static void put_state(struct document *d, char state)
{
	char text[2] = { state > ' ' && state < 0x7f ? state : '?', 0 };

	jsonw_string(&d->w, "state", text);
}

static void put_positive(struct document *d, const char *key, int64_t value)
{
	if (value > 0)
		jsonw_int(&d->w, key, value);
	else
		jsonw_null(&d->w, key);
}

static void put_ids(struct document *d, const char *key, char letter, const uint32_t *ids,
		    uint32_t count)
{
	jsonw_open(&d->w, key, '[');
	for (uint32_t i = 0; i < count; i++)
		jsonw_id(&d->w, NULL, letter, ids[i]);
	jsonw_close(&d->w, ']');
}

static void put_empty(struct document *d, const char *key)
{
	jsonw_open(&d->w, key, '[');
	jsonw_close(&d->w, ']');
}

static void put_focus(struct document *d, uint32_t thread)
{
	if (!thread) {
		jsonw_null(&d->w, "focus");
		return;
	}
	const struct thread *t = model_thread(d->m, thread);
	jsonw_open(&d->w, "focus", '{');
	jsonw_int(&d->w, "pid", model_actor(d->m, t->actor)->pid);
	jsonw_int(&d->w, "tid", t->tid);
	jsonw_close(&d->w, '}');
}

static void put_culprit(struct document *d, const struct culprit *c)
{
	if (!c->actor && !c->object && !c->reason && !c->text) {
		jsonw_null(&d->w, "culprit");
		return;
	}
	jsonw_open(&d->w, "culprit", '{');
	jsonw_id(&d->w, "actor", 'a', c->actor);
	put_positive(d, "pid", c->actor ? model_actor(d->m, c->actor)->pid : 0);
	put_positive(d, "tid", c->tid);
	jsonw_id(&d->w, "task", 't', c->task);
	jsonw_id(&d->w, "object", 'o', c->object);
	json_put_string(d, "reason", c->reason);
	json_put_string(d, "text", c->text);
	jsonw_close(&d->w, '}');
}

static void put_verdict(struct document *d)
{
	const struct verdict *v = &d->m->verdict;

	jsonw_open(&d->w, "verdict", '{');
	jsonw_string(&d->w, "kind", verdict_kind_name(v->kind));
	jsonw_string(&d->w, "confidence", confidence_name(v->confidence));
	jsonw_string(&d->w, "summary", model_str(d->m, v->summary));
	put_since(d, v->since_ms);
	put_focus(d, v->focus_thread);
	put_ids(d, "chain", 'w', v->chain.at, v->chain.count);
	put_ids(d, "members", 'a', v->members.at, v->members.count);
	json_put_strings(d, "missing", v->missing.at, v->missing.count);
	json_put_strings(d, "caveats", v->caveats.at, v->caveats.count);
	put_culprit(d, &v->culprit);
	jsonw_close(&d->w, '}');
}

static void put_sides(struct document *d)
{
	jsonw_open(&d->w, "sides", '[');
	for (uint32_t i = 0; i < d->m->sides.count; i++) {
		const struct side_verdict *s = &d->m->sides.at[i];

		jsonw_newline(&d->w);
		jsonw_open(&d->w, NULL, '{');
		jsonw_string(&d->w, "kind", verdict_kind_name(s->kind));
		jsonw_string(&d->w, "confidence", confidence_name(s->confidence));
		put_focus(d, s->thread);
		json_put_string(d, "condition", s->condition);
		jsonw_string(&d->w, "summary", model_str(d->m, s->summary));
		put_ids(d, "members", 'a', s->members.at, s->members.count);
		jsonw_close(&d->w, '}');
	}
	jsonw_close(&d->w, ']');
}

/* The arguments are kept joined by \x1f. */
static void put_argv(struct document *d, uint32_t argv)
{
	const char *text = model_str(d->m, argv);

	jsonw_open(&d->w, "argv", '[');
	while (argv && text) {
		const char *end = strchrnul(text, '\x1f');

		jsonw_stringn(&d->w, NULL, text, (size_t)(end - text));
		text = *end ? end + 1 : NULL;
	}
	jsonw_close(&d->w, ']');
}

static void put_spawn(struct document *d, const struct actor *a)
{
	jsonw_open(&d->w, "spawn", '{');
	jsonw_string(&d->w, "method", spawn_method_name((enum spawn_method)a->spawn_method));
	json_put_string(d, "backend", a->spawn_backend);
	put_positive(d, "by_pid", a->spawn_by_pid);
	put_positive(d, "by_tid", a->spawn_by_tid);
	jsonw_id(&d->w, "requested_by", 'a', a->spawn_requested_by);
	jsonw_id(&d->w, "requested_by_task", 't', a->spawn_requested_task);
	json_put_string(d, "evidence", a->spawn_evidence);
	jsonw_close(&d->w, '}');
}

/* Work that the thread waits for, and who has it. */
static void put_debts(struct document *d, uint32_t thread)
{
	static const char *const kinds[WORK_DEBTS] = { "test", "job", "call", "lock" };
	uint32_t count;
	const struct debt *debts = model_debts(d->m, thread, &count);

	jsonw_open(&d->w, "debts", '[');
	for (uint32_t i = 0; i < count && i < ON_LIMIT; i++) {
		const struct debt *debt = &debts[i];
		const struct thread *by = debt->by ? model_thread(d->m, debt->by) : NULL;

		jsonw_open(&d->w, NULL, '{');
		jsonw_string(&d->w, "kind", kinds[debt->kind]);
		json_put_string(d, "what", debt->what);
		jsonw_id(&d->w, "actor", 'a', by ? by->actor : 0);
		put_positive(d, "tid", by ? by->tid : 0);
		json_put_string(d, "lost", debt->lost);
		jsonw_close(&d->w, '}');
	}
	jsonw_close(&d->w, ']');
}

static void put_thread(struct document *d, uint32_t id)
{
	const struct thread *t = model_thread(d->m, id);

	jsonw_open(&d->w, NULL, '{');
	jsonw_int(&d->w, "tid", t->tid);
	jsonw_string(&d->w, "name", model_str(d->m, t->name));
	put_state(d, t->state);
	json_put_string(d, "syscall", t->syscall);
	jsonw_bool(&d->w, "moved", t->moved);
	jsonw_bool(&d->w, "gone", t->gone);
	jsonw_bool(&d->w, "polls", t->polls);
	jsonw_bool(&d->w, "busy", t->busy);
	json_put_string(d, "wchan", t->wchan);
	put_since(d, t->since_ms);
	put_ids(d, "waits", 'w', &t->wait, t->wait != 0);
	put_debts(d, id);
	json_put_stack(d, id);
	jsonw_close(&d->w, '}');
}

/* A fact that a runtime may not tell: null then. */
static void put_told(struct document *d, const char *key, int8_t told)
{
	if (told == NOT_TOLD)
		jsonw_null(&d->w, key);
	else
		jsonw_bool(&d->w, key, told == TOLD_YES);
}

static void put_cancel(struct document *d, const struct task *t)
{
	jsonw_open(&d->w, "cancel", '{');
	put_told(d, "requested", t->requested);
	put_told(d, "shielded", t->shielded);
	put_told(d, "delivered", t->delivered);
	jsonw_uint(&d->w, "signals", t->signals);
	json_put_string(d, "by", t->cancel_by);
	json_put_string(d, "reason", t->cancel_reason);
	jsonw_close(&d->w, '}');
}

static void put_task(struct document *d, uint32_t id)
{
	const struct task *t = model_task(d->m, id);

	jsonw_newline(&d->w);
	jsonw_open(&d->w, NULL, '{');
	jsonw_id(&d->w, "id", 't', id);
	jsonw_string(&d->w, "runtime", model_str(d->m, t->runtime));
	jsonw_string(&d->w, "name", model_str(d->m, t->name));
	jsonw_uint(&d->w, "number", t->number);
	put_positive(d, "tid", t->thread ? model_thread(d->m, t->thread)->tid : 0);
	jsonw_id(&d->w, "parent", 't', t->parent);
	jsonw_id(&d->w, "nursery", 'n', t->nursery);
	jsonw_id(&d->w, "scope", 's', t->scope);
	jsonw_string(&d->w, "state", task_state_name(t->state));
	jsonw_bool(&d->w, "main", t->main);
	jsonw_bool(&d->w, "hint", t->hint);
	put_cancel(d, t);
	put_ids(d, "waits", 'w', &t->wait, t->wait != 0);
	json_put_task_stack(d, id);
	jsonw_close(&d->w, '}');
}

static void put_nursery(struct document *d, uint32_t id)
{
	const struct nursery *n = model_nursery(d->m, id);

	jsonw_open(&d->w, NULL, '{');
	jsonw_id(&d->w, "id", 'n', id);
	json_put_string(d, "name", n->name);
	jsonw_id(&d->w, "task", 't', n->task);
	jsonw_id(&d->w, "scope", 's', n->scope);
	if (n->children < 0)
		jsonw_null(&d->w, "children");
	else
		jsonw_int(&d->w, "children", n->children);
	jsonw_bool(&d->w, "waiting", n->waiting);
	jsonw_close(&d->w, '}');
}

static void put_scope(struct document *d, uint32_t id)
{
	const struct scope *s = model_scope(d->m, id);

	jsonw_open(&d->w, NULL, '{');
	jsonw_id(&d->w, "id", 's', id);
	json_put_string(d, "name", s->name);
	jsonw_id(&d->w, "parent", 's', s->parent);
	jsonw_id(&d->w, "task", 't', s->task);
	jsonw_bool(&d->w, "shield", s->shield);
	jsonw_bool(&d->w, "cancelled", s->cancelled);
	if (s->deadline_ms < 0)
		jsonw_null(&d->w, "deadline_ms");
	else
		jsonw_int(&d->w, "deadline_ms", s->deadline_ms);
	json_put_string(d, "by", s->by);
	json_put_string(d, "reason", s->reason);
	jsonw_close(&d->w, '}');
}

static void put_tasks(struct document *d, uint32_t actor)
{
	const struct actor *a = model_actor(d->m, actor);

	jsonw_open(&d->w, "tasks", '[');
	for (uint32_t i = 0; i < a->task_count; i++)
		put_task(d, a->first_task + i);
	jsonw_close(&d->w, ']');
	jsonw_open(&d->w, "nurseries", '[');
	for (uint32_t i = d->nursery; i < d->m->nurseries.count; i++) {
		if (d->m->nurseries.at[i].actor != actor)
			break;
		put_nursery(d, i + 1);
		d->nursery = i + 1;
	}
	jsonw_close(&d->w, ']');
	jsonw_open(&d->w, "scopes", '[');
	for (uint32_t i = d->scope; i < d->m->scopes.count; i++) {
		if (d->m->scopes.at[i].actor != actor)
			break;
		put_scope(d, i + 1);
		d->scope = i + 1;
	}
	jsonw_close(&d->w, ']');
}

/* What the contract does not ask for: where the process lives. */
static void put_home(struct document *d, const struct actor *a)
{
	jsonw_int(&d->w, "ppid", a->ppid);
	jsonw_int(&d->w, "pgrp", a->pgrp);
	jsonw_int(&d->w, "session", a->session);
	jsonw_uint(&d->w, "uid", a->uid);
	put_positive(d, "tracer", a->tracer);
	jsonw_uint(&d->w, "pid_ns", a->pid_ns);
	jsonw_uint(&d->w, "net_ns", a->net_ns);
	jsonw_uint(&d->w, "mnt_ns", a->mnt_ns);
	json_put_string(d, "cgroup", a->cgroup);
	jsonw_bool(&d->w, "in_tree", a->in_tree);
	json_put_string(d, "joined", a->joined);
	jsonw_bool(&d->w, "exited", a->exited);
	jsonw_bool(&d->w, "denied", a->denied);
	jsonw_bool(&d->w, "frozen", a->frozen);
	jsonw_uint(&d->w, "fd_total", a->fd_total);
}

static void put_actor(struct document *d, uint32_t id)
{
	const struct actor *a = model_actor(d->m, id);

	jsonw_newline(&d->w);
	jsonw_open(&d->w, NULL, '{');
	jsonw_id(&d->w, "id", 'a', id);
	jsonw_string(&d->w, "kind", a->kind ? "interpreter" : "process");
	jsonw_int(&d->w, "pid", a->pid);
	jsonw_uint(&d->w, "start", a->start);
	jsonw_id(&d->w, "parent", 'a', a->parent);
	jsonw_string(&d->w, "name", model_str(d->m, a->name));
	json_put_string(d, "exe", a->exe);
	put_argv(d, a->argv);
	put_state(d, a->state);
	put_home(d, a);
	put_spawn(d, a);
	json_put_string(d, "runtime", a->runtime);
	jsonw_bool(&d->w, "collecting", a->collecting);
	put_positive(d, "host_tid", a->host_thread ? model_thread(d->m, a->host_thread)->tid : 0);
	jsonw_open(&d->w, "threads", '[');
	for (uint32_t i = 0; i < a->thread_count; i++)
		put_thread(d, a->first_thread + i);
	jsonw_close(&d->w, ']');
	put_tasks(d, id);
	jsonw_close(&d->w, '}');
}

static void put_mode(struct document *d, const char *key, uint8_t mode)
{
	static const char *const words[] = { "", "r", "w", "rw" };

	jsonw_string(&d->w, key, words[mode & (MODE_READ | MODE_WRITE)]);
}

static void put_holder(struct document *d, const struct holder *h)
{
	jsonw_open(&d->w, NULL, '{');
	jsonw_id(&d->w, "actor", 'a', h->actor);
	if (h->fd >= 0)
		jsonw_int(&d->w, "fd", h->fd);
	else
		jsonw_null(&d->w, "fd");
	put_mode(d, "mode", h->mode);
	jsonw_bool(&d->w, "inherited", h->inherited);
	if (h->used < 0)
		jsonw_null(&d->w, "used");
	else
		jsonw_bool(&d->w, "used", h->used != 0);
	if (h->description)
		jsonw_uint(&d->w, "description", h->description);
	else
		jsonw_null(&d->w, "description");
	jsonw_close(&d->w, '}');
}

static void put_object(struct document *d, uint32_t id)
{
	static const char *const seen[] = { "unknown", "visible", "complete", "hidden" };
	const struct object *o = model_object(d->m, id);
	uint32_t count;
	const uint32_t *holders = model_holders(d->m, id, &count);

	jsonw_newline(&d->w);
	jsonw_open(&d->w, NULL, '{');
	jsonw_id(&d->w, "id", 'o', id);
	jsonw_string(&d->w, "kind", model_str(d->m, o->kind));
	jsonw_string(&d->w, "key", model_str(d->m, o->key));
	json_put_string(d, "label", o->label);
	/* our own, or checked when the capture was loaded */
	jsonw_raw(&d->w, "detail", o->detail ? model_str(d->m, o->detail) : "{}");
	jsonw_string(&d->w, "holders_seen", seen[o->holders_seen & 3]);
	jsonw_id(&d->w, "peer", 'o', o->peer && d->shown[o->peer] ? o->peer : 0);
	jsonw_open(&d->w, "holders", '[');
	for (uint32_t i = 0; i < count; i++)
		put_holder(d, &d->m->holders.at[holders[i]]);
	jsonw_close(&d->w, ']');
	jsonw_close(&d->w, '}');
}

/* One of those who can end a wait; `tid` 0: the whole actor. */
struct party {
	uint32_t actor;
	int32_t tid;
	uint8_t as;
	uint32_t task;
};

static void put_party(struct document *d, struct party party)
{
	static const char *const words[] = { "holder", "owner",	 "child",
					     "peer",   "setter", "canceller" };

	if (d->on_count++ >= ON_LIMIT)
		return;
	jsonw_open(&d->w, NULL, '{');
	jsonw_id(&d->w, "actor", 'a', party.actor);
	put_positive(d, "tid", party.tid);
	jsonw_id(&d->w, "task", 't', party.task);
	jsonw_string(&d->w, "as", party.as < AS_COUNT ? words[party.as] : "holder");
	jsonw_close(&d->w, '}');
}

/* Every actor once, though it may hold the object by many descriptors. */
static void put_parties_of(struct document *d, uint32_t wait, const struct term *term)
{
	uint32_t count;
	const uint32_t *holders = model_holders(d->m, term->id, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct holder *h = &d->m->holders.at[holders[i]];

		if ((h->mode & term->mode) != term->mode || d->on_stamp[h->actor] == wait)
			continue;
		d->on_stamp[h->actor] = wait;
		put_party(d, (struct party){ .actor = h->actor, .as = term->as });
	}
}

static void put_term(struct document *d, uint32_t wait, const struct term *term)
{
	switch (term->kind) {
	case TERM_THREAD: {
		const struct thread *t = model_thread(d->m, term->id);

		put_party(d, (struct party){ t->actor, t->tid, term->as, 0 });
		break;
	}
	case TERM_ACTOR:
		put_party(d, (struct party){ .actor = term->id, .as = term->as });
		break;
	case TERM_EXIT:
		put_party(d, (struct party){ .actor = term->id, .as = AS_CHILD });
		break;
	case TERM_OBJECT:
		put_parties_of(d, wait, term);
		break;
	case TERM_TASK: {
		const struct task *t = model_task(d->m, term->id);

		put_party(d,
			  (struct party){ .actor = t->actor,
					  .tid = t->thread ? model_thread(d->m, t->thread)->tid : 0,
					  .as = term->as,
					  .task = term->id });
		break;
	}
	default:
		break; /* nobody of the model: text, timeout_ms and external tell them */
	}
}

static void put_on(struct document *d, uint32_t id, const struct wait *wait)
{
	const struct term *terms = d->m->terms.at + wait->first_term;

	jsonw_open(&d->w, "items", '[');
	for (uint32_t i = 0; i < wait->term_count; i++)
		if (terms[i].kind == TERM_WAIT)
			jsonw_id(&d->w, NULL, 'w', terms[i].id);
	jsonw_close(&d->w, ']');
	d->on_count = 0;
	jsonw_open(&d->w, "on", '[');
	for (uint32_t i = 0; i < wait->term_count; i++)
		put_term(d, id, &terms[i]);
	jsonw_close(&d->w, ']');
	jsonw_uint(&d->w, "on_total", d->on_count);
	jsonw_uint(&d->w, "need", wait->need);
	jsonw_uint(&d->w, "terms", wait->term_count);
}

static void put_wait(struct document *d, uint32_t id)
{
	const struct wait *wait = model_wait(d->m, id);

	jsonw_newline(&d->w);
	jsonw_open(&d->w, NULL, '{');
	jsonw_id(&d->w, "id", 'w', id);
	jsonw_id(&d->w, "actor", 'a', wait->actor);
	put_positive(d, "tid", wait->thread ? model_thread(d->m, wait->thread)->tid : 0);
	jsonw_id(&d->w, "task", 't', wait->task);
	jsonw_id(&d->w, "parent", 'w', wait->parent);
	jsonw_string(&d->w, "op", model_str(d->m, wait->op));
	jsonw_string(&d->w, "kind", wait_type_name(wait->kind));
	jsonw_id(&d->w, "object", 'o', wait->object);
	if (wait->fd >= 0)
		jsonw_int(&d->w, "fd", wait->fd);
	else
		jsonw_null(&d->w, "fd");
	json_put_string(d, "text", wait->text);
	put_on(d, id, wait);
	if (wait->level < LEVEL_NONE)
		jsonw_uint(&d->w, "level", wait->level);
	else
		jsonw_null(&d->w, "level");
	if (wait->timeout_ms >= 0)
		jsonw_int(&d->w, "timeout_ms", wait->timeout_ms);
	else
		jsonw_null(&d->w, "timeout_ms");
	put_since(d, wait->since_ms);
	json_put_string(d, "external", wait->external);
	json_put_string(d, "doubt", wait->doubt);
	jsonw_close(&d->w, '}');
}

static void put_finding(struct document *d, const struct finding *f)
{
	jsonw_newline(&d->w);
	jsonw_open(&d->w, NULL, '{');
	jsonw_string(&d->w, "kind", model_str(d->m, f->kind));
	jsonw_id(&d->w, "actor", 'a', f->actor);
	jsonw_id(&d->w, "object", 'o', f->object);
	if (f->fd >= 0)
		jsonw_int(&d->w, "fd", f->fd);
	else
		jsonw_null(&d->w, "fd");
	put_positive(d, "signal", f->signal);
	json_put_string(d, "effect", f->effect);
	jsonw_string(&d->w, "text", model_str(d->m, f->text));
	jsonw_close(&d->w, '}');
}

/* Objects that something in the document refers to. */
static void mark_objects(struct document *d)
{
	const struct model *m = d->m;

	for (uint32_t i = 0; i < m->objects.count; i++)
		d->shown[i + 1] = m->objects.at[i].relevant;
	for (uint32_t i = 0; i < m->waits.count; i++)
		d->shown[m->waits.at[i].object] = true;
	for (uint32_t i = 0; i < m->terms.count; i++)
		if (m->terms.at[i].kind == TERM_OBJECT)
			d->shown[m->terms.at[i].id] = true;
	for (uint32_t i = 0; i < m->findings.count; i++)
		d->shown[m->findings.at[i].object] = true;
	d->shown[m->verdict.culprit.object] = true;
}

static void put_source(struct document *d)
{
	const struct model *m = d->m;

	jsonw_int(&d->w, "schema", 1);
	jsonw_string(&d->w, "snag",
		     m->snag_version ? model_str(m, m->snag_version) : snag_version());
	jsonw_string(&d->w, "host", model_str(m, m->host));
	json_put_string(d, "kernel_release", m->kernel);
	jsonw_uint(&d->w, "captured_ns", m->captured_ns);
	jsonw_real(&d->w, "took_ms", m->took_ms);
	jsonw_open(&d->w, "source", '{');
	jsonw_string(&d->w, "kind", m->from_capture ? "capture" : "live");
	jsonw_string(&d->w, "reader", model_str(m, m->reader));
	json_put_strings(d, "missing", m->missing.at, m->missing.count);
	jsonw_close(&d->w, '}');
	if (m->root) {
		jsonw_open(&d->w, "root", '{');
		jsonw_int(&d->w, "pid", model_actor(m, m->root)->pid);
		jsonw_uint(&d->w, "start", model_actor(m, m->root)->start);
		jsonw_close(&d->w, '}');
	} else {
		jsonw_null(&d->w, "root");
	}
}

/* So much is worth a write; a document of 5,000 processes has 40 MB. */
enum { PART_BYTES = 256 << 10 };

/* Behind each element of a list: pass on what is written. */
static void pass_on(struct document *d)
{
	if (d->opts->flush && d->w.out->len >= PART_BYTES)
		d->opts->flush(d->opts->flush_arg, d->w.out);
}

static void put_actors(struct document *d)
{
	jsonw_newline(&d->w);
	jsonw_open(&d->w, "actors", '[');
	for (uint32_t id = 1; id <= d->m->actors.count; id++) {
		put_actor(d, id);
		pass_on(d);
	}
	jsonw_close(&d->w, ']');
	jsonw_newline(&d->w);
}

/* Those of a list that has been opened, up to `last`. */
static void put_objects(struct document *d, uint32_t first, uint32_t last)
{
	for (uint32_t id = first; id <= last; id++) {
		if (d->shown[id])
			put_object(d, id);
		pass_on(d);
	}
}

static void put_waits_and_findings(struct document *d)
{
	const struct model *m = d->m;

	jsonw_newline(&d->w);
	jsonw_open(&d->w, "waits", '[');
	for (uint32_t id = 1; id <= m->waits.count; id++) {
		put_wait(d, id);
		pass_on(d);
	}
	jsonw_close(&d->w, ']');
	jsonw_newline(&d->w);
	jsonw_open(&d->w, "findings", '[');
	for (uint32_t i = 0; i < m->findings.count; i++)
		put_finding(d, &m->findings.at[i]);
	jsonw_close(&d->w, ']');
	jsonw_newline(&d->w);
	put_empty(d, "timeline");
}

/*
 * From so many waits on, the two halves of the lists are written side by side. The text of an
 * object or a wait has some 350 bytes, and that of an actor four times as many.
 */
enum { WAITS_MANY = 1000, ELEMENT_BYTES = 400, ACTOR_ELEMENTS = 4 };

/* What comes behind object number `split`. */
struct half {
	struct document d;
	uint32_t split;
};

static void *write_half(void *arg)
{
	struct half *h = arg;

	put_objects(&h->d, h->split + 1, h->d.m->objects.count);
	jsonw_close(&h->d.w, ']');
	put_waits_and_findings(&h->d);
	return NULL;
}

/* The last object of the first half. */
static uint32_t middle(const struct model *m)
{
	uint64_t all = (uint64_t)m->objects.count + m->waits.count;
	uint64_t before = (uint64_t)m->actors.count * ACTOR_ELEMENTS;
	uint64_t split = all > before ? (all - before) / 2 : 0;

	return split < m->objects.count ? (uint32_t)split : m->objects.count;
}

static void put_lists(struct document *d)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct view_opts gather = { .flush = NULL };
	struct half other = { .d = *d, .split = middle(d->m) };
	uint32_t objects = d->m->objects.count;
	bool many = d->m->waits.count >= WAITS_MANY;
	pthread_t thread;

	other.d.opts = &gather; /* its turn comes when the first half is written */
	other.d.w = (struct jsonw){ .out = &out, .comma = memchr(d->shown + 1, 1, other.split) };
	if (many)
		strbuf_reserve(&out,
			       (size_t)(objects - other.split + d->m->waits.count) * ELEMENT_BYTES);
	many = many && pthread_create(&thread, NULL, write_half, &other) == 0;
	put_actors(d);
	jsonw_open(&d->w, "objects", '[');
	put_objects(d, 1, many ? other.split : objects);
	if (many) {
		pthread_join(thread, NULL);
		if (d->opts->flush) {
			d->opts->flush(d->opts->flush_arg, d->w.out);
			d->opts->flush(d->opts->flush_arg, &out);
		} else {
			strbuf_addn(d->w.out, out.s, out.len);
		}
	} else {
		jsonw_close(&d->w, ']');
		put_waits_and_findings(d);
	}
}

static void render(const struct model *m, const struct view_opts *opts, struct strbuf *out)
{
	_cleanup_free_ bool *shown = xcalloc((size_t)m->objects.count + 1, sizeof(*shown));
	_cleanup_free_ uint32_t *stamps = xcalloc((size_t)m->actors.count + 1, sizeof(*stamps));
	struct document d = {
		.w = { .out = out }, .opts = opts, .m = m, .shown = shown, .on_stamp = stamps
	};

	mark_objects(&d);
	jsonw_open(&d.w, NULL, '{');
	put_source(&d);
	jsonw_newline(&d.w);
	put_verdict(&d);
	jsonw_newline(&d.w);
	put_sides(&d);
	put_lists(&d);
	jsonw_close(&d.w, '}');
	strbuf_addc(out, '\n');
}

const struct view view_json = { .name = "json", .render = render };
