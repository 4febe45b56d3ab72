/*
 * How new is the kernel's generator?
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>

/*
 * To be called at the start. recent: the kernel is known to be Linux 5.6 or
 * later, and need not be asked.
 */
void kernel_start(bool recent);

/*
 * Is there one generator behind every name and flag? Since Linux 5.6
 * /dev/random and GRND_RANDOM give what /dev/urandom gives, and GRND_INSECURE
 * exists. On older kernels such requests are left to the kernel.
 */
bool kernel_one_generator(void);

#endif
