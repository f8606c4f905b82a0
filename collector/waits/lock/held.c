/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/lock/held.h"

#include "read/proc/procfs.h"
#include "waits/find.h"

#include <dirent.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* What a look at every descriptor of the host may cost; behind it "unknown" is the answer. */
enum { MAX_SCANNED = 20000 };

/* ---- which locks conflict: fs/locks.c ---------------------------------------------------------
 */

static bool is_record(uint8_t type)
{
	return type == LOCK_POSIX || type == LOCK_OFD;
}

bool lock_conflicts(const struct file_lock *l, const struct lock_request *r)
{
	if (l->waiter || l->ino != r->ino || l->dev != r->dev || (!l->write && !r->write))
		return false;
	if (r->type == LOCK_FLOCK)
		return l->type == LOCK_FLOCK;
	if (!is_record(l->type) || l->start > r->end || l->end < r->start)
		return false;
	/* A process does not stand in its own way, with record locks. */
	return !(l->type == LOCK_POSIX && r->type == LOCK_POSIX && l->pid == r->tgid);
}

bool lock_own_line(const struct file_locks *locks, struct lock_request *r)
{
	const struct file_lock *own = NULL;
	int32_t pid = r->type == LOCK_OFD ? -1 : r->tgid;

	for (uint32_t i = 0; i < locks->count; i++) {
		const struct file_lock *l = &locks->at[i];

		if (!l->waiter || l->type != r->type || l->pid != pid || l->ino != r->ino)
			continue;
		if (own && (own->start != l->start || own->end != l->end || own->dev != l->dev))
			return false;
		own = l;
	}
	if (!own)
		return false;
	r->dev = own->dev;
	r->start = own->start;
	r->end = own->end;
	return true;
}

uint32_t lock_count(const struct file_locks *locks, const struct lock_request *r, uint8_t type)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < locks->count; i++)
		count += locks->at[i].type == type && lock_conflicts(&locks->at[i], r);
	return count;
}

/* ---- who has the descriptions -----------------------------------------------------------------
 */

/* A descriptor whose description has a conflicting lock. */
struct held {
	int32_t tgid, fd;
	uint32_t group; /* index of the first one with the same description */
};

struct search {
	struct wait_ctx *c;
	const struct lock_request *r;
	VEC(struct held) found;
	uint32_t groups, scanned;
};

static void search_release(struct search *s)
{
	vec_release(&s->found);
}

/*
 * Does that descriptor hold a conflicting flock or OFD lock? The "lock:" lines are those of
 * /proc/locks.
 */
static bool holds(const struct lock_request *r, int32_t tgid, int32_t fd)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf lines = STRBUF_INIT;
	static const char tag[] = "lock:\t";
	char name[32];

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (procfs_read_of(&text, tgid, 0, name, NULL) < 0)
		return false;
	for (const char *at = strstr(strbuf_str(&text), tag); at; at = strstr(at, tag)) {
		size_t len;

		at += sizeof(tag) - 1;
		len = strcspn(at, "\n");
		strbuf_addn(&lines, at, len);
		strbuf_addc(&lines, '\n');
	}
	_cleanup_file_locks_ struct file_locks *locks = file_locks_parse(strbuf_str(&lines));
	for (uint32_t i = 0; i < locks->count; i++)
		if (locks->at[i].type != LOCK_POSIX && lock_conflicts(&locks->at[i], r))
			return true;
	return false;
}

/*
 * One open file description? When nobody can tell, one: that weakens what we claim, and is never
 * false.
 */
static bool same_description(const struct search *s, const struct held *a, int32_t tgid, int32_t fd)
{
	const struct snap_file *x = snapshot_file(wait_snapshot(s->c), a->tgid, a->fd);
	const struct snap_file *y = snapshot_file(wait_snapshot(s->c), tgid, fd);
	long rc;

	if (x && y && x->description && y->description)
		return x->description == y->description;
	rc = syscall(SYS_kcmp, a->tgid, tgid, KCMP_FILE, (unsigned long)a->fd, (unsigned long)fd);
	return rc <= 0;
}

static void note(struct search *s, int32_t tgid, int32_t fd)
{
	struct held h = { tgid, fd, s->found.count };

	for (uint32_t i = 0; i < s->found.count; i++) {
		const struct held *other = &s->found.at[i];

		if (other->tgid == tgid && other->fd == fd)
			return;
		if (h.group == s->found.count && same_description(s, other, tgid, fd))
			h.group = other->group;
	}
	s->groups += h.group == s->found.count;
	*vec_push(&s->found) = h;
}

/* Descriptors of the same inode that the snapshot knows. */
static void search_snapshot(struct search *s)
{
	const struct snap_file *own = wait_file(s->c, s->r->tgid, s->r->fd);
	struct find_target target;

	if (!own)
		return;
	target = find_of_file(own);
	for (const struct snap_file *f = find_next(s->c, &target, NULL); f;
	     f = find_next(s->c, &target, f))
		if (holds(s->r, f->tgid, f->fd))
			note(s, f->tgid, f->fd);
}

/* All descriptors of one process. */
static void search_process(struct search *s, int32_t tgid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", tgid);
	_cleanup_closedir_ DIR *dir = opendir(path);
	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		int32_t fd = (int32_t)strtol(e->d_name, NULL, 10);

		if (*e->d_name == '.' || s->scanned++ > MAX_SCANNED)
			continue;
		if (holds(s->r, tgid, fd))
			note(s, tgid, fd);
	}
}

