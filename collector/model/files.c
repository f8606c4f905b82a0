/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/files.h"

#include "model/from_read.h"
#include "read/proc/fdinfo.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>

/*
 * kcmp(2) is asked n log n times a set; above this nobody looks, and holders stay `inherited:
 * unknown`.
 */
enum { DESCRIBE_MAX = 2048, GROUP_DESCRIBE_MAX = 512 };

/* What file_group.a says when b is no inode number. Device numbers are 32 bits wide. */
#define KEY_NUMBER (UINT64_MAX - 1)	 /* b is a number that the kind gives its objects */
#define KEY_DESCRIPTION (UINT64_MAX - 2) /* b is a description */
#define KEY_ID (UINT64_MAX - 3)		 /* b is snap_file.id */
#define KEY_FILE (UINT64_MAX - 4)	 /* b is the file itself: nothing is known about it */

struct model_files {
	uint32_t files; /* how many the snapshot had when this was made */
	uint32_t kind_first[FILE_KIND_COUNT];
	bool grouped[FILE_KIND_COUNT];
	uint32_t *next_of_kind, *next; /* 1 + file, by file */
	uint32_t *group;	       /* 1 + group, by file */
	VEC(struct file_group) groups;
	struct map by_key;
	/*
	 * 1 + group by socket (1 + index), when the sockets were known as they were grouped: most
	 * waits of a tree of servers are on sockets, and look-ups in a map are a good part of their
	 * time.
	 */
	VEC(uint32_t) by_sock;
	struct strbuf scratch;
	/* how many numbers were given to descriptions that kcmp told apart */
	uint32_t descriptions;
};

void model_files_free(struct model_files *x)
{
	if (!x)
		return;
	free(x->next_of_kind);
	free(x->next);
	free(x->group);
	vec_release(&x->groups);
	vec_release(&x->by_sock);
	strbuf_release(&x->scratch);
	map_release(&x->by_key);
	free(x);
}

/*
 * The lists by kind, in the order of the snapshot. Made again when the reader has added files
 * meanwhile.
 */
static struct model_files *files_get(struct model *m, const struct snapshot *s)
{
	struct model_files *x = m->files;
	uint32_t descriptions = x ? x->descriptions : 0;

	if (x && x->files == s->files.count)
		return x;
	model_files_free(x);
	x = xcalloc(1, sizeof(*x));
	m->files = x;
	x->files = s->files.count;
	x->descriptions = descriptions;
	x->next_of_kind = xcalloc(x->files + 1, sizeof(*x->next_of_kind));
	x->next = xcalloc(x->files + 1, sizeof(*x->next));
	x->group = xcalloc(x->files + 1, sizeof(*x->group));
	for (uint32_t i = x->files; i-- > 0;) {
		uint8_t kind = s->files.at[i].kind;

		if (kind >= FILE_KIND_COUNT)
			kind = FILE_UNKNOWN;
		x->next_of_kind[i] = x->kind_first[kind];
		x->kind_first[kind] = i + 1;
	}
	return x;
}

struct strbuf *files_scratch(struct model *m, const struct snapshot *s)
{
	struct strbuf *b = &files_get(m, s)->scratch;

	strbuf_reset(b);
	return b;
}

/* ---- what tells objects apart ---------------------------------------------------------------- */

/*
 * The controlling terminal of a process: stat field 7 has the minor in bits 31-20 and 7-0
 * (proc(5)).
 */
static int64_t pty_of_session(const struct snap_process *p)
{
	uint32_t major, minor;

	if (!p || p->tty_nr <= 0)
		return -1;
	major = ((uint32_t)p->tty_nr >> 8) & 0xff;
	minor = ((uint32_t)p->tty_nr & 0xff) | (((uint32_t)p->tty_nr >> 12) & 0xfff00);
	/* UNIX98_PTY_SLAVE_MAJOR of include/uapi/linux/major.h */
	return major == 136 ? (int64_t)minor : -1;
}

int64_t files_pty(const struct snapshot *s, const struct snap_file *f)
{
	if (f->value != SNAP_UNKNOWN_U64)
		return f->value <= INT32_MAX ? (int64_t)f->value : -1;
	if (f->kind == FILE_TTY && !strcmp(snapshot_str(s, f->path), "/dev/tty"))
		return pty_of_session(snapshot_process(s, f->tgid));
	return -1;
}

/* Objects of these kinds have an inode of their own. */
static bool has_inode(const struct snap_file *f)
{
	switch (f->kind) {
	case FILE_REGULAR:
	case FILE_DIRECTORY:
	case FILE_DEVICE:
	case FILE_PIPE:
	case FILE_SOCKET:
	case FILE_MQUEUE:
	case FILE_TTY:
		return f->ino != 0;
	default:
		return false;
	}
}

/* Into g: what `f` has in common with the other files that are the same object. */
static void key_of(const struct snapshot *s, const struct snap_file *f, uint32_t index,
		   struct file_group *g)
{
	int64_t pty;

