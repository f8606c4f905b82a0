/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/probe.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "probe/drain.h"
#include "probe/handlers.h"
#include "probe/kernel_types.h"
#include "probe/specimens.h"
#include "probe/stacks.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "snapshot_files.skel.h"
#include "snapshot_tasks.skel.h"

enum {
	TOLD_MAX = 16384, /* as many as the map takes */
};

static const char kernel_btf[] = "/sys/kernel/btf/vmlinux";

struct probe {
	struct kernel_types *types;
	struct snapshot_tasks_bpf *tasks;
	struct snapshot_files_bpf *files;
	pthread_t loader; /* of `files`, with what it says */
	bool loading;
	int files_rc;
	struct snag_error files_err;
	uint32_t sides; /* iterators that share a pass over all files */
	uint32_t hz;
	int32_t *told; /* the processes of which all files are told now */
	uint32_t told_count;
	struct strbuf unlearned;
	struct probe_costs costs;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- loading --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 0))) static int log_libbpf(enum libbpf_print_level level,
							    const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	char *rest = NULL;

	if (level == LIBBPF_DEBUG || log_level() < 2 || vasprintf(&text, fmt, ap) < 0)
		return 0;
	/* what the verifier says comes as one text of many lines */
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_debug("%s", line);
	return 0;
}

/*
 * Loads through the skeleton, which maps the object's variables to where the kernel side sees them.
 */
static int load(const struct probe *p, struct bpf_object_skeleton *skeleton, struct snag_error *err)
{
	struct bpf_program *prog;
	uint64_t start = now_ns();
	int rc;

	bpf_object__for_each_program(prog, *skeleton->obj)
	{
		const char *target = strchr(bpf_program__section_name(prog), '/') + 1;
		uint32_t id = kernel_types_iterator(p->types, target);

		if (!id)
			return error_set(err, -EOPNOTSUPP, "this kernel has no iterator over %s",
					 target);
		rc = bpf_program__set_attach_target(prog, id, NULL);
		if (rc < 0)
			return error_set(err, rc, "%s: %m", bpf_program__name(prog));
	}
	rc = bpf_object__load_skeleton(skeleton);
	if (rc < 0)
		return error_set(err, rc, "the kernel refuses %s after %.1f ms: %m", skeleton->name,
				 (now_ns() - start) / 1e6);
	return 0;
}

/*
 * Open both objects and read the types that they name: reading is what takes time, once is enough.
 */
static int open_objects(struct probe *p, struct snag_error *err)
{
	uint64_t start = now_ns();
	int rc;

	p->types = kernel_types_new();
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = kernel_types_path(p->types));
	p->tasks = snapshot_tasks_bpf__open_opts(&opts);
	p->files = p->tasks ? snapshot_files_bpf__open_opts(&opts) : NULL;
	if (!p->files) {
		rc = -errno;
		rc = rc < 0 ? rc : -EINVAL;
		error_set(err, rc, "opening our own BPF objects: %m");
		return rc;
	}
	kernel_types_want(p->types, bpf_object__btf(p->tasks->obj));
	kernel_types_want(p->types, bpf_object__btf(p->files->obj));
	stack_probe_want(p->types);
	rc = kernel_types_read(p->types, kernel_btf, err);
	p->costs.types_ns = now_ns() - start;
	return rc;
}

/* ---- a pass ---------------------------------------------------------------------------------- */

static size_t smallest(uint16_t kind)
{
	switch (kind) {
	case EV_STAMP:
		return sizeof(struct ev_stamp);
	case EV_PROCESS:
		return sizeof(struct ev_process);
	case EV_TASK:
		return sizeof(struct ev_task);
	case EV_UNDO:
		return sizeof(struct ev_undo);
	case EV_FILE:
		return sizeof(struct ev_file);
	case EV_SOCK:
		return sizeof(struct ev_sock);
	case EV_SOCK_PATH:
		return sizeof(struct ev_sock_path);
	case EV_EPITEM:
		return sizeof(struct ev_epitem);
	case EV_URING:
		return sizeof(struct ev_uring);
	case EV_INFLIGHT:
		return sizeof(struct ev_inflight);
	default:
		return sizeof(struct ev_head);
	}
}

