/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenario runner: which scenarios, with which readers, how many at once, and the closing line.
 *
 *	scenario [-l] [-j N] [-n] [-v] [--reader bpf|procfs] [GLOB...]
 *
 * -l lists, -v also prints what snag says, -n asks nobody and prints the truth of the settled
 * patient. $SNAG is the program under test, else the `snag` next to this binary. $SNAG_REQUIRE
 * names capabilities
 * ("bpf,python") whose absence is a failure and not a skip.
 */
#include "scenario_harness.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_SCENARIOS = 1024, MAX_JOBS = 32 };

/* A case may take so long, and so much longer for each repetition: machines may be busy. */
static const uint64_t case_limit_ns = 240000000000ull, repeat_limit_ns = 10000000000ull;

static const struct scenario *scenarios[MAX_SCENARIOS];
static size_t n_scenarios;
static volatile sig_atomic_t interrupted;

struct job {
	pid_t pid;
	const struct scenario *s;
	FILE *report;
	uint64_t start_ns;
};

struct session {
	struct runner runner;
	struct job jobs[MAX_JOBS];
	size_t max_jobs, passed, failed, skipped, unseen;
	char **globs;
	bool list;
};

void scenario_register(const struct scenario *s)
{
	if (n_scenarios < MAX_SCENARIOS)
		scenarios[n_scenarios] = s;
	n_scenarios++; /* main() refuses to run when there are more than fit */
}

enum { MAX_MAKERS = 32 };
static void (*makers[MAX_MAKERS])(void);
static size_t n_makers;

void scenario_maker(void (*make)(void))
{
	if (n_makers == MAX_MAKERS)
		abort();
	makers[n_makers++] = make;
}

static void full_name(const struct scenario *s, char *name, size_t size)
{
	char group[64];

	scenario_group(s, group, sizeof(group));
	snprintf(name, size, "%s/%s", group, s->name);
}

static int scenario_order(const void *a, const void *b)
{
	const struct scenario *const *x = a, *const *y = b;
	int order = strcmp((*x)->file, (*y)->file);

	return order ? order : strcmp((*x)->name, (*y)->name);
}

/* "process", "process/wait4*" and "wait4*" all find process/wait4_pid. */
static bool selected(const struct session *run, const char *name)
{
	const char *slash = strchr(name, '/');
	size_t group = slash ? (size_t)(slash - name) : 0;

	if (!run->globs[0])
		return true;
	for (char **g = run->globs; *g; g++)
		if (fnmatch(*g, name, 0) == 0 || (slash && fnmatch(*g, slash + 1, 0) == 0) ||
		    (strlen(*g) == group && strncmp(*g, name, group) == 0))
			return true;
	return false;
}

static void verdict_print(const char *what, const char *name, const char *detail)
{
	printf("%s %s%s%s\n", what, name, *detail ? ": " : "", detail);
	fflush(stdout);
}

/* ---- one job ---- */

static void job_start(struct session *run, struct job *job, const struct scenario *s)
{
	fflush(stdout);
	*job = (struct job){ .s = s, .report = tmpfile(), .start_ns = now_ns() };
	if (!job->report) {
		perror("tmpfile");
		exit(1);
	}
	pid_t parent = getpid();
	job->pid = fork();
	if (job->pid < 0) {
		perror("fork");
		exit(1);
	}
	if (job->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(fileno(job->report), 1) < 0)
		_exit(CASE_FAILED);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	int result = case_run(s, &run->runner);
	fflush(stdout);
	_exit(result);
}

static void report_copy(FILE *report, bool indent)
{
	char line[4096];

	rewind(report);
	while (fgets(line, sizeof(line), report))
		printf("%s%s", indent ? "    " : "", line);
}

