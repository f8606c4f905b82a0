/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/net/socks.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static uint64_t ino_of(int fd)
{
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

/* The sockets of our own network namespace. */
static struct snapshot *load(void)
{
	struct snapshot *s = snapshot_new();

	cr_assert_eq(socks_load(s, NULL), 0);
	return s;
}

static const struct snap_sock *get(const struct snapshot *s, int fd)
{
	const struct snap_sock *k = socks_find(s, ino_of(fd));

	cr_assert_not_null(k);
	return k;
}

Test(socks, a_pair_names_each_other)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	cr_assert_eq(send(ends[0], "abc", 3, 0), 3);
	s = load();
	cr_assert_eq(socks_peer(s, get(s, ends[0])), get(s, ends[1]));
	cr_assert_eq(socks_peer(s, get(s, ends[1])), get(s, ends[0]));
	cr_assert_gt(get(s, ends[1])->rqueue, 0);
	cr_assert_eq(get(s, ends[0])->rqueue, 0);
	cr_assert_null(socks_listener(s, get(s, ends[0])));
	cr_assert_null(socks_find(s, 0));
}

static int unix_socket(int type, const char *name, size_t len, struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, type, 0);

	memset(at, 0, sizeof(*at));
	at->sun_family = AF_UNIX;
	memcpy(at->sun_path, name, len);
	cr_assert_eq(bind(fd, (void *)at,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		     0, "%s", strerror(errno));
	return fd;
}

Test(socks, unix_not_accepted_yet_and_bound_names)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	char dir[] = "/tmp/snag-socks-XXXXXX", path[64], abstract[64];
	struct sockaddr_un at, other;
	struct stat st;
	int listener, client = socket(AF_UNIX, SOCK_STREAM, 0), dgram;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(abstract, sizeof(abstract), "@snag-%d", getpid());
	listener = unix_socket(SOCK_STREAM, path, strlen(path) + 1, &at);
	abstract[0] = '\0';
	dgram = unix_socket(SOCK_DGRAM, abstract, 1 + strlen(abstract + 1), &other);
	abstract[0] = '@';
	cr_assert_eq(listen(listener, 5), 0);
	cr_assert_eq(connect(client, (void *)&at, sizeof(at)), 0);
	cr_assert_eq(stat(path, &st), 0);
	s = load();
	unlink(path);
	rmdir(dir);
	cr_assert_null(socks_peer(s, get(s, client)));
	cr_assert_eq(socks_listener(s, get(s, client)), get(s, listener));
	cr_assert_eq(get(s, listener)->state, SOCK_LISTENING);
	cr_assert_eq(get(s, listener)->rqueue, 1);
	cr_assert_eq(get(s, listener)->wqueue, 5);
	cr_assert_eq(socks_unix_bound(s, st.st_dev, st.st_ino, NULL), get(s, listener));
	cr_assert_null(socks_unix_bound(s, st.st_dev + 1, st.st_ino, NULL));
	cr_assert_eq(socks_unix_bound(s, 0, 0, abstract), get(s, dgram));
	cr_assert_null(socks_unix_bound(s, 0, 0, "@snag-nobody"));
}

static int tcp(int family, struct sockaddr_in6 *at, socklen_t *len)
{
	int fd = socket(family, SOCK_STREAM, 0), one = 1;

	memset(at, 0, sizeof(*at));
	at->sin6_family = (sa_family_t)family;
	if (family == AF_INET)
		((struct sockaddr_in *)at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*len = sizeof(*at);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	cr_assert_eq(bind(fd, (void *)at, family == AF_INET ? sizeof(struct sockaddr_in) : *len),
		     0);
	cr_assert_eq(listen(fd, 5), 0);
	cr_assert_eq(getsockname(fd, (void *)at, len), 0);
	return fd;
}

Test(socks, tcp_peers_by_reversed_addresses)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	struct sockaddr_in6 at;
	socklen_t len;
	int listener = tcp(AF_INET, &at, &len), client = socket(AF_INET, SOCK_STREAM, 0), accepted;

	cr_assert_eq(connect(client, (void *)&at, len), 0);
	accepted = accept(listener, NULL, NULL);
	cr_assert_eq(send(client, "abc", 3, 0), 3);
	s = load();
	cr_assert_eq(socks_peer(s, get(s, client)), get(s, accepted));
	cr_assert_eq(socks_peer(s, get(s, accepted)), get(s, client));
	cr_assert_eq(get(s, accepted)->rqueue, 3);
	cr_assert_null(socks_peer(s, get(s, listener)));
	cr_assert_eq(socks_listener(s, get(s, client)), get(s, listener));
}

