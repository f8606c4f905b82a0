/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command looks at: a live tree by pid, pattern or cgroup, or a capture.
 */
#include "cmd.h"

#include "capture/capture.h"
#include "graph/verdict.h"
#include "model/redact.h"

#include <errno.h>
#include <regex.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

const struct opt target_rows[] = {
	{ 'm', "match", OPT_STRING, offsetof(struct target_opts, match), "REGEX", .bit = BIT_MATCH,
	  .excludes = BIT_CGROUP,
	  .help = "look at the processes whose command line matches, instead of a pid" },
	{ 'g', "cgroup", OPT_STRING, offsetof(struct target_opts, cgroup), "PATH",
	  .bit = BIT_CGROUP, .help = "look at the processes of a cgroup, instead of a pid" },
	{ 'a', "also", OPT_PIDS, offsetof(struct target_opts, also), "PID",
	  .help = "add this process and its descendants; may be repeated" },
	{ 'r', "reader", OPT_CHOICE, offsetof(struct target_opts, reader), "auto|bpf|procfs",
	  .help = "where facts come from: bpf needs root and knows more; auto takes the best "
		  "there is" },
	{ 0, "redact", OPT_FLAG, offsetof(struct target_opts, redact),
	  .help = "replace arguments and paths by hashes that are equal where they were equal" },
	{ 0 },
};

const struct opt focus_rows[] = {
	{ 't', "thread", OPT_PID, offsetof(struct target_opts, thread), "TID",
	  .help = "give the verdict of this thread, not of the root's main thread" },
	{ 0 },
};

static bool is_live_only(const struct target_opts *opts)
{
	return opts->match || opts->cgroup || opts->reader || opts->also.list.count ||
	       opts->stacks || opts->no_stacks || opts->kernel_stacks || opts->lines ||
	       opts->no_lines || opts->unwinder || opts->locals;
}

const struct opt stack_rows[] = {
	{ 's', "stacks", OPT_FLAG, offsetof(struct target_opts, stacks), .bit = BIT_STACKS,
	  .excludes = BIT_NO_STACKS, .help = "take the native stacks of all threads of the tree" },
	{ 0, "no-stacks", OPT_FLAG, offsetof(struct target_opts, no_stacks), .bit = BIT_NO_STACKS,
	  .excludes = BIT_STACKS, .help = "take no stacks at all" },
	{ 0 },
};

const struct opt frame_rows[] = {
	{ 'k', "kernel-stacks", OPT_FLAG, offsetof(struct target_opts, kernel_stacks),
	  .help = "kernel stacks too of every thread whose stack is taken, not only of those that "
		  "cannot be interrupted; needs root" },
	{ 0, "lines", OPT_FLAG, offsetof(struct target_opts, lines), .bit = BIT_LINES,
	  .excludes = BIT_NO_LINES,
	  .help = "source files, lines and inlined functions, where there is debug information" },
	{ 0, "no-lines", OPT_FLAG, offsetof(struct target_opts, no_lines), .bit = BIT_NO_LINES,
	  .excludes = BIT_LINES, .help = "only functions, which is faster" },
	{ 0, "unwinder", OPT_CHOICE, offsetof(struct target_opts, unwinder), "own|libunwind",
	  .help = "what walks the stacks" },
	{ 0, "locals", OPT_FLAG, offsetof(struct target_opts, locals),
	  .help = "the variables of Python calls too, each value in a few words" },
	{ 0 },
};

/* The verdict of another thread than the one that the capture was made for. */
static enum status refocus(const char *command, const struct target_opts *opts, struct model *m)
{
	uint32_t thread;

	if (!opts->thread)
		return STATUS_DONE;
	thread = model_find_tid(m, opts->thread);
	if (!thread)
		return complain(STATUS_FAILED, command, "no thread %d in this capture",
				opts->thread);
	m->verdict.focus_thread = thread;
	verdict_give(m);
	return STATUS_DONE;
}

static enum status from_file(const char *command, const struct target_opts *opts, const char *path,
			     struct model **ret)
{
	struct snag_error err = SNAG_ERROR_INIT;

	if (is_live_only(opts))
		return complain(STATUS_USAGE, command,
				"--match, --cgroup, --also, --reader and what is said of stacks "
				"are for live trees; \"%s\" is none",
				path);
	if (access(path, F_OK) < 0)
		return complain(STATUS_USAGE, command, "\"%s\" is neither a pid nor a file", path);
	if (access(path, R_OK) == 0 && !capture_is_one(path))
		return complain(STATUS_FAILED, command, "%s is no capture made by snag", path);
	if (capture_load(path, ret, &err) < 0)
		return complain(STATUS_FAILED, command, "%s", err.text);
	return refocus(command, opts, *ret);
}

static enum status check_match(const char *command, const char *match)
{
	char text[128];
	regex_t regex;
	int rc;

	if (!match)
		return STATUS_DONE;
	rc = regcomp(&regex, match, REG_EXTENDED | REG_NOSUB);
	if (rc != 0) {
		regerror(rc, &regex, text, sizeof(text));
		return complain(STATUS_USAGE, command, "--match \"%s\": %s", match, text);
	}
	regfree(&regex);
	return STATUS_DONE;
}

static enum status from_live(const char *command, const struct target *target, int32_t pid,
			     struct model **ret)
{
	const struct target_opts *opts = target->opts;
	const struct session_opts session = {
		.reader = opts->reader ? opts->reader : "auto",
		.focus_tid = opts->thread,
		.locals = opts->locals,
		.stacks = {
			.which = opts->stacks	 ? STACKS_ALL :
				 opts->no_stacks ? STACKS_NONE :
						   target->stacks,
			.lines = opts->lines || (target->lines && !opts->no_lines),
			.kernel = opts->kernel_stacks,
			.libunwind = opts->unwinder && !strcmp(opts->unwinder, "libunwind"),
		},
	};
	const struct read_scope scope = {
		.roots = &pid,
		.root_count = pid != 0,
		.also = opts->also.list.at,
		.also_count = opts->also.list.count,
		.match = opts->match,
		.cgroup = opts->cgroup,
	};
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_session_ struct session *s = NULL;
	int rc;

	rc = session_open(&session, &s, &err);
	if (rc < 0)
		return complain(STATUS_FAILED, command, "%s", err.text);
	rc = session_look(s, &scope, ret, &err);
	if (rc < 0)
		return complain(rc == -ESRCH ? STATUS_GONE : STATUS_FAILED, command, "%s",
				err.text);
	return STATUS_DONE;
}

static enum status redact(const char *command, struct model *m)
{
	uint8_t key[REDACT_KEY_SIZE];

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return complain(STATUS_FAILED, command, "no random key to redact with: %s",
				strerror(errno));
	model_redact(m, key);
	return STATUS_DONE;
}

enum status target_model(const char *command, const struct target *target, struct model **ret)
{
	const struct target_opts *opts = target->opts;
	const struct opt_args *args = target->args;
	bool others = opts->match || opts->cgroup;
	enum status status = check_match(command, opts->match);
	int32_t pid = 0;

	if (status != STATUS_DONE)
		return status;
	if (args->count == 0 && !others)
		return complain(STATUS_USAGE, command, "no pid and no capture file given");
	if (args->count > 0 && !opts_number(args->args[0], &pid))
		status = from_file(command, opts, args->args[0], ret);
	else if (pid && others)
		return complain(STATUS_USAGE, command,
				"a pid excludes --match and --cgroup; --also adds to it");
	else
		status = from_live(command, target, pid, ret);
	if (status == STATUS_DONE && opts->redact)
		status = redact(command, *ret);
	return status;
}
