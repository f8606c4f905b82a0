/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/tree.h"

#include "read/details.h"
#include "read/proc/procfs.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <unistd.h>

static const uint32_t NONE = UINT32_MAX;

/* Can the parent of a process have adopted it? */
enum adopter { ADOPTER_NO, ADOPTER_MAYBE, ADOPTER_YES };

struct selection {
	struct snapshot *s;
	uint32_t *child,
		*sibling; /* of each process: its first child, the next child of its parent */
	bool *root;	  /* named, or matched */
	bool *ancestor;	  /* of a root */
	struct map sessions, groups; /* those that the roots are in */
	uint64_t start;		     /* the earliest start of a root */
	int32_t self;
	uint32_t first; /* the root of the report, NONE as yet */
};

static void selection_release(struct selection *sel)
{
	free(sel->child);
	free(sel->sibling);
	free(sel->root);
	free(sel->ancestor);
	map_release(&sel->sessions);
	map_release(&sel->groups);
}
DEFINE_PLACE_GUARD(selection)

static uint32_t find(const struct snapshot *s, int32_t tgid)
{
	return map_get(&s->by_tgid, (uint32_t)tgid, 0) - 1;
}

static void link_children(struct selection *sel)
{
	uint32_t n = sel->s->processes.count;

	sel->child = xcalloc(n + 1, sizeof(*sel->child));
	sel->sibling = xcalloc(n + 1, sizeof(*sel->sibling));
	sel->root = xcalloc(n + 1, sizeof(*sel->root));
	sel->ancestor = xcalloc(n + 1, sizeof(*sel->ancestor));
	for (uint32_t i = 0; i < n; i++)
		sel->child[i] = sel->sibling[i] = NONE;
	for (uint32_t i = n; i-- > 0;) {
		uint32_t parent = find(sel->s, sel->s->processes.at[i].ppid);

		if (parent == NONE || parent == i)
			continue;
		sel->sibling[i] = sel->child[parent];
		sel->child[parent] = i;
	}
}

/* Process `top` and all below it; `why` is NULL for descendants of a root. */
static void add_subtree(struct selection *sel, uint32_t top, const char *why)
{
	VEC(uint32_t) todo = VEC_INIT;

	*vec_push(&todo) = top;
	while (todo.count) {
		uint32_t i = todo.at[--todo.count];
		struct snap_process *p = &sel->s->processes.at[i];

		if (p->in_tree || (i != top && (p->kernel || p->tgid == sel->self)))
			continue;
		p->in_tree = true;
		p->joined = why != NULL;
		p->joined_why = why;
		for (uint32_t c = sel->child[i]; c != NONE; c = sel->sibling[c])
			*vec_push(&todo) = c;
	}
	vec_release(&todo);
}

static void add_root(struct selection *sel, uint32_t i)
{
	struct snap_process *p = &sel->s->processes.at[i];

	if (sel->first == NONE || p->start_ticks < sel->start)
		sel->start = p->start_ticks;
	if (sel->first == NONE)
		sel->first = i;
	sel->root[i] = true;
	map_put(&sel->sessions, (uint32_t)p->session, 1);
	map_put(&sel->groups, (uint32_t)p->pgrp, 1);
	/* Bounded: a list that was read while pids were reused may hold a circle. */
	for (uint32_t hops = 0; hops < sel->s->processes.count; hops++) {
		i = find(sel->s, sel->s->processes.at[i].ppid);
		if (i == NONE || sel->ancestor[i])
			return;
		sel->ancestor[i] = true;
	}
}

/* The process that `pid` names: its own number, or that of one of its threads. */
static int named(const struct snapshot *s, int32_t pid, uint32_t *index, struct snag_error *err)
{
	_cleanup_strbuf_ struct strbuf status = STRBUF_INIT;
	uint32_t i = find(s, pid);
	int64_t tgid;

	if (i == NONE && pid > 0 && !procfs_read_of(&status, pid, 0, "status", NULL) &&
	    procfs_field_int(strbuf_str(&status), "Tgid:", &tgid))
		i = find(s, (int32_t)tgid);
	if (i == NONE)
		return error_set(err, -ESRCH, "no process %d", pid);
	*index = i;
	return 0;
}

static int add_named(struct selection *sel, const struct read_scope *scope, struct snag_error *err)
{
	for (uint32_t i = 0; i < scope->root_count; i++) {
		uint32_t index;
		int rc = named(sel->s, scope->roots[i], &index, err);

		if (rc < 0)
			return rc;
		add_root(sel, index);
	}
	return 0;
}

/* The arguments with blanks between them; the name for a process that has none. */
static char *command_line(const struct snapshot *s, const struct snap_process *p)
{
	char *line;

	if (!p->argv)
		return xstrdup(p->comm);
	line = xstrdup(snapshot_str(s, p->argv));
	for (char *c = line; *c; c++)
		if (*c == '\x1f')
			*c = ' ';
	return line;
}

