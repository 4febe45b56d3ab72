/*
 * No variant of ChaCha20 leaves anything behind: no word of the key or of the
 * stream on the dead stack, in its scratch memory or in registers. A call runs
 * on a stack of its own, which is all in view afterwards, and its registers are
 * read right after it.
 */
#include "variants.h"

#include <stdbool.h>
#include <stdlib.h>
#include <ucontext.h>

enum { STACK = 64 * 1024 };

static struct scene {
	uint8_t stack[STACK];
	uint8_t registers[32 * 64 + 32 * 8];

	void (*play)(void);
	chacha20_blocks *blocks;
	size_t count;
	struct chacha20 c;
	uint8_t out[BYTES];

	ucontext_t here, there;
} scene __attribute__((aligned(64)));

#if defined(__x86_64__)
#define KEEP_VECTOR(size, op, name, n) \
	op " %%" name #n ", " #size "*" #n "(%0)\n\t"
#define KEEP_SIXTEEN(size, op, name) \
	KEEP_VECTOR(size, op, name, 0) KEEP_VECTOR(size, op, name, 1) \
	KEEP_VECTOR(size, op, name, 2) KEEP_VECTOR(size, op, name, 3) \
	KEEP_VECTOR(size, op, name, 4) KEEP_VECTOR(size, op, name, 5) \
	KEEP_VECTOR(size, op, name, 6) KEEP_VECTOR(size, op, name, 7) \
	KEEP_VECTOR(size, op, name, 8) KEEP_VECTOR(size, op, name, 9) \
	KEEP_VECTOR(size, op, name, 10) KEEP_VECTOR(size, op, name, 11) \
	KEEP_VECTOR(size, op, name, 12) KEEP_VECTOR(size, op, name, 13) \
	KEEP_VECTOR(size, op, name, 14) KEEP_VECTOR(size, op, name, 15)
#define KEEP_UPPER_SIXTEEN(size, op, name) \
	KEEP_VECTOR(size, op, name, 16) KEEP_VECTOR(size, op, name, 17) \
	KEEP_VECTOR(size, op, name, 18) KEEP_VECTOR(size, op, name, 19) \
	KEEP_VECTOR(size, op, name, 20) KEEP_VECTOR(size, op, name, 21) \
	KEEP_VECTOR(size, op, name, 22) KEEP_VECTOR(size, op, name, 23) \
	KEEP_VECTOR(size, op, name, 24) KEEP_VECTOR(size, op, name, 25) \
	KEEP_VECTOR(size, op, name, 26) KEEP_VECTOR(size, op, name, 27) \
	KEEP_VECTOR(size, op, name, 28) KEEP_VECTOR(size, op, name, 29) \
	KEEP_VECTOR(size, op, name, 30) KEEP_VECTOR(size, op, name, 31)

#define CLEAR(n) "vpxord %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"
#define CLEAR_FOUR(a, b, c, d) CLEAR(a) CLEAR(b) CLEAR(c) CLEAR(d)
#define LOWER_SIXTEEN \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
	"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

static bool has_zmm, has_ymm;
#endif

static void look_at_the_processor(void)
{
#if defined(__x86_64__)
	has_zmm = __builtin_cpu_supports("avx512f");
	has_ymm = __builtin_cpu_supports("avx");
#endif
}

