/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/fdinfo.h"

#include "read/proc/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* A set of more items than this is cut: items_cut says so. */
enum { MAX_EPOLL_ITEMS = 1 << 20 };

/* ---- kinds ---------------------------------------------------------------------------------- */

/* "name:[123]" */
static bool numbered(const char *link, const char *name, uint64_t *ino)
{
	size_t len = strlen(name);
	char end;

	return !strncmp(link, name, len) && sscanf(link + len, ":[%" SCNu64 "%c", ino, &end) == 2 &&
	       end == ']';
}

static uint8_t anonymous_kind(const char *name)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} KINDS[] = {
		{ "[eventfd]", FILE_EVENTFD },	 { "[timerfd]", FILE_TIMERFD },
		{ "[signalfd]", FILE_SIGNALFD }, { "[eventpoll]", FILE_EPOLL },
		{ "[pidfd]", FILE_PIDFD },	 { "inotify", FILE_INOTIFY },
		{ "[fanotify]", FILE_FANOTIFY }, { "[userfaultfd]", FILE_USERFAULTFD },
		{ "[io_uring]", FILE_IO_URING }, { "seccomp notify", FILE_SECCOMP_NOTIFY },
	};

	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
		if (!strcmp(name, KINDS[i].name))
			return KINDS[i].kind;
	return FILE_ANON;
}

/* Numbers of Documentation/admin-guide/devices.txt. */
static void classify_device(struct snap_file *f, uint64_t rdev)
{
	unsigned major_no = major(rdev), minor_no = minor(rdev);

	f->kind = FILE_DEVICE;
	f->value = rdev;
	if (major_no == 5 && minor_no == 2) {
		f->kind = FILE_PTY_MASTER;
		f->value = SNAP_UNKNOWN_U64; /* fdinfo tells */
	} else if (major_no == 10 && minor_no == 229) {
		f->kind = FILE_FUSE_DEV;
		f->value = SNAP_UNKNOWN_U64;
	} else if (major_no >= 136 && major_no <= 143) {
		f->kind = FILE_TTY;
		f->value = (uint64_t)(major_no - 136) * 256 + minor_no;
	} else if (major_no == 4 || major_no == 5) {
		f->kind = FILE_TTY;
		f->value = SNAP_UNKNOWN_U64;
	}
	if (f->kind == FILE_TTY)
		f->interval_ns = SNAP_UNKNOWN_U64; /* see borrow.h */
}

void fdinfo_classify(struct snapshot *s, struct snap_file *f, const char *link, uint32_t st_mode,
		     uint64_t st_rdev)
{
	static const char ANON[] = "anon_inode:";
	uint64_t ino;

	f->kind = FILE_UNKNOWN;
	f->path = strtab_add(s->strings, link);
	f->named = false;
	if (numbered(link, "pipe", &ino) || numbered(link, "socket", &ino)) {
		f->kind = link[0] == 'p' ? FILE_PIPE : FILE_SOCKET;
		f->ino = ino;
		f->path = 0;
		return;
	}
	if (!strncmp(link, ANON, sizeof(ANON) - 1)) {
		f->kind = anonymous_kind(link + sizeof(ANON) - 1);
		return;
	}
	switch (st_mode & S_IFMT) {
	case S_IFREG:
		f->kind = FILE_REGULAR;
		break;
	case S_IFDIR:
		f->kind = FILE_DIRECTORY;
		break;
	case S_IFIFO:
		f->kind = FILE_PIPE;
		f->named = true;
		break;
	case S_IFCHR:
		classify_device(f, st_rdev);
		break;
	case S_IFBLK:
		f->kind = FILE_DEVICE;
		f->value = st_rdev;
		break;
	case 0:
		break; /* no stat: only its name is known */
	default:
		f->kind = FILE_ANON;
		break;
	}
}

/* ---- fdinfo --------------------------------------------------------------------------------- */

/*
 * st_dev of a device number as the kernel keeps it: 12 bits of major above 20 of minor
 * (linux/kdev_t.h).
 */
static uint64_t dev_of_kernel(uint64_t dev)
{
	return makedev((unsigned)(dev >> 20), (unsigned)(dev & 0xfffff));
}

/* "(12, 345)": seconds and nanoseconds (fs/timerfd.c timerfd_show()). */
static bool timespec_of(const char *text, const char *name, uint64_t *ns)
{
	const char *at = strstr(text, name);
	uint64_t seconds, nanos;

	if (!at || sscanf(at + strlen(name), ": (%" SCNu64 ", %" SCNu64 ")", &seconds, &nanos) != 2)
		return false;
	*ns = seconds > UINT64_MAX / 1000000000 - 1 ? UINT64_MAX - 1 : seconds * 1000000000 + nanos;
	return true;
}

