/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/unwind.h"

#include "base/alloc.h"
#include "unwind/cfi/expr.h"
#include "unwind/name/lines.h"
#include "unwind/name/symbols.h"
#include "unwind/walk.h"

#include <errno.h>
#include <string.h>

enum {
	MAX_TURNS = 16,
	/* struct rt_sigframe behind its first word: struct ucontext, whose registers begin at 40
	   (arch/x86/include/uapi/asm/ucontext.h, sigcontext.h) */
	UCONTEXT_REGS = 40,
};

struct unwinder {
	struct unwind_opts opts;
	struct files *files, *own_files; /* own_files: NULL when they are somebody else's */
	struct module_cache *modules;
	struct rows *rows;
};

struct unwinder *unwinder_new(const struct unwind_opts *opts)
{
	struct unwinder *u = xcalloc(1, sizeof(*u));

	u->opts = *opts;
	if (!opts->files)
		u->own_files = files_new();
	u->files = opts->files ? opts->files : u->own_files;
	u->modules = module_cache_new(u->files);
	u->rows = rows_new();
	return u;
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	rows_free(u->rows);
	module_cache_free(u->modules);
	files_free(u->own_files);
	free(u);
}

void unwinder_begin(struct unwinder *u)
{
	if (u->own_files)
		files_refresh(u->own_files);
	module_cache_begin(u->modules);
}

void unwinder_stats(const struct unwinder *u, struct unwind_stats *stats)
{
	*stats = (struct unwind_stats){ .files = files_count(u->files),
					.processes = module_cache_count(u->modules) };
	stats->rows = rows_count(u->rows, &stats->row_misses);
	for (uint32_t i = 1; i <= stats->files; i++) {
		const struct code_file *f = files_get(u->files, i);

		if (f->elf)
			stats->bytes_read += bytes_read_count(f->elf->bytes);
	}
}

/* ---- memory ---------------------------------------------------------------------------------- */

int walk_read(struct walk *w, uint64_t addr, void *buf, size_t len)
{
	uint64_t at = addr - w->stack->regs[STACK_RSP];

	if (at < w->stack->byte_count && len <= w->stack->byte_count - at) {
		memcpy(buf, w->stack->bytes + at, len);
		return 0;
	}
	return modules_read(w->modules, addr, buf, len);
}

bool walk_end(struct walk *w, uint8_t end, const char *reason)
{
	w->result->end = end;
	w->result->reason = reason;
	return false;
}

static bool end_memory(struct walk *w, int rc)
{
	const char *why = "it is not mapped";

	if (rc == -EPERM || rc == -EACCES)
		why = "it may not be read";
	else if (rc == -ESRCH)
		why = "the process is gone";
	else if (rc == -ETIMEDOUT)
		why = "the page did not come";
	return walk_end(w, UNWIND_NO_MEMORY, why);
}

/* Nearly all reads are these: of a word of known size the copy is one instruction. */
static inline int read_word(struct walk *w, uint64_t addr, uint64_t *value)
{
	uint64_t at = addr - w->stack->regs[STACK_RSP];

	if (at < w->stack->byte_count && w->stack->byte_count - at >= sizeof(*value)) {
		memcpy(value, w->stack->bytes + at, sizeof(*value));
		return 0;
	}
	return modules_read(w->modules, addr, value, sizeof(*value));
}

static int read_for_expr(void *arg, uint64_t addr, uint32_t len, uint64_t *value)
{
	return walk_read(arg, addr, value, len);
}

/* ---- one step by rules ----------------------------------------------------------------------- */

static const char *const no_register[STACK_REGS] = {
	"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
	"r9",  "r10", "r11", "r12", "r13", "r14", "r15", "pc",
};

