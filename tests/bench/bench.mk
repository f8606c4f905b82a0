# What make bench needs beside its programs: counting with BPF what tools do to their targets.

# Its BPF program is no part of snag, so it is not in bpf/.
$(BUILD)/bpf/%.bpf.o: tests/bench/still/%.bpf.c Makefile
	$(compile-bpf)
.SECONDARY: $(BUILD)/bpf/still.bpf.o

STILL := $(call objects,tests/bench/still/still.c)
$(STILL): | $(BUILD)/gen/still.skel.h
$(BUILD)/bench/timer: $(STILL)

-include $(STILL:.o=.d) $(BUILD)/bpf/still.bpf.d
