/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits for sockets: whose the far end is, by family and state.
 */
#include "lib/unit_scene.h"
#include "waits/net/net.h"
#include "waits/net/unix_path.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

static struct scene *two(int nr)
{
	struct scene *x = scene_new();

	scene_process(x, PID(1), 0, "client");
	scene_process(x, PID(2), PID(1), "server");
	scene_call(x, PID(1), nr, 3);
	scene_call(x, PID(2), SYS_pause, 0);
	return x;
}

static const struct wait *decoded(struct scene *x)
{
	scene_decode(x);
	return scene_wait(x, PID(1));
}

/* ---- unix ----------------------------------------------------------------------------------- */

static struct snap_sock *unix_sock(struct scene *x, int32_t tgid, int32_t fd, uint64_t ino)
{
	struct snap_sock *k = scene_socket(x, tgid, fd, ino);

	k->family = AF_UNIX;
	k->type = SOCK_STREAM;
	k->state = SOCK_ESTABLISHED;
	return k;
}

Test(net, a_unix_peer_is_found_by_inode)
{
	struct scene *x = two(SYS_recvmsg);

	unix_sock(x, PID(1), 3, 100)->peer_ino = 200;
	unix_sock(x, PID(2), 5, 200)->peer_ino = 100;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_UNIX_RECV));
	cr_assert(w->input);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	cr_assert_not(scene_leads_to(x, w, TERM_OBJECT, PID(1)));
	cr_assert(eq(int, scene_term(x, w, TERM_OBJECT)->as, AS_PEER));
	cr_assert(eq(int, (int)model_object(x->model, w->object)->peer,
		     (int)scene_term(x, w, TERM_OBJECT)->id));
	scene_free(x);
	x = two(SYS_sendto);
	unix_sock(x, PID(1), 3, 100)->peer_ino = 200;
	unix_sock(x, PID(2), 5, 200)->peer_ino = 100;
	w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_UNIX_SEND));
	cr_assert(w->completion);
	scene_free(x);
}

Test(net, not_yet_accepted_is_up_to_the_listener)
{
	struct scene *x = two(SYS_read);

	unix_sock(x, PID(1), 3, 100)->listener_ino = 300;
	unix_sock(x, PID(2), 4, 300)->state = SOCK_LISTENING;
	cr_assert(scene_leads_to(x, decoded(x), TERM_OBJECT, PID(2)));
	scene_free(x);
}

Test(net, a_peer_that_is_gone_or_hidden)
{
	struct scene *x = two(SYS_read);

	unix_sock(x, PID(1), 3, 100)->shutdown = 3;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
	x = two(SYS_read);
	unix_sock(x, PID(1), 3, 100);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
	x = two(SYS_read);
	unix_sock(x, PID(1), 3, 100)->peer_ino = 200; /* held by nobody in sight */
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
	x = two(SYS_read);
	unix_sock(x, PID(1), 3, 100)->shutdown = 0xff; /* unknown is not "shut down" */
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 0));
	scene_free(x);
}

Test(net, unread_data_goes_on)
{
	struct scene *x = two(SYS_read);
	struct snap_sock *k = unix_sock(x, PID(1), 3, 100);

	k->peer_ino = 200;
	k->rqueue = 5;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
}

Test(net, a_socket_may_have_a_time_out_of_its_own)
{
	struct scene *x = two(SYS_read);
	struct snap_sock *k = unix_sock(x, PID(1), 3, 100);

	k->peer_ino = 200;
	k->rcvtimeo_ms = 5000;
	k->sndtimeo_ms = 7000;
	unix_sock(x, PID(2), 5, 200)->peer_ino = 100;
	const struct wait *w = decoded(x);
	cr_assert(eq(i64, w->timeout_ms, 5000));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_OBJECT), 1));
	scene_free(x);
}

Test(net, listeners_wait_for_what_is_new)
{
	struct scene *x = two(SYS_accept4);
	struct snap_sock *k = unix_sock(x, PID(1), 3, 100);

	k->state = SOCK_LISTENING;
	k->path = strtab_add(x->snap->strings, "/run/x.sock");
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_ACCEPT));
	cr_assert(eq(str, (char *)scene_str(x, scene_term(x, w, TERM_NEW)->text),
		     "a new connection to unix socket /run/x.sock"));
	scene_free(x);
	x = two(SYS_accept4);
	k = unix_sock(x, PID(1), 3, 100);
	k->state = SOCK_LISTENING;
	k->rqueue = 1;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
}

