/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/redact.h"

#include "base/siphash.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <jansson.h>

/* Texts are searched for secrets of at least so many bytes; shorter ones would hit by chance. */
enum { SECRET_MIN = 4, WORD_MIN = 8, DETAIL_DEPTH = 16 };

/* How a string is treated. */
enum treatment { WHOLE, ARGUMENTS, TEXT, DETAIL, KEPT, TREATMENTS };

struct secret {
	const char *text;
	uint32_t length;
	uint32_t next; /* 1 + the next one that begins with the same bytes */
	bool word;     /* counts only between characters that belong to no word */
};

struct redactor {
	struct model *m;
	uint64_t key[2];
	struct strtab *strings;	    /* of the model afterwards */
	struct map ids[TREATMENTS]; /* old string -> new string */
	struct map heads;	    /* first bytes -> 1 + secret */
	struct map known, names;    /* old strings: secrets so far; names of processes */
	struct strtab *words;	    /* what the secrets point into */
	VEC(struct secret) secrets;
};

static void add_hash(const struct redactor *r, struct strbuf *out, const char *s, size_t n)
{
	strbuf_addf(out, "#%012llx", (unsigned long long)(siphash(r->key, s, n, 2, 4) >> 16));
}

/* ---- what is secret -----------------------------------------------------------------------------
 */

static uint64_t head_of(const char *s)
{
	return siphash_word(s, SECRET_MIN);
}

static void add_secret(struct redactor *r, const char *text, size_t n, bool word)
{
	struct secret *s;
	uint32_t id;

	if (n < SECRET_MIN)
		return;
	id = strtab_addn(r->words, text, n);
	if (map_find(&r->known, id, NULL))
		return;
	map_put(&r->known, id, 1);
	s = vec_push(&r->secrets);
	s->text = strtab_get(r->words, id);
	s->length = (uint32_t)n;
	s->word = word;
	s->next = map_get(&r->heads, head_of(s->text), 0);
	map_put(&r->heads, head_of(s->text), r->secrets.count);
}

/* Numbers and short plain words would take ordinary words of a text for arguments. */
static bool is_telling(const char *s, size_t n)
{
	bool digits = true, letters = true;

	for (size_t i = 0; i < n; i++) {
		digits &= isdigit((unsigned char)s[i]) != 0;
		letters &= islower((unsigned char)s[i]) != 0;
	}
	return !digits && (!letters || n >= WORD_MIN);
}

static void add_arguments(struct redactor *r, const char *argv)
{
	while (*argv) {
		size_t n = strcspn(argv, "\x1f");
		uint32_t id = strtab_addn(r->words, argv, n);

		if (is_telling(argv, n) && !map_find(&r->names, id, NULL))
			add_secret(r, argv, n, true);
		argv += n + (argv[n] != '\0');
	}
}

static void add_whole(struct redactor *r, uint32_t id)
{
	const char *text = model_str(r->m, id);

	add_secret(r, text, strlen(text), false);
}

static void collect(struct redactor *r)
{
	const struct model *m = r->m;

	for (uint32_t i = 0; i < m->actors.count; i++)
		map_put(&r->names, strtab_add(r->words, model_str(m, m->actors.at[i].name)), 1);
	for (uint32_t i = 0; i < m->objects.count; i++)
		if (strcmp(model_str(m, m->objects.at[i].kind), "pidfd") != 0)
			add_whole(r, m->objects.at[i].label);
	for (uint32_t i = 0; i < m->actors.count; i++) {
		add_whole(r, m->actors.at[i].exe);
		add_whole(r, m->actors.at[i].cgroup);
		add_arguments(r, model_str(m, m->actors.at[i].argv));
	}
}

/* ---- strings ------------------------------------------------------------------------------------
 */

static bool is_word(const char *s, size_t at, size_t n)
{
	return !(at > 0 && isalnum((unsigned char)s[at - 1])) && !isalnum((unsigned char)s[at + n]);
}

