/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * matrix.c - one scenario for each fault and backend: start the tree, spring the trap, wait until
 * the tree's own truth log says that it hangs, and hand what that says to the runner.
 */
#include "scenario/grove/grove.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROW_LISTS = 16, LINES_MAX = 4096, LIMIT_S = 25 };

/* A fault on a backend, as grove-tree lists it. Lives until the end, like the list of scenarios. */
struct pair {
	char fault[64], backend[64], trigger[16], refuses[256], hosted[8], text[256];
	char name[160];
	int depth, breadth, traps, hangs;
	const struct hang *row; /* NULL: nobody has said what is true of it */
	struct scenario scenario;
};

static const struct hang *row_lists[ROW_LISTS];
static size_t n_row_lists;

void hangs_add(const struct hang *rows)
{
	if (n_row_lists == ROW_LISTS)
		abort();
	row_lists[n_row_lists++] = rows;
}

static const struct hang *find_row(const char *fault)
{
	for (size_t i = 0; i < n_row_lists; i++)
		for (const struct hang *row = row_lists[i]; row->fault; row++)
			if (strcmp(row->fault, fault) == 0)
				return row;
	return NULL;
}

/* ---- the truth log --------------------------------------------------------------------------- */

/* All lines of all actors so far. */
struct log {
	json_t *at[LINES_MAX];
	size_t count;
};

static void log_forget(struct log *log)
{
	for (size_t i = 0; i < log->count; i++)
		json_decref(log->at[i]);
	log->count = 0;
}

/* A line that is not complete yet ends the file. */
static void log_read_file(struct log *log, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[8192];

	while (file && log->count < LINES_MAX && fgets(line, sizeof(line), file)) {
		json_t *one = strchr(line, '\n') ? json_loads(line, 0, NULL) : NULL;

		if (!one)
			break;
		log->at[log->count++] = one;
	}
	if (file)
		fclose(file);
}

static void log_read(struct log *log)
{
	const char *folder = text("%s/truth", scenario_dir());
	DIR *dir = opendir(folder);
	struct dirent *entry;

	log_forget(log);
	while (dir && (entry = readdir(dir)))
		if (strstr(entry->d_name, ".jsonl"))
			log_read_file(log, text("%s/%s", folder, entry->d_name));
	if (dir)
		closedir(dir);
	if (log->count == LINES_MAX)
		scenario_die("more than %d lines in the truth log", LINES_MAX);
}

static const char *word_of(const json_t *line, const char *key)
{
	const char *word = json_string_value(json_object_get(line, key));

	return word ? word : "";
}

static pid_t number_of(const json_t *line, const char *key)
{
	return (pid_t)json_integer_value(json_object_get(line, key));
}

static bool is_event(const json_t *line, const char *event)
{
	return strcmp(word_of(line, "event"), event) == 0;
}

/* How many lines of an event there are; the first one into *first (borrowed) when asked for. */
static int count_events(const struct log *log, const char *event, const json_t **first)
{
	int count = 0;

	for (size_t i = 0; i < log->count; i++) {
		if (!is_event(log->at[i], event))
			continue;
		if (first && count == 0)
			*first = log->at[i];
		count++;
	}
	return count;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static const char *tree_path(void)
{
	static char path[4096];
	const char *named = getenv("GROVE_TREE");
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);

	path[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(path, '/');
	if (slash)
		strcpy(slash, "/grove-tree");
	return named ? named : path;
}

static void run_tree(void *arg)
{
	char *const *argv = arg;

	execv(argv[0], argv);
	scenario_die("%s: %m", argv[0]);
}

/* In a session of its own: who outlives the tree can be told by it. */
static pid_t start_tree(const struct pair *p)
{
	const char *argv[] = { tree_path(), "--fault",	  p->fault, "--backend",
			       p->backend,  "--depth",	  NULL,	    "--breadth",
			       NULL,	    "--grace-ms", "2000",   NULL };

	argv[6] = text("%d", p->depth);
	argv[8] = text("%d", p->breadth);
	must(mkdir(text("%s/truth", scenario_dir()), 0700));
	must(setenv("GROVE_TRUTH", text("%s/truth", scenario_dir()), 1));
	must(setenv("XDG_RUNTIME_DIR", scenario_dir(), 1));
	return spawn_session(run_tree, (char **)argv);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid == pid;
}

static int64_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Until there are `count` lines of an event. */
static void await_events(struct log *log, pid_t root, const char *event, int count)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t end = now_s() + LIMIT_S;

	for (log_read(log); count_events(log, event, NULL) < count; log_read(log)) {
		/* only one that was killed may be gone */
		if (root && has_ended(root))
			scenario_die("the tree has ended, and did not hang");
		if (now_s() > end)
			scenario_die("no %d lines '%s' in the truth log within %d s", count, event,
				     LIMIT_S);
		nanosleep(&pause, NULL);
	}
}

