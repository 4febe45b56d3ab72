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
extern __attribute__((visibility("hidden"))) intptr_t cpu_rseq_offset;

/*
 * Without rseq a number that stays the thread's own: threads part by where their
 * blocks lie. That costs a bucket a thread instead of one a CPU, and no call.
 */
static inline uint32_t cpu_here(uintptr_t thread)
{
	intptr_t offset = __atomic_load_n(&cpu_rseq_offset, __ATOMIC_RELAXED);

	if (__builtin_expect(offset != 0, 1))
		return *(volatile uint32_t *)(thread + offset);
	return (uint32_t)(thread >> 12 ^ thread >> 6);
}

/*
 * Where the caller's frame lies. Whoever runs in this memory at the same time
 * runs on another stack, and has another number: see bucket.h.
 */
static inline __attribute__((always_inline)) uintptr_t cpu_stack(void)
{
	uintptr_t stack;

#if defined(__x86_64__)
	__asm__ volatile("mov %%rsp, %0" : "=r"(stack));
#elif defined(__i386__)
	__asm__ volatile("mov %%esp, %0" : "=r"(stack));
#elif defined(__aarch64__)
	__asm__ volatile("mov %0, sp" : "=r"(stack));
#else
	stack = (uintptr_t)__builtin_frame_address(0);
#endif
	return stack;
}

void cpu_start(void);

#endif
