/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * targets.bpf.h - what an open file is, and the room that its records have.
 */
#pragma once

#include "side.bpf.h"

/* include/uapi/linux/stat.h, magic.h; include/linux/fs.h */
enum {
	S_IFMT = 0170000,
	S_IFSOCK = 0140000,
	S_IFREG = 0100000,
	S_IFBLK = 0060000,
	S_IFDIR = 0040000,
	S_IFCHR = 0020000,
	S_IFIFO = 0010000,
	FMODE_PATH = 0x4000,
	MEM_MAJOR = 1,
	ANON_INODE_FS_MAGIC = 0x09041934,
	PID_FS_MAGIC = 0x50494446,
	MQUEUE_MAGIC = 0x19800202,
	FUSE_SUPER_MAGIC = 0x65735546,
	NFS_SUPER_MAGIC = 0x6969,
};

/* f_op -> enum ev_class, learned by the collector from files of its own. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u32);
} ops SEC(".maps");

/*
 * Set by the collector. A section of its own: bpftool 7.1 lays .bss out wrongly when statics are
 * mixed in.
 */
struct {
	__u64 session;	      /* of the first side, once it has begun */
	__u64 rest_ref;	      /* look only at this file */
	__u32 rest_skip;      /* and leave out that many items, they are known */
	__u32 pidfd_by_inode; /* a pidfd's struct pid hangs on its inode (since 6.9) */
	__u32 sides;	      /* two iterators share the pass */
	__u32 reserved;
} ask SEC(".data.ask");

/*
 * A pass of a bpf iterator fails for good when one object writes more than 8 pages
 * (kernel/bpf/bpf_iter.c, bpf_seq_read()). Whatever would not fit is left out and the file is
 * marked EV_FILE_CUT.
 */
enum { ROOM_BYTES = 30000 };

static __always_inline bool take_room(struct side *s, __u32 bytes)
{
	if (s->room < bytes) {
		s->cut = EV_FILE_CUT;
		return false;
	}
	s->room -= bytes;
	return true;
}

static __always_inline __u32 class_of_op(__u64 op)
{
	__u32 *class = bpf_map_lookup_elem(&ops, &op);

	return class ? *class : EV_CLASS_NONE;
}

/* The class of a file without regard to whether it is worth a record. */
__noinline __u32 class_of(__u64 op, __u32 mode, __u32 magic)
{
	__u32 class;

	switch (mode & S_IFMT) {
	case S_IFIFO:
		return EV_CLASS_PIPE;
	case S_IFSOCK:
		return EV_CLASS_SOCKET;
	case S_IFDIR:
		return EV_CLASS_DIRECTORY;
	case S_IFBLK:
		return EV_CLASS_DEVICE;
	case S_IFREG: /* anonymous inodes too, since 6.16 */
		if (magic == MQUEUE_MAGIC)
			return EV_CLASS_MQUEUE;
		if (magic != ANON_INODE_FS_MAGIC && magic != PID_FS_MAGIC)
			return EV_CLASS_REGULAR;
	}
	class = class_of_op(op);
	if (class)
		return class;
	return (mode & S_IFMT) == S_IFCHR ? EV_CLASS_DEVICE : EV_CLASS_ANON;
}

/* See copy_block(). */
#define FILE_OFFSETS                                                                               \
	(offset_in(file, f_mode) | offset_in(file, f_op) | offset_in(file, private_data) |         \
	 offset_in(file, f_inode) | offset_in(file, f_flags))
#define INODE_OFFSETS                                                                              \
	(offset_in(inode, i_mode) | offset_in(inode, i_sb) | offset_in(inode, i_ino) |             \
	 offset_in(inode, i_rdev))
#define SB_OFFSETS (offset_in(super_block, s_dev) | offset_in(super_block, s_magic))
#define of_file(s, member) of((s)->file_block, file, member)
#define of_inode(s, member) of((s)->inode_block, inode, member)
#define of_sb(s, member) of((s)->sb_block, super_block, member)

/* Copy what is asked for of the file `file_at`. */
__noinline int look_at(struct side *s)
{
	if (!s)
		return 0;
	copy_block(s->file_block, s->file_at, file, FILE_OFFSETS);
	s->inode_at = of_file(s, f_inode);
	copy_block(s->inode_block, s->inode_at, inode, INODE_OFFSETS);
	s->sb_at = of_inode(s, i_sb);
	copy_block(s->sb_block, s->sb_at, super_block, SB_OFFSETS);
	return 0;
}

/* Fill `t` from the file that look_at() saw; where its memory is gone, class is EV_CLASS_NONE. */
__noinline int target_fill(struct side *s, struct ev_target *t)
{
	struct eventfd_ctx *ctx;

	if (!s || !t)
		return 0;
	t->file_ref = (__u64)s->file_at;
	t->ino = of_inode(s, i_ino);
	t->dev = of_sb(s, s_dev);
	t->mode = of_file(s, f_mode) & 3;
	t->id = 0;
	t->class = EV_CLASS_NONE;
	if (!s->sb_at)
		return 0;
	t->class = class_of((__u64)of_file(s, f_op), of_inode(s, i_mode), of_sb(s, s_magic));
	if (t->class == EV_CLASS_EVENTFD) {
		ctx = of_file(s, private_data);
		t->id = peek(ctx, id);
	}
	return 0;
}

/* The same for a file that nobody looked at yet. */
static __always_inline void target_look(struct side *s, struct ev_target *t, struct file *file)
{
	s->file_at = file;
	look_at(s);
	target_fill(s, t);
}
