/*
 * What has to be found out before the first request? This is done once: early,
 * by a constructor, or at the first request if that comes before the
 * constructor.
 */
#include <stdatomic.h>

#include "generator/bucket.h"
#include "source/clock.h"
#include "system/cpu.h"
#include "report/explain.h"
#include "source/generation.h"
#include "source/hardware.h"
#include "source/kernel.h"
#include "report/report.h"
#include "report/say.h"
#include "settings.h"
#include "source/signals.h"
#include "source/tier.h"
#include "interpose/urandom_fd.h"
#include "source/vdso.h"

enum { NEW, RUNNING, DONE };

static atomic_int state;
static struct settings settings;

/*
 * Returns the best tier that this system offers and that the user allows. *why
 * becomes the reason for not using a better one. Where the kernel has no
 * droppable memory, a restored image of the process may contain our memory.
 * There the vDSO's function is not used, because its state would be restored
 * too, and would repeat itself.
 */
static enum tier best(const char **why)
{
	enum bucket_memory memory = bucket_start();

	*why = "no memory that fork wipes: an old kernel, or a limit on memory";
	if (memory == BUCKET_NONE)
		return TIER_OFF;
	hardware_start();
	*why = "FASTRAND_SOURCE";
	if (settings.ceiling == TIER_KERNEL)
		return TIER_KERNEL;
	if (settings.ceiling == TIER_HARDWARE) {
		signals_start();
		if (hardware_there() && clock_second())
			return TIER_HARDWARE;
		*why = "the processor has no fast generator";
		return TIER_KERNEL;
	}
	vdso_start();
	*why = "the vDSO has no getrandom";
	if (!vdso_getrandom())
		return TIER_KERNEL;
	if (memory != BUCKET_DROPPABLE) {
		vdso_end();
		*why = "the kernel has no droppable memory";
		return TIER_KERNEL;
	}
	signals_start();
	*why = "FASTRAND_SOURCE";
	if (settings.ceiling == TIER_CALL)
		return TIER_CALL;
	*why = "the kernel's page was not found";
	if (!generation_start())
		return TIER_CALL;
	*why = "";
	return TIER_PAGE;
}

static void find_out(void)
{
	const char *why = "FASTRAND_SOURCE";
	enum tier tier = TIER_OFF;

	if (!settings_read(&settings)) {
		tier_set(TIER_OFF, "a setting that is not allowed");
		return;
	}
	if (settings.stats)
		say_start();
	report_start(settings.stats, settings.trust_fds);
	cpu_start();
	if (settings.ceiling > TIER_OFF)
		tier = best(&why);
	if (settings.explain)
		explain_start(settings.explain, tier);
	/* A kernel that has droppable memory is newer than Linux 5.6. */
	if (tier > TIER_OFF)
		kernel_start(bucket_memory() == BUCKET_DROPPABLE);
	tier_set(tier, why);
}

bool tier_ready(void)
{
	int seen = atomic_load_explicit(&state, memory_order_acquire);

	if (__builtin_expect(seen == DONE, 1))
		return true;
	seen = NEW;
	if (!atomic_compare_exchange_strong(&state, &seen, RUNNING))
		return false;
	find_out();
	atomic_store_explicit(&state, DONE, memory_order_release);
	return true;
}

/*
 * This is done early, so that no new kind of system call is made after a
 * program has entered a sandbox.
 */
__attribute__((constructor)) static void construct(void)
{
	if (!tier_ready())
		return;
	urandom_fd_start(settings.trust_fds);
	if (settings.explain)
		explain_children();
}
