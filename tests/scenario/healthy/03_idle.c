/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers at rest. Everything in them is blocked, and nothing is wrong: each waits for new input,
 * or for one of its own who does. snag must call them idle, or waiting when they wake by a time-out
 * of their own.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void truth_at_rest(void)
{
	truth_verdict("idle", NULL);
	truth_verdict("waiting-with-timeout", NULL);
	truth_verdict("progressing", NULL); /* it woke up just now */
}

static int unix_listener(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/sock", scenario_dir());
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	must(listen(fd, 16));
	return fd;
}

static void serve(void *listener)
{
	accept(*(int *)listener, NULL, NULL);
}

SCENARIO(supervisor_workers,
	 .what = "a supervisor in wait4(-1), three workers in accept on one listener")
{
	int fd = unix_listener();

	for (int i = 0; i < 3; i++)
		truth_blocked(spawn_child(serve, &fd), 0);
	truth_verdict("idle", NULL);
	truth_blocked(getpid(), 0);
	truth_ready();
	wait(NULL);
}

static void serve_epoll(void *listener)
{
	int ep = (int)must(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };

	must(epoll_ctl(ep, EPOLL_CTL_ADD, *(int *)listener, &e));
	epoll_wait(ep, &e, 1, -1);
}

SCENARIO(supervisor_sigsuspend,
	 .what = "a supervisor in sigsuspend, workers in epoll on a TCP listener")
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = (int)must(socket(AF_INET, SOCK_STREAM, 0));
	sigset_t none;

	must(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	must(listen(fd, 16));
	for (int i = 0; i < 3; i++)
		truth_blocked(spawn_child(serve_epoll, &fd), 0);
	truth_verdict("idle", NULL);
	truth_blocked(getpid(), 0);
	truth_ready();
	sigemptyset(&none);
	sigsuspend(&none);
}

/* Jobs come by a pipe from the master, which itself waits for connections: nobody owes anybody
 * anything. */
static void pipe_worker(void *read_end)
{
	char job;

	while (read(*(int *)read_end, &job, 1) == 1)
		;
}

SCENARIO(pool_waits_for_jobs,
	 .what = "workers wait for jobs from a master that waits for connections")
{
	int fd = unix_listener(), p[2];

	must(pipe(p));
	for (int i = 0; i < 2; i++)
		truth_blocked(spawn_child(pipe_worker, &p[0]), 0);
	close(p[0]);
	truth_verdict("idle", NULL);
	truth_blocked(getpid(), 0);
	truth_ready();
	serve(&fd);
}

/* As most servers with threads are built: main joins whoever works. */
struct pool {
	int listener;
	bool jobs;
	pthread_mutex_t lock;
	pthread_cond_t more;
};

static void *pool_accepts(void *arg)
{
	struct pool *pool = arg;

	while (accept(pool->listener, NULL, NULL) >= 0) {
		pthread_mutex_lock(&pool->lock);
		pool->jobs = true;
		pthread_cond_signal(&pool->more);
		pthread_mutex_unlock(&pool->lock);
	}
	return NULL;
}

