/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * actor.c - the life of one actor: it comes up, serves until it is cancelled, and cleans up.
 *
 * Two nurseries, one in the other: `service` has the listeners and the connections, `work` has the
 * calls and, of a root, the program. A cancel is one of `work`; `service` goes on until all calls
 * have ended and their callers know it.
 */
#include "runtime/actor/actor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/actor/kid.h"
#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/core/tools.h"
#include "runtime/core/truth.h"

struct grove_actor *grove_actor_self(void)
{
	struct grove_loop *loop = grove_loop_current();

	return loop ? grove_loop_user(loop) : NULL;
}

const struct grove_uid *grove_actor_uid(const struct grove_actor *actor)
{
	return &actor->uid;
}

const struct grove_uid *grove_actor_parent_uid(const struct grove_actor *actor)
{
	return &actor->parent_uid;
}

const struct grove_addrs *grove_actor_addrs(const struct grove_actor *actor)
{
	return &actor->listeners.addrs;
}

const struct grove_program *grove_actor_program(const struct grove_actor *actor)
{
	return actor->program;
}

const char *grove_actor_backend(const struct grove_actor *actor)
{
	return actor->backend->name;
}

const char *grove_actor_fault(const struct grove_actor *actor)
{
	return actor->fault;
}

int64_t grove_actor_grace_ns(const struct grove_actor *actor)
{
	return actor->grace_ns;
}

pid_t grove_actor_root_pid(const struct grove_actor *actor)
{
	return actor->root_pid;
}

struct grove_actor_defects *grove_actor_defects(struct grove_actor *actor)
{
	return &actor->defects;
}

/* ---- its end --------------------------------------------------------------------------------- */

void grove_actor_cancel(struct grove_actor *actor, enum grove_cancel_by by, const char *who,
			const char *text)
{
	if (actor->cancelled)
		return;
	actor->cancelled = true;
	actor->reason.by = by;
	grove_copy_name(actor->reason.who, sizeof(actor->reason.who), who);
	grove_copy_name(actor->reason.text, sizeof(actor->reason.text), text);
	grove_truth("actor-cancel", grove_fact_text("by", grove_cancel_by_name(by)),
		    grove_fact_text("who", who), grove_fact_text("text", text));
	if (actor->working)
		grove_scope_cancel(&actor->work.scope, by, who, text);
}

void grove_actor_hurry(struct grove_actor *actor)
{
	if (actor->hurried)
		return;
	actor->hurried = true;
	for (struct grove_list *at = actor->kids.next; at != &actor->kids; at = at->next)
		grove_event_pulse(&grove_of(at, struct grove_kid, known)->changed);
}

/* In the loop, not in a task. Who asks twice is in a hurry. */
static void on_sigint(void *arg)
{
	struct grove_actor *actor = arg;

	if (actor->cancelled && actor->reason.by == GROVE_CANCEL_SIGNAL)
		grove_actor_hurry(actor);
	grove_actor_cancel(actor, GROVE_CANCEL_SIGNAL, "", "SIGINT");
}

static int term_task(void *arg, struct grove_error *err)
{
	struct grove_actor *actor = arg;
	int rc = grove_signals_next(actor->signals);

	(void)err;
	if (rc > 0) {
		grove_actor_hurry(actor);
		grove_actor_cancel(actor, GROVE_CANCEL_SIGNAL, "", "SIGTERM");
	}
	return 0;
}

/* SIGTERM, unless signals are somebody else's. */
static int take_signals(struct grove_actor *actor, struct grove_error *err)
{
	const int list[] = { SIGTERM, 0 };
	bool hosted = actor->host && actor->host->hosted;
	int rc;

	if (hosted || (actor->root && actor->root->leave_signals))
		return 0;
	rc = grove_signals_open(list, &actor->signals, err);
	if (rc == 0)
		grove_spawn(&actor->service, "sigterm", term_task, actor);
	return rc;
}

/* ---- listening ------------------------------------------------------------------------------- */

struct accepting {
	struct grove_actor *actor;
	int fd;
};

