/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program with a thread in every kind of wait, and below stacks of unusual shape, as several
 * compilers make it (patients/waits/). snag must find the frames that gdb finds, all of them.
 */
#include "stacks_wait.h"

#include <sys/wait.h>

static void same_as_gdb(const char *build, const char *but)
{
	pid_t pid = spawn_program((char *[]){ (char *)stacks_patient(build), NULL });

	stacks_wait_name(pid, "waiting");
	stacks_blocked(pid);
	truth_root(pid);
	truth_stacks(pid, but);
	truth_ready();
	waitpid(pid, NULL, 0);
}

SCENARIO(gcc, .needs = "gdb", .options = "--stacks", .what = "41 waits, by gcc")
{
	same_as_gdb("waits_gcc", NULL);
}

SCENARIO(gcc_unoptimised, .needs = "gdb", .options = "--stacks", .what = "the same, by gcc -O0")
{
	same_as_gdb("waits_gcc_unoptimised", NULL);
}

SCENARIO(gcc_frame_pointers, .needs = "gdb", .options = "--stacks",
	 .what = "the same, by gcc with frame pointers")
{
	same_as_gdb("waits_gcc_frame_pointers", NULL);
}

SCENARIO(clang, .needs = "gdb,clang", .options = "--stacks", .what = "the same, by clang")
{
	same_as_gdb("waits_clang", NULL);
}

SCENARIO(clang_frame_pointers, .needs = "gdb,clang", .options = "--stacks",
	 .what = "the same, by clang with frame pointers")
{
	same_as_gdb("waits_clang_frame_pointers", NULL);
}

SCENARIO(linked_static, .needs = "gdb", .options = "--stacks",
	 .what = "the same, static and stripped: there is no .eh_frame_hdr")
{
	same_as_gdb("waits_static", NULL);
}

SCENARIO(stripped, .needs = "gdb", .options = "--stacks", .what = "the same, stripped")
{
	same_as_gdb("waits_stripped", NULL);
}

/* gdb ends in garbage, and so the truth is short. What snag knows goes on to the program. */
SCENARIO(musl, .needs = "gdb,musl-gcc", .options = "--stacks",
	 .what = "the same with musl, which is built without unwind information")
{
	same_as_gdb("waits_musl", "musl has no unwind information");
}
