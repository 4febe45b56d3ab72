/*
 * The kernel's page is found where each release has it, and nothing else is
 * taken for it; looking never faults. On the kernel that we run on it moves
 * together with the vDSO's function.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/generation.h"
#include "system/real.h"
#include "source/vdso.h"

/* The room vdso, wherever we say that it is. */
static uintptr_t fake_base;
static bool fake_unchanged = true;

uintptr_t vdso_base(void)
{
	return fake_base;
}

void *vdso_function(const char *name)
{
	(void)name;
	return NULL;
}

vdso_getrandom_function *vdso_getrandom(void)
{
	return NULL;
}

void vdso_start(void)
{
}

bool vdso_unchanged(void)
{
	return fake_unchanged;
}

void vdso_end(void)
{
}

/*
 * Pages in front of a vDSO: . not mapped, # raises SIGBUS, 0 zeros, c clock
 * data, n a time namespace's offsets, R the page that we look for, C clock data
 * with the same among it (as before 6.15).
 */
struct layout {
	const char *release;
	const char *pages;	/* the last one is next to the vDSO */
	int offset;		/* of what we look for; -1: not there */
};

#if defined(__x86_64__)
enum { AMONG = 640 };
static const struct layout layouts[] = {
	{"6.15", "c#R###", 0},
	{"6.15, paravirtual clock", "c#Rcc#", 0},
	{"6.15 in a time namespace", "ncR###", 0},
	{"7.3", "c0R000", 0},
	{"7.3 without the feature", "c00000", -1},
	{"6.15 without the feature", "c#####", -1},
	{"6.11", "..C###", AMONG},
	{"6.11, paravirtual clocks", "00Ccc#", AMONG},
	{"6.11 in a time namespace", "..n##C", AMONG},
	{"6.13", "..C###", AMONG},
	{"6.13 in a time namespace", "..nC##", AMONG},
	{"6.10", "..c###", -1},
	{"nothing mapped", "......", -1},
	{"only what faults", "######", -1},
};
#elif defined(__aarch64__)
enum { AMONG = 480 };
static const struct layout layouts[] = {
	{"6.15", "..c#R#", 0},
	{"6.15 in a time namespace", "..ncR#", 0},
	{"7.3", "..c0R0", 0},
	{"7.3 without the feature", "..c000", -1},
	{"6.12", "....C#", AMONG},
	{"6.12 in a time namespace", "....nC", AMONG},
	{"6.11", "....c#", -1},
	{"nothing mapped", "......", -1},
	{"only what faults", "######", -1},
};
#else
enum { AMONG = 0 };
static const struct layout layouts[] = {
	{"6.15", "..c#R#", 0},
	{"6.15 in a time namespace", "..ncR#", 0},
	{"7.3", "..c0R0", 0},
	{"7.3 without the feature", "..c000", -1},
	{"nothing mapped", "......", -1},
	{"only what faults", "######", -1},
};
#endif

struct rng_data {
	uint64_t generation;
	uint8_t is_ready;
	uint8_t padding[7];
};

static const struct rng_data good = {.generation = 23, .is_ready = 1};

/* A page as the kernel has it; rng is where such a one has it, or NULL. */
static void make_page(uint8_t *at, size_t size, char kind,
		      const struct rng_data *rng)
{
	int file = memfd_create("nothing", 0);
	int protection = kind == '.' ? PROT_NONE : PROT_READ | PROT_WRITE;

	/* Beyond the end of a file is what raises SIGBUS. */
	mmap(at, size, protection, MAP_FIXED | MAP_PRIVATE |
	     (kind == '#' ? 0 : MAP_ANONYMOUS), kind == '#' ? file : -1, 0);
	REAL_CALL(SYS_close, file);
	switch (kind) {
	case 'c':
	case 'C':
		memset(at, 0x5a, size);
		/* The first bytes look like it. */
		memcpy(at, &good, sizeof good);
		memset(at + AMONG, 0, AMONG ? sizeof *rng : 0);
		break;
	case 'n':
		memset(at, 0x5a, 256);
		break;
	}
	if (kind == 'R')
		memcpy(at, rng, sizeof *rng);
	if (kind == 'C')
		memcpy(at + AMONG, rng, sizeof *rng);
}

