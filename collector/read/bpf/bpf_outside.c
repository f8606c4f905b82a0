/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/bpf/bpf_pass.h"

#include "read/proc/fdinfo.h"
#include "read/proc/procfs.h"
#include "read/net/socks.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a file may be wanted for: its inode, its description, the terminal behind it. */
enum reason { BY_INODE = 1, BY_ID, BY_DESCRIPTION, BY_TTY };

static uint64_t key(enum reason why, uint8_t kind, uint64_t number)
{
	return number ^ (uint64_t)why << 60 ^ (uint64_t)kind << 52;
}

/*
 * Of a tree of 30,000 files, those that nobody outside can have in common with it are not worth an
 * entry each: a bit for each hash of what may be asked for says so. 32 KiB lie in the cache.
 */
enum { ASKED_BITS = 18 };

static uint32_t asked_bit(uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15ull >> (64 - ASKED_BITS));
}

static void ask(struct bpf_pass *x, enum reason why, uint8_t kind, uint64_t number)
{
	uint32_t bit = asked_bit(key(why, kind, number));

	x->asked.at[bit / 64] |= 1ull << bit % 64;
}

static bool may_be_asked(const struct bpf_pass *x, uint64_t key)
{
	uint32_t bit = asked_bit(key);

	return !x->asked.count || x->asked.at[bit / 64] >> bit % 64 & 1;
}

/* Sockets that are listed have a mark of their own. */
static void want_sock(struct bpf_pass *x, uint32_t sock)
{
	if (sock)
		x->wanted_socks.at[sock - 1] = true;
}

static void want(struct bpf_pass *x, enum reason why, uint8_t kind, uint64_t number)
{
	uint32_t sock = 0;

	if (!number)
		return;
	if (why == BY_INODE && kind == FILE_SOCKET)
		sock = map_get(&x->s->by_sock, number, 0);
	if (sock)
		want_sock(x, sock);
	else if (may_be_asked(x, key(why, kind, number)))
		map_put(&x->wanted, key(why, kind, number), 1);
}

static bool is_wanted(const struct bpf_pass *x, enum reason why, uint8_t kind, uint64_t number)
{
	uint32_t sock = 0;

	if (!number)
		return false;
	if (why == BY_INODE && kind == FILE_SOCKET)
		sock = map_get(&x->s->by_sock, number, 0);
	return sock ? x->wanted_socks.at[sock - 1] :
		      map_find(&x->wanted, key(why, kind, number), NULL);
}

enum { MAX_QUEUES = 8 }; /* sockets in queues of sockets in queues */

/* Inodes that are one object each; all anonymous files share one inode. */
static bool has_inode(uint8_t kind)
{
	return kind == FILE_PIPE || kind == FILE_SOCKET || kind == FILE_MQUEUE ||
	       kind == FILE_REGULAR || kind == FILE_DIRECTORY;
}

/* ---- what the tree waits on or may wait on --------------------------------------------------- */

static void want_object(struct bpf_pass *x, const struct snap_file *f)
{
	bool plain = f->kind == FILE_REGULAR || f->kind == FILE_DIRECTORY;

	if (f->kind == FILE_SOCKET && f->sock)
		want_sock(x, f->sock);
	else if (has_inode(f->kind) && (!plain || f->lockable))
		want(x, BY_INODE, f->kind, f->ino);
	if (f->kind == FILE_EVENTFD)
		want(x, BY_ID, f->kind, f->id);
	/* an inode of its own says as much: one look-up less for most files of a tree */
	if (!has_inode(f->kind) && f->kind != FILE_DEVICE)
		want(x, BY_DESCRIPTION, 0, f->description);
}

static void want_target(struct bpf_pass *x, uint8_t kind, uint64_t ino, uint32_t description)
{
	if (has_inode(kind))
		want(x, BY_INODE, kind, ino);
	else
		want(x, BY_DESCRIPTION, 0, description);
}

static void want_items(struct bpf_pass *x, const struct snap_file *f)
{
	for (uint32_t i = 0; i < f->item_count; i++) {
		const struct snap_epitem *item = &x->s->epitems.at[f->first_item + i];

		want_target(x, item->kind, item->ino, item->description);
	}
}

