/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_offsets.h"

#include <string.h>

/* clang-format off */
static const struct py_offsets tables[] = {
	{
		.minor = 9,
		.rt_interpreters = 32, .rt_gil = 352, .is_next = 0, .is_id = 24,
		.is_threads = 8, .is_modules = 856, .is_collecting = 816,
		.is_gil = PY_NONE, .ts_next = 8, .ts_interp = 16, .ts_ident = 176,
		.ts_native = PY_NONE, .ts_dict = 152, .ts_frame = 24,
		.cframe_current = PY_NONE, .f_previous = 24, .f_code = 32, .f_lasti = 104,
		.f_owner = PY_NONE, .f_stack = 72, .f_locals = 360,
		.f_valuestack = PY_NONE, .gen_frame = 16, .gen_state = PY_NONE,
		.gen_name = 48, .co_filename = 104, .co_name = 112, .co_qualname = PY_NONE,
		.co_firstlineno = 40, .co_linetable = 120, .co_varnames = 72,
		.co_cellvars = 88, .co_freevars = 80, .co_code = 48, .str_ascii = 48,
		.str_compact = 72, .tuple_items = 24, .type_cached_keys = 864,
		.values_items = 0,
		.ts_raised = 88, .ts_exc_info = 144, .ei_value = 8, .ei_previous = 24,
		.gen_exc = 64, .co_flags = 36, .f_namespace = 56,
	},
	{
		.minor = 10,
		.rt_interpreters = 32, .rt_gil = 352, .is_next = 0, .is_id = 24,
		.is_threads = 8, .is_modules = 856, .is_collecting = 816,
		.is_gil = PY_NONE, .ts_next = 8, .ts_interp = 16, .ts_ident = 176,
		.ts_native = PY_NONE, .ts_dict = 152, .ts_frame = 24,
		.cframe_current = PY_NONE, .f_previous = 24, .f_code = 32, .f_lasti = 96,
		.f_owner = PY_NONE, .f_stack = 80, .f_locals = 352, .f_valuestack = 64,
		.gen_frame = 16, .gen_state = 108, .gen_name = 40, .co_filename = 104,
		.co_name = 112, .co_qualname = PY_NONE, .co_firstlineno = 40,
		.co_linetable = 120, .co_varnames = 72, .co_cellvars = 88,
		.co_freevars = 80, .co_code = 48, .str_ascii = 48, .str_compact = 72,
		.tuple_items = 24, .type_cached_keys = 872, .values_items = 0,
		.ts_raised = 88, .ts_exc_info = 144, .ei_value = 8, .ei_previous = 24,
		.gen_exc = 56, .co_flags = 36, .f_namespace = 56,
	},
	{
		.minor = 11,
		.rt_interpreters = 40, .rt_gil = 360, .is_next = 0, .is_id = 48,
		.is_threads = 16, .is_modules = 888, .is_collecting = 848,
		.is_gil = PY_NONE, .ts_next = 8, .ts_interp = 16, .ts_ident = 152,
		.ts_native = 160, .ts_dict = 128, .ts_frame = 56, .cframe_current = 8,
		.f_previous = 48, .f_code = 32, .f_lasti = 56, .f_owner = 69,
		.f_stack = 64, .f_locals = 72, .f_valuestack = PY_NONE, .gen_frame = 80,
		.gen_state = 75, .gen_name = 32, .co_filename = 112, .co_name = 120,
		.co_qualname = 128, .co_firstlineno = 72, .co_linetable = 136,
		.co_varnames = 96, .co_cellvars = PY_NONE, .co_freevars = PY_NONE,
		.co_code = 184, .str_ascii = 48, .str_compact = 72, .tuple_items = 24,
		.type_cached_keys = 872, .values_items = 0,
		.ts_raised = 96, .ts_exc_info = 120, .ei_value = 0, .ei_previous = 8,
		.gen_exc = 48, .co_flags = 48, .f_namespace = 24,
	},
	{
		.minor = 12,
		.rt_interpreters = 40, .rt_gil = PY_NONE, .is_next = 0, .is_id = 8,
		.is_threads = 72, .is_modules = 944, .is_collecting = 312, .is_gil = 384,
		.ts_next = 8, .ts_interp = 16, .ts_ident = 136, .ts_native = 144,
		.ts_dict = 112, .ts_frame = 56, .cframe_current = 0, .f_previous = 8,
		.f_code = 0, .f_lasti = 56, .f_owner = 70, .f_stack = 64, .f_locals = 72,
		.f_valuestack = PY_NONE, .gen_frame = 72, .gen_state = 67, .gen_name = 24,
		.co_filename = 112, .co_name = 120, .co_qualname = 128,
		.co_firstlineno = 68, .co_linetable = 136, .co_varnames = 96,
		.co_cellvars = PY_NONE, .co_freevars = PY_NONE, .co_code = 192,
		.str_ascii = 40, .str_compact = 56, .tuple_items = 24,
		.type_cached_keys = 880, .values_items = 0,
		.ts_raised = 96, .ts_exc_info = 104, .ei_value = 0, .ei_previous = 8,
		.gen_exc = 40, .co_flags = 48, .f_namespace = 40,
	},
	{
		.minor = 13,
		.rt_interpreters = 632, .rt_gil = PY_NONE, .is_next = 7264, .is_id = 7272,
		.is_threads = 7344, .is_modules = 7656, .is_collecting = 7600,
		.is_gil = 16, .ts_next = 8, .ts_interp = 16, .ts_ident = 152,
		.ts_native = 160, .ts_dict = 128, .ts_frame = 72,
		.cframe_current = PY_NONE, .f_previous = 8, .f_code = 0, .f_lasti = 56,
		.f_owner = 70, .f_stack = 64, .f_locals = 72, .f_valuestack = PY_NONE,
		.gen_frame = 72, .gen_state = 67, .gen_name = 24, .co_filename = 112,
		.co_name = 120, .co_qualname = 128, .co_firstlineno = 68,
		.co_linetable = 136, .co_varnames = 96, .co_cellvars = PY_NONE,
		.co_freevars = PY_NONE, .co_code = 200, .str_ascii = 40, .str_compact = 56,
		.tuple_items = 24, .type_cached_keys = 880, .values_items = 8,
		.ts_raised = 112, .ts_exc_info = 120, .ei_value = 0, .ei_previous = 8,
		.gen_exc = 40, .co_flags = 48, .f_namespace = 40,
	},
	{
		.minor = 14,
		.rt_interpreters = 808, .rt_gil = PY_NONE, .is_next = 7272, .is_id = 7280,
		.is_threads = 7344, .is_modules = 7688, .is_collecting = 7600,
		.is_gil = 16, .ts_next = 8, .ts_interp = 16, .ts_ident = 152,
		.ts_native = 160, .ts_dict = 128, .ts_frame = 72,
		.cframe_current = PY_NONE, .f_previous = 8, .f_code = 0, .f_lasti = 56,
		.f_owner = 74, .f_stack = 64, .f_locals = 80, .f_valuestack = PY_NONE,
		.gen_frame = 72, .gen_state = 67, .gen_name = 24, .co_filename = 112,
		.co_name = 120, .co_qualname = 128, .co_firstlineno = 68,
		.co_linetable = 136, .co_varnames = 96, .co_cellvars = PY_NONE,
		.co_freevars = PY_NONE, .co_code = 208, .str_ascii = 40, .str_compact = 56,
		.tuple_items = 32, .type_cached_keys = 880, .values_items = 8,
		.ts_raised = 112, .ts_exc_info = 120, .ei_value = 0, .ei_previous = 8,
		.gen_exc = 40, .co_flags = 48, .f_namespace = 40,
	},
	{
		.minor = 15,
		.rt_interpreters = 936, .rt_gil = PY_NONE, .is_next = 7264, .is_id = 7272,
		.is_threads = 7336, .is_modules = 7592, .is_collecting = 7512,
		.is_gil = 16, .ts_next = 8, .ts_interp = 16, .ts_ident = 176,
		.ts_native = 184, .ts_dict = 152, .ts_frame = 72,
		.cframe_current = PY_NONE, .f_previous = 8, .f_code = 0, .f_lasti = 56,
		.f_owner = 74, .f_stack = 64, .f_locals = 80, .f_valuestack = PY_NONE,
		.gen_frame = 72, .gen_state = 67, .gen_name = 24, .co_filename = 112,
		.co_name = 120, .co_qualname = 128, .co_firstlineno = 68,
		.co_linetable = 136, .co_varnames = 96, .co_cellvars = PY_NONE,
		.co_freevars = PY_NONE, .co_code = 208, .str_ascii = 40, .str_compact = 56,
		.tuple_items = 32, .type_cached_keys = 888, .values_items = 8,
		.ts_raised = 136, .ts_exc_info = 144, .ei_value = 0, .ei_previous = 8,
		.gen_exc = 40, .co_flags = 48, .f_namespace = 40,
	},
};

