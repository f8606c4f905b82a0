/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * descriptor.c - the tasks of any runtime that has the ELF note of docs/RUNTIME_ABI.md.
 *
 * First all tasks of all loops are listed, then what they say of each other is looked up: a lock
 * may be held by a task of another loop.
 */
#include "runtimes/descriptor/table.h"

#include "model/tasks.h"
#include "read/stack.h"

#include <errno.h>
#include <elf.h>
#include <inttypes.h>
#include <time.h>

enum {
	TRIES = 3,	 /* for a loop that runs while it is read */
	SCOPES_MAX = 64, /* one within the other */
	TABLES_MAX = 16, /* of one process */
	NS_PER_MS = 1000000,
};

/* One loop, and its generation before anything else was read of it. */
struct loop {
	uint64_t address, generation, signals;
	uint32_t thread, first_task, end_task;
	int32_t gone_tid; /* its thread, when there is none such; 0 */
	bool counted;	  /* it has a generation */
};

/* What is read of one runtime of one process. */
struct reading {
	struct table table;
	struct model *m;
	uint32_t actor, runtime;
	struct map tasks, nurseries, scopes; /* address -> id */
	VEC(struct loop) loops;
	int64_t now_ns; /* CLOCK_MONOTONIC */
	bool broken;	/* a list led astray */
	bool full;
};

/* How much of the model there was before: what is read of a loop that ran is thrown away. */
struct mark {
	uint32_t tasks, nurseries, scopes, awaits, await_tasks, stacks, actor_tasks;
};

static void reading_release(struct reading *r)
{
	map_release(&r->tasks);
	map_release(&r->nurseries);
	map_release(&r->scopes);
	vec_release(&r->loops);
}

static struct mark mark_of(const struct reading *r)
{
	return (struct mark){
		.tasks = r->m->tasks.count,
		.nurseries = r->m->nurseries.count,
		.scopes = r->m->scopes.count,
		.awaits = r->m->awaits.count,
		.await_tasks = r->m->await_tasks.count,
		.stacks = r->m->task_stacks.count,
		.actor_tasks = model_actor(r->m, r->actor)->task_count,
	};
}

static void go_back(struct reading *r, const struct mark *mark)
{
	r->m->tasks.count = mark->tasks;
	r->m->nurseries.count = mark->nurseries;
	r->m->scopes.count = mark->scopes;
	r->m->awaits.count = mark->awaits;
	r->m->await_tasks.count = mark->await_tasks;
	r->m->task_stacks.count = mark->stacks;
	model_actor(r->m, r->actor)->task_count = mark->actor_tasks;
	reading_release(r);
	r->broken = r->full = false;
}

static uint64_t get(const struct reading *r, uint64_t owner, struct snag_rt_field field)
{
	return table_get(&r->table, owner, field, 0);
}

static uint32_t text(const struct reading *r, uint64_t owner, struct snag_rt_field field)
{
	return table_text(&r->table, owner, field);
}

static int8_t told(const struct reading *r, uint64_t owner, struct snag_rt_field field)
{
	uint64_t value;

	if (!table_number(&r->table, owner, field, &value))
		return NOT_TOLD;
	return value ? TOLD_YES : TOLD_NO;
}

/* Time left until a moment of CLOCK_MONOTONIC, 0 when it has passed; -1: there is none. */
static int64_t left_ms(const struct reading *r, uint64_t owner, struct snag_rt_field field)
{
	uint64_t at;

	if (!table_number(&r->table, owner, field, &at) || at == table_most(field) ||
	    at > INT64_MAX)
		return -1;
	return (int64_t)at < r->now_ns ? 0 : ((int64_t)at - r->now_ns) / NS_PER_MS;
}

/* ---- loops and tasks ------------------------------------------------------------------------- */

/* The thread that sees itself as `tid`, in its innermost pid namespace. 0: there is none. */
static uint32_t thread_of(const struct reading *r, uint64_t tid)
{
	const struct runtime_site *site = r->table.site;

	for (uint32_t i = 0; i < site->process->task_count; i++) {
		const struct snap_task *t = &site->snap->tasks.at[site->process->first_task + i];

		if ((uint64_t)(t->ns_tid ? t->ns_tid : t->tid) == tid)
			return model_find_tid(r->m, t->tid);
	}
	return 0;
}

