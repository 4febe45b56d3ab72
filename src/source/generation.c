/* Which generation is it now, and how do we know? See generation.h. */
#include "generation.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "system/real.h"
#include "vdso.h"

/*
 * The data that the kernel publishes: include/vdso/datapage.h, struct
 * vdso_rng_data.
 */
struct rng_data {
	uint64_t generation;
	uint8_t is_ready;
	uint8_t padding[7];
};

/*
 * Where these data may be: in the page that is so many pages before the vDSO,
 * at this offset in the page. The order of the table does not matter, because
 * data at one of these places cannot look like data at another.
 */
struct place {
	uint8_t pages_before;
	uint16_t offset;
};

static const struct place places[] = {
#if defined(__x86_64__)
	{4, 0},		/* 6.15 and later: third page of six */
	{4, 640},	/* 6.11 to 6.14 */
	{1, 640},	/* 6.11 and 6.12, in a time namespace */
	{3, 640},	/* 6.13 and 6.14, in a time namespace */
#elif defined(__aarch64__)
	{2, 0},		/* 6.15 and later: third page of four */
	{2, 480},	/* 6.12 to 6.14: first page of two */
	{1, 480},	/* the same in a time namespace */
#else
	{2, 0},		/* the generic layout of 6.15 and later */
#endif
};

/*
 * No process has its page moved more often than this. A page that disappears
 * again and again is not used any more.
 */
enum { SEARCHES = 16 };

static const volatile uint64_t nowhere;
const volatile uint64_t *generation_page = &nowhere;
static atomic_int searches;

/*
 * A place must not be read before we know that it is mapped, and some pages
 * there raise SIGBUS. Therefore the kernel is made to read the padding, as the
 * name of a file. In the right place the padding is an empty name, for which
 * the kernel returns ENOENT. Any other name would be looked up relative to
 * descriptor -1, which fails. At worst it is the absolute path of a file, which
 * O_PATH finds but does not open. The call is openat, because the loader makes
 * that call in every program, so that a seccomp filter that was installed
 * before us allows it.
 */
static bool readable(const volatile struct rng_data *data)
{
	long answer = REAL_CALL(SYS_openat, -1, data->padding,
				O_PATH | O_CLOEXEC);

	if (answer >= 0)
		REAL_CALL(SYS_close, answer);
	return answer == -ENOENT;
}

static bool zero(const volatile uint8_t *bytes, size_t count)
{
	uint8_t any = 0;

	while (count--)
		any |= *bytes++;
	return !any;
}

/*
 * Since Linux 6.15 the rest of that page is zero. Before that it contains the
 * clock's data.
 */
static bool has_shape(const volatile struct rng_data *data, size_t rest)
{
	return data->generation && data->is_ready == 1 &&
	       zero(data->padding, sizeof data->padding) &&
	       zero((const volatile uint8_t *)(data + 1), rest);
}

static const volatile uint64_t *find(void)
{
	uintptr_t base = vdso_base();
	size_t page = getauxval(AT_PAGESZ);

	if (!base || !page)
		return NULL;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		uintptr_t at = base - places[i].pages_before * page +
			       places[i].offset;
		const volatile struct rng_data *data = (const void *)at;
		size_t rest = places[i].offset ? 0 : page - sizeof *data;

		if (readable(data) && has_shape(data, rest))
			return &data->generation;
	}
	return NULL;
}

static void set(const volatile uint64_t *page)
{
	__atomic_store_n(&generation_page, page ? page : &nowhere,
			 __ATOMIC_RELEASE);
}

bool generation_start(void)
{
	const volatile uint64_t *page = find();

	set(page);
	return page;
}

bool generation_reachable(void)
{
	return vdso_unchanged();
}

bool generation_agrees(const struct vdso_state *state, uint64_t generation)
{
	const volatile struct vdso_state *used = state;
	const volatile struct rng_data *data = (const volatile void *)
		__atomic_load_n(&generation_page, __ATOMIC_RELAXED);

	if (&data->generation == &nowhere || used->generation != generation)
		return false;
	atomic_thread_fence(memory_order_acquire);
	return data->generation == generation && data->is_ready == 1 &&
	       zero(data->padding, sizeof data->padding);
}

bool generation_lost(void)
{
	if (generation_page == &nowhere)
		return false;
	if (atomic_fetch_add(&searches, 1) >= SEARCHES)
		return false;
	return generation_start();
}

void generation_end(void)
{
	set(NULL);
}
