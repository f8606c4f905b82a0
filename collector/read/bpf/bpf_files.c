/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/bpf/bpf_files.h"

#include "read/bpf/bpf_pass.h"
#include "read/net/socks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	MAX_RESTS = 1000,   /* passes for one set: some 400 items each */
	ROOM_MAX = 1 << 20, /* files that room is made for before they come */
	KERNEL_MINOR_BITS = 20,
	LINE_BITS = 6,
	NS_PER_TENTH = 100000000, /* of a second, the unit of VTIME */
};

static void bpf_pass_release(struct bpf_pass *x)
{
	vec_release(&x->files);
	vec_release(&x->sets);
	vec_release(&x->pending);
	vec_release(&x->ttys);
	map_release(&x->descriptions);
	map_release(&x->set_of);
	map_release(&x->socks);
	map_release(&x->names);
	map_release(&x->paths);
	map_release(&x->wanted);
	vec_release(&x->wanted_socks);
	vec_release(&x->asked);
}
DEFINE_PLACE_GUARD(bpf_pass)

uint64_t bpf_dev(uint32_t dev)
{
	return makedev(dev >> KERNEL_MINOR_BITS, dev & ((1U << KERNEL_MINOR_BITS) - 1));
}

uint32_t bpf_description(struct bpf_pass *x, uint64_t file_ref)
{
	/* files lie side by side in memory, at multiples of a cache line */
	uint64_t key = file_ref >> LINE_BITS | file_ref << (64 - LINE_BITS);

	return file_ref ? map_add(&x->descriptions, key, x->descriptions.count + 1) : 0;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

/* A flat table: the order of enum ev_class. */
static const struct {
	uint8_t kind;
	const char *name; /* what readlink would say, where it is always the same */
} KINDS[EV_CLASS_COUNT] = {
	[EV_CLASS_NONE] = { FILE_UNKNOWN, NULL },
	[EV_CLASS_REGULAR] = { FILE_REGULAR, NULL },
	[EV_CLASS_DIRECTORY] = { FILE_DIRECTORY, NULL },
	[EV_CLASS_DEVICE] = { FILE_DEVICE, NULL },
	[EV_CLASS_PIPE] = { FILE_PIPE, NULL },
	[EV_CLASS_SOCKET] = { FILE_SOCKET, NULL },
	[EV_CLASS_EVENTFD] = { FILE_EVENTFD, "anon_inode:[eventfd]" },
	[EV_CLASS_TIMERFD] = { FILE_TIMERFD, "anon_inode:[timerfd]" },
	[EV_CLASS_SIGNALFD] = { FILE_SIGNALFD, "anon_inode:[signalfd]" },
	[EV_CLASS_EPOLL] = { FILE_EPOLL, "anon_inode:[eventpoll]" },
	[EV_CLASS_PIDFD] = { FILE_PIDFD, "anon_inode:[pidfd]" },
	[EV_CLASS_INOTIFY] = { FILE_INOTIFY, "anon_inode:inotify" },
	[EV_CLASS_FANOTIFY] = { FILE_FANOTIFY, "anon_inode:[fanotify]" },
	[EV_CLASS_USERFAULTFD] = { FILE_USERFAULTFD, "anon_inode:[userfaultfd]" },
	[EV_CLASS_IO_URING] = { FILE_IO_URING, "anon_inode:[io_uring]" },
	[EV_CLASS_TTY] = { FILE_TTY, NULL },
	[EV_CLASS_FUSE_DEV] = { FILE_FUSE_DEV, NULL },
	[EV_CLASS_MQUEUE] = { FILE_MQUEUE, NULL },
	[EV_CLASS_ANON] = { FILE_ANON, NULL },
};

static uint8_t kind_of(uint16_t class)
{
	return class < EV_CLASS_COUNT ? KINDS[class].kind : FILE_UNKNOWN;
}

/* What tells anonymous objects apart. 0 is a valid eventfd-id, and 0 is our unknown. */
static uint64_t id_of(const struct ev_target *t)
{
	if (t->class == EV_CLASS_EVENTFD)
		return t->id + 1;
	return t->class == EV_CLASS_PIDFD ? t->ino : 0;
}

static uint64_t positive(int64_t ns)
{
	return ns > 0 ? (uint64_t)ns : 1; /* armed and about to fire */
}

static void fill_pipe(struct snap_file *f, const struct ev_file *e)
{
	f->pipe_readers = e->pipe.readers;
	f->pipe_writers = e->pipe.writers;
	f->pipe_used = e->pipe.used;
	f->pipe_slots = e->pipe.slots;
}

/* Kinds whose one number is not known keep SNAP_UNKNOWN_U64 as fdinfo.c has it. */
static void fill_kind(struct bpf_pass *x, struct snap_file *f, const struct ev_file *e)
{
	switch (e->it.class) {
	case EV_CLASS_PIPE:
		f->named = e->magic != PIPEFS_MAGIC;
		fill_pipe(f, e);
		break;
	case EV_CLASS_EVENTFD:
		f->value = e->eventfd.count;
		f->refs = e->eventfd.refs;
		break;
	case EV_CLASS_TIMERFD:
		f->expires_ns = e->timerfd.armed ? positive(e->timerfd.left_ns) : 0;
		f->interval_ns = e->timerfd.interval_ns;
		break;
	case EV_CLASS_SIGNALFD:
		f->sigmask = e->sigmask;
		break;
	case EV_CLASS_PIDFD:
		f->value = (uint64_t)(int64_t)e->pidfd.tgid;
		break;
	case EV_CLASS_TTY:
		if (e->head.flags & EV_FILE_MASTER)
			f->kind = FILE_PTY_MASTER;
		else
			f->interval_ns = (uint64_t)e->tty.vtime * NS_PER_TENTH;
		f->value = e->tty.major >= 128 && e->tty.major < 144 ? e->tty.index :
								       SNAP_UNKNOWN_U64;
		break;
	case EV_CLASS_FUSE_DEV:
		f->value = e->fuse.dev ? e->fuse.dev : SNAP_UNKNOWN_U64;
		break;
	case EV_CLASS_IO_URING:
		f->value = (e->uring.timeouts ? URING_TIMEOUTS : 0) |
			   (e->uring.waitids ? URING_CHILDREN : 0) |
			   (e->uring.futexes ? URING_FUTEXES : 0);
		break;
	case EV_CLASS_DEVICE:
		f->value = bpf_dev(e->rdev);
		break;
	case EV_CLASS_ANON:
		if (!strcmp(e->name, "seccomp notify"))
			f->kind = FILE_SECCOMP_NOTIFY;
		f->path = strtab_addf(x->s->strings, "anon_inode:%s", e->name);
		break;
	default:
		break;
	}
}

/* The string id of what readlink would say, looked up once a pass. */
static uint32_t kind_name(struct bpf_pass *x, uint16_t class)
{
	if (!x->kind_names[class])
		x->kind_names[class] = strtab_add(x->s->strings, KINDS[class].name);
	return x->kind_names[class];
}

struct snap_file bpf_snap_file(struct bpf_pass *x, const struct ev_file *e)
{
	uint16_t class = e->it.class < EV_CLASS_COUNT ? e->it.class : EV_CLASS_NONE;
	struct snap_file f = {
		.tgid = e->tgid,
		.fd = e->fd,
		.kind = kind_of(class),
		.mode = (uint8_t)(e->it.mode & (MODE_READ | MODE_WRITE)),
		.nonblock = e->f_flags & O_NONBLOCK,
		.dev = bpf_dev(e->it.dev),
		.ino = e->it.ino,
		.description = bpf_description(x, e->it.file_ref),
		.id = id_of(&e->it),
		.path = kind_name(x, class),
		.pipe_readers = UINT32_MAX,
		.pipe_writers = UINT32_MAX,
		.pipe_used = UINT32_MAX,
		.pipe_slots = UINT32_MAX,
		.lockable = e->head.flags & EV_FILE_LOCKS,
		.details = true,
		.mnt_id = -1,
	};
	uint32_t set = class == EV_CLASS_EPOLL ? map_get(&x->set_of, e->it.file_ref, 0) : 0;

	fill_kind(x, &f, e);
	if (set) {
		f.first_item = x->sets.at[set - 1].first;
		f.item_count = x->sets.at[set - 1].count;
		f.items_cut = x->sets.at[set - 1].cut;
		f.details = !f.items_cut; /* else fdinfo tells the items, when they are asked for */
	}
	return f;
}

/* ---- sockets --------------------------------------------------------------------------------- */

static uint32_t jiffies_to_ms(const struct bpf_pass *x, int64_t jiffies)
{
	uint64_t ms = x->hz && jiffies > 0 ? (uint64_t)jiffies * 1000 / x->hz : 0;

	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* SO_RCVTIMEO and SO_SNDTIMEO: LONG_MAX is "for ever". */
static uint32_t timeout_ms(const struct bpf_pass *x, int64_t jiffies)
{
	return jiffies >= INT64_MAX / 2 ? 0 : jiffies_to_ms(x, jiffies);
}

static void add_sock(struct bpf_pass *x, const struct ev_sock *e)
{
	struct snap_sock *k = vec_push(&x->s->socks);

	k->ino = e->ino;
	k->net_ns = e->net_ns;
	k->family = e->family;
	k->type = e->type;
	k->protocol = e->protocol;
	k->state = e->state;
	k->shutdown = e->shutdown;
	k->rqueue = e->rqueue;
	k->wqueue = e->wqueue;
	k->peer_ino = e->peer_ino;
	k->path = map_get(&x->names, e->ino, 0);
	k->vfs_ino = e->path_ino;
	k->vfs_dev = e->path_ino ? bpf_dev(e->path_dev) : 0;
	memcpy(k->local, e->local, sizeof(k->local));
	memcpy(k->remote, e->remote, sizeof(k->remote));
	k->local_port = e->local_port;
	k->remote_port = e->remote_port;
	k->timer = (uint8_t)e->timer;
	k->user_timeout_ms = e->user_timeout_ms;
	k->timer_ms = e->timer ? jiffies_to_ms(x, e->timer_left) : 0;
	k->rcvtimeo_ms = timeout_ms(x, e->rcvtimeo);
	k->sndtimeo_ms = timeout_ms(x, e->sndtimeo);
	k->timeouts_known = true;
	k->in_flight_fds = e->family == AF_UNIX ? e->fds : UINT32_MAX;
}

static void on_sock(struct bpf_pass *x, const struct ev_sock *e)
{
	uint64_t key = e->ino ? e->ino : e->sock_ref;
	uint32_t id;

	if (!e->ino && e->family == AF_UNIX) {
		/* Told with each holder of the listener; to link them twice does no harm. */
		*vec_push(&x->pending) = (struct bpf_pending){ e->peer_ino, e->listener_ino };
		x->embryo_fds |= e->fds != 0;
		return;
	}
	id = x->socks.count + 1;
	if (map_add(&x->socks, key, id) != id) {
		/* Another holder of the same socket: what is queued there was told before. */
		if (e->ino)
			x->s->inflight.count = x->first_inflight;
		return;
	}
	add_sock(x, e);
	if (e->ino && (e->head.flags & EV_FILE_CUT))
		x->cut_queues++;
}

/* As sock_diag names them: an abstract name begins with @, as do zero bytes inside it. */
static void on_name(struct bpf_pass *x, const struct ev_sock_path *e)
{
	uint32_t n = e->length < sizeof(e->name) ? e->length : sizeof(e->name);
	char name[sizeof(e->name)];
	uint32_t id;

	memcpy(name, e->name, sizeof(name));
	if (n && !name[0])
		for (uint32_t i = 0; i < n; i++)
			if (!name[i])
				name[i] = '@';
	id = strtab_addn(x->s->strings, name, n);
	if (id)
		map_put(&x->names, e->ino, id);
}

/* A client that nobody accepted yet waits for whoever holds the listener. */
static void link_pending(struct bpf_pass *x)
{
	for (uint32_t i = 0; i < x->pending.count; i++) {
		uint32_t k = map_get(&x->s->by_sock, x->pending.at[i].client, 0);

		if (x->pending.at[i].client && k)
			x->s->socks.at[k - 1].listener_ino = x->pending.at[i].listener;
	}
}

/* ---- what belongs to a file ------------------------------------------------------------------ */

static void on_item(struct bpf_pass *x, const struct ev_epitem *e)
{
	struct snap_epitem *i = vec_push(&x->s->epitems);

	i->fd = e->fd;
	i->events = e->events;
	i->data = e->data;
	i->dev = bpf_dev(e->target.dev);
	i->ino = e->target.ino;
	i->kind = kind_of(e->target.class);
	i->description = bpf_description(x, e->target.file_ref);
	i->id = id_of(&e->target);
}

static void on_request(struct bpf_pass *x, const struct ev_uring *e)
{
	struct snap_uring_req *r = vec_push(&x->s->uring);

	r->opcode = (uint8_t)e->opcode;
	r->user_data = e->user_data;
	r->kind = kind_of(e->target.class);
	r->dev = bpf_dev(e->target.dev);
	r->ino = e->target.ino;
	r->id = id_of(&e->target);
	r->description = bpf_description(x, e->target.file_ref);
}

static void on_inflight(struct bpf_pass *x, const struct ev_inflight *e)
{
	struct snap_inflight *f = vec_push(&x->s->inflight);

	f->sock_ino = e->sock_ino;
	f->kind = kind_of(e->target.class);
	f->mode = (uint8_t)(e->target.mode & (MODE_READ | MODE_WRITE));
	f->dev = bpf_dev(e->target.dev);
	f->ino = e->target.ino;
	f->id = id_of(&e->target);
	f->description = bpf_description(x, e->target.file_ref);
}

/* The records before this one were the items of this set; another holder's copy of them goes. */
static void close_set(struct bpf_pass *x, const struct ev_file *e)
{
	struct bpf_set *set;

	if (map_find(&x->set_of, e->it.file_ref, NULL)) {
		x->s->epitems.count = x->first_item;
		return;
	}
	set = vec_push(&x->sets);
	set->ref = e->it.file_ref;
	set->tgid = e->tgid;
	set->first = x->first_item;
	set->count = x->s->epitems.count - x->first_item;
	set->cut = e->head.flags & EV_FILE_CUT;
	map_put(&x->set_of, e->it.file_ref, x->sets.count);
}

static bool has_path(const struct snap_file *f)
{
	return !f->path &&
	       (f->named || f->kind == FILE_REGULAR || f->kind == FILE_DIRECTORY ||
		f->kind == FILE_DEVICE || f->kind == FILE_TTY || f->kind == FILE_PTY_MASTER ||
		f->kind == FILE_FUSE_DEV || f->kind == FILE_MQUEUE);
}

/*
 * Descriptors that share a description share its name: stdin to stderr of a tree cost three looks.
 */
static void name_file(struct bpf_pass *x, struct snap_file *f, int32_t tid)
{
	char link[64], text[PATH_MAX];
	ssize_t n;

	if (map_find(&x->paths, f->description, &f->path))
		return;
	snprintf(link, sizeof(link), "/proc/%d/task/%d/fd/%d", f->tgid, tid, f->fd);
	n = readlink(link, text, sizeof(text));
	if (n > 0)
		f->path = strtab_addn(x->s->strings, text, (size_t)n);
	map_put(&x->paths, f->description, f->path);
}

static void add_tree_file(struct bpf_pass *x, const struct ev_file *e)
{
	struct snap_file *f = vec_push(&x->s->files);

	*f = bpf_snap_file(x, e);
	if (has_path(f))
		name_file(x, f, e->tid);
	if (e->it.class == EV_CLASS_TTY) {
		*vec_push(&x->ttys) = e->tty.tty_ref;
		*vec_push(&x->ttys) = e->tty.link_ref;
	}
}

/* Those of the tree at once; the others' wait until it is known what of them matters. */
static void on_file(struct bpf_pass *x, const struct ev_file *e)
{
	if (e->it.class == EV_CLASS_EPOLL)
		close_set(x, e);
	if (e->it.class == EV_CLASS_IO_URING && (e->head.flags & EV_FILE_CUT))
		x->cut_rings++;
	for (uint32_t i = x->first_request; i < x->s->uring.count; i++) {
		x->s->uring.at[i].tgid = e->tgid;
		x->s->uring.at[i].fd = e->fd;
	}
	if (e->tgid != x->owner_tgid) {
		x->owner_tgid = e->tgid;
		x->owner = snapshot_process(x->s, e->tgid);
	}
	if (x->owner && x->owner->in_tree)
		add_tree_file(x, e);
	else if (x->owner)
		*vec_push(&x->files) = *e;
	x->first_item = x->s->epitems.count;
	x->first_request = x->s->uring.count;
	x->first_inflight = x->s->inflight.count;
}

static void on_record(const struct ev_head *head, void *arg)
{
	switch (head->kind) {
	case EV_FILE:
		on_file(arg, (const void *)head);
		break;
	case EV_SOCK:
		on_sock(arg, (const void *)head);
		break;
	case EV_SOCK_PATH:
		on_name(arg, (const void *)head);
		break;
	case EV_EPITEM:
		on_item(arg, (const void *)head);
		break;
	case EV_URING:
		on_request(arg, (const void *)head);
		break;
	case EV_INFLIGHT:
		on_inflight(arg, (const void *)head);
		break;
	default:
		break;
	}
}

/* ---- sets that were cut off ------------------------------------------------------------------ */

struct rest {
	struct bpf_pass *x;
	bool cut, done; /* done: its holder has it twice, the second copy is not wanted */
};

static void on_rest(const struct ev_head *head, void *arg)
{
	const struct ev_file *e = (const void *)head;
	struct rest *r = arg;

	if (r->done)
		return;
	if (head->kind == EV_EPITEM)
		on_item(r->x, (const void *)head);
	if (head->kind == EV_FILE) {
		r->cut = e->head.flags & EV_FILE_CUT;
		r->done = true;
	}
}

/* Its descriptors in the tree were told before the rest of its items. */
static void tell_holders(struct bpf_pass *x, uint32_t first_then, const struct bpf_set *set)
{
	for (uint32_t i = 0; i < x->s->files.count; i++) {
		struct snap_file *f = &x->s->files.at[i];

		if (f->kind != FILE_EPOLL || !f->items_cut || f->first_item != first_then)
			continue;
		f->first_item = set->first;
		f->item_count = set->count;
		f->items_cut = set->cut;
		f->details = !set->cut;
	}
}

/* All items side by side: what is there moves to the end, the others follow. */
static int read_rest(struct bpf_pass *x, struct bpf_set *set, struct snag_error *err)
{
	uint32_t first = x->s->epitems.count, first_then = set->first;

	for (uint32_t i = 0; i < set->count; i++) {
		struct snap_epitem item = x->s->epitems.at[set->first + i];

		*vec_push(&x->s->epitems) = item;
	}
	set->first = first;
	for (int n = 0; n < MAX_RESTS && set->cut; n++) {
		struct probe_rest rest = { set->tgid, set->ref, set->count };
		struct rest r = { .x = x };
		int rc = probe_run_rest(x->p, &rest, &(struct probe_sink){ on_rest, &r }, err);

		if (rc < 0)
			return rc;
		if (x->s->epitems.count == first + set->count)
			break; /* closed meanwhile, or its holder is gone: it stays cut */
		set->count = x->s->epitems.count - first;
		set->cut = r.cut;
	}
	tell_holders(x, first_then, set);
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/*
 * Room for what is to come: copying it from array to array as it grows takes longer than filling it
 * in. The pass over tasks has counted descriptors; some more come meanwhile, some are not told.
 */
static void make_room(struct bpf_pass *x)
{
	uint64_t in_tree = 0, all = 0;

	for (uint32_t i = 0; i < x->s->processes.count; i++) {
		const struct snap_process *p = &x->s->processes.at[i];

		all += p->fd_total;
		in_tree += p->in_tree ? p->fd_total : 0;
	}
	all = all < ROOM_MAX ? all : ROOM_MAX;
	in_tree = in_tree < all ? in_tree : all;
	/* and for the few of others that bpf_outside() adds */
	vec_reserve(&x->s->files, (uint32_t)(in_tree + in_tree / 16 + 64));
	vec_reserve(&x->files, (uint32_t)(all - in_tree));
	map_reserve(&x->descriptions, (uint32_t)all);
}

static int name_tree(const struct snapshot *s, struct probe *p, struct snag_error *err)
{
	_cleanup_free_ int32_t *tgids = xcalloc(s->processes.count + 1, sizeof(*tgids));
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->processes.count; i++)
		if (s->processes.at[i].in_tree)
			tgids[n++] = s->processes.at[i].tgid;
	return probe_tell_all(p, tgids, n, err);
}

/* Descriptors without a record (O_PATH) hold nothing open that anybody waits on. */
static void count_files(struct snapshot *s)
{
	for (uint32_t i = 0; i < s->processes.count; i++)
		if (s->processes.at[i].in_tree)
			s->processes.at[i].fd_total = s->processes.at[i].file_count;
}

/* A socket that is only under way itself has a queue that was not looked into. */
static bool has_hidden_queue(const struct bpf_pass *x)
{
	for (uint32_t i = 0; i < x->s->inflight.count; i++) {
		const struct snap_inflight *q = &x->s->inflight.at[i];

		if (q->kind == FILE_SOCKET && !map_find(&x->socks, q->ino, NULL))
			return true;
	}
	return false;
}

static void tell_abilities(struct bpf_pass *x)
{
	struct snapshot *s = x->s;
	const char *unlearned = probe_unlearned(x->p);

	s->all_holders = true;
	s->has_pipe_counts = s->has_undo = s->has_descriptions = s->socks_loaded = true;
	s->has_inflight = !x->cut_queues && !x->embryo_fds && !has_hidden_queue(x);
	s->has_uring = !x->cut_rings;
	if (x->cut_queues)
		snapshot_missing(s,
				 "the queues of %u sockets are longer than what was read of them",
				 x->cut_queues);
	if (x->cut_rings)
		snapshot_missing(s, "%u io_uring instances have more requests than were read",
				 x->cut_rings);
	if (*unlearned)
		snapshot_missing(s, "no file of these kinds could be opened to learn from: %s",
				 unlearned);
}

int bpf_files_read(struct snapshot *s, struct probe *p, struct snag_error *err)
{
	_cleanup_(bpf_pass_release_guard) struct bpf_pass x = { .s = s, .p = p };
	uint32_t tree_files;
	int rc;

	rc = name_tree(s, p, err);
	if (rc < 0)
		return rc;
	make_room(&x);
	x.hz = probe_hz(p);
	rc = probe_run(p, PROBE_FILES, &(struct probe_sink){ on_record, &x }, err);
	for (uint32_t i = 0; rc == 0 && i < x.sets.count; i++) {
		const struct snap_process *owner = snapshot_process(s, x.sets.at[i].tgid);

		if (x.sets.at[i].cut && owner && owner->in_tree)
			rc = read_rest(&x, &x.sets.at[i], err);
	}
	if (rc < 0)
		return rc;
	socks_index(s);
	link_pending(&x);
	tell_abilities(&x);
	tree_files = s->files.count;
	bpf_outside(&x);
	bpf_hidden(&x);
	socks_link_files(s, tree_files);
	snapshot_index_files(s);
	count_files(s);
	return 0;
}
