/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/model.h"

#include "model/files.h"

#include <assert.h>

/* ---- words ----------------------------------------------------------------------------------- */

/* Build code: the name tables of the closed lists. */
#define WORD(symbol, word) word,
static const char *const wait_words[] = { WAIT_KINDS(WORD) };
static const char *const verdict_words[] = { VERDICT_KINDS(WORD) };
static const char *const confidence_words[] = { CONFIDENCES(WORD) };
static const char *const spawn_words[] = { SPAWN_METHODS(WORD) };

static int word_index(const char *const *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(words[i], word))
			return i;
	return -1;
}

const char *wait_type_name(enum wait_type kind)
{
	return wait_words[kind];
}

int wait_type_from(const char *word)
{
	return word_index(wait_words, WAIT_TYPE_COUNT, word);
}

const char *verdict_kind_name(enum verdict_kind kind)
{
	return verdict_words[kind];
}

int verdict_kind_from(const char *word)
{
	return word_index(verdict_words, VERDICT_KIND_COUNT, word);
}

const char *confidence_name(enum confidence confidence)
{
	return confidence_words[confidence];
}

int confidence_from(const char *word)
{
	return word_index(confidence_words, CONFIDENCE_COUNT, word);
}

const char *spawn_method_name(enum spawn_method method)
{
	return spawn_words[method];
}

int spawn_method_from(const char *word)
{
	return word_index(spawn_words, SPAWN_METHOD_COUNT, word);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct model *model_new(void)
{
	struct model *m = xcalloc(1, sizeof(*m));

	m->strings = strtab_new();
	m->verdict.since_ms = UINT64_MAX;
	return m;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->sides.count; i++)
		vec_release(&m->sides.at[i].members);
	vec_release(&m->actors);
	vec_release(&m->threads);
	vec_release(&m->objects);
	vec_release(&m->holders);
	vec_release(&m->waits);
	vec_release(&m->terms);
	vec_release(&m->findings);
	vec_release(&m->sides);
	vec_release(&m->frames);
	vec_release(&m->codes);
	vec_release(&m->inlined);
	vec_release(&m->kernel_frames);
	vec_release(&m->script_frames);
	vec_release(&m->locals);
	vec_release(&m->exceptions);
	vec_release(&m->tasks);
	vec_release(&m->nurseries);
	vec_release(&m->scopes);
	vec_release(&m->task_frames);
	vec_release(&m->awaits);
	vec_release(&m->await_tasks);
	vec_release(&m->task_stacks);
	vec_release(&m->parks);
	vec_release(&m->handled);
	vec_release(&m->park_threads);
	vec_release(&m->works);
	vec_release(&m->expects);
	vec_release(&m->expect_actors);
	vec_release(&m->debts);
	vec_release(&m->idle_loops);
	vec_release(&m->missing);
	vec_release(&m->verdict.chain);
	vec_release(&m->verdict.members);
	vec_release(&m->verdict.missing);
	vec_release(&m->verdict.caveats);
	map_release(&m->by_pid);
	map_release(&m->by_tid);
	map_release(&m->by_key);
	map_release(&m->holder_ids);
	map_release(&m->finding_ids);
	vec_release(&m->holders_of);
	vec_release(&m->holders_first);
	model_files_free(m->files);
	strtab_free(m->strings);
	free(m);
}

/* ---- look up --------------------------------------------------------------------------------- */

struct actor *model_actor(const struct model *m, uint32_t id)
{
	assert(id && id <= m->actors.count);
	return &m->actors.at[id - 1];
}

struct thread *model_thread(const struct model *m, uint32_t id)
{
	assert(id && id <= m->threads.count);
	return &m->threads.at[id - 1];
}

struct object *model_object(const struct model *m, uint32_t id)
{
	assert(id && id <= m->objects.count);
	return &m->objects.at[id - 1];
}

struct wait *model_wait(const struct model *m, uint32_t id)
{
	assert(id && id <= m->waits.count);
	return &m->waits.at[id - 1];
}

uint32_t model_find_pid(const struct model *m, int32_t pid)
{
	return map_get(&m->by_pid, (uint32_t)pid, 0);
}

uint32_t model_find_tid(const struct model *m, int32_t tid)
{
	return map_get(&m->by_tid, (uint32_t)tid, 0);
}

const char *model_str(const struct model *m, uint32_t id)
{
	const char *s = strtab_get(m->strings, id);

	return s ? s : "";
}

/* ---- add ------------------------------------------------------------------------------------- */

