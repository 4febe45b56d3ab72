/* Where is the vDSO, and which functions does it have? See vdso.h. */
#include "vdso.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "system/elf_symbol.h"
#include "system/real.h"

enum {
	MAP_DROPPABLE_ANONYMOUS = 0x28,
	ENTRY = 32	/* bytes of code; a redirection changes some */
};

/*
 * What the function tells about itself if it is called with a state size of ~0.
 */
struct state_parameters {
	uint32_t size;
	uint32_t protection;
	uint32_t flags;
	uint32_t reserved[13];
};

static vdso_getrandom_function *function;
static uint8_t entry[ENTRY];

uintptr_t vdso_base(void)
{
	return real_told(AT_SYSINFO_EHDR);
}

void *vdso_function(const char *name)
{
	const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)vdso_base();
	const ElfW(Phdr) *segment;
	const ElfW(Dyn) *dynamic = NULL;
	uintptr_t base = vdso_base(), loaded = 0;
	bool have_load = false;

	if (!elf || memcmp(elf->e_ident, ELFMAG, SELFMAG))
		return NULL;
	segment = (const ElfW(Phdr) *)(base + elf->e_phoff);
	for (int i = 0; i < elf->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD && !have_load) {
			loaded = base + segment[i].p_offset -
				 segment[i].p_vaddr;
			have_load = true;
		} else if (segment[i].p_type == PT_DYNAMIC) {
			dynamic = (const void *)(base + segment[i].p_offset);
		}
	}
	return have_load ? elf_symbol(loaded, dynamic, name) : NULL;
}

/*
 * The same function has one name on x86 and some others, and another name on
 * arm64 and some others.
 */
static vdso_getrandom_function *find_getrandom(void)
{
	void *found = vdso_function("__vdso_getrandom");

	return found ? found : vdso_function("__kernel_getrandom");
}

void vdso_start(void)
{
	struct state_parameters wants = {0};
	vdso_getrandom_function *found = find_getrandom();

	if (!found || found(NULL, 0, 0, &wants, ~(size_t)0) != 0)
		return;
	if (wants.size != sizeof(struct vdso_state) ||
	    wants.flags != MAP_DROPPABLE_ANONYMOUS)
		return;
	memcpy(entry, (const void *)found, ENTRY);
	function = found;
}

vdso_getrandom_function *vdso_getrandom(void)
{
	return __atomic_load_n(&function, __ATOMIC_RELAXED);
}

bool vdso_unchanged(void)
{
	const void *code = (const void *)vdso_getrandom();

	return !code || !memcmp(code, entry, ENTRY);
}

void vdso_end(void)
{
	__atomic_store_n(&function, NULL, __ATOMIC_RELAXED);
}

_Static_assert(sizeof(struct vdso_state) == 144, "as the kernel has it");
_Static_assert(offsetof(struct vdso_state, generation) == 128, "");
