/*
 * Where does this loaded object define this name?
 *
 * Two tables can tell: the GNU hash table, which nearly every object has, and
 * the older System V hash table (gABI, chapter 5). The layout of the GNU table
 * is described only by its implementations: a header of four words, a Bloom
 * filter, buckets, and chains of hashes. The lowest bit of a hash marks the
 * last one of a chain.
 */
#include "elf_symbol.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { HIDDEN_VERSION = 0x8000 };

struct object {
	uintptr_t base;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint16_t *versions;
	const uint32_t *gnu_hash;
	const uint32_t *sysv_hash;
};

/*
 * In most objects the loader has already added the base to these addresses, but
 * not in the vDSO.
 */
static const void *at(uintptr_t base, uintptr_t value)
{
	return (const void *)(value < base ? base + value : value);
}

static bool object_read(struct object *o, uintptr_t base,
			const ElfW(Dyn) *dynamic)
{
	memset(o, 0, sizeof *o);
	o->base = base;
	for (const ElfW(Dyn) *d = dynamic; d->d_tag != DT_NULL; d++) {
		const void *value = at(base, d->d_un.d_ptr);

		switch (d->d_tag) {
		case DT_SYMTAB:
			o->symbols = value;
			break;
		case DT_STRTAB:
			o->strings = value;
			break;
		case DT_VERSYM:
			o->versions = value;
			break;
		case DT_GNU_HASH:
			o->gnu_hash = value;
			break;
		case DT_HASH:
			o->sysv_hash = value;
			break;
		}
	}
	return o->symbols && o->strings;
}

static void *definition(const struct object *o, uint32_t i, const char *name)
{
	const ElfW(Sym) *s = &o->symbols[i];
	unsigned type = s->st_info & 0xf;

	if (s->st_shndx == SHN_UNDEF || strcmp(o->strings + s->st_name, name))
		return NULL;
	if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE)
		return NULL;
	if (o->versions && (o->versions[i] & HIDDEN_VERSION))
		return NULL;
	return (void *)(o->base + s->st_value);
}

static void *gnu_search(const struct object *o, const char *name)
{
	const uint32_t *head = o->gnu_hash;
	uint32_t bucket_count = head[0], first = head[1];
	uint32_t filter_words = head[2], shift = head[3];
	const ElfW(Addr) *filter = (const ElfW(Addr) *)(head + 4);
	const uint32_t *buckets = (const uint32_t *)(filter + filter_words);
	const uint32_t *chains = buckets + bucket_count;
	enum { BITS = 8 * sizeof *filter };
	uint32_t hash = 5381;
	ElfW(Addr) word;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;

	word = filter[hash / BITS % filter_words];
	if (!(word >> hash % BITS & word >> (hash >> shift) % BITS & 1))
		return NULL;
	for (uint32_t i = buckets[hash % bucket_count]; i >= first; i++) {
		uint32_t link = chains[i - first];
		void *found = NULL;

		if ((link | 1) == (hash | 1))
			found = definition(o, i, name);
		if (found || (link & 1))
			return found;
	}
	return NULL;
}

static void *sysv_search(const struct object *o, const char *name)
{
	uint32_t bucket_count = o->sysv_hash[0];
	const uint32_t *buckets = o->sysv_hash + 2;
	const uint32_t *chains = buckets + bucket_count;
	uint32_t hash = 0;

	for (const char *c = name; *c; c++) {
		hash = (hash << 4) + (unsigned char)*c;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	for (uint32_t i = buckets[hash % bucket_count]; i; i = chains[i]) {
		void *found = definition(o, i, name);

		if (found)
			return found;
	}
	return NULL;
}

void *elf_symbol(uintptr_t base, const ElfW(Dyn) *dynamic, const char *name)
{
	struct object o;

	if (!dynamic || !object_read(&o, base, dynamic))
		return NULL;
	if (o.gnu_hash)
		return gnu_search(&o, name);
	return o.sysv_hash ? sysv_search(&o, name) : NULL;
}