	g->kind = f->kind;
	g->a = KEY_NUMBER;
	if (f->kind == FILE_TTY || f->kind == FILE_PTY_MASTER) {
		pty = files_pty(s, f);
		g->b = (uint64_t)pty;
		if (pty >= 0)
			return;
	}
	/*
	 * Any two pidfds of one process end a wait together, whoever opened them. -1: it was
	 * reaped.
	 */
	if (f->kind == FILE_PIDFD || f->kind == FILE_FUSE_DEV) {
		g->b = f->value;
		if (f->details && (int64_t)f->value > 0)
			return;
	}
	if (has_inode(f)) {
		g->a = f->kind == FILE_SOCKET ? 0 : f->dev;
		g->b = f->ino;
	} else if (f->kind == FILE_EVENTFD && f->id) {
		g->a = KEY_ID;
		g->b = f->id;
	} else if (f->description) {
		g->a = KEY_DESCRIPTION;
		g->b = f->description;
	} else if (f->id) {
		g->a = KEY_ID;
		g->b = f->id;
	} else {
		g->a = KEY_FILE;
		g->b = index;
	}
}

/* Different keys may fold to one number: by_key then holds the next free one. */
static uint64_t fold(const struct file_group *g)
{
	uint64_t x = (g->a * 0x9e3779b97f4a7c15ull) ^ (g->b * 0xff51afd7ed558ccdull);

	return (x ^ (x >> 29)) + ((uint64_t)g->kind << 57);
}

/* Where the group of `f` stands, when that goes by its socket; else NULL. */
static uint32_t *slot_of_sock(const struct model_files *x, const struct snapshot *s,
			      const struct snap_file *f)
{
	uint32_t sock = f->sock;

	if (!x->by_sock.count || f->kind != FILE_SOCKET || !f->ino)
		return NULL;
	if (!sock)
		sock = map_get(&s->by_sock, f->ino, 0);
	return sock && sock <= x->by_sock.count ? &x->by_sock.at[sock - 1] : NULL;
}

/* The group of this key, or NULL; then *slot is where it belongs. */
static struct file_group *find(const struct model_files *x, const struct file_group *key,
			       uint64_t *slot)
{
	uint32_t at;

	for (*slot = fold(key); map_find(&x->by_key, *slot, &at); (*slot)++) {
		struct file_group *g = &x->groups.at[at];

		if (g->kind == key->kind && g->a == key->a && g->b == key->b)
			return g;
	}
	return NULL;
}

/* ---- which descriptors share a description --------------------------------------------------- */

static long kcmp_files(const struct snap_file *a, const struct snap_file *b)
{
	return syscall(SYS_kcmp, a->tgid, b->tgid, KCMP_FILE, (long)a->fd, (long)b->fd);
}

/*
 * kcmp orders descriptions by a number that the kernel derives from their address and a secret
 * (kernel/kcmp.c), so they sort. A descriptor that is closed meanwhile compares as nothing: index
 * order.
 */
static int compare_descriptions(const void *pa, const void *pb, void *arg)
{
	const struct snapshot *s = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	switch (kcmp_files(&s->files.at[a], &s->files.at[b])) {
	case 0:
		return 0;
	case 1:
		return -1;
	case 2:
		return 1;
	default:
		return (a > b) - (a < b);
	}
}

/* Number the descriptions of those files; they are reordered. */
static void describe(struct model_files *x, struct snapshot *s, uint32_t *files, uint32_t count)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		if (kcmp_files(&s->files.at[files[i]], &s->files.at[files[i]]) == 0)
			files[n++] = files[i];
	qsort_r(files, n, sizeof(*files), compare_descriptions, s);
	for (uint32_t i = 0; i < n; i++) {
		struct snap_file *f = &s->files.at[files[i]];

		if (!i || kcmp_files(&s->files.at[files[i - 1]], f) != 0)
			x->descriptions++;
		f->description = x->descriptions;
	}
}

/* May and need it be compared: kcmp asks for the right to trace both (kcmp(2)). */
static bool describable(const struct snapshot *s, const struct snap_file *f)
{
	const struct snap_process *p = snapshot_process(s, f->tgid);

	return !s->has_descriptions && !f->description && p && p->in_tree && !p->denied &&
	       !p->exited;
}

