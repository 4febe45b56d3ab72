/*
 * Will the loader of a command preload a library into it? What the kernel and
 * the loader will decide is foreseen from the file; nothing is run to find out.
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

#include <linux/capability.h>

#ifdef __GLIBC__
#define OURS_IS_GLIBC true
#else
#define OURS_IS_GLIBC false
#endif

enum {
	SCRIPT_LINE = 256,	/* what the kernel reads of a script */
	SCRIPT_LEVELS = 4,
};

static bool runnable(const char *path)
{
	struct stat is;

	return stat(path, &is) == 0 && S_ISREG(is.st_mode) &&
	       access(path, X_OK) == 0;
}

bool target_find(const char *command, char path[static PATH_MAX])
{
	const char *folder = getenv("PATH");

	if (strchr(command, '/')) {
		snprintf(path, PATH_MAX, "%s", command);
		return access(path, F_OK) == 0;
	}
	if (!folder)
		folder = "/bin:/usr/bin";
	while (*command) {
		size_t len = strcspn(folder, ":");
		int all = snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, folder,
				   len ? "/" : "./", command);

		if (all < PATH_MAX && runnable(path))
			return true;
		if (!folder[len])
			break;
		folder += len + 1;
	}
	return false;
}

/*
 * The word at *text, and *text behind it; NULL if there is none.
 */
static char *next_word(char **text)
{
	char *word = *text + strspn(*text, " \t");

	if (!*word)
		return NULL;
	*text = word + strcspn(word, " \t");
	if (**text)
		*(*text)++ = '\0';
	return word;
}

/*
 * What env(1) runs, told by the rest of a script's first line: the first word
 * that is neither an option nor an assignment. *cleared: without LD_PRELOAD.
 */
static char *run_by_env(char *rest, bool *cleared)
{
	char *word;

	while ((word = next_word(&rest))) {
		*cleared |= !strcmp(word, "-i") || !strcmp(word, "-") ||
			    !strcmp(word, "-Si");
		if (*word != '-' && !strchr(word, '='))
			return word;
	}
	return NULL;
}

/*
 * If the file is a script, what runs it: in path, and true.
 */
static bool read_script(int fd, char path[static PATH_MAX], bool *cleared)
{
	char line[SCRIPT_LINE + 1] = "";
	char *rest = line + 2, *interpreter, *base;
	ssize_t len = pread(fd, line, SCRIPT_LINE, 0);

	if (len < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[strcspn(line, "\n")] = '\0';
	interpreter = next_word(&rest);
	if (!interpreter)
		return false;
	base = strrchr(interpreter, '/');
	if (!strcmp(base ? base + 1 : interpreter, "env")) {
		char *name = run_by_env(rest, cleared);

		return name && target_find(name, path);
	}
	snprintf(path, PATH_MAX, "%s", interpreter);
	return true;
}

/*
 * Secure execution: the loader ignores LD_PRELOAD in a program that gets more
 * rights than its caller has. Who has them already gets none.
 */
static const char *more_rights(const char *path, int fd)
{
	struct vfs_ns_cap_data caps = {0};
	struct statvfs mount;
	struct stat is;

	if (fstat(fd, &is) < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return NULL;
	if (fstatvfs(fd, &mount) == 0 && mount.f_flag & ST_NOSUID)
		return NULL;
	if (is.st_mode & S_ISUID && is.st_uid != getuid())
		return "set-user-ID";
	if ((is.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    is.st_gid != getgid())
		return "set-group-ID";
	if (getuid() == 0 ||
	    getxattr(path, "security.capability", &caps, sizeof caps) < 0)
		return NULL;
	if (caps.data[0].permitted || caps.data[1].permitted ||
	    caps.magic_etc & htole32(VFS_CAP_FLAGS_EFFECTIVE))
		return "given capabilities by its file";
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

static const char *say(const char *subject, const char *format,
		       const char *detail)
{
	static char text[2 * PATH_MAX];
	int len = snprintf(text, sizeof text, "%s", subject);

	snprintf(text + len, sizeof text - (size_t)len, format, detail);
	return text;
}

/* subject: "is " or "is run by PATH, which is ". */
static const char *program_obstacle(const char *path, int fd,
				    const struct elf_file *f,
				    const struct library *l,
				    const char *subject)
{
	const char *rights = more_rights(path, fd);

	if (!f->dynamic)
		return say(subject, "%s: nothing is preloaded into it",
			   "static");
	if (!library_serves(l, f))
		return say(subject,
			   "a program for %s, for which there is no library "
			   "here: its loader will ignore ours",
			   kind_name(f));
	if (is_musl(f) == OURS_IS_GLIBC)
		return say(subject,
			   "made for another libc (%s): the library may not "
			   "work in it",
			   is_musl(f) ? "musl" : "not musl");
	if (rights)
		return say(subject, "%s: its loader ignores LD_PRELOAD",
			   rights);
	return NULL;
}

/*
 * One step: an obstacle; or in *next what runs this file, if that is another
 * file; or neither.
 */
static const char *look_at(const char *path, const struct library *l,
			   const char *subject, char next[static PATH_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *obstacle = NULL;
	bool cleared = false;
	struct elf_file f;

	*next = '\0';
	if (fd < 0)
		return NULL;
	if (elf_file_read(&f, fd))
		obstacle = program_obstacle(path, fd, &f, l, subject);
	else if (!read_script(fd, next, &cleared))
		*next = '\0';
	if (cleared)
		obstacle = say(subject, "%s", "run by env -i: that takes "
					      "LD_PRELOAD away");
	close(fd);
	return obstacle;
}

const char *target_obstacle(const char *command, const struct library *l)
{
	char path[PATH_MAX], next[PATH_MAX];
	char subject[PATH_MAX + 32] = "is ";

	if (!target_find(command, path))
		return NULL;
	for (int level = 0; level <= SCRIPT_LEVELS; level++) {
		const char *obstacle = look_at(path, l, subject, next);

		if (obstacle || !*next)
			return obstacle;
		memcpy(path, next, sizeof path);
		snprintf(subject, sizeof subject, "is run by %s, which is ",
			 path);
	}
	return NULL;
}
