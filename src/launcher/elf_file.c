/*
 * What kind of program is in a file? Nothing in the file is trusted: every read
 * has a bound, and a file whose contents are inconsistent counts as no ELF
 * file.
 */
#include "elf_file.h"

#include <elf.h>
#include <endian.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	NATIVE = __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB,
	TABLE_MAX = 65536,	/* the kernel's limit for program headers */
};

/* Reads as much of a table as one read returns. */
static size_t read_some(int fd, void *to, size_t len, uint64_t offset)
{
	ssize_t got = offset <= INT64_MAX ? pread(fd, to, len, (off_t)offset) :
					    -1;

	return got < 0 ? 0 : (size_t)got;
}

static bool read_at(int fd, void *to, size_t len, uint64_t offset)
{
	return read_some(fd, to, len, offset) == len;
}

/* The header of either class is converted to the 64-bit form. */
static bool read_header(int fd, Elf64_Ehdr *to)
{
	Elf32_Ehdr small;

	if (!read_at(fd, &small, sizeof small, 0))
		return false;
	*to = (Elf64_Ehdr){
		.e_type = small.e_type,
		.e_machine = small.e_machine,
		.e_phoff = small.e_phoff,
		.e_phentsize = small.e_phentsize,
		.e_phnum = small.e_phnum,
	};
	memcpy(to->e_ident, small.e_ident, EI_NIDENT);
	if (memcmp(to->e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (to->e_ident[EI_DATA] != NATIVE) {
		to->e_machine = __builtin_bswap16(to->e_machine);
		return true;
	}
	return to->e_ident[EI_CLASS] == ELFCLASS32 ||
	       read_at(fd, to, sizeof *to, 0);
}

static Elf64_Phdr segment_at(const uint8_t *table, bool wide, unsigned int i)
{
	Elf64_Phdr segment;
	Elf32_Phdr small;

	if (wide) {
		memcpy(&segment, table + i * sizeof segment, sizeof segment);
		return segment;
	}
	memcpy(&small, table + i * sizeof small, sizeof small);
	return (Elf64_Phdr){
		.p_type = small.p_type,
		.p_offset = small.p_offset,
		.p_filesz = small.p_filesz,
	};
}

static Elf64_Dyn entry_at(const uint8_t *table, bool wide, size_t i)
{
	Elf64_Dyn entry;
	Elf32_Dyn small;

	if (wide) {
		memcpy(&entry, table + i * sizeof entry, sizeof entry);
		return entry;
	}
	memcpy(&small, table + i * sizeof small, sizeof small);
	entry.d_tag = small.d_tag;
	entry.d_un.d_val = small.d_un.d_val;
	return entry;
}

/* Is the file marked as a program, not as a library? */
static bool says_program(int fd, bool wide, const Elf64_Phdr *dynamic)
{
	size_t step = wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	uint8_t table[TABLE_MAX] = {0};
	size_t len = dynamic->p_filesz < sizeof table ? dynamic->p_filesz :
							sizeof table;

	len = read_some(fd, table, len, dynamic->p_offset);
	for (size_t i = 0; i < len / step; i++) {
		Elf64_Dyn entry = entry_at(table, wide, i);

		if (entry.d_tag == DT_NULL)
			return false;
		if (entry.d_tag == DT_FLAGS_1)
			return entry.d_un.d_val & DF_1_PIE;
	}
	return false;
}

static bool read_loader(int fd, const Elf64_Phdr *segment, struct elf_file *f)
{
	if (segment->p_filesz == 0 || segment->p_filesz > sizeof f->loader)
		return false;
	if (!read_at(fd, f->loader, segment->p_filesz, segment->p_offset))
		return false;
	f->loader[segment->p_filesz - 1] = '\0';
	return true;
}

/*
 * A program is dynamic if it names its loader. A file that names none and is
 * not marked as a program is a library. The loader itself is one: it may be run
 * with the real program as its argument, and preloads libraries in that case,
 * too.
 *
 * If there are several segments of a kind, one of them is read: of the loaders
 * the first, as the kernel does, and of the dynamic sections the last, as the
 * loader does.
 */
static bool read_segments(int fd, const Elf64_Ehdr *header, struct elf_file *f)
{
	bool wide = header->e_ident[EI_CLASS] == ELFCLASS64;
	size_t step = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	size_t len = header->e_phnum * step;
	bool program = header->e_type == ET_EXEC;
	Elf64_Phdr loader = {0}, dynamic = {0};
	uint8_t table[TABLE_MAX] = {0};

	if (header->e_phentsize != step || len > sizeof table ||
	    !read_at(fd, table, len, header->e_phoff))
		return false;
	for (unsigned int i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr segment = segment_at(table, wide, i);

		if (segment.p_type == PT_INTERP && loader.p_type != PT_INTERP)
			loader = segment;
		if (segment.p_type == PT_DYNAMIC)
			dynamic = segment;
	}
	if (loader.p_type == PT_INTERP && !read_loader(fd, &loader, f))
		return false;
	if (!program && dynamic.p_type == PT_DYNAMIC)
		program = says_program(fd, wide, &dynamic);
	f->library = header->e_type == ET_DYN && !program;
	f->dynamic = f->loader[0] || f->library;
	return true;
}

bool elf_file_read(struct elf_file *f, int fd)
{
	Elf64_Ehdr header;

	*f = (struct elf_file){0};
	if (!read_header(fd, &header))
		return false;
	f->class = header.e_ident[EI_CLASS];
	f->data = header.e_ident[EI_DATA];
	f->machine = header.e_machine;
	if (f->data == NATIVE)
		return read_segments(fd, &header, f);
	f->dynamic = true;
	return true;
}

bool elf_file_alike(const struct elf_file *a, const struct elf_file *b)
{
	return a->class == b->class && a->data == b->data &&
	       a->machine == b->machine;
}
