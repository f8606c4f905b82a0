/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handlers.h - waits that the handler of a signal may end.
 */
#pragma once

#include "waits/wait.h"

/*
 * Add the handlers of signals to the waits that they may end. After runtimes_read(), which knows of
 * some what they are for, and before waits_decode_parks().
 */
void waits_decode_handlers(struct wait_ctx *c);
