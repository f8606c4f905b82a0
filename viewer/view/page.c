/* SPDX-License-Identifier: BSD-2-Clause */
#include "page.h"

#include "clean.h"

#include "model/frames.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { COLUMNS_MIN = 20 }; /* text is never pressed into less */

static void style_on(struct page *p, enum style style)
{
	static const char *const codes[] = { "", "1", "2", "1;31", "1;33", "1;32", "36" };

	if (p->opts->color && style != STYLE_PLAIN)
		strbuf_addf(p->out, "\033[%sm", codes[style]);
}

static void style_off(struct page *p, enum style style)
{
	if (p->opts->color && style != STYLE_PLAIN)
		strbuf_adds(p->out, "\033[0m");
}

static void pad(struct page *p, int columns)
{
	for (; columns > 0; columns--)
		strbuf_addc(p->out, ' ');
}

static const char *ellipsis(const struct page *p)
{
	return p->opts->utf8 ? "\xe2\x80\xa6" : "...";
}

/* How many bytes of `s` fit into `columns`; whole characters. */
static size_t fitting(const char *s, size_t n, int columns)
{
	size_t at = 0;

	while (at < n) {
		size_t next = at + 1;

		while (next < n && ((unsigned char)s[next] & 0xc0) == 0x80)
			next++;
		columns -= clean_width(s + at, next - at);
		if (columns < 0)
			break;
		at = next;
	}
	return at;
}

/* The bytes of the next line of `s`: as many words as fit, or a part of a word that is longer than
 * a line. */
static size_t line_length(const char *s, int columns)
{
	size_t length = strlen(s), fit = fitting(s, length, columns), at = fit;

	if (fit == length)
		return length;
	while (at > 0 && s[at] != ' ')
		at--;
	if (at > 0)
		return at;
	return fit > 0 ? fit : length;
}

static void put_line(struct page *p, const char *s, size_t n, enum style style)
{
	style_on(p, style);
	strbuf_addn(p->out, s, n);
	style_off(p, style);
}

/* `text` is clean; its first line starts where the output stands, later ones in column `margin`. */
static void wrap(struct page *p, const char *text, int margin, const struct para *para)
{
	int whole = p->opts->width - margin, lines = 0;

	if (whole < COLUMNS_MIN)
		whole = COLUMNS_MIN;
	do {
		int columns = lines || para->taken > whole - 10 ? whole : whole - para->taken;
		size_t n = line_length(text, columns);

		lines++;
		if (lines == para->max_lines && text[n]) {
			n = fitting(text, strlen(text), columns - (p->opts->utf8 ? 1 : 3));
			put_line(p, text, n, para->style);
			strbuf_adds(p->out, ellipsis(p));
			break;
		}
		put_line(p, text, n, para->style);
		text += n;
		text += strspn(text, " ");
		if (*text) {
			strbuf_addc(p->out, '\n');
			pad(p, margin);
		}
	} while (*text);
	strbuf_addc(p->out, '\n');
}

void page_para(struct page *p, const struct para *para)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int margin = para->margin;

	if (para->label)
		margin -= page_text(p, para->label, STYLE_CYAN, 0);
	pad(p, margin);
	margin = para->margin + para->indent;
	if (para->lead) {
		int width = page_text(p, para->lead, para->lead_style, 0);

		pad(p, para->lead_width - width);
		margin += width > para->lead_width ? width : para->lead_width;
	}
	/* A narrow page: the text gets lines of its own. */
	if (para->lead && p->opts->width - margin < COLUMNS_MIN) {
		while (p->out->len && p->out->s[p->out->len - 1] == ' ')
			p->out->s[--p->out->len] = '\0';
		if (p->out->len && p->out->s[p->out->len - 1] != '\n')
			strbuf_addc(p->out, '\n');
		margin = para->margin + 2;
		pad(p, margin);
	}
	clean_add(&text, para->text, p->opts->utf8);
	wrap(p, strbuf_str(&text), margin, para);
}

