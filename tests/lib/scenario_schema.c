/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A JSON Schema validator, as much of draft 2020-12 as snag's own schema may use. A keyword that it
 * does not know is an error in itself: a check that silently checks nothing would be worse than
 * none.
 *
 * The schema is ours, so its depth is trusted; the depth of the value is bounded by the schema's,
 * and cyclic $refs are cut at MAX_DEPTH.
 */
#include "scenario_harness.h"

#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

struct check {
	const json_t *root; /* of the schema, for $ref */
	struct strbuf *why; /* NULL: quiet, inside anyOf, oneOf and not */
	char path[512];	    /* where in the value: "$.actors[3].pid" */
	int depth;
};

static bool check_value(struct check *c, const json_t *schema, const json_t *value);

__attribute__((format(printf, 2, 3))) static bool complain(struct check *c, const char *format, ...)
{
	char line[512];
	va_list args;

	if (c->why) {
		va_start(args, format);
		vsnprintf(line, sizeof(line), format, args);
		va_end(args);
		strbuf_addf(c->why, "%s: %s\n", c->path, line);
	}
	return false;
}

/* Check a part of the value, the path longer by a step meanwhile; `name` NULL: an item of an array.
 */
static bool check_part(struct check *c, const json_t *schema, const json_t *part, const char *name,
		       size_t index)
{
	size_t length = strlen(c->path), left = sizeof(c->path) - length;

	if (name)
		snprintf(c->path + length, left, ".%s", name);
	else
		snprintf(c->path + length, left, "[%zu]", index);
	bool ok = check_value(c, schema, part);
	c->path[length] = '\0';
	return ok;
}

static bool type_is(const json_t *value, const char *type)
{
	static const struct {
		const char *name;
		json_type type;
	} types[] = {
		{ "object", JSON_OBJECT },   { "array", JSON_ARRAY },	{ "string", JSON_STRING },
		{ "integer", JSON_INTEGER }, { "number", JSON_REAL },	{ "number", JSON_INTEGER },
		{ "boolean", JSON_TRUE },    { "boolean", JSON_FALSE }, { "null", JSON_NULL },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].name, type) == 0 && types[i].type == json_typeof(value))
			return true;
	return strcmp(type, "integer") == 0 && json_is_real(value) &&
	       floor(json_real_value(value)) == json_real_value(value);
}

static bool check_type(struct check *c, const json_t *type, const json_t *value)
{
	size_t i;
	json_t *one;

	if (json_is_string(type))
		return type_is(value, json_string_value(type)) ||
		       complain(c, "is not of type %s", json_string_value(type));
	json_array_foreach((json_t *)type, i,
			   one) if (json_is_string(one) &&
				    type_is(value, json_string_value(one))) return true;
	return complain(c, "is of none of the types allowed");
}

static bool check_enum(struct check *c, const json_t *list, const json_t *value)
{
	size_t i;
	json_t *one;

	json_array_foreach((json_t *)list, i, one) if (json_equal(one, value)) return true;
	_cleanup_free_ char *dump = json_dumps(value, JSON_ENCODE_ANY);
	return complain(c, "%s is not in the enum", dump ? dump : "?");
}

static bool check_const(struct check *c, const json_t *only, const json_t *value)
{
	return json_equal(only, value) || complain(c, "is not the const");
}

static bool check_required(struct check *c, const json_t *names, const json_t *value)
{
	size_t i;
	json_t *name;
	bool ok = true;

	if (!json_is_object(value))
		return true;
	json_array_foreach((json_t *)names, i,
			   name) if (!json_object_get(value, json_string_value(name)))
		ok = complain(c, "lacks \"%s\"", json_string_value(name));
	return ok;
}

static bool check_properties(struct check *c, const json_t *properties, const json_t *value)
{
	const char *name;
	json_t *schema;
	bool ok = true;

	json_object_foreach((json_t *)properties, name, schema)
	{
		const json_t *part = json_object_get(value, name);

		if (part)
			ok &= check_part(c, schema, part, name, 0);
	}
	return ok;
}

/* Needs its sibling "properties" to know what is additional. */
static bool check_additional(struct check *c, const json_t *schema, const json_t *value)
{
	const json_t *properties = json_object_get(schema, "properties");
	const json_t *additional = json_object_get(schema, "additionalProperties");
	const char *name;
	json_t *part;
	bool ok = true;

	if (!additional || !json_is_object(value))
		return true;
	json_object_foreach((json_t *)value, name, part)
	{
		if (json_object_get(properties, name))
			continue;
		if (json_is_false(additional))
			ok = complain(c, "has \"%s\", which no schema knows", name);
		else
			ok &= check_part(c, additional, part, name, 0);
	}
	return ok;
}

static bool check_items(struct check *c, const json_t *schema, const json_t *value)
{
	size_t i;
	json_t *part;
	bool ok = true;

	if (!json_is_array(value))
		return true;
	json_array_foreach((json_t *)value, i, part) ok &= check_part(c, schema, part, NULL, i);
	return ok;
}

static bool check_bound(struct check *c, const json_t *bound, const json_t *value, bool minimum)
{
	double b = json_number_value(bound), v = json_number_value(value);

	if (!json_is_number(value) || (minimum ? v >= b : v <= b))
		return true;
	return complain(c, "%g is beyond the bound %g", v, b);
}

