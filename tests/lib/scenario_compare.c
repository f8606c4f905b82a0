/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One answer of `snag why --json` against the truth that the patient stated.
 *
 * Ids ("w3", "a1") are the answer's own business: everything is compared by pid, tid, kind and
 * object key.
 */
#include "scenario_harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ON = 32, MAX_ITEMS = 256, MAX_NESTING = 8 };

const char *const reader_names[READER_COUNT] = { [READER_BPF] = "bpf", [READER_PROCFS] = "procfs" };

/* A wait of the answer, its ids resolved. */
struct hop {
	pid_t pid, tid;
	const char *op, *kind, *key;
	pid_t on[MAX_ON];
	size_t n_on;
	const json_t *items;
};

static const char *string_of(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

static pid_t pid_of(const json_t *object, const char *name)
{
	return (pid_t)json_integer_value(json_object_get(object, name));
}

/* The element of answer[list] with this id, NULL when there is none. */
static const json_t *by_id(const json_t *answer, const char *list, const char *id)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(answer, list), i,
			   one) if (id[0] && strcmp(string_of(one, "id"), id) == 0) return one;
	return NULL;
}

static pid_t actor_pid(const json_t *answer, const char *id)
{
	return pid_of(by_id(answer, "actors", id), "pid");
}

static struct hop hop_of(const json_t *answer, const json_t *wait)
{
	const json_t *object = by_id(answer, "objects", string_of(wait, "object"));
	struct hop h = {
		.pid = actor_pid(answer, string_of(wait, "actor")),
		.tid = pid_of(wait, "tid"),
		.op = string_of(wait, "op"),
		.kind = string_of(wait, "kind"),
		.key = string_of(object, "key"),
		.items = json_object_get(wait, "items"),
	};
	size_t i;
	json_t *on;

	json_array_foreach(json_object_get(wait, "on"), i, on)
	{
		pid_t pid = actor_pid(answer, string_of(on, "actor"));
		size_t at = 0;

		while (at < h.n_on && h.on[at] != pid)
			at++;
		if (at == h.n_on && at < MAX_ON)
			h.on[h.n_on++] = pid;
	}
	return h;
}

/* Is `id` an item of the wait, or of an item of it down to `depth` levels? */
static bool item_listed(const json_t *answer, const json_t *wait, const char *id, int depth)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(wait, "items"), i, one)
	{
		const char *name = json_is_string(one) ? json_string_value(one) : "";

		if (strcmp(name, id) == 0)
			return true;
		if (depth > 0 && item_listed(answer, by_id(answer, "waits", name), id, depth - 1))
			return true;
	}
	return false;
}

/* The chain's waits; a wait that is an item of the one before it belongs to that hop and is left
 * out. */
static size_t chain_of(const json_t *answer, const json_t *waits[], size_t max)
{
	const json_t *chain = json_object_get(json_object_get(answer, "verdict"), "chain");
	size_t i, n = 0;
	json_t *id;

	json_array_foreach((json_t *)chain, i, id)
	{
		const char *name = json_is_string(id) ? json_string_value(id) : "";
		const json_t *wait = by_id(answer, "waits", name);

		if (n > 0 && item_listed(answer, waits[n - 1], name, MAX_NESTING))
			continue;
		if (wait && n < max)
			waits[n++] = wait;
	}
	return n;
}

static bool on_matches(const struct hop *got, pid_t on)
{
	if (on == ANYBODY)
		return true;
	if (on == NOBODY)
		return got->n_on == 0;
	for (size_t i = 0; i < got->n_on; i++)
		if (got->on[i] == on)
			return true;
	return false;
}

/* Does this wait, or one of its items down to MAX_NESTING, say what the truth says? */
static bool hop_matches(const json_t *answer, const json_t *wait, const struct truth_hop *want,
			int depth)
{
	struct hop got = hop_of(answer, wait);
	size_t i;
	json_t *id;

	if (depth == 0 && (got.pid != want->pid || got.tid != want->tid))
		return false;
	if (words_have(want->kind, got.kind) &&
	    (!want->key[0] || strcmp(want->key, got.key) == 0) && on_matches(&got, want->on_pid))
		return true;
	if (depth >= MAX_NESTING)
		return false;
	json_array_foreach((json_t *)got.items, i, id)
	{
		const json_t *item =
			by_id(answer, "waits", json_is_string(id) ? json_string_value(id) : "");

		if (i < MAX_ITEMS && item && hop_matches(answer, item, want, depth + 1))
			return true;
	}
	return false;
}

static bool wait_exists(const json_t *answer, const struct truth_hop *want)
{
	size_t i;
	json_t *wait;

	json_array_foreach(json_object_get(answer, "waits"), i,
			   wait) if (hop_matches(answer, wait, want, 0)) return true;
	return false;
}