/*
 * The snapshot first, then whoever /proc/locks names, then everybody, until `want` descriptions are
 * found.
 */
static void search(struct search *s, const struct file_locks *locks, uint32_t want)
{
	const struct snapshot *snap = wait_snapshot(s->c);

	search_snapshot(s);
	for (uint32_t i = 0; i < locks->count && s->groups < want; i++)
		if (locks->at[i].pid > 0 && lock_conflicts(&locks->at[i], s->r))
			search_process(s, locks->at[i].pid);
	for (uint32_t i = 0; i < snap->processes.count && s->groups < want; i++)
		if (!snap->processes.at[i].kernel && !snap->processes.at[i].exited)
			search_process(s, snap->processes.at[i].tgid);
}

/* ---- terms ------------------------------------------------------------------------------------
 */

static void add_holder(struct search *s, uint32_t object, const struct held *h)
{
	struct model *m = wait_model(s->c);
	const struct snap_file *f = snapshot_file(wait_snapshot(s->c), h->tgid, h->fd);
	uint32_t actor = wait_actor(s->c, h->tgid), at;

	if (!actor)
		return;
	at = model_add_holder(m, object, actor, h->fd, MODE_READ | MODE_WRITE);
	m->holders.at[at].description = f ? f->description : 0;
	m->holders.at[at].inherited = h->group != (uint32_t)(h - s->found.at);
}

/* One object a description: any of its holders can release the lock, all of the objects must. */
static void add_groups(struct search *s, const struct wait_site *site, uint32_t object)
{
	struct model *m = wait_model(s->c);
	uint32_t number = 0;

	for (uint32_t i = 0; i < s->found.count; i++) {
		_cleanup_free_ char *key = NULL;
		uint32_t id = object;

		if (s->found.at[i].group != i)
			continue;
		number++;
		if (s->groups > 1) {
			key = xasprintf("%s#%u", model_str(m, model_object(m, object)->key),
					number);
			id = model_add_object(m, model_str(m, model_object(m, object)->kind), key);
			model_object(m, id)->label = model_object(m, object)->label;
		}
		for (uint32_t j = i; j < s->found.count; j++)
			if (s->found.at[j].group == i)
				add_holder(s, id, &s->found.at[j]);
		model_object(m, id)->holders_seen =
			wait_snapshot(s->c)->all_holders ? HOLDERS_COMPLETE : HOLDERS_VISIBLE;
		wait_term_holders(s->c, site->wait, id, 0, AS_OWNER);
	}
}

/* Record locks: their processes, each once. */
static void add_processes(struct wait_ctx *c, const struct wait_site *site,
			  const struct lock_request *r, const struct file_locks *locks)
{
	_cleanup_map_ struct map seen = MAP_INIT;

	for (uint32_t i = 0; i < locks->count; i++) {
		const struct file_lock *l = &locks->at[i];
		uint32_t actor;

		if (l->type != LOCK_POSIX || !lock_conflicts(l, r) ||
		    map_find(&seen, (uint32_t)l->pid, NULL))
			continue;
		map_put(&seen, (uint32_t)l->pid, 1);
		actor = wait_actor(c, l->pid);
		if (actor)
			wait_term(c, site->wait,
				  (struct term){ TERM_ACTOR, .as = AS_OWNER, .id = actor }, NULL);
		else
			wait_unknown(c, site->wait, "process %d, which has the lock, is not known",
				     l->pid);
	}
}

void lock_add_terms(struct wait_ctx *c, const struct wait_site *site, const struct lock_request *r,
		    uint32_t object)
{
	const struct file_locks *locks = wait_locks(c);
	__attribute__((cleanup(search_release))) struct search s = { .c = c, .r = r };
	struct wait *w;
	uint32_t want;

	if (!locks) {
		wait_unknown(c, site->wait, "/proc/locks could not be read");
		return;
	}
	want = lock_count(locks, r, LOCK_FLOCK) + lock_count(locks, r, LOCK_OFD);
	if (want)
		search(&s, locks, want);
	add_groups(&s, site, object);
	if (s.groups < want)
		wait_unknown(c, site->wait,
			     "who holds %u of the %u locks in the way is not visible",
			     want - s.groups, want);
	if (r->type != LOCK_FLOCK)
		add_processes(c, site, r, locks);
	w = model_wait(wait_model(c), site->wait);
	if (!w->term_count)
		wait_unknown(c, site->wait, "no lock in the way is visible");
	w->need = w->term_count;
}

uint32_t lock_object(struct wait_ctx *c, const struct lock_request *r, const char *kind)
{
	struct model *m = wait_model(c);
	const struct snap_file *f = wait_file(c, r->tgid, r->fd);
	uint32_t id;
	char key[96];

	snprintf(key, sizeof(key), "%s:[%u:%u:%" PRIu64 "]", kind, major(r->dev), minor(r->dev),
		 r->ino);
	id = model_add_object(m, kind, key);
	model_object(m, id)->relevant = true;
	if (f && f->path)
		model_object(m, id)->label =
			strtab_add(m->strings, snapshot_str(wait_snapshot(c), f->path));
	return id;
}
