/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * descriptor.c - the loops of this process, and the table that tells readers how to read them.
 *
 * docs/RUNTIME_ABI.md says what the table means. The list is changed under a lock by the threads
 * that run loops; a reader outside has the generation instead.
 */
#include "runtime/core/event.h"
#include "runtime/core/inside.h"
#include "runtime/core/lock.h"
#include "runtime/core/memchan.h"
#include "runtime/snag_runtime.h"

static struct loops {
	struct grove_list list;
	atomic_uint generation;
} loops = { .list = { &loops.list, &loops.list } };
static pthread_mutex_t loops_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the list ----------------------------------------------------------------------------------
 */

void grove_publish(struct grove_loop *loop)
{
	pthread_mutex_lock(&loops_lock);
	grove_list_add(&loops.list, &loop->link);
	atomic_fetch_add(&loops.generation, 1);
	pthread_mutex_unlock(&loops_lock);
}

void grove_unpublish(struct grove_loop *loop)
{
	pthread_mutex_lock(&loops_lock);
	grove_list_del(&loop->link);
	atomic_fetch_add(&loops.generation, 1);
	pthread_mutex_unlock(&loops_lock);
}

void grove_published_lock(void)
{
	pthread_mutex_lock(&loops_lock);
	for (struct grove_list *at = loops.list.next; at != &loops.list; at = at->next)
		grove_token_lock(grove_of(at, struct grove_loop, link)->token);
}

void grove_published_unlock(void)
{
	for (struct grove_list *at = loops.list.next; at != &loops.list; at = at->next)
		grove_token_unlock(grove_of(at, struct grove_loop, link)->token);
	pthread_mutex_unlock(&loops_lock);
}

/* A descriptor may be shared with the parent: closing ours changes nothing for its epoll set. */
void grove_published_forget(void)
{
	pthread_mutex_init(&loops_lock, NULL);
	while (!grove_list_empty(&loops.list)) {
		struct grove_loop *loop = grove_of(loops.list.next, struct grove_loop, link);

		grove_list_del(&loop->link);
		grove_token_forget(loop->token);
		close(loop->epoll_fd);
		grove_wake_close(loop);
	}
	atomic_fetch_add(&loops.generation, 1);
}

/* ---- the table ---------------------------------------------------------------------------------
 */

/* A field of a structure: where it is and how it is stored. Only a macro knows offset and size. */
#define FIELD(type, member, as)                                                                    \
	{                                                                                          \
		.offset = offsetof(type, member), .bytes = sizeof(((type *)0)->member), .how = as  \
	}

#define UINT(type, member) FIELD(type, member, SNAG_RT_UINT)
#define INT(type, member) FIELD(type, member, SNAG_RT_INT)
#define POINTER(type, member) FIELD(type, member, SNAG_RT_POINTER)
#define TEXT(type, member) FIELD(type, member, SNAG_RT_TEXT)
#define INLINE(type, member) FIELD(type, member, SNAG_RT_INLINE)

/* A list of `element`s by their `node`, with its head in `owner`. */
#define CIRCLE(owner, member, element, at)                                                         \
	{                                                                                          \
		.head = INLINE(owner, member), .node = offsetof(element, at),                      \
		.next = offsetof(struct grove_list, next), .shape = SNAG_RT_CIRCLE                 \
	}

#define SAVED(number, member)                                                                      \
	{                                                                                          \
		.dwarf = number, .offset = offsetof(struct grove_saved, member)                    \
	}

/* Found by its note, or by its name. */
extern const struct snag_rt grove_snag_runtime;

