// SPDX-License-Identifier: BSD-2-Clause
// Exceptions in flight, for scenario/stacks/03_languages.c: each thread waits in the middle of one.

#include <atomic>
#include <cstdio>
#include <exception>
#include <pthread.h>
#include <stdexcept>
#include <unistd.h>

static std::atomic<int> arrived;
static volatile bool over; // never

[[gnu::noinline]] static void rest()
{
	arrived++;
	while (!over)
		pause();
}

struct slow_end {
	~slow_end() { rest(); }
};

// Deeper: what is between the throw and the catch is cleaned up on the way.
[[gnu::noinline]] static int deep(int n, void (*last)())
{
	if (n == 0)
		last();
	else
		n += deep(n - 1, last);
	return n + arrived;
}

static void fail()
{
	throw std::runtime_error("in flight");
}

static void cleaned_up()
{
	slow_end end;

	deep(3, fail);
}

static void caught()
{
	try {
		deep(3, fail);
	} catch (const std::exception &e) {
		rest();
		throw;
	}
}

// std::terminate() out of the personality routine, in the middle of the library's own unwinding.
[[gnu::noinline]] static void forbidden() noexcept
{
	deep(3, fail);
	arrived--;
}

static void nobody_catches()
{
	deep(2, forbidden);
}

static void *run(void *what)
{
	try {
		deep(2, reinterpret_cast<void (*)()>(what));
	} catch (int) {
		arrived--;
	}
	return nullptr;
}

int main()
{
	void (*const all[])() = { cleaned_up, caught, nobody_catches };
	pthread_t t;

	std::set_terminate([] { rest(); _exit(1); });
	for (auto one : all)
		if (pthread_create(&t, nullptr, run, reinterpret_cast<void *>(one)) != 0)
			return 1;
	while (arrived < 3)
		usleep(1000);
	pthread_setname_np(pthread_self(), "waiting");
	rest();
	return 0;
}
