/*
 * Which CPU, roughly, is this thread on, and which thread is it?
 *
 * The CPU is a hint: it may have changed before the caller looks at it.
 */
#ifndef CPU_H
#define CPU_H

#include <stdbool.h>
#include <stdint.h>

/*
 * libc gives each of its threads another, never 0. A thread that a program made
 * itself, or a child that shares memory, may have any, 0 too: so it says where to
 * look, and never who somebody is.
 */
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
 *
 * On x86 thread pointer and field are read in one instruction, since a context
 * that is parked between the two may go on when its thread has ended. Elsewhere it
 * takes two, as it does for errno and every other variable of a thread.
 */
static inline uint32_t cpu_here(uintptr_t thread)
{
	intptr_t offset = __atomic_load_n(&cpu_rseq_offset, __ATOMIC_RELAXED);
	uint32_t cpu = (uint32_t)(thread >> 12 ^ thread >> 6);

	if (__builtin_expect(offset != 0, 1)) {
#if defined(__x86_64__)
		__asm__ volatile("movl %%fs:(%1), %0" : "=r"(cpu) : "r"(offset));
#elif defined(__i386__)
		__asm__ volatile("movl %%gs:(%1), %0" : "=r"(cpu) : "r"(offset));
#else
		cpu = *(volatile uint32_t *)(thread + offset);
#endif
	}
	return cpu;
}

/*
 * Is *word still from? Then it becomes to, and true. Indivisible for whoever
 * interrupts us on this processor, not for other processors, which must not write
 * the word meanwhile: on x86 the instruction writes back what it read where that
 * is not from.
 */
static inline bool cpu_exchange_here(_Atomic(uintptr_t) *word, uintptr_t from,
				     uintptr_t to)
{
#if defined(__x86_64__) || defined(__i386__)
	bool equal;

	__asm__ volatile("cmpxchg %[to], %[word]"
			 : "=@ccz"(equal), [word] "+m"(*word), "+a"(from)
			 : [to] "r"(to)
			 : "memory");
	return equal;
#else
	return __atomic_compare_exchange_n((uintptr_t *)word, &from, to, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
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
