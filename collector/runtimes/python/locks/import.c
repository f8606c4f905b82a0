/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import.c - the lock of a module that another thread imports (Lib/importlib/_bootstrap.py).
 *
 * Each module has a _ModuleLock while it is imported, with the ident of the thread that does so.
 * Who waits for it waits for its lock `wakeup`.
 */
#include "runtimes/python/locks/parked.h"

static bool find_acquire(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");
	struct py_thread_name owner;
	const char *module;

	if (!self || !py_is(x->py->objs, self, "_ModuleLock") ||
	    !py_parked_at(x, py_parked_attr(x, self, "wakeup")))
		return false;
	module = py_parked_text(x, py_parked_attr(x, self, "name"));
	py_parked_make(x, WAIT_IMPORT_LOCK, "import-lock", self);
	x->park.completion = true;
	if (*module) {
		x->park.label = strtab_add(x->m->strings, module);
		jsonw_string(&x->detail, "module", module);
	}
	owner = py_parked_owner(x, (uint64_t)py_parked_int(x, self, "owner", 0));
	if (*owner.text)
		py_parked_says(x, "waiting for the import of module '%.80s' by %s", module,
			       owner.text);
	else
		py_parked_says(x, "waiting for the import of module '%.80s'", module);
	return true;
}

static const struct py_place places[] = {
	{ "<frozen importlib._bootstrap>", "acquire", find_acquire },
	{ 0 },
};

const struct py_lock_kind py_lock_import = { .name = "import", .places = places };
