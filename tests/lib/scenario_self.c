/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The harness tests itself: a checker that never says no would make every scenario pass.
 */
#include "scenario_harness.h"

#include "lib/scenario_view.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char schema_text[] =
	"{ '$defs': { 'node': { 'type': 'object', 'required': ['id'],"
	"    'additionalProperties': false,"
	"    'properties': { 'id': { 'type': 'integer', 'minimum': 1 },"
	"      'next': { 'anyOf': [ { 'type': 'null' }, { '$ref': '#/$defs/node' } ] },"
	"      'kind': { 'enum': ['a', 'b'] }, 'one': { 'const': 1 },"
	"      'list': { 'type': 'array', 'items': { 'type': ['string', 'null'] } },"
	"      'name': { 'type': 'string', 'pattern': '^w[0-9]+$', 'minLength': 2 },"
	"      'odd': { 'oneOf': [ { 'type': 'number' }, { 'type': 'integer' } ] } } } },"
	"  '$ref': '#/$defs/node' }";

static const struct {
	const char *value;
	bool valid;
} schema_samples[] = {
	{ "{'id':1}", true },
	{ "{'id':1,'next':{'id':2,'next':null}}", true },
	{ "{'id':1,'kind':'a','one':1,'list':['x',null],'name':'w12','odd':1.5}", true },
	{ "{}", false },		       /* required */
	{ "[]", false },		       /* type */
	{ "{'id':0}", false },		       /* minimum */
	{ "{'id':'1'}", false },	       /* type below properties */
	{ "{'id':1,'other':2}", false },       /* additionalProperties */
	{ "{'id':1,'next':{'id':0}}", false }, /* behind anyOf and $ref */
	{ "{'id':1,'kind':'c'}", false },      /* enum */
	{ "{'id':1,'one':2}", false },	       /* const */
	{ "{'id':1,'list':[1]}", false },      /* items, several types */
	{ "{'id':1,'name':'x12'}", false },    /* pattern */
	{ "{'id':1,'odd':1}", false },	       /* oneOf holds twice */
};

/* JSON written with single quotes, for the eye. */
static json_t *json_of(const char *quoted)
{
	_cleanup_free_ char *copy = strdup(quoted);
	json_error_t error;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_t *value = json_loads(copy, 0, &error);
	if (!value)
		printf("line %d: %s: %s\n", error.line, error.text, copy);
	return value;
}

static bool schema_samples_hold(void)
{
	json_t *schema = json_of(schema_text);
	bool ok = schema != NULL;

	for (size_t i = 0; ok && i < sizeof(schema_samples) / sizeof(*schema_samples); i++) {
		_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
		json_t *value = json_of(schema_samples[i].value);
		bool valid = schema_check(schema, value, &why);

		if (valid != schema_samples[i].valid || valid != (why.len == 0)) {
			printf("%s: valid %d\n%s", schema_samples[i].value, valid,
			       strbuf_str(&why));
			ok = false;
		}
		json_decref(value);
	}
	json_decref(schema);
	return ok;
}

static bool schema_refuses_unknown_keywords(void)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	json_t *schema = json_of("{'type':'integer','multipleOf':2}");
	json_t *value = json_integer(4);
	bool refused = !schema_check(schema, value, &why);

	json_decref(schema);
	json_decref(value);
	return refused;
}

static bool schema_ends_on_cyclic_refs(void)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	json_t *schema = json_of("{'$ref':'#'}");
	json_t *value = json_integer(4);
	bool refused = !schema_check(schema, value, &why);

	json_decref(schema);
	json_decref(value);
	return refused;
}