uint32_t model_add_actor(struct model *m, int32_t pid, uint64_t start)
{
	struct actor *a = vec_push(&m->actors);

	a->pid = pid;
	a->start = start;
	a->exit_code = -1;
	map_put(&m->by_pid, (uint32_t)pid, m->actors.count);
	return m->actors.count;
}

uint32_t model_add_interpreter(struct model *m, uint32_t actor, uint32_t thread)
{
	struct actor *a = vec_push(&m->actors);
	const struct actor *process = model_actor(m, actor);

	*a = (struct actor){
		.kind = ACTOR_INTERPRETER,
		.host_thread = thread,
		.pid = process->pid,
		.start = process->start,
		.parent = actor,
		.ppid = process->ppid,
		.exe = process->exe,
		.state = process->state,
		.in_tree = process->in_tree,
		.timers_known = true,
		.pgrp = process->pgrp,
		.session = process->session,
		.uid = process->uid,
		.pid_ns = process->pid_ns,
		.net_ns = process->net_ns,
		.mnt_ns = process->mnt_ns,
		.cgroup = process->cgroup,
		.exit_code = -1,
		.spawn_method = SPAWN_INTERPRETER,
		.spawn_by_pid = process->pid,
	};
	return m->actors.count;
}

uint32_t model_add_thread(struct model *m, uint32_t actor, int32_t tid)
{
	struct actor *a = model_actor(m, actor);
	struct thread *t = vec_push(&m->threads);

	t->actor = actor;
	t->tid = tid;
	t->since_ms = UINT64_MAX;
	if (!a->thread_count)
		a->first_thread = m->threads.count;
	a->thread_count++;
	assert(a->first_thread + a->thread_count - 1 == m->threads.count);
	map_put(&m->by_tid, (uint32_t)tid, m->threads.count);
	return m->threads.count;
}

uint32_t model_add_object(struct model *m, const char *kind, const char *key)
{
	uint32_t before = strtab_count(m->strings), name = strtab_add(m->strings, key);
	/* a string that is new is the key of no object */
	uint32_t id = name > before ? 0 : map_get(&m->by_key, name, 0);
	struct object *o;

	if (id)
		return id;
	o = vec_push(&m->objects);
	o->kind = strtab_add(m->strings, kind);
	o->key = name;
	map_put(&m->by_key, name, m->objects.count);
	return m->objects.count;
}

/* Two numbers folded into one that a map takes; unequal pairs may meet, so hits are compared. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	return (a ^ (b * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;
}

static uint64_t holder_key(const struct holder *h)
{
	return fold(map_pair(h->object, h->actor), (uint32_t)h->fd);
}

static uint64_t finding_key(const struct finding *f)
{
	return fold(map_pair(f->kind, f->actor), map_pair(f->object, (uint32_t)f->fd));
}

/* Under the first free number from `key` on. */
static void put_id(struct map *ids, uint64_t key, uint32_t id)
{
	while (map_find(ids, key, NULL))
		key++;
	map_put(ids, key, id);
}

uint32_t model_append_holder(struct model *m, uint32_t object, uint32_t actor, int32_t fd,
			     uint8_t mode)
{
	struct holder *h = vec_push(&m->holders);

	h->object = object;
	h->actor = actor;
	h->fd = fd;
	h->mode = mode;
	h->used = -1;
	return m->holders.count - 1;
}

/* Most holders are appended, or loaded, and never looked for. */
static void index_holder_ids(struct model *m)
{
	map_reserve(&m->holder_ids, m->holders.count);
	for (uint32_t i = m->holder_ids.count; i < m->holders.count; i++)
		put_id(&m->holder_ids, holder_key(&m->holders.at[i]), i + 1);
}

uint32_t model_add_holder(struct model *m, uint32_t object, uint32_t actor, int32_t fd,
			  uint8_t mode)
{
	struct holder like = { .object = object, .actor = actor, .fd = fd };
	uint64_t key = holder_key(&like);
	struct holder *h;
	uint32_t at;

	index_holder_ids(m);
	for (; map_find(&m->holder_ids, key, &at); key++) {
		h = &m->holders.at[at - 1];
		if (h->object != object || h->actor != actor || h->fd != fd)
			continue;
		h->mode |= mode;
		return at - 1;
	}
	at = model_append_holder(m, object, actor, fd, mode);
	map_put(&m->holder_ids, key, at + 1);
	return at;
}

