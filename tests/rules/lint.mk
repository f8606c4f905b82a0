# make lint: every rule that a machine can see.
# -k: one run reports everything. Stamps in $(BUILD)/lint let the next one look at changes only.

LINT := $(BUILD)/lint
LINT_C := $(COLLECTOR) $(VIEWER) $(wildcard viewer/main.c) $(GROVE) $(wildcard tests/runtime/*.c)
# grove is no part of snag and sees nothing of it; its include paths are its own. And base/ is what
# the facts of analyzer.h are about.
lint-flags = $(if $(filter tests/%,$(1)),$(GROVE_CPPFLAGS),$(CPPFLAGS_ALL) \
	$(if $(filter collector/base/%,$(1)),,-include tests/rules/analyzer.h))
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
CPPCHECK ?= cppcheck

lint:
	+@$(SUB) -k lint-format layers lint-style lint-jumps lint-headers lint-abi lint-cppcheck \
		lint-tidy lint-analyzer
	@echo "lint: clean"

lint-format: $(BUILD)/flags
	$(call say,FORMAT,"$(words $(FORMATTED)) files")
	@$(CLANG_FORMAT) --dry-run $(FORMATTED) 2>&1 | sed -n 's/ warning: / /p' \
		>$(BUILD)/unformatted
	@! [ -s $(BUILD)/unformatted ] || { cat $(BUILD)/unformatted; exit 1; }

layers:
	$(call say,LAYERS,tests/rules/layers.py)
	$(Q)python3 tests/rules/layers.py
lint-style:
	$(call say,STYLE,tests/rules/style.py)
	$(Q)python3 tests/rules/style.py

# Kernels of Debian 12 take a loop only when it jumps back.
lint-jumps: $(patsubst %.c,$(BUILD)/%.o,$(wildcard bpf/*.bpf.c))
	$(call say,JUMPS,"$(words $^) programs")
	$(Q)python3 tests/rules/jumps.py $^

# Each header compiles alone: as the first include of an empty file, in the language of its side.
ALONE := -fsyntax-only -x c -
HOST_HEADERS := $(filter-out %.bpf.h,$(HEADERS))
BPF_HEADERS := $(filter %.bpf.h,$(HEADERS))
lint-headers: $(HOST_HEADERS:%=$(LINT)/%.alone) $(BPF_HEADERS:%=$(LINT)/%.alone)
$(HOST_HEADERS:%=$(LINT)/%.alone): $(LINT)/%.alone: % $(HEADERS) | $(GENERATED)
	@mkdir -p $(@D)
	$(Q)echo '#include "$<"' | $(CC) $(CPPFLAGS_ALL) -Itests $(GROVE_CFLAGS) $(CFLAGS_ALL) \
		$(ALONE) && touch $@
$(BPF_HEADERS:%=$(LINT)/%.alone): $(LINT)/%.alone: % $(HEADERS)
	@mkdir -p $(@D)
	$(Q)echo '#include "$<"' | $(CLANG) $(BPF_FLAGS) -Wno-unused-function $(ALONE) && \
		touch $@

# The ABI has the same layout on both sides only when the compiler adds nothing to it.
lint-abi: $(if $(wildcard bpf/event.h),$(LINT)/abi)
$(LINT)/abi: $(wildcard bpf/event*.h)
	@mkdir -p $(@D)
	$(call say,ABI,bpf/event.h)
	$(Q)echo '#include "bpf/event.h"' | $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Wpadded $(ALONE)
	$(Q)echo '#include "bpf/event.h"' | $(CLANG) $(BPF_FLAGS) -Wpadded $(ALONE)
	@touch $@

lint-cppcheck: $(BUILD)/flags
	@mkdir -p $(LINT)/cppcheck
	$(call say,CPPCHECK,"$(words $(LINT_C)) files")
	$(Q)$(CPPCHECK) -q -j2 --cppcheck-build-dir=$(LINT)/cppcheck --std=c11 --library=gnu,posix \
		--enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
		--suppressions-list=tests/rules/cppcheck.txt --include=tests/rules/cppcheck.h \
		-D_GNU_SOURCE -D__x86_64__ -DSNAG_VERSION='"0"' \
		-Icollector -I. -I$(BUILD)/gen -Itests $(LINT_C)

# An object is made anew when a header of its source changes, so it tells when to look again.
lint-tidy: $(LINT_C:%=$(LINT)/%.tidy)
$(LINT_C:%=$(LINT)/%.tidy): $(LINT)/%.c.tidy: $(BUILD)/obj/%.o .clang-tidy tests/rules/analyzer.h
	@mkdir -p $(@D)
	$(call say,TIDY,$*.c)
	$(Q)$(CLANG_TIDY) --quiet $*.c -- -std=gnu11 $(call lint-flags,$*) 2>/dev/null
	@touch $@

# gcc's analyzer follows the cleanup attribute, so it is the one that looks for leaks.
ANALYZER := -fanalyzer -fdiagnostics-path-format=none
# A vtable's open() gets &r->priv, after which it takes r for leaked although the guard frees it.
$(LINT)/collector/read/reader.c.analyzed: ANALYZER += -Wno-analyzer-malloc-leak
# Which option rows have a value is checked where the row is found, out of its sight.
$(LINT)/viewer/opts.c.analyzed: ANALYZER += -Wno-analyzer-null-dereference \
	-Wno-analyzer-null-argument
# It takes whatever reallocarray() is given for something that only free() may take.
$(LINT)/tests/runtime/core/base.c.analyzed: ANALYZER += -Wno-analyzer-mismatching-deallocation
lint-analyzer: $(LINT_C:%=$(LINT)/%.analyzed)
$(LINT_C:%=$(LINT)/%.analyzed): $(LINT)/%.c.analyzed: $(BUILD)/obj/%.o
	@mkdir -p $(@D)
	$(call say,ANALYZE,$*.c)
	$(Q)gcc $(call lint-flags,$*) -std=gnu11 -O1 -Werror $(ANALYZER) -c -o $@.o $*.c
	@rm -f $@.o; touch $@

.PHONY: lint layers lint-format lint-style lint-jumps lint-headers lint-abi lint-cppcheck \
	lint-tidy lint-analyzer
