/* SPDX-License-Identifier: BSD-2-Clause */
#include "viewer/cmd.h"
#include "viewer/view/view.h"

#include "lib/unit_hang.h"
#include "probe/features.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <jansson.h>

extern const struct command cmd_doctor;

static json_t *document(const struct model *m)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	json_error_t error;
	json_t *parsed;

	view_json.render(m, &(struct view_opts){ .width = 80 }, &out);
	parsed = json_loadb(out.s, out.len, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(parsed, "%s in line %d", error.text, error.line);
	return parsed;
}

static json_t *schema(void)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	json_error_t error;
	json_t *parsed;

	schema_write(true, &out);
	parsed = json_loadb(out.s, out.len, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(parsed, "%s in line %d", error.text, error.line);
	return parsed;
}

/* ---- the document is what its schema says, no field more, none less -----------------------------
 */

static const char *type_word(const json_t *value)
{
	static const char *const words[] = { "object", "array",	  "string",  "integer",
					     "number", "boolean", "boolean", "null" };

	return words[json_typeof(value)];
}

static bool has_word(const json_t *words, const char *word)
{
	size_t i;
	json_t *one;

	if (json_is_string(words))
		return strcmp(json_string_value(words), word) == 0;
	json_array_foreach((json_t *)words, i,
			   one) if (strcmp(json_string_value(one), word) == 0) return true;
	return false;
}

static void hold(const json_t *root, const json_t *schema, const json_t *value, const char *path);

static void hold_object(const json_t *root, const json_t *s, const json_t *value, const char *path)
{
	const json_t *properties = json_object_get(s, "properties");
	const char *name;
	json_t *part;
	size_t i;

	if (!properties)
		return;
	cr_assert(json_is_false(json_object_get(s, "additionalProperties")), "%s is open", path);
	json_array_foreach(json_object_get(s, "required"), i, part)
		cr_assert_not_null(json_object_get(value, json_string_value(part)), "%s lacks %s",
				   path, json_string_value(part));
	json_object_foreach((json_t *)value, name, part)
	{
		cr_assert_not_null(json_object_get(properties, name), "%s.%s", path, name);
		hold(root, json_object_get(properties, name), part, name);
	}
}

static void hold_enum(const json_t *words, const json_t *value, const char *path)
{
	bool found = false;
	json_t *part;
	size_t i;

	json_array_foreach((json_t *)words, i, part) found |= json_equal(part, value);
	cr_assert(found, "%s is in no enum", path);
}

static void hold(const json_t *root, const json_t *s, const json_t *value, const char *path)
{
	const char *ref = json_string_value(json_object_get(s, "$ref"));
	const json_t *any = json_object_get(s, "anyOf"), *type = json_object_get(s, "type");
	const json_t *words = json_object_get(s, "enum");
	json_t *part;
	size_t i;

	cr_assert_not_null(s, "%s has no schema", path);
	if (any && json_is_null(value))
		any = NULL;
	else if (any)
		s = json_array_get(any, 0);
	if (any)
		ref = json_string_value(json_object_get(s, "$ref"));
	if (ref) {
		s = json_object_get(json_object_get(root, "$defs"), strrchr(ref, '/') + 1);
		cr_assert_not_null(s, "%s leads nowhere", ref);
		hold(root, s, value, path);
		return;
	}
	if (words)
		hold_enum(words, value, path);
	if (type)
		cr_assert(has_word(type, type_word(value)) ||
				  (json_is_integer(value) && has_word(type, "number")),
			  "%s is of type %s", path, type_word(value));
	if (json_is_object(value))
		hold_object(root, s, value, path);
	json_array_foreach((json_t *)value, i, part)
		hold(root, json_object_get(s, "items"), part, path);
}

Test(json, a_hang_is_what_the_schema_says)
{
	_cleanup_model_ struct model *m = hang_model();
	json_t *doc = document(m), *rules = schema();

	hold(rules, rules, doc, "document");
	json_decref(doc);
	json_decref(rules);
}

Test(json, an_empty_model_is_what_the_schema_says)
{
	_cleanup_model_ struct model *m = model_new();
	json_t *doc, *rules = schema();

	model_index(m);
	doc = document(m);
	hold(rules, rules, doc, "document");
	cr_assert(json_is_null(json_object_get(doc, "root")));
	json_decref(doc);
	json_decref(rules);
}

