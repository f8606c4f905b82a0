/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - USDT probes of grove: one no-op each until somebody attaches. Provider "snag".
 *
 *	cancel_request	loop tid, scope address, enum grove_cancel_by, who, text
 *	cancel_deliver	loop tid, task id, task name, scope address
 *	task_exit	loop tid, task id, task name, rc
 */
#pragma once

#if defined(__has_include) && __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
/* A probe is a note with a name of its own and a no-op: only a macro can place it. */
#define GROVE_PROBE4(name, a, b, c, d) DTRACE_PROBE4(snag, name, a, b, c, d)
#define GROVE_PROBE5(name, a, b, c, d, e) DTRACE_PROBE5(snag, name, a, b, c, d, e)
#else
#define GROVE_PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#define GROVE_PROBE5(name, a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))
#endif
