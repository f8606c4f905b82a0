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
	 * (kernel/bpf/bpf_iter.c, bpf_seq_read()): no read ends inside of a record.
	 */
	READ_BYTES = 8 << 12,
	SLOT_BYTES = 4 * READ_BYTES,
	SLOTS = 4,
	MAX_RETRIES = 1000,
};

/* What one or several reads gave. */
struct slot {
	char *bytes;
	ssize_t size; /* 0 at the end, -errno */
};

struct ahead {
	int iter;
	struct slot slots[SLOTS];
	sem_t filled, taken;
	bool stop; /* written before a post of `taken` */
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

static void *read_ahead(void *arg)
{
	struct ahead *a = arg;

	for (unsigned int i = 0;; i++) {
		struct slot *slot = &a->slots[i % SLOTS];

		while (sem_wait(&a->taken) < 0)
			;
		if (a->stop)
			break;
		slot->size = fill(a->iter, slot->bytes);
		sem_post(&a->filled);
		if (slot->size <= 0)
			break;
	}
	return NULL;
}

/* What a read gave: 1 go on, 0 the end. */
static int take(const struct drain_opts *opts, const struct slot *slot, uint64_t *bytes,
		struct snag_error *err)
{
	if (slot->size < 0)
		return error_set(err, (int)slot->size, "reading records: %m");
	if (!slot->size)
		return 0;
	*bytes += (uint64_t)slot->size;
	if (opts->records(slot->bytes, (size_t)slot->size, opts->arg) < 0)
		return error_set(err, -EBADMSG, "the kernel side wrote a broken record");
	return 1;
}

static int drain_alone(const struct drain_opts *opts, uint64_t *bytes, struct snag_error *err)
{
	_cleanup_free_ char *room = xmalloc(SLOT_BYTES);
	struct slot slot = { .bytes = room };
	int rc;

	do {
		slot.size = fill(opts->iter, room);
		rc = take(opts, &slot, bytes, err);
	} while (rc > 0);
	return rc;
}

static int drain_behind(const struct drain_opts *opts, struct ahead *a, uint64_t *bytes,
			struct snag_error *err)
{
	int rc;

	for (unsigned int i = 0;; i++) {
		while (sem_wait(&a->filled) < 0)
			;
		rc = take(opts, &a->slots[i % SLOTS], bytes, err);
		if (rc <= 0)
			break;
		sem_post(&a->taken);
	}
	/* after an error of ours it may still want to fill a slot */
	a->stop = true;
	sem_post(&a->taken);
	return rc;
}

int drain(const struct drain_opts *opts, uint64_t *bytes, struct snag_error *err)
{
	_cleanup_free_ char *room = NULL;
	struct ahead a = { .iter = opts->iter };
	pthread_t thread;
	int rc;

	if (!opts->ahead)
		return drain_alone(opts, bytes, err);
	room = xmalloc((size_t)SLOTS * SLOT_BYTES);
	for (size_t i = 0; i < SLOTS; i++)
		a.slots[i].bytes = room + i * SLOT_BYTES;
	sem_init(&a.filled, 0, 0);
	sem_init(&a.taken, 0, SLOTS);
	if (pthread_create(&thread, NULL, read_ahead, &a) == 0) {
		rc = drain_behind(opts, &a, bytes, err);
		pthread_join(thread, NULL);
	} else {
		rc = drain_alone(opts, bytes, err);
	}
	sem_destroy(&a.filled);
	sem_destroy(&a.taken);
	return rc;
}