static void *pool_works(void *arg)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	while (!pool->jobs)
		pthread_cond_wait(&pool->more, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

SCENARIO(joined_pool, .what = "main joins workers that wait for jobs from a thread in accept")
{
	struct pool pool = { .listener = unix_listener(),
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .more = PTHREAD_COND_INITIALIZER };
	pthread_t accepts, works[3];

	for (int i = 0; i < 3; i++)
		must(-pthread_create(&works[i], NULL, pool_works, &pool));
	must(-pthread_create(&accepts, NULL, pool_accepts, &pool));
	truth_verdict("idle", NULL);
	truth_verdict("undetermined", NULL); /* were they asked to end? */
	truth_blocked(getpid(), 0);
	truth_ready();
	for (int i = 0; i < 3; i++)
		pthread_join(works[i], NULL);
}

static void *loops(void *listener)
{
	int ep = (int)must(epoll_create1(0)), wake = (int)must(eventfd(0, 0));
	struct epoll_event e = { .events = EPOLLIN };

	must(epoll_ctl(ep, EPOLL_CTL_ADD, wake, &e));
	must(epoll_ctl(ep, EPOLL_CTL_ADD, *(int *)listener, &e));
	epoll_wait(ep, &e, 1, -1);
	return NULL;
}

SCENARIO(joined_loop, .what = "main joins an event loop that listens and has a wake-up of its own")
{
	int fd = unix_listener();
	pthread_t loop;

	must(-pthread_create(&loop, NULL, loops, &fd));
	truth_verdict("idle", NULL);
	truth_blocked(getpid(), 0);
	truth_ready();
	pthread_join(loop, NULL);
}

/* The output of a server, for conditions; it is not a pipe, for nobody would read it. */
static int output_file(const char **path)
{
	*path = text("%s/output", scenario_dir());
	return (int)must(open(*path, O_RDWR | O_CREAT, 0666));
}

struct said {
	const char *path, *words;
};

static bool has_said(void *arg)
{
	struct said *said = arg;
	char content[16384];
	FILE *f = fopen(said->path, "re");
	size_t n = f ? fread(content, 1, sizeof(content) - 1, f) : 0;

	if (f)
		fclose(f);
	content[n] = '\0';
	return strstr(content, said->words) != NULL;
}

static pid_t start_server(char *const argv[], const char *words)
{
	struct said said = { .words = words };
	int out = output_file(&said.path);
	pid_t server = spawn_program_on(argv, -1, out, out);

	close(out);
	wait_until(has_said, &said, words);
	return server;
}

SCENARIO(python_http_server, .needs = "python", .what = "python3 -m http.server", .moving = true,
	 .repeat = 5)
{
	char *argv[] = { (char *)"python3", (char *)"-u",
			 (char *)"-m",	    (char *)"http.server",
			 (char *)"--bind",  (char *)"127.0.0.1",
			 (char *)"0",	    NULL };

	truth_root(start_server(argv, "Serving HTTP"));
	truth_at_rest();
	truth_ready();
	hang(NULL);
}

SCENARIO(python_asyncio_server, .needs = "python", .what = "an asyncio server without clients")
{
	char *argv[] = {
		(char *)"python3", (char *)"-uc",
		(char *)"import asyncio, sys\n"
			"async def main():\n"
			"  s = await asyncio.start_unix_server(lambda r, w: None, sys.argv[1])\n"
			"  print('serving')\n"
			"  await s.serve_forever()\n"
			"asyncio.run(main())\n",
		(char *)text("%s/sock", scenario_dir()), NULL
	};
	pid_t server = start_server(argv, "serving");

	truth_root(server);
	truth_verdict("idle", NULL);
	truth_blocked(server, 0);
	truth_ready();
	hang(NULL);
}

SCENARIO(python_idle_pool, .needs = "python",
	 .what = "a multiprocessing pool without work, its master in accept")
{
	char *argv[] = { (char *)"python3", (char *)"-uc",
			 (char *)"import multiprocessing, socket, sys\n"
				 "s = socket.socket(socket.AF_UNIX)\n"
				 "s.bind(sys.argv[1]); s.listen()\n"
				 "p = multiprocessing.get_context('fork').Pool(2)\n"
				 "p.map(abs, range(4))\n"
				 "print('serving')\n"
				 "s.accept()\n",
			 (char *)text("%s/sock", scenario_dir()), NULL };
	pid_t server = start_server(argv, "serving");

	truth_root(server);
	truth_at_rest(); /* a thread of the pool polls */
	truth_blocked(server, 0);
	truth_ready();
	hang(NULL);
}

static bool is_there(void *path)
{
	return access(path, F_OK) == 0;
}

SCENARIO(nginx_idle, .needs = "nginx", .what = "nginx without clients")
{
	const char *dir = scenario_dir(), *conf = text("%s/nginx.conf", dir);
	char *argv[] = { (char *)"nginx", (char *)"-p", (char *)dir,
			 (char *)"-c",	  (char *)conf, NULL };
	FILE *f = fopen(conf, "we");

	if (!f)
		scenario_die("%s: %m", conf);
	fprintf(f,
		"daemon off; pid %s/pid; error_log %s/error.log; worker_processes 2;\n"
		"%s events {}\n"
		"http { access_log off; client_body_temp_path %s/1; proxy_temp_path %s/2;\n"
		"fastcgi_temp_path %s/3; uwsgi_temp_path %s/4; scgi_temp_path %s/5;\n"
		"server { listen unix:%s/sock; } }\n",
		dir, dir, geteuid() == 0 ? "user root;" : "", dir, dir, dir, dir, dir, dir);
	fclose(f);
	pid_t nginx = spawn_program(argv);
	wait_until(is_there, (void *)text("%s/sock", dir), "nginx listens");
	truth_blocked(wait_child(nginx, "nginx"), 0);
	truth_blocked(nginx, 0);
	truth_root(nginx);
	truth_verdict("idle", NULL);
	truth_ready();
	hang(NULL);
}

SCENARIO(redis_idle, .needs = "redis-server", .what = "redis-server without clients",
	 .moving = true, .repeat = 5)
{
	const char *sock = text("%s/sock", scenario_dir());
	char *argv[] = { (char *)"redis-server",
			 (char *)"--port",
			 (char *)"0",
			 (char *)"--unixsocket",
			 (char *)sock,
			 (char *)"--save",
			 (char *)"",
			 (char *)"--dir",
			 (char *)scenario_dir(),
			 NULL };
	pid_t redis = spawn_program(argv);

	wait_until(is_there, (void *)sock, "redis listens");
	truth_root(redis);
	truth_at_rest();
	truth_ready();
	hang(NULL);
}

/* PostgreSQL refuses to run as root: be its user, should there be one, else nobody. */
static void privileges_drop(void)
{
	const struct passwd *user = getpwnam("postgres");

	user = user ? user : getpwnam("nobody");
	if (geteuid() != 0)
		return;
	if (!user)
		scenario_skip("postgres", "no user to run it as");
	must(chown(scenario_dir(), user->pw_uid, user->pw_gid));
	must(setgroups(0, NULL));
	must(setgid(user->pw_gid));
	must(setuid(user->pw_uid));
}

/* Debian keeps the server's programs out of PATH. */
static const char *postgres_program(const char *name)
{
	glob_t found;

	if (glob(text("/usr/lib/postgresql/*/bin/%s", name), 0, NULL, &found) != 0)
		scenario_skip("postgres", "no initdb");
	const char *path = text("%s", found.gl_pathv[found.gl_pathc - 1]);
	globfree(&found);
	return path;
}

SCENARIO(postgres_idle, .needs = "postgres", .what = "postgres without clients", .moving = true,
	 .repeat = 5)
{
	const char *data = text("%s/data", scenario_dir());
	char *init[] = { (char *)postgres_program("initdb"),
			 (char *)"-N",
			 (char *)"-A",
			 (char *)"trust",
			 (char *)"-D",
			 (char *)data,
			 NULL };
	char *argv[] = { (char *)postgres_program("postgres"),
			 (char *)"-D",
			 (char *)data,
			 (char *)"-k",
			 (char *)scenario_dir(),
			 (char *)"-c",
			 (char *)"listen_addresses=",
			 NULL };
	int status;

	privileges_drop();
	must(chdir(scenario_dir()));
	must(waitpid(spawn_program(init), &status, 0));
	if (status != 0)
		scenario_die("initdb: status %#x", status);
	truth_root(start_server(argv, "ready to accept connections"));
	truth_at_rest();
	truth_ready();
	hang(NULL);
}
