/*
 * Who asked, for how much, and who answered.
 */
#include "explain.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "real.h"
#include "say.h"

struct explain_record *explain_record;

/* Not by a look at what was mapped: an empty file's page is a SIGBUS. */
static bool is_record(long fd)
{
	uint64_t magic = 0;

	return REAL_CALL(SYS_read, fd, &magic, sizeof magic) == sizeof magic &&
	       magic == EXPLAIN_MAGIC;
}

void explain_start(const char *file, enum tier tier)
{
	struct explain_record *r = NULL;
	long fd = REAL_CALL(SYS_openat, AT_FDCWD, file,
			    O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
				    O_NOFOLLOW);

	if (fd < 0)
		return;
	if (is_record(fd)) {
		r = real_map(sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED,
			     (int)fd);
	} else {
		struct saying s = {0};

		say_text(&s, "fastrand: FASTRAND_EXPLAIN is not a file that "
			     "fastrand --explain made; nothing is counted\n");
		say_write(&s);
	}
	REAL_CALL(SYS_close, fd);
	if (r)
		atomic_fetch_add(&r->programs[tier], 1);
	__atomic_store_n(&explain_record, r, __ATOMIC_RELAXED);
}

void explain_note(enum explain_source source, size_t len, bool served)
{
	struct explain_account *a = &explain_record->accounts[source];

	if (served) {
		atomic_fetch_add(&a->served, 1);
		atomic_fetch_add(&a->bytes, len);
	} else {
		atomic_fetch_add(&a->kernel[fill_last_refusal()], 1);
	}
}

void explain_forked(void)
{
	if (explain_wanted())
		atomic_fetch_add(&explain_record->forks, 1);
}