struct delivery {
	const struct probe_sink *sink;
	uint64_t records;
};

static int deliver(const char *bytes, size_t size, void *arg)
{
	struct delivery *d = arg;

	while (size >= sizeof(struct ev_head)) {
		const struct ev_head *head = (const void *)bytes;

		if (head->size < smallest(head->kind) || head->size % 8 || head->size > size)
			return -EBADMSG;
		d->sink->record(head, d->sink->arg);
		d->records++;
		bytes += head->size;
		size -= head->size;
	}
	return size ? -EBADMSG : 0;
}

/* What is written for one open file ends with its own record: its holder is the place. */
static int64_t place_of_file(const char *bytes, size_t size, size_t *len)
{
	for (size_t at = 0; size - at >= sizeof(struct ev_head);) {
		const struct ev_file *f = (const void *)(bytes + at);

		if (f->head.size < smallest(f->head.kind) || f->head.size > size - at)
			return -EBADMSG;
		at += f->head.size;
		*len = at;
		if (f->head.kind == EV_FILE)
			return f->tid;
	}
	return -EBADMSG;
}

struct run {
	const struct bpf_program *prog;
	/*
	 * Iterate over that process only, where the kernel can (6.1); programs filter in any case.
	 */
	int32_t tgid;
	uint32_t sides; /* so many iterators share the pass; 0: one */
};

static int attach(const struct run *r, struct snag_error *err)
{
	union bpf_iter_link_info info = { .task.pid = r->tgid };
	LIBBPF_OPTS(bpf_link_create_opts, opts, .iter_info = &info, .iter_info_len = sizeof(info));
	int link = -1;

	if (r->tgid)
		link = bpf_link_create(bpf_program__fd(r->prog), 0, BPF_TRACE_ITER, &opts);
	if (link < 0)
		link = bpf_link_create(bpf_program__fd(r->prog), 0, BPF_TRACE_ITER, NULL);
	if (link < 0)
		return error_set(err, link, "attaching iterator %s: %m",
				 bpf_program__name(r->prog));
	return link;
}

static int start(const struct run *r, int link, struct snag_error *err)
{
	int iter = bpf_iter_create(link);

	if (iter < 0)
		return error_set(err, iter, "starting iterator %s: %m", bpf_program__name(r->prog));
	return iter;
}

static int run(const struct run *r, const struct probe_sink *sink, struct probe_costs *costs,
	       struct snag_error *err)
{
	struct delivery delivery = { .sink = sink };
	struct drain_opts how = { .count = r->sides ? r->sides : 1,
				  .ahead = !r->tgid,
				  .records = deliver,
				  .place = place_of_file,
				  .arg = &delivery };
	uint64_t begin = now_ns();
	_cleanup_close_ int link = attach(r, err);
	_cleanup_close_ int first = link < 0 ? link : start(r, link, err);
	_cleanup_close_ int second = -1;
	int rc;

	if (first < 0)
		return first;
	if (how.count > 1)
		second = start(r, link, err);
	if (how.count > 1 && second < 0)
		return second;
	how.iters[0] = first;
	how.iters[1] = second;
	costs->pass_bytes = 0;
	rc = drain(&how, &costs->pass_bytes, err);
	costs->pass_records = delivery.records;
	costs->pass_ns = now_ns() - begin;
	return rc < 0 ? error_at(err, rc, "pass %s", bpf_program__name(r->prog)) : 0;
}

/*
 * All files of the host. Their kernel side takes longest of all: where there are processors for it
 * two iterators do one half each.
 */
static int run_files(struct probe *p, const struct probe_sink *sink, struct snag_error *err)
{
	struct run r = { .prog = p->files->progs.files, .sides = p->sides };

	p->files->data_ask->ask.session = 0;
	p->files->data_ask->ask.sides = r.sides > 1;
	return run(&r, sink, &p->costs, err);
}

