/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON Schema of json.c, from a table: a row a field. tests/unit/test_json.c holds the two
 * together.
 */
#include "view.h"

#include "base/jsonw.h"

#include <string.h>

/* A closed list of words. */
struct words {
	const char *name;
	const char *list; /* joined by '|' */
};

#define WORD(symbol, word) word "|"
static const struct words enums[] = {
	{ "wait_kind", WAIT_KINDS(WORD) },
	{ "verdict_kind", VERDICT_KINDS(WORD) },
	{ "confidence", CONFIDENCES(WORD) },
	{ "spawn_method", SPAWN_METHODS(WORD) },
	{ "source_kind", "live|capture|" },
	{ "actor_kind", "process|interpreter|" },
	{ "mode", "|r|w|rw|" },
	{ "role", "holder|owner|child|peer|setter|canceller|" },
	{ "seen", "unknown|visible|complete|hidden|" },
	{ "task_state", "waiting|runnable|running|new|done|unknown|" },
	{ "event_kind", "spawn|exec|exit|reap|signal|deliver|cancel|wait|message|" },
	{ "stack_status", "unknown|stable|stale|moved|denied|gone|none|unready|" },
	{ "how", "first|cfi|expression|debug-frame|signal|called|frame-pointer|guess|libunwind|" },
	{ "call_kind", "function|generator|coroutine|async-generator|" },
	{ "gil", "held|wanted|" },
	{ "work_kind", "test|job|call|lock|" },
	{ "term_level", NULL },
};

/*
 * A field of an object. `type` is a type of JSON Schema, the name of an object or list above
 * ("@name"), or "any"; in brackets: a list of it; with "?" behind: or null.
 */
struct field {
	const char *object, *name, *type;
};

