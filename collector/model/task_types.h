/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_types.h - tasks of a model (model.h): coroutines, green threads and what they live in.
 *
 * Ids are element numbers from 1 on, 0 is "none"; strings are ids of the model's table.
 */
#pragma once

#include "model/script_types.h"

#include <stdbool.h>
#include <stdint.h>

enum task_state {
	TASK_UNKNOWN = 0,
	TASK_NEW,      /* has not run yet */
	TASK_RUNNABLE, /* its turn will come */
	TASK_RUNNING,  /* its frames are those of its thread */
	TASK_WAITING,
	TASK_DONE,
	TASK_STATE_COUNT,
};

/* A fact that a runtime need not tell. */
enum task_fact { NOT_TOLD = -1, TOLD_NO = 0, TOLD_YES = 1 };

struct task {
	uint32_t actor, thread; /* thread: whose loop runs it, 0 unknown */
	uint64_t address;	/* of the runtime's structure: what tells tasks of an actor apart */
	uint64_t number;	/* the runtime's own number, 0 none */
	uint32_t runtime, name; /* strings */
	uint32_t parent;	/* task id, 0 none or unknown */
	uint32_t nursery;	/* id of the one that waits for it, 0 none */
	uint32_t scope;		/* id of its innermost cancel scope, 0 none */
	/* these three not in captures, for the waits only */
	int32_t gone_tid;    /* its loop belongs to this thread, which does not exist; 0 none */
	int32_t serves_fd;   /* the connection whose call it answers, -1 none */
	int64_t serves_call; /* which call */
	uint8_t state;	     /* enum task_state */
	bool main;	     /* what its loop was started for */
	bool hint;	     /* its loop ran while it was read: nothing of it is certain */
	int8_t requested;    /* enum task_fact: a cancel reaches it */
	int8_t shielded;     /* enum task_fact: one was asked for, and a shield holds it back */
	int8_t delivered;    /* enum task_fact: a call of it has failed because of the cancel */
	uint64_t signals;    /* of a main task: bit n-1, signal n came and its loop did not wake */
	uint32_t cancel_by, cancel_reason; /* strings: who asked for the cancel and why, or 0 */
	uint32_t wait;			   /* wait id, 0: none, or it could not be read */
	uint32_t stack_why;		   /* string: why there are no frames, or where they end */
	uint32_t first_frame, frame_count; /* into model.task_frames, innermost first */
	uint32_t first_exception, exception_count; /* into model.exceptions, innermost first */
};

/* A call on the stack of a task. */
struct task_frame {
	uint32_t function, file, line; /* strings; 0 unknown */
	uint32_t code;		       /* code id of a native frame, 0: of an interpreter */
	uint64_t pc;		       /* of a native frame */
	uint8_t kind;		       /* enum script_kind */
	struct script_source source;
	struct script_values locals;
};

/* What waits for its children before it is left. */
struct nursery {
	uint32_t actor;
	uint64_t address;
	uint32_t name;	  /* string or 0 */
	uint32_t task;	  /* task id: who opened it, 0 unknown */
	uint32_t scope;	  /* id of its cancel scope, 0 none */
	int32_t children; /* not done, as the runtime counts them; -1 unknown */
	bool waiting;	  /* its task is at its end */
};

/* What is cancelled as one. */
struct scope {
	uint32_t actor;
	uint64_t address;
	uint32_t name;	     /* string or 0 */
	uint32_t parent;     /* id of the next one further out, 0 none */
	uint32_t task;	     /* task id: who entered it, 0 unknown */
	bool shield;	     /* stops a cancel from outside */
	bool cancelled;	     /* a cancel was asked for here */
	int64_t deadline_ms; /* time left, 0 when it has passed; -1 none */
	uint32_t by, reason; /* strings: who cancelled it and why, or 0 */
};

/* What a task awaits, in the words of docs/RUNTIME_ABI.md. */
enum await_kind {
	AWAIT_UNKNOWN,
	AWAIT_READABLE, /* fd */
	AWAIT_WRITABLE, /* fd */
	AWAIT_PROCESS,	/* pid; fd a pidfd or -1 */
	AWAIT_SLEEP,	/* deadline */
	AWAIT_FOREVER,	/* a cancel */
	AWAIT_EVENT,	/* what any task or callback of the loop may set */
	AWAIT_LOCK,	/* owner */
	AWAIT_SEND,	/* room in a channel */
	AWAIT_RECEIVE,	/* something in a channel */
	AWAIT_NURSERY,	/* nursery, until its children are done */
	AWAIT_TASK,	/* owner, until it is done */
	AWAIT_THREAD,	/* tid; 0: it has not begun */
	AWAIT_SIGNAL,	/* number, 0: any of several */
	AWAIT_LIMIT,	/* one of the places of a limiter */
	AWAIT_OTHER,	/* the label says what */
	AWAIT_ALL,	/* all of the tasks in `others` */
	AWAIT_ANY,	/* one of the tasks in `others` */
	AWAIT_FUTURE,	/* as AWAIT_EVENT: the label says whose, and `object` may be it */
	AWAIT_KINDS,
};

/* Who has promised to end a wait, in the words of docs/RUNTIME_ABI.md. */
enum promise_kind {
	PROMISE_NONE,
	PROMISE_TASK,	 /* task: its number */
	PROMISE_ANSWER,	 /* fd, call: who serves that call at the other end of fd */
	PROMISE_CALLER,	 /* fd, call: who has made it there */
	PROMISE_PROCESS, /* pid */
	PROMISE_THREAD,	 /* tid: of the same process */
	PROMISE_KINDS,
};

struct promise {
	uint8_t kind; /* enum promise_kind */
	int32_t fd, pid, tid;
	uint64_t task;
	int64_t call;
	uint32_t who; /* string: name of the one who has promised, 0 none */
};

/* What the runtime says of a task's wait; waits/ makes a wait of it. Not in captures. */
struct await {
	uint32_t task;
	uint8_t kind;		      /* enum await_kind */
	int32_t fd, pid, tid, number; /* -1, 0, 0, 0: none */
	uint64_t object;	      /* address of what it waits on, 0 none */
	uint32_t owner;		      /* task id, 0 none or unknown */
	uint32_t nursery;	      /* id, 0 unknown */
	uint32_t label;		      /* string: name of the object, 0 none */
	int64_t since_ms;	      /* -1 unknown */
	int64_t deadline_ms;	      /* time left, at least 0; -1 none */
	/* of channels and limiters; -1 unknown */
	int64_t used, capacity, senders, receivers;
	struct promise promise;
	uint32_t first_other, other_count; /* into model.await_tasks */
};

/*
 * Registers of a task that does not run, by their DWARF numbers, to unwind from. Not in captures.
 */
struct task_stack {
	uint32_t task;
	uint32_t known; /* bit n: regs[n] is valid */
	uint64_t regs[17];
};
