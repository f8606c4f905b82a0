/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/net/socks.h"

#include "base/cleanup.h"
#include "read/proc/procfs.h"
#include "read/net/sock_diag.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* ---- loading -------------------------------------------------------------------------------- */

/*
 * The dump of one namespace, by a thread of its own: setns(2) is for a thread, and there is no
 * way back.
 */
struct ns_job {
	struct sock_diag dump;
	int ns_fd; /* -1: our own */
	int rc;
	struct snag_error err;
};

static void *ns_worker(void *p)
{
	struct ns_job *job = p;

	if (job->ns_fd >= 0 && setns(job->ns_fd, CLONE_NEWNET) < 0)
		job->rc = error_set(&job->err, -errno, "%m");
	else
		job->rc = sock_diag_dump(&job->dump, &job->err);
	return NULL;
}

/* A socket that waits in the queue of a listener has no peer yet: the listener is who acts next. */
static void link_pending(struct snapshot *s, const struct sock_diag *dump, uint32_t first)
{
	_cleanup_map_ struct map by_ino = MAP_INIT;

	if (!dump->pending.count)
		return;
	for (uint32_t i = first; i < s->socks.count; i++)
		map_put(&by_ino, s->socks.at[i].ino, i + 1);
	for (uint32_t i = 0; i < dump->pending.count; i++) {
		uint32_t k = map_get(&by_ino, dump->pending.at[i].client, 0);

		if (dump->pending.at[i].client && k)
			s->socks.at[k - 1].listener_ino = dump->pending.at[i].listener;
	}
}

/* The sockets of the namespace of process `tgid`, or with 0 of our own. */
static int load_namespace(struct snapshot *s, int32_t tgid, uint64_t net_ns, struct snag_error *err)
{
	struct ns_job job = { .dump = { .s = s, .net_ns = net_ns }, .ns_fd = -1 };
	_cleanup_close_ int ns_fd = -1;
	uint32_t first = s->socks.count;
	pthread_t thread;
	char path[64];
	int rc;

	if (!tgid) {
		rc = sock_diag_dump(&job.dump, err);
	} else {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", tgid);
		ns_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (ns_fd < 0)
			return error_set(err, -errno, "%s: %m", path);
		job.ns_fd = ns_fd;
		rc = -pthread_create(&thread, NULL, ns_worker, &job);
		if (rc < 0)
			return error_set(err, rc, "a thread for %s: %m", path);
		pthread_join(thread, NULL);
		rc = job.rc < 0 ? error_set(err, job.rc, "%s: %s", path, job.err.text) : 0;
	}
	link_pending(s, &job.dump, first);
	vec_release(&job.dump.pending);
	return rc;
}

static uint64_t own_net_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) < 0 ? 0 : st.st_ino;
}

int socks_load(struct snapshot *s, struct snag_error *err)
{
	_cleanup_map_ struct map done = MAP_INIT;
	uint64_t own = own_net_ns();
	uint32_t refused = 0;
	int rc;

	if (s->socks_loaded)
		return 0;
	rc = load_namespace(s, 0, own, err);
	if (rc < 0)
		return rc;
	map_put(&done, own, 1);
	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];

		if (!p->in_tree || !p->net_ns || map_find(&done, p->net_ns, NULL))
			continue;
		map_put(&done, p->net_ns, 1);
		if (load_namespace(s, p->tgid, p->net_ns, NULL) < 0)
			refused++;
	}
	if (refused)
		snapshot_missing(s,
				 "%u network %s of the tree may not be entered: the peers of the "
				 "sockets there are unknown (run as root)",
				 refused, refused == 1 ? "namespace" : "namespaces");
	socks_index(s);
	s->socks_loaded = true;
	return 0;
}

/* ---- finding -------------------------------------------------------------------------------- */

/* One end of a connection as a key: namespace, protocol, both addresses. */
struct address {
	uint64_t net_ns;
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	uint16_t protocol;
	bool listens;
};

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull; /* FNV-1a */
	return h;
}

