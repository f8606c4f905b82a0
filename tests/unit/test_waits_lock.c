/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpretations of a futex word, over plain bytes, and which file locks stand in whose way.
 */
#include "waits/futex/futex.h"
#include "waits/lock/held.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* ---- a process made of one page ------------------------------------------------------------- */

enum { PAGE = 8192 };
static const uint64_t page_at = 0x7f0000010000;

struct fake {
	uint8_t bytes[PAGE];
	int32_t tids[4];
	struct futex_world world;
};

static int fake_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	const struct fake *p = arg;

	if (addr < page_at || len > PAGE || addr - page_at > PAGE - len)
		return -EFAULT;
	memcpy(buf, p->bytes + (addr - page_at), len);
	return 0;
}

static bool fake_has_thread(void *arg, int32_t tid)
{
	const struct fake *p = arg;

	for (int i = 0; i < 4; i++)
		if (p->tids[i] == tid)
			return true;
	return false;
}

static struct fake fake_new(void)
{
	return (struct fake){ .tids = { 812, 813, 814, 815 } };
}

static void put32(struct fake *p, uint32_t offset, uint32_t value)
{
	memcpy(p->bytes + offset, &value, sizeof(value));
}

static void put64(struct fake *p, uint32_t offset, uint64_t value)
{
	memcpy(p->bytes + offset, &value, sizeof(value));
}

/* A glibc struct pthread of thread `tid`. Returns its address. */
static uint64_t put_thread(struct fake *p, uint32_t offset, int32_t tid)
{
	put64(p, offset, page_at + offset);
	put64(p, offset + 0x10, page_at + offset);
	put32(p, offset + 0x2d0, (uint32_t)tid);
	return page_at + offset;
}

/* A private FUTEX_WAIT for `val` on the word at `offset`; change what differs. */
static struct futex wait_at(struct fake *p, uint32_t offset, uint32_t val)
{
	struct futex f = { .uaddr = page_at + offset, .private = true, .val = val };
	uint32_t before = offset < FUTEX_BEFORE ? offset : FUTEX_BEFORE;
	uint32_t after = PAGE - offset < FUTEX_AFTER ? PAGE - offset : FUTEX_AFTER;

	p->world = (struct futex_world){ fake_read, fake_has_thread, p };
	f.world = &p->world;
	futex_set_bytes(&f, p->bytes + offset - before, before, after);
	return f;
}

static struct futex bitset_at(struct fake *p, uint32_t offset, uint32_t val)
{
	struct futex f = wait_at(p, offset, val);

	f.cmd = CMD_WAIT_BITSET;
	f.realtime = true;
	return f;
}

static const char *name_of(const struct futex *f, struct futex_claim *claim)
{
	return futex_recognise(f, claim)->name;
}

/* ---- mutexes -------------------------------------------------------------------------------- */

static void put_mutex(struct fake *p, uint32_t lock, uint32_t count, uint32_t owner, uint32_t kind)
{
	put32(p, 1024, lock);
	put32(p, 1028, count);
	put32(p, 1032, owner);
	put32(p, 1036, 1);
	put32(p, 1040, kind);
}

Test(waits_lock, a_held_mutex_names_its_owner)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	put_mutex(&p, 2, 0, 812, 0);
	struct futex f = wait_at(&p, 1024, 2);
	cr_assert_str_eq(name_of(&f, &claim), "mutex");
	cr_assert_eq(claim.owner, 812);
	cr_assert_eq(claim.base, page_at + 1024);
	cr_assert(claim.completion);
	cr_assert_not(claim.dies_with_owner);
}

Test(waits_lock, a_recursive_shared_mutex_says_so)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	put_mutex(&p, 2, 3, 812, 1 | 128);
	struct futex f = wait_at(&p, 1024, 2);
	f.private = false;
	cr_assert_str_eq(name_of(&f, &claim), "mutex");
	cr_assert_str_eq(claim.note, "recursive, locked 3 times, process-shared");
}