void files_describe_group(struct model *m, struct snapshot *s, struct file_group *g)
{
	struct model_files *x = files_get(m, s);
	uint32_t files[GROUP_DESCRIBE_MAX];
	uint32_t n = 0;

	if (g->described || s->has_descriptions || g->count < 2 || g->count > GROUP_DESCRIBE_MAX)
		return;
	g->described = true;
	for (uint32_t i = g->first; i; i = x->next[i - 1])
		if (describable(s, &s->files.at[i - 1]))
			files[n++] = i - 1;
	if (n > 1)
		describe(x, s, files, n);
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Kinds that a descriptor's fdinfo must be read for to know which object it is. */
static bool needs_details(uint8_t kind)
{
	return kind == FILE_EVENTFD || kind == FILE_PIDFD || kind == FILE_PTY_MASTER ||
	       kind == FILE_FUSE_DEV;
}

/* Kinds of which only the description tells two apart. */
static bool needs_description(uint8_t kind)
{
	return kind == FILE_EPOLL || kind == FILE_TIMERFD || kind == FILE_SIGNALFD ||
	       kind == FILE_INOTIFY || kind == FILE_FANOTIFY || kind == FILE_USERFAULTFD ||
	       kind == FILE_IO_URING || kind == FILE_SECCOMP_NOTIFY;
}

/* Read what procfs tells only on demand. What cannot be read stays unknown: a file of its own. */
static void load_details(struct model_files *x, struct snapshot *s, uint8_t kind)
{
	struct snag_error err = SNAG_ERROR_INIT;

	for (uint32_t i = x->kind_first[kind]; i; i = x->next_of_kind[i - 1]) {
		const struct snap_file *f = &s->files.at[i - 1];
		int rc;

		if (f->details || (kind == FILE_EVENTFD && f->id))
			continue;
		rc = fdinfo_load(s, i - 1, &err);
		s->files_lost = s->files_lost || rc < 0;
		if (rc < 0 && rc != -ESRCH && rc != -EBADF)
			snapshot_missing(s, "which object a descriptor is: %s", err.text);
	}
}

static void load_descriptions(struct model_files *x, struct snapshot *s, uint8_t kind)
{
	VEC(uint32_t) files = VEC_INIT;

	if (s->has_descriptions)
		return;
	for (uint32_t i = x->kind_first[kind]; i; i = x->next_of_kind[i - 1])
		if (!s->files.at[i - 1].id && describable(s, &s->files.at[i - 1]))
			*vec_push(&files) = i - 1;
	if (files.count > DESCRIBE_MAX)
		snapshot_missing(s, "which of %u descriptors of one kind are shared: too many",
				 files.count);
	else if (files.count > 1)
		describe(x, s, files.at, files.count);
	vec_release(&files);
}

static void join_group(struct model_files *x, struct file_group *g, uint32_t file)
{
	x->next[g->last - 1] = file;
	g->last = file;
	g->count++;
	x->group[file - 1] = (uint32_t)(g - x->groups.at) + 1;
}

static void group_file(struct model_files *x, const struct snapshot *s, uint8_t kind, uint32_t file)
{
	struct file_group key = { .first = file, .last = file, .count = 1 }, *g;
	uint32_t *by_sock = slot_of_sock(x, s, &s->files.at[file - 1]);
	uint64_t slot;

	if (by_sock && *by_sock) {
		join_group(x, &x->groups.at[*by_sock - 1], file);
		return;
	}
	key_of(s, &s->files.at[file - 1], file - 1, &key);
	key.kind = kind;
	g = by_sock ? NULL : find(x, &key, &slot);
	if (g) {
		join_group(x, g, file);
		return;
	}
	*vec_push(&x->groups) = key;
	if (by_sock)
		*by_sock = x->groups.count;
	else
		map_put(&x->by_key, slot, x->groups.count - 1);
	x->group[file - 1] = x->groups.count;
}

static void group_kind(struct model_files *x, struct snapshot *s, uint8_t kind)
{
	if (x->grouped[kind])
		return;
	x->grouped[kind] = true;
	if (needs_details(kind))
		load_details(x, s, kind);
	if (needs_description(kind))
		load_descriptions(x, s, kind);
	if (kind == FILE_SOCKET && s->socks_loaded)
		while (x->by_sock.count < s->socks.count)
			vec_push(&x->by_sock);
	for (uint32_t i = x->kind_first[kind]; i; i = x->next_of_kind[i - 1])
		group_file(x, s, kind, i);
}

struct file_group *files_group(struct model *m, struct snapshot *s, const struct snap_file *f)
{
	struct model_files *x = files_get(m, s);
	uint8_t kind = f->kind < FILE_KIND_COUNT ? f->kind : FILE_UNKNOWN;
	struct file_group key = { .first = 0 };
	uint32_t *by_sock;
	uint64_t slot;

	group_kind(x, s, kind);
	if (f >= s->files.at && f < s->files.at + s->files.count)
		return files_group_of(m, (uint32_t)(f - s->files.at) + 1);
	by_sock = slot_of_sock(x, s, f);
	if (by_sock)
		return *by_sock ? &x->groups.at[*by_sock - 1] : NULL;
	key_of(s, f, UINT32_MAX, &key);
	key.kind = kind;
	return find(x, &key, &slot);
}

uint32_t files_of_kind(struct model *m, struct snapshot *s, enum file_kind kind)
{
	struct model_files *x = files_get(m, s);

	group_kind(x, s, kind);
	return x->kind_first[kind];
}

uint32_t files_next_of_kind(const struct model *m, uint32_t file)
{
	return m->files->next_of_kind[file - 1];
}

uint32_t files_next(const struct model *m, uint32_t file)
{
	return m->files->next[file - 1];
}

uint32_t model_next_of_sock(struct model *m, struct snapshot *s, const struct snap_file *sock,
			    uint32_t previous)
{
	const struct file_group *g;

	if (previous)
		return files_next(m, previous);
	g = files_group(m, s, sock);
	return g ? g->first : 0;
}

struct file_group *files_group_of(const struct model *m, uint32_t file)
{
	return &m->files->groups.at[m->files->group[file - 1] - 1];
}
