/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stripped program: `snag stacks` must tell its functions by where they begin, which they know
 * themselves, and not by the name of a neighbour.
 */
#include "lib/scenario.h"
#include "lib/scenario_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_written(void *path)
{
	unsigned long outer, inner;
	FILE *f = fopen(path, "re");
	bool written = f && fscanf(f, "%lx %lx\n", &outer, &inner) == 2 && feof(f);

	if (f)
		fclose(f);
	return written;
}

SCENARIO(stripped, .what = "functions without names are told by where they begin")
{
	const char *build = getenv("BUILD");
	char *path = (char *)text("%s/starts", scenario_dir());
	char *argv[] = { (char *)text("%s/patients/nameless", build ? build : "build"), path,
			 NULL };
	unsigned long outer = 0, inner = 0;
	pid_t child = spawn_program(argv);

	wait_until(is_written, path, "the starts of the functions");
	FILE *f = fopen(path, "re");
	if (!f || fscanf(f, "%lx %lx", &outer, &inner) != 2)
		scenario_die("%s cannot be read again", path);
	fclose(f);
	wait_blocked(child, 0);
	truth_verdict("idle", NULL);
	truth_verdict("deadlock", NULL);
	truth_verdict("undetermined", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_prints("nameless!0x%lx > nameless!0x%lx > pause", outer, inner);
	truth_prints("nameless[%d]", child);
	truth_calls(child, 0, "__libc_start_main > pause");
	truth_ready();
	waitpid(child, NULL, 0);
}
