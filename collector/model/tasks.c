/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/tasks.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

struct task *model_task(const struct model *m, uint32_t id)
{
	assert(id && id <= m->tasks.count);
	return &m->tasks.at[id - 1];
}

struct nursery *model_nursery(const struct model *m, uint32_t id)
{
	assert(id && id <= m->nurseries.count);
	return &m->nurseries.at[id - 1];
}

struct scope *model_scope(const struct model *m, uint32_t id)
{
	assert(id && id <= m->scopes.count);
	return &m->scopes.at[id - 1];
}

uint32_t model_add_task(struct model *m, uint32_t actor, uint64_t address)
{
	struct actor *a = model_actor(m, actor);
	struct task *t;

	if (m->tasks.count >= TASKS_MAX)
		return 0;
	t = vec_push(&m->tasks);
	t->actor = actor;
	t->address = address;
	t->serves_fd = -1;
	t->requested = t->shielded = t->delivered = NOT_TOLD;
	if (!a->task_count)
		a->first_task = m->tasks.count;
	a->task_count++;
	assert(a->first_task + a->task_count - 1 == m->tasks.count);
	return m->tasks.count;
}

uint32_t model_add_nursery(struct model *m, uint32_t actor, uint64_t address)
{
	struct nursery *n = vec_push(&m->nurseries);

	n->actor = actor;
	n->address = address;
	n->children = -1;
	return m->nurseries.count;
}

uint32_t model_add_scope(struct model *m, uint32_t actor, uint64_t address)
{
	struct scope *s = vec_push(&m->scopes);

	s->actor = actor;
	s->address = address;
	s->deadline_ms = -1;
	return m->scopes.count;
}

bool model_add_task_frame(struct model *m, uint32_t task, struct task_frame frame)
{
	struct task *t = model_task(m, task);

	if (m->task_frames.count >= TASK_FRAMES_MAX)
		return false;
	if (!t->frame_count)
		t->first_frame = m->task_frames.count;
	assert(t->first_frame + t->frame_count == m->task_frames.count);
	assert(frame.code <= m->codes.count);
	t->frame_count++;
	*vec_push(&m->task_frames) = frame;
	return true;
}

const struct task_frame *model_task_frames(const struct model *m, uint32_t task, uint32_t *count)
{
	const struct task *t = model_task(m, task);

	*count = t->frame_count;
	return t->frame_count ? m->task_frames.at + t->first_frame : NULL;
}

void model_add_park(struct model *m, struct park park, const uint32_t *others, uint32_t count)
{
	park.first_other = m->park_threads.count;
	park.other_count = count;
	for (uint32_t i = 0; i < count; i++)
		*vec_push(&m->park_threads) = others[i];
	*vec_push(&m->parks) = park;
}

struct await await_of(uint32_t task, enum await_kind kind)
{
	return (struct await){
		.task = task,
		.kind = (uint8_t)kind,
		.fd = -1,
		.since_ms = -1,
		.deadline_ms = -1,
		.used = -1,
		.capacity = -1,
		.senders = -1,
		.receivers = -1,
	};
}

void model_add_await(struct model *m, struct await await, const uint32_t *others, uint32_t count)
{
	await.first_other = m->await_tasks.count;
	await.other_count = count;
	for (uint32_t i = 0; i < count; i++)
		*vec_push(&m->await_tasks) = others[i];
	*vec_push(&m->awaits) = await;
}

const char *task_state_name(uint8_t state)
{
	static const char *const words[] = { "unknown", "new",	   "runnable",
					     "running", "waiting", "done" };
	_Static_assert(sizeof(words) / sizeof(*words) == TASK_STATE_COUNT, "a state without one");

	return state < TASK_STATE_COUNT ? words[state] : words[0];
}

void task_name_add(struct strbuf *b, const struct model *m, uint32_t task)
{
	const struct task *t = model_task(m, task);

	if (t->name)
		strbuf_adds(b, model_str(m, t->name));
	else if (t->number)
		strbuf_addf(b, "task %" PRIu64, t->number);
	else
		strbuf_addf(b, "task at 0x%" PRIx64, t->address);
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Element numbers by actor, those of an actor as they are; at[id] is the new id of an old one. */
static uint32_t *order_of(const struct model *m, const uint32_t *actors, uint32_t count)
{
	_cleanup_free_ uint32_t *before = xcalloc(m->actors.count + 2, sizeof(*before));
	uint32_t *at = xcalloc(count + 1, sizeof(*at));

	for (uint32_t i = 0; i < count; i++)
		before[actors[i] + 1]++;
	for (uint32_t a = 1; a <= m->actors.count + 1; a++)
		before[a] += before[a - 1];
	for (uint32_t i = 0; i < count; i++)
		at[i + 1] = ++before[actors[i]];
	return at;
}

static bool are_ordered(const uint32_t *actors, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (actors[i] < actors[i - 1])
			return false;
	return true;
}

static void move_nurseries(struct model *m, const uint32_t *at)
{
	uint32_t count = m->nurseries.count;
	_cleanup_free_ struct nursery *old = xcalloc(count + 1, sizeof(*old));

	memcpy(old, m->nurseries.at, count * sizeof(*old));
	for (uint32_t i = 0; i < count; i++)
		m->nurseries.at[at[i + 1] - 1] = old[i];
	for (uint32_t i = 0; i < m->tasks.count; i++)
		m->tasks.at[i].nursery = at[m->tasks.at[i].nursery];
	for (uint32_t i = 0; i < m->awaits.count; i++)
		m->awaits.at[i].nursery = at[m->awaits.at[i].nursery];
}

static void move_scopes(struct model *m, const uint32_t *at)
{
	uint32_t count = m->scopes.count;
	_cleanup_free_ struct scope *old = xcalloc(count + 1, sizeof(*old));

	memcpy(old, m->scopes.at, count * sizeof(*old));
	for (uint32_t i = 0; i < count; i++) {
		m->scopes.at[at[i + 1] - 1] = old[i];
		m->scopes.at[at[i + 1] - 1].parent = at[old[i].parent];
	}
	for (uint32_t i = 0; i < m->tasks.count; i++)
		m->tasks.at[i].scope = at[m->tasks.at[i].scope];
	for (uint32_t i = 0; i < m->nurseries.count; i++)
		m->nurseries.at[i].scope = at[m->nurseries.at[i].scope];
}

void model_order_homes(struct model *m)
{
	uint32_t count = m->nurseries.count > m->scopes.count ? m->nurseries.count :
								m->scopes.count;
	_cleanup_free_ uint32_t *actors = xcalloc(count + 1, sizeof(*actors));

	for (uint32_t i = 0; i < m->nurseries.count; i++)
		actors[i] = m->nurseries.at[i].actor;
	if (!are_ordered(actors, m->nurseries.count)) {
		_cleanup_free_ uint32_t *at = order_of(m, actors, m->nurseries.count);

		move_nurseries(m, at);
	}
	for (uint32_t i = 0; i < m->scopes.count; i++)
		actors[i] = m->scopes.at[i].actor;
	if (!are_ordered(actors, m->scopes.count)) {
		_cleanup_free_ uint32_t *at = order_of(m, actors, m->scopes.count);

		move_scopes(m, at);
	}
}
