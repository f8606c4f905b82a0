/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snag doctor: what this host allows, what each lack costs, and how to get it.
 */
#include "cmd.h"

#include "probe/features.h"
#include "base/jsonw.h"
#include "view/page.h"

#include <sys/utsname.h>
#include <unistd.h>

enum { NAME_WIDTH = 16 };

struct doctor_opts {
	struct common_opts common;
};

static const struct opt_table tables[] = {
	{ common_rows, offsetof(struct doctor_opts, common) },
	{ NULL, 0 },
};

static void put_json(const struct feature_state *states, struct strbuf *out)
{
	struct jsonw w = { .out = out };
	struct utsname host = { .release = "" };

	uname(&host);
	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "schema", 1);
	jsonw_string(&w, "snag", snag_version());
	jsonw_string(&w, "kernel_release", host.release);
	jsonw_string(&w, "machine", host.machine);
	jsonw_uint(&w, "uid", geteuid());
	jsonw_open(&w, "features", '[');
	for (size_t i = 0; i < feature_count; i++) {
		jsonw_newline(&w);
		jsonw_open(&w, NULL, '{');
		jsonw_string(&w, "name", features[i].name);
		jsonw_bool(&w, "there", states[i].there);
		jsonw_string(&w, "gives", features[i].gives);
		jsonw_string(&w, "note", states[i].note);
		jsonw_string(&w, "cost", features[i].cost);
		jsonw_string(&w, "remedy", features[i].remedy);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	strbuf_addc(out, '\n');
}

static void put_line(struct page *p, const char *label, const char *text)
{
	page_para(p, &(struct para){ .margin = NAME_WIDTH + 5,
				     .lead = label,
				     .lead_style = STYLE_DIM,
				     .lead_width = 8,
				     .text = text });
}

static void put_feature(struct page *p, const struct feature *f, const struct feature_state *state)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	strbuf_adds(&text, f->gives);
	if (state->there && state->note[0])
		strbuf_addf(&text, " (%s)", state->note);
	int width = page_text(p, state->there ? "yes" : "no",
			      state->there ? STYLE_GREEN : STYLE_RED, 0);
	for (; width < 5; width++)
		strbuf_addc(p->out, ' ');
	page_para(p, &(struct para){ .lead = f->name,
				     .lead_style = STYLE_BOLD,
				     .lead_width = NAME_WIDTH,
				     .indent = 5,
				     .text = strbuf_str(&text) });
	if (state->there)
		return;
	put_line(p, "because", state->note);
	put_line(p, "costs", f->cost);
	put_line(p, "get it", f->remedy);
}

static void put_text(const struct feature_state *states, const struct view_opts *opts, bool quiet,
		     struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	struct page p = { .out = out, .opts = opts };
	struct utsname host = { .release = "?" };
	size_t lacking = 0;

	uname(&host);
	for (size_t i = 0; i < feature_count; i++) {
		lacking += !states[i].there;
		if (!quiet || !states[i].there)
			put_feature(&p, &features[i], &states[i]);
	}
	if (quiet)
		return;
	strbuf_addf(&line, "%zu of %zu, as uid %u on Linux %s", feature_count - lacking,
		    feature_count, geteuid(), host.release);
	page_para(&p, &(struct para){ .text = strbuf_str(&line), .style = STYLE_DIM });
}

static enum status run(const void *opts, const struct opt_args *args)
{
	const struct doctor_opts *o = opts;
	_cleanup_free_ struct feature_state *states = xcalloc(feature_count, sizeof(*states));
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const struct view_opts page = page_opts(&o->common);

	(void)args;
	for (size_t i = 0; i < feature_count; i++)
		feature_try(&features[i], &states[i]);
	if (o->common.json)
		put_json(states, &out);
	else
		put_text(states, &page, o->common.quiet, &out);
	return print("doctor", &out);
}

const struct command cmd_doctor = {
	.name = "doctor",
	.synopsis = "[options]",
	.summary = "what this host allows, what each lack costs, and how to get it",
	.tables = tables,
	.opts_size = sizeof(struct doctor_opts),
	.max_args = 0,
	.run = run,
};
