/*
 * What a call leaves behind: every register, and the dead part of its stack.
 *
 * The call is made on a stack of its own by a trampoline. That clears whatever
 * a callee may use, calls, and traps at once when the callee is back: the frame
 * that the kernel then writes holds all registers, and is that of any signal
 * which comes at this moment. It is copied as it is, byte for byte; what lies
 * where in it matters only for names.
 */
#ifndef RESIDUE_H
#define RESIDUE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)
#define RESIDUE_KNOWN 1
#else
#define RESIDUE_KNOWN 0
#endif

enum {
	RESIDUE_FRAME = 8192,	/* more than a frame has */
	RESIDUE_STACK = 16384,	/* more than a call needs */
	RESIDUE_LANES = RESIDUE_FRAME + RESIDUE_STACK,
	RESIDUE_ALTERNATE = 65536,
	RESIDUE_ARGUMENTS = 6,
	RESIDUE_NAME = 64,
};

/* A lane is a byte here: of the frame first, then of the stack, upwards. */
struct residue {
	uint8_t lanes[RESIDUE_LANES];
	uintptr_t frame;	/* where it was */
	size_t frame_len;
};

/*
 * The trampoline knows this by heart. Zeros in clean are a clean state; they go
 * on as far as a full one would, since the processor may look at the end first.
 */
struct residue_call {
	uintptr_t function;
	uintptr_t arguments[RESIDUE_ARGUMENTS];
	uintptr_t stack;	/* where it begins; aligned to 16 */
	uintptr_t trap;		/* 0: only call */
	uintptr_t answer;
	uintptr_t components;	/* of the processor's state; 0: no xrstor */
	_Alignas(64) uint8_t clean[16384];
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct residue_call, stack) == 7 * sizeof(uintptr_t) &&
	       offsetof(struct residue_call, answer) == 9 * sizeof(uintptr_t) &&
	       offsetof(struct residue_call, clean) ==
		       (sizeof(uintptr_t) == 8 ? 128 : 64), "by heart");

void residue_trampoline(struct residue_call *call);

/* An image without components sets each to what it is at the start. */
#define RESIDUE_CLEAN(call, word, clean) \
	"	movl	10*" word "(%" call "), %eax\n" \
	"	xorl	%edx, %edx\n" \
	"	testl	%eax, %eax\n" \
	"	je	1f\n" \
	"	xrstor	" clean "(%" call ")\n" \
	"	jmp	2f\n" \
	"1:	fxrstor	" clean "(%" call ")\n" \
	"2:\n"

#if defined(__x86_64__)
__asm__("	.text\n"
	"	.globl	residue_trampoline\n"
	"	.hidden	residue_trampoline\n"
	"	.type	residue_trampoline, @function\n"
	"residue_trampoline:\n"
	"	pushq	%rbp\n"
	"	pushq	%rbx\n"
	"	movq	%rdi, %rbx\n"
	"	movq	%rsp, %rbp\n"
	"	movq	7*8(%rbx), %rsp\n"
	RESIDUE_CLEAN("rbx", "8", "128")
	"	movq	1*8(%rbx), %rdi\n"
	"	movq	2*8(%rbx), %rsi\n"
	"	movq	3*8(%rbx), %rdx\n"
	"	movq	4*8(%rbx), %rcx\n"
	"	movq	5*8(%rbx), %r8\n"
	"	movq	6*8(%rbx), %r9\n"
	"	xorl	%eax, %eax\n"
	"	xorl	%r10d, %r10d\n"
	"	xorl	%r11d, %r11d\n"
	"	callq	*(%rbx)\n"
	"	cmpq	$0, 8*8(%rbx)\n"
	"	je	3f\n"
	"	int3\n"
	"3:	movq	%rax, 9*8(%rbx)\n"
	"	movq	%rbp, %rsp\n"
	"	popq	%rbx\n"
	"	popq	%rbp\n"
	"	ret\n"
	"	.size	residue_trampoline, . - residue_trampoline\n");
#elif defined(__i386__)
__asm__("	.text\n"
	"	.globl	residue_trampoline\n"
	"	.hidden	residue_trampoline\n"
	"	.type	residue_trampoline, @function\n"
	"residue_trampoline:\n"
	"	pushl	%ebp\n"
	"	pushl	%ebx\n"
	"	movl	12(%esp), %ebx\n"
	"	movl	%esp, %ebp\n"
	"	movl	7*4(%ebx), %esp\n"
	RESIDUE_CLEAN("ebx", "4", "64")
	"	subl	$8, %esp\n"
	"	.irp	word, 6, 5, 4, 3, 2, 1\n"
	"	pushl	\\word*4(%ebx)\n"
	"	.endr\n"
	"	xorl	%eax, %eax\n"
	"	xorl	%ecx, %ecx\n"
	"	xorl	%edx, %edx\n"
	"	call	*(%ebx)\n"
	"	cmpl	$0, 8*4(%ebx)\n"
	"	je	3f\n"
	"	int3\n"
	"3:	movl	%eax, 9*4(%ebx)\n"
	"	movl	%ebp, %esp\n"
	"	popl	%ebx\n"
	"	popl	%ebp\n"
	"	ret\n"
	"	.size	residue_trampoline, . - residue_trampoline\n");