/* Returns where rng is, if it is there. */
static uint8_t *lay_out(const char *pages, const struct rng_data *rng)
{
	static uint8_t *space;
	size_t size = getauxval(AT_PAGESZ), count = strlen(pages);
	uint8_t *there = NULL;

	if (!space)
		space = mmap(NULL, 16 * size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fake_base = (uintptr_t)space + 8 * size;
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = (uint8_t *)fake_base - (count - i) * size;

		make_page(at, size, pages[i], rng);
		if (pages[i] == 'R' || pages[i] == 'C')
			there = at + (pages[i] == 'C' ? AMONG : 0);
	}
	return there;
}

static void expect_none(void)
{
	assert_false(generation_start());
	assert_int_equal(generation_now(), 0);
}

enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static void each_release_has_it_at_its_place(void **state)
{
	(void)state;
	for (int i = 0; i < LAYOUTS; i++) {
		uint8_t *there = lay_out(layouts[i].pages, &good);

		print_message("%s\n", layouts[i].release);
		if (layouts[i].offset < 0) {
			expect_none();
			continue;
		}
		assert_true(generation_start());
		assert_ptr_equal((const void *)generation_page, there);
		assert_int_equal(generation_now(), 23);
		*(uint64_t *)there = 24;
		assert_int_equal(generation_now(), 24);
	}
}

static void what_has_another_shape_is_not_it(void **state)
{
	static const struct rng_data bad[] = {
		{.generation = 0, .is_ready = 0},
		{.generation = 0, .is_ready = 1},
		{.generation = 23, .is_ready = 0},
		{.generation = 23, .is_ready = 2},
		{.generation = 23, .is_ready = 255},
		{.generation = 23, .is_ready = 1, .padding = {1}},
		{.generation = 23, .is_ready = 1, .padding[6] = 1},
	};

	(void)state;
	for (int i = 0; i < LAYOUTS; i++)
		for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
			lay_out(layouts[i].pages, &bad[j]);
			expect_none();
		}
}

static void nothing_else_is_in_a_page_of_its_own(void **state)
{
	size_t size = getauxval(AT_PAGESZ);

	(void)state;
	for (size_t at = sizeof good; at < size; at++) {
		uint8_t *there = lay_out(layouts[0].pages, &good);

		there[at] = 1;
		expect_none();
		at += at < 128 || at > size - 128 ? 0 : 16;
	}
}

/* The padding is read as a name: this one is a folder's, and that one a file's. */
static void no_name_is_opened(void **state)
{
	static const struct rng_data names[] = {
		{.generation = 23, .is_ready = 1, .padding = "/"},
		{.generation = 23, .is_ready = 1, .padding = "here"},
	};
	int folder = (int)REAL_CALL(SYS_openat, AT_FDCWD, "/tmp", O_PATH);
	int free = (int)REAL_CALL(SYS_dup, folder);
	int file;

	(void)state;
	REAL_CALL(SYS_close, free);
	for (int i = 0; i < LAYOUTS; i++)
		for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
			lay_out(layouts[i].pages, &names[j]);
			expect_none();
			file = (int)REAL_CALL(SYS_dup, folder);
			assert_int_equal(file, free);
			REAL_CALL(SYS_close, file);
		}
	REAL_CALL(SYS_close, folder);
}

static void without_a_vdso_there_is_none(void **state)
{
	(void)state;
	fake_base = 0;
	expect_none();
}

static void agreement_is_of_state_and_page_both(void **state)
{
	static struct vdso_state used;
	struct rng_data *there = (void *)lay_out(layouts[0].pages, &good);

	(void)state;
	assert_true(generation_start());
	assert_false(generation_agrees(&used, 23));
	used.generation = 23;
	assert_true(generation_agrees(&used, 23));
	assert_false(generation_agrees(&used, 24));
	there->generation = 24;
	assert_false(generation_agrees(&used, 23));
	assert_false(generation_agrees(&used, 24));
	there->generation = 23;
	there->is_ready = 0;
	assert_false(generation_agrees(&used, 23));
	there->is_ready = 1;
	there->padding[3] = 1;
	assert_false(generation_agrees(&used, 23));
	there->padding[3] = 0;
	assert_true(generation_agrees(&used, 23));
	generation_end();
	assert_int_equal(generation_now(), 0);
	assert_false(generation_agrees(&used, 23));
	used.generation = 0;
	assert_false(generation_agrees(&used, 0));
}

