/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/procfs_files.h"

#include "read/deadline.h"
#include "read/proc/fdinfo.h"
#include "read/proc/locks.h"
#include "read/proc/procfs.h"
#include "read/net/socks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

enum {
	MAX_FILES = 65536, /* listed of one process */
	LINK_SIZE = 4096,
	STAT_TIMEOUT_MS = 200,
	MQUEUE_MAGIC = 0x19800202, /* ipc/mqueue.c */
};

/* The file systems of pipes, sockets and anonymous files, learned from one of our own. */
struct specimens {
	uint64_t pipe_dev, sock_dev, anon_dev, anon_ino;
};

struct pass {
	struct snapshot *s;
	struct specimens specimens;
	struct map wanted; /* object_key() of what the tree waits on or may wait on */
	struct map locked; /* lock_key() of files with locks -> 1, 2: somebody waits for one */
	struct map queued; /* lock_key() of those of the tree that somebody waits for */
	struct map ptys;   /* pty_key() of the terminals and masters of the tree */
	/* kinds in the tree that cost a second look outside */
	bool has_eventfd, has_tty, has_named;
	uint32_t denied, cut;
};

static void pass_release(struct pass *p)
{
	map_release(&p->wanted);
	map_release(&p->ptys);
	map_release(&p->locked);
	map_release(&p->queued);
}
DEFINE_PLACE_GUARD(pass)

static void learn_specimens(struct specimens *sp)
{
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int event = eventfd(0, EFD_CLOEXEC);
	struct stat st;
	int ends[2];

	if (!pipe2(ends, O_CLOEXEC)) {
		if (!fstat(ends[0], &st))
			sp->pipe_dev = st.st_dev;
		close(ends[0]);
		close(ends[1]);
	}
	if (sock >= 0 && !fstat(sock, &st))
		sp->sock_dev = st.st_dev;
	if (event >= 0 && !fstat(event, &st)) {
		sp->anon_dev = st.st_dev;
		sp->anon_ino = st.st_ino;
	}
}

/* ---- one process ---------------------------------------------------------------------------- */

/* The folder of descriptors of a process. NULL and errno when it may not be seen. */
static DIR *open_fd_dir(const struct snapshot *s, int32_t tgid)
{
	char name[64];
	int32_t tid = fdinfo_thread(s, tgid);

	if (tid == tgid)
		return procfs_opendir(tgid, "fd");
	snprintf(name, sizeof(name), "task/%d/fd", tid);
	return procfs_opendir(tgid, name);
}

/*
 * The mode of a link in the folder is that of the open file (fs/proc/fd.c tid_fd_update_inode()).
 */
static uint8_t link_mode(int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return (uint8_t)((st.st_mode & S_IRUSR ? MODE_READ : 0) |
			 (st.st_mode & S_IWUSR ? MODE_WRITE : 0));
}

/* The text of one link. False: closed meanwhile. */
static bool read_link(int dir_fd, const char *name, char link[LINK_SIZE])
{
	ssize_t n = readlinkat(dir_fd, name, link, LINK_SIZE - 1);

	link[n < 0 ? 0 : n] = '\0';
	return n >= 0;
}

/* What the link alone tells of a descriptor. */
static void apply_link(struct pass *pass, struct snap_file *f, const char *link)
{
	fdinfo_classify(pass->s, f, link, 0, 0);
	if (f->kind == FILE_PIPE)
		f->dev = pass->specimens.pipe_dev;
	if (f->kind == FILE_SOCKET)
		f->dev = pass->specimens.sock_dev;
}

static void init_file(struct snap_file *f, int32_t tgid, int32_t fd)
{
	*f = (struct snap_file){
		.tgid = tgid,
		.fd = fd,
		.mnt_id = -1,
		.pipe_readers = UINT32_MAX,
		.pipe_writers = UINT32_MAX,
		.pipe_used = UINT32_MAX,
		.pipe_slots = UINT32_MAX,
	};
}

/* ---- what the link does not tell ------------------------------------------------------------ */

/*
 * A look through the link, by a worker: the file system may belong to a daemon that is what
 * hangs.
 */
struct stat_item {
	int32_t tgid, tid, fd;
	int rc;
	bool maybe_queue, queue; /* of mqueue_overview(7) */
	struct statx st;
};

/* Each IPC namespace has a file system of message queues, mounted or not: its files are "/name". */
static bool maybe_queue(const char *link)
{
	return link[0] == '/' && !strchr(link + 1, '/');
}

