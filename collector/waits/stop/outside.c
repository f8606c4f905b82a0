/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/stop/outside.h"

#include "read/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a look at every descriptor of the host may cost. */
enum { MAX_SCANNED = 20000 };

/* Does fdinfo have the line with the right number? */
static bool fits(const struct outside_query *q, int32_t tgid, int32_t fd)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *at;
	uint64_t value;
	char name[32];

	if (!q->fdinfo)
		return true;
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (procfs_read_of(&b, tgid, 0, name, NULL) < 0)
		return false;
	at = strstr(strbuf_str(&b), q->fdinfo);
	if (!at || (at != strbuf_str(&b) && at[-1] != '\n'))
		return false;
	value = strtoull(at + strlen(q->fdinfo), NULL, 10);
	return q->at_least ? value >= q->value : value == q->value;
}

static void add(struct wait_ctx *c, uint32_t object, int32_t tgid, int32_t fd)
{
	uint32_t actor = wait_actor(c, tgid);

	if (actor)
		model_add_holder(wait_model(c), object, actor, fd, MODE_READ | MODE_WRITE);
}

static void in_process(struct wait_ctx *c, const struct outside_query *q, int32_t tgid,
		       uint32_t object, uint32_t *scanned)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", tgid);
	_cleanup_closedir_ DIR *dir = opendir(path);
	if (!dir) {
		/* Not ours to read, or gone, which needs no answer. */
		*scanned += errno == EACCES ? MAX_SCANNED : 0;
		return;
	}
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		char link[64];
		ssize_t n;

		if (*e->d_name == '.' || (*scanned)++ > MAX_SCANNED)
			continue;
		n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		if (strcmp(link, q->link) || !fits(q, tgid, atoi(e->d_name)))
			continue;
		add(c, object, tgid, atoi(e->d_name));
	}
}

void outside_add_holders(struct wait_ctx *c, const struct outside_query *q, uint32_t object,
			 bool *complete)
{
	const struct snapshot *s = wait_snapshot(c);
	uint32_t scanned = 0;

	for (uint32_t i = 0; i < s->files.count; i++) {
		const struct snap_file *f = &s->files.at[i];

		if (f->kind == q->kind && fits(q, f->tgid, f->fd))
			add(c, object, f->tgid, f->fd);
	}
	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];

		if (!p->in_tree && !p->kernel && !p->exited)
			in_process(c, q, p->tgid, object, &scanned);
	}
	*complete = scanned < MAX_SCANNED;
}

bool outside_has_holder(const struct model *m, uint32_t object)
{
	for (uint32_t i = 0; i < m->holders.count; i++)
		if (m->holders.at[i].object == object)
			return true;
	return false;
}
