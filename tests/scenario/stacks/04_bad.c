/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks that are broken, or that wait for somebody themselves. snag must answer, and say of each
 * thread how far it came and why no further.
 */
#include "stacks_wait.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, THREADS = 24 };

/* Sleep with this stack pointer and frame pointer; the kernel does not look at what is there. */
struct sleep_on {
	uint64_t sp, fp, code;
};

/* What is called by nobody, out of memory without a file when there is `code`: pause(2). */
static void sleep_so(void *arg)
{
	const struct sleep_on *s = arg;

	if (s->code)
		__asm__ volatile("mov %0, %%rsp\n\tmov %1, %%rbp\n\tjmp *%3"
				 :
				 : "S"(s->sp), "D"(s->fp), "a"(SYS_pause), "c"(s->code)
				 : "memory");
	else
		__asm__ volatile("mov %0, %%rsp\n\tmov %1, %%rbp\n\tsyscall"
				 :
				 : "S"(s->sp), "D"(s->fp), "a"(SYS_pause)
				 : "memory");
}

static void *page_with(int protection)
{
	void *page = mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		scenario_die("mmap: %m");
	return page;
}

static void wait_for(const pid_t *tids, int count)
{
	for (int i = 0; i < count; i++)
		wait_blocked(getpid(), tids[i]);
}

SCENARIO(unmapped, .options = "--stacks", .what = "stack pointers that point to nothing")
{
	static struct sleep_on nowhere = { .sp = 0x1000, .fp = 0x1000 };
	pid_t tids[THREADS];

	for (int i = 0; i < THREADS; i++) {
		tids[i] = spawn_thread(sleep_so, &nowhere);
		truth_blocked(getpid(), tids[i]);
		truth_stack_says(getpid(), tids[i], "points to nothing");
	}
	wait_for(tids, THREADS);
	truth_ready();
	hang(NULL);
}

/* Each frame pointer points to the other; the code has no unwind information. */
SCENARIO(circle, .options = "--stacks", .what = "frame pointers in a circle")
{
	static const uint8_t syscall_jump[] = { 0x0f, 0x05, 0xeb, 0xfe };
	static uint64_t words[64];
	static struct sleep_on circle;
	uint8_t *code = page_with(PROT_READ | PROT_WRITE | PROT_EXEC);

	memcpy(code, syscall_jump, sizeof(syscall_jump));
	circle = (struct sleep_on){ .sp = (uintptr_t)&words[0],
				    .fp = (uintptr_t)&words[8],
				    .code = (uintptr_t)code };
	words[8] = (uintptr_t)&words[16];
	words[16] = (uintptr_t)&words[8];
	words[9] = words[17] = (uintptr_t)code + 3;
	pid_t tid = spawn_thread(sleep_so, &circle);
	wait_blocked(getpid(), tid);
	truth_blocked(getpid(), tid);
	truth_stack_says(getpid(), tid, "code that no file holds");
	truth_ready();
	hang(NULL);
}

/*
 * A page each that nobody fills in. Reading them waits, so that not all of them may be waited for.
 */
SCENARIO(userfault, .needs = "userfaultfd", .options = "--stacks",
	 .what = "stacks in memory that never comes")
{
	struct uffdio_api api = { .api = UFFD_API };
	static struct sleep_on on[THREADS];
	int fd = (int)must(syscall(SYS_userfaultfd, O_CLOEXEC));
	pid_t tids[THREADS];

	must(ioctl(fd, UFFDIO_API, &api));
	for (int i = 0; i < THREADS; i++) {
		uint64_t page = (uintptr_t)page_with(PROT_READ | PROT_WRITE);
		struct uffdio_register range = { .range = { page, PAGE },
						 .mode = UFFDIO_REGISTER_MODE_MISSING };

		must(ioctl(fd, UFFDIO_REGISTER, &range));
		on[i] = (struct sleep_on){ .sp = page + PAGE - 64, .fp = page + PAGE - 32 };
		tids[i] = spawn_thread(sleep_so, &on[i]);
		truth_blocked(getpid(), tids[i]);
		truth_stack_says(getpid(), tids[i], "did not come");
	}
	wait_for(tids, THREADS);
	truth_ready();
	hang(NULL);
}
