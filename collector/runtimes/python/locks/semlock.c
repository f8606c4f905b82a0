/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/locks/semlock.h"

#include "model/debts.h"
#include "runtimes/python/locks/parked.h"

#include <string.h>

enum {
	HANDLE = 16,
	OWNER = 24,
	COUNT = 32,
	MAX = 36,
	KIND = 40,
	RECURSIVE_MUTEX = 0,
	SEMAPHORE = 1,
	REGISTERED_MAX = 1 << 14,
	INODE_SHIFT = 16,
	ARGS_MAX = 256,
	SLOTS_MAX = 64,	 /* of one frame, locals and stack */
	BOUND_SELF = 24, /* im_self of PyMethodObject */
};

/* The file of a mapping and the place in it: an inode number of tmpfs leaves room for both. */
static uint64_t place_of(const struct maps *maps, uint64_t addr)
{
	const struct map_area *area = maps ? maps_find(maps, addr) : NULL;

	if (!area || !area->shared || !area->ino)
		return 0;
	return (area->ino << INODE_SHIFT) + area->offset + (addr - area->start);
}

bool py_semlock_read(struct runtime_site *site, struct py *py, uint64_t obj, struct py_semlock *ret)
{
	uint32_t kind;

	if (!obj || !py_is(py->objs, obj, "SemLock"))
		return false;
	kind = py_mem_u32(py->mem, obj + KIND);
	ret->handle = py_mem_u64(py->mem, obj + HANDLE);
	ret->owner = py_mem_u64(py->mem, obj + OWNER);
	ret->count = (int32_t)py_mem_u32(py->mem, obj + COUNT);
	ret->max = (int32_t)py_mem_u32(py->mem, obj + MAX);
	ret->recursive = kind == RECURSIVE_MUTEX;
	ret->place = place_of(runtime_maps(site), ret->handle);
	/* a wrapper written in Python has the name too */
	return kind <= SEMAPHORE && ret->max > 0 && ret->place;
}

const char *py_semlock_name(const struct py_semlock *s)
{
	if (s->recursive)
		return "multiprocessing.RLock";
	return s->max == 1 ? "multiprocessing.Lock" : "multiprocessing.Semaphore";
}

/* ---- who has which --------------------------------------------------------------------------- */

/*
 * The thread of the process with that ident; `none`: it is gone, any of the process has the lock.
 */
static uint32_t owner_of(const struct runtime_site *site, const struct py *py, uint64_t ident,
			 uint32_t none)
{
	for (uint32_t i = 0; i < site->process->task_count; i++) {
		const struct snap_task *t = &site->snap->tasks.at[site->process->first_task + i];
		int32_t tid = t->ns_tid ? t->ns_tid : t->tid;

		for (uint32_t k = 0; k < py->thread_count; k++)
			if (py->threads[k].ident == ident && py->threads[k].ns_tid == tid)
				return model_find_tid(site->model, t->tid);
	}
	return none;
}

static void add_hold(struct runtime_site *site, struct py *py, uint64_t obj)
{
	const struct actor *a = model_actor(site->model, site->actor);
	struct work w = { .kind = WORK_FREE, .thread = a->first_thread };
	struct py_semlock s;

	if (!py_semlock_read(site, py, obj, &s) || s.max != 1 || !a->first_thread)
		return;
	w.number = s.place;
	if (s.count > 0) {
		w.kind = WORK_HOLD;
		w.thread = owner_of(site, py, s.owner, w.thread);
	}
	model_add_work(site->model, w);
}

/* One of a process that does not list them: what it has taken. Each is said once. */
static void add_taken(struct runtime_site *site, struct py *py, uint64_t wrapper, uint32_t first)
{
	struct model *m = site->model;
	uint32_t before = m->works.count;
	uint64_t lock;
	struct py_semlock s;

	if (!wrapper || !py_derives(py->objs, wrapper, "SemLock") ||
	    !py_attr(py->objs, wrapper, "_semlock", &lock) ||
	    !py_semlock_read(site, py, py_untag(py->objs, lock), &s) || s.count <= 0)
		return;
	add_hold(site, py, py_untag(py->objs, lock));
	for (uint32_t i = first; i < before && m->works.count > before; i++)
		if (m->works.at[i].number == m->works.at[before].number)
			m->works.count = before;
}

/* What calls have at hand: variables, and below `with` the __exit__() of its lock. */
static void read_slots(struct runtime_site *site, struct py *py, const struct py_thread *t,
		       uint32_t first)
{
	struct py_objs *p = py->objs;
	_cleanup_free_ struct py_frame *frames = xcalloc(PY_FRAMES_MAX, sizeof(*frames));
	const char *cut;
	uint32_t count = py_frames(py, t->frame, frames, PY_FRAMES_MAX, &cut);

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < SLOTS_MAX; k++) {
			uint64_t at = frames[i].addr + py_layout(p)->f_locals + (uint64_t)k * 8;
			uint64_t obj = py_uncell(p, py_ref(p, at));

			if (obj && py_is(p, obj, "method"))
				obj = py_ref(p, obj + BOUND_SELF);
			add_taken(site, py, obj, first);
		}
}

