/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One scenario from its start to the last of its processes.
 *
 * patient up -> truth ready -> every named thread settled -> snag why (each reader) against the
 * truth -> both readers alike -> --check status -> text -> dump and the capture's answer -> cleanup
 * -> everything killed by pid.
 */
#include "scenario_harness.h"

#include "lib/scenario_view.h"
#include "scenario_python.h"
#include "scenario_stacks.h"
#include "scenario_tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETTLED_POLLS = 4, MAX_WORDS = 32 };

static const uint64_t settle_limit_ns = 10000000000ull;

/* Run-time stamps of the threads that the truth names, in its order. */
struct stamps {
	char last[TRUTH_MAX][96];
};

struct scenario_case {
	const struct scenario *s;
	const struct runner *r;
	struct truth *truth;
	pid_t patient;
	char log[160], capture[160];
	bool wrong, broken; /* snag's answer differs from the truth; anything else failed */
	struct strbuf why;  /* both as text */
	struct strbuf signature[READER_COUNT]; /* of the last answer of each reader */
	struct stamps settled;
	json_t *answer[READER_COUNT]; /* the last one, for the report */
};

__attribute__((format(printf, 2, 3))) static bool fail(struct scenario_case *c, const char *format,
						       ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	strbuf_addf(&c->why, "%s\n", line);
	c->broken = true;
	return false;
}

/* What snag says is not the truth. */
static bool differs(struct scenario_case *c, const char *where, int run)
{
	strbuf_addf(&c->why, "against the truth: %s", where);
	if (run)
		strbuf_addf(&c->why, ", run %d", run);
	strbuf_addc(&c->why, '\n');
	c->wrong = true;
	return false;
}

/* The scenario of this patient. */
static const struct scenario *current;

const void *scenario_arg(void)
{
	return current->arg;
}

void scenario_group(const struct scenario *s, char *group, size_t size)
{
	const char *end = strrchr(s->file, '/');
	const char *start = end;

	while (start && start > s->file && start[-1] != '/')
		start--;
	snprintf(group, size, "%.*s", end ? (int)(end - start) : 0, end ? start : "");
}

/* ---- the patient ---- */

static void patient_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void patient_start(struct scenario_case *c)
{
	int null = open("/dev/null", O_RDWR);
	int log = open(c->log, O_WRONLY | O_CREAT | O_APPEND, 0644);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	patient_signals();
	if (setsid() < 0 || null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
	    dup2(log, 2) < 0)
		scenario_die("starting the patient: %m");
	syscall(SYS_close_range, 3, ~0u, 0);
	prctl(PR_SET_NAME, "patient");
	current = c->s;
	c->s->body();
	_exit(0);
}

static bool patient_gave_up(struct scenario_case *c)
{
	int status;

	if (c->truth->failed[0])
		return !fail(c, "the patient gave up: %s", c->truth->failed);
	if (c->truth->ready || waitpid(c->patient, &status, WNOHANG) != c->patient)
		return false;
	return !fail(c, "the patient ended before it was ready, status %#x: %s", status,
		     c->truth->failed);
}

static bool await_ready(struct scenario_case *c)
{
	uint64_t end = now_ns() + settle_limit_ns * 3; /* real servers take their time to start */

	while (!__atomic_load_n(&c->truth->ready, __ATOMIC_ACQUIRE)) {
		if (patient_gave_up(c))
			return false;
		if (now_ns() > end)
			return fail(c, "the patient was not ready within 30 s");
		poll_pause();
	}
	return true;
}

/* ---- settling: every thread that the truth names is blocked, its stamp unchanged over several
 * polls ---- */