/* Whether a signal that was sent is taken: it is pending for the process no more. */
static bool is_taken(void *arg)
{
	const pid_t *pid = arg;
	FILE *file = fopen(text("/proc/%d/status", *pid), "re");
	unsigned long long pending = ~0ull;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "ShdPnd: %llx", &pending) == 1)
			break;
	if (file)
		fclose(file);
	return !(pending & 1ull << (SIGINT - 1));
}

static void interrupt_process(pid_t pid)
{
	must(kill(pid, SIGINT));
	wait_until(is_taken, &pid, "SIGINT is delivered");
}

/* Spring the trap. The process that snag is to be asked about: the root, or what is left of it. */
static pid_t spring(const struct pair *p, const struct log *log, pid_t root)
{
	const json_t *trap = NULL;

	count_events(log, "trap", &trap);
	if (strcmp(p->trigger, "root") == 0)
		interrupt_process(root);
	if (strcmp(p->trigger, "orphan") != 0)
		return root;
	pid_t orphan = number_of(trap, "pid");
	must(kill(root, SIGKILL));
	must(waitpid(root, NULL, 0));
	wait_blocked(orphan, 0); /* it has seen the ends of its connections, and rests again */
	interrupt_process(orphan);
	return orphan;
}

struct thread {
	pid_t pid, tid;
	bool reaped; /* a zombie is not gone yet */
};

/* Gone, or a zombie that nobody reaps. */
static bool has_left(void *arg)
{
	const struct thread *who = arg;
	FILE *file = fopen(text("/proc/%d/task/%d/stat", who->pid, who->tid), "re");
	char line[512] = "";
	const char *end;

	if (!file)
		return true;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	end = strrchr(line, ')');
	return !end || end[2] == 'X' || (end[2] == 'Z' && !who->reaped);
}

static void await_leavers(const struct log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		struct thread who = { number_of(log->at[i], "pid"), number_of(log->at[i], "thread"),
				      number_of(log->at[i], "reaped") };

		if (is_event(log->at[i], "hang-leaves"))
			wait_until(has_left, &who, "a thread has left");
	}
}

/* What a process has read and written, and since when that is so. */
struct traffic {
	pid_t pid;
	long long bytes;
	struct timespec since;
};

enum { QUIET_MS = 300 };

/* It runs, and no byte comes of it: the last words before the hang are said. */
static bool is_quiet(void *arg)
{
	struct traffic *t = arg;
	FILE *file = fopen(text("/proc/%d/io", t->pid), "re");
	long long in = 0, out = 0;
	struct timespec now;

	if (!file || fscanf(file, "rchar: %lld wchar: %lld", &in, &out) != 2)
		scenario_die("the traffic of process %d cannot be read", t->pid);
	fclose(file);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (in + out != t->bytes)
		t->since = now;
	t->bytes = in + out;
	return (now.tv_sec - t->since.tv_sec) * 1000 + (now.tv_nsec - t->since.tv_nsec) / 1000000 >=
	       QUIET_MS;
}

