/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg.c - System V message queues: msgrcv(2) from an empty one, msgsnd(2) to a full one.
 */
#include "waits/ipc/space.h"

#include <sys/msg.h>
#include <sys/syscall.h>

static const int16_t numbers[] = { SYS_msgrcv, SYS_msgsnd, -1 };

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	struct model *m = wait_model(c);
	bool receives = t->nr == SYS_msgrcv;
	int32_t id = (int32_t)t->args[0];
	uint32_t object = ipc_object(c, t->tgid, "sysv-msg", id);
	struct msqid_ds ds = { .msg_lspid = 0 };
	struct wait_name last;

	if (!ipc_is_ours(t->tgid) || msgctl(id, IPC_STAT, &ds) < 0)
		ds.msg_lspid = ds.msg_lrpid = 0;
	last = ipc_last_user(c, receives ? ds.msg_lspid : ds.msg_lrpid);
	model_wait(m, site->wait)->object = object;
	model_wait(m, site->wait)->input = receives;
	model_wait(m, site->wait)->completion = !receives;
	wait_describe(c, site->wait, WAIT_SYSV_MSG, "%s System V message queue %d%s%s",
		      receives ? "receiving from" : "sending to full", id, last.text,
		      *last.text ? (receives ? " to send" : " to receive") : "");
	wait_term_holders(c, site->wait, object, 0, AS_PEER);
	wait_new(c, site->wait, "anyone with access to System V message queue %d%s", id, last.text);
	return true;
}

const struct wait_kind wait_sysv_msg = { .name = "sysv_msg",
					 .syscalls = numbers,
					 .decode = decode };
