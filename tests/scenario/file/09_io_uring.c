/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io_uring_enter waits for a completion of a read from a pipe. /proc never names the file: with BPF
 * snag must find the pipe and its writer, without it must say that it cannot know.
 */
#include "lib/scenario.h"

#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	struct io_uring_params params;
	char *sq;
	struct io_uring_sqe *sqes;
};

static void ring_open(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->fd = (int)must(syscall(SYS_io_uring_setup, 4, &r->params));
	size_t size = r->params.sq_off.array + r->params.sq_entries * sizeof(uint32_t);
	r->sq = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->params.sq_entries * sizeof(struct io_uring_sqe),
		       PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQES);
	if (r->sq == MAP_FAILED || r->sqes == MAP_FAILED)
		scenario_die("mmap of the ring: %m");
}

static void ring_read(struct ring *r, int fd, void *to, unsigned length)
{
	uint32_t *tail = (uint32_t *)(void *)(r->sq + r->params.sq_off.tail);
	uint32_t *array = (uint32_t *)(void *)(r->sq + r->params.sq_off.array);

	r->sqes[0] = (struct io_uring_sqe){ .opcode = IORING_OP_READ,
					    .fd = fd,
					    .addr = (uintptr_t)to,
					    .len = length,
					    .off = ~0ull };
	array[0] = 0;
	__atomic_store_n(tail, 1, __ATOMIC_RELEASE);
}

SCENARIO(io_uring_read, .needs = "iouring",
	 .what = "io_uring waits to read a pipe whose only writer can never go on")
{
	struct ring ring;
	char byte;
	int p[2];

	must(pipe(p));
	pid_t writer = (pid_t)must(fork());
	if (writer == 0) {
		close(p[0]);
		hang_dead(NULL);
	}
	close(p[1]);
	ring_open(&ring);
	ring_read(&ring, p[0], &byte, 1);
	truth_verdict("deadlock", NULL);
	truth_verdict_procfs("undetermined", NULL);
	truth_hop(getpid(), 0, "io-uring", NULL, ANYBODY);
	truth_blocked(writer, 0);
	truth_ready();
	must(syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	scenario_die("io_uring_enter returned");
}
