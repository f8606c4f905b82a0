/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/from_read.h"

#include "model/files.h"
#include "read/net/socks.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* So many findings of one kind are told one by one; people read one screen. */
enum { EACH_MAX = 32 };

/* Bits of epoll_event.events: EPOLLIN, EPOLLRDNORM (uapi/linux/eventpoll.h). */
enum { EVENTS_IN = 0x001 | 0x040 };

/* A look at the facts. */
struct facts {
	struct model *m;
	struct snapshot *s;
	/* of note_waits(), when first asked for: most trees have nothing that it is asked of */
	bool noted;
	struct map watched;  /* (inode, actor) folded -> 1: it waits for input there */
	struct map unsure;   /* actor -> 1: what it waits for is not fully known */
	struct map waiting;  /* actor -> 1: a thread of it waits in poll, select or epoll */
	uint32_t told, more; /* of the kind that is being looked for */
};

static void facts_release(struct facts *x)
{
	map_release(&x->watched);
	map_release(&x->waiting);
	map_release(&x->unsure);
}
DEFINE_PLACE_GUARD(facts)

/* ---- telling --------------------------------------------------------------------------------- */

/* "pid 7 (sleep)" */
struct name {
	char text[48];
};

static struct name name_of(const struct facts *x, uint32_t actor)
{
	const struct actor *a = model_actor(x->m, actor);
	struct name n;

	snprintf(n.text, sizeof(n.text), "pid %d (%.16s)", a->pid, model_str(x->m, a->name));
	return n;
}

__attribute__((format(printf, 4, 5))) static void tell(struct facts *x, const char *kind,
						       struct finding f, const char *fmt, ...)
{
	va_list ap;

	if (x->told++ >= EACH_MAX) {
		x->more++;
		return;
	}
	f.kind = strtab_add(x->m->strings, kind);
	va_start(ap, fmt);
	f.text = strtab_addv(x->m->strings, fmt, ap);
	va_end(ap);
	model_add_finding(x->m, f);
}

/* After the last one of a kind: how many were not told. */
static void tell_more(struct facts *x, const char *kind)
{
	struct finding f = { .fd = -1 };

	if (x->more) {
		f.kind = strtab_add(x->m->strings, kind);
		f.text = strtab_addf(x->m->strings, "and %u more of this kind", x->more);
		model_add_finding(x->m, f);
	}
	x->told = x->more = 0;
}

/* ---- processes ------------------------------------------------------------------------------- */

static void find_zombies(struct facts *x)
{
	for (uint32_t id = 1; id <= x->m->actors.count; id++) {
		const struct actor *a = model_actor(x->m, id);

		if (!a->in_tree || !a->exited || !a->parent)
			continue;
		tell(x, "zombie", (struct finding){ .actor = id, .fd = -1 },
		     "%s has exited and %s has not waited for it", name_of(x, id).text,
		     name_of(x, a->parent).text);
	}
	tell_more(x, "zombie");
}

/*
 * In the tree by its session, cgroup or by hand, and its parent is not: whoever began it is gone.
 */
static bool is_orphan(const struct facts *x, uint32_t id)
{
	const struct actor *a = model_actor(x->m, id);
	const char *joined = model_str(x->m, a->joined);

	return a->in_tree && !a->exited && id != x->m->root && !a->parent && *joined &&
	       strcmp(joined, "--also") != 0;
}

static void find_orphans(struct facts *x)
{
	for (uint32_t id = 1; id <= x->m->actors.count; id++) {
		const struct actor *a = model_actor(x->m, id);

		if (!is_orphan(x, id))
			continue;
		tell(x, "orphan", (struct finding){ .actor = id, .fd = -1 },
		     "%s outlived its parent: pid %d adopted it (same %s)", name_of(x, id).text,
		     a->ppid, model_str(x->m, a->joined));
	}
	tell_more(x, "orphan");
}

/* A lock that another thread held at the fork stays locked in a child that has only one thread. */
static void find_forked_threads(struct facts *x)
{
	for (uint32_t id = 1; id <= x->m->actors.count; id++) {
		const struct actor *a = model_actor(x->m, id);
		bool bare = a->spawn_method == SPAWN_FORK || a->spawn_method == SPAWN_THREAD_FORK;
		uint32_t threads = a->parent ? model_actor(x->m, a->parent)->thread_count : 0;

		if (!a->in_tree || !bare || a->exited || a->thread_count != 1 || threads < 2)
			continue;
		tell(x, "forked-from-threads", (struct finding){ .actor = id, .fd = -1 },
		     "%s was forked without exec from %s, which has %u threads: a lock that "
		     "another of them held then can never be released in it",
		     name_of(x, id).text, name_of(x, a->parent).text, threads);
	}
	tell_more(x, "forked-from-threads");
}

