/*
 * Which CPU is this thread probably on, and which thread is it?
 *
 * The CPU is only a hint: it may have changed before the caller looks at it.
 */
#ifndef CPU_H
#define CPU_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Returns the thread pointer. libc gives each of its threads a different one,
 * which is never 0. But a thread that a program has made without libc, or a
 * child that shares our memory, may have any value, including 0 or that of
 * another thread. Therefore the value only says where to look for a bucket. It
 * never identifies a thread.
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
 * The distance from the thread pointer to the number of the thread's CPU, which
 * the kernel keeps up to date. That is cpu_id_start, the first field of the
 * rseq area that glibc registers (2.35 and later; rseq(2)). 0: there is no such
 * area.
 */
extern __attribute__((visibility("hidden"))) intptr_t cpu_rseq_offset;

/*
 * Returns the number of this CPU. Without rseq it returns a number that is
 * constant for the thread, and that comes from the address of the thread's
 * control block. This costs one bucket for each thread instead of one for each
 * CPU, but no call.
 *
 * On x86 one instruction reads the field relative to the thread pointer,
 * because a context that is suspended between two instructions may be resumed
 * after its thread has ended. Elsewhere it takes two instructions, as for errno
 * and every other thread-local variable.
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
 * If *word is equal to from, sets it to to and returns true. This is atomic
 * with respect to whatever interrupts us on this processor. It is not atomic
 * with respect to other processors, which must not write the word meanwhile: on
 * x86, if the word is not equal to from, the instruction writes back the value
 * that it has read.
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
 * Returns the stack pointer, that is, where the caller's frame is. Everything
 * that runs in this memory at the same time runs on another stack and gets
 * another value. bucket.h explains what that is good for.
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