/*
 * A child that was not forked from who made a lock has it from a pickle, and lists it nowhere: it
 * was given to its Process, or calls have it. What is not found so is not known to be free.
 */
static void read_pickled(struct runtime_site *site, struct py *py)
{
	const struct snap_process *child = site->process;
	const struct actor *a = model_actor(site->model, site->actor);
	uint32_t first = site->model->works.count, count;
	uint64_t process, items[ARGS_MAX];

	if ((child->fork_no_exec_known && child->fork_no_exec &&
	     a->spawn_method != SPAWN_FORKSERVER) ||
	    !py_module_get(py, 0, "multiprocessing.process", "_parent_process", &process) ||
	    py_is_none(py->objs, process) ||
	    !py_module_get(py, 0, "multiprocessing.process", "_current_process", &process))
		return;
	count = py_items(py->objs, py_attr_value(py->objs, process, "_args"), items, ARGS_MAX);
	for (uint32_t i = 0; i < count; i++)
		add_taken(site, py, items[i], first);
	for (uint32_t i = 0; i < py->thread_count; i++)
		if (py->threads[i].frame)
			read_slots(site, py, &py->threads[i], first);
}

/* multiprocessing.util._afterfork_registry, a WeakValueDictionary: `data` has KeyedRefs. */
void py_semlocks_read(struct runtime_site *site, struct py *py)
{
	struct py_objs *p = py->objs;
	uint64_t registry, dict, lock;
	uint32_t count;

	read_pickled(site, py);
	if (!py_module_get(py, 0, "multiprocessing.util", "_afterfork_registry", &registry) ||
	    !py_attr(p, registry, "data", &dict))
		return;
	count = py_len(p, dict);
	if (count > REGISTERED_MAX)
		return;
	_cleanup_free_ struct py_pair *pairs = xcalloc(count + 1, sizeof(*pairs));

	count = py_dict_pairs(p, dict, pairs, count);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t obj = py_deref(p, pairs[i].value);

		if (obj && py_derives(p, obj, "SemLock") && py_attr(p, obj, "_semlock", &lock))
			add_hold(site, py, py_untag(p, lock));
	}
}

/* ---- who waits for one ----------------------------------------------------------------------- */

static bool is_awaited(struct py_parked *x, uint64_t obj)
{
	struct py_semlock s;

	/* the value is the first word of a sem_t */
	return x->futex && py_semlock_read(x->site, x->py, obj, &s) && s.handle == x->futex;
}

static bool find_bare(struct py_parked *x)
{
	uint64_t obj = py_parked_find(x, is_awaited);
	struct py_semlock s;
	const char *name;
	bool lock;

	if (!obj || !py_semlock_read(x->site, x->py, obj, &s))
		return false;
	name = py_semlock_name(&s);
	lock = s.max == 1;
	py_parked_make(x, lock ? WAIT_MUTEX : WAIT_SEMAPHORE, name, 0);
	x->park.by = PARK_AS_SEEN;
	x->park.completion = lock;
	x->park.signals = !lock;
	py_parked_says(x, "waiting for %s", name);
	if (lock)
		model_add_expect(x->m,
				 (struct expect){ .thread = x->thread,
						  .kind = WORK_HOLD,
						  .number = s.place,
						  .vanishes = true,
						  .what = x->park.what },
				 NULL, 0);
	return true;
}

/* ---- what is made of them (Lib/multiprocessing/synchronize.py) ------------------------------- */

/* Is that the wrapper of the semaphore that the kernel's wait is for? */
static bool wraps(struct py_parked *x, uint64_t wrapper)
{
	return is_awaited(x, py_parked_attr(x, wrapper, "_semlock"));
}

/* One kind of object, known by the semaphore in it. */
static bool make(struct py_parked *x, enum wait_type kind, const char *what)
{
	py_parked_make(x, kind, what, 0);
	x->park.by = PARK_AS_SEEN;
	return true;
}

/* SemLock.__enter__() */
static bool find_enter(struct py_parked *x, const struct py_frame *f)
{
	return wraps(x, py_parked_local(x, f, "self"));
}

static bool find_condition(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");

	/* it has been notified, and is at the lock */
	if (wraps(x, py_parked_attr(x, self, "_lock")))
		return true;
	if (!wraps(x, py_parked_attr(x, self, "_wait_semaphore")))
		return false;
	make(x, WAIT_CONDVAR, "multiprocessing.Condition");
	py_parked_says(x, "waiting for multiprocessing.Condition to be notified");
	return true;
}

