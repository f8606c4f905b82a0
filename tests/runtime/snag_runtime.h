/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snag_runtime.h - let snag see the tasks of your runtime. Version 1; docs/RUNTIME_ABI.md.
 *
 * A runtime places one `struct snag_rt` in its binary and one ELF note that points to it. The
 * structure is a table: where the loops are, and at which offsets of your own structures a reader
 * finds names, states, waits and saved stacks. Nothing is registered or called at run time, and
 * your structures stay as they are. What you do not have stays zero: "absent".
 *
 *	struct snag_rt my_table = { SNAG_RT_INIT("my", "1.0"), .loops.pointer = &my_loops, ... };
 *	SNAG_RT_NOTE(my_table);
 * Plain C and C++; may be copied.
 */
#pragma once

#include <linux/types.h>

#define SNAG_RT_VERSION 1
#define SNAG_RT_COOKIE 0x315452474e534753ULL /* "SGSNGRT1" in memory, little-endian */
#define SNAG_RT_NOTE_NAME "snag"
#define SNAG_RT_NOTE_TYPE 0x5254 /* "TR" */

/* How the value of a field is stored. */
enum snag_rt_how {
	SNAG_RT_ABSENT = 0,
	SNAG_RT_UINT = 1,	  /* 1, 2, 4 or 8 bytes */
	SNAG_RT_INT = 2,	  /* the same, signed */
	SNAG_RT_POINTER = 3,	  /* an address; 0: none */
	SNAG_RT_TEXT = 4,	  /* chars in place, `bytes` of them at most, ended by 0 */
	SNAG_RT_TEXT_POINTER = 5, /* the address of such chars, of any length */
	SNAG_RT_BIT = 6,	  /* bit `arg` of an integer of `bytes` bytes */
	SNAG_RT_INLINE = 7,	  /* the structure itself begins at the offset */
};

struct snag_rt_field {
	__u32 offset; /* from the start of the structure that owns the field */
	__u16 bytes;
	__u8 how; /* enum snag_rt_how */
	__u8 arg;
};

enum snag_rt_shape {
	SNAG_RT_NO_LIST = 0,
	SNAG_RT_CHAIN = 1,  /* head holds the address of the first node; the last `next` is 0 */
	SNAG_RT_CIRCLE = 2, /* head is a node itself; the last `next` is the address of the head */
	SNAG_RT_VECTOR = 3, /* head holds the address of an array of element addresses */
};

/* A list of structures. The address of an element is that of its node minus `node`. */
struct snag_rt_list {
	struct snag_rt_field head;  /* in the owner */
	struct snag_rt_field count; /* in the owner: how many; needed by a vector only */
	__u32 node;		    /* offset of the node in an element */
	__u32 next;		    /* offset of the next-pointer in a node */
	__u32 shape, reserved;	    /* enum snag_rt_shape */
};

/* Task states; 0 is unknown. */
enum snag_rt_state {
	SNAG_RT_STATE_NEW = 1, /* not run yet */
	SNAG_RT_STATE_RUNNABLE = 2,
	SNAG_RT_STATE_RUNNING = 3, /* its stack is the one of the loop's thread */
	SNAG_RT_STATE_WAITING = 4,
	SNAG_RT_STATE_DONE = 5,
};

/* What a task waits for; `object` is an address of the kind's structure where one is named. */
enum snag_rt_wait {
	SNAG_RT_WAIT_NONE = 0,
	SNAG_RT_WAIT_READABLE = 1, /* fd */
	SNAG_RT_WAIT_WRITABLE = 2, /* fd */
	SNAG_RT_WAIT_PROCESS = 3,  /* fd is a pidfd, pid */
	SNAG_RT_WAIT_SLEEP = 4,	   /* deadline */
	SNAG_RT_WAIT_FOREVER = 5,  /* until it is cancelled */
	SNAG_RT_WAIT_EVENT = 6,	   /* object: event */
	SNAG_RT_WAIT_LOCK = 7,	   /* object: lock */
	SNAG_RT_WAIT_SEND = 8,	   /* object: channel with no room */
	SNAG_RT_WAIT_RECEIVE = 9,  /* object: channel with nothing in it */
	SNAG_RT_WAIT_NURSERY = 10, /* object: nursery, until its children are done */
	SNAG_RT_WAIT_TASK = 11,	   /* object: task, until it is done */
	SNAG_RT_WAIT_THREAD = 12,  /* object: a job of a worker thread */
	SNAG_RT_WAIT_SIGNAL = 13,  /* number, 0: one of several */
	SNAG_RT_WAIT_LIMIT = 14,   /* object: a limiter that has no place left */
	SNAG_RT_WAIT_OTHER = 15,   /* see the label */
};

/* Who has promised to end a wait, where the runtime knows it. */
enum snag_rt_promise {
	SNAG_RT_PROMISE_NONE = 0,
	SNAG_RT_PROMISE_TASK = 1,    /* task: this one. When there is none such, it has ended */
	SNAG_RT_PROMISE_ANSWER = 2,  /* fd, call: who serves this call at the other end of fd */
	SNAG_RT_PROMISE_CALLER = 3,  /* fd, call: who has made this call from there */
	SNAG_RT_PROMISE_PROCESS = 4, /* pid: by something it does, or by its exit */
	SNAG_RT_PROMISE_THREAD = 5,  /* tid: the loop of this thread of the process, or its end */
};

