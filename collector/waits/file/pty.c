/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pty.c - reading or writing a terminal or the master side of a pty.
 *
 * What ends it comes from whoever holds the other side. A terminal whose master nobody of the tree
 * holds leads out of it: a person, an sshd, a terminal emulator.
 */
#include "base/strbuf.h"
#include "read/borrow.h"
#include "waits/wait.h"

#include <string.h>

enum { NAMED_MAX = 3, NS_PER_MS = 1000000 };

/*
 * Holders of `object`: how many, how many of them in the tree; their names outside go into `names`.
 */
static uint32_t count_holders(struct wait_ctx *c, uint32_t object, uint32_t *inside,
			      struct strbuf *names)
{
	const struct model *m = wait_model(c);
	uint32_t count = 0;

	*inside = 0;
	for (uint32_t i = 0; i < m->holders.count; i++) {
		const struct actor *a;

		if (m->holders.at[i].object != object)
			continue;
		a = model_actor(m, m->holders.at[i].actor);
		if (a->in_tree)
			(*inside)++;
		else if (count++ < NAMED_MAX)
			strbuf_addf(names, "%s%s[%d]", names->len ? ", " : "",
				    model_str(m, a->name), a->pid);
	}
	return count + *inside;
}

static const char *object_name(struct wait_ctx *c, uint32_t object)
{
	const struct object *o = model_object(wait_model(c), object);

	return model_str(wait_model(c), o->label ? o->label : o->key);
}

static void add_terms(struct wait_ctx *c, const struct wait_fd *f, const char *name, uint32_t peer)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	uint32_t inside = 0, all = peer ? count_holders(c, peer, &inside, &names) : 0;

	if (inside)
		wait_term_holders(c, f->wait, peer, 0, AS_PEER);
	else if (f->file->kind == FILE_TTY && all)
		wait_outside(c, f->wait, "the terminal %s, held by %s", name, strbuf_str(&names));
	else if (f->file->kind == FILE_TTY)
		wait_outside(c, f->wait, "the terminal %s", name);
	else if (all)
		wait_term_holders(c, f->wait, peer, 0, AS_PEER);
	else if (peer)
		wait_new(c, f->wait, "a process that opens %s", object_name(c, peer));
	else
		wait_unknown(c, f->wait, "which terminal is behind the pty master fd %d", f->fd);
}

/* VTIME of termios(3): the BPF reader has it already. */
static void add_timeout(struct wait_ctx *c, const struct wait_fd *f)
{
	uint32_t ms = (uint32_t)(f->file->interval_ns / NS_PER_MS);
	int rc = 0;

	if (f->file->interval_ns == SNAP_UNKNOWN_U64)
		rc = tty_timeout_read(f->file->tgid, f->file->fd, &ms);
	if (rc < 0)
		wait_unknown(c, f->wait,
			     "whether the terminal ends a read by itself (VTIME) could "
			     "not be read: %s",
			     strerror(-rc));
	else if (ms)
		wait_timeout(c, f->task, f->wait, ms);
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	struct wait *w = model_wait(wait_model(c), f->wait);
	const char *name = wait_file_name(c, f->file);
	uint32_t peer = w->object ? model_object(wait_model(c), w->object)->peer : 0;
	bool writes = !(f->mode & MODE_READ) && f->mode & MODE_WRITE;

	w->input = !writes;
	w->completion = writes;
	wait_describe(c, f->wait, peer || f->file->kind == FILE_PTY_MASTER ? WAIT_PTY : WAIT_TTY,
		      "%s %s (fd %d)", writes ? "writing to" : "reading from", name, f->fd);
	add_terms(c, f, name, peer);
	if (f->file->kind == FILE_TTY && !f->in_set && !writes)
		add_timeout(c, f);
	return true;
}

const struct wait_kind wait_pty = {
	.name = "pty",
	.files = 1u << FILE_TTY | 1u << FILE_PTY_MASTER,
	.decode_file = decode_file,
};