static int accept_task(void *arg, struct grove_error *err)
{
	struct accepting accepting = *(struct accepting *)arg;
	struct grove_accepted *accepted;
	int fd = 0;

	(void)err;
	free(arg);
	while (fd >= 0) {
		fd = grove_accept(accepting.fd, NULL, NULL);
		if (fd >= 0) {
			accepted = grove_alloc(1, sizeof(*accepted));
			accepted->actor = accepting.actor;
			accepted->fd = fd;
			grove_spawn(&accepting.actor->service, "accepted", grove_peer_accepted,
				    accepted);
		} else if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
			/* they wait in the backlog until there is room again */
			grove_truth("accept-failed", grove_fact_int("rc", fd));
			fd = grove_sleep(100 * GROVE_MS);
		}
	}
	return fd == -ECANCELED ? fd : 0;
}

/* Backends want to know what files there are. */
static void tell_file(const struct grove_actor *actor, const char *path, bool made)
{
	const struct grove_backend *const *at = actor->program->backends;

	for (; path && *at; at++)
		if ((*at)->on_file)
			(*at)->on_file(path, made);
}

static void tell_sockets(const struct grove_actor *actor, bool made)
{
	for (size_t i = 0; i < actor->listeners.addrs.count; i++)
		tell_file(actor, grove_multiaddr_path(&actor->listeners.addrs.at[i]), made);
}

/* A unix socket in the folder of the tree. */
static int own_unix(const struct grove_actor *actor, struct grove_multiaddr *ret,
		    struct grove_error *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int n = snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s.%.8s.sock", actor->dir,
			 actor->uid.name, actor->uid.uuid);

	if (n < 0 || (size_t)n >= sizeof(un.sun_path))
		return grove_error_set(err, -ENAMETOOLONG, "socket of '%s' in %s", actor->uid.name,
				       actor->dir);
	return grove_multiaddr_from(ret, (struct sockaddr *)&un, sizeof(un), err);
}

/* Where it is to listen: at an own address, where its parent and where the table want it. */
static int list_binds(struct grove_actor *actor, const struct grove_addrs *binds,
		      struct grove_addrs *all, struct grove_error *err)
{
	const struct grove_addrs *listed = NULL;
	struct grove_multiaddr own;
	int rc = actor->tcp ? grove_multiaddr_parse(&own, "/ip4/127.0.0.1/tcp/0", err) :
			      own_unix(actor, &own, err);

	if (rc < 0)
		return rc;
	if (actor->endpoints)
		listed = grove_endpoints_find(actor->endpoints, actor->uid.name);
	/* on TCP an address that was asked for serves as well */
	if (!actor->tcp || (binds->count == 0 && !listed))
		grove_addrs_add(all, &own);
	grove_addrs_merge(all, binds);
	if (listed)
		grove_addrs_merge(all, listed);
	return 0;
}

/* The inode tells the socket from a later one at the same address. */
static void log_listening(const struct grove_listeners *listeners, size_t i)
{
	char text[GROVE_MULTIADDR_TEXT];
	struct stat st = { .st_ino = 0 };

	if (!grove_truth_is_open() || fstat(listeners->fd[i], &st) < 0)
		return;
	grove_multiaddr_print(&listeners->addrs.at[i], text);
	grove_truth("listening", grove_fact_text("address", text),
		    grove_fact_int("inode", (int64_t)st.st_ino));
}

static int start_listening(struct grove_actor *actor, const struct grove_addrs *binds,
			   struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs all = GROVE_ADDRS_INIT;
	int rc = list_binds(actor, binds, &all, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < all.count; i++) {
		rc = grove_listen(&actor->listeners, &all.at[i], err);
		if (rc < 0)
			return rc;
		log_listening(&actor->listeners, i);
		if (actor->defects.listeners_inherited)
			(void)fcntl(actor->listeners.fd[i], F_SETFD, 0);
	}
	tell_sockets(actor, true);
	for (size_t i = 0; i < actor->listeners.count; i++) {
		struct accepting *accepting = grove_alloc(1, sizeof(*accepting));
		char name[GROVE_NAME_SIZE], text[GROVE_MULTIADDR_TEXT];

		accepting->actor = actor;
		accepting->fd = actor->listeners.fd[i];
		snprintf(name, sizeof(name), "listen %.50s",
			 grove_multiaddr_print(&actor->listeners.addrs.at[i], text));
		grove_spawn(&actor->service, name, accept_task, accepting);
	}
	return 0;
}

