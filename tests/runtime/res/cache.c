/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/res/cache.h"

#include "runtime/core/errors.h"
#include "runtime/core/event.h"

#include <errno.h>
#include <string.h>

enum state {
	OPENING,
	OPEN,
	CLOSING, /* nobody may join any more; users may be left when it was cancelled */
};

/* Counted: by its task, and by each who waits for it or uses it. */
struct grove_offer {
	struct grove_list link; /* in the cache, until it is gone */
	struct grove_cache *cache;
	struct grove_scope scope; /* around its function */
	bool running;		  /* that scope is entered */
	bool offered;
	enum state state;
	size_t refs;
	size_t users;	/* who use it or wait for the opening */
	size_t closers; /* who wait for the closing as its last user */
	struct grove_event opened, unused, gone, reopened;
	struct grove_resource what;
	void *value;
	int rc; /* of opening or closing, for who waits for that */
	struct grove_error error;
	char key[];
};

static struct grove_offer *ref(struct grove_offer *offer)
{
	offer->refs++;
	return offer;
}

static void unref(struct grove_offer *offer)
{
	if (--offer->refs)
		return;
	grove_error_clear(&offer->error);
	free(offer);
}

static void unref_guard(struct grove_offer **offer)
{
	if (*offer)
		unref(*offer);
}
#define _unref_ _grove_cleanup_(unref_guard)

void grove_cache_init(struct grove_cache *cache, struct grove_nursery *nursery)
{
	*cache = (struct grove_cache){ .nursery = nursery };
	grove_list_init(&cache->offers);
}

static struct grove_offer *find(const struct grove_cache *cache, const char *key)
{
	for (struct grove_list *i = cache->offers.next; i != &cache->offers; i = i->next) {
		struct grove_offer *offer = grove_of(i, struct grove_offer, link);

		if (!strcmp(offer->key, key))
			return offer;
	}
	return NULL;
}

size_t grove_cache_users(const struct grove_cache *cache, const char *key)
{
	const struct grove_offer *offer = find(cache, key);

	return offer ? offer->users : 0;
}

/* ---- the task of a resource ------------------------------------------------------------------ */

/* Keep the outcome for those who wait for it. */
static void keep(struct grove_offer *offer, int rc, struct grove_error *err)
{
	offer->rc = rc;
	grove_error_move(&offer->error, err);
}

/* The function is done. Gives what is left to be said to the nursery. */
static int finish(struct grove_offer *offer, int rc, struct grove_error *err)
{
	bool cancelled = rc == -ECANCELED;

	if (!offer->offered && rc == 0 && offer->state == OPENING)
		rc = grove_error_set(err, -EPROTO, "it ended without an offer");
	if (!offer->offered && cancelled) {
		_grove_error_ struct grove_error down = GROVE_ERROR_INIT;

		keep(offer, grove_error_set(&down, -ESHUTDOWN, "its cache is cancelled"), &down);
	} else if (rc < 0 && !cancelled && (offer->offered ? offer->closers : offer->users)) {
		keep(offer, rc, err);
		rc = 0;
	}
	offer->state = CLOSING;
	grove_list_del(&offer->link);
	grove_event_set(&offer->opened);
	grove_event_set(&offer->gone);
	return rc;
}

static int run(void *arg, struct grove_error *err)
{
	struct grove_offer *offer = arg;
	int rc;

	grove_event_promise_own(&offer->opened);
	grove_event_promise_own(&offer->gone);
	grove_event_promise_own(&offer->reopened);
	grove_scope_enter(&offer->scope, offer->key, GROVE_NEVER);
	offer->running = true;
	if (offer->state == CLOSING)
		grove_scope_cancel(&offer->scope, GROVE_CANCEL_CALL, offer->key, "nobody waits");
	rc = offer->what.fn(offer, offer->what.arg, err);
	offer->running = false;
	rc = grove_scope_exit(&offer->scope, rc, err);
	rc = finish(offer, rc, err);
	unref(offer);
	return rc;
}