/* clang-format off */
static const struct field fields[] = {
	{ "document", "schema", "integer" }, { "document", "snag", "string" },
	{ "document", "host", "string" }, { "document", "kernel_release", "string?" },
	{ "document", "captured_ns", "integer" }, { "document", "took_ms", "number" },
	{ "document", "source", "@source" }, { "document", "root", "@root?" },
	{ "document", "verdict", "@verdict" }, { "document", "sides", "[@side]" },
	{ "document", "actors", "[@actor]" }, { "document", "objects", "[@object]" },
	{ "document", "waits", "[@wait]" }, { "document", "findings", "[@finding]" },
	{ "document", "timeline", "[@event]" },

	{ "source", "kind", "@source_kind" }, { "source", "reader", "string" },
	{ "source", "missing", "[string]" },

	{ "root", "pid", "integer" }, { "root", "start", "integer" },

	{ "focus", "pid", "integer" }, { "focus", "tid", "integer" },

	{ "verdict", "kind", "@verdict_kind" }, { "verdict", "confidence", "@confidence" },
	{ "verdict", "summary", "string" }, { "verdict", "since_ms", "integer?" },
	{ "verdict", "focus", "@focus?" }, { "verdict", "chain", "[string]" },
	{ "verdict", "members", "[string]" }, { "verdict", "missing", "[string]" },
	{ "verdict", "caveats", "[string]" }, { "verdict", "culprit", "@culprit?" },

	{ "culprit", "actor", "string?" }, { "culprit", "pid", "integer?" },
	{ "culprit", "tid", "integer?" }, { "culprit", "task", "string?" },
	{ "culprit", "object", "string?" }, { "culprit", "reason", "string?" },
	{ "culprit", "text", "string?" },

	{ "side", "kind", "@verdict_kind" }, { "side", "confidence", "@confidence" },
	{ "side", "focus", "@focus?" }, { "side", "condition", "string?" },
	{ "side", "summary", "string" }, { "side", "members", "[string]" },

	{ "actor", "id", "string" }, { "actor", "kind", "@actor_kind" },
	{ "actor", "pid", "integer" }, { "actor", "start", "integer" },
	{ "actor", "parent", "string?" }, { "actor", "name", "string" },
	{ "actor", "exe", "string?" }, { "actor", "argv", "[string]" },
	{ "actor", "state", "string" }, { "actor", "ppid", "integer" },
	{ "actor", "pgrp", "integer" }, { "actor", "session", "integer" },
	{ "actor", "uid", "integer" }, { "actor", "tracer", "integer?" },
	{ "actor", "pid_ns", "integer" }, { "actor", "net_ns", "integer" },
	{ "actor", "mnt_ns", "integer" }, { "actor", "cgroup", "string?" },
	{ "actor", "in_tree", "boolean" }, { "actor", "joined", "string?" },
	{ "actor", "exited", "boolean" }, { "actor", "denied", "boolean" },
	{ "actor", "frozen", "boolean" }, { "actor", "fd_total", "integer" },
	{ "actor", "spawn", "@spawn" }, { "actor", "runtime", "string?" },
	{ "actor", "collecting", "boolean" }, { "actor", "host_tid", "integer?" },
	{ "actor", "threads", "[@thread]" }, { "actor", "tasks", "[@task]" },
	{ "actor", "nurseries", "[@nursery]" }, { "actor", "scopes", "[@scope]" },

	{ "spawn", "method", "@spawn_method" }, { "spawn", "backend", "string?" },
	{ "spawn", "by_pid", "integer?" }, { "spawn", "by_tid", "integer?" },
	{ "spawn", "requested_by", "string?" }, { "spawn", "evidence", "string?" },
	{ "spawn", "requested_by_task", "string?" },

	{ "thread", "tid", "integer" }, { "thread", "name", "string" },
	{ "thread", "state", "string" }, { "thread", "syscall", "string?" },
	{ "thread", "moved", "boolean" }, { "thread", "gone", "boolean" },
	{ "thread", "polls", "boolean" },
	{ "thread", "busy", "boolean" }, { "thread", "wchan", "string?" },
	{ "thread", "since_ms", "integer?" }, { "thread", "waits", "[string]" },
	{ "thread", "native", "[@native]" }, { "thread", "python", "[@frame]" },
	{ "thread", "kernel", "[string]" }, { "thread", "stack", "@stack" },
	{ "thread", "interpreter", "@interpreter" }, { "thread", "debts", "[@debt]" },

	{ "debt", "kind", "@work_kind" }, { "debt", "what", "string?" },
	{ "debt", "actor", "string?" }, { "debt", "tid", "integer?" },
	{ "debt", "lost", "string?" },

	{ "interpreter", "runtime", "string?" }, { "interpreter", "name", "string?" },
	{ "interpreter", "note", "string?" }, { "interpreter", "why", "string?" },
	{ "interpreter", "work", "string?" },
	{ "interpreter", "gil", "@gil?" }, { "interpreter", "exceptions", "[@exception]" },

	{ "exception", "type", "string" }, { "exception", "text", "string?" },
	{ "exception", "raised", "boolean" },

	{ "local", "name", "string" }, { "local", "type", "string?" },
	{ "local", "value", "string?" },

	{ "native", "pc", "string" }, { "native", "symbol", "string?" },
	{ "native", "offset", "integer" }, { "native", "module", "string?" },
	{ "native", "file", "string?" }, { "native", "line", "integer" },
	{ "native", "inlined", "boolean" }, { "native", "signal", "boolean" },
	{ "native", "how", "@how" }, { "native", "address", "integer" },
	{ "native", "function_start", "integer?" }, { "native", "missing", "string?" },

	{ "stack", "status", "@stack_status" }, { "stack", "current", "boolean" },
	{ "stack", "end", "string?" }, { "stack", "why", "string?" },

	{ "frame", "function", "string" }, { "frame", "file", "string?" },
	{ "frame", "line", "integer" }, { "frame", "qualified", "string?" },
	{ "frame", "entry", "boolean" }, { "frame", "kind", "@call_kind" },
	{ "frame", "source", "string?" }, { "frame", "source_why", "string?" },
	{ "frame", "locals", "[@local]" },

	{ "task", "id", "string" }, { "task", "runtime", "string" }, { "task", "name", "string" },
	{ "task", "number", "integer" }, { "task", "tid", "integer?" },
	{ "task", "parent", "string?" }, { "task", "nursery", "string?" },
	{ "task", "scope", "string?" }, { "task", "state", "@task_state" },
	{ "task", "main", "boolean" }, { "task", "hint", "boolean" },
	{ "task", "cancel", "@cancel" }, { "task", "waits", "[string]" },
	{ "task", "stack", "[@task_frame]" }, { "task", "stack_why", "string?" },
	{ "task", "exceptions", "[@exception]" },

	{ "task_frame", "function", "string" }, { "task_frame", "file", "string?" },
	{ "task_frame", "line", "integer" }, { "task_frame", "module", "string?" },
	{ "task_frame", "kind", "@call_kind" }, { "task_frame", "source", "string?" },
	{ "task_frame", "source_why", "string?" }, { "task_frame", "locals", "[@local]" },

	{ "cancel", "requested", "boolean?" }, { "cancel", "shielded", "boolean?" },
	{ "cancel", "delivered", "boolean?" }, { "cancel", "signals", "integer" },
	 { "cancel", "by", "string?" },
	{ "cancel", "reason", "string?" },

	{ "nursery", "id", "string" }, { "nursery", "name", "string?" },
	{ "nursery", "task", "string?" }, { "nursery", "scope", "string?" },
	{ "nursery", "children", "integer?" }, { "nursery", "waiting", "boolean" },

	{ "scope", "id", "string" }, { "scope", "name", "string?" },
	{ "scope", "parent", "string?" }, { "scope", "task", "string?" },
	{ "scope", "shield", "boolean" }, { "scope", "cancelled", "boolean" },
	{ "scope", "deadline_ms", "integer?" }, { "scope", "by", "string?" },
	{ "scope", "reason", "string?" },

	{ "object", "id", "string" }, { "object", "kind", "string" }, { "object", "key", "string" },
	{ "object", "label", "string?" }, { "object", "detail", "any" },
	{ "object", "holders_seen", "@seen" }, { "object", "peer", "string?" },
	{ "object", "holders", "[@holder]" },

	{ "holder", "actor", "string" }, { "holder", "fd", "integer?" },
	{ "holder", "mode", "@mode" }, { "holder", "inherited", "boolean" },
	{ "holder", "used", "boolean?" }, { "holder", "description", "integer?" },

	{ "wait", "id", "string" }, { "wait", "actor", "string" }, { "wait", "tid", "integer?" },
	{ "wait", "task", "string?" }, { "wait", "parent", "string?" }, { "wait", "op", "string" },
	{ "wait", "kind", "@wait_kind" }, { "wait", "object", "string?" },
	{ "wait", "fd", "integer?" }, { "wait", "text", "string?" },
	{ "wait", "items", "[string]" },
	{ "wait", "on", "[@party]" }, { "wait", "on_total", "integer" },
	{ "wait", "need", "integer" }, { "wait", "terms", "integer" },
	{ "wait", "level", "@term_level" }, { "wait", "timeout_ms", "integer?" },
	{ "wait", "since_ms", "integer?" }, { "wait", "external", "string?" },
	{ "wait", "doubt", "string?" },

	{ "party", "actor", "string" }, { "party", "tid", "integer?" },
	{ "party", "task", "string?" }, { "party", "as", "@role" },

	{ "finding", "kind", "string" }, { "finding", "actor", "string?" },
	{ "finding", "object", "string?" }, { "finding", "fd", "integer?" },
	{ "finding", "signal", "integer?" }, { "finding", "effect", "string?" },
	{ "finding", "text", "string" },

	{ "event", "t_ns", "integer" }, { "event", "kind", "@event_kind" },
	{ "event", "actor", "string?" }, { "event", "tid", "integer?" },
	{ "event", "to", "string?" }, { "event", "detail", "any" },

	{ "doctor", "schema", "integer" }, { "doctor", "snag", "string" },
	{ "doctor", "kernel_release", "string" }, { "doctor", "machine", "string" },
	{ "doctor", "uid", "integer" }, { "doctor", "features", "[@feature]" },

	{ "feature", "name", "string" }, { "feature", "there", "boolean" },
	{ "feature", "gives", "string" }, { "feature", "note", "string" },
	{ "feature", "cost", "string" }, { "feature", "remedy", "string" },
};
/* clang-format on */

