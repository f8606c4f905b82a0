/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/maps.h"

#include "base/alloc.h"
#include "base/vec.h"
#include "read/deadline.h"
#include "read/proc/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

enum {
	TIMEOUT_MS = 200,
	/* vm.max_map_count is 65530 by default; some databases raise it. */
	MAX_AREAS = 4 << 20,
};

/* include/uapi/linux/fs.h of Linux 6.11; our headers may be older. */
struct procmap_query_6_11 {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
_Static_assert(sizeof(struct procmap_query_6_11) == 104, "as the kernel has it");
#define PROCMAP_QUERY_6_11 _IOWR('f', 17, struct procmap_query_6_11)
enum { VMA_READABLE = 1, VMA_WRITABLE = 2, VMA_EXECUTABLE = 4, VMA_SHARED = 8 };

struct maps_job {
	int32_t tgid;
	struct strbuf text;
};

static void maps_job_free(void *p)
{
	struct maps_job *job = p;

	strbuf_release(&job->text);
	free(job);
}

static int maps_worker(void *p)
{
	struct maps_job *job = p;

	return procfs_read_of(&job->text, job->tgid, 0, "maps", NULL);
}

/*
 * The file is read by a worker when a thread of the process is stuck in the kernel: the list of
 * areas is under the mmap_lock, which that thread may hold for writing.
 */
int maps_read(int32_t tgid, bool suspicious, struct maps **ret, struct snag_error *err)
{
	struct maps_job *job = xcalloc(1, sizeof(*job));
	int rc;

	job->tgid = tgid;
	if (suspicious)
		rc = deadline_call(maps_worker, job, maps_job_free, TIMEOUT_MS);
	else
		rc = maps_worker(job);
	if (rc == -ENOENT)
		rc = -ESRCH;
	if (rc == -EPERM)
		rc = -EACCES;
	if (rc == 0)
		*ret = maps_parse(strbuf_str(&job->text));
	if (rc != -ETIMEDOUT)
		maps_job_free(job);
	return rc < 0 ? error_set(err, rc, "/proc/%d/maps: %m", tgid) : 0;
}

int maps_open(int32_t tgid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int maps_query(int fd, uint64_t addr, struct map_area *area, char *name, uint32_t size)
{
	struct procmap_query_6_11 q = { .size = sizeof(q), .query_addr = addr };

	if (size) {
		name[0] = '\0';
		q.vma_name_addr = (uintptr_t)name;
		q.vma_name_size = size;
	}
	if (ioctl(fd, PROCMAP_QUERY_6_11, &q) < 0)
		return errno == ENOENT ? 0 : -errno;
	*area = (struct map_area){ .start = q.vma_start,
				   .end = q.vma_end,
				   .offset = q.vma_offset,
				   .ino = q.inode,
				   .read = q.vma_flags & VMA_READABLE,
				   .write = q.vma_flags & VMA_WRITABLE,
				   .exec = q.vma_flags & VMA_EXECUTABLE,
				   .shared = q.vma_flags & VMA_SHARED };
	if (q.inode)
		area->dev = makedev(q.dev_major, q.dev_minor);
	if (size)
		name[size - 1] = '\0';
	return 1;
}

/* The character `c` at *p, skipped. */
static bool skip(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* "rw-p " */
static bool parse_permissions(const char **p, struct map_area *a)
{
	const char *perms = *p;

	if (strnlen(perms, 5) < 5 || strspn(perms, "rwxsp-") != 4 || perms[4] != ' ')
		return false;
	a->read = perms[0] == 'r';
	a->write = perms[1] == 'w';
	a->exec = perms[2] == 'x';
	a->shared = perms[3] == 's';
	*p += 5;
	return true;
}

/*
 * "7f1c-7f1d r-xp 00026000 fe:00 1234       /lib/x y.so (deleted)" (fs/proc/task_mmu.c
 * show_map_vma())
 */
static bool parse_line(struct maps *m, const char *line, size_t len, struct map_area *a)
{
	const char *p = line;
	uint64_t major_no, minor_no;

	if (!procfs_hex(&p, &a->start) || !skip(&p, '-') || !procfs_hex(&p, &a->end) ||
	    !skip(&p, ' ') || !parse_permissions(&p, a) || !procfs_hex(&p, &a->offset) ||
	    !skip(&p, ' ') || !procfs_hex(&p, &major_no) || !skip(&p, ':') ||
	    !procfs_hex(&p, &minor_no) || !skip(&p, ' ') || !procfs_decimal(&p, &a->ino) ||
	    p > line + len || a->start >= a->end)
		return false;
	a->dev = a->ino ? makedev((unsigned)major_no, (unsigned)minor_no) : 0;
	p += strspn(p, " ");
	if (p < line + len)
		a->path = strtab_addn(m->strings, p, (size_t)(line + len - p));
	return true;
}

struct maps *maps_parse(const char *text)
{
	VEC(struct map_area) v = VEC_INIT;
	struct maps *m = xcalloc(1, sizeof(*m));

	m->strings = strtab_new();
	while (*text && v.count < MAX_AREAS) {
		size_t len = strcspn(text, "\n");
		struct map_area a = { .start = 0 };

		/* The kernel shows them by address; what is out of order could not be searched. */
		if (parse_line(m, text, len, &a) && (!v.count || v.at[v.count - 1].end <= a.start))
			*vec_push(&v) = a;
		text += len + (text[len] == '\n');
	}
	m->areas = v.at;
	m->count = v.count;
	return m;
}

void maps_free(struct maps *m)
{
	if (!m)
		return;
	free(m->areas);
	strtab_free(m->strings);
	free(m);
}

const struct map_area *maps_find(const struct maps *m, uint64_t addr)
{
	uint32_t low = 0, high = m->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->areas[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < m->count && m->areas[low].start <= addr ? &m->areas[low] : NULL;
}
