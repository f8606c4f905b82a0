/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/fault/faults.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/truth.h"
#include "runtime/spawn/backends.h"

const struct grove_fault *const grove_faults[] = {
#define X(name) &grove_fault_##name,
	GROVE_FAULTS(X)
#undef X
		NULL,
};

const struct grove_fault *grove_fault_find(const char *name, bool *off)
{
	static const char prefix[] = "off:";
	bool is_off = strncmp(name, prefix, sizeof(prefix) - 1) == 0;

	if (is_off)
		name += sizeof(prefix) - 1;
	if (off)
		*off = is_off;
	for (size_t i = 0; grove_faults[i]; i++)
		if (strcmp(grove_faults[i]->name, name) == 0)
			return grove_faults[i];
	return NULL;
}

const char *grove_fault_refusal(const struct grove_fault *fault,
				const struct grove_backend *backend)
{
	const char *reason = backend->refuses ? backend->refuses() : NULL;

	if (!reason && fault->refuses)
		reason = fault->refuses(backend);
	return reason;
}

int grove_fault_arm(const char *name, struct grove_actor *actor, struct grove_error *err)
{
	bool off;
	const struct grove_fault *fault = grove_fault_find(name, &off);

	if (!fault)
		return grove_error_set(err, -EINVAL, "no fault '%s'", name);
	return fault->arm ? fault->arm(actor, off, err) : 0;
}

static const char *const triggers[] = {
	[GROVE_TRIGGER_NONE] = "none",
	[GROVE_TRIGGER_ROOT] = "root",
	[GROVE_TRIGGER_ORPHAN] = "orphan",
};

void grove_fault_list(void)
{
	for (size_t i = 0; grove_faults[i]; i++) {
		const struct grove_fault *fault = grove_faults[i];

		for (size_t k = 0; grove_backends[k]; k++) {
			const char *reason = grove_fault_refusal(fault, grove_backends[k]);

			printf("fault=%s\tbackend=%s\tdepth=%d\tbreadth=%d\ttrigger=%s\t"
			       "traps=%d\thangs=%d\thosted=%s\ttext=%s\trefuses=%s\n",
			       fault->name, grove_backends[k]->name, fault->depth, fault->breadth,
			       triggers[fault->trigger], fault->traps, fault->hangs,
			       grove_backends[k]->hosted ? "yes" : "no", fault->text,
			       reason ? reason : "");
		}
	}
}

/* ---- for faults ------------------------------------------------------------------------------ */

int grove_fault_level(const char *name)
{
	int level = 0;

	for (; *name; name++)
		level += *name == '.';
	return level;
}

const char *grove_fault_needs_process(const struct grove_backend *backend)
{
	return backend->hosted ? "all actors of the tree share one process" : NULL;
}

const char *grove_fault_needs_thread(const struct grove_backend *backend)
{
	return backend->hosted ? NULL : "each actor is a process of its own";
}

void grove_fault_trap(void)
{
	grove_truth("trap", grove_fact_text("fault", grove_actor_fault(grove_actor_self())));
}

void grove_fault_hangs(void)
{
	grove_truth("hang", grove_fact_text("fault", grove_actor_fault(grove_actor_self())));
}

/* "pipe:[7]"; "" when there is no such descriptor. */
static const char *key_of(int fd, char key[static 64])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = fd < 0 ? 0 : readlink(path, key, 63);
	key[n > 0 ? n : 0] = 0;
	return key;
}

static void log_wait(pid_t pid, pid_t tid, const char *wait, int fd, pid_t on)
{
	char key[64];

	grove_truth("hang-wait", grove_fact_int("waiter", pid), grove_fact_int("thread", tid),
		    grove_fact_text("wait", wait), grove_fact_text("key", key_of(fd, key)),
		    grove_fact_int("on", on));
}

void grove_fault_waits(const char *wait, int fd, pid_t on)
{
	log_wait(getpid(), gettid(), wait, fd, on);
}

void grove_fault_other_waits(pid_t pid, const char *wait, int fd, pid_t on)
{
	log_wait(pid, pid, wait, fd, on);
}

void grove_fault_leaves(bool reaped)
{
	grove_truth("hang-leaves", grove_fact_int("thread", gettid()),
		    grove_fact_int("reaped", reaped));
}

static void log_culprit(pid_t pid, pid_t tid, const char *word, const char *key)
{
	grove_truth("hang-culprit", grove_fact_int("culprit", pid), grove_fact_int("thread", tid),
		    grove_fact_text("word", word), grove_fact_text("key", key));
}

void grove_fault_culprit(pid_t pid, const char *word, int fd)
{
	char key[64];

	log_culprit(pid, pid == getpid() ? gettid() : pid, word, key_of(fd, key));
}

void grove_fault_culprit_lock(const pthread_mutex_t *lock)
{
	char key[64];

	snprintf(key, sizeof(key), "futex:[%d:0x%" PRIxPTR "]", (int)getpid(), (uintptr_t)lock);
	log_culprit(getpid(), gettid(), NULL, key);
}

void grove_fault_culprit_in(pid_t pid, pid_t tid, const char *word)
{
	log_culprit(pid, tid ? tid : pid, word, NULL);
}

void grove_fault_culprit_gone(const char *word)
{
	log_culprit(getpid(), 0, word, NULL);
}

void grove_fault_culprit_root(const char *word)
{
	pid_t root = grove_actor_root_pid(grove_actor_self());

	log_culprit(root, root, word, NULL);
}