/* Files of one process. */
static int run_some(struct probe *p, int32_t tgid, const struct probe_sink *sink,
		    struct probe_costs *costs, struct snag_error *err)
{
	p->files->data_ask->ask.session = 0;
	p->files->data_ask->ask.sides = 0;
	return run(&(struct run){ .prog = p->files->progs.files, .tgid = tgid }, sink, costs, err);
}

/* ---- learning from specimens ----------------------------------------------------------------- */

struct lesson {
	struct probe *p;
	const struct specimens *s;
	uint32_t learned; /* a bit for each specimen */
	uint64_t sock_ino;
};

static void learn_file(struct lesson *l, const struct ev_file *f)
{
	int ops = bpf_map__fd(l->p->files->maps.ops);

	if (f->fd == l->s->sock)
		l->sock_ino = f->it.ino;
	for (uint32_t i = 0; i < l->s->count; i++) {
		const struct specimen *one = &l->s->at[i];

		if (one->fd != f->fd)
			continue;
		if (bpf_map_update_elem(ops, &f->f_op_ref, &one->class, BPF_ANY) == 0)
			l->learned |= 1U << i;
	}
}

static void on_specimen(const struct ev_head *head, void *arg)
{
	struct lesson *l = arg;
	const struct ev_sock *k = (const void *)head;
	const struct ev_file *f = (const void *)head;

	if (head->kind == EV_SOCK && k->ino && k->rcvtimeo > 0 && k->rcvtimeo <= 100000)
		/* of the only socket here that has a timeout of one second */
		l->p->hz = k->rcvtimeo;
	if (head->kind == EV_FILE && f->tgid == getpid())
		learn_file(l, f);
}

/* The second look, with the classes known: where does a pidfd keep its pid? */
static void on_pidfd(const struct ev_head *head, void *arg)
{
	const struct ev_file *f = (const void *)head;
	struct probe *p = arg;

	if (head->kind == EV_FILE && f->it.class == EV_CLASS_PIDFD && f->pidfd.inode_is_pid)
		p->files->data_ask->ask.pidfd_by_inode = 1;
}

