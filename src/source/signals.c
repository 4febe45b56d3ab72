/* Has this machine been cloned, migrated or restored? See signals.h. */
#include "signals.h"

#include <endian.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "system/real.h"

/*
 * The part of the VMClock page that we read. It is little-endian on every
 * machine.
 */
struct vmclock {
	uint32_t magic;
	uint32_t size;
	uint16_t version;
	uint8_t counter_id, time_type;
	uint32_t sequence;		/* odd while the rest is changed */
	uint64_t disruption;
	uint64_t flags;
	uint64_t clock[9];
	uint64_t generation;
};

_Static_assert(offsetof(struct vmclock, disruption) == 16, "");
_Static_assert(offsetof(struct vmclock, generation) == 104, "");

enum {
	VMCLOCK_MAGIC = 0x4b4c4356,
	VMCLOCK_HAS_GENERATION = 1 << 8,
	LOOKS = 1000,		/* reads of a sequence that does not settle */
};

bool signals_present;
static const volatile struct vmclock *vmclock;
static const volatile uint32_t *sysgenid;

/*
 * An access to a mapped page of an empty file raises SIGBUS. Whether the file
 * is empty is found out by a read, because the loader makes that call in every
 * program. A device may refuse to be read; then it is not empty.
 */
static bool is_empty(int fd)
{
	uint32_t some;

	return REAL_CALL(SYS_read, fd, &some, sizeof some) == 0;
}

/*
 * A file that stands in for the device must not be another user's, because that
 * user could truncate it while it is mapped.
 */
static bool is_ours(int fd)
{
	struct stat64 is;

	return real_stat(fd, &is) &&
	       (!S_ISREG(is.st_mode) || is.st_uid == 0 ||
		is.st_uid == real_told(AT_EUID));
}

/*
 * Maps one page, read-only, of the device or of the file that stands in for it.
 */
static const volatile void *map(const char *device, const char *stand_in)
{
	size_t page = getauxval(AT_PAGESZ);
	const char *path = secure_getenv(stand_in);
	const volatile void *at = NULL;
	int fd;

	if (!path && getauxval(AT_EUID) != 0)
		return NULL;
	fd = (int)REAL_CALL(SYS_openat, AT_FDCWD, path ? path : device,
			    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (!is_empty(fd) && (!path || is_ours(fd)))
		at = real_map(page, PROT_READ, MAP_SHARED, fd);
	REAL_CALL(SYS_close, fd);
	return at;
}

void signals_start(void)
{
	vmclock = map("/dev/vmclock0", "FASTRAND_VMCLOCK");
	if (vmclock && le32toh(vmclock->magic) != VMCLOCK_MAGIC)
		vmclock = NULL;
	sysgenid = map("/dev/sysgenid", "FASTRAND_SYSGENID");
	__atomic_store_n(&signals_present, vmclock || sysgenid,
			 __ATOMIC_RELAXED);
}

/*
 * Reads as vmclock-abi.h demands: the sequence must be even, and the same
 * before and after.
 */
static bool vmclock_read(uint64_t *says)
{
	for (int look = 0; look < LOOKS; look++) {
		uint32_t before = vmclock->sequence;
		uint64_t disruption, generation = 0;

		atomic_thread_fence(memory_order_acquire);
		disruption = vmclock->disruption;
		if (le64toh(vmclock->flags) & VMCLOCK_HAS_GENERATION)
			generation = vmclock->generation;
		atomic_thread_fence(memory_order_acquire);
		if (!(le32toh(before) & 1) && vmclock->sequence == before) {
			*says = disruption + 3 * generation;
			return true;
		}
	}
	return false;
}

uint64_t signals_now(void)
{
	uint64_t says = 0;

	if (vmclock && !vmclock_read(&says))
		return 0;
	if (sysgenid)
		says += (uint64_t)*sysgenid << 32;
	return 2 * says + 1;
}

const char *signals_name(void)
{
	if (vmclock)
		return sysgenid ? "vmclock, sysgenid" : "vmclock";
	return sysgenid ? "sysgenid" : "none";
}
