/*
 * Kernels that have no getrandom, and sandboxes that refuse it: a program that
 * asks for it gets that answer, and what cannot fail reads the device.
 */
#include "support/roles.h"
#include "support/sandbox.h"

#include <linux/random.h>
#include <sys/ioctl.h>

/* What a program sees of an answer: on stdout, a line. */
static void tell(const char *name, size_t len, ssize_t answer)
{
	dprintf(1, "%s %zu: %zd %d\n", name, len, answer,
		answer < 0 ? errno : 0);
}

/* With or without the library. */
static void as_refused(void)
{
	static const size_t lengths[] = {8, 32, 200, 257, 5000};
	static uint8_t bytes[5000];

	for (size_t i = 0; i < COUNT(lengths); i++) {
		size_t len = lengths[i];

		tell("getrandom", len, getrandom(bytes, len, 0));
		tell("nonblock", len, getrandom(bytes, len, GRND_NONBLOCK));
		tell("random", len, getrandom(bytes, len, GRND_RANDOM));
		tell("syscall", len, call_syscall(bytes, len, 0));
		if (getentropy)
			tell("getentropy", len, getentropy(bytes, len));
	}
}

static void as_refused_alone(void)
{
	preload_nothing();
	again_as("refused");
}

static void as_refused_with_us(void)
{
	again_as("refused");
}

static int refusal;
static void (*refused_role)(void);

static void enter_refusal(void)
{
	ENTER(FIELD(nr), REFUSE(getrandom, refusal & SECCOMP_RET_DATA),
	      END_IN(ALLOW));
}

static void in_refusal(void)
{
	enter_refusal();
	refused_role();
}

static size_t words_told(void (*role)(void), char *text, size_t room)
{
	refused_role = role;
	promise_outcome(status_and_words(in_refusal, STDOUT_FILENO, text,
					 room));
	return strlen(text);
}

static void expect_the_same_refusals(int error)
{
	static char alone[8192], with_us[8192];

	refusal = error;
	expect(words_told(as_refused_alone, alone, sizeof alone) > 100);
	/* The filter is there, and refuses. */
	expect(!strncmp(alone, "getrandom 8: -1 ", 16));
	words_told(as_refused_with_us, with_us, sizeof with_us);
	if (strcmp(alone, with_us) != 0)
		fprintf(stderr, "alone:\n%swith us:\n%s", alone, with_us);
	expect(strcmp(alone, with_us) == 0);
}

static void a_kernel_without_getrandom_answers_for_itself(void)
{
	expect_the_same_refusals(ENOSYS);
}

static void a_sandbox_that_refuses_getrandom_answers_for_itself(void)
{
	expect_the_same_refusals(EPERM);
}

/* What cannot fail reads the device then. */
static void as_never_refused(void)
{
	struct words *words = words_new(200000);
	static const char *const names[] = {"arc4random", "arc4random_buf",
					    "fastrand_buf", "fastrand_u32"};
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	uint64_t bytes[64];

	for (size_t w = 0; w < COUNT(ways); w++)
		for (size_t n = 0; n < COUNT(names); n++)
			if (!strcmp(ways[w].name, names[n]))
				words_draw(words, &ways[w], 500);
	for (int i = 0; i < 100; i++) {
		expect(read(fd, bytes, sizeof bytes) == sizeof bytes);
		words_add(words, bytes, sizeof bytes);
	}
	words_expect_distinct(words, 500 * COUNT(names) + 100 * COUNT(bytes));
	expect(api.getrandom(bytes, sizeof bytes, 0) == -1 && errno == ENOSYS);
}

static void a_kernel_without_getrandom_leaves_the_device(void)
{
	refusal = ENOSYS;
	enter_refusal();
	again_as("never_refused");
}

/* There is stock, and then no key any more. */
static void getrandom_is_taken_away_in_mid_life(void)
{
	struct words *words = words_new(600000);
	uint64_t bytes[64];
	ssize_t got = 0;
	int fd = (int)RAW(SYS_openat, AT_FDCWD, "/dev/urandom", O_RDONLY);

	words_draw_all_ways(words);
	refusal = ENOSYS;
	enter_refusal();
	for (int i = 0; i < 3000; i++) {
		got = getrandom(bytes, sizeof bytes, 0);
		expect(got == sizeof bytes || (got == -1 && errno == ENOSYS));
		if (got > 0)
			words_add(words, bytes, sizeof bytes);
		/* Whoever may, ends the key's life early. */
		if (i == 2000)
			RAW(SYS_ioctl, fd, RNDRESEEDCRNG);
	}
	words_expect_distinct(words, COUNT(ways) * 500);
	if (geteuid() == 0)
		expect(got == -1);
}

int main(int count, char **arguments)
{
	static const struct promise roles[] = {
		ROLE(refused),
		ROLE(never_refused),
	};
	static const struct promise promises[] = {
		APART(a_kernel_without_getrandom_answers_for_itself),
		APART(a_sandbox_that_refuses_getrandom_answers_for_itself),
		APART(a_kernel_without_getrandom_leaves_the_device),
		APART(getrandom_is_taken_away_in_mid_life),
	};

	/* Played without the library, to compare. */
	if (count > 1 && preload_told("TEST_WITHOUT_PRELOAD", "1"))
		return promise_play(arguments[1], roles, COUNT(roles));
	if (count > 1)
		return roles_play(arguments[1], roles, COUNT(roles));
	return roles_keep("no_getrandom", promises, COUNT(promises));
}
