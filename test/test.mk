# A folder for each wing of src, for the whole, and for what tests have in common.
TESTS := chacha20 generator source interpose report system launcher whole support
vpath %.c $(addprefix test/,$(TESTS))

# Tests of the rooms, with fakes for others; of the library from outside; scripts.
WHITEBOX := chacha20 chacha20_traces model fill fill_requests fill_buckets fill_counts step \
	step_threads step_contexts step_overlap secrets generation \
	elf_symbol old_libc image image_mark image_wiped scale sandbox_first
ALL := $(basename $(notdir $(wildcard $(TESTS:%=test/%/*.c))))
PLUGINS := $(filter plugin_%,$(ALL))
BLACKBOX := $(filter-out $(WHITEBOX) $(PLUGINS) calls compare soak,$(ALL))
SCRIPTS := $(patsubst test/%.sh,%,$(wildcard $(TESTS:%=test/%/*.sh)))
PROGRAMS := $(addprefix $(B)/test/,$(WHITEBOX) $(BLACKBOX) calls compare \
	$(addsuffix .so,$(PLUGINS)))
CMOCKA = $(if $(filter calls,$*),,-lcmocka -lpthread -ldl)
LDFLAGS_plugin_sysv := -Wl,--hash-style=sysv

$(PROGRAMS): $(B)/built_by

test: $(SO) $(COMMAND) $(PROGRAMS)
	@WHITEBOX="$(WHITEBOX)" BLACKBOX="$(BLACKBOX)" SCRIPTS="$(SCRIPTS)" \
		test/run $(B) $(abspath $(SO))

demo: $(SO) $(B)/test/calls
	@test/demo $(abspath $(SO)) $(B)/test/calls

# MINUTES=2: all storms together, and statistics on what was drawn.
soak: $(SO) $(B)/test/soak $(B)/test/plugin_early.so
	@test/soak $(B) $(abspath $(SO))

# Real machines in QEMU, cloned while they draw; KERNELS=... picks some.
test-vm: $(SO)
	@CC="$(CC)" test/vm/run $(abspath $(SO)) $(KERNELS)

# Processes dumped and restored by real CRIU, old and new.
test-criu: $(SO)
	@CC="$(CC)" test/vm/criu $(abspath $(SO))

# What the manual says of installing, done on a real Debian; RECIPES=... picks some.
test-recipes:
	@MAKE="$(MAKE)" test/vm/recipes $(RECIPES)

$(B)/rooms.a: $(OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/test/plugin_%.so: plugin_%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) -Itest -fPIC -shared $(CFLAGS) $(LDFLAGS_plugin_$*) -o $@ $<

$(addprefix $(B)/test/,$(WHITEBOX)): $(B)/test/%: %.c $(B)/rooms.a
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) -Itest $(CFLAGS) -o $@ $< $(B)/rooms.a $(CMOCKA)

$(B)/test/%: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARN) -Itest $(CFLAGS) -o $@ $< $(CMOCKA)

.PHONY: test demo soak test-vm test-criu test-recipes
-include $(wildcard $(B)/test/*.d)
