/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - uninterruptible sleep for a block device, a remote file system, or a file system that
 * is frozen.
 */
#include "read/proc/procfs.h"
#include "waits/stop/wchan.h"

#include <string.h>

/*
 * Kernel functions that sleep until a device or a server answers. Beginnings: the rest differs by
 * kernel.
 */
static const char *const prefixes[] = {
	"io_schedule",
	"folio_wait_",
	"wait_on_page",
	"bit_wait",
	"__wait_on_buffer",
	"submit_bio",
	"blk_",
	"wbt_wait",
	"rq_qos_wait",
	"jbd2_",
	"ext4_",
	"xfs_",
	"xlog_",
	"btrfs_",
	"f2fs_",
	"nfs",
	"rpc_wait_bit",
	"__rpc_",
	"cifs_",
	"wait_for_response",
	"ceph_",
	"balance_dirty",
	"wb_wait_for_",
	"inode_wait_for",
	"do_get_write_access",
	"wait_transaction_locked",
	"dm_",
	"md_",
	"nvme_",
	"scsi_",
	"sync_inode",
	"wait_current_trans",
	"start_this_handle",
	"v9fs_",
	"p9_client_rpc",
};

static const char frozen_fs[] = "percpu_rwsem_wait";

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	const char *wchan = t->state == 'D' ? stop_wchan(c, t) : "";

	for (size_t i = 0; *wchan && i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(wchan, prefixes[i], strlen(prefixes[i])))
			return true;
	return stop_sleeps_in(c, t, frozen_fs) && t->state == 'D';
}

/* The same lock type guards other things too; the callers tell (fs/super.c, sb_start_write). */
static bool wants_to_write(const struct snap_task *t, bool *known)
{
	static const char *const callers[] = { "mnt_want_write",   "vfs_write", "page_mkwrite",
					       "file_start_write", "do_iter_",	"vfs_fallocate",
					       "do_splice",	   "vfs_copy",	"__sb_start_" };
	_cleanup_strbuf_ struct strbuf stack = STRBUF_INIT;

	*known = procfs_read_of(&stack, t->tgid, t->tid, "stack", NULL) >= 0;
	for (size_t i = 0; i < sizeof(callers) / sizeof(*callers); i++)
		if (strstr(strbuf_str(&stack), callers[i]))
			return true;
	return false;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const char *wchan = stop_wchan(c, site->task);
	const char *op = model_str(wait_model(c), model_wait(wait_model(c), site->wait)->op);
	bool known;

	if (!stop_sleeps_in(c, site->task, frozen_fs)) {
		wait_describe(c, site->wait, WAIT_DISK,
			      "in %s, waiting for a disk or a remote file system (%s)", op, wchan);
		wait_outside(c, site->wait, "the device or server behind %s", wchan);
		return true;
	}
	if (wants_to_write(site->task, &known)) {
		wait_describe(c, site->wait, WAIT_FREEZE, "in %s on a file system that is frozen",
			      op);
		wait_stopped(c, site->wait,
			     "whoever unfreezes the file system (fsfreeze --unfreeze)");
		return true;
	}
	wait_describe(c, site->wait, WAIT_KERNEL_LOCK, "waiting in %s for a kernel lock", op);
	wait_unknown(c, site->wait, "%s",
		     known ? "who holds a per-CPU read-write semaphore is not shown" :
			     "which lock it is needs root, to read the kernel stack");
	return true;
}

const struct wait_kind wait_device = { .name = "device", .claims = claims, .decode = decode };