/* The length of the longest secret at s[at], 0 none. */
static size_t secret_at(const struct redactor *r, const char *s, size_t at, size_t left)
{
	size_t best = 0;

	if (left < SECRET_MIN)
		return 0;
	for (uint32_t i = map_get(&r->heads, head_of(s + at), 0); i;
	     i = r->secrets.at[i - 1].next) {
		const struct secret *secret = &r->secrets.at[i - 1];

		if (secret->length > best && secret->length <= left &&
		    memcmp(secret->text, s + at, secret->length) == 0 &&
		    (!secret->word || is_word(s, at, secret->length)))
			best = secret->length;
	}
	return best;
}

/* The length of the path that begins at s[at], 0 none: a slash that stands in no word or number. */
static size_t path_at(const char *s, size_t at)
{
	size_t n;

	if (s[at] != '/' || (at > 0 && (isalnum((unsigned char)s[at - 1]) || s[at - 1] == '/')))
		return 0;
	n = strcspn(s + at, " \t\n\"'()[]{}<>,;:");
	return n > 1 ? n : 0;
}

static void add_text(const struct redactor *r, struct strbuf *out, const char *s)
{
	size_t length = strlen(s), at = 0;

	while (at < length) {
		size_t secret = secret_at(r, s, at, length - at), path = path_at(s, at);
		size_t n = secret > path ? secret : path;

		if (n)
			add_hash(r, out, s + at, n);
		else
			strbuf_addc(out, s[at]);
		at += n ? n : 1;
	}
}

static void hash_arguments(const struct redactor *r, struct strbuf *out, const char *argv)
{
	for (;;) {
		size_t n = strcspn(argv, "\x1f");

		add_hash(r, out, argv, n);
		if (!argv[n])
			return;
		strbuf_addc(out, '\x1f');
		argv += n + 1;
	}
}

static json_t *redact_json(const struct redactor *r, json_t *value, int depth)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *name;
	json_t *part, *copy;
	size_t i;

	if (depth > DETAIL_DEPTH)
		return json_null();
	if (json_is_string(value)) {
		add_text(r, &b, json_string_value(value));
		return json_string(strbuf_str(&b));
	}
	if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach(value, i, part)
			json_array_append_new(copy, redact_json(r, part, depth + 1));
		return copy;
	}
	if (!json_is_object(value))
		return json_incref(value);
	copy = json_object();
	json_object_foreach(value, name, part)
		json_object_set_new(copy, name, redact_json(r, part, depth + 1));
	return copy;
}

/* The facts of an object are JSON; what is not is foreign and goes. */
static void hash_detail(const struct redactor *r, struct strbuf *out, const char *detail)
{
	json_t *value = json_loads(detail, 0, NULL);
	json_t *copy = json_is_object(value) ? redact_json(r, value, 0) : NULL;
	char *text = copy ? json_dumps(copy, JSON_COMPACT) : NULL;

	strbuf_adds(out, text ? text : "{}");
	free(text);
	json_decref(copy);
	json_decref(value);
}

/* The string of the new table that takes the place of `*id`. */
static void treat(struct redactor *r, uint32_t *id, enum treatment how)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const char *text = model_str(r->m, *id);
	uint32_t known;

	if (!*id)
		return;
	if (map_find(&r->ids[how], *id, &known)) {
		*id = known;
		return;
	}
	if (how == WHOLE)
		add_hash(r, &b, text, strlen(text));
	else if (how == ARGUMENTS)
		hash_arguments(r, &b, text);
	else if (how == TEXT)
		add_text(r, &b, text);
	else if (how == DETAIL)
		hash_detail(r, &b, text);
	else
		strbuf_adds(&b, text);
	known = strtab_add(r->strings, strbuf_str(&b));
	map_put(&r->ids[how], *id, known);
	*id = known;
}

static void treat_list(struct redactor *r, uint32_t *ids, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		treat(r, &ids[i], TEXT);
}

/* ---- the model ----------------------------------------------------------------------------------
 */