static uint8_t state_of(const struct reading *r, uint64_t task)
{
	const struct snag_rt *t = &r->table.t;
	uint64_t value = get(r, task, t->task.state);

	_Static_assert(TASK_DONE == (int)SNAG_RT_STATE_DONE, "states are numbered as in the ABI");
	if (t->state_map_count)
		value = value < t->state_map_count && value < sizeof(t->state_map) ?
				t->state_map[value] :
				0;
	return value < TASK_STATE_COUNT ? (uint8_t)value : TASK_UNKNOWN;
}

static bool add_task(struct reading *r, const struct loop *loop, uint64_t address)
{
	const struct snag_rt_task *at = &r->table.t.task;
	uint32_t id = model_add_task(r->m, r->actor, address);
	struct task *t;

	if (!id)
		return false;
	map_put(&r->tasks, address, id);
	t = model_task(r->m, id);
	t->thread = loop->thread;
	t->gone_tid = loop->gone_tid;
	t->serves_fd = (int32_t)table_get(&r->table, address, r->table.t.serves_fd, (uint64_t)-1);
	t->serves_call = (int64_t)get(r, address, r->table.t.serves_call);
	t->runtime = r->runtime;
	t->number = get(r, address, at->id);
	t->name = text(r, address, at->name);
	t->state = state_of(r, address);
	t->requested = told(r, address, at->requested);
	t->shielded = told(r, address, at->shielded);
	t->delivered = told(r, address, at->delivered);
	return true;
}

static void list_tasks(struct reading *r, struct loop *loop)
{
	_cleanup_table_list_ struct table_list list;
	uint64_t task;

	table_list_init(&list, &r->table, loop->address, &r->table.t.loop.tasks);
	while (!r->full && (task = table_list_next(&list)))
		r->full = !add_task(r, loop, task);
	r->broken |= list.broken;
}

static void list_loops(struct reading *r)
{
	_cleanup_table_list_ struct table_list list;
	const struct snag_rt *t = &r->table.t;
	uint64_t address, tid;

	table_list_init(&list, &r->table, t->loops.address, &t->loop_list);
	while ((address = table_list_next(&list))) {
		struct loop *loop = vec_push(&r->loops);

		loop->address = address;
		loop->counted =
			table_number(&r->table, address, t->loop.generation, &loop->generation);
		tid = get(r, address, t->loop.tid);
		loop->thread = thread_of(r, tid);
		loop->gone_tid = loop->thread ? 0 : (int32_t)tid;
		loop->signals = get(r, address, t->loop.signals_pending);
		loop->first_task = r->m->tasks.count + 1;
		list_tasks(r, loop);
		loop->end_task = r->m->tasks.count + 1;
	}
	r->broken |= list.broken;
}

/* ---- what tasks live in ---------------------------------------------------------------------- */

/* The id of the task at an address, 0 when it is none of ours. */
static uint32_t task_at(const struct reading *r, uint64_t address)
{
	return address ? map_get(&r->tasks, address, 0) : 0;
}

static uint32_t add_scope(struct reading *r, uint64_t address)
{
	const struct snag_rt_scope *at = &r->table.t.scope;
	uint32_t id = model_add_scope(r->m, r->actor, address);
	struct scope *s = model_scope(r->m, id);

	map_put(&r->scopes, address, id);
	s->name = text(r, address, at->name);
	s->task = task_at(r, get(r, address, at->task));
	s->shield = get(r, address, at->shield);
	s->cancelled = get(r, address, at->cancel_called);
	s->deadline_ms = left_ms(r, address, at->deadline_ns);
	s->by = text(r, address, at->who);
	s->reason = text(r, address, at->reason);
	return id;
}

/* The scope at an address with those around it. */
static uint32_t scope_at(struct reading *r, uint64_t address)
{
	uint32_t first = 0, inner = 0, id, before = r->m->scopes.count;

	for (int depth = 0; address && depth < SCOPES_MAX; depth++) {
		bool known = map_find(&r->scopes, address, &id);

		if (!known)
			id = add_scope(r, address);
		first = first ? first : id;
		/* a known one has its parents already, or comes back to where we were: no circle */
		if (inner && !(known && id > before))
			model_scope(r->m, inner)->parent = id;
		if (known)
			break;
		inner = id;
		address = get(r, address, r->table.t.scope.parent);
	}
	return first;
}

