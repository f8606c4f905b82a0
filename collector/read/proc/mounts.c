/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/mounts.h"

#include "base/alloc.h"
#include "base/vec.h"
#include "read/proc/procfs.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Bind mounts can be many, but not this many. */
enum { MAX_MOUNTS = 100000 };

/* The next word of *p, terminated in place, and *p behind it; NULL at the end of the line. */
static char *word(char **p)
{
	char *start = *p + strspn(*p, " ");
	size_t len = strcspn(start, " ");

	if (!len)
		return NULL;
	*p = start + len;
	if (**p)
		*(*p)++ = '\0';
	return start;
}

/* Undo the escapes of blanks and backslashes, "\040" (fs/proc_namespace.c mangle()), in place. */
static char *unescape(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		unsigned code;

		if (from[0] == '\\' && sscanf(from + 1, "%3o", &code) == 1 && code && code < 256) {
			*to++ = (char)code;
			from += 3;
			continue;
		}
		*to++ = *from;
	}
	*to = '\0';
	return text;
}

/* "36 35 98:0 /root /point options shared:1 - type source superblock-options" */
static bool parse_line(char *line, struct mount *m)
{
	char *id = word(&line), *parent = word(&line), *dev = word(&line), *root = word(&line);
	char *point = word(&line), *field = word(&line);
	char *type, *source, *options;
	unsigned major_no, minor_no;

	while (field && strcmp(field, "-"))
		field = word(&line);
	type = field ? word(&line) : NULL;
	source = type ? word(&line) : NULL;
	options = source ? word(&line) : NULL;
	if (!parent || !point || !type || procfs_number(id) < 0 ||
	    sscanf(dev, "%u:%u", &major_no, &minor_no) != 2)
		return false;
	m->id = procfs_number(id);
	m->dev = makedev(major_no, minor_no);
	m->root = xstrdup(unescape(root));
	m->point = xstrdup(unescape(point));
	m->type = xstrdup(type);
	m->options = xstrdup(options ? options : "");
	return true;
}

struct mounts *mounts_parse(const char *text)
{
	VEC(struct mount) v = VEC_INIT;
	struct mounts *m = xcalloc(1, sizeof(*m));

	while (*text && v.count < MAX_MOUNTS) {
		size_t len = strcspn(text, "\n");
		_cleanup_free_ char *line = xstrndup(text, len);
		struct mount one = { .id = 0 };

		if (parse_line(line, &one))
			*vec_push(&v) = one;
		text += len + (text[len] == '\n');
	}
	m->at = v.at;
	m->count = v.count;
	return m;
}

struct mounts *mounts_read(int32_t tgid)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[64] = "/proc/self/mountinfo";

	if (tgid)
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", tgid);
	if (procfs_read(&text, path, NULL) < 0)
		return mounts_parse("");
	return mounts_parse(strbuf_str(&text));
}

void mounts_free(struct mounts *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->count; i++) {
		free(m->at[i].root);
		free(m->at[i].point);
		free(m->at[i].type);
		free(m->at[i].options);
	}
	free(m->at);
	free(m);
}

const struct mount *mounts_find(const struct mounts *m, uint64_t dev)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (m->at[i].dev == dev)
			return &m->at[i];
	return NULL;
}

bool mounts_is_slow(const char *type)
{
	/* Their inodes are memory or a local disk; everything else asks a server or a daemon. */
	static const char *const LOCAL[] = {
		"autofs",   "bdev",	 "binfmt_misc", "bpf",	   "btrfs",	 "cgroup",
		"cgroup2",  "configfs",	 "debugfs",	"devpts",  "devtmpfs",	 "efivarfs",
		"erofs",    "exfat",	 "ext2",	"ext3",	   "ext4",	 "f2fs",
		"fusectl",  "hugetlbfs", "iso9660",	"mqueue",  "nsfs",	 "overlay",
		"proc",	    "pstore",	 "ramfs",	"rootfs",  "securityfs", "selinuxfs",
		"squashfs", "sysfs",	 "tmpfs",	"tracefs", "udf",	 "vfat",
		"xfs",	    "zfs",
	};

	for (size_t i = 0; i < sizeof(LOCAL) / sizeof(LOCAL[0]); i++)
		if (!strcmp(type, LOCAL[i]))
			return false;
	return true;
}
