/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.h - the elements of a model (model.h): actors, threads, objects, holders, waits, terms,
 * findings.
 *
 * Ids are element numbers from 1 on, 0 is "none"; strings are ids of the model's table.
 */
#pragma once

#include "model/script_types.h"

#include <stdbool.h>
#include <stdint.h>

enum actor_kind { ACTOR_PROCESS, ACTOR_INTERPRETER };

/* A process, or one more interpreter inside of one, which is its parent. */
struct actor {
	uint32_t kind, host_thread; /* enum actor_kind; thread id: who runs an interpreter, or 0 */
	int32_t pid;
	uint64_t start;	 /* clock ticks since boot; (pid, start) is the key */
	uint32_t parent; /* actor id, 0: none in the model */
	int32_t ppid;
	uint32_t name, exe, argv; /* strings; argv joined with \x1f */
	char state;
	bool in_tree; /* false: outside the tree, only here because it holds something */
	bool exited;  /* a zombie without live threads */
	bool denied;  /* could not be looked into */
	bool frozen;
	/* not known, and something speaks for one: SIGALRM is caught, a timer exists */
	bool timer_possible;
	bool timers_known; /* interval timers could be seen */
	uint64_t timer_ns; /* time left of the next armed interval or POSIX timer; 0 none */
	uint32_t joined;   /* string: why it is in the tree though not a descendant, or 0 */
	int32_t pgrp, session, tracer;
	uint32_t uid;
	uint64_t pid_ns, net_ns, mnt_ns;
	uint32_t cgroup;
	uint32_t fd_total;
	int32_t exit_code;				      /* -1 unknown */
	uint32_t spawn_method, spawn_backend, spawn_evidence; /* enum; strings */
	int32_t spawn_by_pid, spawn_by_tid;
	uint32_t spawn_requested_by, spawn_requested_task; /* ids: actor, task of it; 0 unknown */
	uint32_t runtime;				   /* string, 0 unknown */
	uint32_t first_thread, thread_count;		   /* thread ids first_thread .. */
	uint32_t first_task, task_count;		   /* task ids first_task .. */
	uint64_t sig_pending_blocked; /* pending signals that all its threads block, by bit */
	bool catches_sigchld; /* a hidden wake-up: a child's exit ends interruptible waits */
	bool collecting;      /* its interpreter collects garbage */
};

struct thread {
	uint32_t actor;
	int32_t tid;
	uint32_t name, syscall; /* strings; syscall 0: not blocked in one */
	char state;
	bool moved; /* ran while we looked: level 0 */
	bool gone;
	bool polls;	    /* ran, but only from its time-out back into the same wait */
	bool busy;	    /* ran at every look, but moved no bytes and had no events */
	bool interruptible; /* a handled signal could end its wait (state S) */
	uint32_t wait;	    /* wait id, 0: none (running, or gone) */
	uint64_t since_ms;  /* blocked for so long; UINT64_MAX unknown */
	uint32_t wchan;	    /* string */
	/* its native stack, when it was asked for; innermost frame first */
	uint8_t stack;	    /* enum stack_status of read/stack.h */
	bool stack_current; /* taken while it stood where its wait says, and it did not run since */
	uint32_t stack_why; /* string: why it is not stable or has no frames, or 0 */
	uint32_t stack_end; /* string: why the walk ended where it did, or 0 */
	uint32_t first_frame, frame_count;   /* into model.frames */
	uint32_t first_kernel, kernel_count; /* into model.kernel_frames */
	struct thread_script script;
};

/* One call on the native stack of a thread. */
struct frame {
	uint64_t pc;   /* in the address space of the process */
	uint32_t code; /* code id: what is there */
	uint8_t how;   /* enum frame_how of unwind/frame.h: how it was found */
	bool signal;   /* the code that a signal handler returns to */
};

/*
 * A place in the code of a file, whoever has it mapped where: equal stacks of different processes
 * are equal lists of these.
 */
struct code {
	uint64_t address; /* as the symbols of the module count; without one: the pc */
	uint64_t offset;  /* from the start of the function; else of the module */
	uint32_t symbol, module, missing; /* strings; `missing`: why there is no symbol */
	bool function; /* `offset` counts from the start of a function, if a nameless one */
	bool exact;    /* not behind a call, but where it stopped */
	/* of the function itself: file and line of what it executes or calls here */
	uint32_t file, line;		       /* string, 0 unknown; 0 unknown */
	uint32_t first_inlined, inlined_count; /* into model.inlined, innermost first */
};

/* A function that was inlined at a place in the code. */
struct inlined {
	uint32_t symbol, file, line; /* as in struct code */
};

enum holders_seen {
	HOLDERS_UNKNOWN = 0, /* nobody looked */
	/* all that can be seen; there may be more: a verdict is probable at best */
	HOLDERS_VISIBLE,
	/* the kernel's counts or a look into every process say these are all */
	HOLDERS_COMPLETE,
	HOLDERS_HIDDEN, /* the kernel counts more than can be seen: term of level 4 */
};

