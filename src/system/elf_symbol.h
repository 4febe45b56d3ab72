/*
 * Where does this loaded object define this name? For objects of the link map
 * and for the vDSO. Reads memory only; no lock, no allocation.
 */
#ifndef ELF_SYMBOL_H
#define ELF_SYMBOL_H

#include <link.h>
#include <stdint.h>

/*
 * The address that an object loaded at base, whose dynamic section is at
 * dynamic, gives to name; NULL if it does not define it. Versions that a plain
 * reference does not bind to (hidden ones: read@OLD) are passed over, as are
 * indirect functions, whose address is not known before they are asked.
 */
void *elf_symbol(uintptr_t base, const ElfW(Dyn) *dynamic, const char *name);

#endif
