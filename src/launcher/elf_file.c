/*
 * What kind of program is in a file? Nothing in it is believed: every read has
 * a bound, and a file that does not add up is no ELF file.
 */
#include "elf_file.h"

#include <elf.h>
#include <endian.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	NATIVE = __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB,
	HEADERS_MAX = 4096,
	DYNAMIC_MAX = 4096,
};

static bool read_at(int fd, void *to, size_t len, uint64_t offset)
{
	return offset <= INT64_MAX &&
	       pread(fd, to, len, (off_t)offset) == (ssize_t)len;
}

/* Both classes are one once they are read. */
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

static bool read_segment(int fd, const Elf64_Ehdr *header, unsigned int i,
			 Elf64_Phdr *to)
{
	uint64_t at = header->e_phoff + (uint64_t)i * header->e_phentsize;
	Elf32_Phdr small;

	if (header->e_ident[EI_CLASS] == ELFCLASS64)
		return read_at(fd, to, sizeof *to, at);
	if (!read_at(fd, &small, sizeof small, at))
		return false;
	*to = (Elf64_Phdr){
		.p_type = small.p_type,
		.p_offset = small.p_offset,
		.p_filesz = small.p_filesz,
	};
	return true;
}

static bool read_dynamic(int fd, bool wide, uint64_t at, Elf64_Dyn *to)
{
	Elf32_Dyn small;

	if (wide)
		return read_at(fd, to, sizeof *to, at);
	if (!read_at(fd, &small, sizeof small, at))
		return false;
	to->d_tag = small.d_tag;
	to->d_un.d_val = small.d_un.d_val;
	return true;
}

/* Does the file say of itself that it is a program, not a library? */
static bool says_program(int fd, const Elf64_Ehdr *header,
			 const Elf64_Phdr *dynamic)
{
	bool wide = header->e_ident[EI_CLASS] == ELFCLASS64;
	uint64_t step = wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	uint64_t count = dynamic->p_filesz / step;

	for (uint64_t i = 0; i < count && i < DYNAMIC_MAX; i++) {
		Elf64_Dyn entry;

		if (!read_dynamic(fd, wide, dynamic->p_offset + i * step,
				  &entry))
			return false;
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
 * A program is dynamic if it names its loader. What names none and is not
 * marked as a program is a library: and the loader itself is one, which may be
 * run with the real program as its argument and preloads as ever.
 */
static bool read_segments(int fd, const Elf64_Ehdr *header, struct elf_file *f)
{
	bool program = header->e_type == ET_EXEC;

	for (unsigned int i = 0; i < header->e_phnum && i < HEADERS_MAX; i++) {
		Elf64_Phdr segment;

		if (!read_segment(fd, header, i, &segment))
			return false;
		if (segment.p_type == PT_INTERP &&
		    !read_loader(fd, &segment, f))
			return false;
		if (segment.p_type == PT_DYNAMIC)
			program |= says_program(fd, header, &segment);
	}
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
