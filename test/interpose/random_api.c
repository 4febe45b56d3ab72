/*
 * The library's own interface, as fastrand.h promises it: what it says of
 * itself, and states that a program keeps for it.
 */
#include "support/draws.h"

static void a_state_is_made_once(void)
{
	struct words *words = words_new(30000);
	void *first = NULL, *second = NULL, *was;
	uint64_t word, before;

	expect(api.vgetrandom(&first, &word, 8, 0) == 8);
	expect(api.vgetrandom(&second, &word, 8, 0) == 8);
	if (!tier_is("off")) {
		expect(first != NULL && second != NULL);
		expect(first != second);
	}
	was = first;
	before = info_now().requests;
	for (int i = 0; i < 10000; i++) {
		expect(api.vgetrandom(&first, &word, 8, 0) == 8);
		words_add(words, &word, 8);
		expect(api.vgetrandom(&second, &word, 8, GRND_NONBLOCK) == 8);
		words_add(words, &word, 8);
		expect(getrandom(&word, 8, 0) == 8);
		words_add(words, &word, 8);
	}
	expect(first == was);
	expect(!serves(8) || info_now().requests + 3 >= before + 30000);
	words_expect_distinct(words, 30000);
}

static void *raced_state;
static atomic_int ready, wrong_states;
static struct words *race_words;

static void *race_for_a_state(void *unused)
{
	uint64_t words[64];
	void *seen;

	(void)unused;
	ready++;
	while (ready < 8)
		;
	for (int i = 0; i < 200; i++) {
		if (api.vgetrandom(&raced_state, words, sizeof words, 0) !=
		    sizeof words)
			abort();
		words_add(race_words, words, sizeof words);
		seen = __atomic_load_n(&raced_state, __ATOMIC_ACQUIRE);
		wrong_states += seen && raced_state != seen;
	}
	return __atomic_load_n(&raced_state, __ATOMIC_ACQUIRE);
}

/* One state comes of it, and all get bytes, some of them the kernel's. */
static void eight_threads_race_for_one_state(void)
{
	race_words = words_new(20 * 8 * 200 * 64);
	for (int round = 0; round < 20; round++) {
		pthread_t threads[8];
		void *result;

		raced_state = NULL;
		ready = 0;
		for (size_t i = 0; i < COUNT(threads); i++)
			threads[i] = begin_thread(race_for_a_state, NULL);
		for (size_t i = 0; i < COUNT(threads); i++) {
			expect(pthread_join(threads[i], &result) == 0);
			/* Unless another one was making it all the time. */
			expect(!result || result == raced_state);
		}
		expect(raced_state || tier_is("off"));
	}
	expect(wrong_states == 0);
	words_expect_distinct(race_words, 20 * 8 * 200 * 64);
}

static void the_version_is_the_headers(void)
{
	expect(!strcmp(api.version(), FASTRAND_VERSION));
	expect(!strcmp(info_now().version, FASTRAND_VERSION));
}

/* A program built for another release knows a smaller or larger structure. */
static void info_is_given_to_any_size(void)
{
	struct {
		struct fastrand_info known;
		uint8_t more[64];
	} info, whole;

	memset(&whole, 0xa5, sizeof whole);
	preload_info(&whole.known, sizeof whole.known);
	for (size_t size = 0; size <= sizeof info; size += 8) {
		size_t filled =
			size < sizeof whole.known ? size : sizeof whole.known;

		memset(&info, 0xa5, sizeof info);
		preload_info(&info.known, size);
		expect(!memcmp(&info, &whole, filled));
		for (size_t i = filled; i < sizeof info; i++)
			expect(((uint8_t *)&info)[i] == 0xa5);
	}
	expect(whole.known.size == sizeof whole.known);
}

static void info_says_what_is_there(void)
{
	static const char *const tiers[] = {"page", "call", "hardware",
					    "kernel", "off"};
	struct fastrand_info info = info_now();
	bool known = false;

	for (size_t i = 0; i < COUNT(tiers); i++)
		known |= !strcmp(info.tier, tiers[i]);
	expect(known);
	expect((*info.why == '\0') == !strcmp(info.tier, "page"));
	expect((info.generation != 0) == !strcmp(info.tier, "page"));
	expect(*info.memory && *info.chacha20 && *info.hardware);
	expect(info.held == 0);
}

int main(void)
{
	static struct promise promises[] = {
		APART(a_state_is_made_once),
		APART(eight_threads_race_for_one_state),
		HERE(the_version_is_the_headers),
		HERE(info_is_given_to_any_size),
		HERE(info_says_what_is_there),
	};

	if (!draws_begin())
		return 2;
	return promises_keep("random_api", promises, COUNT(promises));
}