__attribute__((visibility("hidden"), used)) const struct snag_rt grove_snag_runtime = {
	SNAG_RT_INIT("grove", "1"),
	.loops.pointer = &loops,
	.loops_generation = UINT(struct loops, generation),
	.loop_list = CIRCLE(struct loops, list, struct grove_loop, link),
	.loop = {
		.generation = UINT(struct grove_loop, generation),
		.name = TEXT(struct grove_loop, name),
		.tid = INT(struct grove_loop, tid),
		.current = POINTER(struct grove_loop, current),
		.poll_fd = INT(struct grove_loop, epoll_fd),
		.wake_fd = INT(struct grove_loop, wake.read_fd),
		.signals_pending = UINT(struct grove_loop, signals_pending),
		.tasks = CIRCLE(struct grove_loop, tasks, struct grove_task, link),
	},
	.task = {
		.id = UINT(struct grove_task, id),
		.name = TEXT(struct grove_task, name),
		.state = UINT(struct grove_task, state),
		.nursery = POINTER(struct grove_task, nursery),
		.scope = POINTER(struct grove_task, scope),
		.requested = UINT(struct grove_task, requested),
		.shielded = UINT(struct grove_task, shielded),
		.delivered = UINT(struct grove_task, delivered),
		.wait = INLINE(struct grove_task, wait),
		.stack_low = POINTER(struct grove_task, coro.stack_low),
		.stack_bytes = UINT(struct grove_task, coro.stack_bytes),
		.saved_sp = POINTER(struct grove_task, coro.saved_sp),
		.nurseries = CIRCLE(struct grove_task, nurseries, struct grove_nursery, link),
	},
	.nursery = {
		.name = TEXT(struct grove_nursery, name),
		.parent = POINTER(struct grove_nursery, parent),
		.scope = INLINE(struct grove_nursery, scope),
		.count = UINT(struct grove_nursery, count),
		.waiting = UINT(struct grove_nursery, waiting),
	},
	.scope = {
		.name = TEXT(struct grove_scope, name),
		.parent = POINTER(struct grove_scope, parent),
		.task = POINTER(struct grove_scope, task),
		.shield = UINT(struct grove_scope, shield),
		.cancel_called = UINT(struct grove_scope, cancel_called),
		.deadline_ns = INT(struct grove_scope, timer.deadline_ns),
		.by = UINT(struct grove_scope, reason.by),
		.who = TEXT(struct grove_scope, reason.who),
		.reason = TEXT(struct grove_scope, reason.text),
	},
	.wait = {
		.kind = UINT(struct grove_wait, kind),
		.fd = INT(struct grove_wait, fd),
		.pid = INT(struct grove_wait, pid),
		.number = INT(struct grove_wait, number),
		.object = POINTER(struct grove_wait, object),
		.deadline_ns = INT(struct grove_wait, deadline_ns),
		.since_ns = INT(struct grove_wait, since_ns),
		.label = TEXT(struct grove_wait, label),
	},
	.event = {
		.name = TEXT(struct grove_event, name),
		.set = UINT(struct grove_event, set),
	},
	.lock = {
		.name = TEXT(struct grove_lock, name),
		.owner = POINTER(struct grove_lock, owner),
	},
	.channel = {
		.name = TEXT(struct grove_pipe, name),
		.used = UINT(struct grove_pipe, used),
		.capacity = UINT(struct grove_pipe, capacity),
		.senders = UINT(struct grove_pipe, senders),
		.receivers = UINT(struct grove_pipe, receivers),
	},
	.limiter = {
		.name = TEXT(struct grove_limiter, name),
		.used = UINT(struct grove_limiter, used),
		.capacity = UINT(struct grove_limiter, limit),
	},
	.thread = {
		.name = TEXT(struct grove_job, name),
		.tid = INT(struct grove_job, tid),
	},
	.saved = {
		.machine = 62,
		.sp_after = sizeof(struct grove_saved),
		.pc_offset = offsetof(struct grove_saved, return_address),
		.registers = {
			SAVED(3, rbx), SAVED(6, rbp), SAVED(12, r12), SAVED(13, r13),
			SAVED(14, r14), SAVED(15, r15), { .dwarf = 0xffff },
		},
	},
	.wait_promise = POINTER(struct grove_wait, promise),
	.promise = {
		.kind = UINT(struct grove_promise, kind),
		.task = UINT(struct grove_promise, task),
		.fd = INT(struct grove_promise, fd),
		.call = INT(struct grove_promise, call),
		.pid = INT(struct grove_promise, pid),
		.tid = INT(struct grove_promise, tid),
		.who = TEXT(struct grove_promise, who),
	},
	.serves_fd = INT(struct grove_task, serves_fd),
	.serves_call = INT(struct grove_task, serves_call),
};

SNAG_RT_NOTE(grove_snag_runtime);
