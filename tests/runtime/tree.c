/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grove-tree - a tree of actors that waits for ever: the patient.
 *
 *	grove-tree --depth 3 --breadth 2 --spawn-backend exec
 *
 * The root is this process; every node above the leaves starts `breadth` actors, opens a context
 * to each, and waits for its end; a leaf waits for its parent. When all is up the root prints its
 * pid. SIGINT to it ends the tree: exit code 130. With --fail-leaves every leaf fails then, and
 * the errors of all of them are printed: exit code 1.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/actor/actor.h"
#include "runtime/actor/actors.h"
#include "runtime/core/errors.h"
#include "runtime/core/thread.h"
#include "runtime/core/truth.h"
#include "runtime/fault/faults.h"
#include "runtime/res/tty_lock.h"
#include "runtime/spawn/backends.h"

enum { BREADTH_MAX = 64, DEPTH_MAX = 16, EXIT_SIGINT = 130 };

/* What a node is to do; on the wire a map. */
struct plan {
	int64_t depth; /* levels below this node */
	int64_t breadth;
	bool fail;
	char path[GROVE_NAME_SIZE]; /* its name */
};

/* ---- plans ----------------------------------------------------------------------------------- */

static struct grove_value plan_value(const struct plan *plan)
{
	struct grove_value map = grove_map();

	grove_value_set(&map, "depth", grove_int(plan->depth));
	grove_value_set(&map, "breadth", grove_int(plan->breadth));
	grove_value_set(&map, "fail", grove_bool(plan->fail));
	grove_value_set(&map, "path", grove_str(plan->path));
	return map;
}

static int plan_read(struct plan *plan, const struct grove_value *args, struct grove_error *err)
{
	const char *path = "";
	int rc = grove_value_need_int(args, "depth", &plan->depth, err);

	if (rc == 0)
		rc = grove_value_need_int(args, "breadth", &plan->breadth, err);
	if (rc == 0)
		rc = grove_value_need_str(args, "path", &path, err);
	if (rc < 0)
		return rc;
	if (plan->depth < 0 || plan->depth > DEPTH_MAX || plan->breadth < 0 ||
	    plan->breadth > BREADTH_MAX)
		return grove_error_set(err, -EINVAL, "a tree of depth %lld, breadth %lld",
				       (long long)plan->depth, (long long)plan->breadth);
	plan->fail = grove_value_bool(grove_value_find(args, "fail"), false);
	grove_copy_name(plan->path, sizeof(plan->path), path);
	return 0;
}

/* ---- a node ---------------------------------------------------------------------------------- */

struct node {
	const struct plan *plan;
	struct grove_actors actors;
	struct grove_portal *portal[BREADTH_MAX];
	struct grove_context *branch[BREADTH_MAX];
	size_t count;
};

/* The fault of this tree gets its turn: GROVE_FAULT_DONE when this node has nothing else to do. */
static int play_fault(struct node *node, const struct plan *plan, struct grove_context *above,
		      struct grove_error *err)
{
	struct grove_fault_place place = { .path = plan->path, .above = above };
	const struct grove_fault *fault =
		grove_fault_find(grove_actor_fault(grove_actor_self()), &place.off);
	grove_fault_fn *fn;

	if (!fault)
		return 0;
	/*
	 * an idle worker ends by itself, after a while: who looks at a hang would be told to wait
	 */
	(void)grove_threads_drain();
	place.level = grove_fault_level(plan->path);
	if (node) {
		place.actors = &node->actors;
		place.portals = node->portal;
		place.contexts = node->branch;
		place.count = node->count;
	}
	fn = node ? fault->node : fault->leaf;
	return fn ? fn(&place, err) : 0;
}

