/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/msg_errors.h"

#include <errno.h>
#include <string.h>

/* MAX_ERRNO of the kernel. */
enum { LARGEST_ERRNO = 4095 };

static void set_text(struct grove_value *map, const char *key, const char *text)
{
	if (*text)
		grove_value_set(map, key, grove_str(text));
}

static struct grove_value from_node(const struct grove_errors *node, int64_t up)
{
	const struct grove_origin *origin = grove_errors_origin(node);
	struct grove_value v = grove_map();

	grove_value_set(&v, "code", grove_int(grove_errors_code(node)));
	grove_value_set(&v, "text", grove_str(grove_errors_text(node)));
	set_text(&v, "task", origin->task);
	set_text(&v, "actor", origin->actor);
	set_text(&v, "uid", origin->uid);
	if (up >= 0)
		grove_value_set(&v, "up", grove_int(up));
	return v;
}

/* A node whose children are being sent. */
struct level {
	const struct grove_errors *node;
	size_t next;   /* child */
	int64_t index; /* of the node that its children name as parent */
};

/* How many nodes a tree has below `node` from its child `from` on. Bounded by what was unpacked or
 * collected here, and only asked when a tree is cut. */
static size_t nodes_from(const struct grove_errors *node, size_t from)
{
	size_t count = 0;

	for (size_t i = from; i < grove_errors_count(node); i++)
		count += 1 + nodes_from(grove_errors_child(node, i), 0);
	return count;
}

struct grove_value grove_msg_from_errors(const struct grove_errors *tree)
{
	struct grove_value all = grove_array();
	struct level levels[GROVE_MSG_ERRORS_DEPTH] = { { .node = tree } };
	size_t depth = 1, left = 0;

	grove_value_push(&all, from_node(tree, -1));
	while (depth) {
		struct level *level = &levels[depth - 1];
		const struct grove_errors *child = grove_errors_child(level->node, level->next);

		if (!child) {
			depth--;
			continue;
		}
		if (all.size >= GROVE_MSG_ERRORS - 1) {
			left += nodes_from(level->node, level->next);
			depth--;
			continue;
		}
		level->next++;
		grove_value_push(&all, from_node(child, level->index));
		if (depth < GROVE_MSG_ERRORS_DEPTH)
			levels[depth++] = (struct level){ .node = child, .index = all.size - 1 };
		else
			left += nodes_from(child, 0);
	}
	if (left) {
		_grove_errors_ struct grove_errors *rest =
			grove_errors_new(-EOVERFLOW, "%zu more errors", left);
		grove_value_push(&all, from_node(rest, 0));
	}
	return all;
}

/* One line, whatever came. */
static char *clean(const char *text)
{
	char *copy = grove_strdup(text);

	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return copy;
}

static struct grove_errors *to_node(const struct grove_value *v, struct grove_error *err)
{
	_grove_free_ char *task = clean(grove_value_str(grove_value_find(v, "task"), ""));
	_grove_free_ char *actor = clean(grove_value_str(grove_value_find(v, "actor"), ""));
	_grove_free_ char *uid = clean(grove_value_str(grove_value_find(v, "uid"), ""));
	struct grove_errors *node;
	const char *raw = NULL;
	int64_t code;

	if (grove_value_need_int(v, "code", &code, err) < 0 ||
	    grove_value_need_str(v, "text", &raw, err) < 0)
		return NULL;
	if (code >= 0 || code < -LARGEST_ERRNO)
		code = -EREMOTEIO;
	_grove_free_ char *text = clean(raw);
	node = grove_errors_new((int)code, "%s", text);
	grove_errors_set_origin(node, task, actor, uid);
	return node;
}

/* Where the node says that it hangs: below one that came before it, and not too deep. */
static int parent_of(const struct grove_value *v, uint32_t index, const uint8_t *depths,
		     struct grove_error *err)
{
	int64_t up;
	int rc = grove_value_need_int(v, "up", &up, err);

	if (rc < 0)
		return rc;
	if (up < 0 || up >= index)
		return grove_error_set(err, -EBADMSG, "its parent does not come before it");
	if (depths[up] >= GROVE_MSG_ERRORS_DEPTH)
		return grove_error_set(err, -EBADMSG, "it is deeper than %d",
				       GROVE_MSG_ERRORS_DEPTH);
	return (int)up;
}

/* Room for the reading of one array; too large for the stack of a task. */
struct reading {
	struct grove_errors *nodes[GROVE_MSG_ERRORS];
	uint8_t depths[GROVE_MSG_ERRORS];
};

int grove_msg_to_errors(const struct grove_value *array, struct grove_errors **ret,
			struct grove_error *err)
{
	_grove_free_ struct reading *r = NULL;
	_grove_errors_ struct grove_errors *root = NULL;

	if (array->kind != GROVE_VALUE_ARRAY || !array->size)
		return grove_error_set(err, -EBADMSG, "is no list of errors");
	if (array->size > GROVE_MSG_ERRORS)
		return grove_error_set(err, -EBADMSG, "has %u errors, more than %d", array->size,
				       GROVE_MSG_ERRORS);
	r = grove_alloc(1, sizeof(*r));
	for (uint32_t i = 0; i < array->size; i++) {
		const struct grove_value *v = &array->items[i];
		int up = i ? parent_of(v, i, r->depths, err) : 0;

		r->nodes[i] = up < 0 ? NULL : to_node(v, err);
		if (!r->nodes[i])
			return grove_error_at(err, -EBADMSG, "error %u", i);
		if (!i) {
			root = r->nodes[i];
			continue;
		}
		r->depths[i] = r->depths[up] + 1;
		grove_errors_add(r->nodes[up], r->nodes[i]);
	}
	*ret = grove_steal(root);
	return 0;
}