static void want_print(const struct truth_hop *want, struct strbuf *to)
{
	strbuf_addf(to, "%d/%d %s", want->pid, want->tid, want->kind);
	if (want->key[0])
		strbuf_addf(to, " of %s", want->key);
	if (want->on_pid == NOBODY)
		strbuf_adds(to, " on nobody");
	else if (want->on_pid != ANYBODY)
		strbuf_addf(to, " on %d", want->on_pid);
}

static int pid_order(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void hop_print(const json_t *answer, const json_t *wait, bool with_op, struct strbuf *to)
{
	struct hop got = hop_of(answer, wait);

	strbuf_addf(to, "%d/%d %s", got.pid, got.tid, got.kind);
	if (got.key[0])
		strbuf_addf(to, " of %s", got.key);
	qsort(got.on, got.n_on, sizeof(*got.on), pid_order);
	for (size_t i = 0; i < got.n_on; i++)
		strbuf_addf(to, "%s%d", i ? "," : " on ", got.on[i]);
	if (with_op && got.op[0])
		strbuf_addf(to, " (%s)", got.op);
}

/* Items by key, not by order: readers list them as they find them. */
static int line_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void items_print(const json_t *answer, const json_t *wait, struct strbuf *to)
{
	char *lines[MAX_ITEMS];
	size_t i, n = 0;
	json_t *id;

	json_array_foreach(json_object_get(wait, "items"), i, id)
	{
		const json_t *item =
			by_id(answer, "waits", json_is_string(id) ? json_string_value(id) : "");
		struct strbuf line = STRBUF_INIT;

		if (!item || n == MAX_ITEMS)
			continue;
		hop_print(answer, item, false, &line);
		lines[n++] = strbuf_steal(&line);
	}
	qsort(lines, n, sizeof(*lines), line_order);
	for (i = 0; i < n; i++) {
		strbuf_addf(to, "      item %s\n", lines[i]);
		free(lines[i]);
	}
}

void answer_signature(const json_t *answer, struct strbuf *signature)
{
	const json_t *verdict = json_object_get(answer, "verdict");
	const json_t *waits[OUTCOME_MAX];
	size_t n = chain_of(answer, waits, OUTCOME_MAX);

	strbuf_addf(signature, "    verdict %s\n", string_of(verdict, "kind"));
	for (size_t i = 0; i < n; i++) {
		strbuf_adds(signature, "    hop ");
		hop_print(answer, waits[i], false, signature);
		strbuf_addc(signature, '\n');
		items_print(answer, waits[i], signature);
	}
	strbuf_addf(signature, "    culprit %d\n",
		    pid_of(json_object_get(verdict, "culprit"), "pid"));
}

/* ---- the single checks: each appends its differences and says whether there was none ---- */

bool truth_differs(struct strbuf *why, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	strbuf_addf(why, "  %s\n", line);
	return false;
}

static int confidence_rank(const char *confidence)
{
	static const char *const ranks[] = { "conditional", "probable", "proven" };

	for (int i = 0; i < 3; i++)
		if (strcmp(confidence, ranks[i]) == 0)
			return i;
	return -1;
}

/* A proven verdict needs the kernel's own counts of holders, which procfs does not have. */
static bool confidence_fits(const char *want, const char *got, enum reader reader)
{
	if (!want[0] || strcmp(want, got) == 0)
		return true;
	return reader == READER_PROCFS && confidence_rank(got) >= 0 &&
	       confidence_rank(got) < confidence_rank(want);
}

static bool verdict_check(const struct truth *t, const json_t *answer, enum reader reader,
			  struct strbuf *why)
{
	const json_t *verdict = json_object_get(answer, "verdict");
	const char *kind = string_of(verdict, "kind"),
		   *confidence = string_of(verdict, "confidence");
	bool fits = false;
	size_t rights = 0;

	for (size_t i = 0; i < truth_count(&t->n_verdicts); i++) {
		const struct truth_verdict *v = &t->verdicts[i];

		if (v->wrong && strcmp(v->kind, kind) == 0)
			return truth_differs(why, "verdict: %s is wrong: \"%s\"", kind,
					     string_of(verdict, "summary"));
		if (v->wrong || (v->procfs_only && reader != READER_PROCFS))
			continue;
		rights++;
		fits |= strcmp(v->kind, kind) == 0 &&
			confidence_fits(v->confidence, confidence, reader);
	}
	if (fits || rights == 0)
		return true;
	truth_differs(why, "verdict: got %s, %s: \"%s\"", kind, confidence,
		      string_of(verdict, "summary"));
	for (size_t i = 0; i < truth_count(&t->n_verdicts); i++)
		if (!t->verdicts[i].wrong)
			truth_differs(why, "         truth %s%s%s%s", t->verdicts[i].kind,
				      t->verdicts[i].confidence[0] ? ", " : "",
				      t->verdicts[i].confidence,
				      t->verdicts[i].procfs_only ? " (procfs only)" : "");
	return false;
}

static bool waits_check(const struct truth *t, const json_t *answer, struct strbuf *why)
{
	bool ok = true;

	for (size_t i = 0; i < truth_count(&t->n_hops); i++) {
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

		want_print(&t->hops[i], &line);
		if (!t->hops[i].in_chain && !wait_exists(answer, &t->hops[i]))
			ok = truth_differs(why, "wait: nowhere %s", strbuf_str(&line));
	}
	return ok;
}

static bool chain_check(const struct truth *t, const json_t *answer, struct strbuf *why)
{
	const json_t *waits[OUTCOME_MAX];
	size_t n = chain_of(answer, waits, OUTCOME_MAX), at = 0;
	bool ok = true;

	for (size_t i = 0; i < truth_count(&t->n_hops); i++) {
		const struct truth_hop *want = &t->hops[i];
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

		if (!want->in_chain)
			continue;
		want_print(want, &line);
		if (at >= n || !hop_matches(answer, waits[at], want, 0))
			ok = truth_differs(why, "chain: hop %zu is not %s", at + 1,
					   strbuf_str(&line));
		at++;
	}
	return ok;
}

static bool is_right_verdict(const struct truth *t, const char *kind)
{
	for (size_t i = 0; i < truth_count(&t->n_verdicts); i++)
		if (!t->verdicts[i].wrong && strcmp(t->verdicts[i].kind, kind) == 0)
			return true;
	return false;
}

static bool culprit_fits(const struct truth_about *want, const json_t *culprit, const char *key)
{
	pid_t tid = pid_of(culprit, "tid");

	return want->pid == pid_of(culprit, "pid") && (!want->ppid || want->ppid == tid) &&
	       (!want->words[0] || words_have(want->words, string_of(culprit, "reason"))) &&
	       (!want->key[0] || strcmp(want->key, key) == 0) &&
	       (!want->says[0] || strcasestr(string_of(culprit, "text"), want->says));
}

static bool culprit_check(const struct truth *t, const json_t *answer, struct strbuf *why)
{
	const json_t *verdict = json_object_get(answer, "verdict");
	const json_t *culprit = json_object_get(verdict, "culprit");
	const char *key = string_of(by_id(answer, "objects", string_of(culprit, "object")), "key");
	size_t n = truth_count(&t->n_culprits);

	/* it goes on: there is nobody to blame */
	if (strcmp(string_of(verdict, "kind"), "progressing") == 0 &&
	    is_right_verdict(t, "progressing") && !json_is_object(culprit))
		return true;
	for (size_t i = 0; i < n; i++)
		if (culprit_fits(&t->culprits[i], culprit, key))
			return true;
	for (size_t i = 0; i < n; i++)
		truth_differs(why, "culprit: truth %d %s %s: \"%s\"", t->culprits[i].pid,
			      t->culprits[i].words, t->culprits[i].key, t->culprits[i].says);
	return n == 0 ||
	       truth_differs(why, "culprit: got %d %s %s: \"%s\"", pid_of(culprit, "pid"),
			     string_of(culprit, "reason"), key, string_of(culprit, "text"));
}

static bool finding_fits(const json_t *answer, const json_t *finding,
			 const struct truth_about *want)
{
	const json_t *object = by_id(answer, "objects", string_of(finding, "object"));

	return words_have(want->words, string_of(finding, "kind")) &&
	       (!want->pid || actor_pid(answer, string_of(finding, "actor")) == want->pid) &&
	       (!want->key[0] || strcmp(want->key, string_of(object, "key")) == 0);
}

static bool finding_there(const json_t *answer, const struct truth_about *want)
{
	size_t i;
	json_t *finding;

	json_array_foreach(json_object_get(answer, "findings"), i,
			   finding) if (finding_fits(answer, finding, want)) return true;
	return false;
}

static bool findings_check(const struct truth *t, const json_t *answer, struct strbuf *why)
{
	bool ok = true;

	for (size_t i = 0; i < truth_count(&t->n_findings); i++) {
		const struct truth_about *want = &t->findings[i];

		if (finding_there(answer, want) == want->absent)
			ok = truth_differs(why, "finding: %s %s of %d %s",
					   want->absent ? "unwanted" : "no", want->words, want->pid,
					   want->key);
	}
	return ok;
}

static const json_t *actor_by_pid(const json_t *answer, pid_t pid)
{
	size_t i;
	json_t *actor;

	json_array_foreach(json_object_get(answer, "actors"), i,
			   actor) if (pid_of(actor, "pid") == pid) return actor;
	return NULL;
}

static bool actor_check(const struct truth_about *want, const json_t *answer, struct strbuf *why)
{
	const json_t *actor = actor_by_pid(answer, want->pid);
	const char *method = string_of(json_object_get(actor, "spawn"), "method");
	pid_t parent = actor_pid(answer, string_of(actor, "parent"));

	if (want->absent)
		return !actor || truth_differs(why, "actor: %d is not of the tree", want->pid);
	if (!actor)
		return truth_differs(why, "actor: %d is missing", want->pid);
	if (want->ppid && parent != want->ppid)
		return truth_differs(why, "actor: parent of %d is %d, truth %d", want->pid, parent,
				     want->ppid);
	if (want->words[0] && !words_have(want->words, method))
		return truth_differs(why, "actor: %d came by %s, truth %s", want->pid, method,
				     want->words);
	return true;
}

bool truth_compare_facts(const struct truth *t, const json_t *answer, struct strbuf *why)
{
	bool ok = waits_check(t, answer, why);

	ok &= findings_check(t, answer, why);
	for (size_t i = 0; i < truth_count(&t->n_actors); i++)
		ok &= actor_check(&t->actors[i], answer, why);
	return ok;
}

bool truth_compare(const struct truth *t, const json_t *answer, enum reader reader,
		   struct strbuf *why)
{
	bool ok = verdict_check(t, answer, reader, why);

	ok &= chain_check(t, answer, why);
	ok &= culprit_check(t, answer, why);
	ok &= truth_compare_facts(t, answer, why);
	return ok;
}

/* The first line of /proc/PID/task/TID/NAME, without what follows a tab. */
static void thread_line(pid_t pid, pid_t tid, const char *name, char *line, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	if (!f || !fgets(line, (int)size, f))
		snprintf(line, size, "-");
	line[strcspn(line, "\n")] = '\0';
}

void truth_print(const struct truth *t, struct strbuf *to)
{
	for (size_t i = 0; i < truth_count(&t->n_verdicts); i++)
		strbuf_addf(to, "verdict %s%s %s\n", t->verdicts[i].wrong ? "not " : "",
			    t->verdicts[i].kind, t->verdicts[i].confidence);
	for (size_t i = 0; i < truth_count(&t->n_hops); i++) {
		strbuf_adds(to, t->hops[i].in_chain ? "hop " : "wait ");
		want_print(&t->hops[i], to);
		strbuf_addc(to, '\n');
	}
	for (size_t i = 0; i < truth_count(&t->n_blocked); i++) {
		pid_t pid = t->blocked[i].pid, tid = t->blocked[i].ppid;
		char comm[64], call[256], place[64], stamp[96], state = '-';

		proc_thread_stamp(pid, tid, &state, stamp, sizeof(stamp));
		thread_line(pid, tid, "comm", comm, sizeof(comm));
		thread_line(pid, tid, "syscall", call, sizeof(call));
		thread_line(pid, tid, "wchan", place, sizeof(place));
		strbuf_addf(to, "blocked %d/%d %s %c in %s: %s\n", pid, tid, comm, state, place,
			    call);
	}
}

/* The texts of a list of the verdict. */
static void lines_print(const json_t *answer, const char *list, struct strbuf *to)
{
	size_t i;
	json_t *line;

	json_array_foreach(json_object_get(json_object_get(answer, "verdict"), list), i, line)
		strbuf_addf(to, "  %s: %s\n", list,
			    json_is_string(line) ? json_string_value(line) : "?");
}

void truth_explain(const struct truth *t, const json_t *answer, struct strbuf *to)
{
	const json_t *waits[OUTCOME_MAX];
	size_t n = chain_of(answer, waits, OUTCOME_MAX), number = 0, i;
	json_t *finding;

	strbuf_adds(to, "  chain of the truth:\n");
	for (i = 0; i < truth_count(&t->n_hops); i++) {
		if (!t->hops[i].in_chain)
			continue;
		strbuf_addf(to, "    %zu. ", ++number);
		want_print(&t->hops[i], to);
		strbuf_addc(to, '\n');
	}
	strbuf_adds(to, "  chain of snag:\n");
	for (i = 0; i < n; i++) {
		strbuf_addf(to, "    %zu. ", i + 1);
		hop_print(answer, waits[i], true, to);
		strbuf_addc(to, '\n');
		items_print(answer, waits[i], to);
	}
	lines_print(answer, "caveats", to);
	lines_print(answer, "missing", to);
	strbuf_adds(to, "  findings of snag:\n");
	json_array_foreach(json_object_get(answer, "findings"), i, finding)
		strbuf_addf(to, "    %s of %d: %s\n", string_of(finding, "kind"),
			    actor_pid(answer, string_of(finding, "actor")),
			    string_of(finding, "text"));
}
