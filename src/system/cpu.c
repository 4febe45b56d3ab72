/* Which CPU is this thread probably on? See cpu.h. */
#include "cpu.h"

#include <stddef.h>

#include "real.h"

intptr_t cpu_rseq_offset;

void cpu_start(void)
{
	const ptrdiff_t *offset = REAL_NAMED("__rseq_offset");
	const unsigned int *size = REAL_NAMED("__rseq_size");

	/* A size of 0 means that registration failed, or was not wanted. */
	if (offset && size && *size)
		__atomic_store_n(&cpu_rseq_offset, *offset, __ATOMIC_RELAXED);
}