/* Read the table of endpoints. An actor that is to have one and cannot read it does not start. */
static int read_table(struct grove_actor *actor, const char *path, struct grove_error *err)
{
	if (!path)
		return 0;
	actor->table = realpath(path, NULL);
	if (!actor->table)
		return grove_error_set(err, -errno, "%s: %m", path);
	return grove_endpoints_load(&actor->endpoints, actor->table, err);
}

/* ---- a root ---------------------------------------------------------------------------------- */

static int configure_root(struct grove_actor *actor, struct grove_error *err)
{
	const struct grove_root_opts *opts = actor->root;
	int rc;

	actor->grace_ns = opts->grace_ns > 0 ? opts->grace_ns : GROVE_GRACE_NS;
	actor->root_pid = getpid();
	actor->tcp = opts->tcp;
	grove_copy_name(actor->fault, sizeof(actor->fault), opts->fault);
	actor->backend = actor->program->backends[0];
	if (opts->backend)
		actor->backend = grove_program_backend(actor->program, opts->backend, err);
	if (!actor->backend)
		return -EINVAL;
	rc = read_table(actor, opts->endpoints, err);
	if (rc < 0)
		return rc;
	if (!actor->tcp)
		actor->dir = grove_listen_dir(err);
	tell_file(actor, actor->dir, true);
	return actor->tcp || actor->dir ? 0 : -EIO;
}

/* A registrar that answers at the addresses given is ours; else we are it, and listen there. */
static int find_registrar(struct grove_actor *actor, struct grove_addrs *binds,
			  struct grove_error *err)
{
	const struct grove_addrs *asked = actor->root->registrars;
	struct grove_peer *peer;
	int rc;

	if ((!asked || asked->count == 0) && actor->endpoints)
		asked = grove_endpoints_registrar(actor->endpoints);
	if (actor->root->binds)
		grove_addrs_merge(binds, actor->root->binds);
	if (asked && asked->count > 0) {
		rc = grove_peer_connect(actor, asked, &peer, NULL);
		if (rc == -ECANCELED)
			return rc;
		if (rc == 0) {
			grove_addrs_copy(&actor->registrars, asked);
			actor->registrar = peer;
			grove_peer_serve(peer);
			grove_peer_unref(peer);
			return 0;
		}
		grove_error_clear(err);
		grove_addrs_merge(binds, asked);
	}
	actor->registry = grove_registry_new();
	return 0;
}

static int arm(struct grove_actor *actor, struct grove_error *err)
{
	if (!actor->fault[0])
		return 0;
	if (!actor->program->arm)
		return grove_error_set(err, -EINVAL, "%s knows no fault '%s'", actor->program->name,
				       actor->fault);
	grove_truth("fault-armed", grove_fact_text("fault", actor->fault));
	return actor->program->arm(actor->fault, actor, err);
}

static void log_up(const struct grove_actor *actor)
{
	for (size_t i = 0; i < actor->listeners.count; i++) {
		char text[GROVE_MULTIADDR_TEXT];

		grove_truth(
			"up",
			grove_fact_text("address",
					grove_multiaddr_print(&actor->listeners.addrs.at[i], text)),
			grove_fact_text("uuid", actor->uid.uuid));
	}
}

static int root_body(struct grove_actor *actor, struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs binds = GROVE_ADDRS_INIT;
	int rc = configure_root(actor, err);

	if (rc == 0)
		rc = arm(actor, err);
	if (rc == 0)
		rc = find_registrar(actor, &binds, err);
	if (rc == 0)
		rc = start_listening(actor, &binds, err);
	if (rc == 0)
		rc = grove_registrar_enter(actor, err);
	if (rc < 0)
		return rc;
	log_up(actor);
	rc = actor->main(actor->main_arg, err);
	/* the program is done: calls of others end with it */
	if (rc == 0)
		grove_actor_cancel(actor, GROVE_CANCEL_SHUTDOWN, "", "the program is done");
	return rc;
}