uint32_t model_add_wait(struct model *m, uint32_t thread, uint32_t parent)
{
	struct wait *w = vec_push(&m->waits);

	w->actor = model_thread(m, thread)->actor;
	w->thread = thread;
	w->parent = parent;
	w->fd = -1;
	w->need = 1;
	w->timeout_ms = -1;
	w->since_ms = UINT64_MAX;
	w->level = LEVEL_NONE;
	return m->waits.count;
}

bool term_names(uint8_t kind)
{
	return (kind >= TERM_THREAD && kind <= TERM_WAIT) || kind == TERM_TASK;
}

void model_add_term(struct model *m, uint32_t wait, struct term term)
{
	struct wait *w = model_wait(m, wait);

	if (!w->term_count)
		w->first_term = m->terms.count;
	assert(w->first_term + w->term_count == m->terms.count);
	w->term_count++;
	if (!term_names(term.kind))
		term.id = 0;
	*vec_push(&m->terms) = term;
}

void model_add_finding(struct model *m, struct finding finding)
{
	uint64_t key = finding_key(&finding);
	uint32_t at;

	for (; map_find(&m->finding_ids, key, &at); key++) {
		const struct finding *f = &m->findings.at[at - 1];

		if (f->kind == finding.kind && f->actor == finding.actor &&
		    f->object == finding.object && f->fd == finding.fd &&
		    f->signal == finding.signal)
			return;
	}
	*vec_push(&m->findings) = finding;
	map_put(&m->finding_ids, key, m->findings.count);
}

void model_add_missing(struct model *m, const char *text)
{
	uint32_t id = strtab_add(m->strings, text);

	for (uint32_t i = 0; i < m->missing.count; i++)
		if (m->missing.at[i] == id)
			return;
	*vec_push(&m->missing) = id;
}

/* ---- indices --------------------------------------------------------------------------------- */

/*
 * holders_of by counting: first how many an object has, then where they begin, then who they are.
 */
static void index_holders(struct model *m)
{
	uint32_t sum = 0;

	vec_release(&m->holders_of);
	vec_release(&m->holders_first);
	vec_reserve(&m->holders_first, m->objects.count + 1);
	vec_reserve(&m->holders_of, m->holders.count);
	for (uint32_t i = 0; i <= m->objects.count; i++)
		*vec_push(&m->holders_first) = 0;
	for (uint32_t i = 0; i < m->holders.count; i++) {
		m->holders_first.at[m->holders.at[i].object - 1]++;
		*vec_push(&m->holders_of) = 0;
	}
	for (uint32_t i = 0; i <= m->objects.count; i++) {
		sum += m->holders_first.at[i];
		m->holders_first.at[i] = sum;
	}
	for (uint32_t i = m->holders.count; i-- > 0;)
		m->holders_of.at[--m->holders_first.at[m->holders.at[i].object - 1]] = i;
}

/*
 * What keeps objects and findings from being added twice; they are not there after loading. Of
 * holders model_add_holder() sees to it.
 */
static void index_additions(struct model *m)
{
	if (m->by_key.count != m->objects.count) {
		map_release(&m->by_key);
		map_reserve(&m->by_key, m->objects.count);
		for (uint32_t i = 0; i < m->objects.count; i++)
			map_put(&m->by_key, m->objects.at[i].key, i + 1);
	}
	if (m->finding_ids.count != m->findings.count) {
		map_release(&m->finding_ids);
		for (uint32_t i = 0; i < m->findings.count; i++)
			put_id(&m->finding_ids, finding_key(&m->findings.at[i]), i + 1);
	}
}

void model_index(struct model *m)
{
	map_release(&m->by_pid);
	map_release(&m->by_tid);
	map_reserve(&m->by_pid, m->actors.count);
	map_reserve(&m->by_tid, m->threads.count);
	for (uint32_t i = 0; i < m->actors.count; i++)
		if (m->actors.at[i].kind == 0)
			map_put(&m->by_pid, (uint32_t)m->actors.at[i].pid, i + 1);
	for (uint32_t i = 0; i < m->threads.count; i++)
		map_put(&m->by_tid, (uint32_t)m->threads.at[i].tid, i + 1);
	index_holders(m);
	index_additions(m);
}

const uint32_t *model_holders(const struct model *m, uint32_t object, uint32_t *count)
{
	uint32_t first;

	assert(object && object < m->holders_first.count);
	first = m->holders_first.at[object - 1];
	*count = m->holders_first.at[object] - first;
	return m->holders_of.at + first;
}