Test(socks, an_ipv4_client_of_a_dual_stack_listener)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct sockaddr_in6 at;
	const struct snap_sock *peer;
	socklen_t len;
	int listener = tcp(AF_INET6, &at, &len), client = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_port = at.sin6_port;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(connect(client, (void *)&to, sizeof(to)), 0);
	s = load();
	/* Nobody has accepted it: the far end has no inode yet. */
	peer = socks_peer(s, get(s, client));
	cr_assert_not_null(peer);
	cr_assert_eq(peer->ino, 0);
	cr_assert_eq(socks_listener(s, get(s, client)), get(s, listener));
	cr_assert_eq(get(s, listener)->rqueue, 1);
}

Test(socks, listeners_that_share_a_port_are_chained)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	struct sockaddr_in6 at, same;
	int one = 1, client = socket(AF_INET, SOCK_STREAM, 0), second;
	const struct snap_sock *k;
	uint32_t count = 0;
	socklen_t len;
	int first = tcp(AF_INET, &at, &len);

	second = socket(AF_INET, SOCK_STREAM, 0);
	same = at;
	setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	cr_assert_eq(bind(second, (void *)&same, len), 0);
	cr_assert_eq(listen(second, 5), 0);
	cr_assert_eq(connect(client, (void *)&at, len), 0);
	s = load();
	for (k = socks_listener(s, get(s, client)); k;
	     k = k->next_listener ? &s->socks.at[k->next_listener - 1] : NULL) {
		cr_assert(k == get(s, first) || k == get(s, second));
		count++;
	}
	cr_assert_eq(count, 2);
}

Test(socks, udp)
{
	_cleanup_snapshot_ struct snapshot *s = NULL;
	struct sockaddr_in a = { .sin_family = AF_INET }, b = { .sin_family = AF_INET };
	int x = socket(AF_INET, SOCK_DGRAM, 0), y = socket(AF_INET, SOCK_DGRAM, 0);
	int one_way = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = b.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(x, (void *)&a, sizeof(a)), 0);
	cr_assert_eq(bind(y, (void *)&b, sizeof(b)), 0);
	cr_assert_eq(getsockname(x, (void *)&a, &len), 0);
	cr_assert_eq(getsockname(y, (void *)&b, &len), 0);
	cr_assert_eq(connect(one_way, (void *)&a, sizeof(a)), 0);
	s = load();
	cr_assert_eq(socks_listener(s, get(s, one_way)), get(s, x), "it takes from anybody");
	cr_assert_null(socks_peer(s, get(s, one_way)));
	snapshot_free(s);
	cr_assert_eq(connect(x, (void *)&b, sizeof(b)), 0);
	cr_assert_eq(connect(y, (void *)&a, sizeof(a)), 0);
	s = load();
	cr_assert_eq(socks_peer(s, get(s, x)), get(s, y));
}

Test(socks, files_are_linked)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct snap_file *f;
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	vec_push(&s->processes)->tgid = getpid();
	f = vec_push(&s->files);
	f->tgid = getpid();
	f->kind = FILE_SOCKET;
	f->ino = ino_of(ends[0]);
	snapshot_index(s);
	cr_assert_eq(socks_load(s, NULL), 0);
	cr_assert_eq(&s->socks.at[s->files.at[0].sock - 1], get(s, ends[0]));
	cr_assert(s->socks_loaded);
	cr_assert_eq(socks_load(s, NULL), 0);
}

