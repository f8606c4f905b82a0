/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/kernel_types.h"

#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <bpf/btf.h>

enum {
	MAX_BTF_BYTES = 256 << 20,
	MAX_DEPTH = 32, /* typedefs and qualifiers on top of each other */
	NO_KIND = 0,
};

/* Of the functions that somebody may ask for: hooks of iterators, and kernel/bpf/helpers.c. */
static const char *const prefixes[] = { "bpf_iter_", "bpf_task_" };

struct function {
	uint32_t id;
	char name[40];
};

struct kernel_types {
	struct map roots, members; /* hashes of wanted names -> 1 */
	char *data;		   /* the kernel's BTF */
	size_t size;
	bool mapped;
	const char *types, *strings; /* its sections */
	size_t types_size, strings_size;
	VEC(uint32_t) at;      /* kernel type id -> offset in types */
	struct map renumbered; /* kernel type id -> id in the cut-out */
	VEC(uint32_t) queue;   /* kernel type ids in the order of the cut-out */
	VEC(struct function) functions;
	struct strbuf out_types, out_strings;
	int fd;
	char path[32];
};

struct kernel_types *kernel_types_new(void)
{
	struct kernel_types *k = xcalloc(1, sizeof(*k));

	k->fd = memfd_create("snag-btf", MFD_CLOEXEC);
	snprintf(k->path, sizeof(k->path), "/proc/self/fd/%d", k->fd);
	return k;
}

static void forget_input(struct kernel_types *k)
{
	if (k->mapped)
		munmap(k->data, k->size);
	else
		free(k->data);
	k->data = NULL;
	k->mapped = false;
	vec_release(&k->at);
	vec_release(&k->queue);
	map_release(&k->renumbered);
	strbuf_release(&k->out_types);
	strbuf_release(&k->out_strings);
}

void kernel_types_free(struct kernel_types *k)
{
	if (!k)
		return;
	forget_input(k);
	map_release(&k->roots);
	map_release(&k->members);
	vec_release(&k->functions);
	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

/* ---- what is wanted -------------------------------------------------------------------------- */

/* FNV-1a. A collision only keeps one type too many. */
static uint64_t hash_name(const char *name, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3ULL;
	return h;
}

static void want(struct map *names, const char *name)
{
	const char *suffix;

	if (!name || !*name)
		return;
	suffix = strstr(name, "___");
	map_put(names, hash_name(name, suffix ? (size_t)(suffix - name) : strlen(name)), 1);
}

void kernel_types_want(struct kernel_types *k, const struct btf *local)
{
	uint32_t count = btf__type_cnt(local);

	for (uint32_t id = 1; id < count; id++) {
		const struct btf_type *t = btf__type_by_id(local, id);

		if (!btf_is_composite(t) && !btf_is_any_enum(t))
			continue;
		want(&k->roots, btf__name_by_offset(local, t->name_off));
		for (uint32_t i = 0; btf_is_composite(t) && i < btf_vlen(t); i++)
			want(&k->members, btf__name_by_offset(local, btf_members(t)[i].name_off));
	}
}

/* ---- the kernel's BTF ------------------------------------------------------------------------ */

/* Kernels from 6.16 on let the file be mapped; before, a read gives one page at a time. */
static int read_input(struct kernel_types *k, const char *file, struct snag_error *err)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: %m", file);
	if (st.st_size < (off_t)sizeof(struct btf_header) || st.st_size > MAX_BTF_BYTES)
		return error_set(err, -EBADMSG, "%s: not a BTF file", file);
	k->size = st.st_size;
	p = mmap(NULL, k->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p != MAP_FAILED) {
		k->data = p;
		k->mapped = true;
		return 0;
	}
	k->data = xcalloc(1, k->size);
	for (size_t n = 0; n < k->size;) {
		ssize_t got = read(fd, k->data + n, k->size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set(err, -errno, "%s: %m", file);
		if (got == 0)
			return error_set(err, -EBADMSG, "%s: shorter than it says", file);
		n += got;
	}
	return 0;
}

static int find_sections(struct kernel_types *k, const char *file, struct snag_error *err)
{
	const struct btf_header *h = (const void *)k->data;
	uint64_t types = (uint64_t)h->hdr_len + h->type_off;
	uint64_t strings = (uint64_t)h->hdr_len + h->str_off;

	if (h->magic != BTF_MAGIC || h->type_len % 4 || types % 4 ||
	    types + h->type_len > k->size || strings + h->str_len > k->size || !h->str_len ||
	    k->data[strings + h->str_len - 1])
		return error_set(err, -EBADMSG, "%s: not a BTF file of this byte order", file);
	k->types = k->data + types;
	k->types_size = h->type_len;
	k->strings = k->data + strings;
	k->strings_size = h->str_len;
	return 0;
}

/* Bytes after struct btf_type, (size_t)-1 for a kind that we do not know. */
static size_t extra_bytes(const struct btf_type *t)
{
	size_t n = btf_vlen(t);

	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return n * 12;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return n * 8;
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		return (size_t)-1;
	}
}

