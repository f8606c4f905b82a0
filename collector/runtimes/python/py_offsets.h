/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_offsets.h - where the fields of CPython's structures are, by version.
 *
 * One table a minor version: of 3.9 to 3.12 printed by programs compiled against the headers of
 * that version (Include/internal/pycore_runtime.h, pycore_interp.h, pycore_frame.h,
 * cpython/pystate.h, cpython/code.h), from 3.13 on compared besides with _Py_DebugOffsets, which
 * the interpreter carries in its own memory (Include/internal/pycore_debug_offsets.h). A patch
 * release never moved one of these. Where the two disagree the interpreter is right when its
 * numbers are sound.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PY_MINOR_FIRST = 9, PY_MINOR_LAST = 15 };

/* No such field in this version; offset 0 is one, in all but the fields that say so. */
enum { PY_NONE = 0xffff };

/* Offsets in bytes. */
struct py_offsets {
	uint16_t minor;
	/* _PyRuntimeState */
	uint16_t rt_interpreters; /* interpreters.head */
	uint16_t rt_gil;	  /* ceval.gil, before 3.12 */
	/* PyInterpreterState */
	uint16_t is_next, is_id, is_threads, is_modules;
	uint16_t is_collecting; /* gc.collecting */
	uint16_t is_gil;	/* pointer to the GIL, from 3.12 on */
	/* PyThreadState */
	uint16_t ts_next, ts_interp, ts_ident, ts_native, ts_dict;
	uint16_t ts_frame;	 /* the top frame; of 3.11 and 3.12: the _PyCFrame */
	uint16_t cframe_current; /* in that */
	uint16_t ts_raised;	 /* current_exception; before 3.12 curexc_type, curexc_value */
	uint16_t ts_exc_info;	 /* pointer to the innermost _PyErr_StackItem */
	uint16_t ei_value, ei_previous;
	/* PyFrameObject, from 3.11 on _PyInterpreterFrame */
	uint16_t f_previous, f_code, f_lasti, f_owner, f_stack, f_locals;
	uint16_t f_valuestack; /* 3.10: what f_stack counts from */
	uint16_t f_namespace;  /* f_locals: of code that is no function */
	/* PyGenObject */
	uint16_t gen_frame; /* before 3.11: pointer to it; then: the frame itself */
	uint16_t gen_state; /* gi_frame_state; 3.10: in the frame */
	uint16_t gen_name;
	uint16_t gen_exc; /* its own _PyErr_StackItem */
	/* PyCodeObject */
	uint16_t co_filename, co_name, co_qualname, co_firstlineno, co_linetable;
	uint16_t co_varnames;		   /* from 3.11 on co_localsplusnames */
	uint16_t co_cellvars, co_freevars; /* before 3.11 */
	uint16_t co_flags;
	uint16_t co_code; /* first instruction, from 3.11 on */
	/* objects */
	uint16_t str_ascii, str_compact, tuple_items, type_cached_keys, values_items;
};

/* What the same word means in each version. */
enum {
	/* PyObject, PyVarObject, PyTypeObject */
	PY_OB_TYPE = 8,
	PY_OB_SIZE = 16,
	PY_TP_NAME = 24,
	PY_TP_BASICSIZE = 32,
	PY_TP_FLAGS = 168,
	PY_TP_MEMBERS = 240,
	PY_TP_BASE = 256,
	PY_TP_DICTOFFSET = 288,
	/* the others */
	PY_STR_LENGTH = 16,
	PY_STR_HASH = 24, /* -1 not known yet */
	PY_STR_STATE = 32,
	PY_BYTES_DATA = 32,
	PY_INT_SIZE = 16, /* ob_size, from 3.12 on lv_tag */
	PY_INT_DIGITS = 24,
	PY_FLOAT_VALUE = 16,
	PY_LIST_ITEMS = 24,
	PY_DICT_KEYS = 32,
	PY_DICT_VALUES = 40,
	PY_SET_USED = 24,
	PY_SET_MASK = 32,
	PY_SET_TABLE = 40,
	PY_CELL_VALUE = 16,
	PY_WEAKREF_TARGET = 16,
	PY_MODULE_DICT = 16,
	/* struct _gil_runtime_state */
	PY_GIL_HOLDER = 8,
	PY_GIL_LOCKED = 16,
};

/* The table of 3.`minor`, or NULL when that is not one we know. Static. */
const struct py_offsets *py_offsets_of(uint32_t minor);

/* What it would take to read 3.`minor`, which has no table; 0: a version not known. Static text. */
const char *py_offsets_needed(uint32_t minor);

/* How many bytes py_offsets_check() wants to see from _PyRuntime on; 0: that version has none. */
size_t py_offsets_debug_size(uint32_t minor);

/*
 * Take what the interpreter says itself (_Py_DebugOffsets at `bytes`, py_offsets_debug_size() of
 * them) into `off`, which is the table of its version. False: the numbers make no sense, `off` is
 * as it was; *why is then a static text.
 */
bool py_offsets_check(struct py_offsets *off, const uint8_t *bytes, const char **why);
