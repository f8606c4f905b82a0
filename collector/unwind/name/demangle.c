/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols_demangle(): with libiberty, as gdb and binutils do. Names are foreign: a short one may
 * stand for gigabytes of text, so what it says is cut off at a length that nobody reads.
 */
#include "unwind/name/symbols.h"

#include "base/strbuf.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

enum { MAX_RAW = 8 << 10, MAX_PRETTY = 16 << 10 };

struct output {
	struct strbuf text;
	jmp_buf enough;
};

/*
 * Both printers keep their state on the stack (cplus_demangle_v3_callback() promises not to
 * allocate), so leaving in the middle loses nothing.
 */
static void take(const char *text, size_t len, void *arg)
{
	struct output *out = arg;

	if (out->text.len + len > MAX_PRETTY)
		longjmp(out->enough, 1);
	strbuf_addn(&out->text, text, len);
}

static bool print(const char *raw, struct output *out)
{
	if (setjmp(out->enough))
		return false;
	if (rust_demangle_callback(raw, 0, take, out))
		return true;
	strbuf_reset(&out->text);
	return raw[0] == '_' && raw[1] == 'Z' &&
	       cplus_demangle_v3_callback(raw, DMGL_NO_OPTS, take, out);
}

char *symbols_demangle(const char *raw)
{
	struct output out = { .text = STRBUF_INIT };
	char *pretty = NULL;

	if (raw[0] != '_' || (raw[1] != 'Z' && raw[1] != 'R') || strnlen(raw, MAX_RAW) == MAX_RAW)
		return NULL;
	if (print(raw, &out) && out.text.len)
		pretty = strbuf_steal(&out.text);
	strbuf_release(&out.text);
	return pretty;
}
