/*
 * Where does this loaded object define this name? This works for objects of the
 * link map and for the vDSO. It only reads memory, takes no lock and allocates
 * nothing.
 */
#ifndef ELF_SYMBOL_H
#define ELF_SYMBOL_H

#include <link.h>
#include <stdint.h>

/*
 * Returns the address of the definition of name in the object that is loaded at
 * base and whose dynamic section is at dynamic, or NULL if the object does not
 * define the name. A version that a reference without a version does not bind
 * to (a hidden one: read@OLD) is ignored. So are indirect functions, because
 * their address is known only after their resolver was called.
 */
void *elf_symbol(uintptr_t base, const ElfW(Dyn) *dynamic, const char *name);

#endif