static uint64_t address_hash(const struct address *a)
{
	uint64_t h = mix(0xcbf29ce484222325ull, &a->net_ns, sizeof(a->net_ns));

	h = mix(h, a->local, sizeof(a->local));
	h = mix(h, a->remote, sizeof(a->remote));
	h = mix(h, &a->local_port, sizeof(a->local_port));
	h = mix(h, &a->remote_port, sizeof(a->remote_port));
	h = mix(h, &a->protocol, sizeof(a->protocol));
	return h ^ (a->listens ? 1 : 0);
}

static bool is_inet(const struct snap_sock *k)
{
	return k->family == AF_INET || k->family == AF_INET6;
}

static bool is_listener(const struct snap_sock *k)
{
	return k->protocol == IPPROTO_TCP && k->state == SOCK_LISTENING;
}

/* A bound socket that anybody may send to is found as a listener is. */
static bool takes_anybody(const struct snap_sock *k)
{
	return is_listener(k) || (k->protocol == IPPROTO_UDP && !k->remote_port && k->local_port);
}

static struct address address_of(const struct snap_sock *k)
{
	struct address a = {
		.net_ns = k->net_ns,
		.local_port = k->local_port,
		.protocol = k->protocol,
		.listens = takes_anybody(k),
	};

	memcpy(a.local, k->local, sizeof(a.local));
	if (!a.listens) {
		memcpy(a.remote, k->remote, sizeof(a.remote));
		a.remote_port = k->remote_port;
	}
	return a;
}

static void index_address(struct snapshot *s, uint32_t i)
{
	struct snap_sock *k = &s->socks.at[i];
	struct address a = address_of(k);
	uint64_t hash = address_hash(&a);
	uint32_t first = map_get(&s->by_address, hash, 0);

	k->next_listener = a.listens ? first : 0;
	/* A closed end that lingers must not hide a new connection with the same addresses. */
	if (!first || a.listens || k->ino)
		map_put(&s->by_address, hash, i + 1);
}

/* Descriptors travel with bytes: an empty queue of unknown content has none. */
static bool may_queue(const struct snap_sock *k)
{
	if (k->family != AF_UNIX)
		return false;
	return k->in_flight_fds == UINT32_MAX ? k->rqueue != 0 : k->in_flight_fds != 0;
}

void socks_index(struct snapshot *s)
{
	_cleanup_map_ struct map spaces = MAP_INIT;

	map_release(&s->by_sock);
	map_release(&s->by_address);
	map_reserve(&s->by_sock, s->socks.count);
	s->net_spaces.count = s->queues.count = 0;
	for (uint32_t i = 0; i < s->socks.count; i++) {
		if (may_queue(&s->socks.at[i]))
			*vec_push(&s->queues) = i;
		if (s->socks.at[i].ino)
			map_put(&s->by_sock, s->socks.at[i].ino, i + 1);
		if (!is_inet(&s->socks.at[i]))
			continue;
		index_address(s, i);
		if (!map_find(&spaces, s->socks.at[i].net_ns, NULL))
			*vec_push(&s->net_spaces) = s->socks.at[i].net_ns;
		map_put(&spaces, s->socks.at[i].net_ns, 1);
	}
	for (uint32_t i = 0; i < s->socks.count; i++) {
		uint64_t ino = s->socks.at[i].peer_ino;

		s->socks.at[i].peer = ino ? map_get(&s->by_sock, ino, 0) : 0;
	}
	socks_link_files(s, 0);
}

void socks_link_files(struct snapshot *s, uint32_t first)
{
	for (uint32_t i = first; i < s->files.count; i++)
		if (s->files.at[i].kind == FILE_SOCKET)
			s->files.at[i].sock = map_get(&s->by_sock, s->files.at[i].ino, 0);
}

const struct snap_sock *socks_find(const struct snapshot *s, uint64_t ino)
{
	uint32_t i = ino ? map_get(&s->by_sock, ino, 0) : 0;

	return i ? &s->socks.at[i - 1] : NULL;
}