static bool eval(struct walk *w, const struct cfi_rule *rule, const uint64_t *cfa, uint64_t bias,
		 uint64_t *value)
{
	struct expr_env env = {
		.regs = w->regs, .known = w->known, .bias = bias, .read = read_for_expr, .arg = w
	};
	int rc;

	if (cfa) {
		env.has_cfa = true;
		env.cfa = *cfa;
	}
	rc = expr_run(rule->expr, rule->expr_len, &env, value);
	if (rc == -EBADMSG)
		return walk_end(w, UNWIND_BAD_CFI, "an expression that makes no sense");
	if (rc == -ENODATA)
		return walk_end(w, UNWIND_LOST_REGISTER, NULL);
	return rc < 0 ? end_memory(w, rc) : true;
}

static bool find_cfa(struct walk *w, const struct row *row, uint64_t bias, uint64_t *cfa)
{
	if (row->cfa.kind == CFI_VAL_EXPR)
		return eval(w, &row->cfa, NULL, bias, cfa);
	if (!walk_knows(w, row->cfa.reg))
		return (row->cfa.reg == STACK_RBP && guess_cfa(w, row->start + bias, cfa)) ||
		       walk_end(w, UNWIND_LOST_REGISTER, no_register[row->cfa.reg]);
	*cfa = w->regs[row->cfa.reg] + (uint64_t)row->cfa.offset;
	return true;
}

/* What the rules of a frame count from. */
struct base {
	uint64_t cfa, bias;
};

/* The caller's value of one register. *there false: it is lost, which is no reason to stop. */
static bool apply(struct walk *w, const struct cfi_rule *rule, const struct base *base,
		  uint64_t *value, bool *there)
{
	int rc = 0;

	*there = true;
	switch (rule->kind) {
	case CFI_OFFSET:
		rc = read_word(w, base->cfa + (uint64_t)rule->offset, value);
		break;
	case CFI_VAL_OFFSET:
		*value = base->cfa + (uint64_t)rule->offset;
		break;
	case CFI_REGISTER:
		*there = walk_knows(w, rule->from);
		*value = w->regs[rule->from];
		break;
	case CFI_EXPR:
	case CFI_VAL_EXPR:
		if (!eval(w, rule, &base->cfa, base->bias, value))
			return false;
		if (rule->kind == CFI_EXPR)
			rc = read_word(w, *value, value);
		break;
	default:
		*there = false;
		break;
	}
	return rc ? end_memory(w, rc) : true;
}

/*
 * The stack grows down, so callers are further up. A signal handler may be on another stack, and
 * code that switches stacks says where the old one is with an expression; neither goes on for ever.
 */
static bool goes_up(struct walk *w, const struct row *row, uint64_t cfa, uint64_t pc)
{
	uint64_t sp = w->regs[STACK_RSP];

	if (cfa > sp && cfa - sp < MAX_FRAME)
		return true;
	/* vfork(2) of glibc keeps its return address in rdi: no frame at all. */
	if (cfa == sp && pc != w->regs[STACK_PC])
		return w->turns++ < MAX_TURNS;
	return (row->signal || row->cfa.kind == CFI_VAL_EXPR || cfa > sp) && cfa != sp &&
	       w->turns++ < MAX_TURNS;
}

