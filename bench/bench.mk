# Us against the kernel and others; ARGS="--quick", "--goals", "--help".
BENCH := $(filter-out bench/empty.c,$(wildcard bench/*.c))

bench: $(SO) $(B)/bench/bench $(B)/bench/empty.so
	@BENCH=$(B)/bench/bench EMPTY=$(B)/bench/empty.so LIB=$(abspath $(SO)) \
		bench/run $(ARGS)

# The objects one by one: weak references do not pull them from an archive.
$(B)/bench/bench: $(BENCH) $(wildcard bench/*.h) $(OBJ)
	$(call say,CC,bench)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(WARN)) $(CFLAGS) -o $@ $(BENCH) \
		$(filter $(addprefix $(B)/,chacha20/% system/x86% system/real% system/elf_symbol%),$(OBJ)) -ldl -lm -lpthread

$(B)/bench/empty.so: bench/empty.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared -fPIC -o $@ $<

.PHONY: bench