/* ---- an actor with a parent ------------------------------------------------------------------ */

static int take_spec(struct grove_actor *actor, struct grove_msg *spec, struct grove_error *err)
{
	const char *backend = spec->backend ? spec->backend : actor->boot->backend;
	const char *dir = grove_value_str(grove_value_find(&spec->value, "dir"), NULL);
	int rc;

	if (spec->kind != GROVE_MSG_SPEC || !grove_uid_equal(&spec->uid, &actor->uid))
		return grove_error_set(err, -EPROTO, "the parent says '%s' instead of our spec",
				       grove_msg_kind_name(spec->kind));
	actor->parent_uid = spec->parent;
	actor->tcp = grove_value_bool(grove_value_find(&spec->value, "tcp"), false);
	actor->grace_ns =
		grove_value_int(grove_value_find(&spec->value, "grace_ns"), GROVE_GRACE_NS);
	actor->root_pid = (pid_t)grove_value_int(grove_value_find(&spec->value, "root_pid"), 0);
	if (actor->grace_ns <= 0 || (!actor->tcp && !dir))
		return grove_error_set(err, -EPROTO, "the spec has no %s",
				       dir ? "grace" : "folder for sockets");
	actor->dir = dir ? grove_strdup(dir) : NULL;
	grove_copy_name(actor->fault, sizeof(actor->fault),
			grove_value_str(grove_value_find(&spec->value, "fault"), ""));
	grove_addrs_copy(&actor->registrars, &spec->registrars);
	actor->backend = grove_program_backend(actor->program, backend, err);
	if (!actor->backend)
		return -EINVAL;
	rc = read_table(actor, grove_value_str(grove_value_find(&spec->value, "endpoints"), NULL),
			err);
	if (rc < 0)
		return rc;
	grove_truth("spawned-by", grove_fact_text("parent", actor->parent->name),
		    grove_fact_int("parent_pid", actor->boot->parent_pid),
		    grove_fact_int("parent_tid", actor->boot->parent_tid),
		    grove_fact_text("backend", actor->boot->backend),
		    grove_fact_text("method",
				    grove_value_str(grove_value_find(&spec->value, "method"), "")));
	return 0;
}

/* Connect to the parent and hear what we are to be. */
static int meet_parent(struct grove_actor *actor, struct grove_msg *spec, struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs address = GROVE_ADDRS_INIT;
	struct grove_scope scope;
	int rc;

	grove_addrs_add(&address, &actor->boot->address);
	rc = grove_peer_connect(actor, &address, &actor->parent, err);
	if (rc < 0)
		return rc == -ECANCELED ? rc : grove_error_at(err, rc, "the parent");
	actor->parent->is_parent = true;
	grove_fail_after(&scope, grove_patience(GROVE_HELLO_NS));
	rc = grove_channel_recv(actor->parent->channel, spec, err);
	rc = grove_scope_exit(&scope, rc, err);
	if (rc == -ETIMEDOUT)
		return grove_error_set(err, rc, "the parent has sent no spec");
	if (rc == 0 && spec->kind == GROVE_MSG_CANCEL) {
		grove_actor_cancel(actor, GROVE_CANCEL_REMOTE, actor->parent->name, spec->reason);
		return grove_check(); /* the cancel is delivered here */
	}
	return rc < 0 ? rc : take_spec(actor, spec, err);
}

/* The second way in which an orphan learns that it is one: a channel's end can be held up by
 * whoever inherited a descriptor of it. */
static int watch_parent(void *arg, struct grove_error *err)
{
	struct grove_actor *actor = arg;
	pid_t pid = actor->boot->parent_pid;
	_grove_close_io_ int pidfd = grove_pidfd_open(pid);
	int rc = pidfd < 0 ? pidfd : grove_wait_pidfd(pidfd, pid);

	(void)err;
	if (rc == 0 || rc == -ESRCH)
		grove_actor_cancel(actor, GROVE_CANCEL_REMOTE, actor->parent->name,
				   "the parent's process has ended");
	else if (rc < 0 && rc != -ECANCELED)
		grove_truth("parent-unwatched", grove_fact_int("rc", rc));
	return rc == -ECANCELED ? rc : 0;
}

