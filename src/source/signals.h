/*
 * Has this machine been cloned, migrated or restored? Two interfaces tell that,
 * beside the generation of the kernel's generator. We call them the second
 * signals:
 *
 *   VMClock   /dev/vmclock0, Linux 6.13 (include/uapi/linux/vmclock-abi.h):
 *             a page of the hypervisor's with a disruption marker and, if flag
 *             bit 8 is set, a counter of the machine's generations
 *   SysGenID  /dev/sysgenid, in Amazon's kernels: a 32-bit counter
 *
 * A change of a signal means that the kernel has to be asked for new keys. The
 * signal itself is never mixed into a key, because two clones see the same new
 * value. Both devices belong to root. They are mapped at start-up, and closed
 * again.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* Is there any such signal? If not, nothing else has to be checked. */
extern __attribute__((visibility("hidden"))) bool signals_present;

/*
 * Returns the present values of the signals as one number. 0: they are being
 * changed, and no key that depends on them is current. The time is bounded. No
 * system call.
 */
uint64_t signals_now(void);

/*
 * Maps the devices that exist. For tests, FASTRAND_VMCLOCK and
 * FASTRAND_SYSGENID name files of the same layout that are used in place of the
 * devices.
 */
void signals_start(void);

/* Returns "vmclock", "sysgenid", "vmclock, sysgenid" or "none". */
const char *signals_name(void);

#endif
