/*
 * Which CPU, roughly, is this thread on, and which thread is it?
 *
 * The CPU is a hint: it may have changed before the caller looks at it.
 */
#ifndef CPU_H
#define CPU_H

#include <stdint.h>

/* Differs between threads that run at the same time; never 0. */
static inline uintptr_t cpu_thread(void)
{
	uintptr_t self;

#if defined(__x86_64__)
	__asm__("mov %%fs:0, %0" : "=r"(self));
#elif defined(__i386__)
	__asm__("mov %%gs:0, %0" : "=r"(self));
#elif defined(__aarch64__)
	__asm__("mrs %0, tpidr_el0" : "=r"(self));
#else
	self = (uintptr_t)__builtin_thread_pointer();
#endif
	return self;
}

/*
 * Where the kernel keeps a thread's CPU number up to date: the first field,
 * cpu_id_start, of the rseq area that glibc registers (2.35 and later; rseq(2)),
 * so far from the thread pointer. 0: there is none.
 */
extern intptr_t cpu_rseq_offset;

uint32_t cpu_ask(uintptr_t thread);

static inline uint32_t cpu_here(uintptr_t thread)
{
	if (__builtin_expect(cpu_rseq_offset != 0, 1))
		return *(volatile uint32_t *)(thread + cpu_rseq_offset);
	return cpu_ask(thread);
}

void cpu_start(void);

#endif
