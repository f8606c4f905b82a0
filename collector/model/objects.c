/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/objects.h"

#include "model/from_read.h"
#include "read/proc/fdinfo.h"
#include "read/net/socks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

static const char *const kind_words[FILE_KIND_COUNT] = {
	[FILE_UNKNOWN] = "unknown",
	[FILE_REGULAR] = "file",
	[FILE_DIRECTORY] = "directory",
	[FILE_DEVICE] = "device",
	[FILE_PIPE] = "pipe",
	[FILE_SOCKET] = "socket",
	[FILE_EVENTFD] = "eventfd",
	[FILE_TIMERFD] = "timerfd",
	[FILE_SIGNALFD] = "signalfd",
	[FILE_EPOLL] = "epoll",
	[FILE_PIDFD] = "pidfd",
	[FILE_INOTIFY] = "inotify",
	[FILE_FANOTIFY] = "fanotify",
	[FILE_USERFAULTFD] = "userfaultfd",
	[FILE_IO_URING] = "io_uring",
	[FILE_SECCOMP_NOTIFY] = "seccomp",
	[FILE_TTY] = "tty",
	[FILE_PTY_MASTER] = "ptmx",
	[FILE_FUSE_DEV] = "fuse",
	[FILE_MQUEUE] = "mqueue",
	[FILE_ANON] = "anon",
};

const char *object_kind(const struct snap_file *f)
{
	if (f->kind == FILE_PIPE && f->named)
		return "fifo";
	return kind_words[f->kind < FILE_KIND_COUNT ? f->kind : FILE_UNKNOWN];
}

/* Of objects that have no name of their own: the first descriptor that is one. */
static void key_by_holder(struct strbuf *b, const char *kind, const struct snap_file *first)
{
	strbuf_addf(b, "%s:[%d/%d]", kind, first->tgid, first->fd);
}

static void key_by_inode(struct strbuf *b, const char *kind, const struct snap_file *f)
{
	strbuf_addf(b, "%s:[%x:%x:%llu]", kind, major(f->dev), minor(f->dev),
		    (unsigned long long)f->ino);
}

static void key_of_tty(struct strbuf *b, const struct snapshot *s, const struct snap_file *f)
{
	int64_t pty = files_pty(s, f);

	if (pty >= 0)
		strbuf_addf(b, "tty:[/dev/pts/%lld]", (long long)pty);
	else if (f->path)
		strbuf_addf(b, "tty:[%s]", snapshot_str(s, f->path));
	else
		key_by_inode(b, "tty", f);
}

/*
 * A number that the kernel gives to objects of this kind, or the first holder when it is not known.
 */
static void key_by_number(struct strbuf *b, const char *kind, int64_t number,
			  const struct snap_file *first)
{
	if (number > 0)
		strbuf_addf(b, "%s:[%lld]", kind, (long long)number);
	else
		key_by_holder(b, kind, first);
}

void object_key(struct strbuf *b, const struct snapshot *s, const struct snap_file *f,
		const struct snap_file *first)
{
	const char *kind = object_kind(f);

	switch (f->kind) {
	case FILE_PIPE:
		if (f->named)
			key_by_inode(b, kind, f);
		else
			key_by_number(b, kind, (int64_t)f->ino, first);
		break;
	case FILE_SOCKET:
		key_by_number(b, kind, (int64_t)f->ino, first);
		break;
	case FILE_EVENTFD:
		/* As fdinfo shows it, from 0 on; snap_file.id is one more. */
		if (f->id)
			strbuf_addf(b, "eventfd:[%llu]", (unsigned long long)f->id - 1);
		else
			key_by_holder(b, kind, first);
		break;
	case FILE_PIDFD:
	case FILE_FUSE_DEV:
		key_by_number(b, kind, f->details ? (int64_t)f->value : 0, first);
		break;
	case FILE_PTY_MASTER:
		if (files_pty(s, f) >= 0)
			strbuf_addf(b, "ptmx:[%lld]", (long long)files_pty(s, f));
		else
			key_by_holder(b, kind, first);
		break;
	case FILE_TTY:
		key_of_tty(b, s, f);
		break;
	case FILE_MQUEUE:
		strbuf_addf(b, "mqueue:%s", snapshot_str(s, f->path));
		break;
	case FILE_REGULAR:
	case FILE_DIRECTORY:
	case FILE_DEVICE:
		key_by_inode(b, kind, f);
		break;
	default:
		key_by_holder(b, kind, first);
	}
}

