/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/details.h"

#include "read/deadline.h"
#include "read/proc/freezer.h"
#include "read/proc/procfs.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	ARGV_MAX = 64 << 10,   /* bytes of a command line that are kept */
	ARGV_COPIED = 4 << 10, /* of one that is copied out of the memory of the process */
	ARGV_TIMEOUT_MS = 200,
	LINK_MAX_SIZE = 4096,
};

/* Between the arguments: ASCII unit separator. */
static const char SEPARATOR = '\x1f';

/*
 * A command line, read by a worker: the arguments are memory of the process, and looking at it
 * takes its mmap_lock, which a thread that is stuck in the kernel may hold for writing.
 */
struct argv_item {
	int32_t tgid;
	uint64_t start, end; /* where it lies; 0 not known */
	char *text;	     /* NULL: it has none, or it could not be read */
};

static void argv_item_free(void *p)
{
	struct argv_item *item = p;

	free(item->text);
	free(item);
}

/*
 * A short one in one call instead of the three for a file. -1: /proc has to tell, also because a
 * program has written over the last byte of its arguments: then they end where its text does
 * (setproctitle(3); fs/proc/base.c, get_mm_cmdline()).
 */
static int copy_argv(const struct argv_item *item, char *buf)
{
	uint64_t size = item->end - item->start;
	struct iovec local = { buf, size };
	/* an address of the process, not of ours */
	struct iovec remote = { (void *)(uintptr_t)item->start, size };

	if (!item->start || item->end <= item->start || size > ARGV_COPIED)
		return -1;
	if (process_vm_readv(item->tgid, &local, 1, &remote, 1, 0) != (ssize_t)size ||
	    buf[size - 1])
		return -1;
	return (int)size;
}

static int read_cmdline(int32_t tgid, char *buf)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", tgid);
	return procfs_slurp(-1, path, buf, ARGV_MAX);
}

/* One command line with a separator between the arguments; NULL when there is none. */
static char *read_argv(const struct argv_item *item)
{
	_cleanup_free_ char *buf = xmalloc(ARGV_MAX); /* most of it is never touched */
	int n = copy_argv(item, buf);

	if (n < 0)
		n = read_cmdline(item->tgid, buf);
	while (n > 0 && !buf[n - 1])
		n--;
	if (n <= 0)
		return NULL;
	for (int i = 0; i < n; i++) {
		if (buf[i] == SEPARATOR)
			buf[i] = ' ';
		if (!buf[i])
			buf[i] = SEPARATOR;
	}
	return xstrndup(buf, (size_t)n);
}

static void argv_worker(void *p)
{
	struct argv_item *item = p;

	item->text = read_argv(item);
}

/* Command lines that are being read. */
struct details {
	VEC(void *) items; /* of struct argv_item; NULL: given up */
	VEC(int32_t) tgids;
	bool beside; /* `thread` runs */
	pthread_t thread;
};

static void want_argv(struct details *d, const struct snap_process *p)
{
	struct argv_item *item = xcalloc(1, sizeof(*item));

	item->tgid = p->tgid;
	item->start = p->arg_start;
	item->end = p->arg_end;
	*vec_push(&d->items) = item;
	*vec_push(&d->tgids) = p->tgid;
}

static void *read_all(void *p)
{
	struct details *d = p;

	deadline_each(argv_worker, d->items.at, d->items.count, argv_item_free, ARGV_TIMEOUT_MS);
	return NULL;
}

/* Beside the caller when a thread can be had; signals are the main thread's business. */
static void start(struct details *d)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	d->beside = d->items.count && pthread_create(&d->thread, NULL, read_all, d) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!d->beside)
		read_all(d);
}

static void wait_for(struct details *d)
{
	if (d->beside)
		pthread_join(d->thread, NULL);
	d->beside = false;
}

