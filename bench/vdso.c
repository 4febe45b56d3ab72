/* A small reader of the one ELF object that the kernel maps everywhere. */
#include "vdso.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

struct image {
	uintptr_t base;		/* what its addresses are relative to */
	const ElfW(Sym) *symbols;
	const char *strings;
	size_t count;
};

/* The table of symbols has no length of its own: the hash table knows it. */
static size_t count_by_gnu_hash(const uint32_t *hash)
{
	uint32_t buckets = hash[0], first = hash[1], bloom = hash[2];
	const uint32_t *bucket =
		(const uint32_t *)((const ElfW(Addr) *)(hash + 4) + bloom);
	const uint32_t *chain = bucket + buckets;
	uint32_t last = 0;

	for (uint32_t i = 0; i < buckets; i++)
		if (bucket[i] > last)
			last = bucket[i];
	if (last < first)
		return first;
	while (!(chain[last - first] & 1))
		last++;
	return last + 1;
}

static int image_read(struct image *image)
{
	uintptr_t start = getauxval(AT_SYSINFO_EHDR);
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)start;
	const ElfW(Phdr) *segment;
	const ElfW(Dyn) *d = NULL;
	int based = 0;

	if (!start)
		return 0;
	memset(image, 0, sizeof *image);
	segment = (const ElfW(Phdr) *)(start + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++, segment++) {
		if (segment->p_type == PT_LOAD && !based) {
			image->base = start + segment->p_offset -
				      segment->p_vaddr;
			based = 1;
		} else if (segment->p_type == PT_DYNAMIC) {
			d = (const ElfW(Dyn) *)(start + segment->p_offset);
		}
	}
	if (!d || !based)
		return 0;

	for (; d->d_tag != DT_NULL; d++) {
		uintptr_t at = image->base + d->d_un.d_ptr;

		if (d->d_tag == DT_SYMTAB)
			image->symbols = (const ElfW(Sym) *)at;
		else if (d->d_tag == DT_STRTAB)
			image->strings = (const char *)at;
		else if (d->d_tag == DT_GNU_HASH)
			image->count = count_by_gnu_hash((const uint32_t *)at);
		else if (d->d_tag == DT_HASH && !image->count)
			image->count = ((const uint32_t *)at)[1];
	}
	return image->symbols && image->strings;
}

vdso_getrandom_fn *vdso_getrandom(void)
{
	struct image image;

	if (!image_read(&image))
		return NULL;
	for (size_t i = 0; i < image.count; i++) {
		const ElfW(Sym) *s = &image.symbols[i];
		const char *name = image.strings + s->st_name;

		if (s->st_shndx != SHN_UNDEF &&
		    (!strcmp(name, "__vdso_getrandom") ||
		     !strcmp(name, "__kernel_getrandom")))
			return (vdso_getrandom_fn *)(image.base + s->st_value);
	}
	return NULL;
}

void *vdso_state(vdso_getrandom_fn *f, size_t *size)
{
	struct {
		uint32_t size, prot, flags, reserved[13];
	} wanted = { 0 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p;

	if (f(NULL, 0, 0, &wanted, ~(size_t)0) != 0)
		return NULL;
	*size = wanted.size;
	p = mmap(NULL, (wanted.size + page - 1) / page * page,
		 (int)wanted.prot, (int)wanted.flags, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}
