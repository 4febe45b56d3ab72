/*
 * How new is the kernel's generator?
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>

/* At the start. recent: it is known to be of Linux 5.6 or later, and is not asked. */
void kernel_start(bool recent);

/*
 * Is there one generator behind every name and flag? Since Linux 5.6 /dev/random and
 * GRND_RANDOM give what /dev/urandom gives, and GRND_INSECURE exists. Before, such
 * requests are the kernel's.
 */
bool kernel_one_generator(void);

#endif