Test(waits_lock, what_only_looks_like_a_mutex_stays_a_futex)
{
	static const struct {
		const char *why;
		uint32_t lock, count, owner, users, kind, val;
		bool shared;
	} rows[] = {
		{ "no owner", 2, 0, 0, 1, 0, 2, false },
		{ "no user", 2, 0, 812, 0, 0, 2, false },
		{ "users are the half of a pointer", 2, 0, 812, 0x7f00, 0x7f00, 2, false },
		{ "illegal kind", 2, 0, 812, 1, 4, 2, false },
		{ "not contended", 1, 0, 812, 1, 0, 1, false },
		{ "word changed", 0, 0, 812, 1, 0, 2, false },
		{ "normal with a count", 2, 1, 812, 1, 0, 2, false },
		{ "recursive without one", 2, 0, 812, 1, 1, 2, false },
		{ "private call on a shared one", 2, 0, 812, 1, 128, 2, false },
		{ "shared call on a private one", 2, 0, 812, 1, 0, 2, true },
		{ "no such tid can be", 2, 0, 0x7fffffff, 1, 0, 2, false },
		{ "robust word without waiters bit", 812, 0, 812, 1, 16 | 128, 812, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fake p = fake_new();
		struct futex_claim claim;

		put_mutex(&p, rows[i].lock, rows[i].count, rows[i].owner, rows[i].kind);
		put32(&p, 1036, rows[i].users);
		struct futex f = wait_at(&p, 1024, rows[i].val);
		f.private = !rows[i].shared;
		cr_expect_str_eq(name_of(&f, &claim), "plain", "%s", rows[i].why);
		cr_expect_eq(claim.owner, 0, "%s", rows[i].why);
		cr_expect_eq(claim.kind, WAIT_FUTEX, "%s", rows[i].why);
	}
}

Test(waits_lock, a_robust_mutex_has_its_owner_in_the_word)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	put_mutex(&p, 812 | 0x80000000, 1, 812, 0x90);
	struct futex f = wait_at(&p, 1024, 812 | 0x80000000);
	f.private = false;
	cr_assert_str_eq(name_of(&f, &claim), "robust_mutex");
	cr_assert_eq(claim.owner, 812);
	cr_assert(claim.dies_with_owner);
	/* Word and field disagree: somebody is just taking it. */
	put32(&p, 1032, 813);
	f = wait_at(&p, 1024, 812 | 0x80000000);
	f.private = false;
	cr_assert_str_eq(name_of(&f, &claim), "plain");
}

Test(waits_lock, a_pi_mutex_is_known_by_the_call)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	put32(&p, 1024, 813 | 0x80000000);
	struct futex f = wait_at(&p, 1024, 0);
	f.cmd = CMD_LOCK_PI2;
	cr_assert_str_eq(name_of(&f, &claim), "pi_mutex");
	cr_assert_eq(claim.owner, 813);
}

Test(waits_lock, a_stdio_lock_leads_to_its_thread)
{
	struct fake p = fake_new();
	struct futex_claim claim;
	uint64_t pd = put_thread(&p, 2048, 814);

	put32(&p, 1024, 2);
	put32(&p, 1028, 1);
	put64(&p, 1032, pd);
	struct futex f = wait_at(&p, 1024, 2);
	cr_assert_str_eq(name_of(&f, &claim), "stdio");
	cr_assert_eq(claim.owner, 814);
	/* The pointer leads to a thread that is no more. */
	put32(&p, 2048 + 0x2d0, 999);
	f = wait_at(&p, 1024, 2);
	cr_assert_str_eq(name_of(&f, &claim), "plain");
}

/* ---- what has no owner ---------------------------------------------------------------------- */

static void put_cond(struct fake *p, uint32_t at, bool new_layout)
{
	put64(p, at, 2 << 1);	   /* two have come */
	put64(p, at + 8, 0);	   /* the first group starts at 0 */
	put32(p, at + 16, 2 << 1); /* references, or the size of group 0 */
	put32(p, at + (new_layout ? 28 : 36), 2 << 3);
}

Test(waits_lock, a_condition_variable_of_both_layouts_in_both_groups)
{
	for (int i = 0; i < 4; i++) {
		struct fake p = fake_new();
		struct futex_claim claim;
		bool new_layout = i & 2;
		uint32_t word = 1024 + (new_layout ? 32 : 40) + 4 * (i & 1);

		put_cond(&p, 1024, new_layout);
		if (!new_layout)
			put32(&p, 1024 + 16 + 4 * (i & 1), 2 << 1);
		struct futex f = bitset_at(&p, word, 0);
		cr_expect_str_eq(name_of(&f, &claim), "condvar", "case %d", i);
		cr_expect_eq(claim.base, page_at + 1024, "case %d", i);
		cr_expect_eq(claim.owner, 0);
		cr_expect_not(claim.completion);
	}
}