static void job_finish(struct session *run, struct job *job, int status)
{
	char name[256], detail[128];
	int result = WIFEXITED(status) ? WEXITSTATUS(status) : CASE_FAILED;

	full_name(job->s, name, sizeof(name));
	snprintf(detail, sizeof(detail), "%.2f s", (double)(now_ns() - job->start_ns) / 1e9);
	if (!WIFEXITED(status))
		snprintf(detail, sizeof(detail), "the runner of it ended with status %#x", status);
	if (result == CASE_PASSED) {
		run->passed++;
		verdict_print("ok  ", name, detail);
	} else if (result == CASE_SKIPPED) {
		run->skipped++;
		verdict_print("skip", name, "");
	} else if (result == CASE_UNSEEN) {
		run->unseen++;
		verdict_print("ok  ", name,
			      text("%s, not to be seen yet: %s", detail, job->s->unseen));
	} else {
		run->failed++;
		verdict_print("FAIL", name, detail);
	}
	if (result != CASE_UNSEEN || run->runner.verbose)
		report_copy(job->report, true);
	fflush(stdout);
	fclose(job->report);
	*job = (struct job){ .pid = 0 };
}

/* Everything below this process that no running case owns: what a case that was killed has left. */
static void orphans_kill(struct session *run)
{
	pid_t keep[MAX_JOBS];
	size_t n = 0;

	for (size_t i = 0; i < run->max_jobs; i++)
		if (run->jobs[i].pid)
			keep[n++] = run->jobs[i].pid;
	if (!proc_kill_descendants(keep, n))
		printf("FAIL harness: orphans are left that cannot be ended\n");
}

static uint64_t job_limit_ns(const struct job *job)
{
	return case_limit_ns + (uint64_t)job->s->repeat * repeat_limit_ns;
}

/* Collect what has ended; true when a slot is free. */
static bool jobs_poll(struct session *run)
{
	bool is_free = false;

	for (size_t i = 0; i < run->max_jobs; i++) {
		struct job *job = &run->jobs[i];
		int status;

		if (job->pid && waitpid(job->pid, &status, WNOHANG) == job->pid) {
			job_finish(run, job, status);
			orphans_kill(run);
		} else if (job->pid && now_ns() - job->start_ns > job_limit_ns(job)) {
			kill(job->pid, SIGKILL);
		}
		is_free |= job->pid == 0;
	}
	return is_free;
}

static bool jobs_running(const struct session *run)
{
	for (size_t i = 0; i < run->max_jobs; i++)
		if (run->jobs[i].pid)
			return true;
	return false;
}

/* A case of its own, or, when something it needs cannot be had, a skip or a failure. */
static void scenario_start(struct session *run, const struct scenario *s)
{
	char name[256], lacking[64];

	full_name(s, name, sizeof(name));
	if (!needs_met(s->needs, lacking, sizeof(lacking))) {
		bool required = words_have(run->runner.require, lacking);

		*(required ? &run->failed : &run->skipped) += 1;
		verdict_print(required ? "FAIL" : "skip", name, text("needs %s", lacking));
		return;
	}
	while (!interrupted && !jobs_poll(run))
		poll_pause();
	for (size_t i = 0; !interrupted && i < run->max_jobs; i++) {
		if (run->jobs[i].pid == 0) {
			job_start(run, &run->jobs[i], s);
			return;
		}
	}
}

static void self_tests(struct session *run)
{
	const char *test;

	for (size_t i = 0; (test = self_test_name(i)); i++) {
		char name[128];

		snprintf(name, sizeof(name), "harness/%s", test);
		if (!selected(run, name))
			continue;
		if (run->list) {
			printf("%s\n", name);
			continue;
		}
		bool ok = self_test_run(i);
		*(ok ? &run->passed : &run->failed) += 1;
		verdict_print(ok ? "ok  " : "FAIL", name, "");
	}
}

/* ---- the session ---- */

static void schema_load(struct runner *r)
{
	_cleanup_command_ struct command c = { .status = 0 };
	json_error_t error;

	command_run(&c, (char *[]){ r->snag, (char *)"--json-schema", NULL });
	if (c.status != 0)
		snprintf(r->schema_error, sizeof(r->schema_error),
			 "snag --json-schema: exit status %d: %.150s", c.status,
			 strbuf_str(&c.err));
	else if (!(r->schema = json_loads(strbuf_str(&c.out), 0, &error)))
		snprintf(r->schema_error, sizeof(r->schema_error),
			 "snag --json-schema, line %d: %s", error.line, error.text);
}