static void stat_worker(void *p)
{
	struct stat_item *item = p;
	struct statfs fs;
	char path[80];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", item->tgid, item->tid, item->fd);
	item->rc = statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
			 STATX_TYPE | STATX_INO, &item->st);
	if (item->rc == 0 && item->maybe_queue && !statfs(path, &fs))
		item->queue = fs.f_type == MQUEUE_MAGIC;
}

static void apply_stat(struct pass *pass, struct snap_file *f, const struct stat_item *item)
{
	char *link;

	if (item->rc < 0)
		return;
	link = xstrdup(snapshot_str(pass->s, f->path));
	fdinfo_classify(pass->s, f, link, item->st.stx_mode,
			makedev(item->st.stx_rdev_major, item->st.stx_rdev_minor));
	free(link);
	f->dev = makedev(item->st.stx_dev_major, item->st.stx_dev_minor);
	f->ino = item->st.stx_ino;
	if (f->kind == FILE_REGULAR && item->queue)
		f->kind = FILE_MQUEUE;
	/*
	 * Each process has an inode of its own in pidfs (Linux 6.9); before, all share the
	 * anonymous one.
	 */
	if (f->kind == FILE_PIDFD && f->dev != pass->specimens.anon_dev)
		f->id = f->ino;
}

static bool needs_stat(const struct snap_file *f)
{
	return f->path && !f->ino;
}

/* stat(2) through the links of files[first..], which pipes and sockets do not need. */
static void stat_files(struct pass *pass, struct snap_file *files, uint32_t count)
{
	_cleanup_free_ void **items = xcalloc(count + 1, sizeof(*items));
	_cleanup_free_ uint32_t *of = xcalloc(count + 1, sizeof(*of));
	uint32_t n = 0, lost;

	for (uint32_t i = 0; i < count; i++) {
		struct stat_item *item;

		if (!needs_stat(&files[i]))
			continue;
		item = xcalloc(1, sizeof(*item));
		item->tgid = files[i].tgid;
		item->tid = fdinfo_thread(pass->s, files[i].tgid);
		item->fd = files[i].fd;
		item->maybe_queue = maybe_queue(snapshot_str(pass->s, files[i].path));
		of[n] = i;
		items[n++] = item;
	}
	lost = deadline_each(stat_worker, items, n, free, STAT_TIMEOUT_MS);
	for (uint32_t i = 0; i < n; i++) {
		if (items[i])
			apply_stat(pass, &files[of[i]], items[i]);
		free(items[i]);
	}
	pass->s->files_lost = pass->s->files_lost || lost;
	if (lost)
		snapshot_missing(pass->s,
				 "%u open files did not answer in time: their file system hangs",
				 lost);
}

/* ---- the tree ------------------------------------------------------------------------------- */

static int list_files(struct pass *pass, struct snap_process *p)
{
	_cleanup_closedir_ DIR *dir = open_fd_dir(pass->s, p->tgid);

	if (!dir)
		return -errno;
	p->fd_total = 0;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		struct snap_file f;
		char link[LINK_SIZE];
		int32_t number = procfs_number(e->d_name);

		if (number < 0)
			continue;
		if (p->fd_total++ >= MAX_FILES) {
			pass->cut++;
			continue;
		}
		if (!read_link(dirfd(dir), e->d_name, link))
			continue;
		init_file(&f, p->tgid, number);
		apply_link(pass, &f, link);
		f.mode = link_mode(dirfd(dir), e->d_name);
		*vec_push(&pass->s->files) = f;
	}
	return 0;
}

static void read_tree_files(struct pass *pass)
{
	struct snapshot *s = pass->s;
	uint32_t first = s->files.count;

	for (uint32_t i = 0; i < s->processes.count; i++) {
		struct snap_process *p = &s->processes.at[i];
		int rc;

		if (!p->in_tree || p->kernel || p->vanished)
			continue;
		rc = list_files(pass, p);
		if (rc == -EACCES || rc == -EPERM) {
			p->denied = true;
			pass->denied++;
		} else if (rc < 0) {
			s->files_lost = true;
		}
	}
	stat_files(pass, s->files.at + first, s->files.count - first);
	snapshot_index(s);
	s->files_lost = s->files_lost || pass->cut;
	if (pass->cut)
		snapshot_missing(s,
				 "%u descriptors beyond the first %d of a process are not listed",
				 pass->cut, MAX_FILES);
}

/* ---- who else holds them -------------------------------------------------------------------- */

/*
 * What is the same object; 0: nothing that can be told from others, or nothing that is waited on.
 */
