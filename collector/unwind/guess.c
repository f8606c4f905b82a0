/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where unwind information does not reach: what is left are the frame pointer, and words on the
 * stack that look like return addresses because a call stands before the place they point to.
 */
#include "unwind/walk.h"

#include <string.h>

enum {
	CALL_MAX = 7,		    /* bytes of the longest call */
	STUB_MAX = 11,		    /* endbr64; bnd jmp *slot(%rip) */
	MAX_SCAN = 512,		    /* words of the stack */
	MAX_FRAME_SCAN = 1 << 12,   /* the same, for the end of a frame that has CFI */
	MAX_SCANNED = 1 << 13,	    /* of one walk, all its guesses together */
	MIN_CODE = 1 << 16,	    /* no code is below: vm.mmap_min_addr */
	LONGEST_FUNCTION = 1 << 12, /* of those without a frame */
	LONGEST_JUMP = 1 << 18,
	POOR_MAX = 8,
	CHAIN_MAX = 64, /* frames from one evidence to another */
};

/* Where user code ends: nobody asks for addresses beyond 47 bits. */
static const uint64_t USER_END = 1ull << 47;

/* What stands before a return address: a call of a known address, or by a register. */
enum call_kind { CALL_NONE, CALL_DIRECT, CALL_INDIRECT };

bool walk_knows(const struct walk *w, uint32_t reg)
{
	return w->known & 1u << reg;
}

static bool read_word(struct walk *w, uint64_t addr, uint64_t *value)
{
	return walk_read(w, addr, value, sizeof(*value)) == 0;
}

/* Bytes of code, from the file where there is one; false when it is no code. */
static bool read_code(struct walk *w, uint64_t addr, uint8_t *code, uint32_t len)
{
	bool user = addr >= MIN_CODE && addr < USER_END;
	const struct module_area *a = user ? modules_find(w->modules, addr) : NULL;
	struct code_file *f = a && a->exec && a->file ? files_get(w->files, a->file) : NULL;
	const uint8_t *at = f && f->elf ? elf_at(f->elf, addr - a->bias, len) : NULL;

	if (!f)
		return false;
	if (at)
		memcpy(code, at, len);
	return at || walk_read(w, addr, code, len) == 0;
}

/* The address that the slot at `next` + the number at `displacement` holds. */
static uint64_t slot_value(struct walk *w, const uint8_t *displacement, uint64_t next)
{
	int32_t relative;
	uint64_t value;

	memcpy(&relative, displacement, sizeof(relative));
	return read_word(w, next + (uint64_t)(int64_t)relative, &value) ? value : 0;
}

/* Where code at `addr` is in truth: an entry of the procedure linkage table jumps there. */
static uint64_t through_stub(struct walk *w, uint64_t addr)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t code[STUB_MAX];
	uint32_t at = 0;

	if (!read_code(w, addr, code, sizeof(code)))
		return addr;
	if (memcmp(code, endbr64, sizeof(endbr64)) == 0)
		at += sizeof(endbr64);
	if (code[at] == 0xf2)
		at++;
	if (code[at] != 0xff || code[at + 1] != 0x25)
		return addr;
	return slot_value(w, code + at + 2, addr + at + 6);
}

/* How long ff /2 is, by the byte behind the ff and the one behind that: Intel SDM 2, 2.1.5. */
static uint32_t indirect_len(uint8_t modrm, uint8_t sib)
{
	uint32_t mod = modrm >> 6, rm = modrm & 7;
	uint32_t len = mod != 3 && rm == 4 ? 3 : 2;

	if (mod == 1)
		return len + 1;
	if (mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && (sib & 7) == 5))))
		return len + 4;
	return len;
}

/* The call that ends at `ret`, and whom a direct one calls: e8 rel32, ff /2. */
static enum call_kind call_before(struct walk *w, uint64_t ret, uint64_t *target)
{
	uint8_t code[CALL_MAX];
	int32_t relative;

