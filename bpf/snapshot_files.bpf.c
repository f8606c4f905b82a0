/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * snapshot_files.bpf.c - every descriptor that something may wait on, of every process, with what
 * is behind it.
 *
 * What belongs to a file (epoll items, queued descriptors, its socket) comes before its EV_FILE.
 * Two iterators may run this program side by side, see side.bpf.h.
 */
#include "items.bpf.h"
#include "sock_inet.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	HRTIMER_ENQUEUED = 1,
	CLOCK_REALTIME_ALARM = 8,
	CLOCK_BOOTTIME_ALARM = 9,
	PTY_MASTER_MAJOR = 128, /* to 135: Documentation/admin-guide/devices.txt */
	PTY_SLAVE_MAJOR = 136,
	BSD_PTY_MASTER_MAJOR = 2,
	MAX_BUFFERS = 64,
	RUN_BITS = 4,	    /* of numbers of tasks: whose files one of two iterators passes on */
	FUSE_DEV_FLAGS = 7, /* small numbers in place of a pointer: not mounted yet */
};

/* Processes of which every file is told, by tgid; set by the collector. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __s32);
	__type(value, __u8);
} told SEC(".maps");

/* ---- payloads -------------------------------------------------------------------------------- */

static int buffer_step(__u32 i, void *state)
{
	struct side *s = ((struct step *)state)->s;
	struct pipe_buffer *b;

	if (i >= s->rec.pipe.used)
		return 1;
	b = (void *)s->buffers +
	    (__u64)((s->buffer_at + i) & s->buffer_mask) * bpf_core_type_size(struct pipe_buffer);
	s->rec.pipe.bytes += peek(b, len);
	return 0;
}

static __always_inline bool sleepers(struct wait_queue_head *queue)
{
	struct list_head *first = peek(queue, head.next);

	return first &&
	       (void *)first != (void *)queue + bpf_core_field_offset(struct wait_queue_head, head);
}

/* See copy_block(). */
#define PIPE_OFFSETS                                                                               \
	(offset_in(pipe_inode_info, readers) | offset_in(pipe_inode_info, writers) |               \
	 offset_in(pipe_inode_info, r_counter) | offset_in(pipe_inode_info, w_counter) |           \
	 offset_in(pipe_inode_info, max_usage) | offset_in(pipe_inode_info, tail) |                \
	 offset_in(pipe_inode_info, head) | offset_in(pipe_inode_info, bufs) |                     \
	 offset_in(pipe_inode_info, ring_size) | offset_in(pipe_inode_info, rd_wait.head.next) |   \
	 offset_in(pipe_inode_info, wr_wait.head.next))
#define of_pipe(member) of(s->pipe_block, pipe_inode_info, member)

/* Does a queue inside of the block have anybody in it? An empty one points at itself. */
#define pipe_sleepers(queue)                                                                       \
	((void *)of_pipe(queue.head.next) !=                                                       \
	 (void *)p + bpf_core_field_offset(struct pipe_inode_info, queue.head))

static __always_inline void pipe_fill(struct step *at)
{
	struct side *s = at->s;
	struct pipe_inode_info *p = peek(s->inode_at, i_pipe);

	if (!p)
		return;
	copy_block(s->pipe_block, p, pipe_inode_info, PIPE_OFFSETS);
	s->rec.pipe.readers = of_pipe(readers);
	s->rec.pipe.writers = of_pipe(writers);
	s->rec.pipe.r_counter = of_pipe(r_counter);
	s->rec.pipe.w_counter = of_pipe(w_counter);
	s->rec.pipe.slots = of_pipe(max_usage);
	s->buffer_at = of_pipe(tail);
	s->rec.pipe.used = of_pipe(head) - s->buffer_at;
	s->rec.pipe.sleepers = pipe_sleepers(rd_wait) | pipe_sleepers(wr_wait) << 1;
	if (s->rec.pipe.used > MAX_BUFFERS) {
		s->rec.pipe.bytes = ~0U;
	} else if (s->rec.pipe.used) {
		s->buffers = of_pipe(bufs);
		s->buffer_mask = of_pipe(ring_size) - 1;
		walk(MAX_BUFFERS, 16, buffer_step, at);
	}
}

static __always_inline void timerfd_fill(struct side *s, struct timerfd_ctx *t)
{
	struct hrtimer *timer;

	s->rec.timerfd.clockid = peek(t, clockid);
	s->rec.timerfd.interval_ns = peek(t, tintv);
	s->rec.timerfd.ticks = peek(t, ticks);
	if (s->rec.timerfd.clockid == CLOCK_REALTIME_ALARM ||
	    s->rec.timerfd.clockid == CLOCK_BOOTTIME_ALARM) {
		timer = (void *)t + bpf_core_field_offset(struct timerfd_ctx, t.alarm.timer);
		s->rec.timerfd.armed = peek(t, t.alarm.state) & HRTIMER_ENQUEUED;
	} else {
		timer = (void *)t + bpf_core_field_offset(struct timerfd_ctx, t.tmr);
		s->rec.timerfd.armed = peek(timer, state) & HRTIMER_ENQUEUED;
	}
	if (s->rec.timerfd.armed)
		s->rec.timerfd.left_ns = hrtimer_left(timer);
}

