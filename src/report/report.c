/*
 * What does the library tell a program, or a user at its end, about its work?
 */
#include "report.h"

#include <stdatomic.h>
#include <string.h>

#include "generator/bucket.h"
#include "chacha20/chacha20.h"
#include "generator/fill.h"
#include "source/generation.h"
#include "source/hardware.h"
#include "system/export.h"
#include "say.h"
#include "source/signals.h"
#include "source/tier.h"

static atomic_bool wanted, forbidden, trusting;

void report_start(bool wants, bool trusts_fds)
{
	wanted = wants;
	trusting = trusts_fds;
}

void report_never(void)
{
	forbidden = true;
}

void report_fill(struct fastrand_info *info)
{
	static const char *const memories[] = {
		[BUCKET_NONE] = "none",
		[BUCKET_WIPED_ON_FORK] = "wipe-on-fork",
		[BUCKET_DROPPABLE] = "droppable",
	};
	struct bucket_counts counts;

	*info = (struct fastrand_info){.size = sizeof *info};
	tier_ready();
	counts = bucket_count();
	info->version = FASTRAND_VERSION;
	info->tier = tier_name(tier_now());
	info->why = tier_why();
	info->memory = memories[bucket_memory()];
	chacha20_best(&info->chacha20);
	info->hardware = hardware_name();
	info->signals = signals_name();
	info->descriptors = trusting ? "trusted" : "proved";
	info->generation = generation_reachable() ? generation_now() : 0;
	info->requests = counts.requests;
	info->bytes = counts.bytes;
	info->refills = counts.refills;
	info->reseeds = counts.reseeds;
	info->held = counts.held;
	for (enum fill_refusal why = 0; why < FILL_REFUSALS; why++)
		info->kernel += fill_refused(why);
}

EXPORT void fastrand_info(struct fastrand_info *info, size_t size)
{
	struct fastrand_info all;

	report_fill(&all);
	memcpy(info, &all, size < sizeof all ? size : sizeof all);
}

EXPORT const char *fastrand_version(void)
{
	return FASTRAND_VERSION;
}

static void print_refusals(struct saying *s)
{
	static const char *const reasons[FILL_REFUSALS] = {
		[FILL_OFF] = "tier off",
		[FILL_POINTER] = "no bytes or no pointer",
		[FILL_SMALL] = "small",
		[FILL_HELD] = "every bucket held",
		[FILL_SEED] = "no key from the kernel",
		[FILL_STALE] = "wiped or outdated twice",
		[FILL_HARDWARE] = "no word from the processor",
		[FILL_FLAGS] = "flags",
	};
	const char *mark = " (";

	for (enum fill_refusal why = 0; why < FILL_REFUSALS; why++) {
		if (!fill_refused(why))
			continue;
		say_text(s, mark);
		say_text(s, reasons[why]);
		say_text(s, ": ");
		say_number(s, fill_refused(why));
		mark = ", ";
	}
	if (*mark == ',')
		say_text(s, ")");
}

static void report_print(void)
{
	struct fastrand_info info;
	struct saying s = {0};

	report_fill(&info);
	say_text(&s, "fastrand: tier ");
	say_text(&s, info.tier);
	if (*info.why) {
		say_text(&s, " (");
		say_text(&s, info.why);
		say_text(&s, ")");
	}
	say_text(&s, ", chacha20 ");
	say_text(&s, info.chacha20);
	say_text(&s, ", hardware ");
	say_text(&s, info.hardware);
	say_text(&s, "\nfastrand: served ");
	say_number(&s, info.requests);
	say_text(&s, " requests, ");
	say_number(&s, info.bytes);
	say_text(&s, " bytes; ");
	say_number(&s, info.refills);
	say_text(&s, " refills");
	if (info.refills) {
		say_text(&s, " of ");
		say_number(&s, info.bytes / info.refills);
		say_text(&s, " bytes");
	}
	say_text(&s, ", ");
	say_number(&s, info.reseeds);
	say_text(&s, " keys from the kernel\nfastrand: left to the kernel ");
	say_number(&s, info.kernel);
	say_text(&s, " requests");
	print_refusals(&s);
	if (info.held) {
		say_text(&s, "; buckets held or lost: ");
		say_number(&s, info.held);
	}
	say_text(&s, "\n");
	say_write(&s);
}

void report_at_end(void)
{
	static atomic_flag done = ATOMIC_FLAG_INIT;

	if (atomic_flag_test_and_set(&done))
		return;
	if (wanted && !forbidden)
		report_print();
}

/*
 * This runs after the program's own exit handlers. Requests that come later are
 * still served.
 */
__attribute__((destructor)) static void destruct(void)
{
	report_at_end();
}