/* Something that is waited on or that connects actors. */
struct object {
	uint32_t kind;	      /* string: pipe, socket, eventfd, mutex, file, ... */
	uint32_t key;	      /* string, unique: "pipe:[123]", "futex:[pid 7 0x7f..]" */
	uint32_t label;	      /* string for people: a path, "127.0.0.1:80", or 0 */
	uint32_t detail;      /* string: a JSON object with the facts of the kind, or 0 */
	uint8_t holders_seen; /* enum holders_seen */
	bool relevant;	      /* named by a wait or a finding; views show only these */
	uint32_t peer;	      /* object id of the other end (sockets, ptys), 0 none */
};

/* Who has the object, and in which way it can act on it. */
struct holder {
	uint32_t object, actor;
	int32_t fd;   /* -1: not by a descriptor (mapped memory) */
	uint8_t mode; /* MODE_READ | MODE_WRITE of snapshot.h */
	/* the same open file description as its parent's, or shared by a bare fork */
	bool inherited;
	int8_t used;	      /* 1, 0, or -1 unknown */
	uint32_t description; /* equal numbers: one open file description; 0 unknown */
};

enum term_kind {
	TERM_NEVER = 1, /* nothing can: constant false; text says why */
	TERM_THREAD,	/* thread `id` can, when it runs */
	TERM_ACTOR,	/* any thread of actor `id` can */
	TERM_EXIT,	/* the exit of actor `id` */
	TERM_OBJECT,	/* any holder of object `id` whose mode has all bits of `mode` */
	TERM_WAIT,	/* what ends wait `id` (an item of poll or epoll) */
	TERM_TIME,	/* its own deadline: level 1 */
	/* an existing channel that leads out of the host or tree: level 2; text names it */
	TERM_OUTSIDE,
	/* a new input only (connection, signal, file event): level 3; text names it */
	TERM_NEW,
	TERM_STOPPED, /* whoever stopped or froze it: level 3, verdict `stopped`; text names it */
	TERM_UNKNOWN, /* could not be resolved: level 4; text says what is missing */
	TERM_NOW,     /* it can go on already: level 0 */
	TERM_TASK,    /* task `id` can, or its end, when it goes on */
};

/* Of who can end a wait, waits[].on[].as of the contract; a canceller may only call it off. */
enum term_role { AS_HOLDER, AS_OWNER, AS_CHILD, AS_PEER, AS_SETTER, AS_CANCELLER, AS_COUNT };

/* One of the things that may end a wait. */
struct term {
	uint8_t kind; /* enum term_kind */
	uint8_t as;   /* enum term_role */
	uint8_t mode; /* of TERM_OBJECT */
	uint32_t id;
	uint32_t text; /* string */
};

/* A thread or task that cannot go on. Ended when `need` of its terms hold. */
struct wait {
	uint32_t actor, thread, task; /* task 0 for a thread's wait */
	/* wait id: this one is an item of poll or epoll; 0 for a thread's own wait */
	uint32_t parent;
	uint32_t op;			 /* string: the system call or the runtime's word */
	uint8_t kind;			 /* enum wait_type */
	uint32_t object;		 /* object id, 0 none */
	int32_t fd;			 /* descriptor in the waiter, -1 none */
	uint32_t first_term, term_count; /* into model.terms, see model_add_term() */
	uint32_t need;			 /* 1: any term; term_count: all; k of n */
	int64_t timeout_ms; /* time left or the full time-out if the rest is unknown; -1 none */
	uint64_t since_ms;  /* UINT64_MAX unknown */
	uint32_t text;	    /* string for people: "reading pipe:[123] (fd 0)" */
	uint32_t external;  /* string: what outside it waits on, or 0 */
	uint32_t doubt;	    /* string: how it could end though no term holds, so unproven; or 0 */
	bool completion; /* waits for what is owed: an exit, a lock, room in a full pipe, a join */
	/* waits for new input on an established channel (read, recv, poll for input) */
	bool input;
	uint8_t level; /* set by graph_solve(): 0-4, or LEVEL_NONE */
};

enum { LEVEL_NOW, LEVEL_TIME, LEVEL_OUTSIDE, LEVEL_NEW, LEVEL_UNRESOLVED, LEVEL_NONE };

/* A suspicious fact that stands whatever the verdict. */
struct finding {
	uint32_t kind; /* string: a word such as "epoll-shared", "zombie", "fd-inherited" */
	uint32_t actor, object; /* ids, 0 none */
	int32_t fd, signal;	/* -1, 0: none */
	uint32_t effect, text;	/* strings: what it does to the tree (or 0); one sentence */
};

struct culprit {
	uint32_t actor, task, object; /* ids, 0 none; actor 0: nobody is to blame */
	int32_t tid;
	uint32_t reason, text; /* strings: one word of docs/man/snag-why.1; one sentence */
};
