/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/freezer.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/strtab.h"
#include "read/proc/mounts.h"
#include "read/proc/procfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 256 };

struct freezer {
	char *v1, *v2;		 /* where they are mounted, NULL not */
	char *v1_root, *v2_root; /* which cgroup is mounted there */
	struct strtab *seen;
	struct map answers; /* id in seen -> 1 frozen, 0 not */
};

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = options; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, name, len) && (p[len] == ',' || !p[len]))
			return true;
	}
	return false;
}

struct freezer *freezer_new_from(const char *mountinfo)
{
	_cleanup_mounts_ struct mounts *mounts = mounts_parse(mountinfo);
	struct freezer *f = xcalloc(1, sizeof(*f));

	f->seen = strtab_new();
	for (uint32_t i = 0; i < mounts->count; i++) {
		const struct mount *m = &mounts->at[i];

		if (!f->v2 && !strcmp(m->type, "cgroup2")) {
			f->v2 = xstrdup(m->point);
			f->v2_root = xstrdup(m->root);
		} else if (!f->v1 && !strcmp(m->type, "cgroup") &&
			   has_option(m->options, "freezer")) {
			f->v1 = xstrdup(m->point);
			f->v1_root = xstrdup(m->root);
		}
	}
	return f;
}

struct freezer *freezer_new(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (procfs_read(&text, "/proc/self/mountinfo", NULL) < 0)
		strbuf_reset(&text);
	return freezer_new_from(strbuf_str(&text));
}

void freezer_free(struct freezer *f)
{
	if (!f)
		return;
	free(f->v1);
	free(f->v2);
	free(f->v1_root);
	free(f->v2_root);
	strtab_free(f->seen);
	map_release(&f->answers);
	free(f);
}

/* The text of `file` of cgroup `path`, in a hierarchy whose cgroup `root` is mounted at `point`. */
static bool read_file(const char *point, const char *root, const char *path, const char *file,
		      char text[TEXT_SIZE])
{
	_cleanup_free_ char *name = NULL;
	size_t skip = strcmp(root, "/") ? strlen(root) : 0;

	if (strncmp(path, root, skip))
		return false;
	name = xasprintf("%s/%s/%s", point, path + skip, file);
	return procfs_slurp(AT_FDCWD, name, text, TEXT_SIZE) > 0;
}

/* One line of /proc/P/cgroup: "0::/path" is version 2, "4:freezer:/path" version 1. */
static bool line_is_frozen(const struct freezer *f, char *line)
{
	char *controllers = strchr(line, ':'), *path;
	char text[TEXT_SIZE];
	int64_t frozen;

	if (!controllers)
		return false;
	controllers++;
	path = strchr(controllers, ':');
	if (!path)
		return false;
	*path++ = '\0';
	if (!*controllers)
		return f->v2 && read_file(f->v2, f->v2_root, path, "cgroup.events", text) &&
		       procfs_field_int(text, "frozen", &frozen) && frozen == 1;
	/* FREEZING counts too: one thread in D state can keep it so, while the others stand. */
	return f->v1 && has_option(controllers, "freezer") &&
	       read_file(f->v1, f->v1_root, path, "freezer.state", text) &&
	       strncmp(text, "THAWED", 6) != 0;
}

bool freezer_is_frozen(struct freezer *f, const char *cgroup)
{
	uint32_t id = strtab_add(f->seen, cgroup), answer = 0;

	if (map_find(&f->answers, id, &answer))
		return answer;
	for (const char *p = cgroup; *p;) {
		size_t len = strcspn(p, "\n");
		_cleanup_free_ char *line = xstrndup(p, len);

		if (line_is_frozen(f, line))
			answer = 1;
		p += len + (p[len] == '\n');
	}
	map_put(&f->answers, id, answer);
	return answer;
}