/* Which processes are above snag itself. Yours: free(). */
static bool *ancestors_of_self(const struct selection *sel)
{
	bool *above = xcalloc(sel->s->processes.count + 1, sizeof(*above));
	uint32_t i = find(sel->s, sel->self);

	for (uint32_t hops = 0; i != NONE && hops < sel->s->processes.count; hops++) {
		above[i] = true;
		i = find(sel->s, sel->s->processes.at[i].ppid);
	}
	return above;
}

static bool matches(struct selection *sel, uint32_t i, const struct read_scope *scope,
		    const regex_t *match)
{
	struct snap_process *p = &sel->s->processes.at[i];
	_cleanup_free_ char *line = NULL;

	if (p->kernel || p->tgid == sel->self)
		return false;
	if (scope->cgroup) {
		details_cgroup(sel->s, p);
		if (!details_in_cgroup(snapshot_str(sel->s, p->cgroup), scope->cgroup))
			return false;
	}
	if (!match)
		return true;
	line = command_line(sel->s, p);
	return !regexec(match, line, 0, NULL, 0);
}

/* The processes of --match and --cgroup (both, if both are given). The eldest is the root. */
static void add_matching(struct selection *sel, const struct read_scope *scope,
			 const regex_t *match)
{
	_cleanup_free_ bool *hit = xcalloc(sel->s->processes.count + 1, sizeof(*hit));
	_cleanup_free_ bool *above = ancestors_of_self(sel);
	_cleanup_free_ char *own = NULL;
	uint32_t self = find(sel->s, sel->self), eldest = NONE;

	if (match)
		details_argv_all(sel->s);
	own = self == NONE ? xstrdup("") : command_line(sel->s, &sel->s->processes.at[self]);
	for (uint32_t i = 0; i < sel->s->processes.count; i++) {
		_cleanup_free_ char *line = NULL;

		hit[i] = matches(sel, i, scope, match);
		if (hit[i] && match && above[i])
			line = command_line(sel->s, &sel->s->processes.at[i]);
		/*
		 * "sudo snag why --match x" and "sh -c 'snag why --match x'" hold all of snag's
		 * own command line, and so match whatever it is asked to match.
		 */
		if (line && *own && strstr(line, own))
			hit[i] = false;
		if (hit[i] && (eldest == NONE || sel->s->processes.at[i].start_ticks <
							 sel->s->processes.at[eldest].start_ticks))
			eldest = i;
	}
	if (eldest == NONE)
		return;
	add_root(sel, eldest);
	for (uint32_t i = 0; i < sel->s->processes.count; i++)
		if (hit[i] && i != eldest)
			add_root(sel, i);
}

static int add_roots(struct selection *sel, const struct read_scope *scope, struct snag_error *err)
{
	int rc = add_named(sel, scope, err);

	if (rc < 0)
		return rc;
	if (scope->match) {
		regex_t match;
		char why[128];

		rc = regcomp(&match, scope->match, REG_EXTENDED | REG_NOSUB);
		if (rc) {
			regerror(rc, &match, why, sizeof(why));
			return error_set(err, -EINVAL, "--match %s: %s", scope->match, why);
		}
		add_matching(sel, scope, &match);
		regfree(&match);
	} else if (scope->cgroup) {
		add_matching(sel, scope, NULL);
	}
	if (sel->first != NONE)
		return 0;
	if (scope->match)
		return error_set(err, -ESRCH, "no process matches %s", scope->match);
	if (scope->cgroup)
		return error_set(err, -ESRCH, "no process in cgroup %s", scope->cgroup);
	return error_set(err, -ESRCH, "no process was named");
}

/* ---- what was reparented away --------------------------------------------------------------- */

static bool in_tree(const struct snapshot *s, int32_t tgid)
{
	const struct snap_process *p = snapshot_process(s, tgid);

	return p && p->in_tree;
}

/* The sessions and the process groups that began in the tree. */
struct began {
	struct map sessions, groups;
};

static void began_release(struct began *b)
{
	map_release(&b->sessions);
	map_release(&b->groups);
}
DEFINE_PLACE_GUARD(began)

/*
 * A session or group of a tree member began in the tree when its leader is there, or when it is
 * not that of a root: then a member made it, though the leader may be gone by now.
 */
static void note_began(const struct selection *sel, struct began *b)
{
	for (uint32_t i = 0; i < sel->s->processes.count; i++) {
		const struct snap_process *p = &sel->s->processes.at[i];

		if (!p->in_tree)
			continue;
		if (p->session > 0 && !map_find(&b->sessions, (uint32_t)p->session, NULL) &&
		    (in_tree(sel->s, p->session) ||
		     !map_find(&sel->sessions, (uint32_t)p->session, NULL)))
			map_put(&b->sessions, (uint32_t)p->session, 1);
		if (p->pgrp > 0 && !map_find(&b->groups, (uint32_t)p->pgrp, NULL) &&
		    (in_tree(sel->s, p->pgrp) || !map_find(&sel->groups, (uint32_t)p->pgrp, NULL)))
			map_put(&b->groups, (uint32_t)p->pgrp, 1);
	}
}

