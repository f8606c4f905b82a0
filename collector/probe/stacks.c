/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/stacks.h"

#include "base/alloc.h"
#include "probe/handlers.h"
#include "probe/kernel_types.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "stacks.skel.h"

static const char kernel_btf[] = "/sys/kernel/btf/vmlinux";

/* include/linux/proc_ns.h: PROC_PID_INIT_INO */
static const ino_t FIRST_PID_NS = 0xeffffffc;

struct stack_probe {
	struct stacks_bpf *object;
	const struct kernel_types *types;
	struct kernel_types *own_types; /* NULL: they are somebody else's */
	pthread_t loader;
	bool loading;
	int rc;
	struct snag_error err;
	struct ev_stack *heads;
	uint8_t *tops;
	size_t heads_size, tops_size;
};

/* ---- loading --------------------------------------------------------------------------------- */

/* By number in the reader's own pid namespace; before Linux 6.14 only in the first one. */
static uint32_t find_from_tid(const struct kernel_types *types)
{
	uint32_t id = kernel_types_function(types, "bpf_task_from_vpid");
	struct stat st;

	if (id)
		return id;
	if (stat("/proc/self/ns/pid", &st) < 0 || st.st_ino != FIRST_PID_NS)
		return 0;
	return kernel_types_function(types, "bpf_task_from_pid");
}

static int open_object(struct stack_probe *p, struct snag_error *err)
{
	uint32_t from_tid, release;
	int rc = handlers_register();

	if (rc < 0)
		return error_set(err, rc, "libbpf takes no handler: %s", strerror(-rc));
	if (!p->types) {
		p->own_types = kernel_types_new();
		p->types = p->own_types;
		stack_probe_want(p->own_types);
		rc = kernel_types_read(p->own_types, kernel_btf, err);
		if (rc < 0)
			return rc;
	}
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = kernel_types_path(p->types));
	p->object = stacks_bpf__open_opts(&opts);
	if (!p->object) {
		rc = errno ? -errno : -EINVAL;
		return error_set(err, rc, "opening our own BPF object: %m");
	}
	from_tid = find_from_tid(p->types);
	release = kernel_types_function(p->types, "bpf_task_release");
	if (!from_tid || !release)
		return error_set(err, -EOPNOTSUPP,
				 "this kernel lets no BPF program look up threads of this pid "
				 "namespace (Linux 6.10, inside a container 6.14)");
	handlers_set_kfuncs(from_tid, release);
	return 0;
}

static void *map_array(const struct bpf_map *map, size_t *size, struct snag_error *err)
{
	void *at;

	*size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	at = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (at != MAP_FAILED)
		return at;
	error_set(err, -errno, "mapping %s: %m", bpf_map__name(map));
	return NULL;
}

static int load_now(struct stack_probe *p, struct snag_error *err)
{
	int rc = open_object(p, err);

	if (rc < 0)
		return rc;
	rc = bpf_program__set_flags(p->object->progs.stacks, BPF_F_SLEEPABLE);
	if (rc == 0)
		rc = stacks_bpf__load(p->object);
	if (rc < 0)
		return error_set(err, rc, "the kernel refuses our program over stacks: %s",
				 strerror(-rc));
	p->heads = map_array(p->object->maps.heads, &p->heads_size, err);
	p->tops = p->heads ? map_array(p->object->maps.tops, &p->tops_size, err) : NULL;
	return p->tops ? 0 : -ENOMEM;
}

static void *load(void *arg)
{
	struct stack_probe *p = arg;

	p->rc = load_now(p, &p->err);
	return NULL;
}

static void wait_for_loader(struct stack_probe *p)
{
	if (p->loading)
		pthread_join(p->loader, NULL);
	p->loading = false;
}

void stack_probe_want(struct kernel_types *types)
{
	struct stacks_bpf *object = stacks_bpf__open();

	/* what makes this fail fails again when it is loaded, and is told then */
	if (object)
		kernel_types_want(types, bpf_object__btf(object->obj));
	stacks_bpf__destroy(object);
}

struct stack_probe *stack_probe_new(const struct kernel_types *types)
{
	struct stack_probe *p = xcalloc(1, sizeof(*p));

	p->types = types;
	p->loading = pthread_create(&p->loader, NULL, load, p) == 0;
	if (!p->loading)
		load(p);
	return p;
}

void stack_probe_free(struct stack_probe *p)
{
	if (!p)
		return;
	wait_for_loader(p);
	if (p->heads)
		munmap(p->heads, p->heads_size);
	if (p->tops)
		munmap(p->tops, p->tops_size);
	stacks_bpf__destroy(p->object);
	kernel_types_free(p->own_types);
	free(p);
}

/* ---- running --------------------------------------------------------------------------------- */

int stack_probe_ready(struct stack_probe *p, struct snag_error *err)
{
	wait_for_loader(p);
	return p->rc < 0 ? error_set(err, p->rc, "%s", p->err.text) : 0;
}

struct ev_stack *stack_probe_slot(struct stack_probe *p, uint32_t i)
{
	return &p->heads[i];
}

const uint8_t *stack_probe_bytes(const struct stack_probe *p, uint32_t i)
{
	return p->tops + (size_t)i * EV_STACK_BYTES;
}

int stack_probe_run(struct stack_probe *p, uint32_t count, bool with_bytes, struct snag_error *err)
{
	struct ev_stack_batch batch = { .count = count, .with_bytes = with_bytes };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &batch, .ctx_size_in = sizeof(batch));
	int rc = stack_probe_ready(p, err);

	if (rc < 0)
		return rc;
	rc = bpf_prog_test_run_opts(bpf_program__fd(p->object->progs.stacks), &opts);
	if (rc < 0)
		return error_set(err, rc, "running our program over stacks: %s", strerror(-rc));
	return 0;
}