static const char *name_at(const struct kernel_types *k, uint32_t offset)
{
	return offset < k->strings_size ? k->strings + offset : "";
}

static const struct btf_type *type_at(const struct kernel_types *k, uint32_t id)
{
	return id && id < k->at.count ? (const void *)(k->types + k->at.at[id]) : NULL;
}

static bool is_wanted(const struct map *names, const char *name)
{
	return *name && map_find(names, hash_name(name, strlen(name)), NULL);
}

static void note_function(struct kernel_types *k, const char *name, uint32_t id)
{
	struct function *f;
	bool known = false;

	/* Half of all types are functions: most fail at their first letter. */
	if (name[0] != prefixes[0][0])
		return;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		known |= !strncmp(name, prefixes[i], strlen(prefixes[i]));
	if (!known || strlen(name) >= sizeof(f->name))
		return;
	f = vec_push(&k->functions);
	f->id = id;
	snprintf(f->name, sizeof(f->name), "%s", name);
}

/* The id of kernel type `id` in the cut-out, which will contain it. */
static uint32_t take(struct kernel_types *k, uint32_t id)
{
	uint32_t n;

	if (map_find(&k->renumbered, id, &n))
		return n;
	*vec_push(&k->queue) = id;
	map_put(&k->renumbered, id, k->queue.count);
	return k->queue.count;
}

/* One pass over all types: where each one is, and which are wanted. */
static int index_types(struct kernel_types *k, const char *file, struct snag_error *err)
{
	vec_reserve(&k->at, (uint32_t)(k->types_size / sizeof(struct btf_type)) + 1);
	*vec_push(&k->at) = 0; /* void */
	for (size_t offset = 0; offset + sizeof(struct btf_type) <= k->types_size;) {
		const struct btf_type *t = (const void *)(k->types + offset);
		size_t extra = extra_bytes(t);
		uint32_t id = k->at.count;

		if (extra == (size_t)-1 || extra > k->types_size - offset - sizeof(*t))
			return error_set(err, -EBADMSG, "%s: type %u has unknown kind %u", file, id,
					 btf_kind(t));
		*vec_push(&k->at) = offset;
		if ((btf_is_composite(t) || btf_is_any_enum(t)) &&
		    is_wanted(&k->roots, name_at(k, t->name_off)))
			take(k, id);
		else if (btf_is_func(t))
			note_function(k, name_at(k, t->name_off), id);
		offset += sizeof(*t) + extra;
	}
	return 0;
}

/* ---- the cut-out ----------------------------------------------------------------------------- */

static void put(struct strbuf *b, const void *bytes, size_t n)
{
	strbuf_addn(b, bytes, n);
}

static uint32_t put_name(struct kernel_types *k, uint32_t offset)
{
	const char *name = name_at(k, offset);
	uint32_t at = k->out_strings.len;

	if (!*name)
		return 0;
	put(&k->out_strings, name, strlen(name) + 1);
	return at;
}

/* Names and qualifiers of a type mean nothing to a relocation: what lies below them does. */
static uint32_t bare(const struct kernel_types *k, uint32_t id)
{
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		const struct btf_type *t = type_at(k, id);

		if (!t || !(btf_is_mod(t) || btf_is_typedef(t)))
			return id;
		id = t->type;
	}
	return 0;
}

