/* Which names asked for how many bytes, and who answered? See explain.h. */
#include "explain.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "generator/fill_small.h"
#include "system/real.h"
#include "say.h"

struct explain_record *explain_record;

/*
 * Does the file belong to another user? The command removes its file when it
 * ends, but a daemon that was started before continues to pass the file's name
 * on to programs. Another user may then make a file of that name, and truncate
 * it while it is mapped, which raises SIGBUS.
 */
static bool is_anothers(const struct stat64 *is)
{
	return is->st_uid != real_told(AT_EUID);
}

/*
 * Is this a record? It is read, not mapped, because an access to the mapping of
 * a short file raises SIGBUS as well.
 */
static bool is_record(int fd, const struct stat64 *is)
{
	uint64_t magic = 0;

	return S_ISREG(is->st_mode) && is->st_nlink &&
	       is->st_size >= (off64_t)sizeof(struct explain_record) &&
	       REAL_CALL(SYS_read, fd, &magic, sizeof magic) == sizeof magic &&
	       magic == EXPLAIN_MAGIC;
}

void explain_start(const char *file, enum tier tier)
{
	struct explain_record *r = NULL;
	struct stat64 is;
	long fd = REAL_CALL(SYS_openat, AT_FDCWD, file,
			    O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
				    O_NOFOLLOW);

	if (fd < 0)
		return;
	if (!real_stat((int)fd, &is) || is_anothers(&is)) {
		r = NULL;
	} else if (is_record((int)fd, &is)) {
		r = real_map(sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED,
			     (int)fd);
	} else {
		struct saying s = {0};

		say_text(&s, "fastrand: FASTRAND_EXPLAIN is not a file that "
			     "fastrand --explain made; nothing is counted\n");
		say_write(&s);
	}
	REAL_CALL(SYS_close, fd);
	if (r) {
		atomic_fetch_add(&r->programs[tier], 1);
		fill_without_leases = true;
	}
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

static void forked(void)
{
	atomic_fetch_add(&explain_record->forks, 1);
}

void explain_children(void)
{
	if (explain_wanted())
		real_atfork(NULL, NULL, forked);
}