static bool check_pattern(struct check *c, const json_t *pattern, const json_t *value)
{
	regex_t regex;

	if (!json_is_string(value))
		return true;
	if (regcomp(&regex, json_string_value(pattern), REG_EXTENDED | REG_NOSUB) != 0)
		return complain(c, "the schema's pattern %s is broken", json_string_value(pattern));
	int rc = regexec(&regex, json_string_value(value), 0, NULL, 0);
	regfree(&regex);
	return rc == 0 || complain(c, "\"%s\" does not match", json_string_value(value));
}

/* "#/$defs/actor": a path of object members from the root. */
static bool check_ref(struct check *c, const json_t *ref, const json_t *value)
{
	char path[256];
	const json_t *target = c->root;

	snprintf(path, sizeof(path), "%s", json_string_value(ref));
	if (path[0] != '#')
		return complain(c, "$ref %s leads outside", path);
	for (char *save = NULL, *p = strtok_r(path + 1, "/", &save); p;
	     p = strtok_r(NULL, "/", &save))
		target = json_object_get(target, p);
	if (!target)
		return complain(c, "$ref %s leads nowhere", json_string_value(ref));
	return check_value(c, target, value);
}

/* How many of the schemas hold; they are tried in silence. */
static size_t count_holding(struct check *c, const json_t *schemas, const json_t *value)
{
	struct strbuf *why = c->why;
	size_t i, n = 0;
	json_t *schema;

	c->why = NULL;
	json_array_foreach((json_t *)schemas, i, schema) n += check_value(c, schema, value);
	c->why = why;
	return n;
}

static bool check_any_of(struct check *c, const json_t *schemas, const json_t *value)
{
	return count_holding(c, schemas, value) > 0 || complain(c, "holds none of anyOf");
}

static bool check_one_of(struct check *c, const json_t *schemas, const json_t *value)
{
	size_t n = count_holding(c, schemas, value);

	return n == 1 || complain(c, "holds %zu of oneOf", n);
}

static bool check_all_of(struct check *c, const json_t *schemas, const json_t *value)
{
	size_t i;
	json_t *schema;
	bool ok = true;

	json_array_foreach((json_t *)schemas, i, schema) ok &= check_value(c, schema, value);
	return ok;
}

static bool check_minimum(struct check *c, const json_t *bound, const json_t *value)
{
	return check_bound(c, bound, value, true);
}

static bool check_maximum(struct check *c, const json_t *bound, const json_t *value)
{
	return check_bound(c, bound, value, false);
}

static bool check_min_length(struct check *c, const json_t *bound, const json_t *value)
{
	return !json_is_string(value) ||
	       (json_int_t)json_string_length(value) >= json_integer_value(bound) ||
	       complain(c, "is shorter than minLength");
}

static bool check_min_items(struct check *c, const json_t *bound, const json_t *value)
{
	return !json_is_array(value) ||
	       (json_int_t)json_array_size(value) >= json_integer_value(bound) ||
	       complain(c, "has fewer than minItems");
}

static const struct {
	const char *word;
	bool (*check)(struct check *c, const json_t *argument, const json_t *value);
} keywords[] = {
	{ "type", check_type },
	{ "enum", check_enum },
	{ "const", check_const },
	{ "required", check_required },
	{ "properties", check_properties },
	{ "items", check_items },
	{ "pattern", check_pattern },
	{ "$ref", check_ref },
	{ "anyOf", check_any_of },
	{ "oneOf", check_one_of },
	{ "allOf", check_all_of },
	{ "minimum", check_minimum },
	{ "maximum", check_maximum },
	{ "minLength", check_min_length },
	{ "minItems", check_min_items },
};

/* They say something about the schema and nothing about the value. */
static const char *const annotations[] = { "$schema",	  "$id",      "$defs",
					   "definitions", "title",    "description",
					   "default",	  "$comment", "examples" };

static bool is_annotation(const char *word)
{
	for (size_t i = 0; i < sizeof(annotations) / sizeof(*annotations); i++)
		if (strcmp(word, annotations[i]) == 0)
			return true;
	return strcmp(word, "additionalProperties") == 0; /* see check_additional() */
}

static bool check_keyword(struct check *c, const char *word, const json_t *arg, const json_t *value)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (strcmp(word, keywords[i].word) == 0)
			return keywords[i].check(c, arg, value);
	return is_annotation(word) ||
	       complain(c, "the schema uses %s, unknown to the validator", word);
}

static bool check_value(struct check *c, const json_t *schema, const json_t *value)
{
	const char *word;
	json_t *argument;
	bool ok = true;

	if (json_is_boolean(schema))
		return json_is_true(schema) || complain(c, "is not allowed at all");
	if (!json_is_object(schema))
		return complain(c, "the schema is not an object here");
	if (c->depth >= MAX_DEPTH)
		return complain(c, "the schema is deeper than %d", MAX_DEPTH);
	c->depth++;
	json_object_foreach((json_t *)schema, word, argument)
		ok &= check_keyword(c, word, argument, value);
	ok &= check_additional(c, schema, value);
	c->depth--;
	return ok;
}

bool schema_check(const json_t *schema, const json_t *value, struct strbuf *why)
{
	struct check c = { .root = schema, .why = why, .path = "$" };

	return check_value(&c, schema, value);
}