/* The far ends of a socket, and the listener that would accept it. */
static void want_ends(struct bpf_pass *x, uint32_t sock)
{
	const struct snap_sock *k = &x->s->socks.at[sock - 1], *end;

	if (k->peer)
		want_sock(x, k->peer);
	else
		want(x, BY_INODE, FILE_SOCKET, k->peer_ino);
	want(x, BY_INODE, FILE_SOCKET, k->listener_ino);
	if (k->family == AF_UNIX)
		return; /* its other ends are these */
	end = socks_peer(x->s, k);
	want(x, BY_INODE, FILE_SOCKET, end ? end->ino : 0);
	end = socks_listener(x->s, k);
	want(x, BY_INODE, FILE_SOCKET, end ? end->ino : 0);
}

static void want_sockets(struct bpf_pass *x)
{
	struct snapshot *s = x->s;

	for (uint32_t i = 0; i < s->files.count; i++)
		if (s->files.at[i].kind == FILE_SOCKET && s->files.at[i].sock)
			want_ends(x, s->files.at[i].sock);
	/*
	 * Whoever sends to a socket of the tree names it, not the other way round. A thread that
	 * connects or sends to an address has no other end yet.
	 */
	for (uint32_t i = 0; i < s->socks.count; i++) {
		const struct snap_sock *k = &s->socks.at[i];
		bool reachable = k->state == SOCK_LISTENING || k->type == SOCK_DGRAM;
		bool sends = k->peer ? x->wanted_socks.at[k->peer - 1] :
				       is_wanted(x, BY_INODE, FILE_SOCKET, k->peer_ino);

		if (sends || (x->connects && reachable && (k->path || k->vfs_ino || k->local_port)))
			want_sock(x, k->ino ? i + 1 : 0);
	}
}

/* The sockets in which descriptors of the tree's objects travel, and those that these travel in. */
static void want_queues(struct bpf_pass *x)
{
	struct snapshot *s = x->s;
	bool more = true;

	for (int depth = 0; more && depth < MAX_QUEUES; depth++) {
		more = false;
		for (uint32_t i = 0; i < s->inflight.count; i++) {
			const struct snap_inflight *q = &s->inflight.at[i];

			if (is_wanted(x, BY_INODE, FILE_SOCKET, q->sock_ino) ||
			    (!is_wanted(x, BY_DESCRIPTION, 0, q->description) &&
			     !is_wanted(x, BY_ID, q->kind, q->id) &&
			     !(has_inode(q->kind) && is_wanted(x, BY_INODE, q->kind, q->ino))))
				continue;
			want(x, BY_INODE, FILE_SOCKET, q->sock_ino);
			more = true;
		}
	}
}

/* What threads of the tree are about to reach without a descriptor. */
static void look_at_calls(struct bpf_pass *x)
{
	const struct snapshot *s = x->s;

	for (uint32_t i = 0; i < s->tasks.count; i++) {
		const struct snap_task *t = &s->tasks.at[i];

		if (!t->has_syscall || !s->processes.at[t->process].in_tree)
			continue;
		x->opens |= t->compat || t->nr == SYS_open || t->nr == SYS_openat ||
			    t->nr == SYS_openat2 || t->nr == SYS_creat;
		x->connects |= t->compat || t->nr == SYS_connect || t->nr == SYS_sendto ||
			       t->nr == SYS_sendmsg || t->nr == SYS_sendmmsg ||
			       t->nr == SYS_io_uring_enter;
	}
}

static void want_all(struct bpf_pass *x)
{
	struct snapshot *s = x->s;

	while (x->wanted_socks.count < s->socks.count)
		vec_push(&x->wanted_socks);
	for (uint32_t i = 0; i < s->files.count; i++) {
		want_object(x, &s->files.at[i]);
		want_items(x, &s->files.at[i]);
	}
	for (uint32_t i = 0; i < s->uring.count; i++)
		want_target(x, s->uring.at[i].kind, s->uring.at[i].ino, s->uring.at[i].description);
	for (uint32_t i = 0; i < x->ttys.count; i++)
		want(x, BY_TTY, 0, x->ttys.at[i]);
	want_sockets(x);
	want_queues(x);
}

/* ---- the others ------------------------------------------------------------------------------ */