void details_end(struct details *d, struct snapshot *s)
{
	wait_for(d);
	for (uint32_t i = 0; i < d->items.count; i++) {
		struct argv_item *item = d->items.at[i];

		if (!item) {
			snapshot_missing(s, "the arguments of process %d did not come in time",
					 d->tgids.at[i]);
			continue;
		}
		snapshot_process(s, d->tgids.at[i])->argv = strtab_add(s->strings, item->text);
	}
	details_drop(d);
}

void details_drop(struct details *d)
{
	if (!d)
		return;
	wait_for(d);
	for (uint32_t i = 0; i < d->items.count; i++)
		if (d->items.at[i])
			argv_item_free(d->items.at[i]);
	vec_release(&d->items);
	vec_release(&d->tgids);
	free(d);
}

void details_argv_all(struct snapshot *s)
{
	struct details *d = xcalloc(1, sizeof(*d));

	for (uint32_t i = 0; i < s->processes.count; i++)
		if (!s->processes.at[i].argv && !s->processes.at[i].kernel)
			want_argv(d, &s->processes.at[i]);
	start(d);
	details_end(d, s);
}

void details_cgroup(struct snapshot *s, struct snap_process *p)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (p->cgroup || procfs_read_of(&text, p->tgid, 0, "cgroup", NULL) < 0)
		return;
	while (text.len && text.s[text.len - 1] == '\n')
		text.s[--text.len] = '\0';
	p->cgroup = strtab_add(s->strings, strbuf_str(&text));
}

/*
 * The path of a line "5:cpu,cpuacct:/path", and where the line ends; NULL at the end of the text.
 */
static const char *cgroup_path(const char **text, size_t *len)
{
	const char *line, *path;

	while (**text) {
		line = *text;
		*text += strcspn(*text, "\n");
		path = memchr(line, ':', (size_t)(*text - line));
		path = path ? memchr(path + 1, ':', (size_t)(*text - path - 1)) : NULL;
		*len = path ? (size_t)(*text - path - 1) : 0;
		*text += **text == '\n';
		if (path)
			return path + 1;
	}
	return NULL;
}

bool details_in_cgroup(const char *text, const char *path)
{
	size_t want, len;
	const char *is;

	path += strspn(path, "/");
	want = strlen(path);
	while (want && path[want - 1] == '/')
		want--;
	while ((is = cgroup_path(&text, &len))) {
		size_t slashes = strspn(is, "/");

		if (slashes > len || len - slashes < want)
			continue;
		is += slashes;
		len -= slashes;
		if (!strncmp(is, path, want) && (!want || len == want || is[want] == '/'))
			return true;
	}
	return false;
}

bool details_is_top_cgroup(const char *text)
{
	const char *is;
	size_t len;

	while ((is = cgroup_path(&text, &len)))
		if (len > 1)
			return false;
	return true;
}

void details_exe(struct snapshot *s, struct snap_process *p)
{
	char path[64], link[LINK_MAX_SIZE];
	ssize_t n;

	if (p->exe || p->kernel)
		return;
	snprintf(path, sizeof(path), "/proc/%d/exe", p->tgid);
	n = readlink(path, link, sizeof(link));
	if (n > 0)
		p->exe = strtab_addn(s->strings, link, (size_t)n);
}

struct details *details_begin(struct snapshot *s)
{
	struct details *d = xcalloc(1, sizeof(*d));
	_cleanup_freezer_ struct freezer *freezer = freezer_new();

	for (uint32_t i = 0; i < s->processes.count; i++)
		if (s->processes.at[i].in_tree && !s->processes.at[i].argv &&
		    !s->processes.at[i].kernel)
			want_argv(d, &s->processes.at[i]);
	start(d);
	for (uint32_t i = 0; i < s->processes.count; i++) {
		struct snap_process *p = &s->processes.at[i];

		if (!p->in_tree)
			continue;
		details_exe(s, p);
		details_cgroup(s, p);
		if (!p->frozen)
			p->frozen = freezer_is_frozen(freezer, snapshot_str(s, p->cgroup));
	}
	return d;
}

void details_load(struct snapshot *s)
{
	details_end(details_begin(s), s);
}