Test(waits_lock, a_semaphore_private_and_shared)
{
	for (int shared = 0; shared < 2; shared++) {
		struct fake p = fake_new();
		struct futex_claim claim;

		put32(&p, 1028, 1);
		put32(&p, 1032, shared ? 128 : 0);
		struct futex f = bitset_at(&p, 1024, 0);
		f.private = !shared;
		cr_expect_str_eq(name_of(&f, &claim), "semaphore");
		f.private = shared;
		cr_expect_str_eq(name_of(&f, &claim), "plain");
	}
}

static void put_rwlock(struct fake *p, uint32_t readers, uint32_t writer, uint32_t phase)
{
	put32(p, 1024, readers);
	put32(p, 1028, 1);
	put32(p, 1032, phase);
	put32(p, 1036, 3);
	put32(p, 1048, writer);
}

Test(waits_lock, an_rwlock_names_the_writer_but_never_a_reader)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	/* A reader behind a writer. */
	put_rwlock(&p, 1 << 3 | 2 | 1, 812, 3);
	struct futex f = bitset_at(&p, 1032, 3);
	cr_assert_str_eq(name_of(&f, &claim), "rwlock");
	cr_assert_eq(claim.owner, 812);
	cr_assert_eq(claim.base, page_at + 1024);
	/* A writer behind two readers. */
	put_rwlock(&p, 2 << 3 | 2, 0, 2);
	f = bitset_at(&p, 1032, 2);
	cr_assert_str_eq(name_of(&f, &claim), "rwlock");
	cr_assert_eq(claim.owner, 0);
	cr_assert_str_eq(claim.note, "held by 2 readers");
	/* A writer behind a writer. */
	put_rwlock(&p, 2 | 1, 813, 1);
	f = bitset_at(&p, 1036, 3);
	cr_assert_str_eq(name_of(&f, &claim), "rwlock");
	cr_assert_eq(claim.owner, 813);
}

Test(waits_lock, a_barrier_counts_who_is_missing)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	put32(&p, 1024, 6); /* in: the first round of 4 is over, 2 of the second have come */
	put32(&p, 1028, 4);
	put32(&p, 1032, 4);
	put32(&p, 1040, 4);
	struct futex f = wait_at(&p, 1028, 4);
	cr_assert_str_eq(name_of(&f, &claim), "barrier");
	cr_assert_eq(claim.arrivals, 2);
	cr_assert_eq(claim.base, page_at + 1024);
	put32(&p, 1024, 8); /* all are there: it is no barrier that waits */
	f = wait_at(&p, 1028, 4);
	cr_assert_str_eq(name_of(&f, &claim), "plain");
}

Test(waits_lock, once_only_in_static_data)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	put32(&p, 1024, 1);
	struct futex f = wait_at(&p, 1024, 1);
	cr_assert_str_eq(name_of(&f, &claim), "plain");
	f.static_data = true;
	cr_assert_str_eq(name_of(&f, &claim), "once");
}

/* ---- threads -------------------------------------------------------------------------------- */

Test(waits_lock, a_join_of_each_libc)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	/* glibc up to 2.42: the tid itself, by a call that is not private. */
	put_thread(&p, 2048, 813);
	struct futex f = bitset_at(&p, 2048 + 0x2d0, 813);
	f.private = false;
	cr_assert_str_eq(name_of(&f, &claim), "join");
	cr_assert_eq(claim.owner, 813);
	/* glibc 2.43: a state further back. */
	put32(&p, 2048 + 0x628, 2);
	f = bitset_at(&p, 2048 + 0x628, 2);
	cr_assert_str_eq(name_of(&f, &claim), "join");
	cr_assert_eq(claim.owner, 813);
	/* musl: detach_state behind the tid. */
	put64(&p, 6144, page_at + 6144);
	put32(&p, 6144 + 48, 814);
	put32(&p, 6144 + 56, 2);
	f = wait_at(&p, 6144 + 56, 2);
	cr_assert_str_eq(name_of(&f, &claim), "join");
	cr_assert_eq(claim.owner, 814);
	/* The word that the kernel clears, wherever it is. */
	put32(&p, 512, 815);
	f = bitset_at(&p, 512, 815);
	f.cleared_for = 815;
	cr_assert_str_eq(name_of(&f, &claim), "join");
	cr_assert_eq(claim.owner, 815);
}

