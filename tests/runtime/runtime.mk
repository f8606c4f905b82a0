# grove, the actor runtime under test: build/libgrove.a, build/grove-tree, make check-grove.
#
#   make check-grove ARGS="--filter wire_*"     make check-grove SAN=1     make valgrind-grove
#
# While one folder is being worked on, the others can be left out: GROVE_PARTS="core wire".

GROVE_PARTS ?= core wire actor spawn res fault
GROVE := $(foreach p,$(GROVE_PARTS),$(call tree,tests/runtime/$(p),*.c))
GROVE_ASM := $(foreach p,$(GROVE_PARTS),$(call tree,tests/runtime/$(p),*.S))
GROVE_TEST := $(wildcard tests/runtime/test/*.c)
GROVE_TREE := $(if $(wildcard tests/runtime/tree.c),$(BUILD)/grove-tree)
GROVE_BENCH := $(if $(wildcard tests/runtime/bench.c),$(BUILD)/grove-bench)
# Only what reads bytes of other processes has a fuzzer; tests/fuzz/fuzz.mk links these with grove.
GROVE_FUZZ := $(filter frame multiaddr endpoints,$(FUZZ))

GROVE_PACKAGES := msgpack
ifneq ($(shell command -v pkg-config),)
GROVE_CFLAGS := $(shell pkg-config --cflags $(GROVE_PACKAGES) 2>/dev/null)
GROVE_LIBS := $(shell pkg-config --libs $(GROVE_PACKAGES) 2>/dev/null)
endif

# No -Icollector: grove shares nothing with snag but one public header. private: $(BUILD)/flags is
# made for these objects as well, and holds the line of all others.
GROVE_CPPFLAGS := -D_GNU_SOURCE -Itests -I. $(GROVE_CFLAGS) $(CPPFLAGS)
$(BUILD)/obj/tests/runtime/%.o: private CPPFLAGS_ALL = $(GROVE_CPPFLAGS)
$(BUILD)/obj/tests/runtime/%.o: tests/runtime/%.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# grove needs none of snag's libraries.
GROVE_PROGRAMS := $(BUILD)/grove-test $(BUILD)/grove-tree $(BUILD)/grove-bench
$(GROVE_PROGRAMS): private LIBS = $(GROVE_LIBS) -pthread -lm
$(BUILD)/libgrove.a: $(call objects,$(GROVE)) $(GROVE_ASM:%.S=$(BUILD)/obj/%.o)
$(BUILD)/grove-test: $(call objects,$(GROVE_TEST)) $(BUILD)/libgrove.a
	$(call say,LINK,$@)
	$(Q)$(LINK) -lcriterion
$(BUILD)/grove-tree $(BUILD)/grove-bench: $(BUILD)/grove-%: $(BUILD)/obj/tests/runtime/%.o \
		$(BUILD)/libgrove.a
	$(call say,LINK,$@)
	$(Q)$(LINK)

all: $(if $(GROVE),$(BUILD)/libgrove.a) $(GROVE_TREE)
tests: $(if $(GROVE_TEST),$(BUILD)/grove-test)

# A section of tests/bench/run.sh.
bench: $(GROVE_BENCH)

GROVE_RUN = GROVE_TREE=$(abspath $(BUILD)/grove-tree) $(RUN)
check-grove: $(if $(GROVE_TEST),$(BUILD)/grove-test) $(GROVE_TREE) $(BUILD)/snag
	$(call have,$(GROVE_TEST),$(Q)GROVE_SNAG=$(abspath $(BUILD)/snag) $(GROVE_RUN) \
		$(BUILD)/grove-test --timeout 60 $(ARGS))

# The scenarios of tests/scenario/grove/ start it.
check-scenario: $(GROVE_TREE)

# Criterion does not see how the process of a test ends, so the reports of all processes are files,
# which stay empty when valgrind has nothing to say. With gcc: valgrind 3.19 cannot read the debug
# information of clang 14. It takes its time: each process needs a second of a core to start.
GRIND := $(abspath $(BUILD))/valgrind
valgrind-grove: $(BUILD)/grove-test $(GROVE_TREE)
	@rm -f $(GRIND).*
	$(Q)rc=0; $(GROVE_RUN) valgrind -q --trace-children=yes --leak-check=full \
		--errors-for-leak-kinds=definite --show-leak-kinds=definite --error-exitcode=99 \
		--log-file=$(GRIND).%p $(BUILD)/grove-test --timeout 300 $(ARGS) || rc=1; \
		! cat $(GRIND).* | grep . || rc=1; \
		echo "valgrind: looked at $$(ls $(GRIND).* | wc -l) processes"; exit $$rc
# Some of it: the core, and on every backend an actor that dies and one that lives on.
VALGRIND_QUICK := core_@(io|loop|read|scope|sync|task)/*|actor_end/death_*|actor_call/unknown_*
valgrind-quick:
	+@$(SUB) valgrind-grove ARGS='--filter "@($(VALGRIND_QUICK))"'

.PHONY: check-grove valgrind-grove valgrind-quick
-include $(patsubst %.o,%.d,$(call objects,$(GROVE) $(GROVE_TEST) $(wildcard tests/runtime/*.c)) \
	$(GROVE_ASM:%.S=$(BUILD)/obj/%.o))
