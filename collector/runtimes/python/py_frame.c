/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"
#include "runtimes/python/py_codes.h"
#include "runtimes/python/py_lines.h"

#include <string.h>

enum {
	NAMES_MAX = 4096,    /* local variables of one function */
	STACK_MAX = 1 << 16, /* slots of one frame */
	/* is_entry of 3.11, Include/internal/pycore_frame.h there */
	F_IS_ENTRY_311 = 68,
	OWNER_C = 3, /* FRAME_OWNED_BY_CSTACK; in 3.14 INTERPRETER, then CSTACK */
};

struct py_codes {
	VEC(struct py_code) at;
	struct map by_addr; /* address -> index */
};

/* ---- code ------------------------------------------------------------------------------------ */

struct py_codes *py_codes_new(void)
{
	return xcalloc(1, sizeof(struct py_codes));
}

void py_codes_free(struct py_codes *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->at.count; i++)
		free(c->at.at[i].table);
	vec_release(&c->at);
	map_release(&c->by_addr);
	free(c);
}

static void read_table(struct py_objs *p, uint64_t addr, struct py_code *code)
{
	uint64_t bytes = py_ref(p, addr + py_layout(p)->co_linetable);
	uint64_t size = bytes ? py_mem_u64(py_mem_in(p), bytes + PY_OB_SIZE) : 0;

	if (!size || size > PY_LINETABLE_MAX)
		return;
	code->table = xmalloc(size);
	code->table_len = py_bytes(p, bytes, code->table, size);
}

static void read_code(struct py_objs *p, uint64_t addr, struct py_code *code)
{
	const struct py_offsets *off = py_layout(p);

	if (!py_is(p, addr, "code"))
		return;
	code->name = py_str(p, py_ref(p, addr + off->co_name));
	if (off->co_qualname != PY_NONE)
		code->qualname = py_str(p, py_ref(p, addr + off->co_qualname));
	code->first_line = py_mem_u32(py_mem_in(p), addr + off->co_firstlineno);
	code->flags = py_mem_u32(py_mem_in(p), addr + off->co_flags);
	code->start = addr + off->co_code;
	read_table(p, addr, code);
	code->file = py_str(p, py_ref(p, addr + off->co_filename));
}

static struct py_code *code_at(struct py_codes *c, struct py_objs *p, uint64_t addr)
{
	struct py_code code = { .offset = -1 };
	uint32_t i;

	addr = py_untag(p, addr);
	if (!addr)
		return NULL;
	if (!map_find(&c->by_addr, addr, &i)) {
		read_code(p, addr, &code);
		i = c->at.count;
		*vec_push(&c->at) = code;
		map_put(&c->by_addr, addr, i);
	}
	return c->at.at[i].file ? &c->at.at[i] : NULL;
}

const struct py_code *py_codes_get(struct py_codes *c, struct py_objs *p, uint64_t addr)
{
	return code_at(c, p, addr);
}