static uint32_t nursery_at(struct reading *r, uint64_t address)
{
	const struct snag_rt_nursery *at = &r->table.t.nursery;
	uint32_t id, scope;
	struct nursery *n;

	if (!address)
		return 0;
	if (map_find(&r->nurseries, address, &id))
		return id;
	id = model_add_nursery(r->m, r->actor, address);
	map_put(&r->nurseries, address, id);
	scope = scope_at(r, get(r, address, at->scope));
	n = model_nursery(r->m, id);
	n->name = text(r, address, at->name);
	n->task = task_at(r, get(r, address, at->parent));
	n->scope = scope;
	n->children = (int32_t)table_get(&r->table, address, at->count, (uint64_t)-1);
	n->waiting = get(r, address, at->waiting);
	return id;
}

/* Those that a task has open, also when no task is in them. */
static void list_nurseries(struct reading *r, uint64_t task)
{
	_cleanup_table_list_ struct table_list list;
	uint64_t nursery;

	table_list_init(&list, &r->table, task, &r->table.t.task.nurseries);
	while ((nursery = table_list_next(&list)))
		nursery_at(r, nursery);
	r->broken |= list.broken;
}

/* Who asked for the cancel that reaches a task, or that a shield holds back. */
static void find_cause(struct reading *r, struct task *t)
{
	uint32_t scope = t->scope;

	if (t->requested != TOLD_YES && t->shielded != TOLD_YES)
		return;
	for (int depth = 0; scope && depth < SCOPES_MAX; depth++) {
		const struct scope *s = model_scope(r->m, scope);

		if (s->cancelled) {
			t->cancel_by = s->by;
			t->cancel_reason = s->reason;
			return;
		}
		scope = s->parent;
	}
}

/* ---- waits ----------------------------------------------------------------------------------- */

static const struct snag_rt_object *object_of(const struct snag_rt *t, uint8_t kind)
{
	switch (kind) {
	case AWAIT_EVENT:
		return &t->event;
	case AWAIT_LOCK:
		return &t->lock;
	case AWAIT_SEND:
	case AWAIT_RECEIVE:
		return &t->channel;
	case AWAIT_LIMIT:
		return &t->limiter;
	case AWAIT_THREAD:
		return &t->thread;
	default:
		return NULL;
	}
}

static int64_t count_of(const struct reading *r, uint64_t object, struct snag_rt_field field)
{
	return (int64_t)table_get(&r->table, object, field, (uint64_t)-1);
}

/* The tid of a worker as our own pid namespace has it. */
static int32_t tid_here(const struct reading *r, uint64_t tid)
{
	uint32_t thread = tid ? thread_of(r, tid) : 0;

	return thread ? model_thread(r->m, thread)->tid : (int32_t)tid;
}

static void read_object(struct reading *r, struct await *a)
{
	const struct snag_rt_object *at = object_of(&r->table.t, a->kind);
	uint32_t name;

	if (a->kind == AWAIT_NURSERY)
		a->nursery = nursery_at(r, a->object);
	else if (a->kind == AWAIT_TASK)
		a->owner = task_at(r, a->object);
	if (!at || !a->object)
		return;
	name = text(r, a->object, at->name);
	a->label = name ? name : a->label;
	a->owner = task_at(r, get(r, a->object, at->owner));
	a->tid = tid_here(r, get(r, a->object, at->tid));
	a->used = count_of(r, a->object, at->used);
	a->capacity = count_of(r, a->object, at->capacity);
	a->senders = count_of(r, a->object, at->senders);
	a->receivers = count_of(r, a->object, at->receivers);
}

