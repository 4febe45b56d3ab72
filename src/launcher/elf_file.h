/*
 * What kind of program is in a file, as far as the loader's decision depends on
 * it?
 */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct elf_file {
	uint8_t class;		/* ELFCLASS32, ELFCLASS64 */
	uint8_t data;		/* ELFDATA2LSB, ELFDATA2MSB */
	uint16_t machine;	/* EM_..., in the byte order of this machine */
	bool library;		/* a loader can load it; it is no program */
	bool dynamic;		/* it names a loader, or is a library */
	char loader[256];	/* path; "" if it names none */
};

/*
 * Finds out what is in an open file. False: it is no ELF file, or one that
 * cannot be read or understood. Of a file in the other byte order only class,
 * data and machine are known, and dynamic is true.
 */
bool elf_file_read(struct elf_file *f, int fd);

/* Could these two files be loaded into one process? */
bool elf_file_alike(const struct elf_file *a, const struct elf_file *b);

#endif
