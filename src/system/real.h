/*
 * What is behind the names that we interpose, and how do we reach the kernel?
 * Wherever it matters how libc asks the operating system, no other file of the
 * library calls a libc function that can do so. Everything here is safe in
 * signal handlers, takes no lock, allocates nothing, and works before any
 * constructor has run.
 */
#ifndef REAL_H
#define REAL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

/*
 * Makes a raw system call and returns the kernel's answer, where -4095..-1 is
 * -errno. errno is not changed. This is not a cancellation point.
 */
long real_call(long number, long a, long b, long c, long d, long e, long f);

/* The same for calls that have fewer arguments. */
#define REAL_CALL_(n, a, b, c, d, e, f, ...) \
	real_call((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), \
		  (long)(e), (long)(f))
#define REAL_CALL(...) REAL_CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/*
 * Returns an entry of the auxiliary vector that the kernel gave this process,
 * or 0 if there is none. errno is restored, because getauxval sets it for a
 * missing entry.
 */
unsigned long real_told(unsigned long what);

/* Maps new memory, or (unless fd is -1) the beginning of a file. */
void *real_map(size_t size, int protection, int flags, int fd);

/*
 * Makes an fstat, as a raw system call, because other preloaded libraries, such
 * as fakeroot, change what libc's reports. False: it failed.
 */
bool real_stat(int fd, struct stat64 *is);

/*
 * Returns the kernel's answer in the way of libc: as -1 and errno, or as it is.
 */
static inline long real_result(long answer)
{
	if (answer < 0 && answer >= -4095) {
		errno = (int)-answer;
		return -1;
	}
	return answer;
}

/*
 * The definition of a name that the program would have got without this
 * library. That is the next one behind us in the order of the link map, in its
 * default version, in an object that was there at start-up. It is NULL if there
 * is none, as for arc4random with an old libc. The name is looked up once
 * (about 0.1 us for each object) by code of our own. dlsym is not used, because
 * it allocates, and because it takes the loader's lock, which a thread that
 * waits for us may hold.
 *
 * Use it as REAL(read)(fd, buf, len): the type is that of the name itself.
 */
#define REAL(name) ((__typeof__(name) *)REAL_NAMED(#name))
#define REAL_NAMED(string) REAL_BY(real_find, string)

/*
 * The same, but NULL if that definition is glibc's own. This is for requests
 * that only the kernel may answer: since glibc 2.41 the getrandom and
 * arc4random of libc are a generator in this process, with a key of its own. A
 * definition in another preloaded library is used as it would be without us,
 * and so are those of musl, which are system calls.
 */
#define REAL_FOREIGN(string) REAL_BY(real_find_foreign, string)

#define REAL_BY(find, string) \
	({ \
		static void *slot_; \
		void *found_ = __atomic_load_n(&slot_, __ATOMIC_RELAXED); \
		if (__builtin_expect((uintptr_t)found_ <= REAL_ABSENT, 0)) \
			found_ = find(&slot_, string); \
		found_; \
	})

/*
 * Calls the name, or fails with ENOSYS. This is for names that this libc may
 * lack. A program that has looked for such a name by dlsym finds ours, and
 * would call it.
 */
#define REAL_OR_ENOSYS(name, arguments) \
	({ \
		__typeof__(name) *next_ = REAL(name); \
		next_ ? next_ arguments : (errno = ENOSYS, -1); \
	})

/* The function of that name, or else other, which has the same type. */
#define REAL_OR(name, other) \
	({ \
		__typeof__(name) *next_ = REAL(name); \
		next_ ? next_ : (other); \
	})

/*
 * Calls the name, or else makes the system call. This is for functions that are
 * nothing but the system call of the same name.
 */
#define REAL_OR_KERNEL(name, ...) \
	({ \
		__typeof__(name) *next_ = REAL(name); \
		next_ ? next_(__VA_ARGS__) : \
			(int)real_result(REAL_CALL(SYS_##name, __VA_ARGS__)); \
	})

/* The value of a slot whose name was looked for and does not exist. */
enum { REAL_ABSENT = 1 };

void *real_find(void **slot, const char *name);
void *real_find_foreign(void **slot, const char *name);

/*
 * Makes fork(3) call these handlers, for ever: before the fork, and after it in
 * the parent and in the child. NULL: no handler. This allocates, so only
 * constructors may call it.
 */
typedef void real_handler(void);
void real_atfork(real_handler *prepare, real_handler *parent,
		 real_handler *child);

/*
 * Acts on a pending cancellation request, if the program has
 * pthread_testcancel.
 */
extern __attribute__((visibility("hidden")))
void (*real_testcancel_next)(void);

static inline void real_testcancel(void)
{
	__atomic_load_n(&real_testcancel_next, __ATOMIC_RELAXED)();
}

#endif
