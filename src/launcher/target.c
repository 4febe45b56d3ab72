/*
 * Will the loader of a command preload a library into it? What the kernel and
 * the loader would decide is predicted from the file. Nothing is run to find
 * out.
 */
#include "target.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>


#include "script.h"

#ifdef __GLIBC__
#define OURS_IS_GLIBC true
#else
#define OURS_IS_GLIBC false
#endif

enum { SCRIPT_LEVELS = 4 };

/*
 * Only regular files can be executed, and to open a device may have an effect.
 */
static bool regular(const char *path)
{
	struct stat is;

	return stat(path, &is) == 0 && S_ISREG(is.st_mode);
}

static bool runnable(const char *path)
{
	return regular(path) && access(path, X_OK) == 0;
}

bool target_find(const char *command, char path[static PATH_MAX])
{
	const char *folder = getenv("PATH");

	if (strchr(command, '/'))
		return snprintf(path, PATH_MAX, "%s", command) < PATH_MAX &&
		       access(path, F_OK) == 0;
	if (!*command)
		return false;
	if (!folder)
		folder = "/bin:/usr/bin";
	for (;; folder++) {
		size_t len = strcspn(folder, ":");
		int all = snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, folder,
				   len ? "/" : "./", command);

		if (all < PATH_MAX && runnable(path))
			return true;
		folder += len;
		if (!*folder)
			return false;
	}
}

/*
 * The capabilities that a file gives: the largest form of its attribute
 * security.capability, vfs_ns_cap_data in include/uapi/linux/capability.h,
 * which is little-endian.
 */
struct given {
	uint32_t magic_and_flags;
	struct {
		uint32_t permitted, inheritable;
	} part[2];
	uint32_t root;
};

enum { EFFECTIVE = 1 };

/*
 * Would this be a secure execution? The loader ignores LD_PRELOAD in a program
 * that gets more rights than its caller has. A caller who already has these
 * rights gets no more.
 */
static const char *more_rights(const char *path)
{
	struct given given = {0};
	struct statvfs mount;
	struct stat is;

	if (stat(path, &is) < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return NULL;
	if (statvfs(path, &mount) == 0 && mount.f_flag & ST_NOSUID)
		return NULL;
	if (is.st_mode & S_ISUID && is.st_uid != getuid())
		return "set-user-ID: its loader ignores LD_PRELOAD";
	if ((is.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    is.st_gid != getgid())
		return "set-group-ID: its loader ignores LD_PRELOAD";
	if (getuid() == 0 ||
	    getxattr(path, "security.capability", &given,
		     sizeof given) < 0)
		return NULL;
	if (given.part[0].permitted || given.part[1].permitted ||
	    given.magic_and_flags & htole32(EFFECTIVE))
		return "given capabilities by its file: its loader ignores "
		       "LD_PRELOAD";
	return NULL;
}

static const char *kind_name(const struct elf_file *f)
{
	switch (f->machine) {
	case EM_386:
		return "32-bit x86";
	case EM_X86_64:
		return f->class == ELFCLASS32 ? "x32" : "x86-64";
	case EM_ARM:
		return "32-bit ARM";
	case EM_AARCH64:
		return "aarch64";
	case EM_RISCV:
		return f->class == ELFCLASS32 ? "riscv32" : "riscv64";
	case EM_PPC64:
		return f->data == ELFDATA2LSB ? "ppc64le" : "ppc64";
	case EM_S390:
		return "s390x";
	default:
		return f->class == ELFCLASS32 ? "another 32-bit machine" :
						"another machine";
	}
}

static bool is_musl(const struct elf_file *f)
{
	return strstr(f->loader, "ld-musl") != NULL;
}

static struct target obstacle(const char *subject, const char *what,
			      const char *detail, const char *rest)
{
	static char text[2 * PATH_MAX];

	snprintf(text, sizeof text, "%s%s%s%s", subject, what, detail, rest);
	return (struct target){.obstacle = text};
}

/* subject is "is " or "is run by PATH, which is ". */
static struct target judge_program(const char *path, const struct elf_file *f,
				   const struct library *l, const char *subject)
{
	const char *rights = more_rights(path);
	struct target t = {0};

	if (!f->dynamic)
		return obstacle(subject, "static: nothing is preloaded into it",
				"", "");
	if (!library_serves(l, f))
		return obstacle(subject, "a program for ", kind_name(f),
				", for which there is no library here: its "
				"loader will ignore ours");
	if (is_musl(f) == OURS_IS_GLIBC) {
		t = obstacle(subject, "made for another libc (", f->loader,
			     "): it is run without the library");
		t.must_not = true;
	} else if (rights) {
		t = obstacle(subject, rights, "", "");
	}
	return t;
}

/*
 * A file that cannot be read cannot be run as a script. Only its rights can be
 * judged.
 */
static struct target judge_unreadable(const char *path, const char *subject)
{
	const char *rights = more_rights(path);

	return rights ? obstacle(subject, rights, "", "") :
			(struct target){0};
}

/*
 * Looks at one file. Returns an obstacle; or sets *next to the program that
 * runs this file, if there is one; or does neither.
 */
static struct target look_at(const char *path, const struct library *l,
			     const char *subject, char next[static PATH_MAX])
{
	struct target t = {0};
	bool cleared = false;
	struct elf_file f;
	int fd;

	*next = '\0';
	if (!regular(path))
		return t;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return judge_unreadable(path, subject);
	if (elf_file_read(&f, fd))
		t = judge_program(path, &f, l, subject);
	else if (!script_runner(fd, next, &cleared))
		*next = '\0';
	if (cleared)
		t = obstacle(subject, "run by an env that takes LD_PRELOAD "
				      "away", "", "");
	close(fd);
	return t;
}

struct target target_look(const char *command, const struct library *l)
{
	char path[PATH_MAX], next[PATH_MAX];
	char subject[PATH_MAX + 32] = "is ";
	struct target t = {0};

	if (!target_find(command, path))
		return t;
	for (int level = 0; level <= SCRIPT_LEVELS; level++) {
		t = look_at(path, l, subject, next);
		if (t.obstacle || !*next)
			break;
		memcpy(path, next, sizeof path);
		snprintf(subject, sizeof subject, "is run by %s, which is ",
			 path);
	}
	return t;
}
