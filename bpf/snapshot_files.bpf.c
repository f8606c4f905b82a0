/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * snapshot_files.bpf.c - every descriptor that something may wait on, of every process, with what
 * is behind it.
 *
 * What belongs to a file (epoll items, queued descriptors, its socket) comes before its EV_FILE.
 * Other records are built in static memory: one reader runs this program, one thread at a time.
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

static struct ev_file rec;

/* ---- payloads -------------------------------------------------------------------------------- */

static struct pipe_buffer *buffers;
static __u32 buffer_at, buffer_mask;

static int buffer_step(__u32 i, void *state __attribute__((unused)))
{
	struct pipe_buffer *b;

	if (i >= rec.pipe.used)
		return 1;
	b = (void *)buffers +
	    (__u64)((buffer_at + i) & buffer_mask) * bpf_core_type_size(struct pipe_buffer);
	rec.pipe.bytes += peek(b, len);
	return 0;
}

static __always_inline bool sleepers(struct wait_queue_head *queue)
{
	struct list_head *first = peek(queue, head.next);

	return first &&
	       (void *)first != (void *)queue + bpf_core_field_offset(struct wait_queue_head, head);
}

static __u64 pipe_block[32]; /* struct pipe_inode_info */

#define of_pipe(member) part(pipe_block, p, pipe_inode_info, member)

/* Does a queue inside of the block have anybody in it? An empty one points at itself. */
#define pipe_sleepers(queue)                                                                       \
	((void *)of_pipe(queue.head.next) !=                                                       \
	 (void *)p + bpf_core_field_offset(struct pipe_inode_info, queue.head))

static __always_inline void pipe_fill(void)
{
	struct pipe_inode_info *p = peek(inode_at, i_pipe);

	if (!p)
		return;
	copy_block(pipe_block, p, pipe_inode_info);
	rec.pipe.readers = of_pipe(readers);
	rec.pipe.writers = of_pipe(writers);
	rec.pipe.r_counter = of_pipe(r_counter);
	rec.pipe.w_counter = of_pipe(w_counter);
	rec.pipe.slots = of_pipe(max_usage);
	buffer_at = of_pipe(tail);
	rec.pipe.used = of_pipe(head) - buffer_at;
	rec.pipe.sleepers = pipe_sleepers(rd_wait) | pipe_sleepers(wr_wait) << 1;
	if (rec.pipe.used > MAX_BUFFERS) {
		rec.pipe.bytes = ~0U;
	} else if (rec.pipe.used) {
		buffers = of_pipe(bufs);
		buffer_mask = of_pipe(ring_size) - 1;
		walk(MAX_BUFFERS, 16, buffer_step, NULL);
	}
}

static __always_inline void timerfd_fill(struct timerfd_ctx *t)
{
	struct hrtimer *timer;

	rec.timerfd.clockid = peek(t, clockid);
	rec.timerfd.interval_ns = peek(t, tintv);
	rec.timerfd.ticks = peek(t, ticks);
	if (rec.timerfd.clockid == CLOCK_REALTIME_ALARM ||
	    rec.timerfd.clockid == CLOCK_BOOTTIME_ALARM) {
		timer = (void *)t + bpf_core_field_offset(struct timerfd_ctx, t.alarm.timer);
		rec.timerfd.armed = peek(t, t.alarm.state) & HRTIMER_ENQUEUED;
	} else {
		timer = (void *)t + bpf_core_field_offset(struct timerfd_ctx, t.tmr);
		rec.timerfd.armed = peek(timer, state) & HRTIMER_ENQUEUED;
	}
	if (rec.timerfd.armed)
		rec.timerfd.left_ns = hrtimer_left(timer);
}

/*
 * fs/pidfs.c, fs/fork.c: where the pid hangs moved; which one it is here was seen on a pidfd of our
 * own.
 */
