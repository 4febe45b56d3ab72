/*
 * Second signals, beside the kernel's generation: has this machine been cloned,
 * migrated or restored?
 *
 *   VMClock   /dev/vmclock0, Linux 6.13 (include/uapi/linux/vmclock-abi.h): the
 *             hypervisor's page with a disruption marker and, where flag bit 8
 *             is set, a counter of the machine's generations
 *   SysGenID  /dev/sysgenid, Amazon's kernels: a 32-bit counter
 *
 * They say when to ask the kernel anew, never what to mix in: two clones see the
 * same new value. Both are root's, mapped at start-up, and closed again.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* Is there any? Where there is none, nothing else needs to be asked. */
extern __attribute__((visibility("hidden"))) bool signals_present;

/*
 * What they say now, as one number; 0: they are being changed, and nothing that
 * depends on them is current. Bounded; no system call.
 */
uint64_t signals_now(void);

/*
 * Maps what there is. FASTRAND_VMCLOCK and FASTRAND_SYSGENID name files of the
 * same layout in place of the devices, for tests.
 */
void signals_start(void);

/* vmclock, sysgenid, "vmclock, sysgenid" or none. */
const char *signals_name(void);

#endif
