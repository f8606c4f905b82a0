/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * event_head.h - what each record of event.h starts with (include that one).
 */
#pragma once

#include <linux/types.h>

struct ev_head {
	__u32 size; /* of the whole record */
	__u16 kind; /* enum ev_kind */
	__u16 flags;
};
_Static_assert(sizeof(struct ev_head) == 8, "ABI");