static bool poll_stamps(struct scenario_case *c, struct stamps *s, struct strbuf *unsettled)
{
	bool equal = true;

	strbuf_reset(unsettled);
	for (size_t i = 0; i < truth_count(&c->truth->n_blocked); i++) {
		const struct truth_about *b = &c->truth->blocked[i];
		char stamp[96] = "", state = '-';
		bool there = proc_thread_stamp(b->pid, b->ppid, &state, stamp, sizeof(stamp));

		if (!there || state == 'R' || strcmp(stamp, s->last[i]) != 0) {
			equal = false;
			strbuf_addf(unsettled, " %d/%d state %c", b->pid, b->ppid, state);
		}
		memcpy(s->last[i], stamp, sizeof(stamp));
	}
	return equal;
}

static bool await_settled(struct scenario_case *c)
{
	uint64_t end = now_ns() + settle_limit_ns;
	_cleanup_strbuf_ struct strbuf unsettled = STRBUF_INIT;

	for (int equal = 0; equal < SETTLED_POLLS;) {
		equal = poll_stamps(c, &c->settled, &unsettled) ? equal + 1 : 0;
		if (now_ns() > end)
			return fail(c, "not blocked within 10 s:%s", strbuf_str(&unsettled));
		poll_pause();
	}
	return true;
}

/* snag looks and never touches: no thread that was blocked has run since, not even for a signal or
 * an EINTR. */
static bool check_undisturbed(struct scenario_case *c)
{
	_cleanup_strbuf_ struct strbuf ran = STRBUF_INIT;

	if (c->s->moving || poll_stamps(c, &c->settled, &ran))
		return true;
	return fail(c, "somebody ran while snag looked:%s", strbuf_str(&ran));
}

/* ---- asking snag ---- */

struct words {
	char *argv[MAX_WORDS];
	size_t n;
	char *options; /* owned copy that argv points into */
};

static void words_add(struct words *w, const char *word)
{
	if (w->n + 1 < MAX_WORDS)
		w->argv[w->n++] = (char *)word;
}

/* snag COMMAND TARGET --reader R and the scenario's options. A file needs neither reader nor
 * options. */
static void words_start(struct words *w, const struct scenario_case *c, const char *command,
			const char *target, const char *reader)
{
	char *save = NULL;

	*w = (struct words){ .options = strdup(reader && c->s->options ? c->s->options : "") };
	words_add(w, c->r->snag);
	words_add(w, command);
	words_add(w, target);
	if (reader) {
		words_add(w, "--reader");
		words_add(w, reader);
	}
	for (char *o = strtok_r(w->options, " ", &save); o; o = strtok_r(NULL, " ", &save))
		words_add(w, o);
}

static void words_release(struct words *w)
{
	free(w->options);
}
DEFINE_PLACE_GUARD(words)
#define _cleanup_words_ _cleanup_(words_release_guard)

static char *root_text(const struct scenario_case *c)
{
	char *target = NULL;

	if (asprintf(&target, "%d", c->truth->root ? c->truth->root : c->patient) < 0)
		abort();
	return target;
}

/* Run `snag why TARGET --json`; the answer, valid against the schema, or NULL with the reasons.
 * Yours. */
static json_t *ask(struct scenario_case *c, const char *target, const char *reader)
{
	_cleanup_command_ struct command command = { .status = 0 };
	_cleanup_words_ struct words w;
	json_error_t error;

	words_start(&w, c, "why", target, reader);
	words_add(&w, "--json");
	command_run(&command, w.argv);
	const char *said = strbuf_str(&command.err);
	if (command.status != 0) {
		fail(c, "snag why %s --json: exit status %d: %s", target, command.status, said);
		return NULL;
	}
	json_t *answer = json_loads(strbuf_str(&command.out), 0, &error);
	if (!answer) {
		fail(c, "snag why --json: line %d: %s", error.line, error.text);
		return NULL;
	}
	if (!c->r->schema)
		fail(c, "no schema: %s", c->r->schema_error);
	else if (!schema_check(c->r->schema, answer, &c->why))
		fail(c, "snag why --json is not valid against snag --json-schema");
	return answer;
}

