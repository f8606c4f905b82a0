/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * kernel.bpf.h - the members of kernel types that the task iterators read, and nothing else.
 *
 * Not a copy of anybody's vmlinux.h: the loader finds each member by name in the running kernel's
 * BTF and corrects the offset (CO-RE), so order and gaps mean nothing here. Members that not every
 * kernel from 5.15 on has are tested with bpf_core_field_exists() before they are read. A suffix
 * ___x is ignored by the loader.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct rb_node {
	unsigned long __rb_parent_color;
	struct rb_node *rb_right, *rb_left;
};

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct user_namespace {
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct ipc_namespace {
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct nsproxy {
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[1];
	struct upid numbers[1];
};

struct super_block {
	unsigned int s_dev;
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_rdev;
	struct file_lock_context *i_flctx;
	struct pipe_inode_info *i_pipe;
	void *i_private;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
	struct inode *d_inode;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	unsigned int f_mode;
	const void *f_op;
	void *private_data;
	struct inode *f_inode;
	unsigned int f_flags;
	struct path f_path;
};

struct hrtimer_clock_base {
	long long offset;
};

struct timerqueue_node {
	long long expires;
};

struct hrtimer {
	struct timerqueue_node node;
	struct hrtimer_clock_base *base;
	__u8 state;
};

struct tty_driver {
	int major, minor_start;
};

struct ktermios {
	__u32 c_lflag;
	unsigned char c_cc[19];
};

struct tty_struct {
	struct tty_driver *driver;
	struct ktermios termios;
	int index;
	struct {
		bool stopped;
	} flow;
	struct {
		struct pid *pgrp, *session;
	} ctrl;
	struct tty_struct *link;
};

struct task_struct; /* kernel_task.bpf.h */

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop
