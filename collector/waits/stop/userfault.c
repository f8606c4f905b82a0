/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * userfault.c - a page that another thread or process shall fill in by userfaultfd(2).
 *
 * The fault sleeps in handle_userfault() (fs/userfaultfd.c), in user code or inside a system call
 * that touches the page. Which memory a userfaultfd watches is not shown, but it is that of the
 * process that made it; "total:" in its fdinfo counts the faults that wait.
 */
#include "waits/stop/outside.h"
#include "waits/stop/wchan.h"

#include <stdio.h>
#include <string.h>

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	return stop_sleeps_in(c, t, "handle_userfault");
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	struct model *m = wait_model(c);
	struct outside_query q = {
		.kind = FILE_USERFAULTFD,
		.link = "anon_inode:[userfaultfd]",
		.fdinfo = "total:\t",
		.value = 1,
		.at_least = true,
		.maker = site->process->tgid,
	};
	uint32_t id;
	char key[32];

	snprintf(key, sizeof(key), "userfault:[%d]", site->process->tgid);
	id = outside_object(c, &q, "userfaultfd", key);
	model_wait(m, site->wait)->object = id;
	model_wait(m, site->wait)->completion = true;
	wait_describe(c, site->wait, WAIT_USERFAULT,
		      "in a page fault that a userfaultfd monitor shall resolve");
	if (outside_has_holder(m, id))
		wait_term_holders(c, site->wait, id, 0, AS_OWNER);
	else
		wait_unknown(c, site->wait, "who has the userfaultfd of process %d is not visible",
			     site->process->tgid);
	return true;
}

/* The monitor itself, at rest. */
static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	wait_describe(c, f->wait, WAIT_USERFAULT, "waiting for a page fault (fd %d)", f->fd);
	wait_new(c, f->wait, "a page fault in the memory that the userfaultfd watches");
	return true;
}

const struct wait_kind wait_userfault = {
	.name = "userfault",
	.files = 1u << FILE_USERFAULTFD,
	.claims = claims,
	.decode = decode,
	.decode_file = decode_file,
};