static uint8_t kind_of(const struct reading *r, uint64_t wait)
{
	const struct snag_rt *t = &r->table.t;
	uint64_t kind = get(r, wait, t->wait.kind);

	_Static_assert(AWAIT_OTHER == (int)SNAG_RT_WAIT_OTHER, "waits are numbered as in the ABI");
	if (t->wait_map_count)
		kind = kind < t->wait_map_count && kind < sizeof(t->wait_map) ? t->wait_map[kind] :
										0;
	return kind <= AWAIT_OTHER ? (uint8_t)kind : AWAIT_UNKNOWN;
}

static void read_promise(struct reading *r, struct promise *p, uint64_t address)
{
	const struct snag_rt_promise_at *at = &r->table.t.promise;
	uint64_t kind = address ? get(r, address, at->kind) : 0;

	_Static_assert(PROMISE_THREAD == (int)SNAG_RT_PROMISE_THREAD,
		       "promises are numbered as in the ABI");
	/* a kind that is not known here says nothing */
	if (!kind || kind >= PROMISE_KINDS)
		return;
	p->kind = (uint8_t)kind;
	p->task = get(r, address, at->task);
	p->fd = (int32_t)table_get(&r->table, address, at->fd, (uint64_t)-1);
	p->call = (int64_t)get(r, address, at->call);
	p->pid = (int32_t)get(r, address, at->pid);
	p->tid = tid_here(r, get(r, address, at->tid));
	p->who = text(r, address, at->who);
}

static void read_wait(struct reading *r, uint32_t task, uint64_t address)
{
	const struct snag_rt_wait_at *at = &r->table.t.wait;
	struct await a = await_of(task, AWAIT_UNKNOWN);
	uint64_t since;

	if (!address)
		return;
	a.kind = kind_of(r, address);
	a.fd = (int32_t)table_get(&r->table, address, at->fd, (uint64_t)-1);
	a.pid = (int32_t)get(r, address, at->pid);
	a.number = (int32_t)get(r, address, at->number);
	a.object = get(r, address, at->object);
	a.label = text(r, address, at->label);
	a.deadline_ms = left_ms(r, address, at->deadline_ns);
	if (table_number(&r->table, address, at->since_ns, &since) && (int64_t)since <= r->now_ns &&
	    since)
		a.since_ms = (r->now_ns - (int64_t)since) / NS_PER_MS;
	read_object(r, &a);
	read_promise(r, &a.promise, get(r, address, r->table.t.wait_promise));
	model_add_await(r->m, a, NULL, 0);
}

/* ---- saved stacks ---------------------------------------------------------------------------- */

/* Why the stack of a task cannot be walked, or NULL and its registers are kept. */
static const char *read_stack(struct reading *r, uint32_t task, uint64_t address)
{
	const struct snag_rt *t = &r->table.t;
	uint64_t sp, low = get(r, address, t->task.stack_low);
	uint64_t bytes = get(r, address, t->task.stack_bytes);
	struct task_stack s = { .task = task };

	if (!table_number(&r->table, address, t->task.saved_sp, &sp))
		return "its runtime does not tell where its stack is";
	if (!sp)
		return "it runs: its calls are those of its thread";
	if (t->saved.machine != EM_X86_64)
		return "its registers are not those of this machine";
	if (bytes && (sp < low || sp - low >= bytes))
		return "its stack pointer is not in its stack";
	if (runtime_read(r->table.site, sp + t->saved.pc_offset, &s.regs[STACK_PC], 8) < 0)
		return "its stack cannot be read";
	s.regs[STACK_RSP] = sp + t->saved.sp_after;
	s.known = STACK_KNOWN_SP_PC;
	for (size_t i = 0; i < sizeof(t->saved.registers) / sizeof(t->saved.registers[0]); i++) {
		const struct snag_rt_register *at = &t->saved.registers[i];

		if (at->dwarf >= STACK_PC)
			break;
		if (runtime_read(r->table.site, sp + at->offset, &s.regs[at->dwarf], 8) == 0)
			s.known |= 1u << at->dwarf;
	}
	*vec_push(&r->m->task_stacks) = s;
	return NULL;
}

/* ---- all of a task --------------------------------------------------------------------------- */

