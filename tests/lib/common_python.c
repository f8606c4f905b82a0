/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/common_python.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATHS = 32, PATH_BYTES = 512 };

/* Where interpreters are looked for. */
static uint32_t find_paths(char paths[PATHS][PATH_BYTES])
{
	const char *home = getenv("HOME"), *more = getenv("SNAG_PYTHONS");
	char pattern[PATH_BYTES];
	uint32_t count = 0;
	glob_t g = { .gl_pathc = 0 };

	snprintf(paths[count++], PATH_BYTES, "/usr/bin/python3");
	snprintf(pattern, sizeof(pattern), "%s/.pyenv/versions/3.*/bin/python3", home ? home : "");
	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && count < PATHS; i++)
			snprintf(paths[count++], PATH_BYTES, "%s", g.gl_pathv[i]);
	globfree(&g);
	while (more && *more && count < PATHS) {
		size_t len = strcspn(more, ":");

		snprintf(paths[count++], PATH_BYTES, "%.*s", (int)len, more);
		more += len + (more[len] == ':');
	}
	return count;
}

static uint32_t minor_of(const char *path)
{
	char command[PATH_BYTES + 64];
	unsigned minor = 0;
	FILE *f;

	if (access(path, X_OK) < 0)
		return 0;
	snprintf(command, sizeof(command), "%s -c 'import sys; print(sys.version_info[1])'", path);
	f = popen(command, "r");
	if (!f || fscanf(f, "%u", &minor) != 1)
		minor = 0;
	if (f)
		pclose(f);
	return minor;
}

/* They are asked for their version one after the other, as far as somebody wants to know. */
const char *interpreter_find(uint32_t i, uint32_t *minor)
{
	static char paths[PATHS][PATH_BYTES];
	static uint32_t minors[PATHS], count, found, next;

	if (!found)
		found = find_paths(paths);
	for (; i >= count && next < found; next++) {
		minors[count] = minor_of(paths[next]);
		if (minors[count] >= 9) {
			memmove(paths[count], paths[next], PATH_BYTES);
			count++;
		}
	}
	if (i >= count)
		return NULL;
	*minor = minors[i];
	return paths[i];
}

const char *interpreter_version(uint32_t i, uint32_t *minor)
{
	uint32_t seen = 0, distinct = 0;
	const char *path;

	for (uint32_t k = 0; (path = interpreter_find(k, minor)); k++) {
		if (*minor > 31 || seen & 1u << *minor)
			continue;
		seen |= 1u << *minor;
		if (distinct++ == i)
			return path;
	}
	return NULL;
}