/* 10 waits in epoll for 20 over a pipe, 20 waits for its child 30. */
static const char answer_text[] =
	"{ 'verdict': { 'kind': 'deadlock', 'confidence': 'probable', 'summary': 's',"
	"    'chain': ['w1', 'w2', 'w3'], 'culprit': { 'pid': 30, 'reason': 'word',"
	"      'tid': 31, 'object': 'o1', 'text': 'sh does not exit' } },"
	"  'actors': [ { 'id': 'a1', 'pid': 10, 'parent': null },"
	"    { 'id': 'a2', 'pid': 20, 'parent': 'a1', 'spawn': { 'method': 'fork' } },"
	"    { 'id': 'a3', 'pid': 30, 'parent': 'a2', 'spawn': { 'method': 'fork' } } ],"
	"  'objects': [ { 'id': 'o1', 'key': 'pipe:[7]' } ],"
	"  'waits': [ { 'id': 'w1', 'actor': 'a1', 'tid': 10, 'kind': 'poll', 'items': ['w2'] },"
	"    { 'id': 'w2', 'actor': 'a1', 'tid': 10, 'kind': 'pipe-read', 'object': 'o1',"
	"      'on': [ { 'actor': 'a2' } ] },"
	"    { 'id': 'w3', 'actor': 'a2', 'tid': 20, 'kind': 'child-exit',"
	"      'on': [ { 'actor': 'a3' } ] } ],"
	"  'findings': [ { 'kind': 'epoll-shared', 'actor': 'a2', 'object': 'o1' } ] }";

static const char moving_text[] = "{ 'verdict': { 'kind': 'progressing', 'culprit': null } }";

static bool compare_with(const char *text, void (*state)(void), enum reader reader)
{
	static struct truth page;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	json_t *answer = json_of(text);

	memset(&page, 0, sizeof(page));
	truth_page = &page;
	state();
	bool ok = truth_compare(&page, answer, reader, &why);
	json_decref(answer);
	truth_page = NULL;
	return ok && why.len == 0;
}

static bool compare_one(void (*state)(void), enum reader reader)
{
	return compare_with(answer_text, state, reader);
}

static void right_chain(void)
{
	truth_verdict("deadlock", NULL);
	truth_hop(10, 0, "pipe-read", "pipe:[7]", 20);
	truth_hop(20, 0, "child-exit", NULL, 30);
	truth_culprit(30, "other|word");
	truth_finding("epoll-shared", 20);
	truth_actor(30, 20, "fork|fork-exec");
	truth_no_actor(40);
	truth_not("busy");
}

static void right_as_poll(void)
{
	truth_hop(10, 0, "poll", NULL, ANYBODY);
	truth_hop(20, 0, "child-exit", NULL, 30);
	truth_wait(10, 0, "pipe-read", "pipe:[7]", 20);
}

static void proven(void)
{
	truth_verdict("deadlock", "proven");
}

static void wrong_kind(void)
{
	truth_verdict("idle", NULL);
}

static void forbidden_kind(void)
{
	truth_verdict("deadlock", NULL);
	truth_not("deadlock");
}

static void wrong_key(void)
{
	truth_hop(10, 0, "pipe-read", "pipe:[8]", 20);
}

static void wrong_on(void)
{
	truth_hop(10, 0, "pipe-read", "pipe:[7]", 30);
}

static void on_somebody(void)
{
	truth_hop(10, 0, "pipe-read", "pipe:[7]", NOBODY);
}

static void skipped_hop(void)
{
	truth_hop(20, 0, "child-exit", NULL, 30);
}

static void longer_chain(void)
{
	right_chain();
	truth_hop(30, 0, "sleep", NULL, ANYBODY);
}

static void wrong_culprit(void)
{
	truth_culprit(20, NULL);
}

static void wrong_reason(void)
{
	truth_culprit(30, "wor");
}

static void right_object(void)
{
	truth_culprit_on(30, 31, "word", "pipe:[7]");
}

static void wrong_object(void)
{
	truth_culprit_on(30, 31, "word", "pipe:[8]");
}

static void wrong_thread(void)
{
	truth_culprit_on(30, 30, "word", "pipe:[7]");
}

static void right_words(void)
{
	truth_blame(&(struct truth_blame){ .pid = 30, .key = "pipe:[7]", .says = "Does not" });
	truth_finding_on("epoll-shared", 20, "pipe:[7]");
}

static void wrong_words(void)
{
	truth_blame(&(struct truth_blame){ .pid = 30, .key = "pipe:[7]", .says = "does so" });
}

