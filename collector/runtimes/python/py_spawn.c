/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_spawn.h"

#include "base/alloc.h"
#include "model/tasks.h"

#include <stdio.h>
#include <string.h>

enum { CHILDREN_MAX = 4096, VARIABLES_MAX = 64, TP_DICT = 264 };

/* One process that is read. */
struct spawns {
	struct runtime_site *site;
	struct py *py;
	uint32_t actor; /* of the interpreter whose turn it is: the process, or one in it */
	struct py_frame frames[PY_FRAMES_MAX];
};

/* ---- what is known of a child ---------------------------------------------------------------- */

uint32_t py_spawn_child(const struct runtime_site *site, int64_t pid)
{
	const struct snapshot *s = site->snap;

	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];

		if (p->ppid == site->process->tgid && p->in_tree &&
		    (p->ns_tgid ? p->ns_tgid : p->tgid) == pid)
			return model_find_pid(site->model, p->tgid);
	}
	return 0;
}

/* See py_spawn_child(). */
static uint32_t child_of(const struct spawns *x, int64_t pid)
{
	return py_spawn_child(x->site, pid);
}

/* The process of the tree that a fork server made and that has this pid. Or 0. */
static uint32_t served(const struct spawns *x, int64_t pid)
{
	const struct snapshot *s = x->site->snap;

	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];
		uint32_t actor = p->in_tree ? model_find_pid(x->site->model, p->tgid) : 0;

		if (actor && (p->ns_tgid ? p->ns_tgid : p->tgid) == pid &&
		    p->pid_ns == x->site->process->pid_ns &&
		    model_actor(x->site->model, actor)->spawn_method == SPAWN_FORKSERVER)
			return actor;
	}
	return 0;
}

static bool has_children(const struct spawns *x)
{
	const struct snapshot *s = x->site->snap;

	for (uint32_t i = 0; i < s->processes.count; i++)
		if (s->processes.at[i].in_tree && s->processes.at[i].ppid == x->site->process->tgid)
			return true;
	return false;
}

static void tell(const struct spawns *x, uint32_t actor, const char *backend, const char *evidence)
{
	struct model *m = x->site->model;
	struct actor *a = model_actor(m, actor);

	if (a->spawn_backend && strcmp(model_str(m, a->spawn_backend), backend) != 0)
		return;
	a->spawn_backend = strtab_add(m->strings, backend);
	a->spawn_requested_by = x->actor;
	a->spawn_evidence = strtab_addf(m->strings, "%s%s%s", model_str(m, a->spawn_evidence),
					a->spawn_evidence ? "; " : "", evidence);
}

static bool attr_pid(const struct spawns *x, uint64_t obj, int64_t *pid)
{
	uint64_t v;

	return py_attr(x->py->objs, obj, "pid", &v) && py_int(x->py->objs, v, pid) && *pid > 0;
}

/* ---- multiprocessing ------------------------------------------------------------------------- */

/*
 * The class attribute `method` of multiprocessing's Popen classes: "fork", "spawn", "forkserver".
 * "" when there is none.
 */
static const char *method_of(const struct spawns *x, uint64_t popen)
{
	uint64_t type = py_type(x->py->objs, popen), dict, v;

	dict = type ? py_ref(x->py->objs, type + TP_DICT) : 0;
	return dict && py_dict_get(x->py->objs, dict, "method", &v) ? py_text(x->py->objs, v) : "";
}

static void tell_process(const struct spawns *x, uint64_t process)
{
	struct py_objs *p = x->py->objs;
	uint64_t popen, name = 0;
	const char *method;
	char backend[64], evidence[256];
	int64_t pid;
	uint32_t child;

	if (!py_attr(p, process, "_popen", &popen) || !attr_pid(x, popen, &pid))
		return;
	method = method_of(x, popen);
	child = strcmp(method, "forkserver") == 0 ? served(x, pid) : child_of(x, pid);
	if (!child || (strcmp(method, "fork") != 0 && strcmp(method, "spawn") != 0 &&
		       strcmp(method, "forkserver") != 0))
		return;
	py_attr(p, process, "_name", &name);
	snprintf(backend, sizeof(backend), "multiprocessing %s", method);
	snprintf(evidence, sizeof(evidence), "pid %d has it as its Process %.100s",
		 x->site->process->tgid, name ? py_text(p, name) : "");
	tell(x, child, backend, evidence);
}

/* ---- who says who asked for it --------------------------------------------------------------- */

