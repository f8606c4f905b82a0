/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_pack.c - values as MessagePack, by msgpack-c.
 *
 * msgpack-c allocates what a header claims before it has seen an element (msgpack/unpack_template.h
 * says itself that a "security guard" is missing there): five bytes make it ask for 96 GB. So the
 * bytes of a peer are walked first, by scan(), which believes no count that the bytes behind it
 * cannot hold.
 */
#include "runtime/wire/value.h"

#include <errno.h>
#include <msgpack.h>

/* MSGPACK_EMBED_STACK_SIZE, compiled into the library. */
enum { LIBRARY_DEPTH = 32 };
/* What is taken from a peer: a message is a level more than the value in it. */
enum { UNPACK_DEPTH = GROVE_VALUE_DEPTH + 2 };
_Static_assert(UNPACK_DEPTH <= (int)LIBRARY_DEPTH, "the library gives up at that");

static int append(void *data, const char *bytes, size_t size)
{
	grove_buf_add(data, bytes, size);
	return 0;
}

struct packing {
	msgpack_packer out;
	size_t nodes;
};

/* False when it is nested too deep, or has too many values. */
static bool pack(struct packing *p, const struct grove_value *v, int depth)
{
	size_t count = v->kind == GROVE_VALUE_MAP ? 2 * (size_t)v->size : v->size;

	switch (v->kind) {
	case GROVE_VALUE_NIL:
		msgpack_pack_nil(&p->out);
		return true;
	case GROVE_VALUE_BOOL:
		v->b ? msgpack_pack_true(&p->out) : msgpack_pack_false(&p->out);
		return true;
	case GROVE_VALUE_INT:
		msgpack_pack_int64(&p->out, v->i);
		return true;
	case GROVE_VALUE_FLOAT:
		msgpack_pack_double(&p->out, v->f);
		return true;
	case GROVE_VALUE_STR:
		msgpack_pack_str_with_body(&p->out, v->bytes, v->size);
		return true;
	case GROVE_VALUE_BIN:
		msgpack_pack_bin_with_body(&p->out, v->bytes, v->size);
		return true;
	case GROVE_VALUE_ARRAY:
		msgpack_pack_array(&p->out, v->size);
		break;
	case GROVE_VALUE_MAP:
		msgpack_pack_map(&p->out, v->size);
		break;
	}
	p->nodes += count;
	if (depth >= GROVE_VALUE_DEPTH || p->nodes > GROVE_VALUE_NODES)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!pack(p, &v->items[i], depth + 1))
			return false;
	return true;
}

int grove_value_pack(struct grove_buf *buf, const struct grove_value *v, struct grove_error *err)
{
	size_t before = grove_buf_size(buf);
	struct packing p = { .nodes = 0 };

	msgpack_packer_init(&p.out, buf, append);
	if (pack(&p, v, 0))
		return 0;
	grove_buf_cut(buf, before);
	if (p.nodes > GROVE_VALUE_NODES)
		return grove_error_set(err, -E2BIG, "more than %u values", GROVE_VALUE_NODES);
	return grove_error_set(err, -E2BIG, "a value nested deeper than %d", GROVE_VALUE_DEPTH);
}

/* ---- the bytes of a peer --------------------------------------------------------------------- */

enum shape { NOTHING, PAYLOAD, ELEMENTS, PAIRS, EXTENSION, NEVER_USED };

/* What follows a first byte of 0xc0 to 0xdf: a length of so many bytes, or a fixed payload. */
struct head {
	enum shape shape;
	uint8_t length_bytes;
	uint8_t payload;
};

