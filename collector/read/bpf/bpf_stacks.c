/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/bpf/bpf_stacks.h"

#include "read/proc/procfs_stacks.h"

#include <string.h>

_Static_assert((int)STACK_BATCH == (int)EV_STACK_BATCH, "batches of the same size");
_Static_assert((int)STACK_BYTES == (int)EV_STACK_BYTES, "slots of the same size");
_Static_assert((int)STACK_REGS == (int)EV_STACK_REGS, "the same registers");

static bool same_stamp(const struct ev_stack_stamp *a, const struct ev_stack_stamp *b)
{
	return a->run_ns == b->run_ns && a->pcount == b->pcount && a->switches == b->switches;
}

/* It never was on a CPU between the first look and the last. */
static uint8_t status_of(const struct ev_stack *e, const struct snap_stack *out)
{
	if (!(e->flags & EV_STACK_USER))
		return STACK_NONE;
	if (e->before.on_cpu && e->after.on_cpu)
		return STACK_STALE;
	if (!same_stamp(&e->before, &e->after))
		return STACK_MOVED;
	if (e->before.on_cpu || e->after.on_cpu || e->before.state != e->after.state)
		return STACK_MOVED;
	return out->state ? STACK_STABLE : STACK_UNKNOWN;
}

static const char *why_no_bytes(uint32_t bytes)
{
	switch (bytes) {
	case EV_STACK_LOCKED:
		return "its address space is locked";
	case EV_STACK_UNMAPPED:
		return "its stack pointer points to nothing";
	case EV_STACK_FAULT:
		return "its memory did not come";
	default:
		/* a file's or a server's memory: may be read with a deadline (mem.h) */
		return NULL;
	}
}

static void take_bytes(const struct ev_stack *e, const uint8_t *bytes, struct snap_stack *out)
{
	if (e->byte_count && e->byte_count <= STACK_BYTES) {
		out->bytes = bytes;
		out->byte_count = e->byte_count;
		return;
	}
	out->why = why_no_bytes(e->bytes);
	if (out->why && out->status == STACK_STABLE)
		out->status = STACK_UNREADY;
	/* whoever reads its memory all the same does so with a deadline */
	out->suspicious |= e->bytes == EV_STACK_LOCKED;
}

static void answer(const struct bpf_clocks *clocks, const struct ev_stack *e,
		   const struct stack_ask *ask, struct snap_stack *out)
{
	uint64_t start = (e->start_ns + (uint64_t)clocks->start_offset_ns) / clocks->tick_ns;

	*out = (struct snap_stack){
		.tgid = ask->tgid,
		.tid = ask->tid,
		.start_ticks = ask->start_ticks,
		.suspicious = ask->suspicious,
		.nr = -1,
		.status = STACK_GONE,
	};
	if (start != ask->start_ticks)
		return;
	out->state = bpf_state_letter(e->after.state, e->exit_state);
	out->stamp = bpf_stamp(e->after.run_ns, e->after.pcount, e->after.switches);
	out->compat = ask->compat || (e->flags & EV_STACK_COMPAT);
	out->status = status_of(e, out);
	if (!(e->flags & EV_STACK_USER))
		return;
	memcpy(out->regs, e->regs, sizeof(out->regs));
	out->known = STACK_KNOWN_ALL;
	out->fs_base = e->fs_base;
	out->nr = e->nr;
	out->mm_key = e->mm_ref;
	/* odd: it is being changed at this moment */
	if ((e->flags & EV_STACK_MM_SEQ) && !(e->mm_seq & 1))
		out->mm_seq = e->mm_seq + 2;
}

/* A process that is hidden from BPF (snap_process.hidden), or none. */
static void answer_hidden(const struct stack_batch *b, uint32_t i)
{
	procfs_stacks(&(struct stack_batch){
		.asks = b->asks + i,
		.count = 1,
		.with_bytes = b->with_bytes,
		.out = b->out + i,
		.room = b->room + (size_t)i * STACK_BYTES,
	});
}

int bpf_stacks(struct stack_probe *p, const struct bpf_clocks *clocks, const struct stack_batch *b,
	       struct snag_error *err)
{
	int rc = stack_probe_ready(p, err);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < b->count; i++)
		stack_probe_slot(p, i)->tid = b->asks[i].tid;
	rc = stack_probe_run(p, b->count, b->with_bytes, err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < b->count; i++) {
		const struct ev_stack *e = stack_probe_slot(p, i);

		if (!(e->flags & EV_STACK_FOUND)) {
			answer_hidden(b, i);
			continue;
		}
		answer(clocks, e, &b->asks[i], &b->out[i]);
		if (b->with_bytes && b->out[i].known)
			take_bytes(e, stack_probe_bytes(p, i), &b->out[i]);
	}
	return 0;
}
