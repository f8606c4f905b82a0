/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel.c - frames over a socket, written at once or by a task of their own.
 */
#include "runtime/actor/channel.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/core/io.h"
#include "runtime/core/tools.h"

struct grove_channel *grove_channel_new(int fd, struct grove_nursery *flush)
{
	struct grove_channel *channel = grove_alloc(1, sizeof(*channel));
	struct sockaddr_storage own = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(own);
	int one = 1;

	channel->fd = fd;
	channel->flush = flush;
	grove_frames_init(&channel->in, GROVE_FRAME_LIMIT);
	grove_event_init(&channel->drained, "channel");
	if (getsockname(fd, (struct sockaddr *)&own, &size) == 0 && own.ss_family == AF_UNIX)
		channel->unix_socket = true;
	else /* small messages that are waited for: no delay; a failure costs time only */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return channel;
}

void grove_channel_free(struct grove_channel *channel)
{
	if (!channel)
		return;
	if (channel->flushing) {
		/* its task still looks at it, and frees it */
		channel->doomed = true;
		grove_channel_shut(channel);
		return;
	}
	grove_close(channel->fd);
	grove_frames_release(&channel->in);
	grove_buf_release(&channel->out);
	grove_addrs_release(&channel->peer_addrs);
	free(channel);
}

static int64_t left_ns(int64_t deadline_ns)
{
	return deadline_ns == GROVE_NEVER ? GROVE_NEVER : deadline_ns - grove_now_ns();
}

int grove_channel_connect(const struct grove_multiaddr *address, int64_t deadline_ns,
			  struct grove_nursery *flush, struct grove_channel **ret,
			  struct grove_error *err)
{
	char text[GROVE_MULTIADDR_TEXT];
	struct grove_scope scope;
	int rc;

	_grove_close_io_ int fd =
		socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return grove_error_set(err, -errno, "socket for %s: %m",
				       grove_multiaddr_print(address, text));
	grove_fail_after(&scope, left_ns(deadline_ns));
	rc = grove_connect(fd, &address->any, address->size);
	rc = grove_scope_exit(&scope, rc, err);
	if (rc < 0)
		return grove_error_set(err, rc, "connect to %s: %s",
				       grove_multiaddr_print(address, text), strerror(-rc));
	*ret = grove_channel_new(grove_steal_fd(&fd), flush);
	return 0;
}

/* ---- sending --------------------------------------------------------------------------------- */

static void broke(struct grove_channel *channel, int rc)
{
	if (channel->broken == 0)
		channel->broken = rc;
	grove_buf_cut(&channel->out, 0);
	grove_event_pulse(&channel->drained);
}

