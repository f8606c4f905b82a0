/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_python.c - the memory of an interpreter, with anything in it.
 *
 * A live python3 is read once, and every page that this takes is kept; $SNAG_PYTHON names another
 * one. Input: records of 12 bytes, each of which puts something into a page: a place (page, offset)
 * and a value, or the address of another place. Then all is read again from these pages.
 */
#include "runtimes/python/py.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"
#include "read/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { RECORD = 12, RECORDS_MAX = 32, LOCALS = 4, ITEMS = 64, DEPTH = 3 };

/* Sleeps below a generator and a coroutine, and has objects of all kinds in its locals. */
static const char script[] =
	"import ctypes, sys, threading, time\n"
	"class S:\n"
	"  __slots__ = ('task', 'name')\n"
	"class P: pass\n"
	"def gen(a, b, c, d):\n"
	"  cell = a\n"
	"  def inner(): return cell\n"
	"  print(sys.version_info[1], ctypes.addressof(\n"
	"    ctypes.c_char.in_dll(ctypes.pythonapi, '_PyRuntime')), flush=True)\n"
	"  time.sleep(1e6)\n"
	"  yield 1\n"
	"async def awaits(): await waits()\n"
	"async def waits(): await other()\n"
	"class other:\n"
	"  def __await__(self): yield 7\n"
	"s = S(); s.task = [1, 2.5, 'x' * 99]; s.name = {'a': 1, 'b': {2, 3}}\n"
	"p = P(); p.task = s; p.name = '\\u6f22'; q = P(); q.task = (1, s)\n"
	"c = awaits(); c.send(None)\n"
	"threading.Thread(target=time.sleep, args=(1e6,)).start()\n"
	"for x in gen(s, p, c, {'k': q, 5: p}): pass\n";

struct page {
	uint8_t bytes[PY_MEM_PAGE];
};

/* What was read of the interpreter. */
static VEC(struct page) pages;
static VEC(uint64_t) addresses;
static struct map by_address;
static uint64_t runtime;
static uint32_t minor;
static struct mem *live;
static struct page *copy; /* what the input has made of it */

static int read_live(void *arg, uint64_t page, void *buf)
{
	int rc = mem_read(live, page, buf, PY_MEM_PAGE);

	(void)arg;
	if (rc < 0)
		return rc;
	map_put(&by_address, page, pages.count);
	*vec_push(&addresses) = page;
	memcpy(vec_push(&pages)->bytes, buf, PY_MEM_PAGE);
	return 0;
}

static int read_copy(void *arg, uint64_t page, void *buf)
{
	uint32_t at;

	(void)arg;
	if (!map_find(&by_address, page, &at))
		return -EFAULT;
	memcpy(buf, copy[at].bytes, PY_MEM_PAGE);
	return 0;
}

/* ---- reading all that there is --------------------------------------------------------------- */

static void look_at(struct py *py, uint64_t obj, int depth)
{
	static const char *const names[] = { "task", "name", "a", "_name", "k" };
	struct py_objs *p = py->objs;
	struct py_pair pairs[ITEMS];
	uint64_t items[ITEMS], v;
	struct py_gen gen;
	uint8_t bytes[64];
	uint32_t count;
	int64_t number;
	double real;

	py_type_name(p, obj);
	py_text(p, obj);
	py_int(p, obj, &number);
	py_float(p, obj, &real);
	py_bytes(p, obj, bytes, sizeof(bytes));
	py_deref(p, py_uncell(p, obj));
	py_dict_pairs(p, obj, pairs, ITEMS);
	if (py_gen_open(py, obj, &gen) && gen.frame) {
		struct py_frame f;

		py_frame_at(py, gen.frame, &f);
		v = py_frame_top(py, gen.frame);
		if (v && depth)
			look_at(py, v, depth - 1);
	}
	for (size_t i = 0; depth && i < sizeof(names) / sizeof(*names); i++)
		if (py_attr(p, obj, names[i], &v) || py_dict_get(p, obj, names[i], &v))
			look_at(py, v, depth - 1);
	count = py_items(p, obj, items, ITEMS);
	for (uint32_t i = 0; depth && i < count && i < LOCALS; i++)
		look_at(py, items[i], depth - 1);
}

static void read_all(struct py_mem *mem)
{
	static const char *const locals[LOCALS] = { "a", "b", "c", "d" };
	static struct py_frame frames[PY_FRAMES_MAX];
	const char *why = NULL, *cut;
	_cleanup_py_ struct py *py = py_open(mem, runtime, minor, &why);
	uint64_t v;

	if (!py)
		return;
	for (uint32_t i = 0; i < py->thread_count && i < 64; i++) {
		uint32_t n = py_frames(py, py->threads[i].frame, frames, PY_FRAMES_MAX, &cut);

		for (uint32_t k = 0; k < n && k < 16; k++)
			for (int l = 0; l < LOCALS; l++)
				if (py_frame_local(py, &frames[k], locals[l], &v))
					look_at(py, v, DEPTH);
	}
	for (uint32_t i = 0; i < py->interpreter_count && i < 4; i++)
		if (py_module_get(py, i, "threading", "_active", &v))
			look_at(py, v, DEPTH);
}

/* ---- the interpreter ------------------------------------------------------------------------- */

static pid_t start(void)
{
	const char *python = getenv("SNAG_PYTHON");
	unsigned long long at = 0;
	int out[2];
	FILE *f;
	pid_t pid;

	if (pipe(out) < 0)
		abort();
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		python = python ? python : "python3";
		execlp(python, python, "-c", script, (char *)NULL);
		_exit(1);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	if (pid < 0 || !f || fscanf(f, "%u %llu", &minor, &at) != 2)
		abort();
	fclose(f);
	runtime = at;
	return pid;
}

/* Wait until it is in clock_nanosleep, select or pselect6: then its memory is of one moment. */
static void await_sleep(pid_t pid)
{
	char path[64], text[64] = "";
	int nr = 0;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	while (nr != 230 && nr != 23 && nr != 270) {
		FILE *f = fopen(path, "re");

		if (!f || !fgets(text, sizeof(text), f))
			abort();
		fclose(f);
		nr = atoi(text);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	pid_t pid = start();
	struct py_mem *mem = py_mem_new(read_live, NULL);

	(void)argc;
	(void)argv;
	await_sleep(pid);
	live = mem_new(pid, false);
	read_all(mem);
	py_mem_free(mem);
	mem_free(live);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* frames, threads, types, objects: less than that is no walk */
	if (pages.count < 20)
		abort();
	copy = xcalloc(pages.count, sizeof(*copy));
	return 0;
}

/* ---- the input ------------------------------------------------------------------------------- */

static void put(const uint8_t *record)
{
	uint16_t page, offset;
	uint64_t value;

	memcpy(&page, record, 2);
	memcpy(&offset, record + 2, 2);
	memcpy(&value, record + 4, 8);
	/* the highest bit: a pointer to some other place */
	if (offset & 0x8000)
		value = addresses.at[(value >> 16) % addresses.count] + (value & 0xff8);
	memcpy(copy[page % pages.count].bytes + (offset & 0xff8), &value, sizeof(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct py_mem *mem;

	memcpy(copy, pages.at, pages.count * sizeof(*copy));
	for (size_t i = 0; i + RECORD <= size && i < RECORDS_MAX * RECORD; i += RECORD)
		put(data + i);
	mem = py_mem_new(read_copy, NULL);
	read_all(mem);
	py_mem_free(mem);
	return 0;
}
