/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base.c - errors and trees of them, memory, time.
 */
#include "runtime/core/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/core/errors.h"

/* Trees of other actors arrive over a wire: printing and counting go no deeper than this. */
enum { DEPTH_MAX = 64 };

struct grove_errors {
	atomic_uint owners;
	int code;
	char *text;
	struct grove_origin origin;
	struct grove_errors **children;
	size_t count;
};

/* ---- memory, names, time -----------------------------------------------------------------------
 */

void grove_bug(const char *fmt, ...)
{
	va_list args;

	fputs("grove: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void *grove_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		grove_bug("out of memory for %zu x %zu bytes", n, size);
	return p;
}

void *grove_realloc(void *p, size_t n, size_t size)
{
	void *grown = reallocarray(p, n ? n : 1, size ? size : 1);

	if (!grown)
		grove_bug("out of memory for %zu x %zu bytes", n, size);
	return grown;
}

char *grove_strdup(const char *s)
{
	size_t bytes = strlen(s) + 1;

	return memcpy(grove_alloc(bytes, 1), s, bytes);
}

__attribute__((format(printf, 1, 0))) static char *format_args(const char *fmt, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		grove_bug("out of memory for a text");
	return text;
}

char *grove_format(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	char *text = format_args(fmt, args);

	va_end(args);
	return text;
}

void grove_copy_name(char *to, size_t size, const char *s)
{
	size_t n = s ? strnlen(s, size - 1) : 0;

	if (n > 0)
		memmove(to, s, n);
	to[n] = '\0';
}

int64_t grove_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * GROVE_SECOND + now.tv_nsec;
}

int64_t grove_deadline_after(int64_t after_ns)
{
	int64_t now = grove_now_ns();

	if (after_ns <= 0)
		return now;
	return after_ns > GROVE_NEVER - now ? GROVE_NEVER : now + after_ns;
}

/* ---- one error ---------------------------------------------------------------------------------
 */

static void one_line(char *text)
{
	for (; *text; text++) {
		if (*text == '\n' || *text == '\r')
			*text = ' ';
	}
}

int grove_error_set(struct grove_error *err, int rc, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return rc;
	/* The old line may be an argument of the new one. */
	char text[sizeof(err->text)];

	errno = -rc;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	one_line(text);
	grove_error_clear(err);
	memcpy(err->text, text, sizeof(text));
	err->code = rc;
	return rc;
}

int grove_error_at(struct grove_error *err, int rc, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return rc;
	char front[sizeof(err->text)];

	errno = -rc;
	va_start(args, fmt);
	vsnprintf(front, sizeof(front), fmt, args);
	va_end(args);
	_grove_free_ char *all = err->text[0] ? grove_format("%s: %s", front, err->text) :
						grove_format("%s: %s", front, strerror(-rc));

	one_line(all);
	grove_copy_name(err->text, sizeof(err->text), all);
	err->code = rc;
	return rc;
}

void grove_error_clear(struct grove_error *err)
{
	if (!err)
		return;
	grove_errors_unref(err->tree);
	err->tree = NULL;
	err->code = 0;
	err->text[0] = '\0';
}

void grove_error_move(struct grove_error *to, struct grove_error *from)
{
	if (to == from)
		return;
	grove_error_clear(to);
	if (to) {
		*to = *from;
		from->tree = NULL;
	}
	grove_error_clear(from);
}

int grove_error_set_tree(struct grove_error *err, struct grove_errors *tree)
{
	int code = tree->code;

	if (!err) {
		grove_errors_unref(tree);
		return code;
	}
	grove_errors_unref(err->tree);
	err->tree = tree;
	err->code = code;
	grove_copy_name(err->text, sizeof(err->text), tree->text);
	return code;
}

/* ---- trees -------------------------------------------------------------------------------------
 */

static struct grove_errors *node_new(int code, char *text)
{
	struct grove_errors *node = grove_alloc(1, sizeof(*node));

	atomic_init(&node->owners, 1);
	node->code = code;
	node->text = text;
	one_line(text);
	return node;
}

struct grove_errors *grove_errors_new(int code, const char *fmt, ...)
{
	va_list args;

	errno = -code;
	va_start(args, fmt);
	char *text = format_args(fmt, args);

	va_end(args);
	return node_new(code, text);
}

struct grove_errors *grove_errors_from(const struct grove_error *err)
{
	const struct grove_errors *tree = err->tree;

	/* Nobody has put words in front of the tree: it says all by itself. */
	if (tree && tree->code == err->code && strcmp(tree->text, err->text) == 0)
		return grove_errors_ref(err->tree);
	const char *text = err->text;

