/*
 * What was handed out is nowhere any more but in the caller's buffer; what made
 * it is nowhere at all; what comes next is in the bucket's page and nowhere
 * else. A child draws and stops; we, who know every key by the model, search
 * all of its writable memory, the dead part of the stack included.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generator/bucket.h"
#include "system/cpu.h"
#include "generator/fill.h"
#include "generator/fill_small.h"
#include "system/real.h"
#include "source/tier.h"
#include "model.h"
#include "support/word.h"

enum { MOST = 70000, CHUNK = 1 << 20, ALTERNATE = 1 << 16 };

static const struct variant {
	const char *name;
	chacha20_blocks *(*get)(void);
} variants[] = {
	{"portable", chacha20_portable}, {"neon", chacha20_neon},
	{"ssse3", chacha20_ssse3}, {"avx2", chacha20_avx2},
	{"avx512", chacha20_avx512},
};

/* 0 is a word. */
static const size_t lengths[] = {
	0, 4, 8, 16, 32, 5, 31, 100, 300, 600, 992, 993, 1000, 2000, MOST,
};

/* What the bucket is like before the last draw. */
enum before { COLD, WARM, EMPTY, OUTDATED, WORN_OUT, SIGNALLED, BEFORES };
static const char *const befores[] = {
	"cold", "warm", "empty", "outdated", "worn out",
	"second signals",
};

static struct scene {
	const struct variant *variant;
	enum tier tier;
	enum before before;
	size_t len;
	bool leased;		/* from a bucket leased to a stack */
	bool spills;		/* registers, too, into a signal's frame */
	unsigned int seed;	/* the first one */
} scene;

/*
 * The child: what it draws is in these, as the caller's. (A word is in a
 * register; the store is ours.)
 */
static uint8_t earlier[BUCKET_BATCH], out[MOST];
static _Alignas(64) uint8_t alternate_stack[ALTERNATE];

static void spilled(int number)
{
	(void)number;
}

/* Numbers that stack pointers could be, one of them with a lease. */
static const uintptr_t lessee = 0x7ffc12345000, nobody = 0x7ffc00000000;

static struct bucket *bucket(void)
{
	unsigned int here = cpu_here(cpu_thread()) % BUCKETS_SHARED;

	return &bucket_common.buckets[scene.leased ? bucket_lease(lessee) :
						     here];
}

static __attribute__((noinline)) bool ask(uint8_t *to, size_t len)
{
	uintptr_t stack = scene.leased ? lessee : nobody;

	return fill_quick(to, len, stack) || fill_slow(to, len, stack);
}

static __attribute__((noinline)) int64_t ask_for_a_word(void)
{
	return draw_word_from(scene.leased ? lessee : nobody);
}

/* In draws of 31 bytes. */
static unsigned int earlier_len(void)
{
	return scene.before == EMPTY ? BUCKET_BATCH : 124;
}

static void prepare(void)
{
	signals_present = scene.before == SIGNALLED;
	if (scene.before == COLD)
		return;
	for (unsigned int i = 0; i < earlier_len(); i += 31)
		if (!ask(earlier + i, 31))
			_exit(1);
	fake_generation += scene.before == OUTDATED;
	if (scene.before == WORN_OUT)
		bucket()->refills = MODEL_REFILLS;
}

static __attribute__((noinline)) void draw(void)
{
	if (scene.len) {
		if (!ask(out, scene.len))
			_exit(1);
	} else {
		*(volatile uint32_t *)out = (uint32_t)ask_for_a_word();
	}
#if defined(__x86_64__)
	if (scene.spills)
		__asm__ volatile("int3");
#endif
}

/* Far below, so that what we do afterwards overwrites no frame of the draw. */
static __attribute__((noinline)) void deep(void (*what)(void))
{
	uint8_t room[1 << 15];

	__asm__ volatile("" : : "r"(room) : "memory");
	what();
	__asm__ volatile("" : : "r"(room) : "memory");
}

