/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/features_bpf.h"

#include "base/cleanup.h"
#include "probe/kernel_types.h"
#include "probe/probe.h"
#include "probe/stacks.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

enum { LOG_BYTES = 8192 };

static const char kernel_btf[] = "/sys/kernel/btf/vmlinux";

static bool no(struct feature_state *f, const char *what, int rc)
{
	snprintf(f->note, sizeof(f->note), "%s: %s", what, strerror(rc < 0 ? -rc : rc));
	return false;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

bool features_btf(struct feature_state *f)
{
	_cleanup_kernel_types_ struct kernel_types *types = kernel_types_new();
	struct snag_error err = SNAG_ERROR_INIT;

	if (kernel_types_read(types, kernel_btf, &err) == 0)
		return true;
	snprintf(f->note, sizeof(f->note), "%.250s", err.text);
	return false;
}

/* ---- small programs -------------------------------------------------------------------------- */

/*
 * A program of one kind, hooked to `name`, that does as little as possible: with `helper`, one
 * call.
 */
struct trial {
	enum bpf_attach_type attach;
	const char *name;
	uint32_t helper; /* BPF_FUNC_*, 0 none */
	char log[LOG_BYTES];
};

/* A descriptor, or -errno. */
static int load(struct trial *t)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = (int)t->helper },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	size_t skip = t->helper ? 0 : 1;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = t->attach,
		    .log_buf = t->helper ? t->log : NULL, .log_size = t->helper ? LOG_BYTES : 0,
		    .log_level = t->helper ? 1 : 0);
	int id;

	libbpf_set_print(quiet);
	t->log[0] = '\0';
	id = libbpf_find_vmlinux_btf_id(t->name, t->attach);
	if (id < 0)
		return id;
	opts.attach_btf_id = (uint32_t)id;
	return bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "Dual BSD/GPL", insns + skip,
			     sizeof(insns) / sizeof(insns[0]) - skip, &opts);
}

static bool try_load(struct feature_state *f, enum bpf_attach_type attach, const char *name)
{
	struct trial t = { .attach = attach, .name = name };
	_cleanup_close_ int fd = load(&t);

	return fd >= 0 ? true : no(f, "loading", fd);
}

bool features_iter_task(struct feature_state *f)
{
	return try_load(f, BPF_TRACE_ITER, "task");
}

bool features_iter_task_file(struct feature_state *f)
{
	return try_load(f, BPF_TRACE_ITER, "task_file");
}

bool features_iter_unix(struct feature_state *f)
{
	return try_load(f, BPF_TRACE_ITER, "unix");
}

bool features_iter_tcp(struct feature_state *f)
{
	return try_load(f, BPF_TRACE_ITER, "tcp");
}

bool features_tp_btf(struct feature_state *f)
{
	return try_load(f, BPF_TRACE_RAW_TP, "sched_switch");
}

/*
 * The call has no arguments and is refused in any case; what counts is whether it is for being
 * unknown.
 */
static bool try_helper(struct feature_state *f, uint32_t helper)
{
	struct trial t = { .attach = BPF_TRACE_ITER, .name = "task", .helper = helper };
	_cleanup_close_ int fd = load(&t);

	if (fd == -EPERM || (fd < 0 && !t.log[0])) {
		snprintf(f->note, sizeof(f->note), "no program can be loaded: %s", strerror(-fd));
		return false;
	}
	if (strstr(t.log, "invalid func ") || strstr(t.log, "unknown func ") ||
	    strstr(t.log, "cannot use helper"))
		return no(f, "the helper", -EOPNOTSUPP);
	return true;
}

bool features_pt_regs(struct feature_state *f)
{
	return try_helper(f, BPF_FUNC_task_pt_regs);
}

bool features_loop(struct feature_state *f)
{
	return try_helper(f, BPF_FUNC_loop);
}

/* bpf_fentry_test1() is there for tests and called by nobody else (net/bpf/test_run.c). */
bool features_fentry(struct feature_state *f)
{
	struct trial t = { .attach = BPF_TRACE_FENTRY, .name = "bpf_fentry_test1" };
	_cleanup_close_ int fd = load(&t);
	_cleanup_close_ int link = -1;

	if (fd < 0)
		return no(f, "loading", fd);
	link = bpf_raw_tracepoint_open(NULL, fd);
	return link >= 0 ? true : no(f, "attaching", link);
}

