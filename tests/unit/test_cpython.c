/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py.h"

#include "lib/unit_python.h"
#include "model/frames.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

Test(cpython, runtime_and_names, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_model_ struct model *m = NULL;
		char version[64];
		uint32_t count;

		python_start(&py, "import platform, signal, threading, time\n"
				  "t = threading.Thread(target=signal.pause, name='n\\u00e4he')\n"
				  "t.start()\n"
				  "print('cpython', platform.python_version())\n"
				  "print(t.native_id, flush=True)\n"
				  "signal.pause()\n");
		snprintf(version, sizeof(version), "%s", python_line(&py));
		int32_t tid = (int32_t)python_number(&py);

		python_wait(&py, SYS_pause);
		m = python_look(&py, false);
		cr_expect_str_eq(model_str(m, model_actor(m, m->root)->runtime), version);
		uint32_t thread = model_find_tid(m, tid);

		cr_assert(thread);
		cr_expect_str_eq(model_str(m, model_thread(m, thread)->script.title),
				 "n\xc3\xa4he");
		cr_assert(model_script_frames(m, thread, &count));
		cr_expect_str_eq(model_str(m, model_thread(m, thread)->script.runtime), "python");
		python_end(&py);
	}
}

/* Two interpreters more, one of them run by a thread that did not make it. */
Test(cpython, interpreters_and_who_runs_them, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_model_ struct model *m = NULL;
		uint32_t interpreters = 0;

		python_start(&py, "import signal, threading\n"
				  "try: import _xxsubinterpreters as subs\n"
				  "except ImportError: import _interpreters as subs\n"
				  "a, b = subs.create(), subs.create()\n"
				  "code = 'import signal\\ndef stay(): signal.pause()\\nstay()'\n"
				  "t = threading.Thread(target=lambda: subs.run_string(b, code))\n"
				  "t.start()\n"
				  "path = '/proc/self/task/%d/syscall' % t.native_id\n"
				  "while open(path).read().split()[0] != '34': pass\n"
				  "print(t.native_id, flush=True)\n"
				  "signal.pause()\n");
		int32_t host = (int32_t)python_number(&py);

		python_wait(&py, SYS_pause);
		m = python_look(&py, false);
		for (uint32_t id = 1; id <= m->actors.count; id++) {
			const struct actor *a = model_actor(m, id);

			if (a->kind != ACTOR_INTERPRETER)
				continue;
			cr_expect_eq(a->parent, m->root);
			cr_expect_eq(a->spawn_method, SPAWN_INTERPRETER);
			/* before 3.11 nothing tells who has borrowed its thread state */
			if (++interpreters == 2 && py.minor >= 11) {
				cr_assert(a->host_thread, "%s", py.path);
				cr_expect_eq(model_thread(m, a->host_thread)->tid, host);
			}
			if (interpreters == 1)
				cr_expect_eq(a->host_thread, 0, "%s", py.path);
		}
		cr_expect_eq(interpreters, 2, "%s", py.path);
		cr_expect_eq(model_find_pid(m, py.tgid), m->root);
		cr_expect_eq(m->missing.count > 0 &&
				     strstr(model_str(m, m->missing.at[m->missing.count - 1]),
					    "does not tell which thread") != NULL,
			     py.minor < 11, "%s", py.path);
		if (py.minor >= 11) {
			uint32_t count;
			const struct script_frame *f =
				model_script_frames(m, model_find_tid(m, host), &count);

			cr_assert(f);
			cr_expect_str_eq(model_str(m, f[0].function), "stay", "%s", py.path);
			cr_expect_str_eq(model_str(m, f[count - 1].function), "_bootstrap");
		}
		/* an interpreter inside of a process wakes nobody */
		cr_expect_neq(m->verdict.kind, VERDICT_PROGRESSING);
		python_end(&py);
	}
}

/*
 * Put a value over what says the version: from 3.13 on in the head of the debug offsets, before in
 * Py_Version, which is const. No code of the interpreter reads either again.
 */
#define FORGE                                                                                      \
	"import ctypes, signal, sys\n"                                                             \
	"def address(name):\n"                                                                     \
	"  return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, name))\n"                \
	"def forge(at, value):\n"                                                                  \
	"  page = ctypes.c_void_p(at & ~4095)\n"                                                   \
	"  assert ctypes.CDLL(None).mprotect(page, ctypes.c_size_t(4096), 3) == 0\n"               \
	"  ctypes.c_uint32.from_address(at).value = value\n"

/* Nothing but the version is told of the process, and `needs`. */
static void expect_unknown(const struct python *py, const char *version, const char *needs)
{
	_cleanup_model_ struct model *m = python_look(py, false);
	char begin[80];
	uint32_t told = 0;

	snprintf(begin, sizeof(begin), "frames of Python %s in process %d: ", version, py->tgid);
	for (uint32_t i = 0; i < m->missing.count; i++) {
		const char *text = model_str(m, m->missing.at[i]);

		if (strncmp(text, "frames of Python", 16) != 0)
			continue;
		told++;
		cr_expect_eq(strncmp(text, begin, strlen(begin)), 0, "%s: %s", py->path, text);
		cr_expect(strstr(text, needs), "%s: %s", py->path, text);
	}
	cr_expect_eq(told, 1, "%s", py->path);
	snprintf(begin, sizeof(begin), "cpython %s", version);
	cr_expect_str_eq(model_str(m, model_actor(m, m->root)->runtime), begin);
	cr_expect_eq(m->script_frames.count, 0);
	cr_expect_eq(m->tasks.count, 0);
}

Test(cpython, unknown_versions_say_what_they_need, .timeout = 120)
{
	static const struct {
		const char *hex, *version, *needs;
	} cases[] = {
		{ "0x031000f0", "3.16.0", "unknown: it needs a table in py_offsets.c" },
		{ "0x031401f0", "3.20.1", "and sound debug offsets of its own" },
		{ "0x030811f0", "3.8.17", "unknown: it needs a table in py_offsets.c" },
	};
	struct python py;
	char script[1024];
	uint32_t seen = 0;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		/* before 3.11 only the name of its file tells the version */
		for (uint32_t k = 0; py.minor >= 11 && k < 3; k++, seen++) {
			snprintf(script, sizeof(script),
				 FORGE "new = sys.version_info >= (3, 13)\n"
				       "forge(address('_PyRuntime') + 8 if new else "
				       "address('Py_Version'), %s)\n"
				       "signal.pause()\n",
				 cases[k].hex);
			python_start(&py, script);
			python_wait(&py, SYS_pause);
			expect_unknown(&py, cases[k].version, cases[k].needs);
			python_end(&py);
		}
	}
	if (!seen)
		cr_skip_test("no python3.11 or later");
}

Test(cpython, wrong_debug_offsets_are_not_used, .timeout = 120)
{
	struct python py;
	uint32_t seen = 0;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		char version[32];

		if (py.minor < 13)
			continue;
		seen++;
		/* behind cookie, version and flags: the size of _PyRuntimeState */
		python_start(&py, FORGE "import platform\n"
					"forge(address('_PyRuntime') + 24, 8)\n"
					"print(platform.python_version(), flush=True)\n"
					"signal.pause()\n");
		snprintf(version, sizeof(version), "%s", python_line(&py));
		python_wait(&py, SYS_pause);
		expect_unknown(&py, version, "from 3.13 on sound ones are needed");
		python_end(&py);
	}
	if (!seen)
		cr_skip_test("no python3.13 or later");
}
