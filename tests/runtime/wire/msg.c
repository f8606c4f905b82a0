/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/msg.h"

#include "runtime/wire/msg_errors.h"

#include <errno.h>
#include <string.h>

enum type { INT, TEXT, UID, ADDRS, ENTRIES, ERRORS, VALUE };

enum field {
	CID,
	VERSION,
	PID,
	NAME,
	MODE,
	REASON,
	BACKEND,
	ACTOR,
	PARENT,
	LISTENS,
	REGISTRARS,
	FOUND,
	FAILURE,
	CONTENT,
	FIELD_COUNT,
};

#define FIELD(member) offsetof(struct grove_msg, member)
/* clang-format off */
static const struct {
	const char *name;
	enum type type;
	size_t offset;
} FIELDS[FIELD_COUNT] = {
	[CID]        = { "cid",        INT,     FIELD(cid) },
	[VERSION]    = { "version",    INT,     FIELD(version) },
	[PID]        = { "pid",        INT,     FIELD(pid) },
	[NAME]       = { "name",       TEXT,    FIELD(name) },
	[MODE]       = { "mode",       TEXT,    FIELD(mode) },
	[REASON]     = { "reason",     TEXT,    FIELD(reason) },
	[BACKEND]    = { "backend",    TEXT,    FIELD(backend) },
	[ACTOR]      = { "uid",        UID,     FIELD(uid) },
	[PARENT]     = { "parent",     UID,     FIELD(parent) },
	[LISTENS]    = { "addrs",      ADDRS,   FIELD(addrs) },
	[REGISTRARS] = { "registrars", ADDRS,   FIELD(registrars) },
	[FOUND]      = { "entries",    ENTRIES, FIELD(entries) },
	[FAILURE]    = { "errors",     ERRORS,  FIELD(errors) },
	[CONTENT]    = { "value",      VALUE,   FIELD(value) },
};

#define BIT(field) (1u << (field))
static const struct {
	uint32_t required, optional;
} KINDS[GROVE_MSG_COUNT] = {
	[GROVE_MSG_HELLO]      = { BIT(ACTOR) | BIT(VERSION), BIT(PID) | BIT(LISTENS) },
	[GROVE_MSG_SPEC]       = { BIT(ACTOR) | BIT(PARENT), BIT(LISTENS) | BIT(REGISTRARS) |
	                           BIT(BACKEND) | BIT(NAME) | BIT(CONTENT) },
	[GROVE_MSG_START]      = { BIT(CID) | BIT(NAME) | BIT(MODE) | BIT(CONTENT), 0 },
	[GROVE_MSG_STARTED]    = { BIT(CID) | BIT(CONTENT), 0 },
	[GROVE_MSG_DATA]       = { BIT(CID) | BIT(CONTENT), 0 },
	[GROVE_MSG_STOP]       = { BIT(CID), 0 },
	[GROVE_MSG_RETURN]     = { BIT(CID) | BIT(CONTENT), 0 },
	[GROVE_MSG_ERROR]      = { BIT(CID) | BIT(FAILURE), 0 },
	[GROVE_MSG_CANCEL]     = { BIT(CID), BIT(REASON) | BIT(ACTOR) },
	[GROVE_MSG_ACK]        = { BIT(CID), 0 },
	[GROVE_MSG_REGISTER]   = { BIT(CID) | BIT(ACTOR) | BIT(LISTENS), 0 },
	[GROVE_MSG_UNREGISTER] = { BIT(CID) | BIT(ACTOR), 0 },
	[GROVE_MSG_FIND]       = { BIT(CID) | BIT(NAME), 0 },
	[GROVE_MSG_WAIT]       = { BIT(CID) | BIT(NAME), 0 },
	[GROVE_MSG_QUERY]      = { BIT(CID), 0 },
	[GROVE_MSG_FOUND]      = { BIT(CID) | BIT(FOUND), 0 },
};
/* clang-format on */

static const char *const KIND_NAMES[GROVE_MSG_COUNT] = { [GROVE_MSG_NONE] = "none",
#define X(name, text) [GROVE_MSG_##name] = text,
							 GROVE_MSG_KINDS(X)
#undef X
};

const char *grove_msg_kind_name(enum grove_msg_kind kind)
{
	return kind < GROVE_MSG_COUNT ? KIND_NAMES[kind] : "unknown";
}

