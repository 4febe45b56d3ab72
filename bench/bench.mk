# How is the bench built and started? ARGS="--quick", "--goals", "--help".
BENCH := $(filter-out bench/empty.c,$(wildcard bench/*.c))

bench: $(SO) $(B)/bench/bench $(B)/bench/empty.so
	@BENCH=$(B)/bench/bench LIB=$(abspath $(SO)) \
		EMPTY=$(abspath $(B)/bench/empty.so) bench/run $(ARGS)

# With the library's own key stream, and what that asks of the system.
$(B)/bench/bench: $(BENCH) $(wildcard bench/*.h) $(OBJ)
	$(call say,CC,bench)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(WARN)) $(CFLAGS) -o $@ $(BENCH) \
		$(filter $(addprefix $(B)/,chacha20/% system/x86% system/real% system/elf_symbol%),$(OBJ)) -ldl -lpthread

$(B)/bench/empty.so: bench/empty.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared -fPIC -o $@ $<

.PHONY: bench
