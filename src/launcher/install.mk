# The fastrand command, and where everything goes.

ifdef MULTIARCH
# What the loader of programs that CC makes puts for $LIB: it alone knows.
LIB := $(shell mkdir -p $(B) && echo 'int main(void) { return 0; }' | \
	$(CC) $(CFLAGS) -xc -o $(B)/empty - && \
	LD_LIBRARY_PATH='/@$$LIB@' LD_DEBUG=libs $(B)/empty 2>&1 | \
	sed -n 's|.*/@\([^@]*\)@.*|\1|p' | head -n 1)
endif
LIBDIR ?= $(PREFIX)/$(if $(MULTIARCH),$(LIB),lib)
# What LD_PRELOAD says of the installed library.
PRELOAD ?= $(if $(MULTIARCH),$(PREFIX)/$$LIB,$(LIBDIR))/libfastrand.so
MAN ?= $(PREFIX)/share/man

LAUNCHER := $(patsubst src/%,$(B)/%.o,$(wildcard src/launcher/*.c))
VERSION = $(shell sed -n 's/.*FASTRAND_VERSION "\(.*\)"/\1/p' include/fastrand.h)

$(COMMAND): $(LAUNCHER) $(B)/tier.c.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -pie -Wl,-z,now -Wl,-z,relro $(LDFLAGS) -o $@ $^ -ldl

# Its own flags; the installed places are in one object, made anew when they move.
$(LAUNCHER): OURS = $(WARN) -fPIE -D_FILE_OFFSET_BITS=64 \
	-DLIBDIR='"$(LIBDIR)"' -DPRELOAD='"$(PRELOAD)"'
$(B)/launcher/library.c.o: $(B)/places
$(B)/places: FORCE
	@mkdir -p $(@D); echo '$(LIBDIR) $(PRELOAD)' | cmp -s - $@ || \
		echo '$(LIBDIR) $(PRELOAD)' >$@

install: install-library $(COMMAND)
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include) \
		$(addprefix $(DESTDIR)$(MAN)/man,1 3 7)
	install -m 755 $(COMMAND) $(DESTDIR)$(PREFIX)/bin/fastrand
	install -m 644 include/fastrand.h $(DESTDIR)$(PREFIX)/include/
	for s in 1 3 7; do install -m 644 src/man/*.$$s $(DESTDIR)$(MAN)/man$$s/; done

# The second kind of library of a multiarch system needs no second command. In
# one step: a running program keeps the file it has, a starting one finds one.
install-library: $(SO)
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 755 $(SO) $(DESTDIR)$(LIBDIR)/libfastrand.so.new
	mv -f $(DESTDIR)$(LIBDIR)/libfastrand.so.new $(DESTDIR)$(LIBDIR)/libfastrand.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' src/libfastrand.pc.in \
		>$(DESTDIR)$(LIBDIR)/pkgconfig/libfastrand.pc

uninstall:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libfastrand.so pkgconfig/libfastrand.pc) \
		$(addprefix $(DESTDIR)$(PREFIX)/,bin/fastrand include/fastrand.h) \
		$(addprefix $(DESTDIR)$(MAN)/,man1/fastrand.1 man3/libfastrand.3 \
		man7/libfastrand.7)

.PHONY: install install-library uninstall
-include $(LAUNCHER:.o=.d)