static void child(void)
{
	stack_t stack = {.ss_sp = alternate_stack, .ss_size = ALTERNATE};
	struct sigaction spill = {.sa_handler = spilled,
				  .sa_flags = SA_ONSTACK};

	REAL_CALL(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	sigaltstack(&stack, NULL);
	sigaction(SIGTRAP, &spill, NULL);
	prepare();
	deep(draw);
	REAL_CALL(SYS_kill, REAL_CALL(SYS_getpid), SIGSTOP);
}

/*
 * The needles.
 */

enum kind { NONE, HANDED_OUT, LIVE, DEAD };

struct needle {
	uint64_t word;
	enum kind kind;
};

enum { NEEDLES = 1 << 16 };

/* What we know and read; the child does not have it. */
static struct searcher {
	struct needle needles[NEEDLES];
	uint32_t few;	/* can be told from chance on the stack alone */
	uint8_t foretold[MOST];
	uint8_t bytes[CHUNK + 8];
} *our;

static struct needle *find(uint64_t word)
{
	size_t i = word * UINT64_C(0x9e3779b97f4a7c15) >> 48;

	while (our->needles[i].kind && our->needles[i].word != word)
		i = (i + 1) % NEEDLES;
	return &our->needles[i];
}

static void add(uint64_t word, enum kind kind)
{
	*find(word) = (struct needle){word, kind};
}

/* Any 15 bytes of it, or fewer at its end, hold a needle. */
static void add_bytes(const uint8_t *bytes, size_t len, enum kind kind)
{
	uint64_t word;

	for (size_t i = 0; i + 8 <= len; i += i + 16 > len ? 1 : 8) {
		memcpy(&word, bytes + i, sizeof word);
		add(word, kind);
	}
}

/* Once for each block side by side: no other secret is like that. */
static void add_repeated(const uint8_t *key)
{
	for (int i = 0; i < 32; i += 4)
		add(model_word(key + i) * UINT64_C(0x100000001), DEAD);
}

static void add_forgotten(const uint8_t key[static 32])
{
	add_bytes(key, 32, DEAD);
	add_repeated(key);
}

static void foretell(struct model *m, uint64_t now, uint8_t *to, size_t len)
{
	if (scene.tier == TIER_PAGE)
		model_draw(m, now, to, len, len >= 4 && len <= 32);
	else if (scene.tier == TIER_HARDWARE)
		model_mix(m, fake_second, to, len);
	else
		model_expand(to, len);
}

static void add_foretold(void)
{
	uint8_t *foretold = our->foretold;
	struct model m = {0};
	uint64_t now = 1;
	size_t len = scene.len ? scene.len : 4;

	memset(our->needles, 0, sizeof our->needles);
	model_forgets = add_forgotten;
	model_seeds = model_nonces = scene.seed;
	if (scene.before != COLD)
		for (unsigned int i = 0; i < earlier_len(); i += 31)
			foretell(&m, now, foretold, 31);
	now += scene.before == OUTDATED;
	if (scene.before == WORN_OUT)
		m.refills = MODEL_REFILLS;
	foretell(&m, now, foretold, len);
	if (scene.tier == TIER_PAGE || scene.tier == TIER_HARDWARE) {
		add_bytes(m.key, sizeof m.key, LIVE);
		add_repeated(m.key);
	}
	if (scene.tier == TIER_PAGE)
		add_bytes(m.batch + MODEL_BATCH - m.left, m.left, LIVE);
	/* Of up to 32 bytes in tier call they are the key itself. */
	add_bytes(foretold, len, HANDED_OUT);
	our->few = model_word(foretold);
}

/*
 * The search.
 */

static bool within(uintptr_t at, const void *begin, size_t len)
{
	return at - (uintptr_t)begin < len;
}

static bool allowed(uintptr_t at, enum kind kind)
{
	return within(at, out, sizeof out) ||
	       within(at, earlier, sizeof earlier) ||
	       (kind == LIVE &&
		within(at, bucket()->key, BUCKET_REFILL)) ||
	       (kind == HANDED_OUT &&
		within(at, alternate_stack, ALTERNATE));
}

static void found(uintptr_t at, enum kind kind, const char *where)
{
	static const char *const kinds[] = {
		[HANDED_OUT] = "handed out", [LIVE] = "the next",
		[DEAD] = "forgotten",
	};

	fail_msg("%s, tier %s, %s%s, %zu bytes: bytes %s are at %#" PRIxPTR
		 " %s%s", scene.variant->name, tier_name(scene.tier),
		 befores[scene.before], scene.leased ? ", leased" : "",
		 scene.len, kinds[kind], at, where,
		 scene.spills ? ", from a register" : "");
}

static void search_stack(const uint8_t *bytes, size_t len, uintptr_t at)
{
	for (size_t i = 0; i + 4 <= len; i += 4)
		if (model_word(bytes + i) == our->few)
			found(at + i, HANDED_OUT, "[stack]");
}

static void search(const uint8_t *bytes, size_t len, uintptr_t at,
		   const char *where)
{
	for (size_t i = 0; i + 8 <= len; i++) {
		struct needle *n;
		uint64_t word;

		memcpy(&word, bytes + i, sizeof word);
		if (!word)
			continue;
		n = find(word);
		if (n->kind && !allowed(at + i, n->kind))
			found(at + i, n->kind, where);
	}
}

static void search_child(pid_t pid)
{
	uint8_t *bytes = our->bytes;
	char path[64], line[512];
	unsigned int seen = 0;
	FILE *maps;
	int memory;

	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	memory = (int)REAL_CALL(SYS_openat, AT_FDCWD, path,
				O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	assert_true(memory >= 0 && maps);
	while (fgets(line, sizeof line, maps)) {
		uintptr_t begin, end;
		char write;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*c%c", &begin,
			   &end, &write) != 3 || write != 'w')
			continue;
		for (; begin < end; begin += CHUNK) {
			long got = REAL_CALL(SYS_pread64, memory, bytes,
					     sizeof our->bytes, begin);

			if (got <= 0)
				break;
			search(bytes, (size_t)got, begin, strchr(line, ' '));
			if (strstr(line, "[stack]"))
				search_stack(bytes, (size_t)got, begin);
			seen += within((uintptr_t)bucket(), (void *)begin,
				       CHUNK);
			seen += within((uintptr_t)line, (void *)begin, CHUNK);
		}
	}
	/* The bucket was among it, and the stack. */
	assert_int_equal(seen, 2);
	fclose(maps);
	REAL_CALL(SYS_close, memory);
}