/* The mark is about the verdict, and hides no fact that went missing. */
static void check_facts(struct scenario_case *c, const json_t *answer, enum reader reader)
{
	_cleanup_strbuf_ struct strbuf unused = STRBUF_INIT;

	if (!truth_compare_facts(c->truth, answer, &unused))
		fail(c, "facts that the kernel shows are wrong: %s", reader_names[reader]);
}

static bool ask_reader(struct scenario_case *c, enum reader reader)
{
	_cleanup_free_ char *target = root_text(c);
	int times = c->s->repeat > 0 ? c->s->repeat : 1;

	for (int i = 0; i < times; i++) {
		json_t *answer = ask(c, target, reader_names[reader]);

		if (!answer)
			return false;
		json_decref(c->answer[reader]);
		c->answer[reader] = answer;
		strbuf_reset(&c->signature[reader]);
		answer_signature(answer, &c->signature[reader]);
		if (!truth_compare(c->truth, answer, reader, &c->why)) {
			if (c->s->unseen)
				check_facts(c, answer, reader);
			return differs(c, reader_names[reader], i + 1);
		}
	}
	return c->why.len == 0;
}

static bool procfs_may_differ(const struct truth *t)
{
	for (size_t i = 0; i < truth_count(&t->n_verdicts); i++)
		if (t->verdicts[i].procfs_only)
			return true;
	return false;
}

static bool readers_agree(struct scenario_case *c)
{
	const char *bpf = strbuf_str(&c->signature[READER_BPF]);
	const char *procfs = strbuf_str(&c->signature[READER_PROCFS]);

	if (c->s->moving || procfs_may_differ(c->truth) || !*bpf || !*procfs ||
	    strcmp(bpf, procfs) == 0)
		return true;
	return fail(c, "the readers differ\n  bpf:\n%s  procfs:\n%s", bpf, procfs);
}