/* ---- labels ---------------------------------------------------------------------------------- */

static void add_address(struct strbuf *b, const uint8_t address[16], uint16_t port)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (!memcmp(address, mapped, sizeof(mapped))) {
		inet_ntop(AF_INET, address + 12, text, sizeof(text));
		strbuf_addf(b, "%s:%u", text, port);
	} else {
		inet_ntop(AF_INET6, address, text, sizeof(text));
		strbuf_addf(b, "[%s]:%u", text, port);
	}
}

static void label_socket(struct strbuf *b, const struct snapshot *s, const struct snap_sock *k)
{
	if (!k)
		return;
	if (k->family == AF_UNIX) {
		strbuf_adds(b, snapshot_str(s, k->path));
		return;
	}
	if (k->family != AF_INET && k->family != AF_INET6)
		return;
	add_address(b, k->local, k->local_port);
	if (!k->remote_port)
		return;
	strbuf_adds(b, " -> ");
	add_address(b, k->remote, k->remote_port);
}

void object_label(struct strbuf *b, const struct snapshot *s, const struct snap_file *f,
		  const struct snap_sock *k)
{
	const struct snap_process *p;

	switch (f->kind) {
	case FILE_SOCKET:
		label_socket(b, s, k);
		break;
	case FILE_PIDFD:
		p = f->details ? snapshot_process(s, (int32_t)f->value) : NULL;
		if (p)
			strbuf_addf(b, "pid %d (%.*s)", p->tgid, (int)sizeof(p->comm), p->comm);
		break;
	case FILE_PIPE:
		if (!f->named)
			break;
		/* fall through */
	case FILE_REGULAR:
	case FILE_DIRECTORY:
	case FILE_DEVICE:
	case FILE_ANON:
	case FILE_MQUEUE:
		strbuf_adds(b, snapshot_str(s, f->path));
		break;
	default:
		break;
	}
}

/* ---- the object of a file -------------------------------------------------------------------- */

/*
 * Which of the group's files names it: of the process that is first in the tree, the lowest number.
 */
static const struct snap_file *first_holder(const struct model *m, const struct snapshot *s,
					    const struct file_group *g)
{
	const struct snap_file *best = &s->files.at[g->first - 1];
	uint32_t best_actor = UINT32_MAX;

	for (uint32_t i = g->first; i; i = files_next(m, i)) {
		const struct snap_file *f = &s->files.at[i - 1];
		uint32_t actor = model_find_pid(m, f->tgid);

		if (actor && actor < best_actor && model_actor(m, actor)->in_tree) {
			best_actor = actor;
			best = f;
		}
	}
	return best;
}

/* The socket behind a file; loads what sock_diag knows the first time that somebody asks. */
static const struct snap_sock *sock_of(struct snapshot *s, const struct snap_file *f)
{
	struct snag_error err = SNAG_ERROR_INIT;

	if (f->kind != FILE_SOCKET)
		return NULL;
	if (!s->socks_loaded && socks_load(s, &err) < 0)
		snapshot_missing(s, "peers of sockets: %s", err.text);
	if (f->sock && f->sock <= s->socks.count)
		return &s->socks.at[f->sock - 1];
	return f->ino ? socks_find(s, f->ino) : NULL;
}

