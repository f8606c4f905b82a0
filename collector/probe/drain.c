/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/drain.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	/*
	 * The kernel gathers records in eight pages and hands them out whole if there is room
	 * (kernel/bpf/bpf_iter.c, bpf_seq_read()): no read ends inside of what it wrote for one
	 * object.
	 */
	READ_BYTES = 8 << 12,
	SLOT_BYTES = 2 * READ_BYTES,
	SLOTS = 4,
	MAX_RETRIES = 1000,
};

/* What one or several reads gave. */
struct slot {
	char *bytes;
	ssize_t size; /* 0 at the end, -errno */
};

/* One iterator. */
struct source {
	int iter;
	struct slot slots[SLOTS];
	sem_t filled, taken;
	bool stop;  /* written before a post of `taken` */
	bool ahead; /* `thread` reads */
	pthread_t thread;
	/* what the caller has before it */
	unsigned int next; /* slot behind that */
	const char *at;
	size_t left;
	int64_t place; /* of the group at `at`; INT64_MAX: it has come to its end */
	size_t len;
};

/* EAGAIN: a million objects without a record; the next read goes on behind them. */
static ssize_t read_once(int iter, char *to, size_t room)
{
	for (int retries = 0;; retries++) {
		ssize_t got = read(iter, to, room);

		if (got >= 0)
			return got;
		if ((errno != EINTR && errno != EAGAIN) || retries == MAX_RETRIES)
			return -errno;
	}
}

/*
 * As much as fits. An error or the end that comes after something is found again by the next one.
 */
static ssize_t fill(int iter, char *to)
{
	size_t have = 0;
	ssize_t got;

	do {
		got = read_once(iter, to + have, SLOT_BYTES - have);
		if (got > 0)
			have += (size_t)got;
	} while (got > 0 && SLOT_BYTES - have >= READ_BYTES);
	return have ? (ssize_t)have : got;
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		;
}

static void *read_ahead(void *arg)
{
	struct source *s = arg;

	for (unsigned int i = 0;; i++) {
		struct slot *slot = &s->slots[i % SLOTS];

		wait_for(&s->taken);
		if (s->stop)
			break;
		slot->size = fill(s->iter, slot->bytes);
		sem_post(&s->filled);
		if (slot->size <= 0)
			break;
	}
	return NULL;
}

static void begin(struct source *s, int iter, char *room, bool ahead)
{
	s->iter = iter;
	for (size_t i = 0; i < SLOTS; i++)
		s->slots[i].bytes = room + i * SLOT_BYTES;
	sem_init(&s->filled, 0, 0);
	sem_init(&s->taken, 0, SLOTS);
	s->ahead = ahead && pthread_create(&s->thread, NULL, read_ahead, s) == 0;
}

static void end(struct source *s)
{
	/* after an error of ours it may still want to fill a slot */
	s->stop = true;
	sem_post(&s->taken);
	if (s->ahead)
		pthread_join(s->thread, NULL);
	sem_destroy(&s->filled);
	sem_destroy(&s->taken);
}

/* What the source gave next, when all before was taken in. */
static int next_slot(struct source *s, uint64_t *bytes, struct snag_error *err)
{
	struct slot *slot = &s->slots[s->ahead ? s->next % SLOTS : 0];

	if (s->ahead && s->next)
		sem_post(&s->taken);
	if (s->ahead)
		wait_for(&s->filled);
	else
		slot->size = fill(s->iter, slot->bytes);
	s->next++;
	if (slot->size < 0)
		return error_set(err, (int)slot->size, "reading records: %m");
	*bytes += (uint64_t)slot->size;
	s->at = slot->bytes;
	s->left = (size_t)slot->size;
	s->len = s->left;
	s->place = s->left ? 0 : INT64_MAX;
	return 0;
}

static int broken(struct snag_error *err)
{
	return error_set(err, -EBADMSG, "the kernel side wrote a broken record");
}

/* Find the place of the group at hand. Of one iterator all that came is one group. */
static int find_place(const struct drain_opts *opts, struct source *s, struct snag_error *err)
{
	if (opts->count < 2 || !s->left)
		return 0;
	s->place = opts->place(s->at, s->left, &s->len);
	return s->place < 0 ? broken(err) : 0;
}

/* The groups of `s` up to `until`, as far as they lie side by side. */
static int take(const struct drain_opts *opts, struct source *s, int64_t until,
		struct snag_error *err)
{
	const char *from = s->at;
	int rc;

	do {
		s->at += s->len;
		s->left -= s->len;
		rc = find_place(opts, s, err);
	} while (rc == 0 && s->left && s->place <= until);
	if (opts->records(from, (size_t)(s->at - from), opts->arg) < 0)
		return broken(err);
	return rc;
}

static int merge(const struct drain_opts *opts, struct source *sources, uint64_t *bytes,
		 struct snag_error *err)
{
	struct source none = { .place = INT64_MAX };
	int rc = 0;

	while (rc == 0) {
		struct source *a = sources, *b = opts->count < 2 ? &none : sources + 1;

		if (b->place < a->place) {
			a = b;
			b = sources;
		}
		if (a->place == INT64_MAX)
			break;
		rc = take(opts, a, b->place, err);
		if (rc == 0 && !a->left)
			rc = next_slot(a, bytes, err);
		if (rc == 0)
			rc = find_place(opts, a, err);
	}
	return rc;
}

int drain(const struct drain_opts *opts, uint64_t *bytes, struct snag_error *err)
{
	_cleanup_free_ char *room = xmalloc((size_t)opts->count * SLOTS * SLOT_BYTES);
	struct source sources[DRAIN_SIDES] = { 0 };
	uint32_t begun = 0;
	int rc = 0;

	while (rc == 0 && begun < opts->count) {
		struct source *s = &sources[begun];

		begin(s, opts->iters[begun], room + (size_t)begun * SLOTS * SLOT_BYTES,
		      opts->ahead);
		begun++;
		rc = next_slot(s, bytes, err);
		if (rc == 0)
			rc = find_place(opts, s, err);
	}
	if (rc == 0)
		rc = merge(opts, sources, bytes, err);
	while (begun)
		end(&sources[--begun]);
	return rc;
}
