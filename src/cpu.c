/*
 * Which CPU, roughly, is this thread on?
 */
#include "cpu.h"

#include <stddef.h>

#include "real.h"
#include "vdso.h"

typedef long getcpu_function(unsigned int *cpu, unsigned int *node, void *);

intptr_t cpu_rseq_offset;
static getcpu_function *getcpu_vdso;

/* Without either, threads part by their own addresses: pages, mostly. */
uint32_t cpu_ask(uintptr_t thread)
{
	unsigned int cpu;

	if (getcpu_vdso && !getcpu_vdso(&cpu, NULL, NULL))
		return cpu;
	return (uint32_t)(thread >> 12 ^ thread >> 6);
}

void cpu_start(void)
{
	const ptrdiff_t *offset = REAL_NAMED("__rseq_offset");
	const unsigned int *size = REAL_NAMED("__rseq_size");

	/* A size of 0 says that registration failed, or was not wanted. */
	if (offset && size && *size)
		cpu_rseq_offset = *offset;
	else
		getcpu_vdso = vdso_function("__vdso_getcpu");
}