/* 127.0.0.0/8 and ::1 stay in their namespace. */
static bool is_loopback(const uint8_t a[16])
{
	static const uint8_t V6[16] = { [15] = 1 }, MAPPED[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(a, V6, sizeof(V6)) || (!memcmp(a, MAPPED, sizeof(MAPPED)) && a[12] == 127);
}

static const struct snap_sock *find_address(const struct snapshot *s, struct address *a)
{
	uint32_t i = map_get(&s->by_address, address_hash(a), 0);
	const struct snap_sock *k = i ? &s->socks.at[i - 1] : NULL;

	/* Equal hashes of different addresses: as good as none, and never a wrong peer. */
	if (!k || k->net_ns != a->net_ns || k->protocol != a->protocol ||
	    k->local_port != a->local_port || memcmp(k->local, a->local, sizeof(a->local)))
		return NULL;
	if (!a->listens &&
	    (k->remote_port != a->remote_port || memcmp(k->remote, a->remote, sizeof(a->remote))))
		return NULL;
	return k;
}

/* As find_address(), in the namespace of `a` and then, unless it cannot be there, in the others. */
static const struct snap_sock *find_anywhere(const struct snapshot *s, struct address *a)
{
	const struct snap_sock *k = find_address(s, a);

	for (uint32_t i = 0; !k && !is_loopback(a->local) && i < s->net_spaces.count; i++) {
		a->net_ns = s->net_spaces.at[i];
		k = find_address(s, a);
	}
	return k;
}

const struct snap_sock *socks_peer(const struct snapshot *s, const struct snap_sock *k)
{
	struct address a;

	if (k->family == AF_UNIX)
		return k->peer ? &s->socks.at[k->peer - 1] : NULL;
	if (!is_inet(k) || takes_anybody(k) || !k->remote_port)
		return NULL;
	a = address_of(k);
	memcpy(a.local, k->remote, sizeof(a.local));
	memcpy(a.remote, k->local, sizeof(a.remote));
	a.local_port = k->remote_port;
	a.remote_port = k->local_port;
	return find_anywhere(s, &a);
}

const struct snap_sock *socks_listener(const struct snapshot *s, const struct snap_sock *k)
{
	static const uint8_t ANY4[16] = { [10] = 0xff, [11] = 0xff }, ANY6[16] = { 0 };
	const struct snap_sock *found, *peer;
	struct address a;
	uint64_t net_ns;

	if (k->family == AF_UNIX)
		return socks_find(s, k->listener_ino);
	if (!is_inet(k) || !k->remote_port)
		return NULL;
	/*
	 * A listener on all addresses can be told only where the address is: the far end, if any,
	 * knows.
	 */
	peer = socks_peer(s, k);
	net_ns = peer ? peer->net_ns : k->net_ns;
	a = (struct address){ .protocol = k->protocol,
			      .local_port = k->remote_port,
			      .net_ns = net_ns,
			      .listens = true };
	memcpy(a.local, k->remote, sizeof(a.local));
	found = find_anywhere(s, &a);
	a.net_ns = net_ns;
	if (!found) {
		memcpy(a.local, ANY4, sizeof(ANY4));
		found = find_address(s, &a);
	}
	if (!found) {
		memcpy(a.local, ANY6, sizeof(ANY6));
		found = find_address(s, &a);
	}
	return found;
}

const struct snap_sock *socks_unix_bound(const struct snapshot *s, uint64_t dev, uint64_t ino,
					 const char *abstract)
{
	for (uint32_t i = 0; i < s->socks.count; i++) {
		const struct snap_sock *k = &s->socks.at[i];

		if (k->family != AF_UNIX || (k->state != SOCK_LISTENING && k->type != SOCK_DGRAM))
			continue;
		if (abstract ? !strcmp(snapshot_str(s, k->path), abstract) :
			       /* sock_diag has 32 bits for an inode number */
			       k->vfs_ino && (uint32_t)k->vfs_ino == (uint32_t)ino &&
				    k->vfs_dev == dev)
			return k;
	}
	return NULL;
}