static void put_members(struct kernel_types *k, const struct btf_type *t)
{
	struct btf_type head = *t;
	const struct btf_member *m = btf_members(t);
	size_t start = k->out_types.len;
	uint32_t kept = 0;

	head.name_off = put_name(k, t->name_off);
	put(&k->out_types, &head, sizeof(head));
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		struct btf_member copy = m[i];
		const char *name = name_at(k, m[i].name_off);

		if (*name && !is_wanted(&k->members, name))
			continue;
		copy.name_off = put_name(k, m[i].name_off);
		copy.type = take(k, bare(k, m[i].type));
		put(&k->out_types, &copy, sizeof(copy));
		kept++;
	}
	head.info = (t->info & ~0xffffU) | kept;
	memcpy(k->out_types.s + start, &head, sizeof(head));
}

static void put_array(struct kernel_types *k, const struct btf_type *t)
{
	struct btf_array array = *btf_array(t);
	struct btf_type head = *t;

	head.name_off = 0;
	array.type = take(k, bare(k, array.type));
	array.index_type = take(k, bare(k, array.index_type));
	put(&k->out_types, &head, sizeof(head));
	put(&k->out_types, &array, sizeof(array));
}

/* Enumerators are kept only where programs ask for them by name. */
static void put_enum(struct kernel_types *k, const struct btf_type *t)
{
	struct btf_type head = *t;
	uint32_t n = is_wanted(&k->roots, name_at(k, t->name_off)) ? btf_vlen(t) : 0;
	size_t each = btf_is_enum(t) ? sizeof(struct btf_enum) : sizeof(struct btf_enum64);

	head.name_off = put_name(k, t->name_off);
	head.info = (t->info & ~0xffffU) | n;
	put(&k->out_types, &head, sizeof(head));
	for (uint32_t i = 0; i < n; i++) {
		const char *from = (const char *)(t + 1) + i * each;
		uint32_t name = put_name(k, *(const uint32_t *)(const void *)from);

		put(&k->out_types, &name, sizeof(name));
		put(&k->out_types, from + sizeof(name), each - sizeof(name));
	}
}

/* Everything that relocations do not look into stands there as a pointer to void. */
static void put_type(struct kernel_types *k, uint32_t id)
{
	const struct btf_type *t = type_at(k, id);
	struct btf_type head = { .info = BTF_KIND_PTR << 24 };

	switch (t ? btf_kind(t) : NO_KIND) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		put_members(k, t);
		return;
	case BTF_KIND_ARRAY:
		put_array(k, t);
		return;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		put_enum(k, t);
		return;
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
		head = *t;
		head.name_off = put_name(k, t->name_off);
		put(&k->out_types, &head, sizeof(head));
		put(&k->out_types, t + 1, extra_bytes(t));
		return;
	default:
		put(&k->out_types, &head, sizeof(head));
	}
}

static int write_out(struct kernel_types *k, struct snag_error *err)
{
	struct btf_header h = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(h),
		.type_len = k->out_types.len,
		.str_off = k->out_types.len,
		.str_len = k->out_strings.len,
	};
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;

	put(&all, &h, sizeof(h));
	put(&all, strbuf_str(&k->out_types), k->out_types.len);
	put(&all, strbuf_str(&k->out_strings), k->out_strings.len);
	if (k->fd < 0)
		return error_set(err, -EMFILE, "no descriptor for the kernel's types");
	if (write(k->fd, all.s, all.len) != (ssize_t)all.len)
		return error_set(err, -EIO, "writing %zu bytes of types to memory failed", all.len);
	return 0;
}

int kernel_types_read(struct kernel_types *k, const char *file, struct snag_error *err)
{
	int rc = read_input(k, file, err);

	if (rc == 0)
		rc = find_sections(k, file, err);
	if (rc == 0)
		rc = index_types(k, file, err);
	if (rc == 0) {
		put(&k->out_strings, "", 1);
		for (uint32_t i = 0; i < k->queue.count; i++)
			put_type(k, k->queue.at[i]);
		rc = write_out(k, err);
	}
	forget_input(k);
	return rc;
}

const char *kernel_types_path(const struct kernel_types *k)
{
	return k->path;
}

uint32_t kernel_types_function(const struct kernel_types *k, const char *name)
{
	for (uint32_t i = 0; i < k->functions.count; i++)
		if (strcmp(k->functions.at[i].name, name) == 0)
			return k->functions.at[i].id;
	return 0;
}

uint32_t kernel_types_iterator(const struct kernel_types *k, const char *target)
{
	char name[40];

	snprintf(name, sizeof(name), "bpf_iter_%s", target);
	return kernel_types_function(k, name);
}