	if (!read_code(w, ret - CALL_MAX, code, sizeof(code)))
		return CALL_NONE;
	if (code[CALL_MAX - 5] == 0xe8) {
		memcpy(&relative, code + CALL_MAX - 4, sizeof(relative));
		*target = ret + (uint64_t)(int64_t)relative;
		*target = through_stub(w, *target);
		return CALL_DIRECT;
	}
	if (code[CALL_MAX - 6] == 0xff && code[CALL_MAX - 5] == 0x15) {
		*target = slot_value(w, code + CALL_MAX - 4, ret);
		return CALL_DIRECT;
	}
	for (uint32_t len = 2; len <= CALL_MAX; len++) {
		const uint8_t *at = code + CALL_MAX - len;

		if (at[0] == 0xff && (at[1] & 0x38) == 0x10 &&
		    indirect_len(at[1], len > 2 ? at[2] : 0) == len)
			return CALL_INDIRECT;
	}
	return CALL_NONE;
}

static bool is_after_call(struct walk *w, uint64_t ret)
{
	uint64_t target;

	return call_before(w, ret, &target) != CALL_NONE;
}

/* Is there, before `ret`, a direct call of code that begins at most `reach` away from `pc`? */
static bool was_called(struct walk *w, uint64_t ret, uint64_t pc, uint64_t reach)
{
	uint64_t target = 0;

	return call_before(w, ret, &target) == CALL_DIRECT &&
	       (pc - target < reach || target - pc < reach);
}

/* What is known of the code at a return address; NULL: it is no code. */
static const struct row *row_of(struct walk *w, uint64_t ret)
{
	const struct module_area *a =
		ret >= MIN_CODE && ret < USER_END ? modules_find(w->modules, ret - 1) : NULL;
	struct code_file *f = a && a->exec && a->file ? files_get(w->files, a->file) : NULL;

	return f ? rows_get(w->rows, f, ret - a->bias, false) : NULL;
}

/* Is it where a signal handler returns to? */
static bool is_handlers_return(struct walk *w, uint64_t ret)
{
	const struct row *row = row_of(w, ret);

	return row && row->signal;
}

/* Is it within a function that has unwind information? */
static bool is_in_function(struct walk *w, uint64_t ret)
{
	const struct row *row = row_of(w, ret);

	return row && (row->kind == ROW_CFI || row->kind == ROW_OUTERMOST);
}

static void enter(struct walk *w, uint64_t pc, uint64_t sp, uint8_t how)
{
	w->regs[STACK_PC] = pc;
	w->regs[STACK_RSP] = sp;
	w->known = STACK_KNOWN_SP_PC | (w->known & 1u << STACK_RBP);
	w->exact = false;
	w->how = how;
}

bool guess_called(struct walk *w, bool certain)
{
	uint64_t sp = w->regs[STACK_RSP], ret = 0;
	uint32_t known = w->known;

	if (!w->exact || !read_word(w, sp, &ret) || !ret)
		return false;
	if (certain ? !is_after_call(w, ret) :
		      !was_called(w, ret, w->regs[STACK_PC], LONGEST_FUNCTION))
		return false;
	enter(w, ret, sp + 8, FRAME_CALLED);
	/* Nothing was done there, so nothing was changed. */
	w->known = known & CALLEE_SAVED;
	return true;
}

bool guess_popped(struct walk *w, uint64_t cfa)
{
	uint64_t ret;

	if (!read_word(w, cfa - 8, &ret) || !is_after_call(w, ret) || !is_in_function(w, ret))
		return false;
	enter(w, ret, cfa, FRAME_GUESS);
	return true;
}

/* Code that was made at run time: executable memory without a file. */
static bool is_made(struct walk *w, uint64_t addr)
{
	bool user = addr >= MIN_CODE && addr < USER_END;
	const struct module_area *a = user ? modules_find(w->modules, addr) : NULL;
	const struct code_file *f = a && a->exec && a->file ? files_get(w->files, a->file) : NULL;

	return f && !f->ino;
}

/*
 * Does made code, with this pair of frame pointer and return address, go back into made code? The
 * interpreter of HotSpot pushes the address itself and jumps (templateTable_x86.cpp,
 * prepare_invoke()): there is no call before it. Only a chain that goes up is believed.
 */
static bool is_pushed(struct walk *w, const uint64_t saved[2])
{
	uint64_t fp = w->regs[STACK_RBP];

	return saved[0] > fp && saved[0] - fp < MAX_FRAME && saved[0] % 8 == 0 &&
	       is_made(w, w->regs[STACK_PC]) && is_made(w, saved[1]);
}

