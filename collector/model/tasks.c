/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/tasks.h"

#include <assert.h>
#include <inttypes.h>

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