/*
 * The GIL of a process with `native`: the version of PyThreadState has native_thread_id (3.11 on).
 */
static struct futex put_gil(struct fake *p, uint64_t interval, uint32_t locked, bool native)
{
	uint64_t pd = put_thread(p, 4096, 813);
	struct futex f;

	put64(p, 1024, interval);
	put64(p, 1032, page_at + 512);
	put32(p, 1040, locked);
	put64(p, 512 + 16, page_at + 640); /* some pointer of it */
	put64(p, 512 + 152, pd);
	if (native)
		put64(p, 512 + 160, 813);
	put_cond(p, 1024 + 32, false);
	f = bitset_at(p, 1024 + 32 + 40, 0);
	f.realtime = false;
	return f;
}

Test(waits_lock, the_gil_leads_to_its_holder)
{
	struct futex_claim claim;

	for (int native = 0; native < 2; native++) {
		struct fake p = fake_new();
		struct futex f = put_gil(&p, 5000, 1, native);

		cr_expect_str_eq(name_of(&f, &claim), "gil");
		cr_expect_eq(claim.owner, 813);
		cr_expect_eq(claim.kind, WAIT_GIL);
	}
	struct fake p = fake_new();
	struct futex f = put_gil(&p, 5000, 0, true);
	cr_expect_str_eq(name_of(&f, &claim), "condvar", "nobody holds it");
	p = fake_new();
	f = put_gil(&p, 0, 1, true);
	cr_expect_str_eq(name_of(&f, &claim), "condvar", "no interval in front");
}

/* ---- musl ----------------------------------------------------------------------------------- */

Test(waits_lock, musl_mutexes)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	put32(&p, 1024, 0);
	put32(&p, 1028, 0x80000010);
	put32(&p, 1032, 1);
	struct futex f = wait_at(&p, 1028, 0x80000010);
	cr_assert_str_eq(name_of(&f, &claim), "musl_sync");
	cr_assert_eq(claim.kind, WAIT_MUTEX);
	cr_assert_eq(claim.owner, 0);
	cr_assert_eq(claim.base, page_at + 1024);
	put32(&p, 1024, 1);
	put32(&p, 1028, 813 | 0x80000000);
	f = wait_at(&p, 1028, 813 | 0x80000000);
	cr_assert_str_eq(name_of(&f, &claim), "musl_sync");
	cr_assert_eq(claim.owner, 813);
}

Test(waits_lock, musl_semaphore_rwlock_and_condition)
{
	struct fake p = fake_new();
	struct futex_claim claim;

	put32(&p, 1024, UINT32_MAX);
	put32(&p, 1028, 1);
	put32(&p, 1032, 128);
	struct futex f = wait_at(&p, 1024, UINT32_MAX);
	f.before = 0; /* the first thing of its page */
	cr_assert_str_eq(name_of(&f, &claim), "musl_sync");
	cr_assert_eq(claim.kind, WAIT_SEMAPHORE);
	put32(&p, 1032, 0);
	f = wait_at(&p, 1024, UINT32_MAX);
	f.before = 0;
	name_of(&f, &claim);
	cr_assert_eq(claim.kind, WAIT_RWLOCK);
	cr_assert_str_eq(claim.note, "held for writing");
	put32(&p, 2048, 2);
	f = wait_at(&p, 2048, 2);
	cr_assert_str_eq(name_of(&f, &claim), "plain");
	f.sp = page_at + 2000;
	name_of(&f, &claim);
	cr_assert_eq(claim.kind, WAIT_CONDVAR);
}

/* ---- hostile bytes -------------------------------------------------------------------------- */