/* What follows `name` at *p, blanks skipped before and behind it. */
static bool label(const char **p, const char *name)
{
	size_t len = strlen(name);

	*p += strspn(*p, " ");
	if (strncmp(*p, name, len))
		return false;
	*p += len;
	*p += strspn(*p, " ");
	return true;
}

/*
 * "tfd:        5 events:       19 data:  7fff00000005  pos:0 ino:2c sdev:e" (fs/eventpoll.c
 * ep_show_fdinfo()). Before Linux 4.13 there is no pos, ino or sdev.
 */
static void parse_item(struct snapshot *s, struct snap_file *f, const char *line)
{
	struct snap_epitem item = { .fd = -1 };
	const char *p = line;
	uint64_t fd, events, pos, ino, dev;

	if (!label(&p, "tfd:") || !procfs_decimal(&p, &fd) || fd > INT32_MAX ||
	    !label(&p, "events:") || !procfs_hex(&p, &events) || !label(&p, "data:") ||
	    !procfs_hex(&p, &item.data))
		return;
	item.fd = (int32_t)fd;
	item.events = (uint32_t)events;
	if (label(&p, "pos:")) {
		p += *p == '-';
		if (procfs_decimal(&p, &pos) && label(&p, "ino:") && procfs_hex(&p, &ino) &&
		    label(&p, "sdev:") && procfs_hex(&p, &dev)) {
			item.ino = ino;
			item.dev = dev_of_kernel(dev);
		}
	}
	if (f->item_count >= MAX_EPOLL_ITEMS) {
		f->items_cut = true;
		return;
	}
	*vec_push(&s->epitems) = item;
	f->item_count++;
}

static void parse_items(struct snapshot *s, struct snap_file *f, const char *text)
{
	f->first_item = s->epitems.count;
	f->item_count = 0;
	f->items_cut = false;
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (!strncmp(text, "tfd:", 4))
			parse_item(s, f, text);
		text += len + (text[len] == '\n');
	}
}

static void parse_kind(struct snapshot *s, struct snap_file *f, const char *text)
{
	uint64_t value;
	int64_t n;

	switch (f->kind) {
	case FILE_EVENTFD:
		if (procfs_field_hex(text, "eventfd-count:", &value))
			f->value = value;
		/* Since Linux 5.2; 0 is a valid one, and 0 is our unknown. */
		if (procfs_field_int(text, "eventfd-id:", &n))
			f->id = (uint64_t)n + 1;
		break;
	case FILE_PIDFD:
		if (procfs_field_int(text, "Pid:", &n))
			f->value = (uint64_t)n;
		break;
	case FILE_TIMERFD:
		timespec_of(text, "it_value", &f->expires_ns);
		timespec_of(text, "it_interval", &f->interval_ns);
		break;
	case FILE_SIGNALFD:
		if (procfs_field_hex(text, "sigmask:", &value))
			f->sigmask = value;
		break;
	case FILE_EPOLL:
		parse_items(s, f, text);
		break;
	case FILE_PTY_MASTER:
		if (procfs_field_int(text, "tty-index:", &n))
			f->value = (uint64_t)n;
		break;
	case FILE_FUSE_DEV:
		if (procfs_field_int(text, "fuse_connection:", &n))
			f->value = (uint64_t)n;
		break;
	default:
		break;
	}
}

void fdinfo_parse(struct snapshot *s, struct snap_file *f, const char *text)
{
	uint64_t value;
	int64_t n;

	if (procfs_field_octal(text, "flags:", &value)) {
		f->nonblock = value & O_NONBLOCK;
		f->mode = 0;
		if (!(value & O_PATH)) {
			f->mode |= (value & O_ACCMODE) != O_WRONLY ? MODE_READ : 0;
			f->mode |= (value & O_ACCMODE) != O_RDONLY ? MODE_WRITE : 0;
		}
	}
	f->mnt_id = procfs_field_int(text, "mnt_id:", &n) ? (int32_t)n : -1;
	if (procfs_field_int(text, "scm_fds:", &n) && f->sock && f->sock <= s->socks.count)
		s->socks.at[f->sock - 1].in_flight_fds = (uint32_t)n;
	parse_kind(s, f, text);
	f->details = true;
}

/* ---- targets of epoll items ----------------------------------------------------------------- */

static bool is_anonymous(const struct snap_file *f)
{
	return f->kind >= FILE_EVENTFD && f->kind <= FILE_SECCOMP_NOTIFY ? true :
									   f->kind == FILE_ANON;
}