static uint64_t object_key(const struct snap_file *f)
{
	switch (f->kind) {
	case FILE_PIPE:
	case FILE_SOCKET:
	case FILE_TTY:
	case FILE_MQUEUE:
		return f->ino ^ f->dev << 40 ^ (uint64_t)f->kind << 56;
	case FILE_EVENTFD:
		return f->id ? f->id ^ (uint64_t)f->kind << 56 : 0;
	default:
		return 0;
	}
}

static uint64_t lock_key(uint64_t dev, uint64_t ino)
{
	return ino ^ dev << 40;
}

static void read_locks(struct pass *pass)
{
	_cleanup_file_locks_ struct file_locks *locks = NULL;

	if (file_locks_read(&locks, NULL) < 0) {
		snapshot_missing(pass->s, "/proc/locks could not be read: holders of file locks "
					  "may be missing");
		return;
	}
	for (uint32_t i = 0; i < locks->count; i++) {
		uint64_t key = lock_key(locks->at[i].dev, locks->at[i].ino);

		if (locks->at[i].waiter || !map_find(&pass->locked, key, NULL))
			map_put(&pass->locked, key, locks->at[i].waiter ? 2 : 1);
	}
}

/*
 * A file that can be locked, and is. Where somebody waits for it, all who have it open count:
 * flock(2) names who made the lock, and its heirs have it.
 */
static void mark_locked(struct pass *pass, struct snap_file *f)
{
	uint32_t state = 0;

	if ((f->kind == FILE_REGULAR || f->kind == FILE_DIRECTORY) && f->ino)
		state = map_get(&pass->locked, lock_key(f->dev, f->ino), 0);
	f->lockable = state != 0;
	if (state == 2)
		map_put(&pass->queued, lock_key(f->dev, f->ino), 1);
}

/* One side of a pty by its number. Several devpts may have the number: then these are too many. */
static uint64_t pty_key(const struct snap_file *f)
{
	return f->value == SNAP_UNKNOWN_U64 ? 0 : f->value + 1;
}

static void want_socket(struct pass *pass, uint64_t ino)
{
	struct snap_file f = { .kind = FILE_SOCKET, .ino = ino, .dev = pass->specimens.sock_dev };

	if (ino)
		map_put(&pass->wanted, object_key(&f), 1);
}

/* The far ends of the sockets of the tree, and the listeners that would accept them. */
static void want_peers(struct pass *pass)
{
	struct snapshot *s = pass->s;
	_cleanup_map_ struct map ours = MAP_INIT;

	for (uint32_t i = 0; i < s->files.count; i++) {
		const struct snap_sock *k, *peer, *listener;

		if (s->files.at[i].kind != FILE_SOCKET)
			continue;
		map_put(&ours, s->files.at[i].ino, 1);
		k = socks_find(s, s->files.at[i].ino);
		if (!k)
			continue;
		peer = socks_peer(s, k);
		listener = socks_listener(s, k);
		want_socket(pass, peer ? peer->ino : 0);
		want_socket(pass, listener ? listener->ino : 0);
	}
	/* A datagram socket that many send to names none of them: they name it. */
	for (uint32_t i = 0; i < s->socks.count; i++)
		if (s->socks.at[i].peer_ino && map_find(&ours, s->socks.at[i].peer_ino, NULL))
			want_socket(pass, s->socks.at[i].ino);
}

static void want_objects(struct pass *pass)
{
	struct snapshot *s = pass->s;

	for (uint32_t i = 0; i < s->files.count; i++) {
		struct snap_file *f = &s->files.at[i];

		if (f->kind == FILE_EVENTFD || f->kind == FILE_PTY_MASTER)
			if (fdinfo_load(s, i, NULL) < 0)
				continue; /* closed since */
		pass->has_eventfd |= f->kind == FILE_EVENTFD;
		mark_locked(pass, f);
		pass->has_named |= f->named || f->kind == FILE_MQUEUE;
		if (f->kind == FILE_TTY || f->kind == FILE_PTY_MASTER) {
			pass->has_tty = true;
			if (pty_key(f))
				map_put(&pass->ptys, pty_key(f), 1);
		}
		if (object_key(f))
			map_put(&pass->wanted, object_key(f), 1);
	}
}

/* Is a path of a process outside the tree worth a look through it? */
static bool is_candidate_path(const struct pass *pass, const char *link)
{
	return pass->has_named || pass->queued.count || !strcmp(link, "/dev/fuse") ||
	       (pass->has_tty && (!strncmp(link, "/dev/", 5) || strstr(link, "ptmx")));
}