static uint32_t describe(struct model *m, struct snapshot *s, const struct snap_file *f,
			 const struct snap_file *first)
{
	const struct snap_sock *k = sock_of(s, f);
	struct strbuf *b = files_scratch(m, s);
	struct object *o;
	uint32_t id;

	object_key(b, s, f, first);
	id = model_add_object(m, object_kind(f), strbuf_str(b));
	o = model_object(m, id);
	strbuf_reset(b);
	object_label(b, s, f, k);
	o->label = b->len ? strtab_append(m->strings, b->s, b->len) : 0;
	strbuf_reset(b);
	object_detail(b, s, f, k);
	o->detail = b->len ? strtab_append(m->strings, b->s, b->len) : 0;
	return id;
}

/* What procfs tells on demand. Other kinds have nothing in fdinfo that their details would show. */
static void load_details(struct snapshot *s, const struct snap_file *f)
{
	struct snag_error err = SNAG_ERROR_INIT;
	int rc;

	if (f->details || f->kind < FILE_EVENTFD || f->kind == FILE_TTY || f->kind == FILE_ANON ||
	    f->kind == FILE_MQUEUE)
		return;
	rc = fdinfo_load(s, (uint32_t)(f - s->files.at), &err);
	if (rc < 0 && rc != -ESRCH && rc != -EBADF)
		snapshot_missing(s, "details of a %s: %s", object_kind(f), err.text);
}

/* The object of a file without looking for its peer. */
static uint32_t plain_object(struct model *m, struct snapshot *s, const struct snap_file *f)
{
	struct file_group *g = files_group(m, s, f);
	const struct snap_file *first;
	uint32_t id, before = m->objects.count;

	if (!g) {
		/* Nobody has it open: an object that may have a name, but no holders. */
		id = describe(m, s, f, f);
		if (f->kind == FILE_SOCKET)
			object_receivers(m, s, id, f);
		else if (s->all_holders && s->has_inflight)
			model_object(m, id)->holders_seen = HOLDERS_COMPLETE;
		else
			model_object(m, id)->holders_seen = HOLDERS_VISIBLE;
		return id;
	}
	if (g->object)
		return g->object;
	first = first_holder(m, s, g);
	load_details(s, first);
	id = describe(m, s, first, first);
	g->object = id;
	object_holders(m, s, g, id > before);
	return id;
}

/* The other side of a pty, as a file that need not be open. */
static bool pty_peer(const struct snapshot *s, const struct snap_file *f, struct snap_file *peer)
{
	int64_t pty = files_pty(s, f);

	if (f->kind != FILE_TTY && f->kind != FILE_PTY_MASTER)
		return false;
	if (pty < 0)
		return false;
	peer->kind = f->kind == FILE_TTY ? FILE_PTY_MASTER : FILE_TTY;
	peer->value = (uint64_t)pty;
	peer->details = true;
	return true;
}

/* The file at the other end, as far as one is known on this host. */
static bool find_peer(struct snapshot *s, const struct snap_file *f, struct snap_file *peer)
{
	const struct snap_sock *k = sock_of(s, f);

	if (pty_peer(s, f, peer))
		return true;
	k = k ? socks_peer(s, k) : NULL;
	if (!k || !k->ino)
		return false;
	peer->kind = FILE_SOCKET;
	peer->mode = MODE_READ | MODE_WRITE;
	peer->ino = k->ino;
	peer->sock = (uint32_t)(k - s->socks.at) + 1;
	return true;
}

uint32_t model_file_object(struct model *m, struct snapshot *s, const struct snap_file *f)
{
	struct snap_file peer = { .fd = -1 };
	uint32_t id = plain_object(m, s, f), other;

	if (model_object(m, id)->peer || !find_peer(s, f, &peer))
		return id;
	other = plain_object(m, s, &peer);
	model_object(m, id)->peer = other;
	/* Many datagram sockets may send to one, which then has no peer of its own. */
	if (!model_object(m, other)->peer) {
		struct snap_file back = { .fd = -1 };

		if (find_peer(s, &peer, &back) && plain_object(m, s, &back) == id)
			model_object(m, other)->peer = id;
	}
	return id;
}
