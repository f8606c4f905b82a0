/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/handlers.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include "bpf/event.h"

#include <pthread.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* ---- iterators ------------------------------------------------------------------------------- */

/*
 * libbpf would read all types of the kernel, to find the one function that an iterator hooks: some
 * 10 ms. We know its id. A program that says to attach to another program, by descriptor, keeps
 * libbpf from searching: who loads it passes the id as that descriptor, and this puts it where it
 * belongs.
 */
static int tell_hook(struct bpf_program *prog __attribute__((unused)),
		     struct bpf_prog_load_opts *opts, long cookie __attribute__((unused)))
{
	opts->attach_btf_id = opts->attach_prog_fd;
	opts->attach_prog_fd = 0;
	return 0;
}

/* ---- batches of stacks ----------------------------------------------------------------------- */

static uint32_t from_tid_id, release_id;

void handlers_set_kfuncs(uint32_t from_tid, uint32_t release)
{
	from_tid_id = from_tid;
	release_id = release;
}

static void put_id(struct bpf_insn *insn)
{
	uint32_t id = insn->imm == EV_KFUNC_FROM_TID ? from_tid_id :
		      insn->imm == EV_KFUNC_RELEASE  ? release_id :
						       0;

	if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg || !id)
		return;
	insn->src_reg = BPF_PSEUDO_KFUNC_CALL;
	insn->imm = (int32_t)id;
	insn->off = 0;
}

/* By now the functions that the program calls have been appended to it: see EV_KFUNC_FROM_TID. */
static int put_ids(struct bpf_program *prog,
		   struct bpf_prog_load_opts *opts __attribute__((unused)),
		   long cookie __attribute__((unused)))
{
	size_t count = bpf_program__insn_cnt(prog);
	_cleanup_free_ struct bpf_insn *insns = xcalloc(count, sizeof(*insns));

	memcpy(insns, bpf_program__insns(prog), count * sizeof(*insns));
	for (size_t i = 0; i < count; i++)
		put_id(&insns[i]);
	return bpf_program__set_insns(prog, insns, count);
}

/* ---- registering ----------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int outcome;

static void register_all(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, iterator, .prog_prepare_load_fn = tell_hook);
	LIBBPF_OPTS(libbpf_prog_handler_opts, batch, .prog_prepare_load_fn = put_ids);

	outcome = libbpf_register_prog_handler("iter/", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER,
					       &iterator);
	if (outcome >= 0)
		outcome = libbpf_register_prog_handler("batch", BPF_PROG_TYPE_SYSCALL, 0, &batch);
}

int handlers_register(void)
{
	pthread_once(&once, register_all);
	return outcome < 0 ? outcome : 0;
}