/* Start one actor below and open its context; returns when all below it is up. */
static int grow(struct node *node, int64_t i, struct grove_error *err)
{
	struct plan below = *node->plan;
	struct grove_portal **portal = &node->portal[node->count];
	int n = snprintf(below.path, sizeof(below.path), "%s.%lld", node->plan->path, (long long)i);

	if (n < 0 || (size_t)n >= sizeof(below.path))
		return grove_error_set(err, -ENAMETOOLONG, "the name of a node is too long");
	below.depth--;
	int rc = grove_actors_start(&node->actors, &(struct grove_start_opts){ .name = below.path },
				    portal, err);
	if (rc == 0)
		rc = grove_portal_open(*portal, "tree.node", plan_value(&below),
				       &node->branch[node->count], err);
	if (rc == 0)
		node->count++;
	return rc;
}

/* The task that waits for the end of one branch. */
static int await_branch(void *arg, struct grove_error *err)
{
	struct grove_context **branch = arg;
	struct grove_context *context = *branch;

	*branch = NULL;
	return grove_context_close(context, 0, NULL, err);
}

/* The word to go on, from above to all below. */
static int pass_on(struct node *node, struct grove_context *above, struct grove_error *err)
{
	_grove_value_ struct grove_value item = above ? grove_nil() : grove_str("go");
	int rc = 0;

	if (above)
		rc = grove_context_recv(above, &item, err);
	for (size_t i = 0; i < node->count && rc == 0; i++)
		if (node->branch[i])
			rc = grove_context_send(node->branch[i], grove_value_copy(&item), err);
	return rc;
}

/* What a node does when all below it is up: waits for the ends of its branches. */
static int hold(struct node *node, struct grove_context *above, bool go, struct grove_error *err)
{
	struct grove_nursery nursery;
	int rc = 0;

	if (go)
		rc = pass_on(node, above, err);
	grove_nursery_open(&nursery, "branches");
	for (size_t i = 0; i < node->count; i++)
		if (node->branch[i])
			grove_spawn(&nursery, "branch", await_branch, &node->branch[i]);
	return grove_nursery_exit(&nursery, rc, err);
}