/*
 * fs/pidfs.c, fs/fork.c: where the pid hangs moved; which one it is here was seen on a pidfd of our
 * own.
 */
static __always_inline void pidfd_fill(struct side *s)
{
	struct task_struct *me = (void *)bpf_get_current_task();
	struct pid *own = peek(me, group_leader, thread_pid);
	struct pid *by_file = of_file(s, private_data);
	struct pid *by_inode = peek(s->inode_at, i_private);
	struct pid *pid = ask.pidfd_by_inode ? by_inode : by_file;

	s->rec.pidfd.private_is_pid = by_file == own;
	s->rec.pidfd.inode_is_pid = by_inode == own;
	s->rec.pidfd.tgid = pid && peek(pid, tasks[0].first) ? pid_nr(&s->pids, pid) : -1;
}

/* termios(3): without ICANON and with VMIN 0, VTIME is the time-out of a read. */
enum { TTY_ICANON = 2, TTY_VTIME = 5, TTY_VMIN = 6 };

static __always_inline void tty_fill(struct side *s)
{
	struct tty_file_private *private = of_file(s, private_data);
	struct tty_struct *tty = peek(private, tty);

	s->rec.tty.tty_ref = (__u64)tty;
	s->rec.tty.link_ref = (__u64)peek(tty, link);
	s->rec.tty.index = peek(tty, index);
	s->rec.tty.major = peek(tty, driver, major);
	s->rec.tty.minor = peek(tty, driver, minor_start) + s->rec.tty.index;
	s->rec.tty.pgrp = pid_nr(&s->pids, peek(tty, ctrl.pgrp));
	s->rec.tty.session = pid_nr(&s->pids, peek(tty, ctrl.session));
	s->rec.tty.stopped = peek(tty, flow.stopped);
	s->rec.tty.vtime = 0;
	if (!(peek(tty, termios.c_lflag) & TTY_ICANON) && !peek(tty, termios.c_cc[TTY_VMIN]))
		s->rec.tty.vtime = peek(tty, termios.c_cc[TTY_VTIME]);
	if ((s->rec.tty.major >= PTY_MASTER_MAJOR && s->rec.tty.major < PTY_SLAVE_MAJOR) ||
	    s->rec.tty.major == BSD_PTY_MASTER_MAJOR)
		s->rec.head.flags |= EV_FILE_MASTER;
}

static __always_inline void fuse_fill(struct side *s, struct fuse_dev *dev)
{
	struct fuse_conn *fc;

	if (!bpf_core_type_exists(struct fuse_dev) || (__u64)dev <= FUSE_DEV_FLAGS)
		return;
	fc = peek(dev, fc);
	if (!fc)
		return;
	s->rec.fuse.dev = peek(fc, dev);
	s->rec.fuse.waiting = peek(fc, num_waiting.counter);
}

static __always_inline void mqueue_fill(struct side *s)
{
	struct mqueue_inode_info *q = holder_of(s->inode_at, mqueue_inode_info, vfs_inode);

	if (!bpf_core_type_exists(struct mqueue_inode_info))
		return;
	s->rec.mqueue.messages = peek(q, attr.mq_curmsgs);
	s->rec.mqueue.limit = peek(q, attr.mq_maxmsg);
}

static __always_inline void uring_fill(struct side *s, struct io_ring_ctx *ring)
{
	struct list_head *timeouts =
		(void *)ring + bpf_core_field_offset(struct io_ring_ctx, timeout_list);

	s->rec.uring.timeouts = list_next(timeouts) != timeouts;
	if (bpf_core_field_exists(ring->waitid_list))
		s->rec.uring.waitids = peek(ring, waitid_list.first) != NULL;
	if (bpf_core_field_exists(ring->futex_list))
		s->rec.uring.futexes = peek(ring, futex_list.first) != NULL;
}

static __always_inline void uffd_fill(struct side *s, struct userfaultfd_ctx *u)
{
	if (!bpf_core_type_exists(struct userfaultfd_ctx))
		return;
	s->rec.uffd.mm_ref = (__u64)peek(u, mm);
	s->rec.uffd.pending =
		sleepers((void *)u +
			 bpf_core_field_offset(struct userfaultfd_ctx, fault_pending_wqh)) ||
		sleepers((void *)u + bpf_core_field_offset(struct userfaultfd_ctx, fault_wqh));
}

/* fs/eventfd.c: the file has one reference, whoever posts from inside of the kernel one each. */
static __always_inline void eventfd_fill(struct side *s, struct eventfd_ctx *e)
{
	s->rec.eventfd.count = peek(e, count);
	s->rec.eventfd.flags = peek(e, flags);
	s->rec.eventfd.refs = peek(e, kref.refcount.refs.counter);
}