enum word_kind {
	SKIP,		/* of no use here */
	SIZE,		/* of the structure: what follows is less */
	FIELD,		/* `at` is where it goes in struct py_offsets */
	EQUAL,		/* must be `at`, as ever */
	GC, COLLECTING,	/* two that are added */
};

/*
 * The u64 words behind the head of struct _Py_DebugOffsets, in order, and the minor version that
 * brought each (Include/internal/pycore_debug_offsets.h; in 3.13 pycore_runtime.h).
 */
static const struct word {
	uint8_t since, kind;
	uint16_t at;
} words[] = {
	/* runtime_state */
	{ 13, SIZE, 0 },
	{ 13, SKIP, 0 }, /* finalizing */
	{ 13, FIELD, offsetof(struct py_offsets, rt_interpreters) },
	/* interpreter_state */
	{ 13, SIZE, 0 },
	{ 13, FIELD, offsetof(struct py_offsets, is_id) },
	{ 13, FIELD, offsetof(struct py_offsets, is_next) },
	{ 13, FIELD, offsetof(struct py_offsets, is_threads) },
	{ 14, SKIP, 0 }, /* threads_main */
	{ 13, GC, 0 },
	{ 13, FIELD, offsetof(struct py_offsets, is_modules) },
	{ 13, SKIP, 0 }, /* sysdict */
	{ 13, SKIP, 0 }, /* builtins */
	{ 13, FIELD, offsetof(struct py_offsets, is_gil) },
	{ 13, SKIP, 0 }, /* gil_runtime_state */
	{ 13, SKIP, 0 }, /* gil_runtime_state_enabled */
	{ 13, SKIP, 0 }, /* gil_runtime_state_locked */
	{ 13, SKIP, 0 }, /* gil_runtime_state_holder */
	{ 14, SKIP, 0 }, /* code_object_generation */
	{ 14, SKIP, 0 }, /* tlbc_generation */
	/* thread_state */
	{ 13, SIZE, 0 },
	{ 13, SKIP, 0 }, /* prev */
	{ 13, FIELD, offsetof(struct py_offsets, ts_next) },
	{ 13, FIELD, offsetof(struct py_offsets, ts_interp) },
	{ 13, FIELD, offsetof(struct py_offsets, ts_frame) },
	{ 15, SKIP, 0 }, /* base_frame */
	{ 15, SKIP, 0 }, /* last_profiled_frame */
	{ 15, SKIP, 0 }, /* last_profiled_frame_seq */
	{ 13, FIELD, offsetof(struct py_offsets, ts_ident) },
	{ 13, FIELD, offsetof(struct py_offsets, ts_native) },
	{ 13, SKIP, 0 }, /* datastack_chunk */
	{ 13, SKIP, 0 }, /* status */
	{ 15, SKIP, 0 }, /* holds_gil */
	{ 15, SKIP, 0 }, /* gil_requested */
	{ 15, FIELD, offsetof(struct py_offsets, ts_raised) },
	{ 15, SKIP, 0 }, /* exc_state */
	/* err_stackitem */
	{ 15, FIELD, offsetof(struct py_offsets, ei_value) },
	/* interpreter_frame */
	{ 13, SIZE, 0 },
	{ 13, FIELD, offsetof(struct py_offsets, f_previous) },
	{ 13, FIELD, offsetof(struct py_offsets, f_code) },
	{ 13, FIELD, offsetof(struct py_offsets, f_lasti) },
	{ 13, FIELD, offsetof(struct py_offsets, f_locals) },
	{ 13, FIELD, offsetof(struct py_offsets, f_owner) },
	{ 14, FIELD, offsetof(struct py_offsets, f_stack) },
	{ 14, SKIP, 0 }, /* tlbc_index */
	/* code_object */
	{ 13, SIZE, 0 },
	{ 13, FIELD, offsetof(struct py_offsets, co_filename) },
	{ 13, FIELD, offsetof(struct py_offsets, co_name) },
	{ 13, FIELD, offsetof(struct py_offsets, co_qualname) },
	{ 13, FIELD, offsetof(struct py_offsets, co_linetable) },
	{ 13, FIELD, offsetof(struct py_offsets, co_firstlineno) },
	{ 13, SKIP, 0 }, /* argcount */
	{ 13, FIELD, offsetof(struct py_offsets, co_varnames) },
	{ 13, SKIP, 0 }, /* localspluskinds */
	{ 13, FIELD, offsetof(struct py_offsets, co_code) },
	{ 14, SKIP, 0 }, /* co_tlbc */
	/* pyobject */
	{ 13, SIZE, 0 },
	{ 13, EQUAL, PY_OB_TYPE },
	/* type_object */
	{ 13, SIZE, 0 },
	{ 13, EQUAL, PY_TP_NAME },
	{ 13, SKIP, 0 }, /* tp_repr */
	{ 13, EQUAL, PY_TP_FLAGS },
	{ 15, EQUAL, PY_TP_BASICSIZE },
	{ 15, EQUAL, PY_TP_DICTOFFSET },
	/* heap_type_object */
	{ 15, SIZE, 0 },
	{ 15, FIELD, offsetof(struct py_offsets, type_cached_keys) },
	/* tuple_object */
	{ 13, SIZE, 0 },
	{ 13, FIELD, offsetof(struct py_offsets, tuple_items) },
	{ 13, EQUAL, PY_OB_SIZE },
	/* list_object */
	{ 13, SIZE, 0 },
	{ 13, EQUAL, PY_LIST_ITEMS },
	{ 13, EQUAL, PY_OB_SIZE },
	/* set_object */
	{ 14, SIZE, 0 },
	{ 14, EQUAL, PY_SET_USED },
	{ 14, EQUAL, PY_SET_TABLE },
	{ 14, EQUAL, PY_SET_MASK },
	/* dict_object */
	{ 13, SIZE, 0 },
	{ 13, EQUAL, PY_DICT_KEYS },
	{ 13, EQUAL, PY_DICT_VALUES },
	/* float_object */
	{ 13, SIZE, 0 },
	{ 13, EQUAL, PY_FLOAT_VALUE },
	/* long_object */
	{ 13, SIZE, 0 },
	{ 13, EQUAL, PY_INT_SIZE },
	{ 13, EQUAL, PY_INT_DIGITS },
	/* bytes_object */
	{ 13, SIZE, 0 },
	{ 13, EQUAL, PY_OB_SIZE },
	{ 13, EQUAL, PY_BYTES_DATA },
	/* unicode_object */
	{ 13, SIZE, 0 },
	{ 13, EQUAL, PY_STR_STATE },
	{ 13, EQUAL, PY_STR_LENGTH },
	{ 13, FIELD, offsetof(struct py_offsets, str_ascii) },
	{ 15, FIELD, offsetof(struct py_offsets, str_compact) },
	/* gc */
	{ 13, SIZE, 0 },
	{ 13, COLLECTING, 0 },
	{ 15, SKIP, 0 }, /* frame */
	{ 15, SKIP, 0 }, /* generation_stats_size */
	{ 15, SKIP, 0 }, /* generation_stats */
	/* gen_object */
	{ 14, SIZE, 0 },
	{ 14, FIELD, offsetof(struct py_offsets, gen_name) },
	{ 14, FIELD, offsetof(struct py_offsets, gen_frame) },
	{ 14, FIELD, offsetof(struct py_offsets, gen_state) },
	/* llist_node */
	{ 14, SKIP, 0 }, /* next */
	{ 14, SKIP, 0 }, /* prev */
	/* debugger_support */
	{ 14, SKIP, 0 }, /* eval_breaker */
	{ 14, SKIP, 0 }, /* remote_debugger_support */
	{ 14, SKIP, 0 }, /* remote_debugging_enabled */
	{ 14, SKIP, 0 }, /* pending_call */
	{ 14, SKIP, 0 }, /* script_path */
	{ 14, SKIP, 0 }, /* script_path_size */
};
/* clang-format on */

