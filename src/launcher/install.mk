# The fastrand command, and where everything goes.

ifneq ($(filter-out 0 no,$(MULTIARCH)),)
# What the loader of programs that CC makes puts for $LIB: it alone knows.
LIB := $(shell mkdir -p $(B) && echo 'int main(void) { return 0; }' | \
	$(CC) $(CFLAGS) -xc -o $(B)/empty - && \
	LD_LIBRARY_PATH='/@$$LIB@' LD_DEBUG=libs $(B)/empty 2>&1 | \
	sed -n 's|.*/@\([^@]*\)@.*|\1|p' | head -n 1)
ifeq ($(LIB),)
$(error MULTIARCH: programs of $(CC) do not tell here what $$LIB is; give LIB=)
endif
LIBDIR ?= $(PREFIX)/$(LIB)
# What LD_PRELOAD says of the installed library.
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

# Its own flags; the installed places are in one object, made anew when they move.
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

# The second kind of library of a multiarch system needs no second command. In
# one step: a running program keeps the file it has, a starting one finds one.
install-library: $(SO)
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 755 $(SO) $(DESTDIR)$(LIBDIR)/libfastrand.so.new
	mv -f $(DESTDIR)$(LIBDIR)/libfastrand.so.new $(DESTDIR)$(LIBDIR)/libfastrand.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' src/libfastrand.pc.in \
		>$(B)/libfastrand.pc
	install -m 644 $(B)/libfastrand.pc $(DESTDIR)$(LIBDIR)/pkgconfig/

# Folders that are empty then go too, but not those that every system has.
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