int grove_cache_offer(struct grove_offer *offer, void *value)
{
	struct grove_scope shield;
	int rc, waited;

	if (offer->offered)
		grove_bug("resource '%s' was offered twice", offer->key);
	if (offer->state == OPENING) {
		offer->offered = true;
		offer->value = value;
		offer->state = OPEN;
		grove_event_set(&offer->opened);
	}
	rc = grove_event_wait(&offer->unused);
	if (rc == 0)
		return 0;
	/* Those who have it keep it until they leave; others get a fresh one after that. */
	offer->state = CLOSING;
	if (offer->users) {
		grove_scope_enter_shielded(&shield, "users leave", GROVE_NEVER);
		waited = grove_event_wait(&offer->unused);
		rc = grove_scope_exit(&shield, waited < 0 ? waited : rc, NULL);
	}
	return rc;
}

/* ---- its users ------------------------------------------------------------------------------- */

static struct grove_offer *start(struct grove_cache *cache, const struct grove_resource *what)
{
	size_t size = strlen(what->key) + 1;
	struct grove_offer *offer = grove_alloc(1, sizeof(*offer) + size);

	memcpy(offer->key, what->key, size);
	offer->cache = cache;
	offer->what = *what;
	offer->what.key = offer->key;
	offer->refs = 1;
	offer->state = OPENING;
	grove_event_init(&offer->opened, "resource opening");
	grove_event_init(&offer->unused, "resource unused");
	grove_event_init(&offer->gone, "resource closing");
	grove_event_init(&offer->reopened, "resource reopening");
	grove_list_add(&cache->offers, &offer->link);
	grove_spawn(cache->nursery, offer->key, run, offer);
	return offer;
}

/* One user less. True: it was the last one, and the resource is about to end. */
static bool drop_user(struct grove_offer *offer)
{
	if (--offer->users)
		return false;
	if (offer->state == OPENING && offer->running)
		grove_scope_cancel(&offer->scope, GROVE_CANCEL_CALL, offer->key, "nobody waits");
	offer->state = CLOSING;
	grove_event_set(&offer->unused);
	return true;
}

/* What was kept, once more for each who asks. */
static int tell(const struct grove_offer *offer, const char *what, struct grove_error *err)
{
	if (offer->error.tree)
		grove_error_set_tree(err, grove_errors_from(&offer->error));
	else
		grove_error_set(err, offer->rc, "%s", offer->error.text);
	return grove_error_at(err, offer->rc, "%s resource '%s'", what, offer->key);
}

static int cancelled(const struct grove_offer *offer, const char *what, struct grove_error *err)
{
	return grove_error_set(err, -ECANCELED, "cancelled while %s resource '%s'", what,
			       offer->key);
}

static int join(struct grove_offer *from, struct grove_lease *lease, struct grove_error *err)
{
	_unref_ struct grove_offer *offer = ref(from);

	offer->users++;
	if (grove_event_wait(&offer->opened) < 0) {
		drop_user(offer);
		return cancelled(offer, "opening", err);
	}
	if (!offer->offered) {
		offer->users--;
		return tell(offer, "opening", err);
	}
	lease->value = offer->value;
	lease->offer = grove_steal(offer);
	return 0;
}

int grove_cache_enter(struct grove_cache *cache, const struct grove_resource *what,
		      struct grove_lease *lease, struct grove_error *err)
{
	struct grove_offer *offer;

	if (grove_check() < 0)
		return grove_error_set(err, -ECANCELED, "cancelled before entering '%s'",
				       what->key);
	while ((offer = find(cache, what->key)) && offer->state == CLOSING) {
		_unref_ struct grove_offer *old = ref(offer);
		struct grove_event *event = cache->defects.reenter_closing ? &old->reopened :
									     &old->gone;

		if (grove_event_wait(event) < 0)
			return cancelled(old, "waiting for the end of", err);
	}
	return join(offer ? offer : start(cache, what), lease, err);
}

int grove_cache_leave(struct grove_lease *lease, struct grove_error *err)
{
	_unref_ struct grove_offer *offer = grove_steal(lease->offer);
	int rc;

	lease->value = NULL;
	if (!offer || !drop_user(offer))
		return 0;
	offer->closers++;
	rc = grove_event_wait(&offer->gone);
	offer->closers--;
	if (rc < 0)
		return cancelled(offer, "closing", err);
	return offer->rc < 0 ? tell(offer, "closing", err) : 0;
}