static void link_task(struct reading *r, uint32_t id, const struct loop *loop)
{
	const struct snag_rt_task *at = &r->table.t.task;
	uint64_t address = model_task(r->m, id)->address;
	uint32_t nursery = nursery_at(r, get(r, address, at->nursery));
	uint32_t scope = scope_at(r, get(r, address, at->scope));
	struct task *t = model_task(r->m, id);
	const char *why;

	t->nursery = nursery;
	t->scope = scope;
	t->parent = nursery ? model_nursery(r->m, nursery)->task :
			      task_at(r, get(r, address, at->parent));
	if (t->parent == id)
		t->parent = 0;
	t->main = !t->parent && !nursery;
	t->signals = t->main ? loop->signals : 0;
	find_cause(r, t);
	list_nurseries(r, address);
	if (t->state == TASK_WAITING)
		read_wait(r, id, get(r, address, at->wait));
	why = read_stack(r, id, address);
	t->stack_why = why ? strtab_add(r->m->strings, why) : 0;
}

/* Did all loops rest, or stand where they stood, all the while? */
static bool is_one_instant(struct reading *r, const struct loop *loop)
{
	uint64_t now;

	return loop->counted &&
	       table_number(&r->table, loop->address, r->table.t.loop.generation, &now) &&
	       now == loop->generation;
}

static void read_all(struct reading *r)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	r->now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	list_loops(r);
	for (uint32_t i = 0; i < r->loops.count; i++)
		for (uint32_t id = r->loops.at[i].first_task; id < r->loops.at[i].end_task; id++)
			link_task(r, id, &r->loops.at[i]);
}

/* What is read of a loop that ran is a hint. False: try again. */
static bool is_good(struct reading *r, bool last)
{
	bool good = true;

	runtime_forget(r->table.site);
	for (uint32_t i = 0; i < r->loops.count; i++) {
		const struct loop *loop = &r->loops.at[i];
		bool same = is_one_instant(r, loop);

		good &= same || !loop->counted;
		for (uint32_t id = loop->first_task; last && !same && id < loop->end_task; id++)
			model_task(r->m, id)->hint = loop->counted;
	}
	return good;
}

static void tell(struct reading *r)
{
	const char *name = r->table.t.runtime;
	_cleanup_free_ char *said = NULL;

	if (r->broken)
		said = xasprintf("some lists of %s in process %d lead astray: tasks may be missing",
				 name, r->table.site->process->tgid);
	else if (r->full)
		said = xasprintf("there are more tasks than are kept");
	if (said)
		model_add_missing(r->m, said);
}

static void read_runtime(struct runtime_site *site, uint64_t address)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct reading r = { .m = site->model, .actor = site->actor };
	int rc = table_read(&r.table, site, address, &err);

	if (rc < 0) {
		snapshot_missing(site->snap, "tasks of process %d: %s", site->process->tgid,
				 err.text);
		return;
	}
	r.runtime = strtab_add(r.m->strings, r.table.t.runtime);
	if (!model_actor(r.m, r.actor)->runtime)
		model_actor(r.m, r.actor)->runtime =
			strtab_addf(r.m->strings, "%s %s", r.table.t.runtime, r.table.t.release);
	for (int try = 1; try <= TRIES; try++) {
		const struct mark mark = mark_of(&r);

		read_all(&r);
		if (is_good(&r, try == TRIES) || try == TRIES)
			break;
		go_back(&r, &mark);
	}
	tell(&r);
	reading_release(&r);
}

static bool read_process(struct runtime_site *site, void **kept __attribute__((unused)))
{
	const struct maps *maps = runtime_maps(site);
	uint64_t done[TABLES_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; maps && i < maps->count && count < TABLES_MAX; i++) {
		const struct map_area *area = &maps->areas[i];
		const struct code_file *f;
		uint64_t addr, at;
		bool new = true;

		/* one look at each file */
		if (!area->ino || !area->exec)
			continue;
		f = runtime_file(site, area);
		if (!f->elf || !f->elf->runtime_table ||
		    !elf_mapped_at(f->elf, area->offset, &addr))
			continue;
		at = f->elf->runtime_table + area->start - addr;
		for (uint32_t k = 0; k < count; k++)
			new &= done[k] != at;
		if (!new)
			continue;
		done[count++] = at;
		read_runtime(site, at);
	}
	return count;
}

const struct runtime runtime_descriptor = { .name = "descriptor", .read = read_process };
