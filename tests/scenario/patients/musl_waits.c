/* build: musl-gcc -static */
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One wait of musl, chosen by the first argument, that a thread which can never go on would have to
 * end. The scenario that starts it (lock/04_musl.c) knows the truth.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem;
static volatile int ready;

static void *hold(void *what)
{
	int fds[2];
	char byte;

	if (!strcmp(what, "mutex") || !strcmp(what, "recursive"))
		pthread_mutex_lock(&mutex);
	if (!strcmp(what, "rwlock"))
		pthread_rwlock_wrlock(&rwlock);
	if (pipe(fds))
		return NULL;
	ready = 1;
	while (read(fds[0], &byte, 1))
		;
	return NULL;
}

int main(int argc, char **argv)
{
	char *what = argc > 1 ? argv[1] : "mutex";
	pthread_mutexattr_t attr;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	if (!strcmp(what, "recursive"))
		pthread_mutex_init(&mutex, &attr);
	sem_init(&sem, 0, 0);
	if (pthread_create(&thread, NULL, hold, what))
		return 1;
	while (!ready)
		usleep(1000);
	if (!strcmp(what, "join"))
		pthread_join(thread, NULL);
	if (!strcmp(what, "sem"))
		sem_wait(&sem);
	if (!strcmp(what, "rwlock"))
		pthread_rwlock_rdlock(&rwlock);
	pthread_mutex_lock(&mutex);
	pthread_cond_wait(&cond, &mutex);
	return 0;
}
