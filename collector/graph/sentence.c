/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sentence.c - the first line that snag prints.
 */
#include "graph/judge.h"

#include <inttypes.h>
#include <string.h>

/* At most so many hops are told one by one; of a longer way only its ends. */
enum { TOLD_HOPS = 3 };

static void say_hop(struct strbuf *b, const struct model *m, const struct hop *hop)
{
	if (hop->task)
		say_task(b, m, hop->task);
	else if (hop->thread)
		say_thread(b, m, hop->thread);
	else
		say_actor(b, m, hop->actor);
	if (hop->wait || hop->thread)
		strbuf_addf(b, " is %s", hop_text(m, hop));
	if (hop->thread && !hop->task && model_thread(m, hop->thread)->script.work)
		strbuf_addf(b, ", in %s", model_str(m, model_thread(m, hop->thread)->script.work));
}

/*
 * Hop by hop; a process that the way only ends in, without a thread of it, is for the end of the
 * sentence.
 */
static void say_hops(struct strbuf *b, const struct model *m, const struct hops *h)
{
	uint32_t count = h->at.count, told;

	if (count > 1 && !h->at.at[count - 1].thread)
		count--;
	told = count;

	if (told > TOLD_HOPS)
		told = TOLD_HOPS - 1;
	for (uint32_t i = 0; i < told; i++) {
		strbuf_adds(b, i ? "; " : "");
		say_hop(b, m, &h->at.at[i]);
	}
	if (told == count)
		return;
	strbuf_addf(b, "; and so on over %u more, down to: ", count - told - 1);
	say_hop(b, m, &h->at.at[count - 1]);
}

static void say_deadlock(struct strbuf *b, const struct judge *j, const struct hops *h)
{
	const struct model *m = j->m;
	uint32_t circle = h->at.count - h->cycle;
	const char *reason = model_str(m, m->verdict.culprit.reason);

	say_hops(b, m, h);
	if (!strcmp(reason, "work-lost"))
		strbuf_addf(b, "; %s", model_str(m, m->verdict.culprit.text));
	else if (!strcmp(reason, "lock-order") || !strcmp(reason, "task-circle"))
		strbuf_adds(b, "; the last ones wait for each other");
	else if (j->owed_task)
		strbuf_adds(b, "; nobody can end that, whatever else may wake its loop");
	else if (m->verdict.culprit.task && j->pass == PASS_NONE)
		strbuf_adds(b, "; nothing can wake that loop any more");
	else if (m->verdict.culprit.task && j->pass == PASS_NEW)
		strbuf_addf(b, "; %s asked to end, and only new input could wake %s",
			    h->at.count > 1 ? "all were" : "it was",
			    h->at.count > 1 ? "them" : "it");
	else if (j->pass == PASS_NEW)
		strbuf_adds(b, "; only a new connection, signal or file event could end it");
	else if (!circle)
		strbuf_adds(b, "; nobody can end that");
	else if (circle == 1)
		strbuf_adds(b, is_any_threads(m, &h->at.at[h->cycle]) ?
				       "; no thread that could end that can go on" :
				       "; it waits for itself");
	else
		strbuf_addf(b, "; %s",
			    h->cycle ? "the last ones wait for each other" :
				       "they wait for each other");
}

static void say_ms(struct strbuf *b, int64_t ms)
{
	if (ms < 10000)
		strbuf_addf(b, "%" PRId64 " ms", ms);
	else
		strbuf_addf(b, "%" PRId64 " s", ms / 1000);
}

/* The time-out of a hop's wait, or of the item that decides it; -1: it has none. */
static int64_t hop_timeout_ms(const struct model *m, const struct hop *hop)
{
	if (hop->item && model_wait(m, hop->item)->timeout_ms >= 0)
		return model_wait(m, hop->item)->timeout_ms;
	return hop->wait ? model_wait(m, hop->wait)->timeout_ms : -1;
}

static void say_timeout(struct strbuf *b, const struct model *m, const struct hops *h)
{
	const struct hop *last = &h->at.at[h->at.count - 1];
	int64_t timeout_ms = hop_timeout_ms(m, last);

	/* what a task sleeps until is the time-out of its loop */
	if (timeout_ms < 0 && last->task)
		for (uint32_t i = h->at.count; i-- > 0 && timeout_ms < 0;)
			timeout_ms = hop_timeout_ms(m, &h->at.at[i]);
	say_hops(b, m, h);
	strbuf_adds(b, "; that ends by itself");
	if (timeout_ms >= 0) {
		strbuf_adds(b, " within ");
		say_ms(b, timeout_ms);
	} else if (last->seed_text) {
		strbuf_addf(b, ", by %s", model_str(m, last->seed_text));
	}
}

/* "...; that depends on TEXT" where the path ends in a seed with a text of its own. */
static void say_end(struct strbuf *b, const struct model *m, const struct hops *h,
		    const char *words)
{
	const struct hop *last = &h->at.at[h->at.count - 1];

	say_hops(b, m, h);
	if (last->seed_text)
		strbuf_addf(b, "; %s %s", words, model_str(m, last->seed_text));
}

static void say_undetermined(struct strbuf *b, const struct judge *j, const struct hops *h)
{
	if (j->pass != PASS_UNKNOWN) {
		say_hops(b, j->m, h);
		strbuf_addf(b,
			    "; a server at rest looks the same as a hang here: only new input "
			    "would wake it, but it is also %s",
			    j->beside_dead ? "connected with one that can never go on" :
					     "waited for");
		return;
	}
	say_end(b, j->m, h, "could not be known:");
}

void sentence_give(struct judge *j, const struct hops *h)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct model *m = j->m;

	if (!h->at.count)
		return;
	switch ((enum verdict_kind)m->verdict.kind) {
	case VERDICT_DEADLOCK:
		say_deadlock(&b, j, h);
		break;
	case VERDICT_TIMEOUT:
		say_timeout(&b, m, h);
		break;
	case VERDICT_EXTERNAL:
		say_end(&b, m, h, "that is up to");
		break;
	case VERDICT_STOPPED:
		say_end(&b, m, h, "it goes on when continued by");
		break;
	case VERDICT_IDLE:
		say_end(&b, m, h, "it is at rest until there is");
		break;
	case VERDICT_BUSY:
		say_hops(&b, m, h);
		strbuf_adds(&b, " all the time, but no byte moves and nothing happens");
		break;
	case VERDICT_UNDETERMINED:
		say_undetermined(&b, j, h);
		break;
	default:
		say_hops(&b, m, h);
		break;
	}
	m->verdict.summary = strtab_add(m->strings, strbuf_str(&b));
}
