# make            libfastrand.so
# make demo       the main job, shown on real programs
# make test       everything the README promises (needs cmocka)
# make bench      us against the kernel, ratios
# make install    PREFIX=/usr/local DESTDIR=
# V=1 shows the commands.

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
B := build
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

MACHINE := $(shell $(CC) -dumpmachine)
HARDEN := $(if $(findstring x86_64,$(MACHINE)),-fcf-protection=full) \
	$(if $(findstring aarch64,$(MACHINE)),-mbranch-protection=standard)
OURS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -fPIC -fvisibility=hidden \
	-fno-stack-protector -fno-strict-aliasing $(HARDEN) -MMD -MP
LINK := -shared -Wl,-soname,libfastrand.so -Wl,--version-script=src/exports.map \
	-Wl,-z,defs -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,--as-needed

SRC := $(wildcard src/*.c src/*.S src/interpose/*.c src/interpose/*.S)
OBJ := $(patsubst src/%,$(B)/%.o,$(SRC))

all: libfastrand.so

libfastrand.so: $(OBJ) src/exports.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $(OBJ)

$(B)/%.o: src/%
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OURS) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

clean:
	rm -rf $(B) libfastrand.so

.PHONY: all clean
-include $(OBJ:.o=.d)
