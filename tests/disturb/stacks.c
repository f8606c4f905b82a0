/* SPDX-License-Identifier: BSD-2-Clause */
#include "disturb/stacks.h"

#include "read/proc/procfs.h"
#include "read/proc/procstat.h"
#include "read/reader.h"
#include "unwind/unwind.h"

#include <stdio.h>

static void fill_asks(const struct target *t, struct stack_ask *asks)
{
	for (size_t i = 0; i < t->count; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		const struct target_thread *thread = &t->threads[i];
		struct procstat st = { .start_ticks = 0 };

		if (procfs_read_of(&text, thread->pid, thread->tid, "stat", NULL) == 0)
			procstat_parse(strbuf_str(&text), &st);
		asks[i] = (struct stack_ask){ .tgid = thread->pid,
					      .tid = thread->tid,
					      .start_ticks = st.start_ticks };
		for (size_t k = 0; k < t->count; k++)
			asks[i].suspicious |= t->threads[k].pid == thread->pid &&
					      t->threads[k].state == 'D';
	}
}

static void walk(struct unwinder *u, const struct snap_stack *s, struct stacks_made *made)
{
	static struct unwind_frame frames[UNWIND_MAX_FRAMES];
	struct unwind_result result;

	made->captures++;
	made->stable += s->status == STACK_STABLE;
	if (!s->known)
		return;
	unwind_thread(u, s, frames, UNWIND_MAX_FRAMES, &result);
	made->complete += result.end == UNWIND_OUTERMOST;
}

bool stacks_make(const struct target *t, const char *reader, uint64_t want,
		 struct stacks_made *made)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	_cleanup_snapshot_ struct snapshot *snap = snapshot_new();
	_cleanup_reader_ struct reader *r = NULL;
	struct stack_ask asks[TARGET_MAX];
	struct snap_stack out[TARGET_MAX];
	struct stack_batch b = { .asks = asks, .with_bytes = true, .out = out };
	struct snag_error err = SNAG_ERROR_INIT;
	int rc = reader_open(reader, &r, &err);

	*made = (struct stacks_made){ 0 };
	fill_asks(t, asks);
	b.count = (uint32_t)t->count;
	while (rc == 0 && made->captures < want) {
		unwinder_begin(u);
		rc = reader_stacks(r, snap, &b, &err);
		for (uint32_t i = 0; rc == 0 && i < b.count; i++)
			walk(u, &out[i], made);
	}
	if (rc < 0)
		printf("  %s\n", err.text);
	return rc == 0;
}
