/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/locks.h"

#include "base/alloc.h"
#include "base/vec.h"
#include "read/proc/procfs.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* The next word of *p up to `end`: its length, *p on it; 0 at the end of the line. */
static size_t word(const char **p, const char *end)
{
	size_t len = 0;

	while (*p < end && **p == ' ')
		(*p)++;
	while (*p + len < end && (*p)[len] != ' ')
		len++;
	return len;
}

/* Is the next word `text`? Then it is skipped. */
static bool skip_word(const char **p, const char *end, const char *text)
{
	size_t len = word(p, end);

	if (len != strlen(text) || strncmp(*p, text, len))
		return false;
	*p += len;
	return true;
}

static bool parse_class(const char **p, const char *end, struct file_lock *l)
{
	static const struct {
		const char *name;
		uint8_t type;
	} CLASSES[] = {
		{ "FLOCK", LOCK_FLOCK }, { "POSIX", LOCK_POSIX }, { "OFDLCK", LOCK_OFD },
		{ "LEASE", LOCK_LEASE }, { "DELEG", LOCK_LEASE },
	};

	bool known = false;

	for (size_t i = 0; i < sizeof(CLASSES) / sizeof(CLASSES[0]) && !known; i++) {
		known = skip_word(p, end, CLASSES[i].name);
		l->type = CLASSES[i].type;
	}
	l->breaking = known && skip_word(p, end, "BREAKING");
	return known &&
	       (l->breaking || skip_word(p, end, "ADVISORY") || skip_word(p, end, "MANDATORY") ||
		skip_word(p, end, "ACTIVE") || skip_word(p, end, "BREAKER"));
}

/* "1234 fe:01:5678": process and file */
static bool parse_who(const char **p, const char *end, struct file_lock *l)
{
	uint64_t pid, major_no, minor_no;
	bool negative;

	if (!word(p, end))
		return false;
	negative = **p == '-';
	*p += negative;
	if (!procfs_decimal(p, &pid) || pid > INT32_MAX)
		return false;
	l->pid = negative ? -(int32_t)pid : (int32_t)pid;
	if (!word(p, end) || !procfs_hex(p, &major_no) || *(*p)++ != ':' ||
	    !procfs_hex(p, &minor_no) || *(*p)++ != ':' || !procfs_decimal(p, &l->ino))
		return false;
	l->dev = makedev((unsigned)major_no, (unsigned)minor_no);
	return *p <= end;
}

/* "1: -> POSIX  ADVISORY  WRITE 1234 fe:01:5678 0 EOF" (fs/locks.c lock_get_status()) */
static bool parse_line(const char *line, size_t len, struct file_lock *l)
{
	const char *p = line, *end = line + len;
	uint64_t group;

	if (!word(&p, end) || !procfs_decimal(&p, &group) || *p++ != ':')
		return false;
	l->group = (uint32_t)group;
	l->waiter = skip_word(&p, end, "->");
	if (!parse_class(&p, end, l))
		return false;
	l->write = skip_word(&p, end, "WRITE");
	if (!l->write && !skip_word(&p, end, "READ") && !skip_word(&p, end, "UNLCK"))
		return false;
	if (!parse_who(&p, end, l) || !word(&p, end) || !procfs_decimal(&p, &l->start))
		return false;
	l->end = UINT64_MAX;
	return skip_word(&p, end, "EOF") || (word(&p, end) && procfs_decimal(&p, &l->end));
}

struct file_locks *file_locks_parse(const char *text)
{
	VEC(struct file_lock) v = VEC_INIT;
	struct file_locks *l = xcalloc(1, sizeof(*l));

	while (*text) {
		size_t len = strcspn(text, "\n");
		struct file_lock one = { .group = 0 };

		if (parse_line(text, len, &one))
			*vec_push(&v) = one;
		text += len + (text[len] == '\n');
	}
	l->at = v.at;
	l->count = v.count;
	return l;
}

int file_locks_read(struct file_locks **ret, struct snag_error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int rc = procfs_read(&text, "/proc/locks", err);

	if (rc < 0)
		return rc;
	*ret = file_locks_parse(strbuf_str(&text));
	return 0;
}

void file_locks_free(struct file_locks *l)
{
	if (!l)
		return;
	free(l->at);
	free(l);
}

bool file_locks_held(int32_t tgid, int32_t fd, enum lock_class type)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	static const char LABEL[] = "lock:\t";
	char name[32];

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (procfs_read_of(&text, tgid, 0, name, NULL) < 0)
		return false;
	for (const char *p = strbuf_str(&text); *p;) {
		size_t len = strcspn(p, "\n");
		struct file_lock l = { .group = 0 };

		if (!strncmp(p, LABEL, sizeof(LABEL) - 1) &&
		    parse_line(p + sizeof(LABEL) - 1, len - (sizeof(LABEL) - 1), &l) &&
		    l.type == type && !l.waiter)
			return true;
		p += len + (p[len] == '\n');
	}
	return false;
}