static void finding_of_another(void)
{
	truth_finding_on("epoll-shared", 20, "pipe:[8]");
}

static void slow_or_moving(void)
{
	truth_verdict("waiting-with-timeout", NULL);
	truth_verdict("progressing", NULL);
	truth_blame(&(struct truth_blame){ .pid = 30 });
}

static void no_such_finding(void)
{
	truth_finding("epoll-shared", 30);
}

static void unwanted_finding(void)
{
	truth_no_finding("epoll-shared");
}

static void wrong_parent(void)
{
	truth_actor(30, 10, NULL);
}

static void wrong_method(void)
{
	truth_actor(30, 20, "fork-exec");
}

static bool compare_says_yes(void)
{
	return compare_one(right_chain, READER_BPF) && compare_one(right_as_poll, READER_BPF) &&
	       compare_one(proven, READER_PROCFS) && compare_one(right_object, READER_BPF) &&
	       compare_one(right_words, READER_BPF) &&
	       compare_with(moving_text, slow_or_moving, READER_BPF);
}

static bool compare_says_no(void)
{
	static void (*const wrong[])(void) = { proven,	     wrong_kind,      forbidden_kind,
					       wrong_key,    wrong_on,	      on_somebody,
					       skipped_hop,  longer_chain,    wrong_culprit,
					       wrong_reason, no_such_finding, unwanted_finding,
					       wrong_object, wrong_thread,    wrong_parent,
					       wrong_method, wrong_words,     finding_of_another };
	bool ok = !compare_with(moving_text, wrong_culprit, READER_BPF);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (compare_one(wrong[i], READER_BPF)) {
			printf("statement %zu should not hold\n", i);
			ok = false;
		}
	}
	return ok;
}

/* ---- the other views: a program that is no snag prints what the test wants ---- */

static const char stacks_json[] =
	"{ 'actors': [ { 'pid': 10, 'in_tree': true, 'threads': [ { 'tid': 10, 'native':"
	"    [ { 'symbol': 'read' }, { 'symbol': null }, { 'symbol': 'main' } ] },"
	"    { 'tid': 11, 'gone': true } ],"
	"    'tasks': [ { 'state': 'waiting' }, { 'state': 'done' } ] },"
	"  { 'pid': 20, 'in_tree': false, 'threads': [ { 'tid': 20 } ] } ] }";
static const char stacks_page[] = "2 threads\n\n1  main > read\n1  (task) > run\n";
static const char stacks_folded[] = "sh;main;read 1\nsh;(task);run 1\n";

static bool write_text(const char *dir, const char *name, const char *bytes)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	_cleanup_fclose_ FILE *f = fopen(path, "we");
	return f && fputs(bytes, f) >= 0 && fchmod(fileno(f), 0700) == 0;
}