/* $SNAG, else the `snag` in the folder of this program. */
static void snag_find(struct runner *r)
{
	const char *snag = getenv("SNAG");
	char self[3072];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	snprintf(r->snag, sizeof(r->snag), "%s%s", snag ? snag : self, snag ? "" : "/snag");
}

static bool readers_choose(struct session *run, const char *only)
{
	char lacking[64];
	struct runner *r = &run->runner;

	r->use[READER_PROCFS] = true;
	r->use[READER_BPF] = needs_met("root,bpf", lacking, sizeof(lacking));
	if (!r->use[READER_BPF] && words_have(r->require, "bpf")) {
		run->failed++;
		verdict_print("FAIL", "harness/readers",
			      "SNAG_REQUIRE names bpf, which cannot be had");
	}
	for (int i = 0; only && i < READER_COUNT; i++)
		r->use[i] &= strcmp(only, reader_names[i]) == 0;
	if (r->use[READER_BPF] || r->use[READER_PROCFS])
		return true;
	fprintf(stderr, "scenario: the reader %s cannot be had\n", only);
	return false;
}

static void interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: scenario [-lnv] [-j N] [--reader bpf|procfs] [GLOB...]\n");
	return 2;
}

static int options(struct session *run, int argc, char **argv, const char **reader)
{
	static const struct option longs[] = { { "reader", required_argument, NULL, 'r' }, { 0 } };

	run->max_jobs = 2;
	for (int c; (c = getopt_long(argc, argv, "lj:nv", longs, NULL)) != -1;) {
		if (c == 'l')
			run->list = true;
		else if (c == 'j' && atoi(optarg) > 0 && atoi(optarg) <= MAX_JOBS)
			run->max_jobs = (size_t)atoi(optarg);
		else if (c == 'n')
			run->runner.dry = true;
		else if (c == 'v')
			run->runner.verbose = true;
		else if (c == 'r')
			*reader = optarg;
		else
			return usage();
	}
	run->globs = argv + optind;
	return 0;
}

static void scenarios_run(struct session *run)
{
	for (size_t i = 0; i < n_scenarios && !interrupted; i++) {
		char name[256];

		full_name(scenarios[i], name, sizeof(name));
		if (!selected(run, name))
			continue;
		if (run->list)
			printf("%-36s %s\n", name, scenarios[i]->what);
		else
			scenario_start(run, scenarios[i]);
	}
	while (!interrupted && jobs_running(run)) {
		jobs_poll(run);
		poll_pause();
	}
	if (interrupted)
		proc_kill_descendants(NULL, 0);
}

int main(int argc, char **argv)
{
	struct session run = { .max_jobs = 0 };
	const char *reader = NULL;
	int rc = options(&run, argc, argv, &reader);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n_makers; i++)
		makers[i]();
	if (n_scenarios > MAX_SCENARIOS) {
		fprintf(stderr, "scenario: more than %d scenarios\n", MAX_SCENARIOS);
		return 1;
	}
	qsort(scenarios, n_scenarios, sizeof(*scenarios), scenario_order);
	run.runner.require = getenv("SNAG_REQUIRE") ? getenv("SNAG_REQUIRE") : "";
	signal(SIGINT, interrupt);
	signal(SIGTERM, interrupt);
	self_tests(&run);
	if (!run.list) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		snag_find(&run.runner);
		schema_load(&run.runner);
		if (!readers_choose(&run, reader))
			return 1;
	}
	scenarios_run(&run);
	if (run.list)
		return 0;
	json_decref(run.runner.schema);
	if (run.unseen)
		printf("%zu of these differ from the truth as expected\n", run.unseen);
	printf("%zu passed, %zu failed, %zu skipped\n", run.passed + run.unseen, run.failed,
	       run.skipped);
	return run.failed > 0 || interrupted ? 1 : 0;
}