/* Inlined, so that it reads the registers before anything else uses them. */
static inline __attribute__((always_inline)) void keep_registers(void)
{
#if defined(__x86_64__)
	__asm__ volatile (
		"movq %%rax, 0(%0)\n\tmovq %%rcx, 8(%0)\n\t"
		"movq %%rdx, 16(%0)\n\tmovq %%rsi, 24(%0)\n\t"
		"movq %%rdi, 32(%0)\n\tmovq %%r8, 40(%0)\n\t"
		"movq %%r9, 48(%0)\n\tmovq %%r10, 56(%0)\n\t"
		"movq %%r11, 64(%0)"
		: : "b" (scene.registers + 32 * 64) : "memory");
	if (has_zmm)
		__asm__ volatile (
			KEEP_SIXTEEN(64, "vmovdqu64", "zmm")
			KEEP_UPPER_SIXTEEN(64, "vmovdqu64", "zmm")
			: : "b" (scene.registers) : "memory");
	else if (has_ymm)
		__asm__ volatile (KEEP_SIXTEEN(32, "vmovdqu", "ymm")
			: : "b" (scene.registers) : "memory");
	else
		__asm__ volatile (KEEP_SIXTEEN(16, "movdqu", "xmm")
			: : "b" (scene.registers) : "memory");
#elif defined(__aarch64__)
	register uint8_t *at __asm__ ("x19") = scene.registers;

	__asm__ volatile (
		"stp q0, q1, [%0]\n\tstp q2, q3, [%0, #32]\n\t"
		"stp q4, q5, [%0, #64]\n\tstp q6, q7, [%0, #96]\n\t"
		"stp q8, q9, [%0, #128]\n\tstp q10, q11, [%0, #160]\n\t"
		"stp q12, q13, [%0, #192]\n\tstp q14, q15, [%0, #224]\n\t"
		"stp q16, q17, [%0, #256]\n\tstp q18, q19, [%0, #288]\n\t"
		"stp q20, q21, [%0, #320]\n\tstp q22, q23, [%0, #352]\n\t"
		"stp q24, q25, [%0, #384]\n\tstp q26, q27, [%0, #416]\n\t"
		"stp q28, q29, [%0, #448]\n\tstp q30, q31, [%0, #480]\n\t"
		"add %0, %0, #512\n\t"
		"stp x0, x1, [%0]\n\tstp x2, x3, [%0, #16]\n\t"
		"stp x4, x5, [%0, #32]\n\tstp x6, x7, [%0, #48]\n\t"
		"stp x8, x9, [%0, #64]\n\tstp x10, x11, [%0, #80]\n\t"
		"stp x12, x13, [%0, #96]\n\tstp x14, x15, [%0, #112]\n\t"
		"stp x16, x17, [%0, #128]"
		: "+r" (at) : : "memory");
#endif
}

/* libc's own memcpy leaves words there, and they would be found. */
static inline __attribute__((always_inline)) void clear_registers(void)
{
#if defined(__x86_64__)
	if (has_zmm)
		__asm__ volatile (
			CLEAR_FOUR(16, 17, 18, 19) CLEAR_FOUR(20, 21, 22, 23)
			CLEAR_FOUR(24, 25, 26, 27) CLEAR_FOUR(28, 29, 30, 31)
			: : : "memory");
	if (has_ymm)
		__asm__ volatile ("vzeroall" : : : LOWER_SIXTEEN, "memory");
#endif
}

static void play_a_call(void)
{
	clear_registers();
	scene.blocks(&scene.c, scene.out, scene.count);
	keep_registers();
}

static void act(void (*play)(void))
{
	memset(scene.stack, 0x5a, sizeof scene.stack);
	memset(scene.registers, 0x5a, sizeof scene.registers);
	assert_int_equal(getcontext(&scene.there), 0);
	scene.there.uc_stack.ss_sp = scene.stack;
	scene.there.uc_stack.ss_size = sizeof scene.stack;
	scene.there.uc_link = &scene.here;
	makecontext(&scene.there, play, 0);
	assert_int_equal(swapcontext(&scene.here, &scene.there), 0);
}

