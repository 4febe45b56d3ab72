/* What our tests take from glibc's headers, and older ones of musl lack. */
#include <sys/stat.h>
#ifndef STATX_BASIC_STATS
#include <linux/stat.h>
#endif
