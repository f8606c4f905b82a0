/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_fuse.h - a file system with one file "f", whose server knows its attributes and never
 * reads it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Mount it at `dir`, in a mount namespace of this process alone, with a server in a child, whose
 * tgid is *server. False: not allowed here.
 */
bool fuse_mount(const char *dir, int32_t *server);