/* ---- signals --------------------------------------------------------------------------------- */

/* sigabbrev_np(3) knows no real-time signals. */
static void signal_name(char *buf, size_t size, int signal)
{
	const char *name = sigabbrev_np(signal);

	if (name)
		snprintf(buf, size, "SIG%s", name);
	else
		snprintf(buf, size, "signal %d", signal);
}

static void tell_signal(struct facts *x, uint32_t actor, const struct snap_process *p, int signal)
{
	char name[32], sender[64] = "";
	bool ignored = p->sig_ignored >> (signal - 1) & 1;

	signal_name(name, sizeof(name), signal);
	if (p->pending_sender)
		snprintf(sender, sizeof(sender), ", sent by pid %d", p->pending_sender);
	tell(x, "signal-blocked", (struct finding){ .actor = actor, .fd = -1, .signal = signal },
	     "%s is pending in %s, which blocks%s it%s: nobody has noticed it yet", name,
	     name_of(x, actor).text, ignored ? " and ignores" : "", sender);
}

static void find_signals(struct facts *x)
{
	for (uint32_t id = 1; id <= x->m->actors.count; id++) {
		uint64_t pending = model_actor(x->m, id)->sig_pending_blocked;
		const struct snap_process *p;

		if (!pending || !model_actor(x->m, id)->in_tree)
			continue;
		p = snapshot_process(x->s, model_actor(x->m, id)->pid);
		for (int signal = 1; p && signal <= 64; signal++)
			if (pending >> (signal - 1) & 1)
				tell_signal(x, id, p, signal);
	}
	tell_more(x, "signal-blocked");
}

/* ---- who watches what ------------------------------------------------------------------------ */

/* One socket and one actor as a key. Inode numbers of sockets count from 1 and stay small. */
static uint64_t watch_key(uint64_t ino, uint32_t actor)
{
	return (ino << 24) ^ actor;
}

/* Everybody who shares an epoll instance watches its items, if one of his threads waits there. */
static void note_items(struct facts *x, uint32_t actor, const struct snap_file *epoll)
{
	for (uint32_t i = 0; i < epoll->item_count; i++) {
		const struct snap_epitem *item = &x->s->epitems.at[epoll->first_item + i];

		if (item->kind == FILE_SOCKET && (item->events & EVENTS_IN))
			map_put(&x->watched, watch_key(item->ino, actor), 1);
	}
}

/* By wait: items of poll and epoll, reads and accepts, and who waits for a set of things. */
static void note_sets(struct facts *x)
{
	for (uint32_t i = 0; i < x->m->waits.count; i++) {
		const struct wait *w = &x->m->waits.at[i];
		const struct snap_file *f;

		if (w->kind == WAIT_POLL && !w->parent)
			map_put(&x->waiting, w->actor, 1);
		f = w->fd < 0 ? NULL : snapshot_file(x->s, model_actor(x->m, w->actor)->pid, w->fd);
		if (f && f->kind == FILE_SOCKET)
			map_put(&x->watched, watch_key(f->ino, w->actor), 1);
		if (f && f->kind == FILE_EPOLL && f->details && !f->items_cut)
			note_items(x, w->actor, f);
		else if (f && f->kind == FILE_EPOLL)
			map_put(&x->unsure, w->actor, 1);
	}
}

/* Threads that run may be on their way to anything. */
static void note_threads(struct facts *x)
{
	for (uint32_t i = 0; i < x->m->threads.count; i++) {
		const struct thread *t = &x->m->threads.at[i];

		if (t->moved || t->gone || !t->wait)
			map_put(&x->unsure, t->actor, 1);
	}
}

static void note_waits(struct facts *x)
{
	if (x->noted)
		return;
	x->noted = true;
	note_sets(x);
	note_threads(x);
}

static bool is_unsure(struct facts *x, uint32_t actor)
{
	note_waits(x);
	return map_find(&x->unsure, actor, NULL);
}

/* Is it known to wait for a set of things, and for which ones? */
static bool waits_for_set(struct facts *x, uint32_t actor)
{
	return !is_unsure(x, actor) && map_find(&x->waiting, actor, NULL);
}