static void treat_actors(struct redactor *r)
{
	for (uint32_t i = 0; i < r->m->actors.count; i++) {
		struct actor *a = &r->m->actors.at[i];

		treat(r, &a->name, KEPT);
		treat(r, &a->exe, WHOLE);
		treat(r, &a->argv, ARGUMENTS);
		treat(r, &a->joined, TEXT);
		treat(r, &a->cgroup, WHOLE);
		treat(r, &a->spawn_backend, KEPT);
		treat(r, &a->spawn_evidence, TEXT);
		treat(r, &a->runtime, KEPT);
	}
	for (uint32_t i = 0; i < r->m->threads.count; i++) {
		struct thread *t = &r->m->threads.at[i];

		treat(r, &t->name, KEPT);
		treat(r, &t->syscall, KEPT);
		treat(r, &t->wchan, KEPT);
		treat(r, &t->stack_why, TEXT);
		treat(r, &t->stack_end, TEXT);
	}
}

/* A line of a program may hold what a path or an argument does. */
static void treat_source(struct redactor *r, struct script_source *source)
{
	treat(r, &source->text, WHOLE);
	treat(r, &source->why, TEXT);
}

/* What a program works on is its own, of any length: of values the types are left. */
static void treat_values(struct redactor *r)
{
	struct model *m = r->m;

	for (uint32_t i = 0; i < m->locals.count; i++) {
		treat(r, &m->locals.at[i].name, KEPT);
		treat(r, &m->locals.at[i].type, KEPT);
		treat(r, &m->locals.at[i].value, WHOLE);
	}
	for (uint32_t i = 0; i < m->exceptions.count; i++) {
		treat(r, &m->exceptions.at[i].type, KEPT);
		treat(r, &m->exceptions.at[i].text, WHOLE);
	}
}

/* Names of tasks and nurseries may have addresses and paths in them. */
static void treat_tasks(struct redactor *r)
{
	struct model *m = r->m;

	for (uint32_t i = 0; i < m->tasks.count; i++) {
		treat(r, &m->tasks.at[i].runtime, KEPT);
		treat(r, &m->tasks.at[i].name, TEXT);
		treat(r, &m->tasks.at[i].cancel_by, TEXT);
		treat(r, &m->tasks.at[i].cancel_reason, TEXT);
		treat(r, &m->tasks.at[i].stack_why, TEXT);
	}
	for (uint32_t i = 0; i < m->nurseries.count; i++)
		treat(r, &m->nurseries.at[i].name, TEXT);
	for (uint32_t i = 0; i < m->scopes.count; i++) {
		treat(r, &m->scopes.at[i].name, TEXT);
		treat(r, &m->scopes.at[i].by, TEXT);
		treat(r, &m->scopes.at[i].reason, TEXT);
	}
	for (uint32_t i = 0; i < m->task_frames.count; i++) {
		treat(r, &m->task_frames.at[i].function, KEPT);
		treat(r, &m->task_frames.at[i].file, WHOLE);
		treat_source(r, &m->task_frames.at[i].source);
	}
}

/* "<string>" and the like are no files. */
static void treat_scripts(struct redactor *r)
{
	struct model *m = r->m;

	for (uint32_t i = 0; i < m->threads.count; i++) {
		struct thread_script *s = &m->threads.at[i].script;

		treat(r, &s->title, TEXT);
		treat(r, &s->runtime, KEPT);
		treat(r, &s->why, TEXT);
		treat(r, &s->note, TEXT);
		treat(r, &s->work, TEXT);
	}
	for (uint32_t i = 0; i < m->script_frames.count; i++) {
		struct script_frame *f = &m->script_frames.at[i];

		treat(r, &f->function, KEPT);
		treat(r, &f->qualified, KEPT);
		treat(r, &f->file, model_str(m, f->file)[0] == '<' ? KEPT : WHOLE);
		treat_source(r, &f->source);
	}
	treat_values(r);
}

