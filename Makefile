# make            libfastrand.so and the fastrand command
# make demo       the main job, shown on real programs
# make test       what the README promises (needs cmocka)
# make soak       MINUTES=2: storms; with apt and root: test-vm, test-criu
# make bench      us against the kernel and others
# make install    PREFIX=/usr/local DESTDIR= MULTIARCH=1; uninstall takes the same
# V=1 shows the commands.

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
B ?= build
SO := libfastrand.so
COMMAND := fastrand
Q := $(if $(V),,@)
# make -s says nothing.
SILENT := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(V)$(SILENT),,@printf '  %-5s %s\n' $(1) $(2))

# On arm64 libgcc's atomics would come without the note of protected control flow.
MACHINE := $(shell $(CC) -dumpmachine)
HARDEN := $(if $(findstring x86_64,$(MACHINE)),-fcf-protection=full) \
	$(if $(findstring aarch64,$(MACHINE)),-mbranch-protection=standard \
	-mno-outline-atomics)
WARN := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -MMD -MP -Isrc -Iinclude
# Frame pointers: profilers that follow them would lose the stack in our code.
OURS := $(WARN) -fPIC -fvisibility=hidden -fno-stack-protector \
	-fno-omit-frame-pointer -U_FORTIFY_SOURCE $(HARDEN)

# The library defines libc's names for small and for large files itself.
SMALL := -U_FILE_OFFSET_BITS -U_TIME_BITS

# Two segments instead of four: 13 us less at every start of every program.
# Never unloaded: handlers and threads may be in it. So it needs no start files,
# some of which would take the note of protected control flow from it.
LINK := -shared -nostartfiles -Wl,-z,nodelete -Wl,-z,noseparate-code \
	-Wl,-soname,libfastrand.so -Wl,--version-script=src/exports.map \
	-Wl,-z,defs -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,--hash-style=gnu

WINGS := system chacha20 source generator report interpose
SRC := $(wildcard $(foreach wing,. $(WINGS),src/$(wing)/*.c src/$(wing)/*.S))
OBJ := $(patsubst src/%,$(B)/%.o,$(SRC:src/./%=src/%))

all: $(SO) $(COMMAND)

$(SO): $(OBJ) src/exports.map Makefile
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $(OBJ)

$(B)/%.o: src/%
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OURS) $(CFLAGS) $(CPPFLAGS) $(SMALL) -c -o $@ $<

# Another compiler, or other flags: everything anew.
export BUILT_BY := $(CC) $(OURS) $(CFLAGS) $(CPPFLAGS)
$(B)/built_by: FORCE
	@mkdir -p $(@D); printenv BUILT_BY | cmp -s - $@ || printenv BUILT_BY >$@
$(OBJ): $(B)/built_by

clean:
	rm -rf $(B) $(SO) $(COMMAND)

FORCE:
.PHONY: all clean FORCE

include src/launcher/install.mk test/test.mk bench/bench.mk
-include $(OBJ:.o=.d)