#elif defined(__aarch64__)
__asm__("	.text\n"
	"	.globl	residue_trampoline\n"
	"	.hidden	residue_trampoline\n"
	"	.type	residue_trampoline, %function\n"
	"residue_trampoline:\n"
	"	stp	x29, x30, [sp, #-48]!\n"
	"	stp	x19, x20, [sp, #16]\n"
	"	str	x21, [sp, #32]\n"
	"	mov	x19, x0\n"
	"	mov	x20, sp\n"
	"	ldr	x21, [x19, #8*8]\n"
	"	ldr	x9, [x19, #7*8]\n"
	"	mov	sp, x9\n"
	"	.irp	n, 0,1,2,3,4,5,6,7,16,17,18,19,20,21,22,23\n"
	"	movi	v\\n\\().2d, #0\n"
	"	.endr\n"
	"	.irp	n, 24,25,26,27,28,29,30,31\n"
	"	movi	v\\n\\().2d, #0\n"
	"	.endr\n"
	"	.irp	n, 8,9,10,11,12,13,14,15\n"
	"	fmov	d\\n, d\\n\n"
	"	.endr\n"
	"	.irp	n, 6,7,8,9,10,11,12,13,14,15,17\n"
	"	mov	x\\n, xzr\n"
	"	.endr\n"
	"	ldp	x0, x1, [x19, #1*8]\n"
	"	ldp	x2, x3, [x19, #3*8]\n"
	"	ldp	x4, x5, [x19, #5*8]\n"
	"	ldr	x16, [x19]\n"
	"	blr	x16\n"
	"	cbz	x21, 1f\n"
	"	brk	#1\n"
	"1:	str	x0, [x19, #9*8]\n"
	"	mov	sp, x20\n"
	"	ldr	x21, [sp, #32]\n"
	"	ldp	x19, x20, [sp, #16]\n"
	"	ldp	x29, x30, [sp], #48\n"
	"	ret\n"
	"	.size	residue_trampoline, . - residue_trampoline\n");
#endif

#if RESIDUE_KNOWN

static struct residue_call residue_call;
static struct residue *residue_to;	/* where the handler copies to */
static uint8_t *residue_alternate;

static inline void residue_trapped(int number, siginfo_t *info, void *context)
{
	const uint8_t *frame = context;

	(void)number;
	(void)info;
	residue_to->frame = (uintptr_t)frame;
	residue_to->frame_len = (size_t)(residue_alternate +
					 RESIDUE_ALTERNATE - frame);
	if (residue_to->frame_len <= RESIDUE_FRAME)
		memcpy(residue_to->lanes, frame, residue_to->frame_len);
#if defined(__aarch64__)
	((ucontext_t *)context)->uc_mcontext.pc += 4;
#endif
}

/* Where the answer is; a number that was drawn may be there. */
static inline size_t residue_answer(void)
{
#if defined(__x86_64__)
	return offsetof(ucontext_t, uc_mcontext.gregs[REG_RAX]);
#elif defined(__i386__)
	return offsetof(ucontext_t, uc_mcontext.gregs[REG_EAX]);
#else
	return offsetof(ucontext_t, uc_mcontext.regs[0]);
#endif
}

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

enum {
	/* The registers of arithmetic, of which a callee may use all. */
	RESIDUE_COMPONENTS = 0xe7 | 1 << 19,
	RESIDUE_LEGACY = sizeof(long) == 8 ? 0 : 112, /* of i387, before it */
};

/* Of the xsave area: where one lies, and how many bytes each register has. */
static struct residue_part {
	unsigned int component, each, first;
	const char *format;
	unsigned int size, begin;
} residue_parts[] = {
	{2, 16, 0, "ymm%zu's upper half", 0, 0},
	{5, 8, 0, "k%zu", 0, 0},
	{6, 32, 0, "zmm%zu's upper half", 0, 0},
	{7, 64, 16, "zmm%zu", 0, 0},
	{19, 8, 16, "r%zu", 0, 0},
};

enum { RESIDUE_PARTS = sizeof residue_parts / sizeof *residue_parts };