/* Anonymous inodes; may write records of their own. */
static __always_inline void anon_fill(struct file *file, struct step *at)
{
	struct side *s = at->s;
	void *private = of_file(s, private_data);

	switch (s->rec.it.class) {
	case EV_CLASS_EVENTFD:
		eventfd_fill(s, private);
		break;
	case EV_CLASS_TIMERFD:
		timerfd_fill(s, private);
		break;
	case EV_CLASS_SIGNALFD: /* the context keeps what is not wanted (fs/signalfd.c) */
		s->rec.sigmask = ~peek((struct signalfd_ctx *)private, sigmask.sig[0]);
		break;
	case EV_CLASS_EPOLL:
		epoll_items(file, at);
		break;
	case EV_CLASS_PIDFD:
		pidfd_fill(s);
		break;
	case EV_CLASS_USERFAULTFD:
		uffd_fill(s, private);
		break;
	case EV_CLASS_IO_URING:
		uring_fill(s, private);
		uring_requests(file, at);
		break;
	case EV_CLASS_ANON:
		bpf_probe_read_kernel_str(s->rec.name, sizeof(s->rec.name),
					  peek(file, f_path.dentry, d_name.name));
	}
}

static __always_inline void payload_fill(struct file *file, struct step *at)
{
	struct side *s = at->s;

	__builtin_memset(s->rec.name, 0, sizeof(s->rec.name));
	switch (s->rec.it.class) {
	case EV_CLASS_PIPE:
		pipe_fill(at);
		break;
	case EV_CLASS_SOCKET:
		sock_write(at);
		break;
	case EV_CLASS_TTY:
		tty_fill(s);
		break;
	case EV_CLASS_FUSE_DEV:
		fuse_fill(s, of_file(s, private_data));
		break;
	case EV_CLASS_MQUEUE:
		mqueue_fill(s);
		break;
	default:
		anon_fill(file, at);
	}
}

/* ---- the pass -------------------------------------------------------------------------------- */

/*
 * Plain files are told when they are 0, 1 or 2, may be locked, or when whoever reads them may wait
 * for ever.
 */
static __always_inline bool worth_it(struct side *s, __u32 fd)
{
	s->rec.head.flags = 0;
	if (s->rec.it.class > EV_CLASS_DEVICE)
		return true;
	if (peek(s->inode_at, i_flctx))
		s->rec.head.flags = EV_FILE_LOCKS;
	if (fd <= 2 || s->rec.head.flags)
		return true;
	if (s->rec.it.class == EV_CLASS_DEVICE)
		return s->rec.rdev >> 20 != MEM_MAJOR;
	return s->rec.magic == FUSE_SUPER_MAGIC || s->rec.magic == NFS_SUPER_MAGIC;
}

/*
 * Whose descriptor it is; a task's come one after the other. Of two iterators each passes on the
 * files of every other run of numbers: neither is far ahead of the other.
 */
static __always_inline bool holder_fill(struct side *s, struct task_struct *task, __u64 session)
{
	__u32 turn;

	if (s->last == task && s->last_pid == task->pid && s->session == session)
		return s->passes;
	s->session = session;
	s->last = task;
	s->last_pid = task->pid;
	s->rec.tid = pid_nr(&s->pids, peek(task, thread_pid));
	turn = (s->rec.tid >> RUN_BITS) & 1;
	s->passes = !ask.sides || turn == (s != sides);
	if (!s->passes)
		return false;
	s->rec.tgid = pid_nr(&s->pids, peek(task, group_leader, thread_pid));
	s->rec.files_ref = (__u64)peek(task, files);
	return true;
}

SEC("iter/task_file") int files(struct bpf_iter__task_file *ctx)
{
	struct bpf_iter_meta *meta = ctx->meta;
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct step at = { .seq = meta->seq };
	struct side *s;

	if (!task || !file || (file->f_mode & FMODE_PATH))
		return 0;
	if (ask.rest_ref && ask.rest_ref != (__u64)file)
		return 0;
	own_ns_find();
	if (!ask.session)
		ask.session = meta->session_id;
	s = at.s = side_of(ask.session, meta->session_id);
	if (!holder_fill(s, task, meta->session_id))
		return 0;
	s->file_at = file;
	look_at(s);
	s->rec.i_mode = of_inode(s, i_mode);
	s->rec.rdev = of_inode(s, i_rdev);
	s->rec.magic = of_sb(s, s_magic);
	s->rec.f_op_ref = (__u64)of_file(s, f_op);
	s->rec.f_flags = of_file(s, f_flags);
	target_fill(s, &s->rec.it);
	if (!worth_it(s, ctx->fd) && !bpf_map_lookup_elem(&told, &s->rec.tgid))
		return 0;
	s->room = ROOM_BYTES;
	s->cut = 0;
	s->rec.head.size = sizeof(s->rec);
	s->rec.head.kind = EV_FILE;
	s->rec.fd = ctx->fd;
	payload_fill(file, &at);
	s->rec.head.flags |= s->cut;
	bpf_seq_write(at.seq, &s->rec, sizeof(s->rec));
	return 0;
}
