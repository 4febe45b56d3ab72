/*
 * What is behind the names that we interpose? This file finds the next
 * definition in the order of the link map, and makes raw system calls.
 *
 * The loader's list is read without its lock. Objects that were in it at
 * start-up are never unloaded, and a dlopen that is under way only appends to
 * the list. Therefore we stop at the object that was the last one when we first
 * looked.
 */
#include "real.h"

#include <link.h>
#include <sys/auxv.h>

#include "elf_symbol.h"
#include "raw.h"

/*
 * This is weak so that the linker records neither a dependency on the loader
 * nor a version of the symbol, because every loader has the symbol, but not at
 * the same version.
 */
#if defined(__GLIBC__)

extern struct r_debug _r_debug __attribute__((weak));

/*
 * Since glibc 2.35 a list for each namespace that dlmopen has made follows the
 * first list. r_version is 2 if that is so. In an empty namespace r_map is
 * NULL.
 */
struct lists {
	struct r_debug list;
	struct lists *next;
};

static bool has_us(const struct link_map *m)
{
	while (m && m->l_ld != _DYNAMIC)
		m = m->l_next;
	return m;
}

/*
 * With an older glibc we cannot find the list of our own namespace. But we can
 * find its libc. Because the loader works with one build of libc only, ours is
 * the same file as the one in the base list, loaded at another address. This
 * address follows from that of a name that is bound to our libc.
 */
static struct lists *find_libc(const struct link_map *m)
{
	static struct link_map libc;
	static struct lists alone = {.list = {.r_map = &libc}};

	for (; m; m = m->l_next) {
		const char *at = elf_symbol(m->l_addr, m->l_ld, "getauxval");
		uintptr_t away = (uintptr_t)getauxval - (uintptr_t)at;

		if (!at || away % 4096 ||
		    !elf_symbol(m->l_addr, m->l_ld, "gnu_get_libc_version"))
			continue;
		libc.l_addr = m->l_addr + away;
		libc.l_ld = (ElfW(Dyn) *)((uintptr_t)m->l_ld + away);
		return &alone;
	}
	return NULL;
}

/*
 * Finds the list of our own namespace, because the libc of another namespace
 * has an errno of its own.
 */
static struct lists *find_lists(void)
{
	struct lists *all = (struct lists *)&_r_debug, *l;

	/* The object is larger than <link.h> declares it. */
	__asm__("" : "+r"(all));
	l = all;
	while (l && !has_us(l->list.r_map))
		l = l->list.r_version < 2 ? NULL : l->next;
	if (!l)
		l = find_libc(_r_debug.r_map);
	return l ? l : all;
}

/*
 * The list's head is read anew each time, because the first object of a
 * namespace may be closed, so that another object becomes the first.
 */
static struct link_map *head(void)
{
	static struct lists *ours;
	struct lists *l = __atomic_load_n(&ours, __ATOMIC_RELAXED);

	if (!&_r_debug)
		return NULL;
	if (!l) {
		l = find_lists();
		__atomic_store_n(&ours, l, __ATOMIC_RELEASE);
	}
	return l->list.r_map;
}

#else

/*
 * musl keeps this pointer for debuggers. The DT_DEBUG entry of the program says
 * the same, but it cannot be found if the loader was started by its name,
 * because AT_PHDR is then that of the loader.
 */
extern struct r_debug *_dl_debug_addr __attribute__((weak));
extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

static struct link_map *head(void)
{
	return &_dl_debug_addr ? _dl_debug_addr->r_map : NULL;
}

#endif

static struct link_map *last_at_start(void)
{
	static struct link_map *last;
	struct link_map *end = __atomic_load_n(&last, __ATOMIC_RELAXED);

	if (end)
		return end;
	for (struct link_map *m = head(); m; m = m->l_next)
		end = m;
	__atomic_store_n(&last, end, __ATOMIC_RELAXED);
	return end;
}

/*
 * An old libc consists of several objects. All of them have a definition of
 * this name.
 */
static bool is_libc(const struct link_map *m)
{
	return elf_symbol(m->l_addr, m->l_ld, "__errno_location");
}

/*
 * Looks for the name behind us first, and then in front of us. The second is
 * for a program that was linked with this library behind libc. In front of us
 * only libc is considered, because another preloaded library that is there may
 * ask for the definition behind it, which is ours. _DYNAMIC belongs to this
 * library. The vDSO is skipped, because on some kernels it defines a getrandom
 * of five arguments. *in becomes the object that defines the name.
 */
