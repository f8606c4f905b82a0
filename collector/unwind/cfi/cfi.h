/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cfi.h - which frame description holds an address, and what its program says there.
 *
 * .eh_frame by way of the table in .eh_frame_hdr or, where there is none, of one built here once;
 * .debug_frame the same way. DWARF 5, 6.4; Linux Standard Base 5.0, Core, 10.6.
 */
#pragma once

#include "base/cleanup.h"
#include "read/stack.h"
#include "unwind/elf/elf_file.h"

/* Where frame descriptions are. */
struct cfi_section {
	struct elf_file *file;
	struct bytes *bytes; /* what `range` is in: the file's, or a section that was unpacked */
	struct elf_range range;
	bool debug_frame;
	bool indexed;
	struct cfi_entry *index; /* sorted by start; NULL while the file's own table serves */
	uint32_t count;
};

/* A frame description and what its common part says. */
struct cfi_fde {
	uint64_t start, end; /* [start, end), addresses of the file */
	uint64_t code_align, ra_reg;
	int64_t data_align;
	uint8_t encoding; /* of pointers, DW_EH_PE_* */
	bool signal;	  /* of a signal frame: its callers' pc is where they stopped */
	const uint8_t *initial, *program;
	uint64_t initial_len, program_len;
	uint64_t program_addr; /* for DW_CFA_set_loc with a pc-relative encoding */
};

enum cfi_kind {
	CFI_SAME,	/* the caller's is that of this frame */
	CFI_UNDEFINED,	/* lost */
	CFI_OFFSET,	/* saved at CFA + offset */
	CFI_VAL_OFFSET, /* is CFA + offset; for the CFA itself: register + offset */
	CFI_REGISTER,	/* in another register */
	CFI_EXPR,	/* saved where an expression says */
	CFI_VAL_EXPR,	/* is what an expression says */
};

struct cfi_rule {
	uint8_t kind; /* enum cfi_kind */
	uint8_t reg;  /* that this rule is for; of the CFA: that it counts from */
	uint8_t from; /* CFI_REGISTER: where it is */
	uint32_t expr_len;
	union {
		int64_t offset;
		const uint8_t *expr; /* in the file's bytes */
	};
};

/* What holds at one address: the CFA and the rule of each register. */
struct cfi_row {
	struct cfi_rule cfa;
	struct cfi_rule regs[STACK_REGS];
};

/* The sections of a file: .eh_frame. Nothing is read yet. */
void cfi_section_init(struct cfi_section *s, struct elf_file *file);

/* .debug_frame, unpacked; `range` as loaded nowhere. */
void cfi_section_init_debug(struct cfi_section *s, struct elf_file *file, struct bytes *bytes,
			    struct elf_range range);

/* Free the index. */
void cfi_section_release(struct cfi_section *s);
DEFINE_PLACE_GUARD(cfi_section)
#define _cleanup_cfi_section_ _cleanup_(cfi_section_release_guard)

/* The frame description that holds `addr`. -ENOENT there is none, -EBADMSG it makes no sense. */
SNAG_MUST_CHECK
int cfi_find(struct cfi_section *s, uint64_t addr, struct cfi_fde *fde);

/* What holds at `addr`, which lies in `fde`. -EBADMSG: its program makes no sense. */
SNAG_MUST_CHECK
int cfi_run(const struct cfi_fde *fde, uint64_t addr, struct cfi_row *row);
