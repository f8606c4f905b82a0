/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_fdinfo.c - a link of /proc/P/fd and the text of its fdinfo.
 *
 * Input: a byte of file type, the link up to a newline, the fdinfo text.
 */
#include "read/proc/fdinfo.h"

#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t MODES[] = { 0, S_IFREG, S_IFDIR, S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	_cleanup_free_ char *text = NULL, *link = NULL;
	struct snap_file *f;
	size_t len;

	if (!size)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	len = strcspn(text, "\n");
	link = xstrndup(text, len);
	vec_push(&s->processes)->tgid = 7;
	vec_push(&s->socks);
	f = vec_push(&s->files);
	f->tgid = 7;
	f->sock = 1;
	fdinfo_classify(s, f, link, MODES[data[0] % 7], (uint64_t)data[0] << 4);
	if (f->kind >= FILE_KIND_COUNT)
		abort();
	/* Each kind reads other lines: all of them get this text. */
	for (uint8_t kind = 0; kind < FILE_KIND_COUNT; kind++) {
		f->kind = kind;
		fdinfo_parse(s, f, text + len + (text[len] == '\n'));
		if (f->first_item + f->item_count > s->epitems.count || !f->details)
			abort();
	}
	return 0;
}