/* Does it wait for input of the socket with that inode? */
static bool watches(struct facts *x, uint64_t ino, uint32_t actor)
{
	note_waits(x);
	return map_find(&x->watched, watch_key(ino, actor), NULL);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/*
 * The actors of a group, in the order of its files, without repetition: the first two and how many.
 */
struct sharers {
	uint32_t first, second, count;
	int32_t second_fd;
};

static struct sharers sharers_of(struct facts *x, const struct file_group *g)
{
	struct sharers who = { .count = 0 };
	uint32_t last = 0;

	for (uint32_t i = g->first; i; i = files_next(x->m, i)) {
		const struct snap_file *f = &x->s->files.at[i - 1];
		uint32_t actor = model_find_pid(x->m, f->tgid);

		if (!actor || actor == last || !model_actor(x->m, actor)->in_tree)
			continue;
		last = actor;
		who.count++;
		if (who.count == 1)
			who.first = actor;
		if (who.count == 2) {
			who.second = actor;
			who.second_fd = f->fd;
		}
	}
	return who;
}

static void find_shared_epolls(struct facts *x)
{
	for (uint32_t i = files_of_kind(x->m, x->s, FILE_EPOLL); i;
	     i = files_next_of_kind(x->m, i)) {
		struct file_group *g = files_group_of(x->m, i);
		struct sharers who;
		struct finding f;

		if (g->first != i || g->count < 2)
			continue;
		who = sharers_of(x, g);
		if (who.count < 2)
			continue;
		f = (struct finding){ .actor = who.second, .fd = who.second_fd };
		f.object = model_file_object(x->m, x->s, &x->s->files.at[i - 1]);
		tell(x, "epoll-shared", f,
		     "%u processes share one epoll instance, %s and %s among them: what one adds "
		     "or removes changes what the other is woken for",
		     who.count, name_of(x, who.first).text, name_of(x, who.second).text);
	}
	tell_more(x, "epoll-shared");
}

static bool is_bare_fork(const struct actor *a)
{
	return a->spawn_method == SPAWN_FORK || a->spawn_method == SPAWN_THREAD_FORK ||
	       a->spawn_method == SPAWN_FORKSERVER;
}

/* The socket behind a file, once they are known; NULL. */
static const struct snap_sock *sock_of(const struct facts *x, const struct snap_file *f)
{
	return f->sock && f->sock <= x->s->socks.count ? &x->s->socks.at[f->sock - 1] : NULL;
}

static bool is_listener(const struct facts *x, const struct snap_file *f)
{
	const struct snap_sock *k = sock_of(x, f);

	return k && k->state == SOCK_LISTENING;
}

/* Had under the number it has in the parent, and nobody there waits for it. */
static bool is_left_over(struct facts *x, const struct snap_file *f, uint32_t actor)
{
	const struct actor *a = model_actor(x->m, actor);
	const struct snap_file *above;

	/* 0, 1 and 2 are meant to be inherited. */
	if (f->fd < 3 || !a->in_tree || !a->parent)
		return false;
	above = snapshot_file(x->s, model_actor(x->m, a->parent)->pid, f->fd);
	if (!above || above->kind != FILE_SOCKET || above->ino != f->ino)
		return false;
	/* Of a program that was started only a listener: what it was given else may be for it. */
	if (!is_bare_fork(a) && (!is_listener(x, f) || is_unsure(x, actor)))
		return false;
	/*
	 * Only of one that is known to wait for other things, and for which its parent does wait.
	 */
	return (!is_bare_fork(a) || waits_for_set(x, actor)) && !watches(x, f->ino, actor) &&
	       watches(x, f->ino, a->parent);
}

static void find_inherited(struct facts *x)
{
	for (uint32_t i = files_of_kind(x->m, x->s, FILE_SOCKET); i;
	     i = files_next_of_kind(x->m, i)) {
		struct snap_file f = x->s->files.at[i - 1];
		uint32_t actor = model_find_pid(x->m, f.tgid), parent, object;

		if (!actor || !is_left_over(x, &f, actor))
			continue;
		parent = model_actor(x->m, actor)->parent;
		object = model_file_object(x->m, x->s, &x->s->files.at[i - 1]);
		tell(x, "fd-inherited",
		     (struct finding){ .actor = actor, .object = object, .fd = f.fd },
		     "%s has fd %d, %s, by inheritance and does not wait for it; %s does",
		     name_of(x, actor).text, f.fd, model_str(x->m, model_object(x->m, object)->key),
		     name_of(x, parent).text);
	}
	tell_more(x, "fd-inherited");
}

/* Is it known what every holder waits for, and it is not this? */
static bool is_unwatched(struct facts *x, const struct file_group *g)
{
	for (uint32_t i = g->first; i; i = files_next(x->m, i)) {
		uint32_t actor = model_find_pid(x->m, x->s->files.at[i - 1].tgid);

		if (!actor || !model_actor(x->m, actor)->in_tree || is_unsure(x, actor) ||
		    watches(x, g->b, actor))
			return false;
	}
	return true;
}

/* The same, and one of them is an event loop. */
static bool is_forgotten(struct facts *x, const struct file_group *g)
{
	for (uint32_t i = g->first; i; i = files_next(x->m, i)) {
		uint32_t actor = model_find_pid(x->m, x->s->files.at[i - 1].tgid);

		if (actor && waits_for_set(x, actor))
			return is_unwatched(x, g);
	}
	return false;
}

static void find_unread(struct facts *x)
{
	for (uint32_t i = files_of_kind(x->m, x->s, FILE_SOCKET); i;
	     i = files_next_of_kind(x->m, i)) {
		const struct snap_file *f = &x->s->files.at[i - 1];
		const struct file_group *g = files_group_of(x->m, i);
		const struct snap_sock *k;
		uint32_t object, actor = model_find_pid(x->m, f->tgid);
		int32_t fd = f->fd;

		k = sock_of(x, f);
		if (g->first != i || !actor || !k)
			continue;
		if (!k->rqueue || k->state == SOCK_LISTENING || !is_forgotten(x, g))
			continue;
		object = model_file_object(x->m, x->s, f);
		tell(x, "unread-bytes",
		     (struct finding){ .actor = actor, .object = object, .fd = fd },
		     "%s has unread bytes in fd %d, %s, and waits for other things only",
		     name_of(x, actor).text, fd, model_str(x->m, model_object(x->m, object)->key));
	}
	tell_more(x, "unread-bytes");
}

/* ---- listeners of who is gone ---------------------------------------------------------------- */

/* Who accepted a connection at that address, or has one that was, is a server at work. */
static bool serves_at(const struct facts *x, uint32_t actor, const struct snap_sock *listener)
{
	const struct snap_process *p = snapshot_process(x->s, model_actor(x->m, actor)->pid);

	for (uint32_t i = 0; p && i < p->file_count; i++) {
		const struct snap_file *f = &x->s->files.at[p->first_file + i];
		const struct snap_sock *k = f->kind == FILE_SOCKET ? sock_of(x, f) : NULL;

		if (!k || k->state == SOCK_LISTENING || k->family != listener->family)
			continue;
		/* what accept(2) gives has the address of its listener */
		if (k->local_port ? k->local_port == listener->local_port :
				    k->path && k->path == listener->path)
			return true;
	}
	return false;
}

/*
 * The orphan among those who have a listener for which nobody waits and at which nobody serves; 0:
 * it is not such a one. *fd: its descriptor.
 */
static uint32_t heir_of(struct facts *x, const struct file_group *g, int32_t *fd)
{
	const struct snap_sock *k = sock_of(x, &x->s->files.at[g->first - 1]);
	uint32_t heir = 0;

	if (!k || k->state != SOCK_LISTENING || !is_unwatched(x, g))
		return 0;
	for (uint32_t i = g->first; i; i = files_next(x->m, i)) {
		uint32_t actor = model_find_pid(x->m, x->s->files.at[i - 1].tgid);

		if (serves_at(x, actor, k))
			return 0;
		if (!heir && is_orphan(x, actor)) {
			heir = actor;
			*fd = x->s->files.at[i - 1].fd;
		}
	}
	return heir;
}

static bool has_orphan(const struct facts *x)
{
	for (uint32_t id = 1; id <= x->m->actors.count; id++)
		if (is_orphan(x, id))
			return true;
	return false;
}

/* What an actor listened on outlives it in a program that got it by inheritance. */
static void find_heirs(struct facts *x)
{
	struct snag_error err = SNAG_ERROR_INIT;

	if (!has_orphan(x))
		return;
	if (!x->s->socks_loaded && socks_load(x->s, &err) < 0)
		snapshot_missing(x->s, "sockets: %s", err.text);
	for (uint32_t i = files_of_kind(x->m, x->s, FILE_SOCKET); i;
	     i = files_next_of_kind(x->m, i)) {
		const struct file_group *g = files_group_of(x->m, i);
		const struct object *o;
		uint32_t heir, object;
		int32_t fd = -1;

		heir = g->first == i ? heir_of(x, g, &fd) : 0;
		if (!heir)
			continue;
		object = model_file_object(x->m, x->s, &x->s->files.at[i - 1]);
		o = model_object(x->m, object);
		tell(x, "listener-orphaned",
		     (struct finding){ .actor = heir, .object = object, .fd = fd },
		     "%s outlived its parent and has fd %d, a listener (%s), for which nobody "
		     "waits: who connects is never answered, and the address stays taken",
		     name_of(x, heir).text, fd, model_str(x->m, o->label ? o->label : o->key));
	}
	tell_more(x, "listener-orphaned");
}

void model_find_facts(struct model *m, struct snapshot *s)
{
	_cleanup_(facts_release_guard) struct facts x = { .m = m, .s = s };

	find_zombies(&x);
	find_orphans(&x);
	find_forked_threads(&x);
	find_signals(&x);
	find_shared_epolls(&x);
	find_inherited(&x);
	find_unread(&x);
	find_heirs(&x);
}
