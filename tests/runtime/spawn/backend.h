/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend.h - what a file of spawn/ includes. The interface itself is actor/backend.h, below this
 * folder, since actors are started through it and know no backend by name.
 */
#pragma once

#include "runtime/actor/backend.h"
#include "runtime/actor/process.h"
#include "runtime/actor/program.h"