static void play(void)
{
	int status = -1;
	pid_t pid;

	/* What the last scenes left in our own memory has other seeds. */
	fake_seeds = fake_nonces = scene.seed += 1000;
	bucket_stream = scene.variant->get();
	tier_set(scene.tier, "");
	pid = fork();
	if (pid == 0) {
		child();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	add_foretold();
	search_child(pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void play_each_before(void)
{
	enum before most = scene.tier == TIER_PAGE ? BEFORES : EMPTY;

	scene.before = scene.spills ? WARM : COLD;
	for (; scene.before < most; scene.before++)
		/*
		 * Tier kernel leaves small requests to the kernel; where there
		 * are second signals nothing is leased.
		 */
		if ((scene.tier != TIER_KERNEL || scene.before == COLD) &&
		    !(scene.leased && scene.before == SIGNALLED))
			play();
}

static void play_all(enum tier tier, const struct variant *variant)
{
	scene.variant = variant;
	scene.tier = tier;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		for (int mode = 0; mode < 4; mode++) {
			scene.len = lengths[i];
			scene.spills = mode & 1;
			scene.leased = mode & 2;
			if (scene.leased && (tier != TIER_PAGE ||
					     scene.len == 5 || scene.len > 32))
				continue;
			if (tier == TIER_KERNEL && scene.len <= 256)
				continue;
			play_each_before();
		}
}

static void in_tier(enum tier tier)
{
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
		if (variants[i].get())
			play_all(tier, &variants[i]);
		else
			print_message("no %s here\n", variants[i].name);
}

static void stock_leaves_no_trace(void **state)
{
	(void)state;
	in_tier(TIER_PAGE);
}

static void tier_call_leaves_no_trace(void **state)
{
	(void)state;
	in_tier(TIER_CALL);
}

static void tier_hardware_leaves_no_trace(void **state)
{
	(void)state;
	in_tier(TIER_HARDWARE);
}

static void tier_kernel_leaves_no_trace(void **state)
{
	(void)state;
	in_tier(TIER_KERNEL);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stock_leaves_no_trace),
		cmocka_unit_test(tier_call_leaves_no_trace),
		cmocka_unit_test(tier_hardware_leaves_no_trace),
		cmocka_unit_test(tier_kernel_leaves_no_trace),
	};

	/* The library is linked so; to bind late spills registers. */
	(void)count;
	if (!getenv("LD_BIND_NOW") && setenv("LD_BIND_NOW", "1", 1) == 0)
		execv("/proc/self/exe", arguments);
	our = mmap(NULL, sizeof *our, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(our, sizeof *our, MADV_DONTFORK);
	/* Always the same bucket. */
	cpu_rseq_offset = 0;
	fake_no_leases();
	fake_lease(lessee);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