static __always_inline void pidfd_fill(struct file *file)
{
	struct task_struct *me = (void *)bpf_get_current_task();
	struct pid *own = peek(me, group_leader, thread_pid);
	struct pid *by_file = of_file(file, private_data);
	struct pid *by_inode = peek(inode_at, i_private);
	struct pid *pid = ask.pidfd_by_inode ? by_inode : by_file;

	rec.pidfd.private_is_pid = by_file == own;
	rec.pidfd.inode_is_pid = by_inode == own;
	rec.pidfd.tgid = pid && peek(pid, tasks[0].first) ? pid_nr(pid) : -1;
}

/* termios(3): without ICANON and with VMIN 0, VTIME is the time-out of a read. */
enum { TTY_ICANON = 2, TTY_VTIME = 5, TTY_VMIN = 6 };

static __always_inline void tty_fill(struct file *file)
{
	struct tty_file_private *private = of_file(file, private_data);
	struct tty_struct *tty = peek(private, tty);

	rec.tty.tty_ref = (__u64)tty;
	rec.tty.link_ref = (__u64)peek(tty, link);
	rec.tty.index = peek(tty, index);
	rec.tty.major = peek(tty, driver, major);
	rec.tty.minor = peek(tty, driver, minor_start) + rec.tty.index;
	rec.tty.pgrp = pid_nr(peek(tty, ctrl.pgrp));
	rec.tty.session = pid_nr(peek(tty, ctrl.session));
	rec.tty.stopped = peek(tty, flow.stopped);
	rec.tty.vtime = 0;
	if (!(peek(tty, termios.c_lflag) & TTY_ICANON) && !peek(tty, termios.c_cc[TTY_VMIN]))
		rec.tty.vtime = peek(tty, termios.c_cc[TTY_VTIME]);
	if ((rec.tty.major >= PTY_MASTER_MAJOR && rec.tty.major < PTY_SLAVE_MAJOR) ||
	    rec.tty.major == BSD_PTY_MASTER_MAJOR)
		rec.head.flags |= EV_FILE_MASTER;
}

static __always_inline void fuse_fill(struct fuse_dev *dev)
{
	struct fuse_conn *fc;

	if (!bpf_core_type_exists(struct fuse_dev) || (__u64)dev <= FUSE_DEV_FLAGS)
		return;
	fc = peek(dev, fc);
	if (!fc)
		return;
	rec.fuse.dev = peek(fc, dev);
	rec.fuse.waiting = peek(fc, num_waiting.counter);
}

static __always_inline void mqueue_fill(void)
{
	struct mqueue_inode_info *q = holder_of(inode_at, mqueue_inode_info, vfs_inode);

	if (!bpf_core_type_exists(struct mqueue_inode_info))
		return;
	rec.mqueue.messages = peek(q, attr.mq_curmsgs);
	rec.mqueue.limit = peek(q, attr.mq_maxmsg);
}

static __always_inline void uring_fill(struct io_ring_ctx *ring)
{
	struct list_head *timeouts =
		(void *)ring + bpf_core_field_offset(struct io_ring_ctx, timeout_list);

	rec.uring.timeouts = list_next(timeouts) != timeouts;
	if (bpf_core_field_exists(ring->waitid_list))
		rec.uring.waitids = peek(ring, waitid_list.first) != NULL;
	if (bpf_core_field_exists(ring->futex_list))
		rec.uring.futexes = peek(ring, futex_list.first) != NULL;
}

static __always_inline void uffd_fill(struct userfaultfd_ctx *u)
{
	if (!bpf_core_type_exists(struct userfaultfd_ctx))
		return;
	rec.uffd.mm_ref = (__u64)peek(u, mm);
	rec.uffd.pending =
		sleepers((void *)u +
			 bpf_core_field_offset(struct userfaultfd_ctx, fault_pending_wqh)) ||
		sleepers((void *)u + bpf_core_field_offset(struct userfaultfd_ctx, fault_wqh));
}

/* fs/eventfd.c: the file has one reference, whoever posts from inside of the kernel one each. */
static __always_inline void eventfd_fill(struct eventfd_ctx *e)
{
	rec.eventfd.count = peek(e, count);
	rec.eventfd.flags = peek(e, flags);
	rec.eventfd.refs = peek(e, kref.refcount.refs.counter);
}