static inline void residue_machine_start(void)
{
	unsigned int a, b, c = 0, d;

	residue_call.clean[0] = 0x7f;	/* the x87's control word */
	residue_call.clean[1] = 0x03;
	residue_call.clean[24] = 0x80;	/* mxcsr */
	residue_call.clean[25] = 0x1f;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return;
	residue_call.components = RESIDUE_COMPONENTS;
	/* Asked once: it is slow in a virtual machine. */
	for (size_t i = 0; i < RESIDUE_PARTS; i++)
		__get_cpuid_count(13, residue_parts[i].component,
				  &residue_parts[i].size,
				  &residue_parts[i].begin, &c, &d);
}

static inline const char *residue_general(size_t lane)
{
#if defined(__x86_64__)
	static const char *const names[] = {
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi",
		"rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp",
	};
#else
	static const char *const names[] = {
		"gs", "fs", "es", "ds", "edi", "esi", "ebp", "esp", "ebx",
		"edx", "ecx", "eax",
	};
#endif
	size_t at = lane - offsetof(ucontext_t, uc_mcontext.gregs);

	at /= sizeof(greg_t);
	return at < sizeof names / sizeof *names ? names[at] : NULL;
}

static inline bool residue_extended(size_t at, char *name, size_t room)
{
	for (size_t i = 0; i < RESIDUE_PARTS; i++) {
		const struct residue_part *part = &residue_parts[i];
		size_t within = at - part->begin;

		if (within < part->size)
			return snprintf(name, room, part->format,
					within / part->each + part->first) > 0;
	}
	return false;
}

static inline bool residue_register(const struct residue *r, size_t lane,
				    char *name, size_t room)
{
	const char *general = residue_general(lane);
	ucontext_t context;
	size_t at;

	if (general)
		return snprintf(name, room, "%s", general) > 0;
	memcpy(&context, r->lanes, sizeof context);
	at = lane - RESIDUE_LEGACY -
	     ((uintptr_t)context.uc_mcontext.fpregs - r->frame);
	if (at - 32 < 8 * 16)
		return snprintf(name, room, "st%zu", (at - 32) / 16) > 0;
	if (at - 160 < 2 * sizeof(long) * 16)
		return snprintf(name, room, "xmm%zu", (at - 160) / 16) > 0;
	return residue_extended(at, name, room);
}

#else

static inline void residue_machine_start(void)
{
}

static inline bool residue_register(const struct residue *r, size_t lane,
				    char *name, size_t room)
{
	size_t at = lane - offsetof(ucontext_t, uc_mcontext.regs);
	size_t vector = lane - offsetof(ucontext_t, uc_mcontext.__reserved) -
			offsetof(struct fpsimd_context, vregs);

	(void)r;
	if (at < 31 * 8)
		return snprintf(name, room, "x%zu", at / 8) > 0;
	/* The kernel writes this record first. */
	if (vector < 32 * 16)
		return snprintf(name, room, "v%zu", vector / 16) > 0;
	return false;
}

#endif

/* The register that the lane is of, or the place on the stack. */
static inline const char *residue_name(const struct residue *r, size_t lane)
{
	static char name[RESIDUE_NAME];

	if (lane >= RESIDUE_FRAME)
		snprintf(name, sizeof name, "the stack at -%zu",
			 (RESIDUE_LANES - lane + 7) / 8 * 8);
	else if (!residue_register(r, lane, name, sizeof name))
		snprintf(name, sizeof name, "the frame at %zu", lane);
	return name;
}

static inline bool residue_start(void)
{
	struct sigaction trap = {.sa_sigaction = residue_trapped,
				 .sa_flags = SA_ONSTACK | SA_SIGINFO};
	stack_t stack = {.ss_size = RESIDUE_ALTERNATE};

	residue_alternate = mmap(NULL, RESIDUE_ALTERNATE,
				 PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack.ss_sp = residue_alternate;
	residue_machine_start();
	return residue_alternate != MAP_FAILED && !sigaltstack(&stack, NULL) &&
	       !sigaction(SIGTRAP, &trap, NULL);
}

/* Calls, with what is in residue_call. To NULL: only that. */
static inline uintptr_t residue_take(struct residue *to)
{
	uint8_t *dead = (uint8_t *)residue_call.stack - RESIDUE_STACK;

	residue_to = to;
	residue_call.trap = to != NULL;
	if (to) {
		memset(residue_alternate + RESIDUE_ALTERNATE - RESIDUE_FRAME, 0,
		       RESIDUE_FRAME);
		memset(dead, 0, RESIDUE_STACK);
		to->frame_len = 0;
	}
	residue_trampoline(&residue_call);
	if (to)
		memcpy(to->lanes + RESIDUE_FRAME, dead, RESIDUE_STACK);
	return residue_call.answer;
}

#endif
#endif
