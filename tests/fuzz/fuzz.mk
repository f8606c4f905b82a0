# make fuzz: each fuzzer for FUZZ_SECONDS, with the sanitizers.

fuzz:
	+@$(SUB) SAN=fuzz CC=$(CLANG) BUILD=$(BUILD)/fuzz CFLAGS="-O1 -g" fuzz-build
	+@rc=0; for name in $(FUZZ); do \
		BUILD=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/lib/fuzz.sh $$name || rc=1; \
		done; exit $$rc
FUZZ_PROGRAMS := $(patsubst %,$(BUILD)/%,$(FUZZ))
fuzz-build: $(FUZZ_PROGRAMS)
$(filter-out $(GROVE_FUZZ:%=$(BUILD)/%),$(FUZZ_PROGRAMS)): $(BUILD)/libviewer.a $(BUILD)/libsnag.a
$(GROVE_FUZZ:%=$(BUILD)/%): private LIBS = $(GROVE_LIBS) -pthread
$(GROVE_FUZZ:%=$(BUILD)/%): $(BUILD)/libgrove.a
$(BUILD)/python: $(BUILD)/obj/tests/lib/common_pages.o
$(FUZZ_PROGRAMS): $(BUILD)/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o
	$(call say,LINK,$@)
	$(Q)$(LINK) -fsanitize=fuzzer

.PHONY: fuzz fuzz-build