enum { FIELD_COUNT = sizeof(fields) / sizeof(*fields) };

static void put_plain_type(struct jsonw *w, const char *name, size_t length)
{
	char ref[64] = "#/$defs/";

	if (name[0] == '@') {
		strncat(ref, name + 1, length - 1);
		jsonw_string(w, "$ref", ref);
	} else if (length == 3 && memcmp(name, "any", 3) == 0) {
		jsonw_string(w, "type", "object");
	} else {
		jsonw_stringn(w, "type", name, length);
	}
}

/* "@x?" cannot be said in one keyword as "integer?" can. */
static void put_nullable(struct jsonw *w, const char *name, size_t length)
{
	if (name[0] != '@') {
		jsonw_open(w, "type", '[');
		jsonw_stringn(w, NULL, name, length);
		jsonw_string(w, NULL, "null");
		jsonw_close(w, ']');
		return;
	}
	jsonw_open(w, "anyOf", '[');
	jsonw_open(w, NULL, '{');
	put_plain_type(w, name, length);
	jsonw_close(w, '}');
	jsonw_open(w, NULL, '{');
	jsonw_string(w, "type", "null");
	jsonw_close(w, '}');
	jsonw_close(w, ']');
}

static void put_type(struct jsonw *w, const char *key, const char *type)
{
	size_t length = strlen(type);

	jsonw_open(w, key, '{');
	if (type[0] == '[') {
		jsonw_string(w, "type", "array");
		jsonw_open(w, "items", '{');
		put_plain_type(w, type + 1, length - 2);
		jsonw_close(w, '}');
	} else if (type[length - 1] == '?') {
		put_nullable(w, type, length - 1);
	} else {
		put_plain_type(w, type, length);
	}
	jsonw_close(w, '}');
}