/* Anonymous inodes; may write records of their own. */
static __always_inline void anon_fill(struct file *file, struct seq_file *seq)
{
	void *private = of_file(file, private_data);

	switch (rec.it.class) {
	case EV_CLASS_EVENTFD:
		eventfd_fill(private);
		break;
	case EV_CLASS_TIMERFD:
		timerfd_fill(private);
		break;
	case EV_CLASS_SIGNALFD: /* the context keeps what is not wanted (fs/signalfd.c) */
		rec.sigmask = ~peek((struct signalfd_ctx *)private, sigmask.sig[0]);
		break;
	case EV_CLASS_EPOLL:
		epoll_items(file, seq);
		break;
	case EV_CLASS_PIDFD:
		pidfd_fill(file);
		break;
	case EV_CLASS_USERFAULTFD:
		uffd_fill(private);
		break;
	case EV_CLASS_IO_URING:
		uring_fill(private);
		uring_requests(file, seq);
		break;
	case EV_CLASS_ANON:
		bpf_probe_read_kernel_str(rec.name, sizeof(rec.name),
					  peek(file, f_path.dentry, d_name.name));
	}
}

static __always_inline void payload_fill(struct file *file, struct seq_file *seq)
{
	__builtin_memset(rec.name, 0, sizeof(rec.name));
	switch (rec.it.class) {
	case EV_CLASS_PIPE:
		pipe_fill();
		break;
	case EV_CLASS_SOCKET:
		sock_write(file, seq);
		break;
	case EV_CLASS_TTY:
		tty_fill(file);
		break;
	case EV_CLASS_FUSE_DEV:
		fuse_fill(of_file(file, private_data));
		break;
	case EV_CLASS_MQUEUE:
		mqueue_fill();
		break;
	default:
		anon_fill(file, seq);
	}
}

/* ---- the pass -------------------------------------------------------------------------------- */

/*
 * Plain files are told when they are 0, 1 or 2, may be locked, or when whoever reads them may wait
 * for ever.
 */
static __always_inline bool worth_it(__u32 fd)
{
	rec.head.flags = 0;
	if (rec.it.class > EV_CLASS_DEVICE)
		return true;
	if (peek(inode_at, i_flctx))
		rec.head.flags = EV_FILE_LOCKS;
	if (fd <= 2 || rec.head.flags)
		return true;
	if (rec.it.class == EV_CLASS_DEVICE)
		return rec.rdev >> 20 != MEM_MAJOR;
	return rec.magic == FUSE_SUPER_MAGIC || rec.magic == NFS_SUPER_MAGIC;
}

/* Whose descriptor it is; a task's come one after the other. */
static __always_inline void holder_fill(struct task_struct *task)
{
	static struct task_struct *last;
	static int last_pid;

	if (last == task && last_pid == task->pid)
		return;
	last = task;
	last_pid = task->pid;
	rec.tgid = pid_nr(peek(task, group_leader, thread_pid));
	rec.tid = pid_nr(peek(task, thread_pid));
	rec.files_ref = (__u64)peek(task, files);
}

SEC("iter/task_file") int files(struct bpf_iter__task_file *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file || (file->f_mode & FMODE_PATH))
		return 0;
	if (ask.rest_ref && ask.rest_ref != (__u64)file)
		return 0;
	own_ns_find();
	holder_fill(task);
	look_at(file);
	rec.i_mode = of_inode(i_mode);
	rec.rdev = of_inode(i_rdev);
	rec.magic = of_sb(s_magic);
	rec.f_op_ref = (__u64)of_file(file, f_op);
	rec.f_flags = of_file(file, f_flags);
	target_fill(&rec.it, file);
	if (!worth_it(ctx->fd) && !bpf_map_lookup_elem(&told, &rec.tgid))
		return 0;
	room = ROOM_BYTES;
	cut = 0;
	rec.head.size = sizeof(rec);
	rec.head.kind = EV_FILE;
	rec.fd = ctx->fd;
	payload_fill(file, seq);
	rec.head.flags |= cut;
	bpf_seq_write(seq, &rec, sizeof(rec));
	return 0;
}