Test(net, datagrams_come_from_who_is_connected_or_anybody)
{
	struct scene *x = two(SYS_recvfrom);

	unix_sock(x, PID(1), 3, 100)->type = SOCK_DGRAM;
	x->snap->socks.at[0].path = strtab_add(x->snap->strings, "/dev/log");
	unix_sock(x, PID(2), 4, 200)->type = SOCK_DGRAM;
	x->snap->socks.at[1].peer_ino = 100;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	scene_free(x);
	x = two(SYS_recvfrom);
	unix_sock(x, PID(1), 3, 100)->type = SOCK_DGRAM;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NEVER), 1));
	scene_free(x);
}

/* This process sends to the abstract name @snag-test of process 2, or connects to it. */
static struct scene *to_abstract(int nr, const struct sockaddr_un *un, uint64_t len)
{
	bool connects = nr == SYS_connect;
	struct scene *x = scene_new();
	struct snap_sock *k;

	scene_process(x, getpid(), 0, "self");
	scene_process(x, PID(2), getpid(), "server");
	scene_call(x, getpid(), nr, 3)->args[connects ? 1 : 4] = HERE(un);
	scene_task(x, getpid())->args[connects ? 2 : 5] = len;
	k = unix_sock(x, getpid(), 3, 100);
	k->type = connects ? SOCK_STREAM : SOCK_DGRAM;
	k->state = SOCK_CLOSE;
	k = unix_sock(x, PID(2), 4, 200);
	k->type = connects ? SOCK_STREAM : SOCK_DGRAM;
	k->state = connects ? SOCK_LISTENING : SOCK_CLOSE;
	k->path = strtab_add(x->snap->strings, "@snag-test");
	return x;
}

Test(net, an_address_names_the_receiver)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "\0snag-test" };
	uint64_t len = offsetof(struct sockaddr_un, sun_path) + 10;
	static const int calls[] = { SYS_sendto, SYS_connect };
	static const enum wait_type kinds[] = { WAIT_UNIX_SEND, WAIT_UNIX_CONNECT };

	for (int i = 0; i < 2; i++) {
		struct scene *x = to_abstract(calls[i], &un, len);
		const struct wait *w;

		scene_decode(x);
		w = scene_wait(x, getpid());
		cr_assert(eq(int, w->kind, kinds[i]));
		cr_assert(w->completion);
		cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
		scene_free(x);
	}
}

Test(net, hostile_addresses)
{
	struct sockaddr_un un = { .sun_family = AF_INET, .sun_path = "\0snag-test" };
	static const uint64_t lengths[] = { 0, 1, 2, 110, 111, UINT64_MAX };

	for (int i = 0; i < 12; i++) {
		const struct sockaddr_un *at = i < 6 ? &un : (const struct sockaddr_un *)24;
		struct scene *x = to_abstract(SYS_connect, at, lengths[i % 6]);

		scene_decode(x);
		cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, getpid()), TERM_UNKNOWN), 1));
		scene_free(x);
	}
}

Test(net, a_path_names_a_socket_by_its_inode)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/snag-unix-XXXXXX";
	struct scene *x;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_not_null(mkdtemp(dir));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", dir);
	cr_assert(eq(int, bind(fd, (struct sockaddr *)&un, sizeof(un)), 0));
	cr_assert(eq(int, stat(un.sun_path, &st), 0));
	x = to_abstract(SYS_connect, &un, sizeof(un));
	x->snap->socks.at[1].path = strtab_add(x->snap->strings, "s");
	x->snap->socks.at[1].vfs_ino = st.st_ino;
	x->snap->socks.at[1].vfs_dev = st.st_dev;
	scene_decode(x);
	cr_assert(scene_leads_to(x, scene_wait(x, getpid()), TERM_OBJECT, PID(2)));
	cr_assert_not_null(strstr(scene_str(x, scene_wait(x, getpid())->text), un.sun_path));
	scene_free(x);
	close(fd);
	unlink(un.sun_path);
	rmdir(dir);
}

/* ---- internet ------------------------------------------------------------------------------- */

static void address(uint8_t to[16], const char *text)
{
	if (strchr(text, ':')) {
		inet_pton(AF_INET6, text, to);
		return;
	}
	memset(to, 0, 16);
	to[10] = to[11] = 0xff;
	inet_pton(AF_INET, text, to + 12);
}

static struct snap_sock *inet_sock(struct scene *x, int32_t tgid, uint64_t ino, const char *local,
				   const char *remote)
{
	struct snap_sock *k = scene_socket(x, tgid, 3, ino);

	k->family = strchr(local, ':') ? AF_INET6 : AF_INET;
	k->type = SOCK_STREAM;
	k->protocol = IPPROTO_TCP;
	k->state = SOCK_ESTABLISHED;
	k->net_ns = 1;
	address(k->local, local);
	address(k->remote, remote);
	k->local_port = 40000;
	k->remote_port = 80;
	return k;
}

static void reverse(struct snap_sock *k)
{
	k->local_port = 80;
	k->remote_port = 40000;
}

