/*
 * One system call without libc, on the architectures whose instruction for it is
 * known here. RAW_CALL is defined where raw_call() is. It returns what the
 * kernel returns: -4095 to -1 is -errno. It leaves errno alone, and is not a
 * cancellation point.
 */
#ifndef RAW_H
#define RAW_H

#if defined(__x86_64__)
#define RAW_CALL

static inline long raw_call(long number, long a, long b, long c, long d,
			    long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long answer;

	__asm__ volatile("syscall"
			 : "=a"(answer)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return answer;
}

#elif defined(__aarch64__)
#define RAW_CALL

static inline long raw_call(long number, long a, long b, long c, long d,
			    long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

#endif

#endif