/* Names of functions stay: they are what a stack is for. So does "[vdso]". */
static void treat_stacks(struct redactor *r)
{
	struct model *m = r->m;

	for (uint32_t i = 0; i < m->codes.count; i++) {
		treat(r, &m->codes.at[i].symbol, KEPT);
		treat(r, &m->codes.at[i].module,
		      model_str(m, m->codes.at[i].module)[0] == '[' ? KEPT : WHOLE);
		treat(r, &m->codes.at[i].missing, TEXT);
		treat(r, &m->codes.at[i].file, WHOLE);
	}
	for (uint32_t i = 0; i < m->inlined.count; i++) {
		treat(r, &m->inlined.at[i].symbol, KEPT);
		treat(r, &m->inlined.at[i].file, WHOLE);
	}
	for (uint32_t i = 0; i < m->kernel_frames.count; i++)
		treat(r, &m->kernel_frames.at[i], KEPT);
}

static void treat_objects(struct redactor *r)
{
	struct model *m = r->m;

	map_release(&m->by_key);
	for (uint32_t i = 0; i < m->objects.count; i++) {
		struct object *o = &m->objects.at[i];
		bool pidfd = strcmp(model_str(m, o->kind), "pidfd") == 0;

		treat(r, &o->kind, KEPT);
		treat(r, &o->key, TEXT);
		treat(r, &o->label, pidfd ? TEXT : WHOLE);
		treat(r, &o->detail, DETAIL);
		map_put(&m->by_key, o->key, i + 1);
	}
}

static void treat_waits(struct redactor *r)
{
	struct model *m = r->m;

	for (uint32_t i = 0; i < m->waits.count; i++) {
		treat(r, &m->waits.at[i].op, KEPT);
		treat(r, &m->waits.at[i].text, TEXT);
		treat(r, &m->waits.at[i].external, TEXT);
		treat(r, &m->waits.at[i].doubt, TEXT);
	}
	for (uint32_t i = 0; i < m->terms.count; i++)
		treat(r, &m->terms.at[i].text, TEXT);
	for (uint32_t i = 0; i < m->findings.count; i++) {
		treat(r, &m->findings.at[i].kind, KEPT);
		treat(r, &m->findings.at[i].effect, TEXT);
		treat(r, &m->findings.at[i].text, TEXT);
	}
}

static void treat_verdict(struct redactor *r)
{
	struct model *m = r->m;
	struct verdict *v = &m->verdict;

	treat(r, &v->summary, TEXT);
	treat(r, &v->culprit.reason, KEPT);
	treat(r, &v->culprit.text, TEXT);
	treat_list(r, v->missing.at, v->missing.count);
	treat_list(r, v->caveats.at, v->caveats.count);
	for (uint32_t i = 0; i < m->sides.count; i++) {
		treat(r, &m->sides.at[i].condition, TEXT);
		treat(r, &m->sides.at[i].summary, TEXT);
	}
	treat(r, &m->host, KEPT);
	treat(r, &m->snag_version, KEPT);
	treat(r, &m->reader, KEPT);
	treat(r, &m->kernel, KEPT);
	treat_list(r, m->missing.at, m->missing.count);
}

void model_redact(struct model *m, const uint8_t key[REDACT_KEY_SIZE])
{
	struct redactor r = { .m = m, .strings = strtab_new(), .words = strtab_new() };

	r.key[0] = siphash_word(key, 8);
	r.key[1] = siphash_word(key + 8, 8);
	collect(&r);
	treat_actors(&r);
	treat_stacks(&r);
	treat_scripts(&r);
	treat_tasks(&r);
	treat_objects(&r);
	treat_waits(&r);
	treat_verdict(&r);
	strtab_free(m->strings);
	m->strings = r.strings;
	for (int i = 0; i < TREATMENTS; i++)
		map_release(&r.ids[i]);
	map_release(&r.heads);
	map_release(&r.known);
	map_release(&r.names);
	vec_release(&r.secrets);
	strtab_free(r.words);
}
