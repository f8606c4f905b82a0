/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/stack.h"

const char *stack_status_name(uint8_t status)
{
	static const char *const names[STACK_STATUS_COUNT] = {
		[STACK_UNKNOWN] = "unknown", [STACK_STABLE] = "stable",	  [STACK_STALE] = "stale",
		[STACK_MOVED] = "moved",     [STACK_DENIED] = "denied",	  [STACK_GONE] = "gone",
		[STACK_NONE] = "none",	     [STACK_UNREADY] = "unready",
	};

	return status < STACK_STATUS_COUNT ? names[status] : names[STACK_UNKNOWN];
}
