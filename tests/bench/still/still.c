/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench/still/still.h"

#include "bench/still/thread.h"

#include "still.skel.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

enum { SETTLE_MS = 10000 };

struct still {
	struct still_bpf *skel;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

struct still *still_open(const int *pids, int count)
{
	struct still_bpf *skel;
	struct still *s;
	struct stat ns;
	int rc = 0;

	libbpf_set_print(quiet);
	skel = still_bpf__open();
	if (!skel)
		return NULL;
	if (stat("/proc/self/ns/pid", &ns) < 0)
		rc = -errno;
	skel->rodata->pid_ns = (uint32_t)ns.st_ino;
	if (rc == 0)
		rc = still_bpf__load(skel);
	if (rc == 0)
		rc = still_bpf__attach(skel);
	for (int i = 0; rc == 0 && i < count; i++) {
		uint32_t tgid = (uint32_t)pids[i], yes = 1;

		rc = bpf_map__update_elem(skel->maps.targets, &tgid, sizeof(tgid), &yes,
					  sizeof(yes), BPF_ANY);
	}
	s = rc == 0 ? malloc(sizeof(*s)) : NULL;
	if (!s) {
		still_bpf__destroy(skel);
		errno = rc < 0 ? -rc : ENOMEM;
		return NULL;
	}
	s->skel = skel;
	return s;
}

void still_close(struct still *s)
{
	if (s)
		still_bpf__destroy(s->skel);
	free(s);
}

/* The thread behind `key`, or the first one; false: there is none. `key` is where it was. */
static bool next(const struct still *s, uint32_t **at, uint32_t *key, struct still_thread *t)
{
	if (bpf_map__get_next_key(s->skel->maps.threads, *at, key, sizeof(*key)) < 0)
		return false;
	*at = key;
	return bpf_map__lookup_elem(s->skel->maps.threads, key, sizeof(*key), t, sizeof(*t), 0) ==
	       0;
}

void still_begin(struct still *s)
{
	uint32_t key;

	while (bpf_map__get_next_key(s->skel->maps.threads, NULL, &key, sizeof(key)) == 0)
		if (bpf_map__delete_elem(s->skel->maps.threads, &key, sizeof(key), 0) < 0)
			return;
}

/* What is known now; false: one of them is not back yet. */
static bool look(const struct still *s, struct kept *kept)
{
	uint32_t *at = NULL, key;
	struct still_thread t;
	bool back = true;

	*kept = (struct kept){ 0 };
	while (next(s, &at, &key, &t)) {
		double ms = (double)t.total / 1e6;

		kept->threads++;
		if (ms > kept->most_ms)
			kept->most_ms = ms;
		back = back && !t.since;
	}
	return back;
}

void still_end(struct still *s, struct kept *kept)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int ms = 0; !look(s, kept) && ms < SETTLE_MS; ms++)
		nanosleep(&pause, NULL);
}
