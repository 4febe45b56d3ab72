/*
 * What has to be found out before the first request: once, early where a
 * constructor may do it, late where a call comes before that.
 */
#ifndef START_H
#define START_H

#include <stdbool.h>

/*
 * True once the rest of the library may be used. False while another thread, or
 * the draw that a handler interrupted, is at it: nobody waits. After the first
 * time one load.
 */
bool start(void);

/*
 * Does this kernel have one generator behind every name and flag? Since Linux
 * 5.6 /dev/random and GRND_RANDOM give what /dev/urandom gives, and
 * GRND_INSECURE exists. Before, such requests are the kernel's.
 */
bool start_one_generator(void);

/* Does the user want a report at exit? */
bool start_wants_stats(void);

/* Does the user vouch for the table of descriptors? */
bool start_trusts_fds(void);

/* droppable, wipe-on-fork or none. */
const char *start_memory(void);

#endif