static void tcp_loopback(const char *host)
{
	struct scene *x = two(SYS_read);

	inet_sock(x, PID(1), 100, host, host);
	reverse(inet_sock(x, PID(2), 200, host, host));
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_TCP_RECV));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	cr_assert(eq(int, (int)w->term_count, 1));
	scene_free(x);
}

Test(net, both_families_of_loopback)
{
	tcp_loopback("127.0.0.1");
	tcp_loopback("::1");
}

static struct snap_sock *listener(struct scene *x, const char *local)
{
	struct snap_sock *k = inet_sock(x, PID(2), 300, local, "0.0.0.0");

	k->state = SOCK_LISTENING;
	k->local_port = 80;
	k->remote_port = 0;
	return k;
}

Test(net, an_embryo_is_up_to_the_listener)
{
	struct scene *x = two(SYS_read);

	inet_sock(x, PID(1), 100, "127.0.0.1", "127.0.0.1");
	reverse(inet_sock(x, 0, 0, "127.0.0.1", "127.0.0.1"));
	listener(x, "0.0.0.0");
	cr_assert(scene_leads_to(x, decoded(x), TERM_OBJECT, PID(2)));
	scene_free(x);
}

Test(net, a_remote_peer_is_outside_and_its_timer_named)
{
	struct scene *x = two(SYS_read);
	struct snap_sock *k = inet_sock(x, PID(1), 100, "10.0.0.1", "10.0.0.2");

	k->timer = 2;
	k->timer_ms = 7250;
	const struct wait *w = decoded(x);
	cr_assert(eq(str, (char *)scene_str(x, w->external),
		     "10.0.0.2:80 (keepalive probe in 7.250 s)"));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 0));
	scene_free(x);
	x = two(SYS_write);
	inet_sock(x, PID(1), 100, "10.0.0.1", "10.0.0.2")->timer = 1;
	w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_TCP_SEND));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_OUTSIDE), 1));
	scene_free(x);
}

Test(net, a_loopback_peer_that_is_not_there_is_no_remote_one)
{
	struct scene *x = two(SYS_read);

	inet_sock(x, PID(1), 100, "127.0.0.1", "127.0.0.1");
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_OUTSIDE), 0));
	scene_free(x);
}

Test(net, connecting_is_up_to_a_listener_and_time)
{
	struct scene *x = two(SYS_connect);

	inet_sock(x, PID(1), 100, "127.0.0.1", "127.0.0.1")->state = SOCK_SYN_SENT;
	listener(x, "127.0.0.1");
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_TCP_CONNECT));
	cr_assert(w->completion);
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	scene_free(x);
}

static void make_udp(struct snap_sock *k)
{
	k->type = SOCK_DGRAM;
	k->protocol = IPPROTO_UDP;
}

Test(net, udp)
{
	struct scene *x = two(SYS_recvfrom);

	make_udp(inet_sock(x, PID(1), 100, "127.0.0.1", "127.0.0.1"));
	make_udp(inet_sock(x, PID(2), 200, "0.0.0.0", "0.0.0.0"));
	x->snap->socks.at[1].local_port = 80;
	x->snap->socks.at[1].remote_port = 0;
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_UDP));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	scene_free(x);
	x = two(SYS_recvfrom);
	make_udp(inet_sock(x, PID(1), 100, "0.0.0.0", "0.0.0.0"));
	x->snap->socks.at[0].remote_port = 0;
	x->snap->socks.at[0].local_port = 80;
	make_udp(inet_sock(x, PID(2), 200, "127.0.0.1", "127.0.0.1"));
	w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, PID(2)));
	scene_free(x);
}

Test(net, families_that_nobody_decodes)
{
	struct scene *x = two(SYS_read);

	scene_socket(x, PID(1), 3, 100)->family = AF_VSOCK;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
	x = two(SYS_read);
	scene_file(x, PID(1), 3, FILE_SOCKET, MODE_READ)->ino = 100;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
	x = two(SYS_read);
	scene_socket(x, PID(1), 3, 100)->family = AF_NETLINK;
	cr_assert(eq(int, decoded(x)->kind, WAIT_NETLINK));
	cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, PID(1)), TERM_OUTSIDE), 1));
	scene_free(x);
}

Test(net, addresses_are_told_apart)
{
	static const struct {
		const char *text;
		bool loopback, any;
	} rows[] = { { "127.0.0.1", true, false }, { "127.9.9.9", true, false },
		     { "::1", true, false },	   { "10.0.0.1", false, false },
		     { "0.0.0.0", false, true },   { "::", false, true },
		     { "fe80::1", false, false } };
	uint8_t a[16];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		address(a, rows[i].text);
		cr_assert(eq(int, net_is_loopback(a), rows[i].loopback), "%s", rows[i].text);
		cr_assert(eq(int, net_is_any(a), rows[i].any), "%s", rows[i].text);
	}
}