/* The object whose fields begin at `from`; returns where the next one's do. */
static size_t put_object(struct jsonw *w, size_t from, bool closed)
{
	const char *object = fields[from].object;
	size_t to = from;

	while (to < FIELD_COUNT && strcmp(fields[to].object, object) == 0)
		to++;
	jsonw_newline(w);
	jsonw_open(w, object, '{');
	jsonw_string(w, "type", "object");
	jsonw_open(w, "properties", '{');
	for (size_t i = from; i < to; i++)
		put_type(w, fields[i].name, fields[i].type);
	jsonw_close(w, '}');
	jsonw_open(w, "required", '[');
	for (size_t i = from; i < to; i++)
		jsonw_string(w, NULL, fields[i].name);
	jsonw_close(w, ']');
	if (closed)
		jsonw_bool(w, "additionalProperties", false);
	jsonw_close(w, '}');
	return to;
}

static void put_enum(struct jsonw *w, const struct words *words)
{
	const char *word = words->list;

	jsonw_newline(w);
	jsonw_open(w, words->name, '{');
	jsonw_open(w, "enum", '[');
	for (int level = 0; !word && level <= LEVEL_UNRESOLVED; level++)
		jsonw_int(w, NULL, level);
	if (!word)
		jsonw_null(w, NULL);
	while (word && *word) {
		const char *end = strchr(word, '|');

		jsonw_stringn(w, NULL, word, (size_t)(end - word));
		word = end + 1;
	}
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

void schema_write(bool closed, struct strbuf *out)
{
	struct jsonw w = { .out = out };

	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	jsonw_string(&w, "title", "snag, schema 1");
	jsonw_string(&w, "description", "What --json prints; $defs/doctor: by doctor. May grow.");
	jsonw_string(&w, "$ref", "#/$defs/document");
	jsonw_open(&w, "$defs", '{');
	for (size_t i = 0; i < sizeof(enums) / sizeof(*enums); i++)
		put_enum(&w, &enums[i]);
	for (size_t i = 0; i < FIELD_COUNT;)
		i = put_object(&w, i, closed);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	strbuf_addc(out, '\n');
}