static int learn(struct probe *p, struct snag_error *err)
{
	struct specimens specimens;
	struct lesson l = { .p = p, .s = &specimens };
	struct probe_costs costs = { 0 };
	uint64_t start = now_ns();
	int rc;

	specimens_open(&specimens);
	rc = run_some(p, getpid(), &(struct probe_sink){ on_specimen, &l }, &costs, err);
	if (rc == 0)
		rc = run_some(p, getpid(), &(struct probe_sink){ on_pidfd, p }, &costs, err);
	for (uint32_t i = 0; rc == 0 && i < specimens.count; i++)
		if (!(l.learned & 1U << i))
			strbuf_addf(&p->unlearned, "%s%s", p->unlearned.len ? ", " : "",
				    specimens.at[i].name);
	specimens_close(&specimens);
	p->costs.specimens_ns = now_ns() - start;
	return rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

/*
 * The programs over files, which take longest to verify, load and learn in a thread while the ones
 * over tasks already run. Everything that needs them asks probe_ready() first.
 */
static void *load_files(void *arg)
{
	struct probe *p = arg;
	uint64_t start = now_ns();

	p->files_rc = load(p, p->files->skeleton, &p->files_err);
	p->costs.load_ns = now_ns() - start;
	if (p->files_rc == 0)
		p->files_rc = learn(p, &p->files_err);
	return NULL;
}

static void wait_for_loader(struct probe *p)
{
	if (p->loading)
		pthread_join(p->loader, NULL);
	p->loading = false;
}

int probe_ready(struct probe *p, struct snag_error *err)
{
	wait_for_loader(p);
	return p->files_rc < 0 ? error_set(err, p->files_rc, "%s", p->files_err.text) : 0;
}

/* The processors that we may run on, as far as there is use for them. */
static uint32_t sides(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return DRAIN_SIDES; /* more than a cpu_set_t has room for */
	return CPU_COUNT(&cpus) < DRAIN_SIDES ? 1 : DRAIN_SIDES;
}

int probe_open(struct probe **ret, struct snag_error *err)
{
	_cleanup_probe_ struct probe *p = NULL;
	int rc = handlers_register();

	if (rc < 0)
		return error_set(err, rc, "libbpf takes no handler: %s", strerror(-rc));
	libbpf_set_print(log_libbpf);
	p = xcalloc(1, sizeof(*p));
	p->sides = sides();
	rc = open_objects(p, err);
	if (rc < 0)
		return rc;
	p->loading = pthread_create(&p->loader, NULL, load_files, p) == 0;
	if (!p->loading)
		load_files(p);
	rc = load(p, p->tasks->skeleton, err);
	if (rc < 0)
		return rc;
	*ret = steal(p);
	return 0;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	wait_for_loader(p);
	snapshot_tasks_bpf__destroy(p->tasks);
	snapshot_files_bpf__destroy(p->files);
	kernel_types_free(p->types);
	strbuf_release(&p->unlearned);
	free(p->told);
	free(p);
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* Empty the map of processes of which all is told. */
static int forget_told(struct probe *p, int map, struct snag_error *err)
{
	for (uint32_t i = 0; i < p->told_count; i++)
		if (bpf_map_delete_elem(map, &p->told[i]) < 0 && errno != ENOENT)
			return error_set(err, -errno, "forgetting process %d: %m", p->told[i]);
	p->told_count = 0;
	return 0;
}

int probe_tell_all(struct probe *p, const int32_t *tgids, uint32_t count, struct snag_error *err)
{
	_cleanup_free_ uint8_t *yes = NULL;
	int rc = probe_ready(p, err), map;

	if (rc < 0)
		return rc;
	count = count < TOLD_MAX ? count : TOLD_MAX;
	if (count == p->told_count && (!count || !memcmp(tgids, p->told, count * sizeof(*tgids))))
		return 0; /* the second look at the same tree */
	map = bpf_map__fd(p->files->maps.told);
	rc = forget_told(p, map, err);
	if (rc < 0 || !count)
		return rc;
	p->told = xreallocarray(p->told, count, sizeof(*tgids));
	memcpy(p->told, tgids, count * sizeof(*tgids));
	yes = xcalloc(count, sizeof(*yes));
	p->told_count = count;
	rc = bpf_map_update_batch(map, tgids, yes, &count, NULL);
	return rc < 0 ? error_set(err, rc, "naming the processes of the tree: %m") : 0;
}

int probe_run(struct probe *p, enum probe_pass pass, const struct probe_sink *sink,
	      struct snag_error *err)
{
	int rc;

	if (pass == PROBE_STAMPS)
		return run(&(struct run){ p->tasks->progs.stamps, 0, 0 }, sink, &p->costs, err);
	if (pass == PROBE_TASKS)
		return run(&(struct run){ p->tasks->progs.tasks, 0, 0 }, sink, &p->costs, err);
	rc = probe_ready(p, err);
	return rc < 0 ? rc : run_files(p, sink, err);
}

int probe_run_self(struct probe *p, const struct probe_sink *sink, struct snag_error *err)
{
	return run(&(struct run){ p->tasks->progs.tasks, getpid(), 0 }, sink, &p->costs, err);
}

int probe_run_rest(struct probe *p, const struct probe_rest *rest, const struct probe_sink *sink,
		   struct snag_error *err)
{
	int rc = probe_ready(p, err);

	if (rc < 0)
		return rc;
	p->files->data_ask->ask.rest_ref = rest->file_ref;
	p->files->data_ask->ask.rest_skip = rest->skip;
	rc = run_some(p, rest->tgid, sink, &p->costs, err);
	p->files->data_ask->ask.rest_ref = 0;
	p->files->data_ask->ask.rest_skip = 0;
	return rc;
}

uint32_t probe_hz(const struct probe *p)
{
	return p->hz;
}

const char *probe_unlearned(const struct probe *p)
{
	return strbuf_str(&p->unlearned);
}

const struct kernel_types *probe_types(const struct probe *p)
{
	return p->types;
}

struct probe_costs probe_costs(const struct probe *p)
{
	return p->costs;
}
