/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait_kinds.h - the words of waits[].kind and of the other closed lists of the JSON contract,
 * their enums and the way from one to the other.
 *
 * X(symbol, word). Append only: captures store the word.
 */
#pragma once

/* clang-format off */
#define WAIT_KINDS(X)                                                                              \
	X(UNKNOWN, "unknown") X(CHILD_EXIT, "child-exit") X(PROCESS_EXIT, "process-exit")          \
	X(VFORK, "vfork") X(PIPE_READ, "pipe-read") X(PIPE_WRITE, "pipe-write")                    \
	X(FIFO_OPEN, "fifo-open") X(PTY, "pty") X(TTY, "tty") X(UNIX_RECV, "unix-recv")            \
	X(UNIX_SEND, "unix-send") X(UNIX_CONNECT, "unix-connect") X(ACCEPT, "accept")              \
	X(TCP_RECV, "tcp-recv") X(TCP_SEND, "tcp-send") X(TCP_CONNECT, "tcp-connect")              \
	X(UDP, "udp") X(EVENTFD, "eventfd") X(TIMER, "timer") X(SIGNAL, "signal")                  \
	X(INOTIFY, "inotify") X(IO_URING, "io-uring") X(POLL, "poll") X(MUTEX, "mutex")            \
	X(CONDVAR, "condvar") X(SEMAPHORE, "semaphore") X(RWLOCK, "rwlock")                        \
	X(BARRIER, "barrier") X(THREAD_JOIN, "thread-join") X(FUTEX, "futex") X(GIL, "gil")        \
	X(FLOCK, "flock") X(RECORD_LOCK, "record-lock") X(LEASE, "lease")                          \
	X(SYSV_MSG, "sysv-msg") X(SYSV_SEM, "sysv-sem") X(MQ, "mq")                                \
	X(PTRACE_STOP, "ptrace-stop") X(STOP, "stop") X(FREEZE, "freeze")                          \
	X(KERNEL_LOCK, "kernel-lock") X(FUSE, "fuse") X(USERFAULT, "userfault") X(DISK, "disk")    \
	X(SLEEP, "sleep") X(TASK_EVENT, "task-event") X(TASK_LOCK, "task-lock")                    \
	X(TASK_CHANNEL, "task-channel") X(NURSERY, "nursery") X(TASK_JOIN, "task-join")            \
	X(SECCOMP, "seccomp") X(NETLINK, "netlink") X(EXEC, "exec")                                \
	X(PIDNS_EXIT, "pidns-exit") X(ONCE, "once") X(EVENT, "event")                              \
	X(QUEUE_GET, "queue-get") X(QUEUE_PUT, "queue-put") X(QUEUE_JOIN, "queue-join")            \
	X(FUTURE, "future") X(IMPORT_LOCK, "import-lock")

#define VERDICT_KINDS(X)                                                                           \
	X(UNDETERMINED, "undetermined") X(DEADLOCK, "deadlock")                                    \
	X(EXTERNAL, "stuck-on-external") X(TIMEOUT, "waiting-with-timeout")                        \
	X(STOPPED, "stopped") X(BUSY, "busy") X(PROGRESSING, "progressing") X(IDLE, "idle")        \
	X(EXITED, "exited")

#define CONFIDENCES(X) X(PROBABLE, "probable") X(PROVEN, "proven") X(CONDITIONAL, "conditional")

#define SPAWN_METHODS(X)                                                                           \
	X(UNKNOWN, "unknown") X(FORK, "fork") X(FORK_EXEC, "fork-exec")                            \
	X(VFORK_EXEC, "vfork-exec") X(THREAD_FORK, "thread-fork") X(FORKSERVER, "forkserver")      \
	X(INTERPRETER, "interpreter")
/* clang-format on */

/* Build code: enums and name tables of the closed lists. */
#define MODEL_ENUM_WAIT(symbol, word) WAIT_##symbol,
enum wait_type { WAIT_KINDS(MODEL_ENUM_WAIT) WAIT_TYPE_COUNT };
#define MODEL_ENUM_VERDICT(symbol, word) VERDICT_##symbol,
enum verdict_kind { VERDICT_KINDS(MODEL_ENUM_VERDICT) VERDICT_KIND_COUNT };
#define MODEL_ENUM_CONFIDENCE(symbol, word) CONFIDENCE_##symbol,
enum confidence { CONFIDENCES(MODEL_ENUM_CONFIDENCE) CONFIDENCE_COUNT };
#define MODEL_ENUM_SPAWN(symbol, word) SPAWN_##symbol,
enum spawn_method { SPAWN_METHODS(MODEL_ENUM_SPAWN) SPAWN_METHOD_COUNT };

/* The word of the contract, e.g. "pipe-read"; and back: -1 for a word that is not in the list. */
const char *wait_type_name(enum wait_type kind);
/* See wait_type_name(). */
int wait_type_from(const char *word);
/* See wait_type_name(). */
const char *verdict_kind_name(enum verdict_kind kind);
/* See wait_type_name(). */
int verdict_kind_from(const char *word);
/* See wait_type_name(). */
const char *confidence_name(enum confidence confidence);
/* See wait_type_name(). */
int confidence_from(const char *word);
/* See wait_type_name(). */
const char *spawn_method_name(enum spawn_method method);
/* See wait_type_name(). */
int spawn_method_from(const char *word);