static int tell_up(struct grove_actor *actor, struct grove_error *err)
{
	_grove_msg_ struct grove_msg hello = { .kind = GROVE_MSG_NONE };

	grove_actor_hello(actor, &hello);
	log_up(actor);
	return grove_channel_send(actor->parent->channel, &hello, err);
}

static int child_body(struct grove_actor *actor, struct grove_error *err)
{
	_grove_msg_ struct grove_msg spec = { .kind = GROVE_MSG_NONE };
	int rc = meet_parent(actor, &spec, err);

	if (rc < 0)
		return rc;
	rc = arm(actor, err);
	grove_peer_serve(actor->parent);
	if (rc == 0 && actor->boot->parent_pid != getpid() && !actor->defects.parent_unwatched)
		grove_spawn(&actor->service, "parent", watch_parent, actor);
	if (rc == 0)
		rc = start_listening(actor, &spec.addrs, err);
	if (rc == 0)
		rc = grove_registrar_enter(actor, err);
	if (rc == 0)
		rc = tell_up(actor, err);
	return rc < 0 ? rc : grove_sleep_forever();
}

/* The parent shall know why there will be no actor. */
static void tell_failed(struct grove_actor *actor, int rc, const struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_ERROR };

	if (!actor->parent || actor->parent->gone)
		return;
	msg.errors = grove_errors_new(rc, "%s", err->text);
	grove_errors_set_origin(msg.errors, NULL, actor->uid.name, actor->uid.uuid);
	(void)grove_channel_post(actor->parent->channel, &msg, NULL); /* it sees our exit as well */
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What was said last goes out, to peers that take it. */
static void flush_peers(struct grove_actor *actor)
{
	int64_t deadline_ns = grove_deadline_after(actor->grace_ns);
	struct grove_list *at = actor->peers.next;
	struct grove_scope shield;

	grove_scope_enter_shielded(&shield, "flush", GROVE_NEVER);
	while (at != &actor->peers) {
		struct grove_peer *peer = grove_peer_ref(grove_of(at, struct grove_peer, link));

		(void)grove_channel_flush(peer->channel, deadline_ns); /* too slow: it is lost */
		at = at->next;
		grove_peer_unref(peer);
	}
	(void)grove_scope_exit(&shield, 0, NULL);
}

/* Helper processes of backends end with the actor that the process was made for. */
static void shut_backends(struct grove_actor *actor)
{
	struct grove_scope shield;

	if (actor->host && actor->host->hosted)
		return;
	grove_scope_enter_shielded(&shield, "backends", GROVE_NEVER);
	for (size_t i = 0; actor->program->backends[i]; i++)
		if (actor->program->backends[i]->shutdown)
			actor->program->backends[i]->shutdown(actor->program);
	(void)grove_scope_exit(&shield, 0, NULL);
}

static void clean_up(struct grove_actor *actor, bool orphan)
{
	if (actor->parent)
		grove_peer_unref(actor->parent);
	actor->parent = NULL;
	tell_sockets(actor, false);
	if (actor->root)
		tell_file(actor, actor->dir, false);
	grove_listeners_close(&actor->listeners);
	grove_registry_free(actor->registry);
	actor->registry = NULL;
	grove_addrs_release(&actor->registrars);
	if (actor->root && actor->dir)
		grove_listen_dir_remove(actor->dir);
	if (orphan && actor->dir)
		grove_listen_tidy(&actor->boot->address, actor->dir);
	free(actor->dir);
	actor->dir = NULL;
	grove_endpoints_free(actor->endpoints);
	actor->endpoints = NULL;
	free(actor->table);
	actor->table = NULL;
}

