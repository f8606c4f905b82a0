/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handlers.h - what we change in our programs right before the kernel sees them.
 *
 * libbpf keeps such handlers in one table for the whole process, by section name. An object that is
 * open points into that table, and each new handler may move it (libbpf.c,
 * libbpf_register_prog_handler()): all are registered here at once, before any object is opened,
 * and stay. Unregistering the last one would free the table twice (libbpf 1.1).
 */
#pragma once

#include <stdint.h>

/*
 * Register them; again and again is fine, from any thread. 0, or -errno of libbpf: then programs
 * will not load.
 */
int handlers_register(void);

/*
 * The kernel's functions that stand for EV_KFUNC_FROM_TID and EV_KFUNC_RELEASE (bpf/event_stack.h)
 * in programs loaded from now on. They are the same for everybody until the next boot.
 */
void handlers_set_kfuncs(uint32_t from_tid, uint32_t release);
