# make check-disturb: nothing happens to the targets of snag, counted with BPF.

DISTURB := $(sort $(filter-out %.bpf.c,$(wildcard tests/disturb/*.c))) \
	$(patsubst %,tests/lib/scenario_%.c,exec needs proc)

# Its BPF program is no part of snag, so it is not in bpf/.
$(BUILD)/bpf/%.bpf.o: tests/disturb/%.bpf.c Makefile
	$(compile-bpf)
.SECONDARY: $(BUILD)/bpf/disturb.bpf.o

$(call objects,tests/disturb/main.c): | $(BUILD)/gen/disturb.skel.h
$(BUILD)/disturb: $(call objects,$(DISTURB)) $(BUILD)/libsnag.a
	$(call say,LINK,$@)
	$(Q)$(LINK)

tests: $(BUILD)/disturb
check-disturb: $(BUILD)/disturb $(PROGRAM)
	$(Q)$(RUN) $(BUILD)/disturb $(ARGS)

# What `make check` tries some ten thousand times, a million times: captures that must not disturb,
# and stable captures of threads that flip between two stacks. Some minutes.
soak: $(BUILD)/disturb $(BUILD)/unit $(PROGRAM)
	$(Q)$(RUN) SNAG_FLIPS=1000000 $(BUILD)/unit --filter 'bpf_stacks/a_stable_*' --timeout 900
	$(Q)$(RUN) $(BUILD)/disturb 50

.PHONY: check-disturb soak
-include $(patsubst %.o,%.d,$(call objects,$(DISTURB)) $(BUILD)/bpf/disturb.bpf.o)