int page_text(struct page *p, const char *text, enum style style, int columns)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	int width;

	clean_add(&line, text, p->opts->utf8);
	width = clean_width(strbuf_str(&line), line.len);
	style_on(p, style);
	if (columns && width > columns) {
		const char *dots = ellipsis(p);
		int room = columns - (p->opts->utf8 ? 1 : 3);

		strbuf_addn(p->out, strbuf_str(&line), fitting(strbuf_str(&line), line.len, room));
		strbuf_adds(p->out, dots);
		width = columns;
	} else {
		strbuf_adds(p->out, strbuf_str(&line));
	}
	style_off(p, style);
	return width;
}

void page_gap(struct page *p)
{
	strbuf_addc(p->out, '\n');
}

void duration_add(struct strbuf *out, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (ms == UINT64_MAX)
		strbuf_addc(out, '?');
	else if (ms < 1000)
		strbuf_addf(out, "%" PRIu64 "ms", ms);
	else if (s < 60)
		strbuf_addf(out, "%" PRIu64 ".%" PRIu64 "s", s, ms % 1000 / 100);
	else if (s < 3600)
		strbuf_addf(out, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		strbuf_addf(out, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s % 3600 / 60);
	else
		strbuf_addf(out, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s % 86400 / 3600);
}

void who_add(struct strbuf *out, const struct model *m, uint32_t actor, uint32_t thread)
{
	const struct actor *a = model_actor(m, actor);

	strbuf_addf(out, "%s[%d]", model_str(m, a->name), a->pid);
	if (thread && model_thread(m, thread)->tid != a->pid)
		strbuf_addf(out, " tid %d", model_thread(m, thread)->tid);
}

void wait_add(struct strbuf *b, const struct model *m, const struct wait *w)
{
	if (w->text)
		strbuf_adds(b, model_str(m, w->text));
	else if (w->object)
		strbuf_addf(b, "%s of %s", model_str(m, w->op),
			    model_str(m, model_object(m, w->object)->key));
	else
		strbuf_addf(b, "%s (%s)", model_str(m, w->op), wait_type_name(w->kind));
}

const char *file_name(const struct model *m, uint32_t path)
{
	const char *text = model_str(m, path), *slash = strrchr(text, '/');

	return slash ? slash + 1 : *text ? text : "?";
}

void code_add(struct strbuf *b, const struct model *m, const struct code *c)
{
	if (c->symbol)
		strbuf_adds(b, model_str(m, c->symbol));
	else if (code_start(c))
		strbuf_addf(b, "%s!0x%" PRIx64 "+0x%" PRIx64, file_name(m, c->module),
			    code_start(c), c->offset);
	else if (c->module)
		strbuf_addf(b, "%s+0x%" PRIx64, file_name(m, c->module), c->address);
	else
		strbuf_addf(b, "0x%" PRIx64, c->address);
	if (c->file && c->line)
		strbuf_addf(b, " (%s:%u)", file_name(m, c->file), c->line);
}

void page_source(struct page *p, const struct model *m)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint32_t processes = 0, threads = 0;

	for (uint32_t i = 0; i < m->actors.count; i++) {
		processes += m->actors.at[i].in_tree && m->actors.at[i].kind == ACTOR_PROCESS;
		threads += m->actors.at[i].in_tree ? m->actors.at[i].thread_count : 0;
	}
	strbuf_addf(&b, "%u process%s, %u thread%s", processes, processes == 1 ? "" : "es", threads,
		    threads == 1 ? "" : "s");
	if (m->root) {
		strbuf_adds(&b, " from ");
		who_add(&b, m, m->root, 0);
		strbuf_adds(&b, " down");
	}
	if (m->verdict.since_ms != UINT64_MAX) {
		strbuf_adds(&b, "; since ");
		duration_add(&b, m->verdict.since_ms);
	}
	strbuf_addf(&b, "; %s reader, %.0f ms", model_str(m, m->reader), m->took_ms);
	if (m->from_capture) {
		time_t seconds = (time_t)(m->captured_ns / 1000000000u);
		char text[32] = "?";
		struct tm tm;

		if (gmtime_r(&seconds, &tm))
			strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
		strbuf_addf(&b, ", %s UTC on %s", text, model_str(m, m->host));
	}
	page_para(p, &(struct para){ .text = strbuf_str(&b), .style = STYLE_DIM, .max_lines = 2 });
}
