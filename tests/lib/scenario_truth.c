/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The truth: what a patient states about itself, in a page shared with the runner. Memory and not a
 * pipe, for a pipe would be one more object in the very fd tables that snag reads.
 */
#include "scenario_harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct truth *truth_page;

/* A free slot's index; a truth that does not fit ends the scenario, it is never cut silently. */
static size_t slot_take(struct truth_list *list)
{
	uint32_t i = __atomic_fetch_add(&list->count, 1, __ATOMIC_ACQ_REL);

	if (i >= TRUTH_MAX)
		scenario_die("more than %d truths of one sort", TRUTH_MAX);
	return i;
}

size_t truth_count(const struct truth_list *list)
{
	uint32_t n = __atomic_load_n(&list->count, __ATOMIC_ACQUIRE);

	return n < TRUTH_MAX ? n : TRUTH_MAX;
}

static void words_set(char *to, size_t size, const char *from)
{
	size_t length = from ? strlen(from) : 0;

	if (length >= size)
		scenario_die("a truth of %zu bytes is too long: %s", length, from);
	memcpy(to, from ? from : "", length + 1);
}

static struct truth_verdict *verdict_add(const char *kind, const char *confidence)
{
	struct truth_verdict *v = &truth_page->verdicts[slot_take(&truth_page->n_verdicts)];

	words_set(v->kind, sizeof(v->kind), kind);
	words_set(v->confidence, sizeof(v->confidence), confidence);
	return v;
}

void truth_verdict(const char *kind, const char *confidence)
{
	verdict_add(kind, confidence);
}

void truth_verdict_procfs(const char *kind, const char *confidence)
{
	verdict_add(kind, confidence)->procfs_only = true;
}

void truth_not(const char *kind)
{
	verdict_add(kind, NULL)->wrong = true;
}

static struct truth_hop *hop_add(pid_t pid, pid_t tid, const char *kind, const char *key)
{
	struct truth_hop *h = &truth_page->hops[slot_take(&truth_page->n_hops)];

	h->pid = pid;
	h->tid = tid ? tid : pid;
	words_set(h->kind, sizeof(h->kind), kind);
	words_set(h->key, sizeof(h->key), key);
	/* Who wants the GIL asks for it 190 times a second: it never settles. */
	if (strcmp(kind, "gil") != 0)
		truth_blocked(pid, tid);
	return h;
}

void truth_hop(pid_t pid, pid_t tid, const char *kind, const char *key, pid_t on_pid)
{
	struct truth_hop *h = hop_add(pid, tid, kind, key);

	h->on_pid = on_pid;
	h->in_chain = true;
}

void truth_wait(pid_t pid, pid_t tid, const char *kind, const char *key, pid_t on_pid)
{
	hop_add(pid, tid, kind, key)->on_pid = on_pid;
}

static struct truth_about *about_add(struct truth_about *a, pid_t pid, pid_t ppid,
				     const char *words)
{
	a->pid = pid;
	a->ppid = ppid;
	words_set(a->words, sizeof(a->words), words);
	return a;
}

void truth_culprit(pid_t pid, const char *reason)
{
	about_add(&truth_page->culprits[slot_take(&truth_page->n_culprits)], pid, 0, reason);
}

void truth_blame(const struct truth_blame *who)
{
	struct truth_about *a = &truth_page->culprits[slot_take(&truth_page->n_culprits)];

	about_add(a, who->pid, who->tid, who->reason);
	words_set(a->key, sizeof(a->key), who->key);
	words_set(a->says, sizeof(a->says), who->says);
}

void truth_culprit_on(pid_t pid, pid_t tid, const char *reason, const char *key)
{
	truth_blame(&(struct truth_blame){ .pid = pid, .tid = tid, .reason = reason, .key = key });
}

void truth_finding(const char *kind, pid_t pid)
{
	truth_finding_on(kind, pid, NULL);
}

void truth_finding_on(const char *kind, pid_t pid, const char *key)
{
	struct truth_about *a = &truth_page->findings[slot_take(&truth_page->n_findings)];

	about_add(a, pid, 0, kind);
	words_set(a->key, sizeof(a->key), key);
}

void truth_no_finding(const char *kind)
{
	about_add(&truth_page->findings[slot_take(&truth_page->n_findings)], 0, 0, kind)->absent =
		true;
}

void truth_actor(pid_t pid, pid_t ppid, const char *method)
{
	about_add(&truth_page->actors[slot_take(&truth_page->n_actors)], pid, ppid, method);
}

void truth_no_actor(pid_t pid)
{
	about_add(&truth_page->actors[slot_take(&truth_page->n_actors)], pid, 0, NULL)->absent =
		true;
}

void truth_says(const char *format, ...)
{
	char words[TRUTH_WORDS];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	about_add(&truth_page->says[slot_take(&truth_page->n_says)], 0, 0, words);
}

void truth_blocked(pid_t pid, pid_t tid)
{
	about_add(&truth_page->blocked[slot_take(&truth_page->n_blocked)], pid, tid ? tid : pid,
		  NULL);
}

void truth_root(pid_t pid)
{
	truth_page->root = pid;
}

void truth_ready(void)
{
	__atomic_store_n(&truth_page->ready, 1, __ATOMIC_RELEASE);
}

void *shared_page(void)
{
	return truth_page->shared;
}

const char *scenario_dir(void)
{
	return truth_page->dir;
}