static void *search(const char *name, struct link_map **in)
{
	struct link_map *end = last_at_start();
	uintptr_t vdso = real_told(AT_SYSINFO_EHDR);
	void *before = NULL, *found = NULL;
	bool behind = false;

	for (struct link_map *m = head(); m && !found; m = m->l_next) {
		void *here = NULL;

		if (m->l_ld == _DYNAMIC)
			behind = true;
		else if ((behind || !before) && (!vdso || m->l_addr != vdso))
			here = elf_symbol(m->l_addr, m->l_ld, name);
		if (here && (behind || is_libc(m))) {
			*in = m;
			*(behind ? &found : &before) = here;
		}
		if (m == end)
			break;
	}
	return found ? found : before;
}

static void *keep(void **slot, void *found)
{
	__atomic_store_n(slot, found ? found : (void *)REAL_ABSENT,
			 __ATOMIC_RELAXED);
	return found;
}

void *real_find(void **slot, const char *name)
{
	struct link_map *in = NULL;

	if (__atomic_load_n(slot, __ATOMIC_RELAXED) == (void *)REAL_ABSENT)
		return NULL;
	return keep(slot, search(name, &in));
}

void *real_find_foreign(void **slot, const char *name)
{
	struct link_map *in = NULL;
	void *found;

	if (__atomic_load_n(slot, __ATOMIC_RELAXED) == (void *)REAL_ABSENT)
		return NULL;
	found = search(name, &in);
	if (found && elf_symbol(in->l_addr, in->l_ld, "gnu_get_libc_version"))
		found = NULL;
	return keep(slot, found);
}

unsigned long real_told(unsigned long what)
{
	int saved = errno;
	unsigned long told = getauxval(what);

	errno = saved;
	return told;
}

/*
 * On 32 bits the old call takes a structure, and the newer one takes the offset
 * in pages.
 */
void *real_map(size_t size, int protection, int flags, int fd)
{
#if defined(SYS_mmap2)
	long at = REAL_CALL(SYS_mmap2, 0, size, protection, flags, fd, 0);
#else
	long at = REAL_CALL(SYS_mmap, 0, size, protection, flags, fd, 0);
#endif

	return at < 0 && at >= -4095 ? NULL : (void *)at;
}

/* Where both calls exist, struct stat64 is that of the newer one. */
bool real_stat(int fd, struct stat64 *is)
{
#if defined(SYS_fstat64)
	return !REAL_CALL(SYS_fstat64, fd, is);
#else
	return !REAL_CALL(SYS_fstat, fd, is);
#endif
}

/*
 * The function is looked up by its name. If it were linked, pthread_atfork
 * would be an object of glibc's that becomes part of this library, and that
 * removes the handlers when the library is unloaded. This library is never
 * unloaded.
 */
void real_atfork(real_handler *prepare, real_handler *parent,
		 real_handler *child)
{
	int (*glibc)(real_handler *, real_handler *, real_handler *, void *) =
		REAL_NAMED("__register_atfork");
	int (*posix)(real_handler *, real_handler *, real_handler *) = NULL;

	if (glibc)
		glibc(prepare, parent, child, NULL);
	else
		posix = REAL_NAMED("pthread_atfork");
	if (posix)
		posix(prepare, parent, child);
}

static void no_cancellation(void)
{
}

/*
 * Looks up the function at the first call and replaces itself by it, because a
 * call through a pointer costs less than a test for NULL.
 */
static void first_testcancel(void)
{
	struct link_map *in = NULL;
	void (*found)(void) = search("pthread_testcancel", &in);

	__atomic_store_n(&real_testcancel_next, found ? found : no_cancellation,
			 __ATOMIC_RELAXED);
	real_testcancel();
}

void (*real_testcancel_next)(void) = first_testcancel;

#if defined(RAW_CALL)

long real_call(long number, long a, long b, long c, long d, long e, long f)
{
	return raw_call(number, a, b, c, d, e, f);
}

#else

/*
 * On other architectures libc's syscall() makes the call. It returns errors in
 * errno.
 */
long real_call(long number, long a, long b, long c, long d, long e, long f)
{
	long (*libc_syscall)(long, ...) = REAL_NAMED("syscall");
	int saved = errno;
	long answer;

	if (!libc_syscall)
		return -ENOSYS;
	answer = libc_syscall(number, a, b, c, d, e, f);
	if (answer == -1)
		answer = -errno;
	errno = saved;
	return answer;
}

#endif