static bool step_rules(struct walk *w, const struct row *row, uint64_t bias)
{
	const struct cfi_rule *rules;
	uint64_t values[STACK_REGS];
	struct base base = { .bias = bias };
	uint32_t known = w->known, ends = STACK_REGS;
	const uint32_t count = row->rule_count;
	bool there;

	if (!find_cfa(w, row, bias, &base.cfa))
		return false;
	rules = rows_rules(w->rows, row);
	if (!row->signal)
		known &= CALLEE_SAVED;
	for (uint32_t i = 0; i < count; i++) {
		values[i] = 0;
		if (!apply(w, &rules[i], &base, &values[i], &there))
			return false;
		if (there)
			known |= 1u << rules[i].reg;
		else
			known &= ~(1u << rules[i].reg);
		if (rules[i].reg == STACK_PC)
			ends = i;
	}
	if (ends == STACK_REGS || !(known & 1u << STACK_PC))
		return (ends < count && rules[ends].kind == CFI_REGISTER &&
			w->turns++ < MAX_TURNS && guess_popped(w, base.cfa)) ||
		       walk_end(w, UNWIND_LOST_REGISTER, no_register[STACK_PC]);
	if (!goes_up(w, row, base.cfa, values[ends]))
		return walk_end(w, UNWIND_LOOP, NULL);
	w->regs[STACK_RSP] = base.cfa;
	known |= 1u << STACK_RSP;
	for (uint32_t i = 0; i < count; i++)
		w->regs[rules[i].reg] = values[i];
	w->known = known;
	w->exact = row->signal;
	w->how = w->guessed ? FRAME_GUESS : row->how;
	w->guessed = false;
	return true;
}

/* ---- steps without rules --------------------------------------------------------------------- */

/* What the kernel saved when the handler was called; the stack pointer is at struct ucontext. */
static bool step_sigreturn(struct walk *w)
{
	/* order of struct sigcontext */
	static const uint8_t order[] = { 8,	    9,	       10,	  11,	     12,
					 13,	    14,	       15,	  STACK_RDI, STACK_RSI,
					 STACK_RBP, STACK_RBX, STACK_RDX, STACK_RAX, STACK_RCX,
					 STACK_RSP, STACK_PC };
	uint64_t saved[STACK_REGS];
	int rc = walk_read(w, w->regs[STACK_RSP] + UCONTEXT_REGS, saved, sizeof(saved));

	if (rc < 0)
		return end_memory(w, rc);
	if (saved[15] <= w->regs[STACK_RSP] && w->turns++ >= MAX_TURNS)
		return walk_end(w, UNWIND_LOOP, NULL);
	for (uint32_t i = 0; i < STACK_REGS; i++)
		w->regs[order[i]] = saved[i];
	w->known = STACK_KNOWN_ALL;
	w->exact = true;
	w->how = FRAME_SIGNAL;
	return true;
}

static bool step_guess(struct walk *w, const struct row *row, const struct code_file *f)
{
	if (guess_called(w, false) || guess_frame_pointer(w) || guess_scan(w))
		return true;
	if (walk_knows(w, STACK_RBP) && !w->regs[STACK_RBP])
		return walk_end(w, UNWIND_ZERO, "the frame pointer is 0");
	if (row->kind == ROW_BAD)
		return walk_end(w, UNWIND_BAD_CFI, NULL);
	if (row->kind == ROW_NO_FILE && f->ino)
		return walk_end(w, UNWIND_NO_FILE, f->missing);
	return walk_end(w, UNWIND_NO_CFI, f->ino ? NULL : "code that no file holds");
}

/* ---- the walk -------------------------------------------------------------------------------- */

static bool step(struct walk *w, const struct module_area *area)
{
	uint64_t bias = area->bias, pc = w->regs[STACK_PC];
	struct code_file *f = files_get(w->files, area->file);
	/* A copy: a guess looks at other rows. */
	const struct row row = *rows_get(w->rows, f, pc - bias, w->exact);

	f->idle = 0;
	w->frames[w->count - 1].signal = row.signal;
	switch (row.kind) {
	case ROW_CFI:
		return step_rules(w, &row, bias);
	case ROW_SIGRETURN:
		return step_sigreturn(w);
	case ROW_OUTERMOST:
		return walk_end(w, UNWIND_OUTERMOST, NULL);
	default:
		return step_guess(w, &row, f);
	}
}

bool walk_add(struct walk *w, const struct module_area *area)
{
	struct unwind_frame *f;
	uint64_t pc = w->regs[STACK_PC];

	if (w->count == w->max)
		return walk_end(w, UNWIND_LIMIT, NULL);
	f = &w->frames[w->count++];
	*f = (struct unwind_frame){ .pc = pc, .addr = pc, .how = w->how, .exact = w->exact };
	if (area) {
		f->file = area->file;
		f->addr = pc - area->bias;
	}
	return true;
}

