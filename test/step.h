/*
 * Runs a function one instruction at a time, and lets something happen in a
 * signal handler before each. x86-64 only: its trap flag does it.
 */
#ifndef STEP_H
#define STEP_H

#if defined(__x86_64__)

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

/* Before instruction number at (from 0). False: no more steps. */
typedef bool step_happening(unsigned long at, uintptr_t instruction,
			    uintptr_t stack);

static step_happening *step_happens;
static volatile unsigned long step_count;

static inline void step_trapped(int number, siginfo_t *info, void *context)
{
	greg_t *is = ((ucontext_t *)context)->uc_mcontext.gregs;
	int saved = errno;

	(void)number;
	(void)info;
	if (!step_happens(step_count++, (uintptr_t)is[REG_RIP],
			  (uintptr_t)is[REG_RSP]))
		is[REG_EFL] &= ~0x100;
	errno = saved;
}

/* The stack below us may be in use (the red zone): push beyond it. */
static inline void step_flag(unsigned long set)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "andq $~0x100, (%%rsp)\n\t"
			 "orq %0, (%%rsp)\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : : "r"(set) : "memory", "cc");
}

/* How many instructions it took. Steps end by false, too. */
static inline unsigned long step(void (*body)(void), step_happening *happens)
{
	struct sigaction trap = {.sa_sigaction = step_trapped,
				 .sa_flags = SA_SIGINFO};

	sigaction(SIGTRAP, &trap, NULL);
	step_happens = happens;
	step_count = 0;
	step_flag(0x100);
	body();
	step_flag(0);
	return step_count;
}

#endif

#endif