/* A process of the tree that this one knows by that pid, and that is no younger. Or 0. */
static uint32_t elder(const struct spawns *x, int64_t pid)
{
	const struct snapshot *s = x->site->snap;

	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];

		if (p->in_tree && (p->ns_tgid ? p->ns_tgid : p->tgid) == pid &&
		    p->pid_ns == x->site->process->pid_ns &&
		    p->start_ticks <= x->site->process->start_ticks)
			return model_find_pid(x->site->model, p->tgid);
	}
	return 0;
}

/*
 * A child of multiprocessing knows the process that called start(): _parent_process. So does one
 * that such a child has forked without it; but its parent is that child.
 */
static void read_requester(const struct spawns *x)
{
	struct py_objs *p = x->py->objs;
	struct model *m = x->site->model;
	struct actor *a = model_actor(m, x->site->actor);
	uint64_t process, value, name = 0;
	uint32_t by;
	int64_t pid;

	if (!py_module_get(x->py, 0, "multiprocessing.process", "_parent_process", &process) ||
	    !py_attr(p, process, "_pid", &value) || !py_int(p, value, &pid) || pid <= 0)
		return;
	by = elder(x, pid);
	if (a->spawn_by_pid &&
	    (a->spawn_method == SPAWN_FORK || a->spawn_method == SPAWN_THREAD_FORK) &&
	    by != model_find_pid(m, a->spawn_by_pid))
		return;
	py_attr(p, process, "_name", &name);
	a->spawn_requested_by = by;
	a->spawn_evidence = strtab_addf(
		m->strings,
		"%s%sits interpreter names %.100s, pid %lld, as the one that asked for it%s",
		model_str(m, a->spawn_evidence), a->spawn_evidence ? "; " : "",
		name ? py_text(p, name) : "", (long long)pid, by ? "" : ", and that is gone");
}

