/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_hang.h"

#include "read/snapshot.h"

static uint32_t str(struct model *m, const char *text)
{
	return strtab_add(m->strings, text);
}

static void add_actors(struct model *m)
{
	uint32_t make = tree_actor(m, 810, "make", 0);
	uint32_t python = tree_actor(m, 811, "python3", make);
	uint32_t sleep = tree_actor(m, 812, "sleep", python);
	uint32_t bash = tree_actor(m, 4000, "bash", 0);
	struct actor *a;

	tree_thread(m, bash, 4001);
	model_actor(m, make)->argv = str(m, "make\x1f-j8\x1f/home/ann/src");
	a = model_actor(m, python);
	a->argv = str(m, "python3\x1f-u\x1f");
	a->exe = str(m, "/usr/bin/python3.11");
	a->runtime = str(m, "cpython 3.11.2");
	a->spawn_method = SPAWN_VFORK_EXEC;
	a->spawn_evidence = str(m, "addresses differ from the parent's");
	a->spawn_by_pid = a->spawn_by_tid = 810;
	a->session = 811;
	a = model_actor(m, sleep);
	a->argv = str(m, "sleep\x1finfinity");
	a->exe = str(m, "/home/ann/bin/sleep");
	a->spawn_method = SPAWN_FORK_EXEC;
	a->spawn_backend = str(m, "subprocess");
	a->joined = str(m, "same session");
	a->cgroup = str(m, "/user.slice/ann");
	a = model_actor(m, bash);
	a->in_tree = false;
	a->denied = true;
}

static void add_waits(struct model *m)
{
	uint32_t pipe = tree_pipe(m, "pipe:[123]");
	struct finding finding = { .fd = 7, .actor = 3, .object = pipe };
	struct wait *w;
	uint32_t id;

	id = tree_wait(m, tree_main(m, 1), WAIT_CHILD_EXIT, "waiting for python3[811] to exit");
	tree_term(m, id, TERM_EXIT, 2);
	w = model_wait(m, id);
	w->op = str(m, "wait4");
	w->since_ms = 7980000;
	w->level = LEVEL_NONE;

	model_add_holder(m, pipe, 2, 0, MODE_READ);
	model_add_holder(m, pipe, 2, 5, MODE_WRITE);
	model_add_holder(m, pipe, 2, 6, MODE_WRITE);
	model_add_holder(m, pipe, 3, 7, MODE_READ | MODE_WRITE);
	m->holders.at[m->holders.count - 1].inherited = true;
	m->holders.at[m->holders.count - 1].used = -1;
	id = tree_wait(m, tree_main(m, 2), WAIT_PIPE_READ, "reading pipe:[123] (fd 0)");
	model_add_term(m, id, (struct term){ .kind = TERM_OBJECT, .id = pipe, .mode = MODE_WRITE });
	w = model_wait(m, id);
	w->op = str(m, "read");
	w->object = pipe;
	w->fd = 0;
	w->since_ms = 7980000;
	w->level = LEVEL_NONE;
	model_object(m, pipe)->detail = str(m, "{\"buffered\":0,\"path\":\"/home/ann/x\"}");
	model_object(m, pipe)->label = str(m, "/home/ann/fifo");

	finding.kind = str(m, "fd-inherited");
	finding.text = str(m, "sleep[812] holds /home/ann/fifo as fd 7 and never used it");
	finding.effect = str(m, "its reader sees no end of file");
	model_add_finding(m, finding);
	/* nobody waits for it or speaks of it: no view shows it */
	model_add_object(m, "eventfd", "eventfd:[9]");
}

static void add_verdict(struct model *m)
{
	struct verdict *v = &m->verdict;
	struct side_verdict *side = vec_push(&m->sides);

	v->kind = VERDICT_DEADLOCK;
	v->confidence = CONFIDENCE_PROVEN;
	v->summary = str(m,
			 "make[810] is waiting for python3[811] to exit; python3[811] is reading "
			 "pipe:[123] (fd 0); it waits for itself");
	v->since_ms = 7980000;
	v->focus_thread = 1;
	*vec_push(&v->chain) = 1;
	*vec_push(&v->chain) = 2;
	*vec_push(&v->members) = 2;
	*vec_push(&v->caveats) = str(m, "a privileged user can send a signal");
	v->culprit.actor = 3;
	v->culprit.tid = 812;
	v->culprit.object = 1;
	v->culprit.reason = str(m, "fd-inherited");
	v->culprit.text =
		str(m, "close fd 7 in pid 812 (sleep), inherited at fork, never used since");
	side->kind = VERDICT_DEADLOCK;
	side->confidence = CONFIDENCE_CONDITIONAL;
	side->condition = str(m, "without inherited, unused descriptors");
	side->summary = str(m, "python3[811] would read the end of file");
	*vec_push(&side->members) = 2;
}

struct model *hang_model(void)
{
	struct model *m = model_new();

	add_actors(m);
	add_waits(m);
	add_verdict(m);
	m->host = str(m, "host1");
	m->kernel = str(m, "6.1.0");
	m->reader = str(m, "bpf");
	m->snag_version = str(m, "0.1.0");
	m->captured_ns = 1700000000000000000ull;
	m->took_ms = 34.25;
	model_add_missing(m, "memory of bash[4000]: Permission denied");
	model_index(m);
	return m;
}