/* A frame that is nowhere: kept when the thread is really there, after a wild call or jump. */
static bool step_nowhere(struct walk *w)
{
	const char *missing = modules_missing(w->modules);

	if (missing) {
		if (!w->count)
			walk_add(w, NULL);
		return walk_end(w, UNWIND_NO_MODULES, missing);
	}
	if (!w->exact)
		return walk_end(w, UNWIND_UNMAPPED, NULL);
	if (!walk_add(w, NULL))
		return false;
	return guess_called(w, true) || walk_end(w, UNWIND_UNMAPPED, NULL);
}

static void walk_own(struct walk *w)
{
	bool more = true;

	while (more) {
		uint64_t pc = w->regs[STACK_PC];
		const struct module_area *area;

		if (!pc && !w->exact) {
			walk_end(w, UNWIND_ZERO, NULL);
			return;
		}
		area = modules_find(w->modules, pc - !w->exact);
		if (area && area->exec)
			more = walk_add(w, area) && step(w, area);
		else
			more = step_nowhere(w);
		if (more)
			w->frames[w->count - 1].cfa = w->regs[STACK_RSP];
	}
}

uint32_t unwind_thread(struct unwinder *u, const struct snap_stack *s, struct unwind_frame *frames,
		       uint32_t max, struct unwind_result *result)
{
	struct walk w;

	*result = (struct unwind_result){ .end = UNWIND_NO_REGISTERS };
	if (s->compat) {
		result->end = UNWIND_COMPAT;
		return 0;
	}
	if ((s->known & STACK_KNOWN_SP_PC) != STACK_KNOWN_SP_PC)
		return 0;
	w.files = u->files;
	w.rows = u->rows;
	w.modules = module_cache_get(u->modules, s);
	w.stack = s;
	memcpy(w.regs, s->regs, sizeof(w.regs));
	w.known = s->known;
	w.exact = true;
	w.how = FRAME_FIRST;
	w.guessed = false;
	w.turns = w.scanned = w.count = 0;
	w.frames = frames;
	w.max = max;
	w.result = result;
	if (u->opts.libunwind)
		walk_with_libunwind(&w);
	else
		walk_own(&w);
	return w.count;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A handler's return address has no call before it. */
static bool is_exact(const struct unwind_frame *f)
{
	return f->exact || f->signal;
}

void unwinder_expect(struct unwinder *u, const struct unwind_frame *frames, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct unwind_frame *f = &frames[i];
		struct code_file *file = f->file ? files_get(u->files, f->file) : NULL;

		if (file && file->elf)
			symbols_expect(file, !u->opts.no_debuginfo, f->addr, is_exact(f));
	}
}

void unwinder_name(struct unwinder *u, const struct unwind_frame *f, struct unwind_name *name)
{
	struct code_file *file = f->file ? files_get(u->files, f->file) : NULL;

	*name = (struct unwind_name){ .offset = f->addr };
	if (!file) {
		name->missing = "nothing is mapped there";
		return;
	}
	file->idle = 0;
	name->module = file->path;
	if (!file->elf) {
		name->missing = file->missing;
		return;
	}
	symbols_name(file, !u->opts.no_debuginfo, f->addr, is_exact(f), name);
}

uint32_t unwinder_lines(struct unwinder *u, const struct unwind_frame *f, struct unwind_line *lines,
			uint32_t max, const char **missing)
{
	struct code_file *file = f->file ? files_get(u->files, f->file) : NULL;

	*missing = file ? file->missing : "nothing is mapped there";
	if (!file || !file->elf)
		return 0;
	return lines_find(file, f->addr - !(f->exact || f->signal), lines, max, missing);
}
