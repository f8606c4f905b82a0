/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logging.c - the lock of a handler of the logging module (Lib/logging/__init__.py), which is an
 * RLock as a rule.
 */
#include "runtimes/python/locks/parked.h"

#include <string.h>

/* What is known of the lock, with the name of the handler in front. */
static bool find_handler(struct py_parked *x, const struct py_frame *f)
{
	static const char waiting[] = "waiting for ";
	uint64_t self = py_parked_local(x, f, "self");
	uint64_t lock = self ? py_parked_attr(x, self, "lock") : 0;
	const char *text = model_str(x->m, x->park.text);

	if (!py_derives(x->py->objs, self, "Handler") ||
	    (!py_parked_in(x, "threading.RLock", lock) && !py_parked_in(x, "threading.Lock", lock)))
		return false;
	jsonw_string(&x->detail, "handler", py_type_name(x->py->objs, self));
	if (!strncmp(text, waiting, sizeof(waiting) - 1))
		py_parked_says(x, "waiting for the lock of a logging %s, a %s",
			       py_type_name(x->py->objs, self), text + sizeof(waiting) - 1);
	return true;
}

static const struct py_place places[] = {
	{ "/logging/__init__.py", "acquire", find_handler },
	{ "/logging/__init__.py", "handle", find_handler },
	{ "/logging/__init__.py", "flush", find_handler },
	{ "/logging/__init__.py", "close", find_handler },
	{ 0 },
};

const struct py_lock_kind py_lock_logging = { .name = "logging", .places = places };