static void await_quiet(const struct log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		struct traffic t = { .pid = number_of(log->at[i], "culprit"), .bytes = -1 };

		if (is_event(log->at[i], "hang-culprit"))
			wait_until(is_quiet, &t, "who is busy reads and writes nothing");
	}
}

/* ---- the truth ------------------------------------------------------------------------------ */

/* Every loop that has not ended rests. */
static void state_blocked(const struct log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		struct thread who = { .pid = number_of(log->at[i], "pid"),
				      .tid = number_of(log->at[i], "tid") };
		bool ended = has_left(&who);

		if (!is_event(log->at[i], "up"))
			continue;
		for (size_t k = 0; k < log->count; k++)
			ended |= is_event(log->at[k], "actor-exit") &&
				 number_of(log->at[k], "pid") == who.pid &&
				 number_of(log->at[k], "tid") == who.tid;
		if (!ended)
			truth_blocked(who.pid, who.tid);
	}
}

/* Whether there is such a child, be it a zombie. */
static bool is_child(pid_t pid, pid_t parent)
{
	FILE *file = fopen(text("/proc/%d/status", pid), "re");
	char line[256];
	int found = 0;

	while (file && !found && fgets(line, sizeof(line), file))
		(void)sscanf(line, "PPid: %d", &found);
	if (file)
		fclose(file);
	return found && found == parent;
}

/* Who has left is to be reaped by an actor, not by a helper of the backend, and was not. */
static void state_zombie(const json_t *line, pid_t root)
{
	pid_t pid = number_of(line, "pid");

	if (number_of(line, "thread") == pid && !number_of(line, "reaped") && is_child(pid, root))
		truth_finding("zombie", pid);
}

/* A text of a line; NULL when it has none. */
static const char *text_of(const json_t *line, const char *key)
{
	const char *word = word_of(line, key);

	return *word ? word : NULL;
}

static void state_line(const struct pair *p, const json_t *line, pid_t root)
{
	if (is_event(line, "hang-wait"))
		truth_wait(number_of(line, "waiter"), number_of(line, "thread"),
			   word_of(line, "wait"), text_of(line, "key"), number_of(line, "on"));
	else if (is_event(line, "hang-leaves"))
		state_zombie(line, root);
	else if (is_event(line, "hang-culprit"))
		truth_blame(&(struct truth_blame){ .pid = number_of(line, "culprit"),
						   .tid = number_of(line, "thread"),
						   .reason = p->row->reason,
						   .key = text_of(line, "key"),
						   .says = text_of(line, "word") });
	else if (is_event(line, "hang-finding"))
		truth_finding_on(word_of(line, "finding"), number_of(line, "of"),
				 text_of(line, "key"));
	else if (is_event(line, "hang-says"))
		truth_says("%s", word_of(line, "word"));
}

static void state_verdicts(const char *verdicts)
{
	char words[128], *save = NULL;

	snprintf(words, sizeof(words), "%s", verdicts);
	for (char *word = strtok_r(words, "|", &save); word; word = strtok_r(NULL, "|", &save))
		truth_verdict(word, NULL);
}

static void hang_on_demand(void)
{
	static struct log log;
	const struct pair *p = scenario_arg();

	if (!p->row)
		scenario_die("no row says what is true of the fault '%s'", p->fault);
	pid_t root = start_tree(p);
	bool killed = strcmp(p->trigger, "orphan") == 0;

	await_events(&log, root, "tree-up", 1);
	await_events(&log, root, "trap", p->traps);
	truth_root(spring(p, &log, root));
	await_events(&log, killed ? 0 : root, "hang", p->hangs);
	await_leavers(&log);
	if (strcmp(p->row->verdict, "busy") == 0)
		await_quiet(&log);
	if (!killed)
		truth_actor(root, 0, NULL);
	state_verdicts(p->row->verdict);
	for (size_t i = 0; i < log.count; i++)
		state_line(p, log.at[i], killed ? 0 : root);
	if (!p->row->moving)
		state_blocked(&log);
	for (size_t i = 0; i < 2 && p->row->findings[i]; i++)
		truth_finding(p->row->findings[i], 0);
	truth_ready();
	for (;;)
		pause();
}