static int leaf(const struct plan *plan, struct grove_context *above, struct grove_error *err)
{
	_grove_value_ struct grove_value item = grove_nil();
	int rc = play_fault(NULL, plan, above, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = grove_context_recv(above, &item, err);
	/* also when it was cancelled meanwhile: then its failure is on its way already */
	return plan->fail ? grove_error_set(err, -EIO, "leaf %s fails", plan->path) : rc;
}

static int inner(struct node *node, struct grove_context *above, struct grove_error *err)
{
	const struct plan *plan = node->plan;
	int rc = 0;

	for (int64_t i = 0; i < plan->breadth && rc == 0; i++)
		rc = grow(node, i, err);
	if (rc == 0 && above)
		rc = grove_context_started(above, grove_nil(), err);
	if (rc == 0 && !above) {
		printf("%d\n", (int)getpid());
		fflush(stdout);
		grove_truth("tree-up", grove_fact_int("depth", plan->depth));
	}
	if (rc == 0)
		rc = play_fault(node, plan, above, err);
	if (rc == 0)
		rc = hold(node, above, plan->fail, err);
	/* those that hold() did not come to */
	for (size_t i = 0; i < node->count && rc < 0; i++)
		if (node->branch[i])
			rc = grove_context_close(node->branch[i], rc, NULL, err);
	return rc == GROVE_FAULT_DONE ? 0 : rc;
}

/* Be a node; `above` is NULL in the root. */
static int be_node(const struct plan *plan, struct grove_context *above, struct grove_error *err)
{
	_grove_free_ struct node *node = NULL;
	int rc;

	if (above && plan->depth == 0) {
		rc = grove_context_started(above, grove_nil(), err);
		return rc < 0 ? rc : leaf(plan, above, err);
	}
	node = grove_alloc(1, sizeof(*node));
	node->plan = plan;
	grove_actors_open(&node->actors, plan->path);
	rc = inner(node, above, err);
	if (rc == 0)
		grove_actors_cancel(&node->actors, "the tree has ended");
	return grove_actors_exit(&node->actors, rc, err);
}

static int tree_node(struct grove_context *context, const struct grove_value *args,
		     struct grove_value *ret, struct grove_error *err)
{
	struct plan plan;
	int rc = plan_read(&plan, args, err);

	(void)ret;
	return rc < 0 ? rc : be_node(&plan, context, err);
}

static int tree_root(void *arg, struct grove_error *err)
{
	return be_node(arg, NULL, err);
}

static const struct grove_func funcs[] = {
	{ "tree.node", tree_node },
	GROVE_TTY_FUNCS,
	{ NULL, NULL },
};

static const struct grove_program program = {
	.name = "grove-tree",
	.funcs = funcs,
	.backends = grove_backends,
	.arm = grove_fault_arm,
};

/* ---- options --------------------------------------------------------------------------------- */

struct options {
	struct plan plan;
	struct grove_root_opts root;
	struct grove_addrs registrars;
	bool help;
	bool list;
};

enum {
	OPT_DEPTH = 256,
	OPT_BREADTH,
	OPT_BACKEND,
	OPT_FAULT,
	OPT_LIST,
	OPT_TRANSPORT,
	OPT_REGISTRAR,
	OPT_ENDPOINTS,
	OPT_FAIL,
	OPT_GRACE,
	OPT_HELP
};

static const struct option table[] = {
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "breadth", required_argument, NULL, OPT_BREADTH },
	{ "spawn-backend", required_argument, NULL, OPT_BACKEND },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "list-faults", no_argument, NULL, OPT_LIST },
	{ "transport", required_argument, NULL, OPT_TRANSPORT },
	{ "registrar", required_argument, NULL, OPT_REGISTRAR },
	{ "endpoints", required_argument, NULL, OPT_ENDPOINTS },
	{ "fail-leaves", no_argument, NULL, OPT_FAIL },
	{ "grace-ms", required_argument, NULL, OPT_GRACE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static void print_help(void)
{
	puts("Usage: grove-tree [OPTION]...\n"
	     "Start a tree of actors that waits for ever, and print its root's pid.\n\n"
	     "  --depth N            levels below the root (1, or what a fault needs)\n"
	     "  --breadth N          actors below each node (1, or what a fault needs)\n"
	     "  --spawn-backend NAME how actors are started; --backend is the same\n"
	     "  --transport NAME     unix (default) or tcp\n"
	     "  --registrar ADDRESS  of the registrar; with tcp: " GROVE_REGISTRAR_TCP "\n"
	     "  --endpoints FILE     who else listens where (TOML)\n"
	     "  --grace-ms N         how long each step of ending an actor waits (500)\n"
	     "  --fault NAME         switch a defect on; off:NAME plays its part without it\n"
	     "  --list-faults        all faults, with the backends they can be shown on\n"
	     "  --fail-leaves        let all leaves fail when the tree is up\n"
	     "\nSpawn backends:");
	for (size_t i = 0; grove_backends[i]; i++)
		printf("  %-20s %s\n", grove_backends[i]->name, grove_backends[i]->text);
	if (grove_faults[0])
		puts("\nFaults:");
	for (size_t i = 0; grove_faults[i]; i++)
		printf("  %-20s %s\n", grove_faults[i]->name, grove_faults[i]->text);
}

static int read_number(const char *text, int64_t most, int64_t *ret, struct grove_error *err)
{
	char *end;

	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < 1 || value > most)
		return grove_error_set(err, -EINVAL, "'%s' is not between 1 and %lld", text,
				       (long long)most);
	*ret = value;
	return 0;
}

/* Faults know backends by their names, so of an alias the name is taken. */
static int take_backend(struct options *options, const char *name, struct grove_error *err)
{
	const struct grove_backend *backend = grove_program_backend(&program, name, err);

	if (!backend)
		return -EINVAL;
	options->root.backend = backend->name;
	return 0;
}

