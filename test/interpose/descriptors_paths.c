/*
 * The device is known by its number, not by its name: what is called urandom
 * may be anything, and the device may be called anything.
 */
#include "support/promise.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/utsname.h>

/* A path in the directory of known files, for things made by these tests. */
static const char *made_path(const char *name)
{
	static char paths[4][PATH_MAX];
	static int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", known_dir, name);
	return path;
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags);

	expect(fd >= 0);
	return fd;
}

static void the_usual_paths_are_served(void)
{
	const char *paths[] = {
		"/dev/urandom",
		"//dev//urandom",
		"/dev/../dev/./urandom",
	};
	size_t i;
	int fd, dir;

	for (i = 0; i < COUNT(paths); i++) {
		fd = opened(paths[i], O_RDONLY);
		expect_served(fd);
		expect(close(fd) == 0);
	}
	expect(chdir("/dev") == 0);
	expect_served(opened("urandom", O_RDONLY));
	expect(chdir("/") == 0);
	expect_served(opened("dev/urandom", O_RDONLY));
	dir = opened("/dev", O_RDONLY | O_DIRECTORY);
	expect_served(openat(dir, "urandom", O_RDONLY));
	expect_served(openat(dir, "urandom", O_RDONLY | O_NOFOLLOW));
	expect_served(openat(-1, "/dev/urandom", O_RDONLY));
}

/* Before 5.6 only the kernel could answer for it: it might have to wait. */
static void dev_random_is_served_too(void)
{
	struct utsname system;
	int major = 0, minor = 0;
	int fd = opened("/dev/random", O_RDONLY);

	expect(uname(&system) == 0);
	expect(sscanf(system.release, "%d.%d", &major, &minor) == 2);
	if (major > 5 || (major == 5 && minor >= 6))
		expect_served(fd);
	else
		expect_random(fd);
	expect(close(fd) == 0);
	expect_known_lands_on(fd, 1);
}

