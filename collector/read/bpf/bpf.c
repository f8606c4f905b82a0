/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf.c - the `bpf` reader: iterators over tasks and files, see probe.h. Root only.
 *
 * Programs and names of files still come from /proc, for the tree alone; arguments from the memory
 * of its processes (read/details.c).
 */
#include "read/bpf/bpf_files.h"
#include "read/bpf/bpf_stacks.h"
#include "read/bpf/bpf_tasks.h"
#include "read/proc/procfs.h"
#include "read/proc/procfs_stacks.h"
#include "read/proc/procstat.h"
#include "read/reader.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

struct bpf_reader {
	struct probe *probe;
	struct bpf_clocks clocks;
	struct bpf_tasks tasks;	    /* of the last pass, until its threads have been read */
	struct stack_probe *stacks; /* NULL: nobody wants any */
};

static void bpf_close(void *priv)
{
	struct bpf_reader *r = priv;

	if (!r)
		return;
	bpf_tasks_release(&r->tasks);
	stack_probe_free(r->stacks);
	probe_free(r->probe);
	free(r);
}

static int bpf_open(void **priv, struct snag_error *err)
{
	struct bpf_reader *r = xcalloc(1, sizeof(*r));
	int rc = probe_open(&r->probe, err);

	if (rc == 0)
		rc = bpf_clocks_learn(&r->clocks, r->probe, err);
	if (rc < 0) {
		bpf_close(r);
		return rc;
	}
	*priv = r;
	return 0;
}

/* ---- processes ------------------------------------------------------------------------------- */

/*
 * One that only /proc shows, by its identity, if it is older than the pass that should have shown
 * it.
 */
static void add_hidden(const struct bpf_reader *r, struct snapshot *s, int32_t tgid)
{
	uint64_t pass_ticks = r->tasks.now_boottime_ns / r->clocks.tick_ns;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct snap_process *p;
	struct procstat st;

	if (procfs_read_of(&text, tgid, 0, "stat", NULL) < 0 ||
	    !procstat_parse(strbuf_str(&text), &st) || st.start_ticks + 1 >= pass_ticks)
		return;
	p = vec_push(&s->processes);
	procstat_process(&st, p);
	p->hidden = true;
}

/* Some sandboxes hide processes from BPF. They may be holders all the same. */
static int add_hidden_processes(const struct bpf_reader *r, struct snapshot *s,
				struct snag_error *err)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");

	if (!proc)
		return error_set(err, -errno, "/proc: %m");
	snapshot_index(s);
	for (struct dirent *e = readdir(proc); e; e = readdir(proc)) {
		int32_t tgid = procfs_number(e->d_name);

		if (tgid > 0 && !snapshot_process(s, tgid))
			add_hidden(r, s, tgid);
	}
	return 0;
}

static int bpf_processes(void *priv, struct snapshot *s, struct snag_error *err)
{
	struct bpf_reader *r = priv;
	int rc;

	bpf_tasks_release(&r->tasks);
	bpf_tasks_init(&r->tasks, s, &r->clocks);
	rc = probe_run(r->probe, PROBE_TASKS, &(struct probe_sink){ bpf_tasks_record, &r->tasks },
		       err);
	if (rc == 0)
		rc = add_hidden_processes(r, s, err);
	s->has_kernel_locks = rc == 0;
	return rc;
}

static int bpf_threads(void *priv, struct snapshot *s, struct snag_error *err)
{
	struct bpf_reader *r = priv;

	(void)err;
	bpf_tasks_finish(s);
	bpf_tasks_wchans(&r->tasks);
	bpf_tasks_details(&r->tasks);
	if (r->tasks.cut)
		snapshot_missing(s, "%u threads have more SEM_UNDO entries than were read",
				 r->tasks.cut);
	return 0;
}

static int bpf_files(void *priv, struct snapshot *s, struct snag_error *err)
{
	struct bpf_reader *r = priv;

	return bpf_files_read(s, r->probe, err);
}

/* ---- second stamps --------------------------------------------------------------------------- */

struct again {
	struct snapshot *s;
	const struct bpf_clocks *clocks;
	struct map seen; /* tid -> 1: the same thread as before */
};

/* A new thread of a process of the tree: its leader has moved. */
static void on_new(struct again *a, const struct ev_stamp *e)
{
	struct snap_task *leader = snapshot_task(a->s, e->tgid);

	if (leader)
		leader->moved = true;
}

static void on_stamp(const struct ev_head *head, void *arg)
{
	const struct ev_stamp *e = (const void *)head;
	struct again *a = arg;
	struct snap_task *t;
	uint64_t start;
	char state;

	if (head->kind != EV_STAMP || e->tid <= 0)
		return;
	t = snapshot_task(a->s, e->tid);
	start = (e->start_ns + (uint64_t)a->clocks->start_offset_ns) / a->clocks->tick_ns;
	if (!t || t->tgid != e->tgid || t->start_ticks != start) {
		on_new(a, e);
		return;
	}
	map_put(&a->seen, (uint32_t)e->tid, 1);
	state = bpf_state_letter(e->state, e->exit_state);
	/* Woken, but not on the CPU yet: the stamp is the old one and it will run all the same. */
	t->moved |= bpf_stamp(e->run_ns, e->pcount, e->switches) != t->stamp || state == 'R' ||
		    t->state == 'R' || state != t->state;
}

static int bpf_restamp(void *priv, struct snapshot *s, struct snag_error *err)
{
	struct bpf_reader *r = priv;
	struct again a = { .s = s, .clocks = &r->clocks };
	int rc = probe_run(r->probe, PROBE_STAMPS, &(struct probe_sink){ on_stamp, &a }, err);

	for (uint32_t i = 0; rc == 0 && i < s->tasks.count; i++) {
		struct snap_task *t = &s->tasks.at[i];

		if (map_find(&a.seen, (uint32_t)t->tid, NULL))
			continue;
		t->gone = true;
		t->moved |= !strchr("ZX", t->state);
	}
	map_release(&a.seen);
	return rc;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static void bpf_want_stacks(void *priv)
{
	struct bpf_reader *r = priv;

	if (!r->stacks)
		r->stacks = stack_probe_new(probe_types(r->probe));
}

/* Where the kernel refuses our program: as the other reader does it. */
static int bpf_read_stacks(void *priv, struct snapshot *s, const struct stack_batch *b,
			   struct snag_error *err)
{
	struct bpf_reader *r = priv;
	struct snag_error why = { { 0 } };

	if (stack_probe_ready(r->stacks, &why) == 0)
		return bpf_stacks(r->stacks, &r->clocks, b, err);
	snapshot_missing(s,
			 "stacks read through /proc, not BPF (%s): of their registers only the "
			 "stack pointer and the program counter are known",
			 why.text);
	procfs_stacks(b);
	return 0;
}

const struct reader_ops reader_bpf = {
	.name = "bpf",
	.open = bpf_open,
	.processes = bpf_processes,
	.threads = bpf_threads,
	.files = bpf_files,
	.restamp = bpf_restamp,
	.want_stacks = bpf_want_stacks,
	.stacks = bpf_read_stacks,
	.close = bpf_close,
};
