/*
 * What kind of program is in a file? As far as the loader cares.
 */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct elf_file {
	uint8_t class;		/* ELFCLASS32, ELFCLASS64 */
	uint8_t data;		/* ELFDATA2LSB, ELFDATA2MSB */
	uint16_t machine;	/* EM_...; in the byte order of this machine */
	bool library;		/* what a loader can load, not a program */
	bool dynamic;		/* has a loader, or is one */
	char loader[256];	/* path; "" where there is none */
};

/*
 * What is in an open file. False: no ELF file, or one that cannot be read or
 * understood. Of a file in the other byte order only class, data and machine
 * are told, and dynamic is true.
 */
bool elf_file_read(struct elf_file *f, int fd);

/* Could they share a process? */
bool elf_file_alike(const struct elf_file *a, const struct elf_file *b);

#endif