/* Is it the init of a pid namespace? Then it adopts what is orphaned there. */
static bool is_init(const struct snap_process *p)
{
	_cleanup_strbuf_ struct strbuf status = STRBUF_INIT;
	int64_t ns_tgid = p->ns_tgid;

	if (p->tgid == 1)
		return true;
	if (!ns_tgid && (procfs_read_of(&status, p->tgid, 0, "status", NULL) < 0 ||
			 !procfs_field_last(strbuf_str(&status), "NSpid:", &ns_tgid)))
		return false;
	return ns_tgid == 1;
}

/*
 * /proc does not tell who is a child subreaper (prctl(2)), but orphans only go to ancestors. A
 * shell at a terminal is none: its other children are other jobs.
 */
static enum adopter adopter_of(const struct selection *sel, uint32_t i)
{
	const struct snap_process *p = &sel->s->processes.at[i];

	if (is_init(p) || p->subreaper == 2)
		return ADOPTER_YES;
	if (p->subreaper == 1 || !sel->ancestor[i])
		return ADOPTER_NO;
	return p->session == p->tgid && p->tty_nr ? ADOPTER_NO : ADOPTER_MAYBE;
}

/* A cgroup that began with the root: not the parent's, and not the one of everybody. 0 none. */
static uint32_t own_cgroup(struct selection *sel)
{
	struct snap_process *root = &sel->s->processes.at[sel->first];
	struct snap_process *parent = snapshot_process(sel->s, root->ppid);

	if (!parent)
		return 0;
	details_cgroup(sel->s, root);
	details_cgroup(sel->s, parent);
	if (root->cgroup == parent->cgroup ||
	    details_is_top_cgroup(snapshot_str(sel->s, root->cgroup)))
		return 0;
	return root->cgroup;
}

/* Why process `i`, whose parent is not in the tree, belongs to it; NULL: it does not. */
static const char *why_joined(struct selection *sel, const struct began *b, uint32_t i,
			      uint32_t cgroup)
{
	struct snap_process *p = &sel->s->processes.at[i];
	uint32_t parent = find(sel->s, p->ppid);
	enum adopter adopter;

	if (p->in_tree || p->kernel || p->tgid == sel->self || sel->ancestor[i] || parent == NONE ||
	    p->start_ticks < sel->start)
		return NULL;
	/* Only setsid(2) makes a session and only fork(2) spreads it. */
	if (p->session > 0 && map_find(&b->sessions, (uint32_t)p->session, NULL))
		return "session";
	adopter = adopter_of(sel, parent);
	if (adopter == ADOPTER_NO)
		return NULL;
	if (p->pgrp > 0 && map_find(&b->groups, (uint32_t)p->pgrp, NULL))
		return "process group";
	if (adopter == ADOPTER_YES && map_find(&sel->groups, (uint32_t)p->pgrp, NULL) &&
	    sel->s->processes.at[parent].pgrp != p->pgrp)
		return "process group";
	if (!cgroup)
		return NULL;
	details_cgroup(sel->s, p);
	return p->cgroup == cgroup ? "cgroup" : NULL;
}

/* Until nothing new joins: who joins brings sessions and groups of its own. */
static void add_reparented(struct selection *sel)
{
	uint32_t cgroup = own_cgroup(sel);
	bool more = true;

	while (more) {
		_cleanup_(began_release_guard) struct began b = { .sessions = MAP_INIT };

		more = false;
		note_began(sel, &b);
		for (uint32_t i = 0; i < sel->s->processes.count; i++) {
			const char *why = why_joined(sel, &b, i, cgroup);

			if (!why)
				continue;
			add_subtree(sel, i, why);
			more = true;
		}
	}
}

int tree_select(struct snapshot *s, const struct read_scope *scope, struct snag_error *err)
{
	_cleanup_(selection_release_guard) struct selection sel = {
		.s = s,
		.self = getpid(),
		.first = NONE,
	};
	int rc;

	link_children(&sel);
	rc = add_roots(&sel, scope, err);
	if (rc < 0)
		return rc;
	s->root_tgid = s->processes.at[sel.first].tgid;
	s->root_start = s->processes.at[sel.first].start_ticks;
	for (uint32_t i = 0; i < s->processes.count; i++)
		if (sel.root[i])
			add_subtree(&sel, i, NULL);
	for (uint32_t i = 0; i < scope->also_count; i++) {
		uint32_t index;

		rc = named(s, scope->also[i], &index, err);
		if (rc < 0)
			return rc;
		add_subtree(&sel, index, "--also");
	}
	add_reparented(&sel);
	return 0;
}