/* clang-format off */
static const struct head HEADS[32] = {
	[0x00] = { NOTHING, 0, 0 },   [0x01] = { NEVER_USED, 0, 0 },
	[0x02] = { NOTHING, 0, 0 },   [0x03] = { NOTHING, 0, 0 },
	[0x04] = { PAYLOAD, 1, 0 },   [0x05] = { PAYLOAD, 2, 0 },   [0x06] = { PAYLOAD, 4, 0 },
	[0x07] = { EXTENSION, 0, 0 }, [0x08] = { EXTENSION, 0, 0 }, [0x09] = { EXTENSION, 0, 0 },
	[0x0a] = { PAYLOAD, 0, 4 },   [0x0b] = { PAYLOAD, 0, 8 },
	[0x0c] = { PAYLOAD, 0, 1 },   [0x0d] = { PAYLOAD, 0, 2 },
	[0x0e] = { PAYLOAD, 0, 4 },   [0x0f] = { PAYLOAD, 0, 8 },
	[0x10] = { PAYLOAD, 0, 1 },   [0x11] = { PAYLOAD, 0, 2 },
	[0x12] = { PAYLOAD, 0, 4 },   [0x13] = { PAYLOAD, 0, 8 },
	[0x14] = { EXTENSION, 0, 0 }, [0x15] = { EXTENSION, 0, 0 }, [0x16] = { EXTENSION, 0, 0 },
	[0x17] = { EXTENSION, 0, 0 }, [0x18] = { EXTENSION, 0, 0 },
	[0x19] = { PAYLOAD, 1, 0 },   [0x1a] = { PAYLOAD, 2, 0 },   [0x1b] = { PAYLOAD, 4, 0 },
	[0x1c] = { ELEMENTS, 2, 0 },  [0x1d] = { ELEMENTS, 4, 0 },
	[0x1e] = { PAIRS, 2, 0 },     [0x1f] = { PAIRS, 4, 0 },
};
/* clang-format on */

struct scan {
	const uint8_t *bytes;
	size_t size, at;
	size_t nodes;
	int depth;		      /* containers that are open */
	uint64_t left[LIBRARY_DEPTH]; /* what each of them still has to get */
};

/* The first byte at s->at, and its length: the shape, and the bytes or values that follow. */
static enum shape take_head(struct scan *s, uint64_t *follow)
{
	uint8_t tag = s->bytes[s->at++];
	struct head head;

	*follow = 0;
	if (tag < 0x80 || tag >= 0xe0)
		return NOTHING;
	if (tag < 0xa0) {
		*follow = tag & 0x0f;
		return tag < 0x90 ? PAIRS : ELEMENTS;
	}
	if (tag < 0xc0) {
		*follow = tag & 0x1f;
		return PAYLOAD;
	}
	head = HEADS[tag - 0xc0];
	*follow = head.payload;
	if (head.length_bytes > s->size - s->at) {
		*follow = UINT64_MAX;
		return PAYLOAD;
	}
	for (int i = 0; i < head.length_bytes; i++)
		*follow = *follow << 8 | s->bytes[s->at++];
	return head.shape;
}

static int open_container(struct scan *s, enum shape shape, uint64_t count, struct grove_error *err)
{
	uint64_t values = shape == PAIRS ? 2 * count : count;

	if (s->depth >= LIBRARY_DEPTH)
		return grove_error_set(err, -EBADMSG, "nested too deep at byte %zu", s->at);
	if (values > s->size - s->at)
		return grove_error_set(err, -EBADMSG,
				       "%s of %llu before byte %zu, but only %zu bytes follow",
				       shape == PAIRS ? "a map" : "an array",
				       (unsigned long long)count, s->at, s->size - s->at);
	s->nodes += values;
	if (s->nodes > GROVE_VALUE_NODES)
		return grove_error_set(err, -EBADMSG, "more than %u values", GROVE_VALUE_NODES);
	s->left[s->depth++] = values;
	return 0;
}

/* Walk over one value and all within it; 0 when the bytes are exactly that. */
static int scan(struct scan *s, struct grove_error *err)
{
	do {
		enum shape shape;
		uint64_t follow;
		int rc;

		if (s->at >= s->size)
			return grove_error_set(err, -EBADMSG, "truncated after %zu bytes", s->size);
		if (s->depth)
			s->left[s->depth - 1]--;
		shape = take_head(s, &follow);
		if (shape == EXTENSION || shape == NEVER_USED)
			return grove_error_set(err, -EBADMSG, "%s before byte %zu",
					       shape == EXTENSION ? "an extension" :
								    "0xc1, which is nothing,",
					       s->at);
		if (shape == PAYLOAD) {
			if (follow > s->size - s->at)
				return grove_error_set(err, -EBADMSG, "truncated after %zu bytes",
						       s->size);
			s->at += follow;
		} else if (shape != NOTHING) {
			rc = open_container(s, shape, follow, err);
			if (rc < 0)
				return rc;
		}
		while (s->depth && !s->left[s->depth - 1])
			s->depth--;
	} while (s->depth);
	if (s->at < s->size)
		return grove_error_set(err, -EBADMSG, "%zu bytes follow its end", s->size - s->at);
	return 0;
}