/* The command prints, so what it prints is caught. */
Test(json, doctor_is_what_the_schema_says, .init = cr_redirect_stdout)
{
	char *argv[] = { NULL };
	struct opt_args args = { .args = argv };
	struct common_opts opts = { .json = true };
	json_t *rules = schema(), *doc;
	json_error_t error;

	cr_assert_eq(cmd_doctor.run(&opts, &args), STATUS_DONE);
	doc = json_loadf(cr_get_redirected_stdout(), JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(doc, "%s in line %d", error.text, error.line);
	hold(rules, json_object_get(json_object_get(rules, "$defs"), "doctor"), doc, "doctor");
	cr_assert_eq(json_array_size(json_object_get(doc, "features")), feature_count);
	json_decref(doc);
	json_decref(rules);
}

Test(json, ids_lead_to_elements_of_the_document)
{
	static const char *const lists[] = { "actors", "objects", "waits" };
	_cleanup_model_ struct model *m = hang_model();
	json_t *doc = document(m), *ids = json_object(), *part, *on;
	size_t i, k;

	for (size_t l = 0; l < 3; l++)
		json_array_foreach(json_object_get(doc, lists[l]), i, part)
			json_object_set(ids, json_string_value(json_object_get(part, "id")), part);
	json_array_foreach(json_object_get(doc, "waits"), i, part)
	{
		const char *object = json_string_value(json_object_get(part, "object"));

		cr_assert(!object || json_object_get(ids, object), "%s", object);
		json_array_foreach(json_object_get(part, "on"), k, on) cr_assert_not_null(
			json_object_get(ids, json_string_value(json_object_get(on, "actor"))));
	}
	json_array_foreach(json_object_get(json_object_get(doc, "verdict"), "chain"), i, part)
		cr_assert_not_null(json_object_get(ids, json_string_value(part)));
	json_decref(ids);
	json_decref(doc);
}

/* ---- what the document says
 * ----------------------------------------------------------------------- */

static const json_t *element(const json_t *doc, const char *list, size_t i)
{
	return json_array_get(json_object_get(doc, list), i);
}

static const char *text(const json_t *value, const char *key)
{
	return json_string_value(json_object_get(value, key));
}

Test(json, holders_are_named_with_the_mode_that_ends_the_wait)
{
	_cleanup_model_ struct model *m = hang_model();
	json_t *doc = document(m);
	const json_t *wait = element(doc, "waits", 1), *on = json_object_get(wait, "on");

	cr_assert_str_eq(text(wait, "kind"), "pipe-read");
	cr_assert_eq(json_array_size(on), 2, "both writers, no reader, each once");
	cr_assert_str_eq(text(json_array_get(on, 0), "actor"), "a2");
	cr_assert_str_eq(text(json_array_get(on, 1), "actor"), "a3");
	cr_assert_str_eq(text(json_array_get(on, 0), "as"), "holder");
	cr_assert(json_is_null(json_object_get(wait, "level")));
	cr_assert(json_is_null(json_object_get(wait, "timeout_ms")));
	cr_assert_eq(json_integer_value(json_object_get(wait, "since_ms")), 7980000);
	json_decref(doc);
}

Test(json, a_child_exit_names_the_child)
{
	_cleanup_model_ struct model *m = hang_model();
	json_t *doc = document(m);
	const json_t *wait = element(doc, "waits", 0);
	const json_t *on = json_array_get(json_object_get(wait, "on"), 0);

	cr_assert_str_eq(text(on, "actor"), "a2");
	cr_assert_str_eq(text(on, "as"), "child");
	cr_assert(json_is_null(json_object_get(on, "tid")));
	json_decref(doc);
}

Test(json, arguments_are_a_list)
{
	_cleanup_model_ struct model *m = hang_model();
	json_t *doc = document(m);
	const json_t *argv = json_object_get(element(doc, "actors", 1), "argv");

	cr_assert_eq(json_array_size(argv), 3);
	cr_assert_str_eq(json_string_value(json_array_get(argv, 1)), "-u");
	cr_assert_str_eq(json_string_value(json_array_get(argv, 2)), "");
	json_decref(doc);
}

Test(json, many_holders_do_not_make_the_document_quadratic)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t pipe = tree_pipe(m, "pipe:[1]");

	for (int32_t i = 0; i < 1000; i++)
		tree_wait_pipe(m, tree_actor(m, 1000 + i, "worker", 0), pipe, false);
	for (uint32_t a = 1; a <= 1000; a++)
		model_add_holder(m, pipe, a, 5, 3);
	model_index(m);
	view_json.render(m, &(struct view_opts){ .width = 80 }, &out);
	cr_assert_lt(out.len, 10000000);
	cr_assert_not_null(strstr(out.s, "\"on_total\":1000"));
}
