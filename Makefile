# snag - who hangs, on what, waiting for whom.
# Wildcards find the files: adding one needs no edit here.
#
#   make          build/snag, build/grove-tree  make check       install, build, run every test
#   make demo     a hung tree, explained        make check-unit  or -scenario, -property,
#                                                           -disturb, -grove, -rules
#   make deps     Debian packages, by name      make check-root  as check, with BPF required
#   make lint     layers, style, analysers      make asan | fuzz | bench | format | install | clean
#
# Knobs: BUILD=dir  CC=gcc|clang  SAN=1  V=1  FUZZ_SECONDS=60  PREFIX=/usr/local  DESTDIR=
#        ARGS="for a test runner"  FILES="for format"

VERSION := 0.1.0
SAN ?=
BUILD ?= $(if $(SAN),build-san,build)
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG ?= clang
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
ARGS ?=
# V=1 shows the whole commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

# One job a core unless the caller chose; sub-makes share the jobs of the first.
ifeq ($(MAKELEVEL),0)
ifeq ($(filter -j% --jobs%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
endif

.DELETE_ON_ERROR:
.SUFFIXES:
all:

# ---- what there is ------------------------------------------------------------------------------

# $(call tree,DIR,PATTERN): files up to three folders below DIR, always in the same order.
tree = $(sort $(wildcard $(foreach d,/ /*/ /*/*/ /*/*/*/,$(1)$(d)$(2))))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

COLLECTOR := $(call tree,collector,*.c)
VIEWER := $(filter-out viewer/main.c,$(call tree,viewer,*.c))
BPF := $(wildcard bpf/*.bpf.c)
SQL := $(call tree,collector,*.sql)
HEADERS := $(foreach d,bpf collector viewer tests,$(call tree,$(d),*.h))
COMMON := $(wildcard tests/lib/common_*.c)
UNIT := $(call tree,tests/unit,test_*.c) $(wildcard tests/lib/unit_*.c) $(COMMON)
SCENARIO := $(filter-out tests/scenario/patients/%,$(call tree,tests/scenario,*.c)) \
	$(wildcard tests/lib/scenario_*.c) $(COMMON)
PROPERTY := $(wildcard tests/property/*.c tests/lib/property_*.c) $(COMMON)
PATIENTS := $(wildcard tests/scenario/patients/*.c)
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH := $(wildcard tests/bench/*.c)
SKELETONS := $(patsubst bpf/%.bpf.c,$(BUILD)/gen/%.skel.h,$(BPF))
GENERATED := $(SKELETONS) $(foreach f,$(SQL),$(BUILD)/gen/$(notdir $(f)).h)

# ---- how it is built ----------------------------------------------------------------------------

PACKAGES := libbpf libelf zlib sqlite3 jansson libdw liblzma libunwind-generic
ifneq ($(shell command -v pkg-config),)
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
endif

# bpftool lives in /usr/sbin, which is not in everybody's PATH; llvm-strip may carry its version.
find-tool = $(firstword $(shell PATH="$$PATH:/usr/sbin:/sbin"; \
	for t in $(1); do command -v $$t; done 2>/dev/null; true) $(firstword $(1)))
BPFTOOL := $(call find-tool,bpftool)
LLVM_STRIP := $(call find-tool,llvm-strip llvm-strip-14 llvm-strip-15 llvm-strip-16)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Werror
CFLAGS ?= -O2 -g
CPPFLAGS_ALL := -D_GNU_SOURCE -DSNAG_VERSION=\"$(VERSION)\" -Icollector -I. -I$(BUILD)/gen \
	$(PKG_CFLAGS) $(CPPFLAGS)
SAN_FLAGS_1 := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_FLAGS_fuzz := $(SAN_FLAGS_1) -fsanitize=fuzzer-no-link
CFLAGS_ALL := -std=gnu11 -pthread $(CFLAGS) $(WARNINGS) $(SAN_FLAGS_$(SAN))
LIBS := $(PKG_LIBS) -liberty -pthread -lm
LINK = $(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
# Without block placement no loop falls through into its own head, see tests/rules/jumps.py.
BPF_FLAGS := -target bpf -std=gnu11 -O2 -g -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Wshadow -Werror \
	-mllvm -disable-block-placement -I. -Ibpf \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)

PROGRAM := $(if $(wildcard viewer/main.c),$(BUILD)/snag)
all: $(BUILD)/libsnag.a $(PROGRAM)

# Rewritten only when the command line is another one: CC=clang rebuilds what it must.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' >$@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@

# Who includes a generated file waits for it the first time; later its .d file knows.
$(call objects,$(shell grep -lE '\.(skel|sql)\.h"' $(COLLECTOR) $(VIEWER) $(UNIT) /dev/null)): \
	| $(GENERATED)
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(EXTRA) -MMD -MP -c -o $@ $<

$(BUILD)/obj/tests/%.o: EXTRA = -Itests
# libFuzzer calls its entry points by name, no header declares them.
$(BUILD)/obj/tests/fuzz/%.o: EXTRA = -Itests -Wno-missing-prototypes

$(BUILD)/libsnag.a: $(call objects,$(COLLECTOR))
$(BUILD)/libviewer.a: $(call objects,$(VIEWER))
$(BUILD)/lib%.a:
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

$(BUILD)/snag: $(call objects,viewer/main.c) $(BUILD)/libviewer.a $(BUILD)/libsnag.a
	$(call say,LINK,$@)
	$(Q)$(LINK)

# The BTF stays, the DWARF goes: it is ten times the size and nothing reads it.
define compile-bpf
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@
endef
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c Makefile
	$(compile-bpf)

$(BUILD)/gen/%.skel.h: $(BUILD)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@

# collector/**/x.sql as a C string literal: static const char text[] = <newline> #include "x.sql.h"
define sql-rule
$(BUILD)/gen/$(notdir $(1)).h: $(1)
	@mkdir -p $$(@D)
	$$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' $$< >$$@
endef
$(foreach f,$(SQL),$(eval $(call sql-rule,$(f))))

# ---- tests --------------------------------------------------------------------------------------

$(BUILD)/unit: $(call objects,$(UNIT)) $(BUILD)/libviewer.a $(BUILD)/libsnag.a
	$(call say,LINK,$@)
	$(Q)$(LINK) -lcriterion
$(BUILD)/scenario: $(call objects,$(SCENARIO)) $(BUILD)/libviewer.a $(BUILD)/libsnag.a
	$(call say,LINK,$@)
	$(Q)$(LINK)
$(BUILD)/property: $(call objects,$(PROPERTY)) $(BUILD)/libviewer.a $(BUILD)/libsnag.a
	$(call say,LINK,$@)
	$(Q)$(LINK)
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libsnag.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK)

# Kept. Not all files: an archive would go without a missing secondary object that is older.
.SECONDARY: $(BPF:bpf/%.c=$(BUILD)/bpf/%.o) $(call objects,$(BENCH))

# A patient may name its compiler and options in its first line: /* build: musl-gcc -static */
$(BUILD)/patients/%: tests/scenario/patients/%.c Makefile
	@mkdir -p $(@D)
	$(call say,PATIENT,$<)
	@set -- $$(sed -n '1s@^/\* build: *\(.*\) \*/.*@\1@p' $<); $(if $(V),set -x;) \
		cc=$${1:-$(CC)}; [ $$# -eq 0 ] || shift; $$cc -std=gnu11 -D_GNU_SOURCE -O1 -g \
		-Wall -Wextra -Werror -pthread -MMD -MP -MF $@.d -o $@ $(filter %.c,$^) "$$@"

# Tests see where the build is, but not this make: some of them run a make of their own.
RUN = env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
	BUILD=$(abspath $(BUILD)) SNAG=$(abspath $(BUILD)/snag) \
	ASAN_OPTIONS=detect_leaks=1:$$ASAN_OPTIONS UBSAN_OPTIONS=print_stacktrace=1
PATIENT_PROGRAMS := $(patsubst tests/scenario/patients/%.c,$(BUILD)/patients/%,$(PATIENTS))
# Several builds of one program: this is what they are made of beside the file that says how.
$(filter $(BUILD)/patients/waits_%,$(PATIENT_PROGRAMS)): $(wildcard tests/scenario/patients/waits/*)
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(BENCH))
have = $(if $(strip $(1)),$(2),@echo "$@: no tests in this tree")

check-unit: $(if $(UNIT),$(BUILD)/unit) $(PROGRAM)
	$(call have,$(UNIT),$(Q)$(RUN) $(BUILD)/unit --timeout 60 -j$$(nproc) $(ARGS))
check-scenario: $(if $(SCENARIO),$(BUILD)/scenario) $(PATIENT_PROGRAMS) $(PROGRAM)
	$(call have,$(SCENARIO),$(Q)$(RUN) $(BUILD)/scenario $(ARGS))
check-property: $(if $(PROPERTY),$(BUILD)/property) $(PROGRAM)
	$(call have,$(PROPERTY),$(Q)$(RUN) $(BUILD)/property $(ARGS))
check-rules:
	$(call have,$(wildcard tests/rules/test_*.py),@python3 tests/rules/run.py)

SUB = $(MAKE) --no-print-directory
# A second make after deps: what is installed decides variables that are expanded here already.
# The runners run one after the other, for they look at timing, and all of them even when one fails.
check:
	+@$(SUB) deps
	+@$(SUB) tests
	+@rc=0; for t in unit scenario property disturb grove rules; do $(SUB) check-$$t || rc=1; \
		done; exit $$rc
tests: all $(PATIENT_PROGRAMS) $(if $(UNIT),$(BUILD)/unit) $(if $(SCENARIO),$(BUILD)/scenario) \
	$(if $(PROPERTY),$(BUILD)/property)
check-root:
	@[ "$$(id -u)" = 0 ] || { echo "check-root: needs root, for BPF" >&2; exit 1; }
	@SNAG_REQUIRE="$${SNAG_REQUIRE:-bpf,python}" $(SUB) check

# Criterion does not see how the process of a test ends after the test: leaks are in the reports.
REPORT := $(abspath $(BUILD))-san/report
asan:
	@rm -f $(REPORT).*
	+@rc=0; for t in unit grove; do ASAN_OPTIONS=log_path=$(REPORT) \
		$(SUB) SAN=1 BUILD=$(BUILD)-san check-$$t || rc=1; done; exit $$rc
	@! cat $(REPORT).* 2>/dev/null

bench: $(PROGRAM) $(BENCH_PROGRAMS)
	$(Q)$(RUN) tests/bench/run.sh $(ARGS)

deps:
	@tests/lib/deps.sh
demo:
	@tests/lib/deps.sh demo
	+@$(SUB) all
	@$(RUN) tests/demo.sh

# ---- what has its own folder; first what others need --------------------------------------------

include $(wildcard tests/runtime/runtime.mk tests/disturb/disturb.mk tests/bench/bench.mk \
	tests/fuzz/fuzz.mk tests/vm/vm.mk tests/rules/lint.mk)

# ---- the rest -----------------------------------------------------------------------------------

FORMATTED := $(HEADERS) $(BPF) $(foreach d,collector viewer tests,$(call tree,$(d),*.c))
format:
	python3 tests/rules/wrap.py $(or $(FILES),$(FORMATTED))
	$(CLANG_FORMAT) -i $(or $(FILES),$(FORMATTED))

MAN := $(wildcard docs/man/*.1)
COMPLETIONS := bash-completion/completions/snag zsh/site-functions/_snag \
	fish/vendor_completions.d/snag.fish
SHARE := $(DESTDIR)$(PREFIX)/share
install: $(BUILD)/snag
	install -D -m 755 $(BUILD)/snag $(DESTDIR)$(PREFIX)/bin/snag
	$(if $(MAN),install -D -m 644 -t $(SHARE)/man/man1 $(MAN))
	install -d $(addprefix $(SHARE)/,$(dir $(COMPLETIONS)))
	$(foreach c,$(COMPLETIONS),$(BUILD)/snag --completion \
		$(firstword $(subst /, ,$(subst -, ,$(c)))) >$(SHARE)/$(c) &&) true
clean:
	rm -rf $(BUILD) $(BUILD)-san

FORCE:
.PHONY: all deps demo check tests check-unit check-scenario check-property check-rules check-root \
	asan bench format install clean FORCE

-include $(patsubst %.o,%.d,$(call objects,$(COLLECTOR) $(VIEWER) viewer/main.c $(UNIT) \
	$(SCENARIO) $(PROPERTY) $(BENCH) $(FUZZ:%=tests/fuzz/fuzz_%.c)) \
	$(BPF:bpf/%.c=$(BUILD)/bpf/%.o))
-include $(PATIENT_PROGRAMS:%=%.d)