static void the_descriptor_directories_are_served(void)
{
	char path[64];
	int device = open_served();
	int file = open_known(1);

	snprintf(path, sizeof path, "/dev/fd/%d", device);
	expect_served(opened(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/self/fd/%d", device);
	expect_served(opened(path, O_RDONLY));
	snprintf(path, sizeof path, "/dev/fd/%d", file);
	expect_known(opened(path, O_RDONLY), 1);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	expect_known(opened(path, O_RDONLY), 1);
	expect(dup2(device, 0) == 0);
	expect_random(opened("/dev/stdin", O_RDONLY));
	expect(dup2(file, 0) == 0);
	expect_known(opened("/dev/stdin", O_RDONLY), 1);
}

static void a_link_leads_where_it_leads(void)
{
	expect(mkdir(made_path("links"), 0755) == 0);
	expect(symlink("/dev/urandom", made_path("links/noise")) == 0);
	expect(symlink("/dev/urandom", made_path("links/random")) == 0);
	expect(symlink("../known-2", made_path("links/urandom")) == 0);
	expect_random(opened(made_path("links/noise"), O_RDONLY));
	expect_served(opened(made_path("links/random"), O_RDONLY));
	expect_known(opened(made_path("links/urandom"), O_RDONLY), 2);
	expect(open(made_path("links/random"), O_RDONLY | O_NOFOLLOW) == -1);
	expect(errno == ELOOP);
}

static void a_file_may_be_called_urandom(void)
{
	int ends[2];

	expect(mkdir(made_path("named"), 0755) == 0);
	expect(known_make(made_path("named/urandom"), 7, KNOWN_SIZE));
	expect(known_make(made_path("named/random"), 8, KNOWN_SIZE));
	expect_known(opened(made_path("named/urandom"), O_RDONLY), 7);
	expect_known(opened(made_path("named/random"), O_RDONLY), 8);
	expect(mkdir(made_path("named/dir"), 0755) == 0);
	expect(mkdir(made_path("named/dir/urandom"), 0755) == 0);
	expect_as_the_kernel(opened(made_path("named/dir/urandom"), O_RDONLY));
	expect(mkfifo(made_path("named/dir/random"), 0600) == 0);
	ends[0] = opened(made_path("named/dir/random"), O_RDWR | O_NONBLOCK);
	expect_as_the_kernel(ends[0]);
}

/* Makes a device file, or skips the test: some places allow none. */
static int opened_node(const char *name, unsigned minor)
{
	const char *path = made_path(name);
	int fd;

	if (mknod(path, S_IFCHR | 0600, makedev(1, minor)) != 0)
		skip_because("may not make device files");
	fd = open(path, O_RDONLY);
	if (fd < 0)
		skip_because("may not open device files there");
	return fd;
}

enum { NULL_MINOR = 3, ZERO_MINOR = 5, RANDOM_MINOR = 8, URANDOM_MINOR = 9 };

static void a_copy_of_the_device_is_the_device(void)
{
	only_for_root();
	expect(mkdir(made_path("copies"), 0755) == 0);
	expect_served(opened_node("copies/urandom", URANDOM_MINOR));
	expect_random(opened_node("copies/seed", URANDOM_MINOR));
	expect_random(opened_node("copies/random", RANDOM_MINOR));
}

static void another_device_may_be_called_urandom(void)
{
	uint8_t bytes[SERVED_LEN], zeros[SERVED_LEN] = {0};
	int fd;

	only_for_root();
	expect(mkdir(made_path("others"), 0755) == 0);
	fd = opened_node("others/urandom", ZERO_MINOR);
	memset(bytes, 'x', sizeof bytes);
	expect(read(fd, bytes, sizeof bytes) == sizeof bytes);
	expect(memcmp(bytes, zeros, sizeof bytes) == 0);
	fd = opened_node("others/random", NULL_MINOR);
	expect(read(fd, bytes, sizeof bytes) == 0);
}

/* 25 */
static void a_private_mount_tree(void)
{
	only_for_root();
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		skip_because("no mount namespaces here");
}

static void a_file_may_be_mounted_over_the_device(void)
{
	int before = open_served();

	a_private_mount_tree();
	expect(mount(known_path(1), "/dev/urandom", NULL, MS_BIND, NULL) == 0);
	expect_known(opened("/dev/urandom", O_RDONLY), 1);
	expect_random(before);
}

static void the_device_may_be_mounted_over_a_file(void)
{
	a_private_mount_tree();
	expect(known_make(made_path("plain"), 9, KNOWN_SIZE));
	expect_known(opened(made_path("plain"), O_RDONLY), 9);
	expect(mount("/dev/urandom", made_path("plain"), NULL, MS_BIND, NULL) ==
	       0);
	expect_random(opened(made_path("plain"), O_RDONLY));
}

static void a_plain_file_may_be_urandom_in_a_chroot(void)
{
	int before = open_served();

	only_for_root();
	expect(mkdir(made_path("jail"), 0755) == 0);
	expect(mkdir(made_path("jail/dev"), 0755) == 0);
	expect(known_make(made_path("jail/dev/urandom"), 10, KNOWN_SIZE));
	if (chroot(made_path("jail")) != 0)
		skip_because("may not chroot");
	expect(chdir("/") == 0);
	expect_known(opened("/dev/urandom", O_RDONLY), 10);
	expect(dup2(opened("/dev/urandom", O_RDONLY), 40) == 40);
	expect_known(40, 10);
	expect_served(before);
	expect(open("/dev/random", O_RDONLY) == -1 && errno == ENOENT);
}

static void the_device_works_in_a_chroot(void)
{
	int fd;

	only_for_root();
	expect(mkdir(made_path("cell"), 0755) == 0);
	expect(mkdir(made_path("cell/dev"), 0755) == 0);
	fd = opened_node("cell/dev/urandom", URANDOM_MINOR);
	expect(close(fd) == 0);
	if (chroot(made_path("cell")) != 0)
		skip_because("may not chroot");
	expect_served(opened("/dev/urandom", O_RDONLY));
}

int main(void)
{
	static struct promise promises[] = {
		APART(the_usual_paths_are_served),
		APART(dev_random_is_served_too),
		APART(the_descriptor_directories_are_served),
		APART(a_link_leads_where_it_leads),
		APART(a_file_may_be_called_urandom),
		APART(a_copy_of_the_device_is_the_device),
		APART(another_device_may_be_called_urandom),
		APART(a_file_may_be_mounted_over_the_device),
		APART(the_device_may_be_mounted_over_a_file),
		APART(a_plain_file_may_be_urandom_in_a_chroot),
		APART(the_device_works_in_a_chroot),
	};

	return promises_keep("descriptors_paths", promises, COUNT(promises));
}