static int actor_task(void *arg, struct grove_error *err)
{
	struct grove_actor *actor = arg;
	bool has_parent = actor->boot != NULL, orphan;
	int rc;

	grove_loop_set_user(grove_loop_current(), actor);
	grove_nursery_open(&actor->service, "service");
	grove_nursery_open(&actor->work, "work");
	actor->working = true;
	if (actor->cancelled)
		grove_scope_cancel(&actor->work.scope, actor->reason.by, actor->reason.who,
				   actor->reason.text);
	if (actor->host && actor->host->up)
		actor->host->up(actor->host->arg, actor);
	rc = take_signals(actor, err);
	if (rc == 0)
		rc = has_parent ? child_body(actor, err) : root_body(actor, err);
	rc = grove_nursery_exit(&actor->work, rc, err);
	actor->working = false;
	if (rc < 0 && has_parent)
		tell_failed(actor, rc, err);
	if (actor->grace_ns > 0)
		grove_registrar_leave(actor);
	flush_peers(actor);
	if (actor->host && actor->host->down)
		actor->host->down(actor->host->arg);
	/* before we end the channel ourselves */
	orphan = actor->parent && actor->parent->gone;
	grove_nursery_cancel(&actor->service, "the actor ends");
	(void)grove_nursery_exit(&actor->service, 0, NULL); /* its tasks tell no failures */
	grove_signals_close(actor->signals);
	clean_up(actor, orphan);
	/* after it: a resource tracker does what we could not do */
	shut_backends(actor);
	if (rc == 0 && !has_parent && actor->reason.by == GROVE_CANCEL_SIGNAL)
		rc = grove_error_set(err, -EINTR, "cancelled by %s", actor->reason.text);
	grove_truth("actor-exit", grove_fact_int("rc", rc),
		    grove_fact_text("text", rc < 0 ? err->text : ""));
	return rc;
}

/*
 * Not on the stack of the caller: in the child of a fork glibc hands the stacks of threads that are
 * not there to new ones (reclaim_stacks() in sysdeps/nptl/fork.h), and what the parent's actor owns
 * would have no owner left.
 */
static struct grove_actor *actor_new(const struct grove_program *program)
{
	struct grove_actor *actor = grove_alloc(1, sizeof(*actor));

	actor->program = program;
	return actor;
}

static int run(struct grove_actor *actor, enum grove_sigint sigint, struct grove_error *err)
{
	struct grove_run_opts opts = { .name = actor->uid.name, .sigint = sigint };
	int rc;

	opts.on_sigint = on_sigint;
	opts.sigint_arg = actor;
	opts.turn = actor->host ? actor->host->turn : NULL;
	grove_list_init(&actor->peers);
	grove_list_init(&actor->kids);
	grove_lock_init(&actor->reaping, "reaping");
	rc = grove_truth_open(actor->uid.name, err);
	if (rc < 0)
		return rc;
	rc = grove_run(actor_task, actor, &opts, err);
	grove_truth_close();
	return rc;
}

int grove_actor_root(const struct grove_program *program, const struct grove_root_opts *opts,
		     grove_task_fn *fn, void *arg, struct grove_error *err)
{
	const struct grove_root_opts none = { .name = NULL };
	_grove_free_ struct grove_actor *actor = actor_new(program);
	int rc;

	actor->root = opts ? opts : &none;
	rc = grove_uid_new(&actor->uid, actor->root->name ? actor->root->name : program->name, err);
	actor->main = fn;
	actor->main_arg = arg;
	if (rc < 0)
		return rc;
	return run(actor, actor->root->leave_signals ? GROVE_SIGINT_LEAVE : GROVE_SIGINT_HOOK, err);
}

int grove_actor_main(const struct grove_program *program, const struct grove_boot *boot,
		     const struct grove_host *host)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_free_ struct grove_actor *actor = actor_new(program);
	bool hosted = host && host->hosted;
	int rc;

	actor->boot = boot;
	actor->host = host;
	actor->uid = boot->uid;
	rc = run(actor, hosted ? GROVE_SIGINT_LEAVE : GROVE_SIGINT_HOOK, &err);
	if (rc < 0)
		fprintf(stderr, "%s: actor %s: %s\n", program->name, boot->uid.name, err.text);
	return rc < 0 ? 1 : 0;
}
