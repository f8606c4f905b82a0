/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/fault/faults.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
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

/* "pipe:[7]"; "" when a process has no such descriptor. */
static const char *key_in(pid_t pid, int fd, char key[static GROVE_FAULT_KEY])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	n = fd < 0 ? 0 : readlink(path, key, GROVE_FAULT_KEY - 1);
	key[n > 0 ? n : 0] = 0;
	return key;
}

const char *grove_fault_key(int fd, char key[static GROVE_FAULT_KEY])
{
	return key_in(getpid(), fd, key);
}

static void log_wait(pid_t pid, pid_t tid, const char *wait, int fd, pid_t on)
{
	char key[GROVE_FAULT_KEY];

	grove_truth("hang-wait", grove_fact_int("waiter", pid), grove_fact_int("thread", tid),
		    grove_fact_text("wait", wait), grove_fact_text("key", grove_fault_key(fd, key)),
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
	char key[GROVE_FAULT_KEY];

	log_culprit(pid, pid == getpid() ? gettid() : pid, word, grove_fault_key(fd, key));
}

void grove_fault_culprit_has(pid_t pid, int fd)
{
	char key[GROVE_FAULT_KEY];

	log_culprit(pid, pid, NULL, key_in(pid, fd, key));
}

void grove_fault_culprit_lock(const pthread_mutex_t *lock)
{
	char key[GROVE_FAULT_KEY];

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

void grove_fault_finding(const char *finding, pid_t of, int fd)
{
	char key[GROVE_FAULT_KEY];

	grove_truth("hang-finding", grove_fact_text("finding", finding), grove_fact_int("of", of),
		    grove_fact_text("key", grove_fault_key(fd, key)));
}

void grove_fault_says(const char *format, ...)
{
	char word[128];
	va_list args;

	va_start(args, format);
	vsnprintf(word, sizeof(word), format, args);
	va_end(args);
	grove_truth("hang-says", grove_fact_text("word", word));
}
