# How is the fastrand command built, and where is everything installed?

ifneq ($(filter-out 0 no,$(MULTIARCH)),)
# The value that $LIB has in the loader of the programs that CC makes. Only this
# loader knows it.
LIB := $(shell mkdir -p $(B) && echo 'int main(void) { return 0; }' | \
	$(CC) $(CFLAGS) -xc -o $(B)/empty - && \
	LD_LIBRARY_PATH='/@$$LIB@' LD_DEBUG=libs $(B)/empty 2>&1 | \
	sed -n 's|.*/@\([^@]*\)@.*|\1|p' | head -n 1)
ifeq ($(LIB),)
$(error MULTIARCH: programs of $(CC) do not tell here what $$LIB is; give LIB=)
endif
LIBDIR ?= $(PREFIX)/$(LIB)
# The path of the installed library in LD_PRELOAD.
PRELOAD ?= $(PREFIX)/$$LIB/libfastrand.so
endif
LIBDIR ?= $(PREFIX)/lib
PRELOAD ?= $(LIBDIR)/libfastrand.so
MAN ?= $(PREFIX)/share/man

ifneq ($(filter-out /%,$(PREFIX) $(LIBDIR) $(MAN)),)
$(error PREFIX=$(PREFIX) is not an absolute path without blanks)
endif
ifneq ($(word 2,$(DESTDIR)),)
$(error DESTDIR=$(DESTDIR) has a blank in it)
endif

LAUNCHER := $(patsubst src/%,$(B)/%.o,$(wildcard src/launcher/*.c))
VERSION = $(shell sed -n 's/.*FASTRAND_VERSION "\(.*\)"/\1/p' include/fastrand.h)

$(COMMAND): $(LAUNCHER) $(B)/source/tier.c.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -pie -Wl,-z,now -Wl,-z,relro $(LDFLAGS) -o $@ $^ -ldl

# The command has flags of its own. Only one object contains the installed
# paths; it is built again when they change.
$(LAUNCHER): $(B)/built_by
$(LAUNCHER): SMALL =
$(LAUNCHER): OURS = $(WARN) -fPIE -D_FILE_OFFSET_BITS=64 \
	-DPRELOAD='"$(PRELOAD)"'
$(B)/launcher/library.c.o: $(B)/places
$(B)/places: FORCE
	@mkdir -p $(@D); echo '$(PRELOAD)' | cmp -s - $@ || \
		echo '$(PRELOAD)' >$@

install: install-library $(COMMAND)
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(PREFIX)/include \
		$(PREFIX)/share/libfastrand $(MAN)/man1 $(MAN)/man3 $(MAN)/man7)
	install -m 755 $(COMMAND) $(DESTDIR)$(PREFIX)/bin/fastrand
	install -m 644 include/fastrand.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 src/libfastrand.supp $(DESTDIR)$(PREFIX)/share/libfastrand/
	install -m 644 src/man/fastrand.1 $(DESTDIR)$(MAN)/man1/
	install -m 644 src/man/libfastrand.3 $(DESTDIR)$(MAN)/man3/
	install -m 644 src/man/libfastrand.7 $(DESTDIR)$(MAN)/man7/

# This target is for the second kind of library of a multiarch system, which
# needs no second command. The file is replaced in one step: a running program
# keeps the old file, and a program that is being started finds a complete one.
install-library: $(SO)
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 755 $(SO) $(DESTDIR)$(LIBDIR)/libfastrand.so.new
	mv -f $(DESTDIR)$(LIBDIR)/libfastrand.so.new $(DESTDIR)$(LIBDIR)/libfastrand.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' src/libfastrand.pc.in \
		>$(B)/libfastrand.pc
	install -m 644 $(B)/libfastrand.pc $(DESTDIR)$(LIBDIR)/pkgconfig/

# Folders that are empty afterwards are removed, too, but not those that every
# system has.
FOLDERS := $(if $(filter / /usr /usr/local,$(PREFIX)),,bin include \
	$(patsubst $(PREFIX)/%,%,$(filter $(PREFIX)/%,$(LIBDIR)/pkgconfig \
	$(MAN)/man1 $(MAN)/man3 $(MAN)/man7)))

uninstall:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libfastrand.so pkgconfig/libfastrand.pc) \
		$(addprefix $(DESTDIR)$(PREFIX)/,bin/fastrand include/fastrand.h \
		share/libfastrand/libfastrand.supp) \
		$(addprefix $(DESTDIR)$(MAN)/,man1/fastrand.1 man3/libfastrand.3 \
		man7/libfastrand.7)
	rmdir $(DESTDIR)$(PREFIX)/share/libfastrand 2>/dev/null || true
	$(if $(FOLDERS),{ cd $(DESTDIR)$(PREFIX)/ && rmdir -p \
		--ignore-fail-on-non-empty $(FOLDERS); \
		rmdir $(DESTDIR)$(PREFIX); } 2>/dev/null || true)

.PHONY: install install-library uninstall
-include $(LAUNCHER:.o=.d)