/* Tasks of one kind mostly wait in the same line. */
static uint32_t line_of(const struct py *py, struct py_code *code, int64_t offset)
{
	if (offset < 0 || offset != code->offset) {
		code->line =
			py_line(py->minor, code->table, code->table_len, code->first_line, offset);
		code->offset = offset;
	}
	return code->line;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static uint64_t previous_of(struct py *py, uint64_t frame)
{
	uint64_t v = py_mem_u64(py->mem, frame + py_layout(py->objs)->f_previous);

	return v % 8 || v < PY_MEM_PAGE ? 0 : v;
}

/* PyFrame_GetLasti() in bytes. */
static int64_t offset_of(struct py *py, uint64_t frame, const struct py_code *code)
{
	uint64_t at = frame + py_layout(py->objs)->f_lasti;

	if (py->minor == 9)
		return (int32_t)py_mem_u32(py->mem, at);
	if (py->minor == 10)
		return (int64_t)(int32_t)py_mem_u32(py->mem, at) * 2;
	return (int64_t)(py_mem_u64(py->mem, at) - code->start);
}

static uint8_t owner_of(struct py *py, uint64_t frame)
{
	uint16_t at = py_layout(py->objs)->f_owner;

	return at == PY_NONE ? PY_OWNED_BY_OBJECT : py_mem_u8(py->mem, frame + at);
}

/* Did C call it, so that an evaluation loop of its own begins here? */
static bool is_entry(struct py *py, uint64_t frame)
{
	uint64_t previous;

	if (py->minor < 11)
		return true;
	if (py->minor == 11)
		return py_mem_u8(py->mem, frame + F_IS_ENTRY_311) != 0;
	previous = previous_of(py, frame);
	return !previous || owner_of(py, previous) >= OWNER_C;
}

/* By what its function is declared as. */
static uint8_t kind_of(uint32_t flags)
{
	return flags & PY_CO_COROUTINE	     ? SCRIPT_COROUTINE :
	       flags & PY_CO_ASYNC_GENERATOR ? SCRIPT_ASYNC_GENERATOR :
	       flags & PY_CO_GENERATOR	     ? SCRIPT_GENERATOR :
					       SCRIPT_FUNCTION;
}

bool py_frame_at(struct py *py, uint64_t addr, struct py_frame *f)
{
	uint64_t code = py_mem_u64(py->mem, addr + py_layout(py->objs)->f_code);
	struct py_code *c;

	if (py->minor >= 12 && owner_of(py, addr) >= OWNER_C)
		return false;
	c = code_at(py->codes, py->objs, code);
	if (!c)
		return false;
	*f = (struct py_frame){
		.addr = addr,
		.code = py_untag(py->objs, code),
		.file = c->file,
		.name = c->name,
		.qualname = c->qualname,
		.line = line_of(py, c, offset_of(py, addr, c)),
		.owner = owner_of(py, addr),
		.kind = kind_of(c->flags),
		.function = c->flags & PY_CO_OPTIMIZED,
		.entry = is_entry(py, addr),
	};
	return true;
}

uint32_t py_frames(struct py *py, uint64_t frame, struct py_frame *frames, uint32_t max,
		   const char **cut)
{
	uint32_t count = 0;

	*cut = NULL;
	/* one frame of C at most before each of Python, and two steps more see a circle of these */
	for (uint32_t step = 0; frame && step < 2 * max + 2; step++) {
		uint8_t owner = owner_of(py, frame);

		if (count == max)
			break;
		if (py_frame_at(py, frame, &frames[count])) {
			count++;
		} else if (py->minor < 12 || owner < OWNER_C) {
			*cut = "a frame makes no sense";
			return count;
		}
		frame = previous_of(py, frame);
	}
	if (frame)
		*cut = "there are more frames than are read";
	return count;
}

bool py_path_ends(const char *path, const char *end)
{
	size_t n = path ? strlen(path) : 0, k = strlen(end);

	return path && n >= k && !strcmp(path + n - k, end);
}

bool py_frame_is(const struct py *py, const struct py_frame *f, const char *file,
		 const char *function)
{
	const char *name = strtab_get(py_strings(py->objs), f->name);

	return (!function || (name && !strcmp(name, function))) &&
	       (!file || py_path_ends(strtab_get(py_strings(py->objs), f->file), file));
}

/* ---- locals ---------------------------------------------------------------------------------- */

/* The index of `name` in a tuple of names; -1: it is not there. */
static int32_t index_of(struct py *py, uint64_t tuple, const char *name)
{
	uint32_t n = py_len(py->objs, tuple);

	for (uint32_t i = 0; i < n && i < NAMES_MAX; i++)
		if (py_str_is(py->objs, py_item(py->objs, tuple, i), name))
			return (int32_t)i;
	return -1;
}

static uint64_t slot(struct py *py, const struct py_frame *f, uint32_t i)
{
	uint64_t at = f->addr + py_layout(py->objs)->f_locals + (uint64_t)i * 8;

	return py_uncell(py->objs, py_ref(py->objs, at));
}

/* Cells follow the plain locals there; an argument that became a cell is in both names. */
static uint64_t old_cell(struct py *py, const struct py_frame *f, const char *name)
{
	const struct py_offsets *off = py_layout(py->objs);
	uint64_t cells = py_ref(py->objs, f->code + off->co_cellvars);
	uint64_t frees = py_ref(py->objs, f->code + off->co_freevars);
	uint32_t plain = py_len(py->objs, py_ref(py->objs, f->code + off->co_varnames));
	uint32_t cell_count = py_len(py->objs, cells);
	int32_t i = index_of(py, cells, name);

	if (i >= 0)
		return slot(py, f, plain + (uint32_t)i);
	i = index_of(py, frees, name);
	return i >= 0 ? slot(py, f, plain + cell_count + (uint32_t)i) : 0;
}

bool py_frame_local(struct py *py, const struct py_frame *f, const char *name, uint64_t *value)
{
	const struct py_offsets *off = py_layout(py->objs);
	int32_t i = index_of(py, py_ref(py->objs, f->code + off->co_varnames), name);
	uint64_t v = i >= 0 ? slot(py, f, (uint32_t)i) : 0;

	if (!v && py->minor < 11)
		v = old_cell(py, f, name);
	if (v)
		*value = v;
	return v != 0;
}

uint64_t py_frame_value(struct py *py, const struct py_frame *f, const char *name)
{
	uint64_t value;

	return py_frame_local(py, f, name, &value) && !py_is_none(py->objs, value) ? value : 0;
}

/* A list that is being filled. */
struct locals {
	struct py_local *at;
	uint32_t count, max, more;
};

static void add_local(struct locals *l, uint64_t name, uint64_t value)
{
	if (l->count < l->max)
		l->at[l->count++] = (struct py_local){ name, value };
	else
		l->more++;
}

/* The variables whose names are in a tuple and whose slots begin with number `from`. */
static void add_slots(struct py *py, const struct py_frame *f, uint16_t names, uint32_t *from,
		      struct locals *l)
{
	uint64_t tuple = py_ref(py->objs, f->code + names);
	uint32_t n = py_len(py->objs, tuple);

	for (uint32_t i = 0; i < n && i < NAMES_MAX; i++) {
		uint64_t name = py_item(py->objs, tuple, i), value = slot(py, f, *from + i);

		if (value && py_has_flag(py->objs, name, PY_IS_STR))
			add_local(l, name, value);
	}
	*from += n;
}

/* What modules, classes and exec() have instead: a dict. What they define or import is left out. */
static void add_namespace(struct py *py, const struct py_frame *f, struct locals *l)
{
	uint64_t dict = py_ref(py->objs, f->addr + py_layout(py->objs)->f_namespace);
	uint32_t n = py_len(py->objs, dict);

	n = n < NAMES_MAX ? n : NAMES_MAX;
	_cleanup_free_ struct py_pair *pairs = xcalloc(n + 1u, sizeof(*pairs));

	n = py_dict_pairs(py->objs, dict, pairs, n);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t value = pairs[i].value;

		if (strncmp(py_text(py->objs, pairs[i].key), "__", 2) != 0 &&
		    py_has_flag(py->objs, pairs[i].key, PY_IS_STR) &&
		    !py_derives(py->objs, value, "module") &&
		    !py_derives(py->objs, value, "type") && !py_is(py->objs, value, "function") &&
		    !py_is(py->objs, value, "builtin_function_or_method"))
			add_local(l, pairs[i].key, value);
	}
}