struct snag_rt_loop {			 /* one scheduler, bound to one thread */
	struct snag_rt_field generation; /* odd while it runs, even while all its tasks rest */
	struct snag_rt_field name;
	struct snag_rt_field tid;	       /* of the thread, in its innermost pid namespace */
	struct snag_rt_field current;	       /* the running task */
	struct snag_rt_field poll_fd, wake_fd; /* of its epoll set; that it is woken by */
	struct snag_rt_field signals_pending;  /* bit n-1: signal n came and is not handled yet */
	struct snag_rt_list tasks;
};

struct snag_rt_task {
	struct snag_rt_field id, name;
	struct snag_rt_field state;	/* enum snag_rt_state, see state_map */
	struct snag_rt_field parent;	/* task; used when there are no nurseries */
	struct snag_rt_field nursery;	/* the one that waits for it */
	struct snag_rt_field scope;	/* the innermost cancel scope */
	struct snag_rt_field requested; /* a cancel was asked for and reaches it */
	struct snag_rt_field shielded;	/* a cancel was asked for and a shield holds it back */
	struct snag_rt_field delivered; /* a blocking call has failed because of it */
	struct snag_rt_field wait;	/* struct of the runtime that snag_rt_wait_at describes */
	struct snag_rt_field stack_low, stack_bytes; /* low: the lowest usable address */
	struct snag_rt_field saved_sp;		     /* 0 while it runs */
	struct snag_rt_list nurseries;		     /* those it has open */
};

struct snag_rt_nursery {
	struct snag_rt_field name, parent, scope; /* parent: a task */
	struct snag_rt_field count;		  /* of children not done */
	struct snag_rt_field waiting;		  /* the parent waits for the children */
};

struct snag_rt_scope {
	struct snag_rt_field name, shield, cancel_called;
	struct snag_rt_field parent, task; /* parent: a scope */
	struct snag_rt_field deadline_ns;  /* CLOCK_MONOTONIC, the largest value: none */
	struct snag_rt_field by;	   /* a number of the runtime */
	struct snag_rt_field who, reason;  /* texts */
};

struct snag_rt_wait_at {
	struct snag_rt_field kind; /* enum snag_rt_wait, see wait_map */
	struct snag_rt_field fd, pid, number, object, deadline_ns, since_ns;
	struct snag_rt_field label; /* text: name of the object, peer, address */
};

struct snag_rt_object { /* what tasks wait on; a kind leaves absent what it does not have */
	struct snag_rt_field name;
	struct snag_rt_field owner;				      /* task that has to act */
	struct snag_rt_field tid;				      /* thread that has to act */
	struct snag_rt_field set, used, capacity, senders, receivers; /* the last: open ends */
};

struct snag_rt_promise_at {
	struct snag_rt_field kind;		       /* enum snag_rt_promise */
	struct snag_rt_field task, fd, call, pid, tid; /* task: its snag_rt_task.id */
	struct snag_rt_field who;		       /* text: name of the one who has promised */
};

/* Registers of a task that does not run, as DWARF numbers them; 0xffff ends the list. */
struct snag_rt_saved {
	__u16 machine;		   /* ELF e_machine, 62: x86-64 */
	__u16 sp_after;		   /* the stack pointer after the switch: saved_sp + sp_after */
	__u16 pc_offset, reserved; /* the return address lies at saved_sp + pc_offset */
	struct snag_rt_register {
		__u16 dwarf, offset; /* offset from saved_sp */
	} registers[16];
};

/* The table. Append only: a reader takes `size` bytes and treats the rest as zero. */
struct snag_rt {
	__u32 size, version;
	__u64 cookie;
	char runtime[16], release[16];
	union {
		const void *pointer;
		__u64 address;
	} loops;			       /* the structure that owns the list of loops */
	struct snag_rt_field loops_generation; /* in it: changes when a loop comes or goes */
	struct snag_rt_list loop_list;
	struct snag_rt_loop loop;
	struct snag_rt_task task;
	struct snag_rt_nursery nursery;
	struct snag_rt_scope scope;
	struct snag_rt_wait_at wait;
	struct snag_rt_object event, lock, channel, limiter, thread;
	struct snag_rt_saved saved;
	__u32 state_map_count, wait_map_count; /* 0: stored in the numbers above */
	__u8 state_map[16];		       /* own number -> enum snag_rt_state */
	__u8 wait_map[64];		       /* own number -> enum snag_rt_wait */
	struct snag_rt_field wait_promise;     /* in a wait: what snag_rt_promise_at describes */
	struct snag_rt_promise_at promise;
	struct snag_rt_field serves_fd, serves_call; /* in a task: the call that it answers */
};

/* The first members of a table. */
#define SNAG_RT_INIT(runtime_name, release_name)                                                   \
	.size = sizeof(struct snag_rt), .version = SNAG_RT_VERSION, .cookie = SNAG_RT_COOKIE,      \
	.runtime = runtime_name, .release = release_name

/* The note: name "snag", descriptor = one signed 64-bit distance from itself to the table. `table`
 * is a global with hidden visibility. Needs no relocation. */
#define SNAG_RT_NOTE(table)                                                                        \
	__asm__(".pushsection .note.snag, \"a\", @note\n.balign 4\n.long 5, 8, 0x5254\n"           \
		".asciz \"snag\"\n.balign 4\n.quad " #table " - .\n.popsection\n")