/* What --check must exit with for a verdict, DESIGN 4. */
static int status_for(const char *kind)
{
	static const struct {
		const char *kind;
		int status;
	} table[] = {
		{ "progressing", 0 }, { "idle", 0 },	{ "waiting-with-timeout", 0 },
		{ "deadlock", 3 },    { "stopped", 3 }, { "stuck-on-external", 3 },
		{ "busy", 3 },	      { "exited", 5 },	{ "undetermined", 4 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (strcmp(table[i].kind, kind) == 0)
			return table[i].status;
	return -1;
}

/* A moving tree may answer differently each time: any status of a verdict that the truth allows. */
static bool status_fits(const struct scenario_case *c, enum reader reader, int status)
{
	const json_t *verdict = json_object_get(c->answer[reader], "verdict");

	if (status == status_for(json_string_value(json_object_get(verdict, "kind"))))
		return true;
	for (size_t i = 0; c->s->moving && i < truth_count(&c->truth->n_verdicts); i++)
		if (!c->truth->verdicts[i].wrong &&
		    status == status_for(c->truth->verdicts[i].kind))
			return true;
	return false;
}

static bool check_status(struct scenario_case *c, enum reader reader)
{
	_cleanup_command_ struct command command = { .status = 0 };
	_cleanup_free_ char *target = root_text(c);
	_cleanup_words_ struct words w;

	words_start(&w, c, "why", target, reader_names[reader]);
	words_add(&w, "--check");
	command_run(&command, w.argv);
	return status_fits(c, reader, command.status) ||
	       fail(c, "snag why --check: exit status %d does not fit the verdict: %s",
		    command.status, strbuf_str(&command.err));
}

/* Are these words in the text, however it is wrapped, and whatever their case? */
static bool text_says(const char *printed, const char *words)
{
	_cleanup_free_ char *flat = strdup(printed);
	char *to = flat;

	for (const char *from = flat; *from; from++) {
		char c = *from == '\n' || *from == '\t' ? ' ' : *from;

		if (c != ' ' || (to > flat && to[-1] != ' '))
			*to++ = c;
	}
	*to = '\0';
	return strcasestr(flat, words) != NULL;
}

/* What a person gets: there, without colour in a pipe, and with the words that the truth asks for.
 */
static bool check_text(struct scenario_case *c, enum reader reader)
{
	_cleanup_command_ struct command command = { .status = 0 };
	_cleanup_free_ char *target = root_text(c);
	_cleanup_words_ struct words w;
	bool ok = true;

	words_start(&w, c, "why", target, reader_names[reader]);
	command_run(&command, w.argv);
	const char *out = strbuf_str(&command.out);
	if (command.status != 0 || !*out)
		ok = fail(c, "snag why: exit status %d: %s", command.status,
			  strbuf_str(&command.err));
	if (strchr(out, '\033'))
		ok = fail(c, "snag why prints colour into a pipe");
	for (size_t i = 0; i < truth_count(&c->truth->n_says); i++)
		if (!text_says(out, c->truth->says[i].words)) {
			strbuf_addf(&c->why, "  snag why does not say \"%s\"\n",
				    c->truth->says[i].words);
			ok = differs(c, "text", 0);
		}
	if (c->r->verbose)
		printf("--- snag why %s\n%s", target, out);
	else if (c->why.len)
		strbuf_addf(&c->why, "--- snag why %s\n%s", target, out);
	return ok;
}

/* The capture alone must give the answer that the live tree gave, be it right or wrong. */
static bool check_capture(struct scenario_case *c, enum reader reader)
{
	bool right = !c->wrong;
	_cleanup_command_ struct command command = { .status = 0 };
	_cleanup_strbuf_ struct strbuf signature = STRBUF_INIT;
	_cleanup_free_ char *target = root_text(c);
	_cleanup_words_ struct words w;

	words_start(&w, c, "dump", target, reader_names[reader]);
	words_add(&w, "-o");
	words_add(&w, c->capture);
	command_run(&command, w.argv);
	if (command.status != 0)
		return fail(c, "snag dump: exit status %d: %s", command.status,
			    strbuf_str(&command.err));
	json_t *answer = ask(c, c->capture, NULL);
	if (!answer)
		return fail(c, "of the capture");
	bool ok = !right || truth_compare(c->truth, answer, reader, &c->why) ||
		  fail(c, "of the capture");
	answer_signature(answer, &signature);
	json_decref(answer);
	if (!c->s->moving && strcmp(strbuf_str(&signature), strbuf_str(&c->signature[reader])) != 0)
		ok = fail(c, "the capture differs\n  live:\n%s  capture:\n%s",
			  strbuf_str(&c->signature[reader]), strbuf_str(&signature));
	return ok;
}

/* The other views, live or of the capture (reader NULL). */
static bool check_views(struct scenario_case *c, const char *reader)
{
	_cleanup_free_ char *target = reader ? root_text(c) : strdup(c->capture);
	const struct view_ask ask = { c->r->snag, target, reader, c->truth->dir, c->r->schema };

	return views_check(&ask, &c->why) || fail(c, "of snag stacks");
}

static bool ask_everything(struct scenario_case *c)
{
	int first = -1;
	bool ok = true;

	if (c->r->dry) {
		_cleanup_strbuf_ struct strbuf truth = STRBUF_INIT;

		truth_print(c->truth, &truth);
		printf("%s", strbuf_str(&truth));
		return true;
	}

	for (int reader = 0; reader < READER_COUNT; reader++) {
		if (!c->r->use[reader] ||
		    (c->s->reader && strcmp(c->s->reader, reader_names[reader]) != 0))
			continue;
		ok &= ask_reader(c, (enum reader)reader);
		ok &= check_views(c, reader_names[reader]);
		first = first < 0 ? reader : first;
	}
	if (first < 0)
		return fail(c, "no reader can be had");
	ok &= readers_agree(c);
	if (c->answer[first]) {
		ok &= check_status(c, (enum reader)first);
		ok &= check_capture(c, (enum reader)first) && check_views(c, NULL);
	}
	ok &= check_text(c, (enum reader)first);
	return ok;
}

/* ---- start and end ---- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static bool case_prepare(struct scenario_case *c)
{
	c->truth = mmap(NULL, sizeof(*c->truth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (c->truth == MAP_FAILED)
		return fail(c, "mmap: %m");
	truth_page = c->truth;
	const char *tmp = getenv("TMPDIR");
	snprintf(c->truth->dir, sizeof(c->truth->dir), "%s/snag-scenario-XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(c->truth->dir) || chmod(c->truth->dir, 0755) < 0)
		return fail(c, "mkdtemp %s: %m", c->truth->dir);
	snprintf(c->log, sizeof(c->log), "%s.log", c->truth->dir);
	snprintf(c->capture, sizeof(c->capture), "%s.snag", c->truth->dir);
	return true;
}

static void case_end(struct scenario_case *c)
{
	if (c->s->cleanup)
		c->s->cleanup();
	if (!proc_kill_descendants(NULL, 0))
		fail(c, "something of the scenario is left and cannot be ended");
	if (c->truth->dir[0] &&
	    nftw(c->truth->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0)
		fail(c, "removing %s: %m", c->truth->dir);
	unlink(c->capture);
}

static void case_report(struct scenario_case *c)
{
	_cleanup_fclose_ FILE *log = fopen(c->log, "re");
	char line[1024];

	for (int reader = 0; reader < READER_COUNT; reader++) {
		if (!c->answer[reader] || !c->why.len)
			continue;
		if (reader > 0 &&
		    strcmp(strbuf_str(&c->signature[0]), strbuf_str(&c->signature[reader])) == 0)
			continue;
		strbuf_addf(&c->why, "reader %s\n", reader_names[reader]);
		truth_explain(c->truth, c->answer[reader], &c->why);
	}
	fputs(strbuf_str(&c->why), stdout);
	for (int i = 0; c->why.len && log && i < 20 && fgets(line, sizeof(line), log); i++)
		printf("patient: %s", line);
	unlink(c->log);
}

int case_outcome(const struct scenario *s, bool wrong, bool broken)
{
	if (broken || wrong != (s->unseen != NULL))
		return CASE_FAILED;
	return wrong ? CASE_UNSEEN : CASE_PASSED;
}

static int case_result(struct scenario_case *c, bool ok)
{
	if (c->truth->lacking[0] && !words_have(c->r->require, c->truth->lacking))
		return CASE_SKIPPED;
	if (c->r->dry)
		return ok ? CASE_PASSED : CASE_FAILED;
	return case_outcome(c->s, c->wrong, c->broken || !(ok || c->wrong));
}

int case_run(const struct scenario *s, const struct runner *r)
{
	struct scenario_case c = { .s = s, .r = r };

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || !case_prepare(&c)) {
		printf("cannot start: %s %m\n", strbuf_str(&c.why));
		return CASE_FAILED;
	}
	c.patient = fork();
	if (c.patient == 0)
		patient_start(&c);
	bool ok = c.patient > 0 && await_ready(&c) && await_settled(&c);
	if (ok) {
		ok &= ask_everything(&c);
		ok &= check_undisturbed(&c);
		ok = ok && python_compare(c.answer, c.truth->dir, &c.why);
		ok = ok && tasks_compare(c.answer, c.truth->dir, &c.why);
		ok = ok && stacks_compare(c.answer, c.truth->dir, s->moving, &c.why);
	}
	case_end(&c);
	ok &= c.why.len == 0;
	if (ok && s->unseen && !r->dry)
		strbuf_addf(&c.why, "snag knows it: the mark has to go that says it cannot: %s\n",
			    s->unseen);
	case_report(&c);
	for (int reader = 0; reader < READER_COUNT; reader++) {
		json_decref(c.answer[reader]);
		strbuf_release(&c.signature[reader]);
	}
	strbuf_release(&c.why);
	return case_result(&c, ok);
}