Test(waits_lock, no_bytes_and_no_window_say_nothing)
{
	struct futex_claim claim;
	struct fake p = fake_new();
	struct futex f = wait_at(&p, 1024, 2);

	memset(p.bytes, 0xff, sizeof(p.bytes));
	for (uint32_t after = 0; after < 8; after++) {
		f = wait_at(&p, 1024, 2);
		f.before = 0;
		f.after = after;
		cr_expect_str_eq(name_of(&f, &claim), "plain");
	}
	cr_expect_not(futex_reach(&f, INT64_MAX, 4));
	cr_expect_not(futex_reach(&f, INT64_MIN, 4));
	cr_expect_not(futex_reach(&f, 0, UINT32_MAX));
}

/* Whatever stands there: never a crash, and an owner only with a lock. */
Test(waits_lock, random_bytes_are_survived)
{
	static const uint32_t commands[] = { 0, 6, 9, 11, 13 };
	uint64_t x = 88172645463325252ull;

	for (int i = 0; i < 20000; i++) {
		struct fake p = fake_new();
		struct futex_claim claim;

		for (int j = 0; j < 64; j++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			/* Mostly small numbers, as in true locks. */
			put32(&p, 1024 - 128 + 4 * (uint32_t)j,
			      j % 3 ? (uint32_t)(x % 4) : (uint32_t)x);
		}
		struct futex f = wait_at(&p, 1024, 0);
		f.val = futex_get32(&f, 0, 0);
		f.cmd = commands[i % 5];
		f.private = x & 8;
		futex_recognise(&f, &claim);
		cr_assert(claim.what);
		cr_assert(!claim.owner || claim.completion);
		cr_assert(memchr(claim.note, '\0', sizeof(claim.note)) != NULL);
	}
}

/* ---- file locks ----------------------------------------------------------------------------- */

static struct file_lock posix_lock(int32_t pid, bool write, uint64_t start, uint64_t end)
{
	return (struct file_lock){ .type = LOCK_POSIX,
				   .pid = pid,
				   .write = write,
				   .dev = 1,
				   .ino = 7,
				   .start = start,
				   .end = end };
}

Test(waits_lock, which_file_locks_conflict)
{
	struct lock_request r = { .type = LOCK_POSIX,
				  .write = true,
				  .tgid = 10,
				  .dev = 1,
				  .ino = 7,
				  .start = 10,
				  .end = 19 };
	struct file_lock l = posix_lock(11, true, 0, 9);

	cr_expect_not(lock_conflicts(&l, &r), "in front");
	l = posix_lock(11, true, 19, UINT64_MAX);
	cr_expect(lock_conflicts(&l, &r), "the last byte");
	l = posix_lock(11, false, 10, 10);
	cr_expect(lock_conflicts(&l, &r), "a reader");
	r.write = false;
	cr_expect_not(lock_conflicts(&l, &r), "readers among themselves");
	l.write = true;
	cr_expect(lock_conflicts(&l, &r));
	l.pid = 10;
	cr_expect_not(lock_conflicts(&l, &r), "its own");
	l.type = LOCK_OFD;
	l.pid = -1;
	cr_expect(lock_conflicts(&l, &r), "a description's");
	l.waiter = true;
	cr_expect_not(lock_conflicts(&l, &r), "a waiter holds nothing");
	l = posix_lock(11, true, 0, UINT64_MAX);
	l.type = LOCK_FLOCK;
	cr_expect_not(lock_conflicts(&l, &r), "flock and fcntl do not see each other");
	l = posix_lock(11, true, 0, UINT64_MAX);
	l.ino = 8;
	cr_expect_not(lock_conflicts(&l, &r), "another file");
}

Test(waits_lock, the_own_line_tells_range_and_device)
{
	struct file_lock at[] = { posix_lock(11, true, 0, 99), posix_lock(10, true, 50, 59) };
	struct file_locks locks = { at, 2 };
	struct lock_request r = { .type = LOCK_POSIX, .tgid = 10, .dev = 99, .ino = 7, .end = 3 };

	at[0].dev = at[1].dev = 5;
	cr_expect_not(lock_own_line(&locks, &r), "a held lock is no request");
	cr_expect_eq(r.dev, 99);
	at[1].waiter = true;
	cr_expect(lock_own_line(&locks, &r));
	cr_expect_eq(r.dev, 5);
	cr_expect_eq(r.start, 50);
	cr_expect_eq(r.end, 59);
	cr_expect_eq(lock_count(&locks, &r, LOCK_POSIX), 1);
	cr_expect_eq(lock_count(&locks, &r, LOCK_FLOCK), 0);
}