static void another_vdso_is_not_to_be_read(void **state)
{
	(void)state;
	assert_true(generation_reachable());
	fake_unchanged = false;
	assert_false(generation_reachable());
	fake_unchanged = true;
}

/* The oracle of the kernel that we run on. */
static vdso_getrandom_function *find_oracle(void)
{
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	void *found = vdso ? dlsym(vdso, "__vdso_getrandom") : NULL;

	if (vdso && !found)
		found = dlsym(vdso, "__kernel_getrandom");
	return found;
}

/* Others may reseed the kernel meanwhile, hardly always. */
static bool agree(vdso_getrandom_function *ask)
{
	_Alignas(256) struct vdso_state used; /* within a page */
	uint8_t byte;

	for (int i = 0; i < 100; i++) {
		memset(&used, 0, sizeof used);
		assert_int_equal(ask(&byte, 1, 0, &used, sizeof used), 1);
		if (generation_agrees(&used, generation_now()))
			return true;
	}
	return false;
}

static void page_and_oracle_move_together(void **state)
{
	vdso_getrandom_function *ask = find_oracle();
	int device = (int)REAL_CALL(SYS_openat, AT_FDCWD, "/dev/urandom",
				    O_RDONLY);
	uint64_t before;

	(void)state;
	fake_base = getauxval(AT_SYSINFO_EHDR);
	if (!ask || !generation_start()) {
		print_message("skipped: this kernel has no page\n");
		skip();
	}
	assert_true(agree(ask));
	if (ioctl(device, RNDRESEEDCRNG) < 0) {
		print_message("skipped: only root may reseed\n");
		skip();
	}
	for (int i = 0; i < 5; i++) {
		before = generation_now();
		assert_int_equal(ioctl(device, RNDRESEEDCRNG), 0);
		assert_true(generation_now() > before);
		assert_true(agree(ask));
	}
	REAL_CALL(SYS_close, device);
}

/* For good: the last of the tests. */
static void a_page_that_flickers_is_given_up(void **state)
{
	int found = 0;

	(void)state;
	lay_out(layouts[0].pages, &good);
	generation_end();
	assert_false(generation_lost());
	assert_true(generation_start());
	for (int i = 0; i < 1000; i++)
		found += generation_lost();
	assert_in_range(found, 1, 100);
	assert_false(generation_lost());
}

static void a_page_that_moved_is_found_anew(void **state)
{
	uint8_t *there = lay_out(layouts[0].pages, &good);
	struct rng_data later = {.generation = 99, .is_ready = 1};

	(void)state;
	assert_true(generation_start());
	memset(there, 0, sizeof good);
	assert_int_equal(generation_now(), 0);
	assert_false(generation_lost());
	assert_int_equal(generation_now(), 0);
	for (int i = 0; i < LAYOUTS; i++) {
		if (layouts[i].offset < 0)
			continue;
		lay_out(layouts[0].pages, &good);
		assert_true(generation_start());
		there = lay_out(layouts[i].pages, &later);
		assert_true(generation_lost());
		assert_ptr_equal((const void *)generation_page, there);
		assert_int_equal(generation_now(), 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_release_has_it_at_its_place),
		cmocka_unit_test(what_has_another_shape_is_not_it),
		cmocka_unit_test(nothing_else_is_in_a_page_of_its_own),
		cmocka_unit_test(no_name_is_opened),
		cmocka_unit_test(without_a_vdso_there_is_none),
		cmocka_unit_test(agreement_is_of_state_and_page_both),
		cmocka_unit_test(another_vdso_is_not_to_be_read),
		cmocka_unit_test(page_and_oracle_move_together),
		cmocka_unit_test(a_page_that_moved_is_found_anew),
		cmocka_unit_test(a_page_that_flickers_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