	if (!text[0])
		text = err->code ? strerror(-err->code) : "no text";
	struct grove_errors *node = node_new(err->code, grove_strdup(text));

	if (tree) {
		node->origin = tree->origin;
		if (tree->count == 0)
			grove_errors_add(node, grove_errors_ref(err->tree));
		for (size_t i = 0; i < tree->count; i++)
			grove_errors_add(node, grove_errors_ref(tree->children[i]));
	}
	return node;
}

void grove_errors_add(struct grove_errors *group, struct grove_errors *child)
{
	group->children = grove_realloc(group->children, group->count + 1, sizeof(child));
	group->children[group->count++] = child;
}

void grove_errors_set_origin(struct grove_errors *node, const char *task, const char *actor,
			     const char *uid)
{
	if (task)
		grove_copy_name(node->origin.task, sizeof(node->origin.task), task);
	if (actor)
		grove_copy_name(node->origin.actor, sizeof(node->origin.actor), actor);
	if (uid)
		grove_copy_name(node->origin.uid, sizeof(node->origin.uid), uid);
}

struct grove_errors *grove_errors_ref(struct grove_errors *node)
{
	atomic_fetch_add(&node->owners, 1);
	return node;
}

/* Without recursion, since depth is what others made it: children move up into the list of what is
 * to be freed. */
void grove_errors_unref(struct grove_errors *node)
{
	if (!node || atomic_fetch_sub(&node->owners, 1) != 1)
		return;
	size_t count = 1;
	_grove_free_ struct grove_errors **dead = grove_alloc(1, sizeof(struct grove_errors *));

	dead[0] = node;
	while (count > 0) {
		struct grove_errors *one = dead[--count];

		dead = grove_realloc(dead, count + one->count, sizeof(struct grove_errors *));
		for (size_t i = 0; i < one->count; i++) {
			if (atomic_fetch_sub(&one->children[i]->owners, 1) == 1)
				dead[count++] = one->children[i];
		}
		free(one->children);
		free(one->text);
		free(one);
	}
}

int grove_errors_code(const struct grove_errors *node)
{
	return node->code;
}

const char *grove_errors_text(const struct grove_errors *node)
{
	return node->text;
}

const struct grove_origin *grove_errors_origin(const struct grove_errors *node)
{
	return &node->origin;
}

size_t grove_errors_count(const struct grove_errors *node)
{
	return node->count;
}

const struct grove_errors *grove_errors_child(const struct grove_errors *node, size_t i)
{
	return i < node->count ? node->children[i] : NULL;
}

static size_t leaves_below(const struct grove_errors *node, int depth)
{
	size_t leaves = 0;

	if (node->count == 0 || depth >= DEPTH_MAX)
		return 1;
	for (size_t i = 0; i < node->count; i++)
		leaves += leaves_below(node->children[i], depth + 1);
	return leaves;
}

size_t grove_errors_leaves(const struct grove_errors *node)
{
	return leaves_below(node, 0);
}

static const struct grove_errors *find_below(const struct grove_errors *node, int code, int depth)
{
	if (node->code == code && node->count == 0)
		return node;
	for (size_t i = 0; i < node->count && depth < DEPTH_MAX; i++) {
		const struct grove_errors *found = find_below(node->children[i], code, depth + 1);

		if (found)
			return found;
	}
	return node->code == code ? node : NULL;
}

const struct grove_errors *grove_errors_find(const struct grove_errors *node, int code)
{
	return find_below(node, code, 0);
}

static void print_below(FILE *out, const struct grove_errors *node, int depth)
{
	const struct grove_origin *origin = &node->origin;

	fprintf(out, "%*s%s", 2 * depth, "", node->text);
	if (origin->task[0])
		fprintf(out, " [task %s]", origin->task);
	if (origin->actor[0])
		fprintf(out, " [actor %s%s%s]", origin->actor, origin->uid[0] ? " " : "",
			origin->uid);
	fputc('\n', out);
	if (depth >= DEPTH_MAX && node->count > 0)
		fprintf(out, "%*s... deeper ones left out\n", 2 * depth, "");
	for (size_t i = 0; i < node->count && depth < DEPTH_MAX; i++)
		print_below(out, node->children[i], depth + 1);
}

char *grove_errors_print(const struct grove_errors *node)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		grove_bug("out of memory for a text");
	print_below(out, node, 0);
	if (fclose(out) != 0)
		grove_bug("out of memory for a text");
	return text;
}