void grove_msg_release(struct grove_msg *msg)
{
	free(msg->name);
	free(msg->mode);
	free(msg->reason);
	free(msg->backend);
	grove_addrs_release(&msg->addrs);
	grove_addrs_release(&msg->registrars);
	for (size_t i = 0; i < msg->entry_count; i++)
		grove_addrs_release(&msg->entries[i].addrs);
	free(msg->entries);
	grove_errors_unref(msg->errors);
	grove_value_release(&msg->value);
	*msg = (struct grove_msg){ .kind = GROVE_MSG_NONE };
}

struct grove_entry *grove_msg_add_entry(struct grove_msg *msg)
{
	struct grove_entry *entry;

	msg->entries = grove_realloc(msg->entries, msg->entry_count + 1, sizeof(*entry));
	entry = &msg->entries[msg->entry_count++];
	*entry = (struct grove_entry){ .addrs = GROVE_ADDRS_INIT };
	return entry;
}

static const void *member(const struct grove_msg *msg, enum field f)
{
	return (const char *)msg + FIELDS[f].offset;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* Whether the field says nothing, so that it may be left out where it is optional. */
static bool is_empty(const struct grove_msg *msg, enum field f)
{
	switch (FIELDS[f].type) {
	case INT:
		return *(const int64_t *)member(msg, f) == 0;
	case TEXT:
		return !*(char *const *)member(msg, f);
	case UID:
		return !grove_uid_is_set(member(msg, f));
	case ADDRS:
		return !((const struct grove_addrs *)member(msg, f))->count;
	case ENTRIES:
		return !msg->entry_count;
	case ERRORS:
		return !msg->errors;
	case VALUE:
		break;
	}
	return msg->value.kind == GROVE_VALUE_NIL;
}

/* Empty lists, nil and the number 0 are something to say; no text, no actor, no error are not. */
static bool is_missing(const struct grove_msg *msg, enum field f)
{
	enum type type = FIELDS[f].type;

	return (type == TEXT || type == UID || type == ERRORS) && is_empty(msg, f);
}

static struct grove_value from_uid(const struct grove_uid *uid)
{
	struct grove_value v = grove_map();

	grove_value_set(&v, "name", grove_str(uid->name));
	grove_value_set(&v, "uuid", grove_str(uid->uuid));
	return v;
}

static struct grove_value from_addrs(const struct grove_addrs *addrs)
{
	struct grove_value v = grove_array();
	char text[GROVE_MULTIADDR_TEXT];

	for (size_t i = 0; i < addrs->count; i++)
		grove_value_push(&v, grove_str(grove_multiaddr_print(&addrs->at[i], text)));
	return v;
}

static struct grove_value from_entries(const struct grove_msg *msg)
{
	struct grove_value all = grove_array();

	for (size_t i = 0; i < msg->entry_count; i++) {
		struct grove_value v = grove_map();

		grove_value_set(&v, "uid", from_uid(&msg->entries[i].uid));
		grove_value_set(&v, "addrs", from_addrs(&msg->entries[i].addrs));
		grove_value_push(&all, v);
	}
	return all;
}

static struct grove_value from_field(const struct grove_msg *msg, enum field f)
{
	switch (FIELDS[f].type) {
	case INT:
		return grove_int(*(const int64_t *)member(msg, f));
	case TEXT:
		return grove_str(*(char *const *)member(msg, f));
	case UID:
		return from_uid(member(msg, f));
	case ADDRS:
		return from_addrs(member(msg, f));
	case ENTRIES:
		return from_entries(msg);
	case ERRORS:
		return grove_msg_from_errors(msg->errors);
	case VALUE:
		break;
	}
	return grove_nil();
}

static int pack_text(struct grove_buf *out, const char *text, struct grove_error *err)
{
	_grove_value_ struct grove_value v = grove_str(text);

	return grove_value_pack(out, &v, err);
}

static int pack_field(struct grove_buf *out, const struct grove_msg *msg, enum field f,
		      struct grove_error *err)
{
	_grove_value_ struct grove_value v = from_field(msg, f);
	int rc = pack_text(out, FIELDS[f].name, err);

	if (rc < 0)
		return rc;
	/* The only one that can be large is not copied. */
	return grove_value_pack(out, FIELDS[f].type == VALUE ? &msg->value : &v, err);
}

/* Which fields go out; -EINVAL when one of them is missing. */
static int choose(const struct grove_msg *msg, uint32_t *ret, struct grove_error *err)
{
	if (msg->kind <= GROVE_MSG_NONE || msg->kind >= GROVE_MSG_COUNT)
		return grove_error_set(err, -EINVAL, "a message of kind %d", msg->kind);
	*ret = KINDS[msg->kind].required;
	for (int f = 0; f < FIELD_COUNT; f++) {
		if (*ret & BIT(f) && is_missing(msg, f))
			return grove_error_set(err, -EINVAL, "message %s: '%s' is missing",
					       KIND_NAMES[msg->kind], FIELDS[f].name);
		if (KINDS[msg->kind].optional & BIT(f) && !is_empty(msg, f))
			*ret |= BIT(f);
	}
	return 0;
}

int grove_msg_pack(struct grove_buf *out, const struct grove_msg *msg, struct grove_error *err)
{
	size_t before = grove_buf_size(out);
	uint32_t fields = 0;
	uint8_t head;
	int rc = choose(msg, &fields, err);

	if (rc < 0)
		return rc;
	/* A map of up to 15 pairs is one byte. */
	_Static_assert(FIELD_COUNT + 1 <= 15, "a message is a small map");
	head = (uint8_t)(0x80 | (1 + __builtin_popcount(fields)));
	grove_buf_add(out, &head, 1);
	rc = pack_text(out, "kind", err);
	if (rc == 0)
		rc = pack_text(out, KIND_NAMES[msg->kind], err);
	for (int f = 0; f < FIELD_COUNT && rc == 0; f++)
		if (fields & BIT(f))
			rc = pack_field(out, msg, f, err);
	if (rc == 0)
		return 0;
	grove_buf_cut(out, before);
	return grove_error_at(err, rc, "message %s", KIND_NAMES[msg->kind]);
}

int grove_msg_frame(struct grove_buf *out, const struct grove_msg *msg, uint32_t limit,
		    struct grove_error *err)
{
	size_t begin = grove_frame_begin(out);
	int rc = grove_msg_pack(out, msg, err);

	if (rc < 0) {
		grove_buf_cut(out, begin);
		return rc;
	}
	return grove_frame_end(out, begin, limit, err);
}

/* ---- in -------------------------------------------------------------------------------------- */

static int wrong_kind(const struct grove_value *v, const char *wanted, struct grove_error *err)
{
	return grove_error_set(err, -EBADMSG, "is %s, not %s", grove_value_kind_name(v->kind),
			       wanted);
}

static int to_int(const struct grove_value *v, int64_t *ret, struct grove_error *err)
{
	if (v->kind != GROVE_VALUE_INT)
		return wrong_kind(v, "an integer", err);
	if (v->i < 0)
		return grove_error_set(err, -EBADMSG, "is negative");
	*ret = v->i;
	return 0;
}

/* Borrowed from `v`. */
static int to_str(const struct grove_value *v, const char **ret, struct grove_error *err)
{
	if (v->kind != GROVE_VALUE_STR)
		return wrong_kind(v, "a string", err);
	if (strlen(v->bytes) != v->size)
		return grove_error_set(err, -EBADMSG, "has a zero byte within");
	*ret = v->bytes;
	return 0;
}

static int to_text(const struct grove_value *v, char **ret, struct grove_error *err)
{
	const char *text = NULL;
	int rc = to_str(v, &text, err);

	if (rc < 0)
		return rc;
	*ret = grove_strdup(text);
	return 0;
}

static int to_uid(const struct grove_value *v, struct grove_uid *ret, struct grove_error *err)
{
	const char *name = NULL, *uuid = NULL;

	if (v->kind != GROVE_VALUE_MAP)
		return wrong_kind(v, "a map", err);
	if (grove_value_need_str(v, "name", &name, err) < 0 ||
	    grove_value_need_str(v, "uuid", &uuid, err) < 0 ||
	    grove_uid_set(ret, name, uuid, err) < 0)
		return grove_error_at(err, -EBADMSG, "is no actor");
	return 0;
}

static int to_addrs(const struct grove_value *v, struct grove_addrs *ret, struct grove_error *err)
{
	if (v->kind != GROVE_VALUE_ARRAY)
		return wrong_kind(v, "an array", err);
	if (v->size > GROVE_ADDRS_MAX)
		return grove_error_set(err, -EBADMSG, "has %u addresses, more than %zu", v->size,
				       GROVE_ADDRS_MAX);
	for (uint32_t i = 0; i < v->size; i++) {
		const char *text = NULL;

		if (to_str(&v->items[i], &text, err) < 0 ||
		    grove_addrs_add_text(ret, text, err) < 0)
			return grove_error_at(err, -EBADMSG, "item %u", i);
	}
	return 0;
}

static int to_entries(const struct grove_value *v, struct grove_msg *msg, struct grove_error *err)
{
	if (v->kind != GROVE_VALUE_ARRAY)
		return wrong_kind(v, "an array", err);
	for (uint32_t i = 0; i < v->size; i++) {
		const struct grove_value *uid = grove_value_find(&v->items[i], "uid");
		const struct grove_value *addrs = grove_value_find(&v->items[i], "addrs");
		struct grove_entry *entry = grove_msg_add_entry(msg);

		if (!uid || !addrs)
			return grove_error_set(err, -EBADMSG, "item %u has no %s", i,
					       uid ? "addrs" : "uid");
		if (to_uid(uid, &entry->uid, err) < 0 || to_addrs(addrs, &entry->addrs, err) < 0)
			return grove_error_at(err, -EBADMSG, "item %u", i);
	}
	return 0;
}

/* `v` is ours: what is large is moved out of it. */
static int to_field(struct grove_msg *msg, enum field f, struct grove_value *v,
		    struct grove_error *err)
{
	void *to = (char *)msg + FIELDS[f].offset;

	switch (FIELDS[f].type) {
	case INT:
		return to_int(v, to, err);
	case TEXT:
		return to_text(v, to, err);
	case UID:
		return to_uid(v, to, err);
	case ADDRS:
		return to_addrs(v, to, err);
	case ENTRIES:
		return to_entries(v, msg, err);
	case ERRORS:
		return grove_msg_to_errors(v, to, err);
	case VALUE:
		msg->value = grove_value_move(v);
		break;
	}
	return 0;
}

static int find_kind(const struct grove_value *all, enum grove_msg_kind *ret,
		     struct grove_error *err)
{
	const struct grove_value *v = grove_value_find(all, "kind");
	const char *text = grove_value_str(v, NULL);

	if (!v)
		return grove_error_set(err, -EBADMSG, "a message without a kind");
	for (int kind = GROVE_MSG_NONE + 1; text && kind < GROVE_MSG_COUNT; kind++) {
		if (strlen(KIND_NAMES[kind]) == v->size && !strcmp(KIND_NAMES[kind], text)) {
			*ret = kind;
			return 0;
		}
	}
	_grove_free_ char *shown = grove_value_print(v);
	return grove_error_set(err, text ? -EPROTONOSUPPORT : -EBADMSG,
			       "a message of the unknown kind %s", shown);
}

/* The field that `key` names, FIELD_COUNT when we know none. */
static enum field find_field(const struct grove_value *key)
{
	int f = 0;

	while (f < FIELD_COUNT &&
	       (strlen(FIELDS[f].name) != key->size || strcmp(FIELDS[f].name, key->bytes) != 0))
		f++;
	return f;
}

static int fill(struct grove_msg *msg, struct grove_value *all, struct grove_error *err)
{
	uint32_t required = KINDS[msg->kind].required, seen = 0;

	for (uint32_t i = 0; i < all->size; i++) {
		enum field f = find_field(&all->items[2 * i]);

		if (f == FIELD_COUNT || !(BIT(f) & (required | KINDS[msg->kind].optional)))
			continue;
		if (seen & BIT(f))
			return grove_error_set(err, -EBADMSG, "'%s' is there twice",
					       FIELDS[f].name);
		seen |= BIT(f);
		if (to_field(msg, f, &all->items[2 * i + 1], err) < 0)
			return grove_error_at(err, -EBADMSG, "'%s'", FIELDS[f].name);
	}
	if ((seen & required) != required)
		return grove_error_set(err, -EBADMSG, "'%s' is missing",
				       FIELDS[__builtin_ctz(required & ~seen)].name);
	return 0;
}

int grove_msg_unpack(struct grove_msg *ret, const void *payload, size_t size,
		     struct grove_error *err)
{
	_grove_value_ struct grove_value all = grove_nil();
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_NONE };
	int rc = grove_value_unpack(&all, payload, size, err);

	if (rc < 0)
		return grove_error_at(err, rc, "a malformed message");
	if (all.kind != GROVE_VALUE_MAP)
		return grove_error_set(err, -EBADMSG, "a message that is %s, not a map",
				       grove_value_kind_name(all.kind));
	rc = find_kind(&all, &msg.kind, err);
	if (rc < 0)
		return rc;
	rc = fill(&msg, &all, err);
	if (rc < 0)
		return grove_error_at(err, rc, "message %s", KIND_NAMES[msg.kind]);
	*ret = msg;
	msg = (struct grove_msg){ .kind = GROVE_MSG_NONE };
	return 0;
}
