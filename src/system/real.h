/*
 * The ground floor: what lies behind the names that we shadow, and the kernel
 * behind that. No other room calls a libc function that can reach the
 * operating system. Everything here is safe in signal handlers, takes no lock,
 * allocates nothing, and works before any constructor has run.
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
 * One raw system call: the kernel's answer, -4095..-1 being -errno. errno is
 * not touched. Not a cancellation point.
 */
long real_call(long number, long a, long b, long c, long d, long e, long f);

/* The same with the arguments left out that the call does not have. */
#define REAL_CALL_(n, a, b, c, d, e, f, ...) \
	real_call((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), \
		  (long)(e), (long)(f))
#define REAL_CALL(...) REAL_CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/*
 * What the kernel told this process at its start, or 0. getauxval says by errno
 * that there is no such thing.
 */
unsigned long real_told(unsigned long what);

/* Memory from the kernel, or from the beginning of a file (fd -1: none). */
void *real_map(size_t size, int protection, int flags, int fd);

/* What is it? By number, since other preloads fake libc's. False: it is none. */
bool real_stat(int fd, struct stat64 *is);

/* The kernel's answer as libc gives it: -1 and errno, or the answer. */
static inline long real_result(long answer)
{
	if (answer < 0 && answer >= -4095) {
		errno = (int)-answer;
		return -1;
	}
	return answer;
}

/*
 * The definition of a name that the program would have got without us: the
 * next one behind us in the order of the link map, default versions only, from
 * the objects that were there at start-up. NULL where there is none, as with
 * arc4random under an old libc. It is looked up once (about 0.1 us per object)
 * by a walk of our own: dlsym allocates, and takes the loader's lock, which a
 * thread that waits for us may hold.
 *
 * For use as REAL(read)(fd, buf, len): the type is that of the name itself.
 */
#define REAL(name) ((__typeof__(name) *)REAL_NAMED(#name))
#define REAL_NAMED(string) REAL_BY(real_find, string)

/*
 * The same, but NULL where that definition is libc's own. For what only the kernel
 * may answer: since glibc 2.41 libc's getrandom and arc4random are a generator in
 * this process, with a key. Another preload's are asked as they would be
 * without us; and musl's, which are system calls.
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
 * The call, or ENOSYS: for names that this libc may lack, and that a program
 * which has looked for them by name would then call.
 */
#define REAL_OR_ENOSYS(name, arguments) \
	({ \
		__typeof__(name) *next_ = REAL(name); \
		next_ ? next_ arguments : (errno = ENOSYS, -1); \
	})

/* The function, or another of its type. */
#define REAL_OR(name, other) \
	({ \
		__typeof__(name) *next_ = REAL(name); \
		next_ ? next_ : (other); \
	})

/*
 * The call, or the kernel's: for names that are no more than a system call of that
 * name.
 */
#define REAL_OR_KERNEL(name, ...) \
	({ \
		__typeof__(name) *next_ = REAL(name); \
		next_ ? next_(__VA_ARGS__) : \
			(int)real_result(REAL_CALL(SYS_##name, __VA_ARGS__)); \
	})

/* What a slot holds of a name that was looked for in vain. */
enum { REAL_ABSENT = 1 };

void *real_find(void **slot, const char *name);
void *real_find_foreign(void **slot, const char *name);

/*
 * Has fork(3) call these, for ever: before it, and after it in either process.
 * NULL: none. Allocates: for constructors.
 */
typedef void real_handler(void);
void real_atfork(real_handler *prepare, real_handler *parent,
		 real_handler *child);

/* Acts on a cancellation request, where the program has such a thing. */
extern __attribute__((visibility("hidden")))
void (*real_testcancel_next)(void);

static inline void real_testcancel(void)
{
	__atomic_load_n(&real_testcancel_next, __ATOMIC_RELAXED)();
}

#endif
