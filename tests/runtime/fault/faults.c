/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/fault/faults.h"

#include <errno.h>
#include <string.h>

const struct grove_fault *const grove_faults[] = {
#define X(name) &grove_fault_##name,
	GROVE_FAULTS(X)
#undef X
		NULL,
};

const struct grove_fault *grove_fault_find(const char *name)
{
	for (size_t i = 0; grove_faults[i]; i++)
		if (strcmp(grove_faults[i]->name, name) == 0)
			return grove_faults[i];
	return NULL;
}

bool grove_fault_applies(const struct grove_fault *fault, const char *backend)
{
	size_t size = strlen(backend);
	const char *at = fault->backends;

	if (!at)
		return true;
	while ((at = strstr(at, backend))) {
		bool begins = at == fault->backends || at[-1] == ' ';

		if (begins && (at[size] == 0 || at[size] == ' '))
			return true;
		at += size;
	}
	return false;
}

int grove_fault_arm(const char *name, struct grove_actor *actor, struct grove_error *err)
{
	const struct grove_fault *fault = grove_fault_find(name);

	if (!fault)
		return grove_error_set(err, -EINVAL, "no fault '%s'", name);
	return fault->arm ? fault->arm(actor, err) : 0;
}
