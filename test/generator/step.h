/*
 * Runs a function one instruction at a time, or at full speed up to one of
 * them, and lets something happen in a signal handler before it. x86-64 only:
 * its trap flag does it, and a breakpoint, which costs a tenth of that.
 *
 * What steps is a context, a stack: it may be left in the handler, and gone on
 * with in another thread. A thread knows which one it runs now.
 */
#ifndef STEP_H
#define STEP_H

#if defined(__x86_64__)

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

typedef void step_body(void *with);

/* Before instruction number at (from 0) of the body. False: no more steps. */
typedef bool step_happening(unsigned long at, uintptr_t instruction,
			    uintptr_t stack);

/*
 * Instruction number at of a body, and a quick way there: number from, the same
 * or one before it, is at the address way, in the program's own code, which was
 * passed so many times by then.
 */
struct step_place {
	unsigned long at, from, passed;
	uintptr_t way;
};

struct step {
	step_happening *happens;
	uintptr_t begin;		/* the body; 0: it has begun */
	uintptr_t stack, leave;		/* at its begin; where it returns to */
	unsigned long count;

	void (*event)(void);		/* instead of happens, once */
	const struct step_place *to;
	unsigned long passes;		/* of the way, which are left */
	unsigned long to_go;		/* instructions, from there */
	bool covers;			/* is there a breakpoint? */
	uint8_t covered;		/* what it covers */
};

enum { STEP_FLAG = 0x100, STEP_BREAKPOINT = 0xcc };

static __thread struct step *step_of_thread;

/*
 * By calls that the compiler does not see through: it would keep the address of
 * a thread's variable, and of errno, while the context changes threads.
 */
static __attribute__((noinline, unused)) struct step *step_now(void)
{
	__asm__ volatile("");
	return step_of_thread;
}

static __attribute__((noinline, unused)) void step_become(struct step *s)
{
	__asm__ volatile("");
	step_of_thread = s;
}

static __attribute__((noinline, unused)) int *step_errno(void)
{
	__asm__ volatile("");
	return &errno;
}

static inline void step_cover(struct step *s)
{
	volatile uint8_t *code = (uint8_t *)s->to->way;

	s->covers = true;
	s->covered = *code;
	*code = STEP_BREAKPOINT;
}

static inline void step_uncover(struct step *s)
{
	if (s->covers)
		*(volatile uint8_t *)s->to->way = s->covered;
	s->covers = false;
}

/* Before an instruction. False: no more steps. */
static inline bool step_before(struct step *s, uintptr_t instruction,
			       uintptr_t stack)
{
	/* The one behind a breakpoint that has to be passed again. */
	if (s->passes) {
		s->passes--;
		step_cover(s);
		return false;
	}
	if (s->event) {
		if (s->to_go--)
			return true;
		s->event();
		return false;
	}
	if (instruction == s->begin) {
		s->begin = 0;
		s->stack = stack;
		s->leave = *(uintptr_t *)stack;
	}
	if (s->begin)
		return true;
	if (instruction == s->leave && stack > s->stack)
		return false;
	return s->happens(s->count++, instruction, stack);
}

static inline void step_trapped(int number, siginfo_t *info, void *context)
{
	greg_t *is = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct step *s = step_now();
	int saved = *step_errno();

	(void)number;
	(void)info;
	if (!s)
		abort();
	if (s->covers) {
		step_uncover(s);
		is[REG_RIP] = (greg_t)s->to->way;
		is[REG_EFL] |= STEP_FLAG;
		if (s->passes)
			return;
	}
	if (!step_before(s, (uintptr_t)is[REG_RIP], (uintptr_t)is[REG_RSP]))
		is[REG_EFL] &= ~STEP_FLAG;
	*step_errno() = saved;
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

/* Not blocked in its handler: another context may step before that returns. */
static inline void step_take_signal(void)
{
	struct sigaction trap = {.sa_sigaction = step_trapped,
				 .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGTRAP, &trap, NULL);
}

/* It is called where it is, and at no copy of the compiler's. */
static inline void step_hide(step_body **body)
{
	__asm__ volatile("" : "+m"(*body));
}

/* How many instructions of the body there were. Steps end by false, too. */
static inline unsigned long step(step_body *body, void *with,
				 step_happening *happens)
{
	struct step s = {.happens = happens, .begin = (uintptr_t)body};
	struct step *outer = step_now();

	step_take_signal();
	step_become(&s);
	step_hide(&body);
	step_flag(STEP_FLAG);
	body(with);
	step_flag(0);
	step_become(outer);
	return s.count;
}

/* The program, as it was linked. */
extern const uint8_t __executable_start[], etext[];

/* May there be a breakpoint? In libc there may not: we use it ourselves. */
static inline bool step_is_own(uintptr_t instruction)
{
	return instruction >= (uintptr_t)__executable_start &&
	       instruction < (uintptr_t)etext;
}

/* Before the first step_to. False: this system lets nobody change code. */
static inline bool step_prepare(void)
{
	uintptr_t begin = (uintptr_t)__executable_start & -(uintptr_t)4096;

	return mprotect((void *)begin, (uintptr_t)etext - begin,
			PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

/* False: another way was taken, and nothing happened. */
static inline bool step_to(step_body *body, void *with,
			   const struct step_place *to, void (*event)(void))
{
	struct step s = {.event = event,
			 .to = to,
			 .passes = to->passed,
			 .to_go = to->at - to->from};
	struct step *outer = step_now();

	step_take_signal();
	step_become(&s);
	step_hide(&body);
	step_cover(&s);
	body(with);
	step_flag(0);
	step_become(outer);
	step_uncover(&s);
	return s.to_go == (unsigned long)-1;
}

#endif

#endif