/* ---- maps ------------------------------------------------------------------------------------ */

static bool try_map(struct feature_state *f, enum bpf_map_type type)
{
	int rc;

	libbpf_set_print(quiet);
	rc = libbpf_probe_bpf_map_type(type, NULL);
	return rc > 0 || no(f, "trying", rc ? rc : -EOPNOTSUPP);
}

bool features_task_storage(struct feature_state *f)
{
	return try_map(f, BPF_MAP_TYPE_TASK_STORAGE);
}

bool features_ring_buffer(struct feature_state *f)
{
	return try_map(f, BPF_MAP_TYPE_RINGBUF);
}

/* ---- our own programs ------------------------------------------------------------------------ */

static void count(const struct ev_head *head, void *arg)
{
	(void)head;
	++*(uint64_t *)arg;
}

bool features_reader(struct feature_state *f)
{
	_cleanup_probe_ struct probe *p = NULL;
	struct snag_error err = SNAG_ERROR_INIT;
	uint64_t records = 0;
	struct probe_costs costs;

	if (probe_open(&p, &err) < 0 ||
	    probe_run(p, PROBE_FILES, &(struct probe_sink){ count, &records }, &err) < 0) {
		snprintf(f->note, sizeof(f->note), "%.250s", err.text);
		return false;
	}
	costs = probe_costs(p);
	snprintf(f->note, sizeof(f->note), "%.0f ms to load, %lu descriptors in %.1f ms",
		 (double)(costs.types_ns + costs.load_ns) / 1e6, (unsigned long)records,
		 (double)costs.pass_ns / 1e6);
	return true;
}

static void find_init(const struct ev_head *head, void *arg)
{
	if (head->kind == EV_STAMP && ((const struct ev_stamp *)(const void *)head)->tid == 1)
		*(bool *)arg = true;
}

bool features_all_tasks(struct feature_state *f)
{
	_cleanup_probe_ struct probe *p = NULL;
	struct snag_error err = SNAG_ERROR_INIT;
	bool seen = false;

	if (probe_open(&p, &err) < 0 ||
	    probe_run(p, PROBE_STAMPS, &(struct probe_sink){ find_init, &seen }, &err) < 0) {
		snprintf(f->note, sizeof(f->note), "%.250s", err.text);
		return false;
	}
	if (!seen)
		snprintf(f->note, sizeof(f->note), "process 1 is hidden");
	return seen;
}

bool features_kinds(struct feature_state *f)
{
	_cleanup_probe_ struct probe *p = NULL;
	struct snag_error err = SNAG_ERROR_INIT;

	if (probe_open(&p, &err) < 0 || probe_ready(p, &err) < 0) {
		snprintf(f->note, sizeof(f->note), "%.250s", err.text);
		return false;
	}
	if (!*probe_unlearned(p))
		return true;
	snprintf(f->note, sizeof(f->note), "not: %.240s", probe_unlearned(p));
	return false;
}

bool features_stacks(struct feature_state *f)
{
	_cleanup_stack_probe_ struct stack_probe *p = stack_probe_new(NULL);
	struct snag_error err = SNAG_ERROR_INIT;

	if (stack_probe_ready(p, &err) == 0) {
		stack_probe_slot(p, 0)->tid = gettid();
		if (stack_probe_run(p, 1, true, &err) == 0 &&
		    stack_probe_slot(p, 0)->flags & EV_STACK_FOUND)
			return true;
	}
	snprintf(f->note, sizeof(f->note), "%.250s", err.text);
	return false;
}

bool features_blocker(struct feature_state *f)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool there = false;
	const struct btf_type *t;
	int id;

	if (!btf)
		return no(f, kernel_btf, errno);
	id = btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT);
	t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	for (uint32_t i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), "blocker"))
			there = true;
	btf__free(btf);
	return there || no(f, "task_struct.blocker", -ENOENT);
}
