/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls that move data without read or write. snag must decode which descriptor they wait on
 * and find the other end as for a plain read or write.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

struct two_pipes {
	int in[2], out[2];
	pid_t child;
};

/* A child that can never go on has the write end of `in` and the read end of `out`, and alone. */
static void pipes_to_dead_child(struct two_pipes *p)
{
	must(pipe(p->in));
	must(pipe(p->out));
	p->child = (pid_t)must(fork());
	if (p->child == 0) {
		close(p->in[0]);
		close(p->out[1]);
		hang_dead(NULL);
	}
	close(p->in[1]);
	close(p->out[0]);
}

static void truth_reads(const struct two_pipes *p)
{
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p->in[0]), p->child);
	truth_hop(p->child, 0, "pipe-read", NULL, p->child);
	truth_culprit(p->child, NULL);
	truth_ready();
}

static void truth_writes(const struct two_pipes *p)
{
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-write", key_of_fd(p->out[1]), p->child);
	truth_hop(p->child, 0, "pipe-read", NULL, p->child);
	truth_culprit(p->child, NULL);
	truth_ready();
}

SCENARIO(splice_empty, .what = "splice from an empty pipe")
{
	struct two_pipes p;

	pipes_to_dead_child(&p);
	truth_reads(&p);
	must(splice(p.in[0], NULL, p.out[1], NULL, 4096, 0));
}

SCENARIO(tee_empty, .what = "tee from an empty pipe")
{
	struct two_pipes p;

	pipes_to_dead_child(&p);
	truth_reads(&p);
	must(tee(p.in[0], p.out[1], 4096, 0));
}

static int big_file(void)
{
	int fd = (int)must(open(text("%s/big", scenario_dir()), O_RDWR | O_CREAT, 0600));

	must(ftruncate(fd, 16 << 20));
	return fd;
}

SCENARIO(sendfile_full, .what = "sendfile from a file into a full pipe")
{
	struct two_pipes p;

	pipes_to_dead_child(&p);
	int fd = big_file();
	truth_writes(&p);
	for (;;)
		must(sendfile(p.out[1], fd, NULL, 16 << 20));
}

SCENARIO(splice_full, .what = "splice from a file into a full pipe")
{
	struct two_pipes p;

	pipes_to_dead_child(&p);
	int fd = big_file();
	truth_writes(&p);
	for (;;)
		must(splice(fd, NULL, p.out[1], NULL, 1 << 20, 0));
}

SCENARIO(vmsplice_full, .what = "vmsplice of memory into a full pipe")
{
	static char bytes[65536];
	struct iovec v = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct two_pipes p;

	pipes_to_dead_child(&p);
	truth_writes(&p);
	for (;;)
		must(vmsplice(p.out[1], &v, 1, 0));
}

SCENARIO(readv_empty, .what = "readv of an empty pipe")
{
	char bytes[2][16];
	struct iovec v[] = { { bytes[0], 16 }, { bytes[1], 16 } };
	struct two_pipes p;

	pipes_to_dead_child(&p);
	truth_reads(&p);
	must(readv(p.in[0], v, 2));
}

SCENARIO(writev_full, .what = "writev into a full pipe")
{
	static char bytes[65536];
	struct iovec v[] = { { bytes, sizeof(bytes) }, { bytes, sizeof(bytes) } };
	struct two_pipes p;

	pipes_to_dead_child(&p);
	truth_writes(&p);
	for (;;)
		must(writev(p.out[1], v, 2));
}