/* A connection as a reader may store it; addresses by their last byte. */
static struct snap_sock *add(struct snapshot *s, uint64_t ino, uint64_t net_ns, uint8_t local,
			     uint8_t remote)
{
	struct snap_sock *k = vec_push(&s->socks);

	k->ino = ino;
	k->net_ns = net_ns;
	k->family = AF_INET6;
	k->protocol = IPPROTO_TCP;
	k->state = SOCK_ESTABLISHED;
	k->local[0] = k->remote[0] = 0xfd;
	k->local[15] = local;
	k->remote[15] = remote;
	k->local_port = local;
	k->remote_port = remote;
	return k;
}

Test(socks, peers_in_another_namespace)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add(s, 10, 1, 5, 6);
	add(s, 11, 2, 6, 5);
	add(s, 12, 1, 7, 8);
	socks_index(s);
	cr_assert_eq(socks_peer(s, &s->socks.at[0])->ino, 11);
	cr_assert_eq(socks_peer(s, &s->socks.at[1])->ino, 10);
	cr_assert_null(socks_peer(s, &s->socks.at[2]), "it is on another host");
}

Test(socks, loopback_stays_in_its_namespace)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add(s, 10, 1, 1, 1)->remote_port = 6;
	add(s, 11, 2, 1, 1)->local_port = 6;
	for (uint32_t i = 0; i < 2; i++)
		s->socks.at[i].local[0] = s->socks.at[i].remote[0] = 0;
	socks_index(s);
	cr_assert_null(socks_peer(s, &s->socks.at[0]));
	s->socks.at[1].net_ns = 1;
	socks_index(s);
	cr_assert_eq(socks_peer(s, &s->socks.at[0])->ino, 11);
}

Test(socks, a_lingering_end_hides_no_new_connection)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add(s, 10, 1, 5, 6);
	add(s, 11, 1, 6, 5);
	add(s, 0, 1, 6, 5)->state = SOCK_FIN_WAIT2;
	socks_index(s);
	cr_assert_eq(socks_peer(s, &s->socks.at[0])->ino, 11);
}

Test(socks, another_network_namespace)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	uint64_t own, inner;
	struct stat st;
	int ends[2], gate[2];
	int32_t child;
	char c;

	cr_assert_eq(stat("/proc/self/ns/net", &st), 0);
	own = st.st_ino;
	cr_assert_eq(pipe(gate), 0);
	child = fork();
	if (!child) {
		uint64_t ino = 0;

		if (!unshare(CLONE_NEWNET) && !socketpair(AF_UNIX, SOCK_STREAM, 0, ends) &&
		    !fstat(ends[0], &st))
			ino = st.st_ino;
		if (write(gate[1], &ino, sizeof(ino)) == sizeof(ino))
			pause();
		_exit(0);
	}
	cr_assert_eq(read(gate[0], &inner, sizeof(inner)), (ssize_t)sizeof(inner));
	if (inner) {
		char path[64];
		struct snap_process *p = vec_push(&s->processes);

		snprintf(path, sizeof(path), "/proc/%d/ns/net", child);
		cr_assert_eq(stat(path, &st), 0);
		p->tgid = child;
		p->in_tree = true;
		p->net_ns = st.st_ino;
		snapshot_index(s);
		cr_assert_eq(socks_load(s, NULL), 0);
		cr_assert_not_null(socks_find(s, inner));
		cr_assert_eq(socks_find(s, inner)->net_ns, p->net_ns);
		cr_assert_not_null(socks_peer(s, socks_find(s, inner)));
		/* It was entered by a thread that is gone: we are where we were. */
		cr_assert_eq(stat("/proc/thread-self/ns/net", &st), 0);
		cr_assert_eq(st.st_ino, own);
	}
	kill(child, SIGKILL);
	close(gate[1]);
	cr_assert_eq(read(gate[0], &c, 1), 0);
	if (!inner)
		cr_skip_test("no network namespace without CAP_SYS_ADMIN");
}