uint32_t py_frame_locals(struct py *py, const struct py_frame *f, struct py_local *list,
			 uint32_t max, uint32_t *more)
{
	const struct py_offsets *off = py_layout(py->objs);
	struct locals l = { .at = list, .max = max };
	uint32_t from = 0;

	if (!f->function) {
		add_namespace(py, f, &l);
	} else {
		add_slots(py, f, off->co_varnames, &from, &l);
		if (py->minor < 11) {
			add_slots(py, f, off->co_cellvars, &from, &l);
			add_slots(py, f, off->co_freevars, &from, &l);
		}
	}
	*more = l.more;
	return l.count;
}

/* ---- generators ------------------------------------------------------------------------------ */

/* Address behind the last value of the stack; 0: it is empty, or makes no sense. */
static uint64_t stack_end(struct py *py, uint64_t frame)
{
	const struct py_offsets *off = py_layout(py->objs);
	uint64_t locals = frame + off->f_locals, end;
	int32_t depth;

	if (py->minor == 9 || py->minor >= 14) {
		end = py_mem_u64(py->mem, frame + off->f_stack);
		return end > locals && end - locals <= STACK_MAX * 8 && end % 8 == 0 ? end : 0;
	}
	depth = (int32_t)py_mem_u32(py->mem, frame + off->f_stack);
	if (depth <= 0 || depth > STACK_MAX)
		return 0;
	if (py->minor == 10)
		locals = py_mem_u64(py->mem, frame + off->f_valuestack);
	return locals + (uint64_t)depth * 8;
}