static bool matters(const struct bpf_pass *x, const struct ev_file *e, const struct snap_file *f)
{
	switch (f->kind) {
	case FILE_FANOTIFY:
	case FILE_USERFAULTFD:
	case FILE_SECCOMP_NOTIFY:
	case FILE_FUSE_DEV:
		return true; /* these serve waits that show no file of the waiter */
	case FILE_PIPE:
		if (f->named && x->opens)
			return true; /* a thread that opens it has no descriptor yet */
		break;
	case FILE_TTY:
	case FILE_PTY_MASTER:
		if (is_wanted(x, BY_TTY, 0, e->tty.tty_ref))
			return true;
		break;
	default:
		break;
	}
	return is_wanted(x, BY_DESCRIPTION, 0, f->description) ||
	       is_wanted(x, BY_ID, f->kind, f->id) ||
	       (has_inode(f->kind) && is_wanted(x, BY_INODE, f->kind, f->ino));
}

/* All that is_wanted() will be asked for, see there. */
static void ask_all(struct bpf_pass *x, const struct snap_file *others)
{
	const struct snapshot *s = x->s;

	for (uint32_t i = 0; i < s->processes.count; i++)
		if (s->processes.at[i].hidden)
			return; /* bpf_hidden() asks for what it then finds */
	while (x->asked.count < 1u << (ASKED_BITS - 6))
		vec_push(&x->asked);
	for (uint32_t i = 0; i < x->files.count; i++) {
		ask(x, BY_DESCRIPTION, 0, others[i].description);
		ask(x, BY_ID, others[i].kind, others[i].id);
		ask(x, BY_INODE, others[i].kind, others[i].ino);
		if (x->files.at[i].it.class == EV_CLASS_TTY)
			ask(x, BY_TTY, 0, x->files.at[i].tty.tty_ref);
	}
	for (uint32_t i = 0; i < s->inflight.count; i++) {
		const struct snap_inflight *q = &s->inflight.at[i];

		ask(x, BY_INODE, FILE_SOCKET, q->sock_ino);
		ask(x, BY_DESCRIPTION, 0, q->description);
		ask(x, BY_ID, q->kind, q->id);
		ask(x, BY_INODE, q->kind, q->ino);
	}
	for (uint32_t i = 0; i < s->socks.count; i++)
		if (!s->socks.at[i].peer)
			ask(x, BY_INODE, FILE_SOCKET, s->socks.at[i].peer_ino);
}

void bpf_outside(struct bpf_pass *x)
{
	_cleanup_free_ struct snap_file *others = xcalloc(x->files.count, sizeof(*others));
	int32_t self = getpid();

	for (uint32_t i = 0; i < x->files.count; i++)
		others[i] = bpf_snap_file(x, &x->files.at[i]);
	ask_all(x, others);
	look_at_calls(x);
	want_all(x);
	for (uint32_t i = 0; i < x->files.count; i++) {
		const struct ev_file *e = &x->files.at[i];

		if (e->tgid != self && matters(x, e, &others[i]))
			*vec_push(&x->s->files) = others[i];
	}
}

/* ---- processes that the iterators do not show ------------------------------------------------ */

/*
 * The mode of a link in the folder is that of the open file (fs/proc/fd.c tid_fd_update_inode()).
 */
static uint8_t link_mode(int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return MODE_READ | MODE_WRITE;
	return (uint8_t)((st.st_mode & S_IRUSR ? MODE_READ : 0) |
			 (st.st_mode & S_IWUSR ? MODE_WRITE : 0));
}

static void add_hidden_files(struct bpf_pass *x, int32_t tgid)
{
	_cleanup_closedir_ DIR *dir = procfs_opendir(tgid, "fd");

	if (!dir) {
		x->s->all_holders = false;
		snapshot_missing(x->s, "process %d is hidden from BPF and its files from us", tgid);
		return;
	}
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		struct snap_file f = { .tgid = tgid, .fd = procfs_number(e->d_name), .mnt_id = -1 };
		char link[PATH_MAX];
		ssize_t n = f.fd < 0 ? -1 :
				       readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		fdinfo_classify(x->s, &f, link, 0, 0);
		f.mode = link_mode(dirfd(dir), e->d_name);
		f.pipe_readers = f.pipe_writers = f.pipe_used = f.pipe_slots = UINT32_MAX;
		if (has_inode(f.kind) && is_wanted(x, BY_INODE, f.kind, f.ino))
			*vec_push(&x->s->files) = f;
	}
}

void bpf_hidden(struct bpf_pass *x)
{
	for (uint32_t i = 0; i < x->s->processes.count; i++)
		if (x->s->processes.at[i].hidden)
			add_hidden_files(x, x->s->processes.at[i].tgid);
}