static int ascending(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Is any of these words there? */
static bool holds(const void *place, size_t size, uint32_t *words, size_t count)
{
	size_t i;
	uint32_t word;

	qsort(words, count, sizeof *words, ascending);
	for (i = 0; i + sizeof word <= size; i += sizeof word) {
		memcpy(&word, (const uint8_t *)place + i, sizeof word);
		if (bsearch(&word, words, count, sizeof word, ascending))
			return true;
	}
	return false;
}

struct traces {
	bool on_the_stack, in_spill, in_registers;
};

/* What is left of the key, of the stream, and of its words before the sum. */
static struct traces traces_of_one(chacha20_blocks *blocks, size_t count,
				   unsigned int key)
{
	static uint32_t words[8 + 2 * BYTES / 4];
	static const uint8_t zero[sizeof scene.c.spill];
	uint32_t begun[16], word;
	size_t n = 0, i;

	start_at(&scene.c, key, UINT32_MAX - 4);
	memcpy(begun, scene.c.state, sizeof begun);
	scene.blocks = blocks;
	scene.count = count;
	act(play_a_call);

	for (i = 4; i < 12; i++)
		words[n++] = begun[i];
	for (i = 0; i < count * 16; i++) {
		memcpy(&word, scene.out + 4 * i, sizeof word);
		words[n++] = word;
		/* Words 12 and 13 depend on the block; the rest will do. */
		if (i % 16 != 12 && i % 16 != 13)
			words[n++] = word - begun[i % 16];
	}

	return (struct traces){
		holds(scene.stack, sizeof scene.stack, words, n),
		memcmp(scene.c.spill, zero, sizeof zero) != 0,
		holds(scene.registers, sizeof scene.registers, words, n),
	};
}

/*
 * An address on the stack may look like one of a thousand words once in some
 * ten thousand runs; not with two keys in the same run.
 */
static struct traces traces_of(chacha20_blocks *blocks, size_t count)
{
	struct traces a = traces_of_one(blocks, count, 1);
	struct traces b = traces_of_one(blocks, count, 2);

	return (struct traces){
		a.on_the_stack && b.on_the_stack,
		a.in_spill || b.in_spill,
		a.in_registers && b.in_registers,
	};
}

/* What requests of any length leave. */
static struct traces traces_of_any(chacha20_blocks *blocks)
{
	static const size_t counts[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 32, 33,
					40};
	struct traces any = {false, false, false};
	size_t i;

	for (i = 0; i < COUNT(counts); i++) {
		struct traces one = traces_of(blocks, counts[i]);

		any.on_the_stack |= one.on_the_stack;
		any.in_spill |= one.in_spill;
		any.in_registers |= one.in_registers;
	}
	return any;
}

static void nothing_is_left_on_the_dead_stack(void **state)
{
	assert_false(traces_of_any(variant_here(state)).on_the_stack);
}

static void nothing_is_left_in_spill(void **state)
{
	assert_false(traces_of_any(variant_here(state)).in_spill);
}

static void nothing_is_left_in_registers(void **state)
{
	assert_false(traces_of_any(variant_here(state)).in_registers);
}

/*
 * The three tests above would also pass if they looked in the wrong place. So
 * here is a pass that forgets a key word in each, to be found.
 */
static void careless(struct chacha20 *c, uint8_t *out, size_t blocks)
{
	uint32_t frame[8] = {0};

	chacha20_portable()(c, out, blocks);
	frame[3] = c->state[7];
	__asm__ volatile ("" : : "r" (frame) : "memory");
	memcpy(c->spill + 100, &c->state[8], 4);
#if defined(__x86_64__)
	__asm__ volatile ("movd %0, %%xmm14"
			  : : "r" (c->state[9]) : "xmm14", "memory");
#elif defined(__aarch64__)
	__asm__ volatile ("dup v29.4s, %w0"
			  : : "r" (c->state[9]) : "v29", "memory");
#endif
}

static void a_careless_pass_would_be_caught(void **state)
{
	struct traces traces = traces_of(careless, 8);

	(void)state;
	assert_true(traces.on_the_stack);
	assert_true(traces.in_spill);
#if defined(__x86_64__) || defined(__aarch64__)
	assert_true(traces.in_registers);
#endif
}

static uint8_t secret[CHACHA20_KEY];

static void play_a_start(void)
{
	clear_registers();
	chacha20_start(&scene.c, secret, 1);
	keep_registers();
}

/* Not inlined: act would hand on what its caller has in registers. */
static __attribute__((noinline)) void keep_secret(uint32_t words[8])
{
	memcpy(words, scene.c.state + 4, sizeof secret);
	memcpy(secret, words, sizeof secret);
}

static void start_leaves_the_key_nowhere_else(void **state)
{
	uint32_t words[8];

	(void)state;
	start_at(&scene.c, 3, 0);
	keep_secret(words);
	act(play_a_start);
	assert_false(holds(scene.stack, sizeof scene.stack, words, 8));
	assert_false(holds(scene.registers, sizeof scene.registers, words, 8));
}

/* The struct goes out of scope: an optimiser could leave its wiping out. */
static void play_a_life(void)
{
	struct chacha20 c;

	chacha20_start(&c, secret, 1);
	chacha20_end(&c);
}

static void end_forgets_the_key_of_a_dying_struct_too(void **state)
{
	static const struct chacha20 zero;
	uint32_t words[8];

	(void)state;
	start_at(&scene.c, 3, 9);
	chacha20_best(NULL)(&scene.c, scene.out, BLOCKS);
	keep_secret(words);
	chacha20_end(&scene.c);
	assert_memory_equal(&scene.c, &zero, sizeof zero);

	act(play_a_life);
	assert_false(holds(scene.stack, sizeof scene.stack, words, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(nothing_is_left_on_the_dead_stack),
		PROMISE(nothing_is_left_in_spill),
		PROMISE(nothing_is_left_in_registers),
		cmocka_unit_test(a_careless_pass_would_be_caught),
		cmocka_unit_test(start_leaves_the_key_nowhere_else),
		cmocka_unit_test(end_forgets_the_key_of_a_dying_struct_too),
	};

	look_at_the_processor();
	return cmocka_run_group_tests_name("chacha20_traces", tests, NULL, NULL);
}