static int convert(struct grove_value *ret, const msgpack_object *o, int depth,
		   struct grove_error *err);

/* `ret` is an empty container; what has been made is in it also after a failure. */
static int convert_items(struct grove_value *ret, const msgpack_object *o, int depth,
			 struct grove_error *err)
{
	bool map = o->type == MSGPACK_OBJECT_MAP;
	uint32_t count = map ? o->via.map.size : o->via.array.size;
	size_t room = map ? 2 : 1;
	int rc = 0;

	if (depth >= UNPACK_DEPTH)
		return grove_error_set(err, -EBADMSG, "nested deeper than %d", UNPACK_DEPTH);
	/* The next power of two, as push and set expect it. */
	for (uint32_t i = 1; i < count; i *= 2)
		room *= 2;
	if (count)
		ret->items = grove_alloc(room, sizeof(*ret->items));
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		struct grove_value *slot = ret->items + (map ? 2 * i : i);

		ret->size = i + 1;
		if (map) {
			const msgpack_object *key = &o->via.map.ptr[i].key;

			if (key->type != MSGPACK_OBJECT_STR)
				return grove_error_set(err, -EBADMSG, "a key that is no text");
			*slot++ = grove_strn(key->via.str.ptr, key->via.str.size);
		}
		rc = convert(slot, map ? &o->via.map.ptr[i].val : &o->via.array.ptr[i], depth + 1,
			     err);
	}
	return rc;
}

static int convert(struct grove_value *ret, const msgpack_object *o, int depth,
		   struct grove_error *err)
{
	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		*ret = grove_nil();
		return 0;
	case MSGPACK_OBJECT_BOOLEAN:
		*ret = grove_bool(o->via.boolean);
		return 0;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		if (o->via.u64 > INT64_MAX)
			return grove_error_set(err, -EBADMSG, "the integer %llu is too large",
					       (unsigned long long)o->via.u64);
		*ret = grove_int((int64_t)o->via.u64);
		return 0;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		*ret = grove_int(o->via.i64);
		return 0;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		*ret = grove_float(o->via.f64);
		return 0;
	case MSGPACK_OBJECT_STR:
		*ret = grove_strn(o->via.str.ptr, o->via.str.size);
		return 0;
	case MSGPACK_OBJECT_BIN:
		*ret = grove_bin(o->via.bin.ptr, o->via.bin.size);
		return 0;
	case MSGPACK_OBJECT_ARRAY:
		*ret = grove_array();
		return convert_items(ret, o, depth, err);
	case MSGPACK_OBJECT_MAP:
		*ret = grove_map();
		return convert_items(ret, o, depth, err);
	case MSGPACK_OBJECT_EXT:
		break;
	}
	return grove_error_set(err, -EBADMSG, "a value of type %d", o->type);
}

int grove_value_unpack(struct grove_value *ret, const void *bytes, size_t size,
		       struct grove_error *err)
{
	struct scan s = { .bytes = bytes, .size = size };
	_grove_value_ struct grove_value v = grove_nil();
	msgpack_unpacked unpacked;
	size_t offset = 0;
	int rc = scan(&s, err);

	if (rc < 0)
		return rc;
	msgpack_unpacked_init(&unpacked);
	if (msgpack_unpack_next(&unpacked, bytes, size, &offset) == MSGPACK_UNPACK_SUCCESS)
		rc = convert(&v, &unpacked.data, 0, err);
	else
		rc = grove_error_set(err, -EBADMSG, "msgpack-c does not take it");
	msgpack_unpacked_destroy(&unpacked);
	if (rc < 0)
		return rc;
	*ret = grove_value_move(&v);
	return 0;
}