/* Write what the socket takes now. 0 also when it takes nothing; -errno when it is broken. */
static int write_now(struct grove_channel *channel)
{
	while (grove_buf_size(&channel->out) > 0 && channel->broken == 0) {
		ssize_t n = send(channel->fd, grove_buf_data(&channel->out),
				 grove_buf_size(&channel->out), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			broke(channel, errno == ECONNRESET ? -EPIPE : -errno);
		else
			grove_buf_take(&channel->out, (size_t)n);
	}
	return channel->broken;
}

/* The task that writes what did not go out at once. It ends when nothing is left. */
static int flush_task(void *arg, struct grove_error *err)
{
	struct grove_channel *channel = arg;
	int rc = 0;

	(void)err;
	while (rc == 0 && channel->broken == 0 && grove_buf_size(&channel->out) > 0) {
		rc = grove_wait_writable(channel->fd);
		if (rc == 0)
			(void)write_now(channel); /* senders see `broken` */
		if (grove_buf_size(&channel->out) < GROVE_CHANNEL_HIGH / 2)
			grove_event_pulse(&channel->drained);
	}
	channel->flushing = false;
	if (rc < 0)
		broke(channel, -EPIPE);
	grove_event_pulse(&channel->drained);
	if (channel->doomed)
		grove_channel_free(channel);
	return 0;
}

int grove_channel_post(struct grove_channel *channel, const struct grove_msg *msg,
		       struct grove_error *err)
{
	int rc;

	if (grove_buf_size(&channel->out) > GROVE_CHANNEL_MOST) {
		grove_channel_shut(channel);
		return grove_error_set(err, -ENOBUFS, "the peer does not read what it asked for");
	}
	if (channel->broken)
		return grove_error_set(err, channel->broken, "the channel is closed");
	rc = grove_msg_frame(&channel->out, msg, GROVE_FRAME_LIMIT, err);
	if (rc < 0)
		return rc;
	channel->msgs_out++;
	if (channel->flushing)
		return 0;
	rc = write_now(channel);
	if (rc < 0)
		return grove_error_set(err, rc, "send: %s", strerror(-rc));
	if (grove_buf_size(&channel->out) > 0) {
		channel->flushing = true;
		grove_spawn(channel->flush, "flush", flush_task, channel);
	}
	return 0;
}

int grove_channel_send(struct grove_channel *channel, const struct grove_msg *msg,
		       struct grove_error *err)
{
	int rc = grove_check();

	while (rc == 0 && channel->broken == 0 &&
	       grove_buf_size(&channel->out) > GROVE_CHANNEL_HIGH)
		rc = grove_event_wait(&channel->drained);
	if (rc < 0)
		return rc;
	return grove_channel_post(channel, msg, err);
}

int grove_channel_flush(struct grove_channel *channel, int64_t deadline_ns)
{
	struct grove_scope scope;
	int rc = 0;

	grove_fail_after(&scope, left_ns(deadline_ns));
	while (rc == 0 && channel->broken == 0 && channel->flushing)
		rc = grove_event_wait(&channel->drained);
	rc = grove_scope_exit(&scope, rc, NULL);
	return rc < 0 ? rc : channel->broken;
}

void grove_channel_linger(struct grove_channel *channel, int64_t deadline_ns)
{
	struct grove_scope scope;
	char dropped[4096];
	ssize_t n = 1;

	if (grove_channel_flush(channel, deadline_ns) < 0)
		return;
	(void)shutdown(channel->fd, SHUT_WR); /* ENOTCONN: the peer was faster */
	grove_move_on_after(&scope, left_ns(deadline_ns));
	while (n > 0)
		n = grove_read(channel->fd, dropped, sizeof(dropped));
	(void)grove_scope_exit(&scope, n < 0 ? (int)n : 0, NULL); /* whatever ended it */
}

void grove_channel_shut(struct grove_channel *channel)
{
	broke(channel, -EPIPE);
	/* ENOTCONN: the peer was faster */
	(void)shutdown(channel->fd, SHUT_RDWR);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static int ended(struct grove_channel *channel, struct grove_error *err)
{
	int rc = grove_frames_end(&channel->in, err);

	return rc < 0 ? rc : grove_error_set(err, -EPIPE, "the peer has closed the connection");
}

int grove_channel_recv(struct grove_channel *channel, struct grove_msg *ret,
		       struct grove_error *err)
{
	const void *payload;
	size_t size, room;
	ssize_t n;
	int rc;

	for (;;) {
		rc = grove_frames_next(&channel->in, &payload, &size, err);
		if (rc < 0)
			return rc;
		if (rc > 0)
			break;
		char *to = grove_frames_space(&channel->in, &room);
		n = grove_read(channel->fd, to, room);
		if (n == 0)
			return ended(channel, err);
		if (n == -ECANCELED)
			return (int)n;
		if (n == -ECONNRESET && grove_frames_end(&channel->in, NULL) == 0)
			return grove_error_set(err, -EPIPE, "the peer has reset the connection");
		if (n < 0)
			return grove_error_set(err, (int)n, "receive: %s", strerror((int)-n));
		grove_frames_got(&channel->in, (size_t)n);
	}
	rc = grove_msg_unpack(ret, payload, size, err);
	if (rc == 0)
		channel->msgs_in++;
	return rc;
}

/* ---- hello ----------------------------------------------------------------------------------- */

static void refuse(struct grove_channel *channel, int code, const char *text)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_ERROR };

	msg.errors = grove_errors_new(code, "%s", text);
	/* it is closed in any case */
	(void)grove_channel_post(channel, &msg, NULL);
}

static int take_hello(struct grove_channel *channel, struct grove_error *err)
{
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_NONE };
	int rc = grove_channel_recv(channel, &msg, err);

	if (rc < 0)
		return rc;
	if (msg.kind == GROVE_MSG_ERROR)
		return grove_error_set(err, -EPROTO, "the peer refuses us: %s",
				       grove_errors_text(msg.errors));
	if (msg.kind != GROVE_MSG_HELLO) {
		rc = grove_error_set(err, -EPROTO, "the peer says '%s' instead of hello",
				     grove_msg_kind_name(msg.kind));
		refuse(channel, -EPROTO, "hello comes first");
		return rc;
	}
	if (msg.version != GROVE_PROTOCOL_VERSION) {
		rc = grove_error_set(err, -EPROTONOSUPPORT,
				     "the peer speaks version %lld of the protocol, we %d",
				     (long long)msg.version, GROVE_PROTOCOL_VERSION);
		refuse(channel, rc, err ? err->text : "another version of the protocol");
		return rc;
	}
	channel->peer = msg.uid;
	channel->peer_pid = (pid_t)msg.pid;
	grove_addrs_copy(&channel->peer_addrs, &msg.addrs);
	return 0;
}

int grove_channel_hello(struct grove_channel *channel, const struct grove_msg *hello, bool first,
			struct grove_error *err)
{
	struct grove_scope scope;
	int rc = 0;

	grove_fail_after(&scope,
			 channel->hello_ns ? channel->hello_ns : grove_patience(GROVE_HELLO_NS));
	if (first)
		rc = grove_channel_send(channel, hello, err);
	if (rc == 0)
		rc = take_hello(channel, err);
	if (rc == 0 && !first)
		rc = grove_channel_send(channel, hello, err);
	rc = grove_scope_exit(&scope, rc, err);
	if (rc == -ETIMEDOUT)
		return grove_error_set(err, rc, "no hello within %d s",
				       (int)(GROVE_HELLO_NS / GROVE_SECOND));
	return rc < 0 && rc != -ECANCELED ? grove_error_at(err, rc, "handshake") : rc;
}
