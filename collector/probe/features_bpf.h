/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * features_bpf.h - the rows of features.h that are tried by loading a program or making a map.
 *
 * Each says whether the thing is there, and fills the note as feature_try() promises.
 */
#pragma once

#include "probe/features.h"

/* The kernel tells its types. */
bool features_btf(struct feature_state *f);
/* An iterator program over threads loads. */
bool features_iter_task(struct feature_state *f);
/* The same over open files. */
bool features_iter_task_file(struct feature_state *f);
/* The same over unix sockets. */
bool features_iter_unix(struct feature_state *f);
/* The same over TCP sockets. */
bool features_iter_tcp(struct feature_state *f);
/* A program may ask for the registers of a thread. */
bool features_pt_regs(struct feature_state *f);
/* A program may walk far. */
bool features_loop(struct feature_state *f);
/* Our own programs load and run. */
bool features_reader(struct feature_state *f);
/* Process 1 passes by in the iterator. */
bool features_all_tasks(struct feature_state *f);
/* A specimen of each kind of file could be had. */
bool features_kinds(struct feature_state *f);
/* Our program over stacks loads, and finds a thread of ours. */
bool features_stacks(struct feature_state *f);
/* struct task_struct says what lock it waits for. */
bool features_blocker(struct feature_state *f);
/* A program on a tracepoint loads. */
bool features_tp_btf(struct feature_state *f);
/* Maps by task can be made. */
bool features_task_storage(struct feature_state *f);
/* Ring buffers can be made. */
bool features_ring_buffer(struct feature_state *f);
/* A program can be hooked to the entry of a function. */
bool features_fentry(struct feature_state *f);