bool guess_frame_pointer(struct walk *w)
{
	uint64_t fp = w->regs[STACK_RBP], sp = w->regs[STACK_RSP], saved[2];

	if (!walk_knows(w, STACK_RBP) || fp % 8 || fp < sp || fp - sp > MAX_FRAME ||
	    walk_read(w, fp, saved, sizeof(saved)) < 0)
		return false;
	/* Two zeros end a chain; where none was, they are just zeros. */
	if (saved[1] ? !is_after_call(w, saved[1]) && !is_pushed(w, saved) :
		       saved[0] || w->how != FRAME_POINTER)
		return false;
	enter(w, saved[1], fp + 16, FRAME_POINTER);
	w->regs[STACK_RBP] = saved[0];
	return true;
}

bool guess_scan(struct walk *w)
{
	uint64_t sp = w->regs[STACK_RSP], pc = w->regs[STACK_PC], word;

	for (uint32_t i = 0; i < MAX_SCAN && w->scanned++ < MAX_SCANNED; i++) {
		if (!read_word(w, sp + i * 8ull, &word))
			return false;
		if (word < MIN_CODE || !was_called(w, word, pc, LONGEST_JUMP))
			continue;
		enter(w, word, sp + (i + 1) * 8ull, FRAME_GUESS);
		w->known = STACK_KNOWN_SP_PC;
		return true;
	}
	return false;
}

/* Does it look like the frame pointer of whoever made the frame that ends below `at`? */
static bool is_frame_pointer(struct walk *w, uint64_t fp, uint64_t at)
{
	uint64_t ret;

	return fp > at && fp - at < MAX_FRAME && fp % 8 == 0 && read_word(w, fp + 8, &ret) &&
	       (is_after_call(w, ret) || is_handlers_return(w, ret));
}

/* Poor evidence for the CFA of a frame: where indirect calls have left their return addresses. */
struct poor {
	uint64_t at[POOR_MAX];
	uint32_t count;
};

/*
 * Do frames that count from the stack pointer lead from the return address at `at` to the one at
 * `goal`? Then what is at `at` is no leftover: somebody called the code that `goal` returns to.
 */
static bool leads_to(struct walk *w, uint64_t at, uint64_t goal)
{
	for (uint32_t i = 0; i < CHAIN_MAX && at < goal; i++) {
		const struct row *row;
		uint64_t ret;

		if (!read_word(w, at, &ret))
			return false;
		row = row_of(w, ret);
		if (!row || row->kind != ROW_CFI || row->cfa.kind != CFI_VAL_OFFSET ||
		    row->cfa.reg != STACK_RSP || row->cfa.offset <= 0)
			return false;
		at += (uint64_t)row->cfa.offset;
	}
	return at == goal;
}

/* The first poor one that leads to `goal`; else `goal` itself. */
static uint64_t nearest(struct walk *w, const struct poor *poor, uint64_t goal)
{
	for (uint32_t i = 0; i < poor->count; i++)
		if (leads_to(w, poor->at[i], goal))
			return poor->at[i];
	return goal;
}

/*
 * The best evidence is a direct call of this very function. Good is an indirect one with a frame
 * pointer below it, and the place where handlers return to; but where nobody keeps frame pointers
 * something that looks like one may be far away, and the calls between tell. An indirect call alone
 * is poor evidence, and taken when there is nothing better.
 */
bool guess_cfa(struct walk *w, uint64_t start, uint64_t *cfa)
{
	uint64_t sp = w->regs[STACK_RSP], below = 0, word, target = 0;
	struct poor poor = { .count = 0 };

	for (uint32_t i = 0; i < MAX_FRAME_SCAN && w->scanned++ < MAX_SCANNED; i++) {
		uint64_t at = sp + i * 8ull;
		enum call_kind kind;

		if (!read_word(w, at, &word))
			break;
		kind = call_before(w, word, &target);
		if (kind == CALL_DIRECT && target == start) {
			*cfa = at + 8;
			return w->guessed = true;
		}
		if ((kind == CALL_INDIRECT && is_frame_pointer(w, below, at)) ||
		    (kind == CALL_NONE && is_handlers_return(w, word))) {
			*cfa = nearest(w, &poor, at) + 8;
			return w->guessed = true;
		}
		if (kind == CALL_INDIRECT && poor.count < POOR_MAX && is_in_function(w, word))
			poor.at[poor.count++] = at;
		below = word;
	}
	*cfa = poor.count ? poor.at[0] + 8 : 0;
	return w->guessed = poor.count != 0;
}