/* Is `fd` of the process the very file that the item watches? (kcmp(2), Linux 4.13) */
static bool kernel_says_same(const struct snap_file *epoll, const struct snap_epitem *item,
			     int32_t fd)
{
	struct kcmp_epoll_slot slot = { .efd = (uint32_t)epoll->fd, .tfd = (uint32_t)item->fd };

	return syscall(SYS_kcmp, epoll->tgid, epoll->tgid, KCMP_EPOLL_TFD, fd, &slot) == 0;
}

static void set_target(struct snap_epitem *item, const struct snap_file *target)
{
	item->kind = target->kind;
	item->id = target->id;
	item->description = target->description;
	if (!item->ino) {
		item->dev = target->dev;
		item->ino = target->ino;
	}
}

/* The descriptor with the number of the item, unless the number means another file by now. */
static struct snap_file *by_number(const struct snapshot *s, const struct snap_file *epoll,
				   const struct snap_epitem *item)
{
	struct snap_file *f = snapshot_file(s, epoll->tgid, item->fd);

	if (!f || (item->ino && (f->ino != item->ino || f->dev != item->dev)))
		return NULL;
	/* All anonymous files have the same inode: ask the kernel, if it lets us. */
	if (is_anonymous(f) && !kernel_says_same(epoll, item, item->fd) && errno != EPERM &&
	    errno != ENOSYS)
		return NULL;
	return f;
}

/*
 * Another descriptor of the same file: of this process, or for files with an inode of their own
 * of any.
 */
static struct snap_file *by_inode(const struct snapshot *s, const struct snap_file *epoll,
				  const struct snap_epitem *item)
{
	const struct snap_process *p = snapshot_process(s, epoll->tgid);

	for (uint32_t i = 0; p && i < p->file_count; i++) {
		struct snap_file *f = &s->files.at[p->first_file + i];

		if (f->ino == item->ino && f->dev == item->dev &&
		    (!is_anonymous(f) || kernel_says_same(epoll, item, f->fd)))
			return f;
	}
	for (uint32_t i = 0; i < s->files.count; i++) {
		struct snap_file *f = &s->files.at[i];

		if (f->ino == item->ino && f->dev == item->dev && !is_anonymous(f))
			return f;
	}
	return NULL;
}

static void resolve_items(struct snapshot *s, struct snap_file *epoll)
{
	for (uint32_t i = 0; i < epoll->item_count; i++) {
		struct snap_epitem *item = &s->epitems.at[epoll->first_item + i];
		struct snap_file *f;

		errno = 0;
		f = by_number(s, epoll, item);
		if (!f && item->ino)
			f = by_inode(s, epoll, item);
		if (!f)
			continue;
		/*
		 * The id of an eventfd stands in its own fdinfo; without it the target is less
		 * well known.
		 */
		if (f->kind == FILE_EVENTFD && !f->details &&
		    fdinfo_load(s, (uint32_t)(f - s->files.at), NULL) < 0)
			continue;
		set_target(item, f);
	}
}

int32_t fdinfo_thread(const struct snapshot *s, int32_t tgid)
{
	const struct snap_process *p = snapshot_process(s, tgid);
	_cleanup_close_ int proc_fd = -1;
	_cleanup_closedir_ DIR *tasks = NULL;

	if (!p || p->state != 'Z')
		return tgid;
	for (uint32_t i = 0; i < p->task_count; i++)
		if (!strchr("ZX", s->tasks.at[p->first_task + i].state))
			return s->tasks.at[p->first_task + i].tid;
	/* Outside the tree nobody has looked at its threads yet. */
	proc_fd = p->task_count ? -1 : procfs_open_dir(tgid, NULL);
	tasks = proc_fd < 0 ? NULL : procfs_opendir_at(proc_fd, "task");
	for (struct dirent *e = tasks ? readdir(tasks) : NULL; e; e = readdir(tasks))
		if (procfs_number(e->d_name) > 0 && procfs_number(e->d_name) != tgid)
			return procfs_number(e->d_name);
	return tgid;
}

static bool process_exists(int32_t tgid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", tgid);
	return access(path, F_OK) == 0;
}

int fdinfo_load(struct snapshot *s, uint32_t file, struct snag_error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct snap_file *f = &s->files.at[file];
	char name[32];
	int rc;

	if (f->details)
		return 0;
	snprintf(name, sizeof(name), "fdinfo/%d", f->fd);
	rc = procfs_read_of(&text, f->tgid, fdinfo_thread(s, f->tgid), name, err);
	if (rc == -ENOENT)
		return error_set(err, process_exists(f->tgid) ? -EBADF : -ESRCH,
				 "fd %d of process %d: %m", f->fd, f->tgid);
	if (rc < 0)
		return rc;
	fdinfo_parse(s, f, strbuf_str(&text));
	if (f->kind == FILE_EPOLL)
		resolve_items(s, f);
	return 0;
}
