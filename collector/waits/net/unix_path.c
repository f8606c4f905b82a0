/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/net/unix_path.h"

#include "waits/paths.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* As the path was given at bind(2): for a path that cannot be looked at from here. */
static const struct snap_sock *find_by_text(struct wait_ctx *c, const char *path)
{
	const struct snapshot *s = wait_snapshot(c);

	for (uint32_t i = 0; i < s->socks.count; i++)
		if (s->socks.at[i].family == AF_UNIX && s->socks.at[i].path &&
		    !s->socks.at[i].peer_ino && !strcmp(snapshot_str(s, s->socks.at[i].path), path))
			return &s->socks.at[i];
	return NULL;
}

static const struct snap_sock *find_by_path(struct wait_ctx *c, int32_t tid, const char *path)
{
	const struct snap_sock *k;
	struct stat st;

	if (path_stat(tid, AT_FDCWD, path, &st) < 0)
		return find_by_text(c, path);
	k = socks_unix_bound(wait_snapshot(c), st.st_dev, st.st_ino, NULL);
	return k ? k : find_by_text(c, path);
}

const struct snap_sock *unix_find(struct wait_ctx *c, const struct snap_task *t,
				  const struct unix_address *at, struct net_name *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNSPEC };
	size_t head = offsetof(struct sockaddr_un, sun_path), len = at->len;
	char path[sizeof(un.sun_path) + 1] = "";

	name->text[0] = '\0';
	if (len > sizeof(un))
		len = sizeof(un);
	if (!at->addr || len <= head || wait_mem(c, t->tgid, at->addr, &un, len) < 0 ||
	    un.sun_family != AF_UNIX)
		return NULL;
	memcpy(path, un.sun_path, len - head);
	if (path[0]) {
		snprintf(name->text, sizeof(name->text), "%s", path);
		return find_by_path(c, t->tid, path);
	}
	/* An abstract name may have NUL bytes in it; the readers keep it up to the first one. */
	snprintf(name->text, sizeof(name->text), "@%s", path + 1);
	return socks_unix_bound(wait_snapshot(c), 0, 0, name->text);
}