enum { WORD_COUNT = sizeof(words) / sizeof(words[0]), HEAD = 24, OFFSET_MAX = 1 << 20 };

static const char cookie[8] = "xdebugpy";

const struct py_offsets *py_offsets_of(uint32_t minor)
{
	if (minor < PY_MINOR_FIRST || minor > PY_MINOR_LAST)
		return NULL;
	return &tables[minor - PY_MINOR_FIRST];
}

_Static_assert(PY_MINOR_FIRST == 9 && PY_MINOR_LAST == 15, "these texts name them");

const char *py_offsets_needed(uint32_t minor)
{
	if (!minor)
		return "its version is unknown: neither its memory nor the name of its file "
		       "has it";
	if (minor < PY_MINOR_FIRST)
		return "this version is unknown: it needs a table in py_offsets.c, which has "
		       "those of 3.9 to 3.15";
	return "this version is unknown: it needs a table in py_offsets.c, which has those of "
	       "3.9 to 3.15, and sound debug offsets of its own";
}

size_t py_offsets_debug_size(uint32_t minor)
{
	size_t size = HEAD;

	for (size_t i = 0; i < WORD_COUNT; i++)
		size += words[i].since <= minor ? 8 : 0;
	return size == HEAD || minor > PY_MINOR_LAST ? 0 : size;
}

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t v;

	memcpy(&v, bytes + offset, sizeof(v));
	return v;
}

