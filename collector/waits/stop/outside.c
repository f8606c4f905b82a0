/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/stop/outside.h"

#include "read/proc/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
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

bool outside_is_shared(struct wait_ctx *c, const struct snap_file *a, int32_t tgid, int32_t fd)
{
	const struct snap_file *b = snapshot_file(wait_snapshot(c), tgid, fd);

	if (b && a->description && b->description)
		return a->description == b->description;
	return syscall(SYS_kcmp, a->tgid, tgid, KCMP_FILE, (unsigned long)a->fd,
		       (unsigned long)fd) <= 0;
}

/* What is looked for, where it goes, and how much it has cost so far. */
struct search {
	struct wait_ctx *c;
	const struct outside_query *q;
	uint32_t object, scanned;
	const struct snap_file *own; /* of q->maker, NULL none */
};

static void add(struct search *s, int32_t tgid, int32_t fd)
{
	uint32_t actor = wait_actor(s->c, tgid);

	if (actor && (!s->own || outside_is_shared(s->c, s->own, tgid, fd)))
		model_add_holder(wait_model(s->c), s->object, actor, fd, MODE_READ | MODE_WRITE);
}

static void in_process(struct search *s, int32_t tgid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", tgid);
	_cleanup_closedir_ DIR *dir = opendir(path);
	if (!dir) {
		/* Not ours to read, or gone, which needs no answer. */
		s->scanned += errno == EACCES ? MAX_SCANNED : 0;
		return;
	}
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		int32_t fd = (int32_t)strtol(e->d_name, NULL, 10);
		char link[64];
		ssize_t n;

		if (*e->d_name == '.' || s->scanned++ > MAX_SCANNED)
			continue;
		n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		if (!strcmp(link, s->q->link) && fits(s->q, tgid, fd))
			add(s, tgid, fd);
	}
}

static const struct snap_file *of_maker(const struct snapshot *snap, const struct outside_query *q)
{
	for (uint32_t i = 0; q->maker && i < snap->files.count; i++) {
		const struct snap_file *f = &snap->files.at[i];

		if (f->tgid == q->maker && f->kind == q->kind && fits(q, f->tgid, f->fd))
			return f;
	}
	return NULL;
}

static enum holders_seen add_holders(struct wait_ctx *c, const struct outside_query *q,
				     uint32_t object)
{
	const struct snapshot *snap = wait_snapshot(c);
	struct search s = { .c = c, .q = q, .object = object, .own = of_maker(snap, q) };

	for (uint32_t i = 0; i < snap->files.count; i++) {
		const struct snap_file *f = &snap->files.at[i];

		if (f->kind == q->kind && fits(q, f->tgid, f->fd))
			add(&s, f->tgid, f->fd);
	}
	for (uint32_t i = 0; i < snap->processes.count; i++) {
		const struct snap_process *p = &snap->processes.at[i];

		if (!p->in_tree && !p->kernel && !p->exited)
			in_process(&s, p->tgid);
	}
	return s.scanned < MAX_SCANNED ? HOLDERS_COMPLETE : HOLDERS_VISIBLE;
}

uint32_t outside_object(struct wait_ctx *c, const struct outside_query *q, const char *kind,
			const char *key)
{
	struct model *m = wait_model(c);
	uint32_t before = m->objects.count, id = model_add_object(m, kind, key);
	enum holders_seen seen;

	if (id <= before)
		return id;
	seen = add_holders(c, q, id);
	model_object(m, id)->holders_seen = (uint8_t)seen;
	return id;
}

bool outside_has_holder(const struct model *m, uint32_t object)
{
	for (uint32_t i = 0; i < m->holders.count; i++)
		if (m->holders.at[i].object == object)
			return true;
	return false;
}
