/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_truth.h - what a patient states about its own hang; part of scenario.h.
 *
 * Any process of the patient that has not called exec may state it.
 */
#pragma once

#include <sys/types.h>

enum {
	ANYBODY = 0, /* on_pid: not checked */
	NOBODY = -1, /* on_pid: the wait must name no actor at all */
};

/*
 * A verdict that is right. Several calls: any of them. `confidence` NULL: not checked; a proven one
 * may be less from the procfs reader.
 */
void truth_verdict(const char *kind, const char *confidence);

/* Also right, but only from the procfs reader, which then need not agree with bpf. */
void truth_verdict_procfs(const char *kind, const char *confidence);

/* A verdict that is wrong whatever the reader. */
void truth_not(const char *kind);

/*
 * The next hop of the chain from the focus down: thread `tid` of `pid` (0: the first thread) waits,
 * `kind` is a wait kind or several with | between, for the object `key` (NULL: not checked), and
 * `on_pid` is among those who can end it. The stated hops must be the first hops of snag's chain. A
 * poll or epoll hop may be stated as "poll" or as its decisive item. The thread must be blocked
 * before snag is asked.
 */
void truth_hop(pid_t pid, pid_t tid, const char *kind, const char *key, pid_t on_pid);

/* A wait that must exist, in the chain or outside of it, directly or as an item of a poll. */
void truth_wait(pid_t pid, pid_t tid, const char *kind, const char *key, pid_t on_pid);

/* Who is to blame. Several calls: any of them. `reason` NULL: not checked, else words with |
 * between. */
void truth_culprit(pid_t pid, const char *reason);

/* As truth_culprit(); besides it is this thread of several (0: not checked), and the object to
 * blame it for has this key (NULL: not checked). */
void truth_culprit_on(pid_t pid, pid_t tid, const char *reason, const char *key);

/* Who is to blame, for what and in which words; what is 0 or NULL is not checked. */
struct truth_blame {
	pid_t pid, tid;
	const char *reason; /* words with | between */
	const char *key;    /* of the object */
	const char *says;   /* is in the sentence about the culprit, whatever its case */
};

/* As truth_culprit(). A tree that may be progressing has nobody to blame while it is. */
void truth_blame(const struct truth_blame *who);

/* A finding that must be there; `kind` may be several with | between; `pid` 0: of any actor. */
void truth_finding(const char *kind, pid_t pid);

/* As truth_finding(), about the object with this key (NULL: not checked). */
void truth_finding_on(const char *kind, pid_t pid, const char *key);

/* A finding kind that must not be there at all. */
void truth_no_finding(const char *kind);

/* A process that must be in the tree; `ppid` 0: its parent is outside; `method` NULL: not checked.
 */
void truth_actor(pid_t pid, pid_t ppid, const char *method);

/* A process that must not be in the tree. */
void truth_no_actor(pid_t pid);

/* These words must be in what `snag why PID` prints for people. */
void truth_says(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A thread (tid 0: the first) that must be blocked before snag is asked. truth_hop and truth_wait
 * imply it. */
void truth_blocked(pid_t pid, pid_t tid);

/* The root snag is asked about, when it is not the patient itself. */
void truth_root(pid_t pid);

/* Everything is stated: from here on the runner may look. */
void truth_ready(void);
