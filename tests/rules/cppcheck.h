/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cppcheck.h - macros of libraries that cppcheck does not see; make lint includes it before each.
 */
#pragma once

#define LIBBPF_OPTS(type, name, ...) struct type name = { __VA_ARGS__ }
#define json_array_foreach(array, i, value) for (i = 0; (value = json_array_get(array, i)); i++)
#define json_object_foreach(object, key, value) while (json_next(object, &key, &value))
