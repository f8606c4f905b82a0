/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/deadline.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int freed;

struct job {
	int gate; /* read end: blocks until it is closed on the other side; -1 does not block */
	int result;
	bool done;
};

static struct job *job_new(int gate, int result)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->gate = gate;
	job->result = result;
	return job;
}

static void job_free(void *p)
{
	atomic_fetch_add(&freed, 1);
	free(p);
}

static int job_run(void *p)
{
	struct job *job = p;
	char c;

	if (job->gate >= 0 && read(job->gate, &c, 1) < 0)
		return -errno;
	job->done = true;
	return job->result;
}

static void job_each(void *p)
{
	((struct job *)p)->result = 2 * job_run(p);
}

static void wait_freed(int count)
{
	for (int i = 0; i < 5000 && atomic_load(&freed) < count; i++)
		usleep(1000);
	cr_assert_eq(atomic_load(&freed), count);
}

Test(deadline, gives_the_result_and_the_argument_back)
{
	struct job *job = job_new(-1, -ENOENT);

	cr_assert_eq(deadline_call(job_run, job, job_free, 1000), -ENOENT);
	cr_assert(job->done);
	cr_assert_eq(freed, 0);
	free(job);
}

Test(deadline, a_timeout_of_the_call_itself_is_another_error)
{
	struct job *job = job_new(-1, -ETIMEDOUT);

	cr_assert_eq(deadline_call(job_run, job, job_free, 1000), -EIO);
	free(job);
}

Test(deadline, a_stuck_call_is_left_and_frees_what_it_has)
{
	struct timespec a, b;
	int gate[2];

	cr_assert_eq(pipe(gate), 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	cr_assert_eq(deadline_call(job_run, job_new(gate[0], 0), job_free, 30), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_assert_lt(b.tv_sec - a.tv_sec, 5);
	cr_assert_eq(atomic_load(&freed), 0);
	close(gate[1]);
	wait_freed(1);
}

Test(deadline, each_goes_on_behind_a_stuck_item)
{
	void *items[6];
	int gate[2];

	cr_assert_eq(pipe(gate), 0);
	for (int i = 0; i < 6; i++)
		items[i] = job_new(i == 2 || i == 4 ? gate[0] : -1, i);
	cr_assert_eq(deadline_each(job_each, items, 6, job_free, 30), 2);
	for (int i = 0; i < 6; i++) {
		struct job *job = items[i];

		if (i == 2 || i == 4) {
			cr_assert_null(job);
			continue;
		}
		cr_assert_eq(job->result, 2 * i);
		free(job);
	}
	close(gate[1]);
	wait_freed(2);
}

Test(deadline, nothing_to_do)
{
	cr_assert_eq(deadline_each(job_each, NULL, 0, job_free, 30), 0);
}

Test(deadline, gives_up_at_once_when_eight_are_away)
{
	struct timespec a, b;
	void *items[100];
	int gate[2];

	cr_assert_eq(pipe(gate), 0);
	for (int i = 0; i < 100; i++)
		items[i] = job_new(gate[0], 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	cr_assert_eq(deadline_each(job_each, items, 100, job_free, 20), 100);
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_assert_lt(b.tv_sec - a.tv_sec, 5);
	cr_assert_eq(atomic_load(&freed), 92);
	cr_assert_eq(deadline_call(job_run, job_new(-1, 0), job_free, 1000), -ETIMEDOUT);
	cr_assert_eq(atomic_load(&freed), 93);
	close(gate[1]);
	wait_freed(101);
}