/* multiprocessing.process._children: those that were started and not joined, a set of Process. */
static void read_children(const struct spawns *x, uint32_t interpreter)
{
	struct py_objs *p = x->py->objs;
	uint64_t set;
	uint32_t max, count;

	if (!py_module_get(x->py, interpreter, "multiprocessing.process", "_children", &set))
		return;
	max = py_len(p, set) < CHILDREN_MAX ? py_len(p, set) : CHILDREN_MAX;
	_cleanup_free_ uint64_t *items = xcalloc(max + 1, sizeof(*items));
	count = py_items(p, set, items, max);
	for (uint32_t i = 0; i < count; i++)
		tell_process(x, items[i]);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static const char *text_of(const struct spawns *x, uint32_t string)
{
	const char *text = strtab_get(py_strings(x->py->objs), string);

	return text ? text : "";
}

/* A call of subprocess.Popen whose child is known by its pid. */
static void read_popen(const struct spawns *x, const struct py_frame *f)
{
	uint64_t self;
	char evidence[128];
	int64_t pid;
	uint32_t child;

	if (!py_frame_is(x->py, f, "/subprocess.py", NULL) ||
	    !py_frame_local(x->py, f, "self", &self) || !attr_pid(x, self, &pid))
		return;
	child = child_of(x, pid);
	if (child && model_actor(x->site->model, child)->spawn_backend)
		return;
	snprintf(evidence, sizeof(evidence), "its parent is in %s() of its Popen object",
		 text_of(x, f->name));
	if (child)
		tell(x, child, "subprocess", evidence);
}

/* A Popen object that a call has in a variable: subprocess keeps no list of them. */
static void read_variables(const struct spawns *x, const struct py_frame *f)
{
	struct py_local list[VARIABLES_MAX];
	uint32_t more, count = py_frame_locals(x->py, f, list, VARIABLES_MAX, &more);

	for (uint32_t i = 0; i < count; i++) {
		char evidence[256];
		uint32_t child;
		int64_t pid;

		if (!py_derives(x->py->objs, list[i].value, "Popen") ||
		    !attr_pid(x, list[i].value, &pid))
			continue;
		child = child_of(x, pid);
		if (!child || model_actor(x->site->model, child)->spawn_backend ||
		    *method_of(x, list[i].value))
			continue;
		snprintf(evidence, sizeof(evidence),
			 "its Popen object is the variable %.80s of %.80s() in its parent",
			 py_text(x->py->objs, list[i].name), text_of(x, f->name));
		tell(x, child, "subprocess", evidence);
	}
}

/* The child of a thread that has not come back from _fork_exec(): its Popen knows no pid as yet. */
static void read_fork_exec(const struct spawns *x, const struct py_thread *t)
{
	struct model *m = x->site->model;

	if (!py_frame_is(x->py, &x->frames[0], "/subprocess.py", "_execute_child"))
		return;
	for (uint32_t i = 1; i <= m->actors.count; i++) {
		const struct actor *a = model_actor(m, i);

		if (a->in_tree && a->spawn_by_pid == x->site->process->tgid &&
		    a->spawn_method == SPAWN_VFORK_EXEC && !a->spawn_backend &&
		    a->spawn_by_tid == t->ns_tid)
			tell(x, i, "subprocess",
			     "the thread that forked it is in _execute_child()");
	}
}

/*
 * A forked child has the calls of its parent below its own, and those of multiprocessing's fork on
 * top of them. os.fork() leaves none of its own.
 */
static void read_own(const struct spawns *x, uint32_t count)
{
	const struct actor *a = model_actor(x->site->model, x->site->actor);

	if (a->spawn_backend ||
	    (a->spawn_method != SPAWN_FORK && a->spawn_method != SPAWN_THREAD_FORK))
		return;
	for (uint32_t i = 1; i < count; i++)
		if (py_frame_is(x->py, &x->frames[i], "/multiprocessing/popen_fork.py",
				"_launch") &&
		    py_frame_is(x->py, &x->frames[i - 1], "/multiprocessing/process.py",
				"_bootstrap")) {
			tell(x, x->site->actor, "multiprocessing fork",
			     "Popen._launch() has called its Process._bootstrap()");
			model_actor(x->site->model, x->site->actor)->spawn_requested_by =
				a->spawn_by_pid ? a->parent : 0;
			return;
		}
}

/* Has a child that nobody has named yet? */
static bool has_nameless(const struct spawns *x)
{
	const struct model *m = x->site->model;

	for (uint32_t i = 1; i <= m->actors.count; i++) {
		const struct actor *a = model_actor(m, i);

		if (a->kind == ACTOR_PROCESS && a->in_tree && !a->spawn_backend &&
		    a->parent == x->site->actor)
			return true;
	}
	return false;
}

static void read_thread(struct spawns *x, const struct py_thread *t, bool children)
{
	const char *cut;
	uint32_t n = py_frames(x->py, t->frame, x->frames, PY_FRAMES_MAX, &cut);

	if (!n)
		return;
	read_own(x, n);
	for (uint32_t i = 0; children && i < n; i++)
		read_popen(x, &x->frames[i]);
	if (children)
		read_fork_exec(x, t);
	for (uint32_t i = 0; children && i < n && has_nameless(x); i++)
		read_variables(x, &x->frames[i]);
}

/* The process itself is its main interpreter; each other one is an actor in it, in their order. */
static uint32_t actor_of(const struct spawns *x, uint32_t interpreter)
{
	const struct model *m = x->site->model;

	for (uint32_t i = 1; interpreter && i <= m->actors.count; i++) {
		const struct actor *a = model_actor(m, i);

		if (a->kind == ACTOR_INTERPRETER && a->parent == x->site->actor && !--interpreter)
			return i;
	}
	return x->site->actor;
}

void py_spawn_read(struct runtime_site *site, struct py *py)
{
	_cleanup_free_ struct spawns *x = xcalloc(1, sizeof(*x));
	bool children;

	x->site = site;
	x->py = py;
	children = has_children(x);
	for (uint32_t i = 0; children && i < py->interpreter_count; i++) {
		x->actor = actor_of(x, i);
		if (!py->interpreters[i].unknown)
			read_children(x, i);
	}
	for (uint32_t i = 0; i < py->thread_count; i++) {
		x->actor = actor_of(x, py->threads[i].interpreter);
		read_thread(x, &py->threads[i], children);
	}
	read_requester(x);
}

void py_spawn_read_tasks(struct runtime_site *site)
{
	struct model *m = site->model;

	for (uint32_t i = 0; i < m->awaits.count; i++) {
		const struct await *w = &m->awaits.at[i];
		const struct task *t = model_task(m, w->task);
		uint32_t child = w->kind == AWAIT_PROCESS && t->actor == site->actor ?
					 py_spawn_child(site, w->pid) :
					 0;
		struct actor *a = child ? model_actor(m, child) : NULL;
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		if (!a || a->spawn_method == SPAWN_FORK || a->spawn_method == SPAWN_THREAD_FORK)
			continue;
		strbuf_addf(&b, "%s%stask \"", model_str(m, a->spawn_evidence),
			    a->spawn_evidence ? "; " : "");
		task_name_add(&b, m, w->task);
		strbuf_adds(&b, "\" waits for its exit");
		a->spawn_backend =
			strtab_addf(m->strings, "%s subprocess", model_str(m, t->runtime));
		a->spawn_requested_by = site->actor;
		a->spawn_requested_task = w->task;
		a->spawn_evidence = strtab_add(m->strings, strbuf_str(&b));
	}
}
