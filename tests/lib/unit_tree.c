/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_tree.h"

#include "read/snapshot.h"

uint32_t tree_actor(struct model *m, int32_t pid, const char *name, uint32_t parent)
{
	uint32_t id = model_add_actor(m, pid, (uint64_t)pid * 10);
	struct actor *a = model_actor(m, id);

	a->name = strtab_add(m->strings, name);
	a->in_tree = true;
	a->timers_known = true;
	a->parent = parent;
	a->ppid = parent ? model_actor(m, parent)->pid : 1;
	a->state = 'S';
	a->exit_code = -1;
	if (!m->root)
		m->root = id;
	tree_thread(m, id, pid);
	return id;
}

uint32_t tree_thread(struct model *m, uint32_t actor, int32_t tid)
{
	uint32_t id = model_add_thread(m, actor, tid);

	model_thread(m, id)->state = 'S';
	model_thread(m, id)->interruptible = true;
	model_thread(m, id)->since_ms = UINT64_MAX;
	return id;
}

uint32_t tree_main(const struct model *m, uint32_t actor)
{
	return model_actor(m, actor)->first_thread;
}

uint32_t tree_wait(struct model *m, uint32_t thread, enum wait_type kind, const char *text)
{
	uint32_t id = model_add_wait(m, thread, 0);
	struct wait *w = model_wait(m, id);

	w->kind = (uint8_t)kind;
	w->text = strtab_add(m->strings, text);
	model_thread(m, thread)->wait = id;
	return id;
}

void tree_term(struct model *m, uint32_t wait, enum term_kind kind, uint32_t id)
{
	model_add_term(m, wait, (struct term){ .kind = (uint8_t)kind, .id = id });
}

uint32_t tree_wait_exit(struct model *m, uint32_t actor, uint32_t child)
{
	uint32_t w =
		tree_wait(m, tree_main(m, actor), WAIT_CHILD_EXIT, "waiting for a child to exit");

	model_wait(m, w)->completion = true;
	tree_term(m, w, TERM_EXIT, child);
	return w;
}

uint32_t tree_pipe(struct model *m, const char *key)
{
	uint32_t id = model_add_object(m, "pipe", key);

	model_object(m, id)->holders_seen = HOLDERS_COMPLETE;
	return id;
}

uint32_t tree_wait_pipe(struct model *m, uint32_t actor, uint32_t pipe, bool write)
{
	uint32_t w = tree_wait(m, tree_main(m, actor), write ? WAIT_PIPE_WRITE : WAIT_PIPE_READ,
			       write ? "writing to a full pipe" : "reading from a pipe");

	model_wait(m, w)->completion = write;
	model_wait(m, w)->input = !write;
	model_wait(m, w)->object = pipe;
	model_add_term(m, w,
		       (struct term){ .kind = TERM_OBJECT,
				      .id = pipe,
				      .as = AS_HOLDER,
				      .mode = write ? MODE_READ : MODE_WRITE });
	return w;
}