/* ---- the list -------------------------------------------------------------------------------- */

static void set_fact(struct pair *p, const char *key, const char *value)
{
	const struct {
		const char *key;
		char *text;
		size_t size;
		int *number;
	} facts[] = {
		{ "fault", p->fault, sizeof(p->fault), NULL },
		{ "backend", p->backend, sizeof(p->backend), NULL },
		{ "trigger", p->trigger, sizeof(p->trigger), NULL },
		{ "refuses", p->refuses, sizeof(p->refuses), NULL },
		{ "hosted", p->hosted, sizeof(p->hosted), NULL },
		{ "text", p->text, sizeof(p->text), NULL },
		{ "depth", NULL, 0, &p->depth },
		{ "breadth", NULL, 0, &p->breadth },
		{ "traps", NULL, 0, &p->traps },
		{ "hangs", NULL, 0, &p->hangs },
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
		if (strcmp(facts[i].key, key) != 0)
			continue;
		if (facts[i].text)
			snprintf(facts[i].text, facts[i].size, "%s", value);
		else
			*facts[i].number = atoi(value);
	}
}

/* "KEY=VALUE" with tabs between them. */
static struct pair *read_pair(char *line)
{
	struct pair *p = calloc(1, sizeof(*p));
	char *word;

	if (!p)
		abort();
	line[strcspn(line, "\n")] = '\0';
	while ((word = strsep(&line, "\t"))) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		set_fact(p, word, value);
	}
	return p;
}

static void add_pair(struct pair *p)
{
	const struct hang *row = find_row(p->fault);
	bool hosted = strcmp(p->hosted, "yes") == 0;

	p->row = row;
	snprintf(p->name, sizeof(p->name), "%s@%s", p->fault, p->backend);
	p->scenario = (struct scenario){
		.name = p->name,
		.file = __FILE__,
		.what = p->text,
		.arg = p,
		.body = hang_on_demand,
		.moving = row && row->moving,
		.unseen = !row			       ? NULL :
			  hosted && row->unseen_hosted ? row->unseen_hosted :
							 row->unseen,
	};
	scenario_register(&p->scenario);
}

static bool listed;
static bool row_used[ROW_LISTS][64];

static void use_row(const char *fault)
{
	for (size_t i = 0; i < n_row_lists; i++)
		for (size_t k = 0; row_lists[i][k].fault && k < 64; k++)
			row_used[i][k] |= strcmp(row_lists[i][k].fault, fault) == 0;
}

SCENARIO_MAKER(matrix)
{
	FILE *list = popen(text("'%s' --list-faults", tree_path()), "re");
	char line[1024];

	while (list && fgets(line, sizeof(line), list)) {
		struct pair *p = read_pair(line);

		use_row(p->fault);
		if (*p->refuses)
			free(p);
		else
			add_pair(p);
	}
	listed = list && pclose(list) == 0;
}

static void look_at_nothing(void *unused)
{
	(void)unused;
	pause();
}

/* A matrix that has nothing in it would pass. */
SCENARIO(rows_and_faults, .what = "grove-tree lists its faults, and every row is one of them")
{
	if (!listed)
		scenario_die("%s --list-faults does not work", tree_path());
	for (size_t i = 0; i < n_row_lists; i++)
		for (size_t k = 0; row_lists[i][k].fault && k < 64; k++)
			if (!row_used[i][k])
				scenario_die("there is no fault '%s'", row_lists[i][k].fault);
	pid_t child = spawn_child(look_at_nothing, NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_ready();
	waitpid(child, NULL, 0);
}
