/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/common_pages.h"

#include "model/frames.h"
#include "model/from_read.h"
#include "model/tasks.h"
#include "read/mem.h"
#include "read/reader.h"
#include "runtimes/python/py_mem.h"
#include "runtimes/runtime.h"

#include <errno.h>

extern const struct runtime runtime_cpython;

struct page {
	uint8_t bytes[PY_MEM_PAGE];
};

struct pages {
	int32_t tgid;
	struct reader *reader;
	struct snapshot *snap;
	struct maps *maps;
	struct runtimes *all;
	struct mem *mem; /* NULL: only what was kept is there */
	VEC(uint64_t) addresses;
	VEC(struct page) kept;
	VEC(struct page) now;
	VEC(uint32_t) changed; /* pages that are not as they were */
	struct map by_address; /* page -> number */
};

/* clang-format off */
const char pages_program[] =
	"import asyncio, os, queue, sys, threading, time\n"
	"r, w = os.pipe()\n"
	"class Slots:\n"
	"  __slots__ = ('task', 'name')\n"
	"class Plain: pass\n"
	"def gen(number, data):\n"
	"  try: raise KeyError('in a generator')\n"
	"  except KeyError: yield os.read(r, 1)\n"
	"def generates():\n"
	"  s, p = Slots(), Plain()\n"
	"  s.task, s.name, p.other = [1, 2.5, 'x' * 99], {'a': 1, 'b': {2, 3}}, s\n"
	"  for x in gen(2 ** 80, {'s': s, 5: p, 'g': (i for i in 'ab'), 'c': b'bytes'}): pass\n"
	"lock, rlock, condition, q = threading.Lock(), threading.RLock(), threading.Condition(), "
	"queue.Queue()\n"
	"lock.acquire(); rlock.acquire()\n"
	"def waits():\n"
	"  with condition: condition.wait()\n"
	"async def leaf(n, future):\n"
	"  mine = ['value', n]\n"
	"  print('locals%d' % n, id(mine))\n"
	"  try: raise ValueError('task %d' % n)\n"
	"  except ValueError as e:\n"
	"    print('error%d' % n, id(e))\n"
	"    await future\n"
	"async def below(n, future):\n"
	"  coro = leaf(n, future)\n"
	"  print('coro%d' % n, id(coro))\n"
	"  await coro\n"
	"async def main():\n"
	"  for n in range(12):\n"
	"    task = asyncio.ensure_future(below(n, asyncio.get_running_loop().create_future()))\n"
	"    print('task%d' % n, id(task))\n"
	"    Keep.tasks.append(task)\n"
	"  await asyncio.sleep(0)\n"
	"  held = asyncio.Lock()\n"
	"  await held.acquire()\n"
	"  await held.acquire()\n"
	"class Keep: tasks = []\n"
	"async def trio_child(event):\n"
	"  with trio.CancelScope(shield=True): await event.wait()\n"
	"async def trio_main():\n"
	"  async with trio.open_nursery() as nursery:\n"
	"    for n in range(5): nursery.start_soon(trio_child, trio.Event(), name='child%d' % n)\n"
	"    send, receive = trio.open_memory_channel(0)\n"
	"    nursery.start_soon(receive.receive)\n"
	"try: import trio\n"
	"except ImportError: trio = None\n"
	"jobs = [generates, lock.acquire, rlock.acquire, waits, q.get]\n"
	"jobs.append(lambda: asyncio.run(main()))\n"
	"if trio: jobs.append(lambda: trio.run(trio_main))\n"
	"threads = [threading.Thread(target=job) for job in jobs]\n"
	"for t in threads: t.start()\n"
	"def stands(t):\n"
	"  return open('/proc/self/task/%d/syscall' % t.native_id).read().split()[0] in "
	"('0', '202', '230', '232', '281')\n"
	"def times(): return [open('/proc/self/task/%d/schedstat' % t.native_id).read()\n"
	"                     for t in threads]\n"
	"before = None\n"
	"while before != times() or not all(stands(t) for t in threads) or len(Keep.tasks) < 12:\n"
	"  before = times()\n"
	"  time.sleep(0.05)\n"
	"print('done', flush=True)\n"
	"sys.stdin.read(1)\n";
/* clang-format on */

/* ---- pages ----------------------------------------------------------------------------------- */

static int read_page(void *arg, uint64_t page, void *buf)
{
	struct pages *p = arg;
	uint32_t at;
	int rc;

	if (map_find(&p->by_address, page, &at)) {
		memcpy(buf, p->now.at[at].bytes, PY_MEM_PAGE);
		return 0;
	}
	rc = p->mem ? mem_read(p->mem, page, buf, PY_MEM_PAGE) : -EFAULT;
	if (rc < 0)
		return rc;
	map_put(&p->by_address, page, p->kept.count);
	*vec_push(&p->addresses) = page;
	memcpy(vec_push(&p->kept)->bytes, buf, PY_MEM_PAGE);
	memcpy(vec_push(&p->now)->bytes, buf, PY_MEM_PAGE);
	return 0;
}

struct pages *pages_of(int32_t tgid)
{
	const struct read_scope scope = { .roots = &tgid, .root_count = 1 };
	struct pages *p = xcalloc(1, sizeof(*p));
	struct snag_error err = SNAG_ERROR_INIT;
	struct model *m;
	bool found;

	p->tgid = tgid;
	p->all = runtimes_new();
	if (reader_open("procfs", &p->reader, &err) < 0 ||
	    reader_begin(p->reader, &scope, &p->snap, &err) < 0 ||
	    reader_files(p->reader, p->snap, &err) < 0 ||
	    maps_read(tgid, false, &p->maps, &err) < 0) {
		pages_free(p);
		return NULL;
	}
	p->mem = mem_new(tgid, false);
	m = pages_read(p);
	found = m->script_frames.count;
	model_free(m);
	mem_free(p->mem);
	p->mem = NULL;
	if (found)
		return p;
	pages_free(p);
	return NULL;
}

