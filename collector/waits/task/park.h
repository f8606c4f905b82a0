/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * park.h - from what an interpreter says of a thread that waits to the words and terms of its wait.
 */
#pragma once

#include "waits/wait.h"

/* Put the waits of threads into words of their programs, as the parks of the model tell. */
void waits_decode_parks(struct wait_ctx *c);
