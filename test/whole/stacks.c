/*
 * Little stack, for a thread, for the program, for a signal handler; and no
 * further process.
 */
#include "support/roles.h"

#include <sys/auxv.h>
#include <sys/resource.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

enum {
	NOBODY = 65534,
	SMALL_STACK = 64 * 1024,
	PAINT = 0xa5,
	DEPTH = 1536, /* no draw takes more of the stack */
};

static struct words *stack_words;

static void *draws_all_ways(void *unused)
{
	(void)unused;
	for (int i = 0; i < 5; i++)
		words_draw_all_ways(stack_words);
	return NULL;
}

static void threads_may_have_small_stacks(void)
{
	pthread_attr_t attributes;
	pthread_t threads[8];

	stack_words = words_new(400000);
	expect(pthread_attr_init(&attributes) == 0);
	expect(pthread_attr_setstacksize(&attributes, SMALL_STACK) == 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		expect(pthread_create(&threads[i], &attributes, draws_all_ways,
				      NULL) == 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		expect(pthread_join(threads[i], NULL) == 0);
	words_expect_distinct(stack_words, 8 * 5 * COUNT(ways) * 500);
}

static void the_first_stack_may_be_small(void)
{
	struct rlimit small = {SMALL_STACK, SMALL_STACK};

	expect(setrlimit(RLIMIT_STACK, &small) == 0);
	again_as("usual");
}

static const struct way *handlers_way;
static size_t handlers_len;
static uintptr_t handlers_frame;
static uint8_t handlers_bytes[70000];

static void draw_on_other_stack(int unused)
{
	(void)unused;
	handlers_frame = (uintptr_t)__builtin_frame_address(0);
	handlers_way->draw(handlers_bytes, handlers_len);
}

/* A stack of that size for handlers, with nothing below it. */
static uint8_t *use_other_stack(size_t size)
{
	struct sigaction action = {.sa_handler = draw_on_other_stack,
				   .sa_flags = SA_ONSTACK};
	size_t whole = (size + 4095) / 4096 * 4096;
	uint8_t *at = mmap(NULL, 4096 + whole, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t other = {.ss_size = size};

	expect(at != MAP_FAILED && mprotect(at, 4096, PROT_NONE) == 0);
	/* To the byte: what is used below it is seen as paint gone. */
	other.ss_sp = at + 4096 + whole - size;
	expect(sigaltstack(&other, NULL) == 0);
	expect(sigaction(SIGUSR1, &action, NULL) == 0);
	return at + 4096;
}

/* How much of it the draw took, beside the handler. */
static size_t depth_of_draw(const struct way *way, size_t len)
{
	const size_t size = 64 * 1024;
	static uint8_t *stack;
	size_t i = 0;

	if (!stack)
		stack = use_other_stack(size);
	memset(stack, PAINT, size);
	handlers_way = way;
	handlers_len = len;
	expect(raise(SIGUSR1) == 0);
	while (i < size && stack[i] == PAINT)
		i++;
	return handlers_frame - (uintptr_t)(stack + i);
}

/* Warm, and cold as a new process is. Symbols are resolved before. */
static void a_draw_takes_little_stack(void)
{
	static const size_t lengths[] = {4, 8, 16, 32, 100, 257, 1000, 70000};
	struct words *words = words_new(50000);
	size_t *deepest = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(deepest != MAP_FAILED);
	words_draw_all_ways(words);
	depth_of_draw(&ways[0], 8);
	for (size_t w = 0; w < COUNT(ways); w++) {
		for (size_t i = 0; i < COUNT(lengths); i++) {
			pid_t child = fork();

			for (int times = 0; times < (child ? 1 : 3); times++) {
				size_t depth = depth_of_draw(&ways[w],
							     lengths[i]);

				if (depth > *deepest)
					*deepest = depth;
			}
			if (child == 0)
				_exit(0);
			reap(child);
		}
	}
	if (*deepest > DEPTH || getenv("STACKS_SAYS"))
		fprintf(stderr, "a draw took %zu bytes of stack\n", *deepest);
	expect(*deepest > 100 && *deepest <= DEPTH);
}

/* The least that the kernel accepts, and what a draw takes. */
static void a_handler_draws_on_the_smallest_stack(void)
{
	size_t least = getauxval(AT_MINSIGSTKSZ);
	struct words *words = words_new(50000);
	uint8_t *stack;

	if (least < 2048)
		least = 2048;
	words_draw_all_ways(words);
	stack = use_other_stack(least + DEPTH);
	for (size_t w = 0; w < COUNT(ways); w++) {
		for (int i = 0; i < 40; i++) {
			handlers_way = &ways[w];
			handlers_len = i % 2 ? 8 : 4096;
			expect(raise(SIGUSR1) == 0);
			words_add(words, handlers_bytes, 8);
		}
	}
	expect(stack != NULL);
	words_expect_distinct(words, COUNT(ways) * 540);
}

static void no_more_processes_may_be_made(void)
{
	struct words *words = words_new(50000);
	struct rlimit none = {0, 0};

	expect(setrlimit(RLIMIT_NPROC, &none) == 0);
	if (geteuid() == 0)
		expect(setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
		       setresuid(NOBODY, NOBODY, NOBODY) == 0);
	for (int i = 0; i < 5; i++)
		words_draw_all_ways(words);
	expect(fork() == -1);
	words_draw_all_ways(words);
	words_expect_distinct(words, 6 * COUNT(ways) * 500);
	expect_answers();
}

int main(int count, char **arguments)
{
	static const struct promise roles[] = {
		ROLE(usual),
	};
	static const struct promise promises[] = {
		APART(threads_may_have_small_stacks),
		APART(the_first_stack_may_be_small),
		APART(a_draw_takes_little_stack),
		APART(a_handler_draws_on_the_smallest_stack),
		APART(no_more_processes_may_be_made),
	};

	if (count > 1)
		return roles_play(arguments[1], roles, COUNT(roles));
	return roles_keep("stacks", promises, COUNT(promises));
}