void pages_free(struct pages *p)
{
	if (!p)
		return;
	runtimes_free(p->all);
	maps_free(p->maps);
	snapshot_free(p->snap);
	reader_free(p->reader);
	mem_free(p->mem);
	vec_release(&p->addresses);
	vec_release(&p->kept);
	vec_release(&p->now);
	vec_release(&p->changed);
	map_release(&p->by_address);
	free(p);
}

struct model *pages_read(struct pages *p)
{
	struct model *m = model_new();
	struct runtime_site site = { .all = p->all,
				     .snap = p->snap,
				     .model = m,
				     .process = snapshot_process(p->snap, p->tgid),
				     .maps = p->maps,
				     .locals = true,
				     .pages = read_page,
				     .pages_arg = p };
	void *kept = NULL;

	model_from_read(m, p->snap);
	site.actor = model_find_pid(m, p->tgid);
	/* locks are told of threads that wait for something */
	for (uint32_t i = 1; i <= m->threads.count; i++)
		model_thread(m, i)->wait = model_add_wait(m, i, 0);
	if (runtime_cpython.read(&site, &kept) && kept) {
		runtime_cpython.read_waits(kept);
		runtime_cpython.release(kept);
	}
	return m;
}

uint32_t pages_count(const struct pages *p)
{
	return p->kept.count;
}

uint64_t pages_at(const struct pages *p, uint32_t i)
{
	return p->addresses.at[i];
}

/* The words of a page are not split. */
static uint8_t *word_at(const struct pages *p, uint64_t addr, uint32_t *page)
{
	uint64_t offset = addr % PY_MEM_PAGE;

	if (offset > PY_MEM_PAGE - 8 || !map_find(&p->by_address, addr - offset, page))
		return NULL;
	return p->now.at[*page].bytes + offset;
}

bool pages_get(const struct pages *p, uint64_t addr, uint64_t *value)
{
	uint32_t page;
	const uint8_t *at = word_at(p, addr, &page);

	if (at)
		memcpy(value, at, sizeof(*value));
	return at;
}

bool pages_put(struct pages *p, uint64_t addr, uint64_t value)
{
	uint32_t page;
	uint8_t *at = word_at(p, addr, &page);

	if (!at)
		return false;
	memcpy(at, &value, sizeof(value));
	*vec_push(&p->changed) = page;
	return true;
}

void pages_undo(struct pages *p)
{
	while (p->changed.count) {
		uint32_t page = p->changed.at[--p->changed.count];

		memcpy(p->now.at[page].bytes, p->kept.at[page].bytes, PY_MEM_PAGE);
	}
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void add_values(const struct model *m, const struct script_values *v, struct strbuf *out)
{
	for (uint32_t i = 0; i < v->count; i++) {
		const struct script_local *l = &m->locals.at[v->first + i];

		strbuf_addf(out, " %s=%s:%s", model_str(m, l->name), model_str(m, l->type),
			    model_str(m, l->value));
	}
}

static void add_exceptions(const struct model *m, uint32_t thread, uint32_t task,
			   struct strbuf *out)
{
	uint32_t count;
	const struct script_exception *e = model_exceptions(m, thread, task, &count);

	for (uint32_t i = 0; i < count; i++)
		strbuf_addf(out, " !%s:%s", model_str(m, e[i].type), model_str(m, e[i].text));
}

static void add_thread(const struct model *m, uint32_t id, struct strbuf *out)
{
	const struct thread *t = model_thread(m, id);
	uint32_t count;
	const struct script_frame *f = model_script_frames(m, id, &count);

	strbuf_addf(out, "thread %d %s %s", t->tid, model_str(m, t->script.title),
		    model_str(m, t->script.why));
	for (uint32_t i = 0; i < count; i++) {
		strbuf_addf(out, " | %s %s:%u %u", model_str(m, f[i].function),
			    model_str(m, f[i].file), f[i].line, f[i].kind);
		add_values(m, &f[i].locals, out);
	}
	add_exceptions(m, id, 0, out);
	for (uint32_t i = 0; i < m->parks.count; i++)
		if (m->parks.at[i].thread == id)
			strbuf_addf(out, " lock %s", model_str(m, m->parks.at[i].detail));
}

static void add_task(const struct model *m, uint32_t id, struct strbuf *out)
{
	const struct task *t = model_task(m, id);
	uint32_t count;
	const struct task_frame *f = model_task_frames(m, id, &count);

	strbuf_addf(out, "task 0x%llx %s %u %s", (unsigned long long)t->address,
		    model_str(m, t->name), t->state, model_str(m, t->stack_why));
	for (uint32_t i = 0; i < count; i++) {
		strbuf_addf(out, " | %s %s:%u", model_str(m, f[i].function),
			    model_str(m, f[i].file), f[i].line);
		add_values(m, &f[i].locals, out);
	}
	add_exceptions(m, 0, id, out);
	for (uint32_t i = 0; i < m->awaits.count; i++)
		if (m->awaits.at[i].task == id)
			strbuf_addf(out, " awaits %u %s", m->awaits.at[i].kind,
				    model_str(m, m->awaits.at[i].label));
}

void pages_lines(const struct model *m, struct strbuf *out)
{
	for (uint32_t i = 1; i <= m->threads.count; i++) {
		add_thread(m, i, out);
		strbuf_addc(out, '\n');
	}
	for (uint32_t i = 1; i <= m->tasks.count; i++) {
		add_task(m, i, out);
		strbuf_addc(out, '\n');
	}
}