static bool is_candidate(const struct pass *pass, const struct snap_file *f)
{
	switch (f->kind) {
	case FILE_PIPE:
	case FILE_SOCKET:
		return map_find(&pass->wanted, object_key(f), NULL);
	case FILE_EVENTFD:
		return pass->has_eventfd;
	case FILE_FANOTIFY:
	case FILE_USERFAULTFD:
	case FILE_SECCOMP_NOTIFY:
		return true; /* these serve waits that show no file of the waiter */
	case FILE_UNKNOWN:
		return true; /* a path, which was looked at already */
	default:
		return false;
	}
}

/*
 * Candidates of one process outside the tree, appended to the files. -errno: it may not be looked
 * into.
 */
static int list_candidates(struct pass *pass, struct snap_process *p)
{
	_cleanup_closedir_ DIR *dir = open_fd_dir(pass->s, p->tgid);

	if (!dir)
		return -errno;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		struct snap_file f;
		char link[LINK_SIZE];
		int32_t number = procfs_number(e->d_name);

		if (number < 0)
			continue;
		p->fd_total++;
		if (!read_link(dirfd(dir), e->d_name, link) ||
		    (link[0] == '/' && !is_candidate_path(pass, link)))
			continue;
		init_file(&f, p->tgid, number);
		apply_link(pass, &f, link);
		if (!is_candidate(pass, &f))
			continue;
		f.mode = link_mode(dirfd(dir), e->d_name);
		*vec_push(&pass->s->files) = f;
	}
	return 0;
}

static bool is_holder(struct pass *pass, uint32_t file)
{
	struct snap_file *f = &pass->s->files.at[file];

	switch (f->kind) {
	case FILE_FANOTIFY:
	case FILE_USERFAULTFD:
	case FILE_SECCOMP_NOTIFY:
	case FILE_FUSE_DEV:
		return true;
	case FILE_EVENTFD:
		if (fdinfo_load(pass->s, file, NULL) < 0)
			return false;
		break;
	case FILE_PTY_MASTER:
		return fdinfo_load(pass->s, file, NULL) == 0 && pty_key(f) &&
		       map_find(&pass->ptys, pty_key(f), NULL);
	case FILE_TTY:
		if (pty_key(f) && map_find(&pass->ptys, pty_key(f), NULL))
			return true;
		break;
	case FILE_REGULAR:
	case FILE_DIRECTORY:
		f->lockable = map_find(&pass->queued, lock_key(f->dev, f->ino), NULL);
		return f->lockable;
	default:
		break;
	}
	return object_key(f) && map_find(&pass->wanted, object_key(f), NULL);
}

/* From the candidates files[first..] keep the holders. */
static void keep_holders(struct pass *pass, uint32_t first)
{
	struct snapshot *s = pass->s;
	uint32_t n = first;

	stat_files(pass, s->files.at + first, s->files.count - first);
	for (uint32_t i = first; i < s->files.count; i++)
		if (is_holder(pass, i))
			s->files.at[n++] = s->files.at[i];
	s->files.count = n;
}

static void read_outside(struct pass *pass)
{
	struct snapshot *s = pass->s;
	uint32_t first = s->files.count;
	int32_t self = getpid();

	for (uint32_t i = 0; i < s->processes.count; i++) {
		struct snap_process *p = &s->processes.at[i];
		int rc;

		if (p->in_tree || p->kernel || p->tgid == self)
			continue;
		rc = list_candidates(pass, p);
		if ((rc == -EACCES || rc == -EPERM) && p->state != 'Z') {
			p->denied = true;
			pass->denied++;
		}
	}
	keep_holders(pass, first);
	snapshot_index(s);
}

int procfs_files(struct snapshot *s, struct snag_error *err)
{
	_cleanup_(pass_release_guard) struct pass pass = { .s = s };
	bool has_sockets = false;
	int rc;

	learn_specimens(&pass.specimens);
	read_tree_files(&pass);
	for (uint32_t i = 0; i < s->files.count && !has_sockets; i++)
		has_sockets = s->files.at[i].kind == FILE_SOCKET;
	if (has_sockets) {
		rc = socks_load(s, err);
		if (rc < 0)
			return rc;
		want_peers(&pass);
	}
	read_locks(&pass);
	want_objects(&pass);
	read_outside(&pass);
	/*
	 * With hidepid (proc(5)) the processes of others are not even in the list; init is the
	 * one to ask for.
	 */
	s->all_holders = !pass.denied && !pass.cut && snapshot_process(s, 1);
	if (pass.denied)
		snapshot_missing(s, "the files of %u %s could not be read: holders may be missing",
				 pass.denied,
				 pass.denied == 1 ? "process of another user" :
						    "processes of other users");
	else if (!s->all_holders && !pass.cut)
		snapshot_missing(s, "processes of other users are hidden: holders may be missing");
	return 0;
}