static void set_field(struct py_offsets *off, uint16_t at, uint64_t value)
{
	uint16_t v = (uint16_t)value;

	memcpy((char *)off + at, &v, sizeof(v));
}

static bool take_words(struct py_offsets *off, const uint8_t *bytes)
{
	uint64_t size = 0, gc = 0;
	size_t at = HEAD;

	for (size_t i = 0; i < WORD_COUNT; i++) {
		uint64_t v;

		if (words[i].since > off->minor)
			continue;
		v = word_at(bytes, at);
		at += 8;
		if (words[i].kind == SKIP)
			continue;
		/* asciiobject_size is that of the structure itself */
		if (v >= OFFSET_MAX || (words[i].kind != SIZE && v > size))
			return false;
		if (words[i].kind == SIZE)
			size = v;
		else if (words[i].kind == GC)
			gc = v;
		else if (words[i].kind == EQUAL && v != words[i].at)
			return false;
		else if (words[i].kind == COLLECTING)
			set_field(off, offsetof(struct py_offsets, is_collecting), gc + v);
		else if (words[i].kind == FIELD)
			set_field(off, words[i].at, v);
		if (words[i].kind != SIZE && gc + v >= PY_NONE)
			return false;
	}
	return true;
}

bool py_offsets_check(struct py_offsets *off, const uint8_t *bytes, const char **why)
{
	struct py_offsets mine = *off;
	uint64_t version = word_at(bytes, 8);

	if (memcmp(bytes, cookie, sizeof(cookie)) != 0 || version >> 24 != 3 ||
	    (version >> 16 & 0xff) != off->minor) {
		*why = "its debug offsets are of another version: from 3.13 on sound ones are "
		       "needed";
		return false;
	}
	if (word_at(bytes, 16)) {
		*why = "it is a free-threaded build, which needs a table of its own in "
		       "py_offsets.c";
		return false;
	}
	if (!take_words(&mine, bytes)) {
		*why = "its debug offsets make no sense: from 3.13 on sound ones are needed";
		return false;
	}
	*off = mine;
	return true;
}