uint64_t py_frame_top(struct py *py, uint64_t frame)
{
	uint64_t end = stack_end(py, frame), top;

	if (!end)
		return 0;
	top = py_ref(py->objs, end - 8);
	/* 3.15 keeps NULL or a number on top of the object that it iterates. */
	return top || py->minor < 15 ? top : py_ref(py->objs, end - 16);
}

/* gi_frame_state: enum _framestate of pycore_frame.h, renumbered twice. */
static uint8_t state_of(uint32_t minor, int8_t state)
{
	if (minor >= 15)
		return state < 0 || state > 5 ? PY_GEN_UNKNOWN :
		       state == 0	      ? PY_GEN_CREATED :
		       state == 1	      ? PY_GEN_SUSPENDED :
		       state <= 3	      ? PY_GEN_AWAITING :
		       state == 4	      ? PY_GEN_RUNNING :
						PY_GEN_DONE;
	if (state > 0)
		return PY_GEN_DONE;
	if (state == 0)
		return PY_GEN_RUNNING;
	if (minor >= 13)
		return state == -1 ? PY_GEN_AWAITING :
		       state == -2 ? PY_GEN_SUSPENDED :
				     PY_GEN_CREATED;
	return state == -1 ? PY_GEN_SUSPENDED : PY_GEN_CREATED;
}

/* Before 3.11 a frame is an object: gone when done, and without a state in 3.9. */
static void old_gen(struct py *py, uint64_t gen, struct py_gen *ret)
{
	const struct py_offsets *off = py_layout(py->objs);

	ret->frame = py_ref(py->objs, gen + off->gen_frame);
	ret->state = PY_GEN_DONE;
	if (!ret->frame)
		return;
	/* gi_running, behind the pointer to the frame: 3.9 only */
	if (py->minor == 9 && py_mem_u8(py->mem, gen + off->gen_frame + 8))
		ret->state = PY_GEN_RUNNING;
	else if (py->minor == 9)
		ret->state = (int32_t)py_mem_u32(py->mem, ret->frame + off->f_lasti) < 0 ?
				     PY_GEN_CREATED :
				     PY_GEN_SUSPENDED;
	else
		ret->state = state_of(py->minor,
				      (int8_t)py_mem_u8(py->mem, ret->frame + off->gen_state));
}

bool py_gen_open(struct py *py, uint64_t gen, struct py_gen *ret)
{
	const struct py_offsets *off = py_layout(py->objs);

	gen = py_untag(py->objs, gen);
	if (!py_is(py->objs, gen, "coroutine") && !py_is(py->objs, gen, "generator") &&
	    !py_is(py->objs, gen, "async_generator"))
		return false;
	*ret = (struct py_gen){ .frame = 0 };
	if (py->minor < 11) {
		old_gen(py, gen, ret);
		return true;
	}
	ret->state = state_of(py->minor, (int8_t)py_mem_u8(py->mem, gen + off->gen_state));
	if (ret->state != PY_GEN_DONE)
		ret->frame = gen + off->gen_frame;
	return true;
}