static int take_option(struct options *options, int option, struct grove_error *err)
{
	int64_t ms = 0;
	int rc;

	switch (option) {
	case OPT_DEPTH:
		return read_number(optarg, DEPTH_MAX, &options->plan.depth, err);
	case OPT_BREADTH:
		return read_number(optarg, BREADTH_MAX, &options->plan.breadth, err);
	case OPT_BACKEND:
		return take_backend(options, optarg, err);
	case OPT_FAULT:
		options->root.fault = optarg;
		return grove_fault_find(optarg, NULL) ?
			       0 :
			       grove_error_set(err, -EINVAL, "no fault '%s'", optarg);
	case OPT_TRANSPORT:
		options->root.tcp = strcmp(optarg, "tcp") == 0;
		return options->root.tcp || strcmp(optarg, "unix") == 0 ?
			       0 :
			       grove_error_set(err, -EINVAL, "no transport '%s'", optarg);
	case OPT_REGISTRAR:
		return grove_addrs_add_text(&options->registrars, optarg, err);
	case OPT_ENDPOINTS:
		options->root.endpoints = optarg;
		return 0;
	case OPT_GRACE:
		rc = read_number(optarg, 3600 * 1000, &ms, err);
		options->root.grace_ns = rc == 0 ? ms * GROVE_MS : 0;
		return rc;
	case OPT_FAIL:
		options->plan.fail = true;
		return 0;
	case OPT_LIST:
		options->list = true;
		return 0;
	case OPT_HELP:
		options->help = true;
		return 0;
	default:
		return grove_error_set(err, -EINVAL, "see --help");
	}
}

/* What fits together, and what is meant when nothing is said. */
static int complete(struct options *options, struct grove_error *err)
{
	const struct grove_backend *backend = grove_backends[0];
	const char *name = options->root.fault;
	const struct grove_fault *fault = name ? grove_fault_find(name, NULL) : NULL;
	const char *reason = NULL;

	if (options->root.backend)
		backend = grove_program_backend(&program, options->root.backend, err);
	if (backend && fault)
		reason = grove_fault_refusal(fault, backend);
	if (reason)
		return grove_error_set(err, -EINVAL, "fault '%s' cannot be shown on %s: %s", name,
				       backend->name, reason);
	if (options->plan.depth == 0)
		options->plan.depth = fault ? fault->depth : 1;
	if (options->plan.breadth == 0)
		options->plan.breadth = fault ? fault->breadth : 1;
	options->root.registrars = &options->registrars;
	if (options->root.tcp && options->registrars.count == 0)
		return grove_addrs_add_text(&options->registrars, GROVE_REGISTRAR_TCP, err);
	options->root.tcp |= fault && fault->tcp;
	return 0;
}

static int run(struct options *options)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int rc = grove_actor_root(&program, &options->root, tree_root, &options->plan, &err);

	if (rc == 0)
		return 0;
	if (rc == -EINTR)
		return EXIT_SIGINT;
	if (err.tree) {
		_grove_free_ char *text = grove_errors_print(err.tree);

		fprintf(stderr, "%s\n%zu errors\n", text, grove_errors_leaves(err.tree));
	} else {
		fprintf(stderr, "grove-tree: %s\n", err.text);
	}
	return 1;
}

int main(int argc, char **argv)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct options options = { .plan = { .path = "root" } };
	int option, code, rc = 0;

	if (grove_program_enter(&program, argc, argv, &code))
		return code;
	options.root.name = options.plan.path;
	while (rc == 0 && (option = getopt_long(argc, argv, "", table, NULL)) >= 0)
		rc = take_option(&options, option, &err);
	if (rc == 0 && optind < argc)
		rc = grove_error_set(&err, -EINVAL, "'%s' is no option", argv[optind]);
	if (rc == 0)
		rc = complete(&options, &err);
	if (rc == 0 && options.help)
		print_help();
	else if (rc == 0 && options.list)
		grove_fault_list();
	else if (rc == 0)
		code = run(&options);
	grove_addrs_release(&options.registrars);
	if (rc < 0)
		fprintf(stderr, "grove-tree: %s\n", err.text);
	return rc < 0 ? 2 : options.help || options.list ? 0 : code;
}