static void remove_texts(const char *dir)
{
	static const char *const names[] = { "snag", "json", "page", "folded", "views" };
	char path[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* Does views_check() take these answers for right, when `state` says what is? */
static bool view_one(void (*state)(void), const char *page, const char *folded)
{
	static struct truth truth;
	char snag[512], json[sizeof(stacks_json)];
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct view_ask ask = { .snag = snag, .target = "10", .dir = truth.dir };

	memset(&truth, 0, sizeof(truth));
	truth_page = &truth;
	strcpy(truth.dir, "/tmp/snag-self-XXXXXX");
	for (size_t i = 0; i < sizeof(json); i++)
		json[i] = stacks_json[i] == '\'' ? '"' : stacks_json[i];
	bool ok = mkdtemp(truth.dir) &&
		  write_text(truth.dir, "snag",
			     "#!/bin/sh\ncase $3 in --json) f=json ;; --folded) f=folded ;; "
			     "*) f=page ;; esac\nexec cat \"${0%/*}/$f\"\n") &&
		  write_text(truth.dir, "json", json) && write_text(truth.dir, "page", page) &&
		  write_text(truth.dir, "folded", folded);
	snprintf(snag, sizeof(snag), "%s/snag", truth.dir);
	state();
	ok = ok && views_check(&ask, &why);
	remove_texts(truth.dir);
	truth_page = NULL;
	return ok;
}

static void right_views(void)
{
	truth_calls(10, 10, "main > read");
	truth_prints("1  main");
	truth_prints("run");
}

static void wrong_order_of_calls(void)
{
	truth_calls(10, 10, "read > main");
}

static void call_too_many(void)
{
	truth_calls(10, 10, "main > work > read");
}

static void calls_of_nobody(void)
{
	truth_calls(10, 12, "main > read");
}

static void wrong_order_of_words(void)
{
	truth_prints("run");
	truth_prints("1  main");
}

static bool views_are_held_against_the_truth(void)
{
	static void (*const wrong[])(void) = { wrong_order_of_calls, call_too_many, calls_of_nobody,
					       wrong_order_of_words };
	bool ok = view_one(right_views, stacks_page, stacks_folded);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (view_one(wrong[i], stacks_page, stacks_folded)) {
			printf("statement %zu should not hold\n", i);
			ok = false;
		}
	}
	return ok && !view_one(right_views, "1  main run\033[m", stacks_folded) &&
	       !view_one(right_views, stacks_page, "sh;main;read 1\n") &&
	       !view_one(right_views, stacks_page, "sh;main;read 1\nsh 1\n");
}

/* A mark that nobody takes away would hide the day on which snag forgets it again. */
static bool marks_are_taken_at_their_word(void)
{
	const struct scenario seen = { .name = "seen" };
	const struct scenario unseen = { .name = "unseen", .unseen = "a reason" };

	return case_outcome(&seen, false, false) == CASE_PASSED &&
	       case_outcome(&seen, true, false) == CASE_FAILED &&
	       case_outcome(&seen, false, true) == CASE_FAILED &&
	       case_outcome(&unseen, true, false) == CASE_UNSEEN &&
	       case_outcome(&unseen, false, false) == CASE_FAILED &&
	       case_outcome(&unseen, true, true) == CASE_FAILED;
}

static bool stamps_move_and_rest(void)
{
	char a[96], b[96], state;
	pid_t pid = getpid();
	bool ok = proc_thread_stamp(pid, pid, &state, a, sizeof(a));

	poll_pause();
	return ok && proc_thread_stamp(pid, pid, &state, b, sizeof(b)) && strcmp(a, b) != 0 &&
	       !proc_thread_stamp(pid, 0, &state, a, sizeof(a));
}

/* A stopped child, a grandchild whose parent is gone, one in a session of its own. */
static void family_start(void)
{
	if (fork() == 0)
		raise(SIGSTOP);
	if (fork() == 0) {
		if (fork() == 0) {
			setsid();
			pause();
		}
		_exit(0);
	}
}

/* In a child, which becomes a subreaper as a case does: after the kill it has nobody left to wait
 * for. */
static bool kill_leaves_nothing(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		pid_t one;

		prctl(PR_SET_CHILD_SUBREAPER, 1);
		family_start();
		bool some = proc_children(getpid(), &one, 1) == 1;
		bool ended = proc_kill_descendants(NULL, 0);
		_exit(some && ended && waitpid(-1, NULL, 0) < 0 && errno == ECHILD ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static const struct {
	const char *name;
	bool (*run)(void);
} tests[] = {
	{ "schema_samples", schema_samples_hold },
	{ "schema_unknown_keyword", schema_refuses_unknown_keywords },
	{ "schema_cyclic_ref", schema_ends_on_cyclic_refs },
	{ "compare_yes", compare_says_yes },
	{ "compare_no", compare_says_no },
	{ "views", views_are_held_against_the_truth },
	{ "marks", marks_are_taken_at_their_word },
	{ "stamps", stamps_move_and_rest },
	{ "kill_leaves_nothing", kill_leaves_nothing },
};

bool self_test_run(size_t index)
{
	return tests[index].run();
}

const char *self_test_name(size_t index)
{
	return index < sizeof(tests) / sizeof(*tests) ? tests[index].name : NULL;
}