static bool find_event(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self"), cond = py_parked_attr(x, self, "_cond");

	if (!wraps(x, py_parked_attr(x, cond, "_wait_semaphore")))
		return false;
	make(x, WAIT_EVENT, "multiprocessing.Event");
	py_parked_says(x, "waiting for multiprocessing.Event to be set");
	return true;
}

static bool find_wait_for(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");

	return wraps(x, py_parked_attr(x, self, "_wait_semaphore"));
}

/* ---- queues (Lib/multiprocessing/queues.py) -------------------------------------------------- */

static bool find_get(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");
	const char *name = py_type_name(x->py->objs, self);

	if (wraps(x, py_parked_attr(x, self, "_rlock"))) {
		py_parked_says(x, "waiting for its turn to read a multiprocessing.%s", name);
		return true;
	}
	if (!x->what || strcmp(x->what, "multiprocessing.Connection") != 0)
		return false;
	py_parked_says(x, "%s for an item of a multiprocessing.%s",
		       model_str(x->m, model_wait(x->m, x->wait)->text), name);
	return true;
}

static bool find_put(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");
	const char *name = py_type_name(x->py->objs, self);

	if (wraps(x, py_parked_attr(x, self, "_wlock"))) {
		py_parked_says(x, "waiting for its turn to write to a multiprocessing.%s", name);
		return true;
	}
	if (!wraps(x, py_parked_attr(x, self, "_sem")))
		return false;
	make(x, WAIT_QUEUE_PUT, "multiprocessing.Queue");
	x->park.completion = true;
	py_parked_says(x, "waiting for room in a multiprocessing.%s that is full with %lld items",
		       name, (long long)py_parked_int(x, self, "_maxsize", 0));
	return true;
}

/* JoinableQueue.join(): the value of its other semaphore counts what is not done. */
static bool find_join(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");
	uint64_t left = py_parked_attr(x, py_parked_attr(x, self, "_unfinished_tasks"), "_semlock");
	uint64_t cond = py_parked_attr(x, self, "_cond");
	struct py_semlock s;
	uint32_t count;

	if (!wraps(x, py_parked_attr(x, cond, "_wait_semaphore")) ||
	    !py_semlock_read(x->site, x->py, left, &s))
		return false;
	count = py_mem_u32(x->py->mem, s.handle);
	make(x, WAIT_QUEUE_JOIN, "multiprocessing.JoinableQueue");
	x->park.completion = true;
	py_parked_says(x, "waiting for task_done() of %u item%s of a multiprocessing.%s", count,
		       count == 1 ? "" : "s", py_type_name(x->py->objs, self));
	jsonw_uint(&x->detail, "unfinished", count);
	return true;
}

/* The thread that writes what was put into a queue: at the pipe, or before it. */
static bool find_feed(struct py_parked *x, const struct py_frame *f)
{
	uint64_t buffer = py_parked_local(x, f, "buffer");
	uint64_t left = buffer ? py_mem_u64(x->py->mem, buffer + PY_OB_SIZE) : 0;

	if (wraps(x, py_parked_local(x, f, "writelock"))) {
		py_parked_says(x, "waiting for its turn to write to a multiprocessing.Queue");
		return true;
	}
	if (!x->what || strcmp(x->what, "multiprocessing.Connection") != 0)
		return false;
	py_parked_says(x, "%s what was put into a multiprocessing.Queue",
		       model_str(x->m, model_wait(x->m, x->wait)->text));
	jsonw_uint(&x->detail, "behind", left);
	return true;
}

/* The end of a process that has put something into a queue. */
static bool find_end(struct py_parked *x, const struct py_frame *f)
{
	(void)f;
	if (!x->what || strcmp(x->what, "threading.Thread") != 0 || !x->park.text)
		return false;
	py_parked_says(x, "%s, which writes what was put into a multiprocessing.Queue",
		       model_str(x->m, x->park.text));
	return true;
}

static const char synchronize[] = "/multiprocessing/synchronize.py";
static const char queues[] = "/multiprocessing/queues.py";

static const struct py_place places[] = {
	{ synchronize, "__enter__", find_enter },
	{ synchronize, "wait", find_condition },
	{ synchronize, "wait", find_event },
	{ synchronize, "wait_for", find_wait_for },
	{ queues, "get", find_get },
	{ queues, "put", find_put },
	{ queues, "join", find_join },
	{ queues, "_feed", find_feed },
	{ queues, "_finalize_join", find_end },
	{ 0 },
};

const struct py_lock_kind py_lock_semlock = {
	.name = "semlock",
	.places = places,
	.bare = find_bare,
};
