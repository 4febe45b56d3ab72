/*
 * VMClock and SysGenID, played by files of the same layout: a change makes every
 * key stale, in every tier that keeps one.
 */
#include "support/draws.h"

#include <sys/wait.h>

static uint8_t *vmclock;
static uint32_t *sysgenid;
static char vmclock_path[64], sysgenid_path[64];

/* include/uapi/linux/vmclock-abi.h */
enum { SEQUENCE = 12, DISRUPTION = 16, FLAGS = 24, GENERATION = 104 };

static void *play(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	void *at;

	expect(fd >= 0 && ftruncate(fd, 4096) == 0);
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(at != MAP_FAILED && close(fd) == 0);
	return at;
}

static void change(int offset, uint64_t by)
{
	uint32_t *sequence = (uint32_t *)(vmclock + SEQUENCE);

	__atomic_add_fetch(sequence, 1, __ATOMIC_SEQ_CST);
	*(uint64_t *)(vmclock + offset) += by;
	__atomic_add_fetch(sequence, 1, __ATOMIC_SEQ_CST);
}

static uid_t owner;	/* of the files; 0: whoever this is */

static void prepare(void)
{
	snprintf(vmclock_path, sizeof vmclock_path, "/tmp/vmclock.%d",
		 (int)getpid());
	snprintf(sysgenid_path, sizeof sysgenid_path, "/tmp/sysgenid.%d",
		 (int)getpid());
	vmclock = play(vmclock_path);
	sysgenid = play(sysgenid_path);
	expect(!owner || (chown(vmclock_path, owner, owner) == 0 &&
			  chown(sysgenid_path, owner, owner) == 0));
	memcpy(vmclock, "VCLK", 4);
	vmclock[8] = 1;
	*(uint64_t *)(vmclock + FLAGS) = 1 << 8;
	*(uint64_t *)(vmclock + GENERATION) = 7;
}

/* Runs one of the programs below where these files are the devices. */
static void with_signals(const char *what, const char *first, const char *second)
{
	int status;
	pid_t pid;

	prepare();
	pid = fork();
	if (!pid) {
		if (first)
			setenv("FASTRAND_VMCLOCK", vmclock_path, 1);
		if (second)
			setenv("FASTRAND_SYSGENID", sysgenid_path, 1);
		setenv("VMCLOCK", vmclock_path, 1);
		setenv("SYSGENID", sysgenid_path, 1);
		execl("/proc/self/exe", "signals", what, (char *)NULL);
		_exit(127);
	}
	expect(waitpid(pid, &status, 0) == pid);
	unlink(vmclock_path);
	unlink(sysgenid_path);
	promise_outcome(status);
}

static void find_files(void)
{
	vmclock = play(getenv("VMCLOCK"));
	sysgenid = play(getenv("SYSGENID"));
}

static bool keeps_keys(void)
{
	return tier_is("page") || tier_is("hardware");
}

/* Keys from the kernel for one small request. */
static uint64_t keys(void)
{
	uint64_t before = info_now().reseeds;
	uint8_t bytes[16];

	api.buf(bytes, sizeof bytes);
	return info_now().reseeds - before;
}

static void expect_stale_after(void (*happens)(void))
{
	unsigned int fresh = 0;

	for (int i = 0; i < 100; i++) {
		keys();
		happens();
		fresh += keys() > 0;
	}
	expect(fresh == 100 || !keeps_keys());
	for (int i = fresh = 0; i < 100; i++)
		fresh += keys() > 0;
	expect(fresh <= 3 || !keeps_keys());
}

static void generation_moves(void)
{
	change(GENERATION, 1);
}

static void disruption_moves(void)
{
	change(DISRUPTION, 1);
}

static void sysgenid_moves(void)
{
	++*sysgenid;
}

static void in_vmclock(void)
{
	find_files();
	expect(!keeps_keys() || !strcmp(info_now().signals, "vmclock"));
	expect_stale_after(generation_moves);
	expect_stale_after(disruption_moves);
}

static void in_sysgenid(void)
{
	find_files();
	expect(!keeps_keys() || !strcmp(info_now().signals, "sysgenid"));
	expect_stale_after(sysgenid_moves);
}

static void in_both(void)
{
	find_files();
	expect(!keeps_keys() ||
	       !strcmp(info_now().signals, "vmclock, sysgenid"));
	expect_stale_after(generation_moves);
	expect_stale_after(sysgenid_moves);
}

/* The counter means nothing while its flag is clear. */
static void in_flagless(void)
{
	unsigned int fresh = 0;

	find_files();
	*(uint64_t *)(vmclock + FLAGS) = 0;
	keys();
	for (int i = 0; i < 50; i++) {
		generation_moves();
		fresh += keys() > 0;
	}
	expect(fresh <= 3 || !keeps_keys());
	expect_stale_after(disruption_moves);
}

/* A change that does not end: the kernel answers, and nobody hangs. */
static void in_unsettled(void)
{
	uint64_t kernel, served;
	uint8_t bytes[512];

	find_files();
	keys();
	vmclock[SEQUENCE] |= 1;
	kernel = info_now().kernel;
	served = info_now().requests;
	for (int i = 0; i < 50; i++) {
		memset(bytes, 0, sizeof bytes);
		expect(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
		expect_random_bytes(bytes, sizeof bytes);
	}
	expect(!keeps_keys() || (info_now().kernel == kernel + 50 &&
				 info_now().requests == served));
	vmclock[SEQUENCE]++;
	api.buf(bytes, sizeof bytes);
	expect(!keeps_keys() || info_now().requests == served + 1);
}

static void in_foreign(void)
{
	expect(!strcmp(info_now().signals, "none"));
	expect(keys() <= 1 || !keeps_keys());
}

static void a_moved_vmclock_makes_keys_stale(void)
{
	with_signals("in_vmclock", "", NULL);
}

static void a_moved_sysgenid_makes_keys_stale(void)
{
	with_signals("in_sysgenid", NULL, "");
}

static void either_of_both_makes_keys_stale(void)
{
	with_signals("in_both", "", "");
}

static void a_counter_without_its_flag_is_not_believed(void)
{
	with_signals("in_flagless", "", NULL);
}

static void an_unsettled_clock_leaves_it_to_the_kernel(void)
{
	with_signals("in_unsettled", "", NULL);
}

/* By its magic number. */
static void another_file_is_no_vmclock(void)
{
	setenv("FASTRAND_VMCLOCK", "/proc/self/exe", 1);
	with_signals("in_foreign", NULL, NULL);
	unsetenv("FASTRAND_VMCLOCK");
}

/* Its page would be a SIGBUS. */
static void an_empty_file_is_no_vmclock(void)
{
	char path[] = "/tmp/fastrand-empty-XXXXXX";
	int fd = mkstemp(path);

	expect(fd >= 0);
	setenv("FASTRAND_VMCLOCK", path, 1);
	setenv("FASTRAND_SYSGENID", path, 1);
	with_signals("in_foreign", NULL, NULL);
	unsetenv("FASTRAND_VMCLOCK");
	unsetenv("FASTRAND_SYSGENID");
	expect(unlink(path) == 0);
}

/* Who could make an empty one of it. */
static void another_users_file_is_no_vmclock(void)
{
	only_for_root();
	owner = 65534;
	with_signals("in_foreign", "", "");
}

static void a_device_that_is_not_there_is_none(void)
{
	setenv("FASTRAND_VMCLOCK", "/nonexistent", 1);
	setenv("FASTRAND_SYSGENID", "/nonexistent", 1);
	with_signals("in_foreign", NULL, NULL);
}

int main(int argc, char **argv)
{
	static struct promise promises[] = {
		APART(a_moved_vmclock_makes_keys_stale),
		APART(a_moved_sysgenid_makes_keys_stale),
		APART(either_of_both_makes_keys_stale),
		APART(a_counter_without_its_flag_is_not_believed),
		APART(an_unsettled_clock_leaves_it_to_the_kernel),
		APART(another_file_is_no_vmclock),
		APART(an_empty_file_is_no_vmclock),
		APART(another_users_file_is_no_vmclock),
		APART(a_device_that_is_not_there_is_none),
	};
	static const struct promise executed[] = {
		APART(in_vmclock), APART(in_sysgenid), APART(in_both),
		APART(in_flagless), APART(in_unsettled), APART(in_foreign),
	};

	if (!draws_begin())
		return 2;
	if (argc < 2)
		return promises_keep("signals", promises, COUNT(promises));
	return promise_executed(argv[1], executed, COUNT(executed));
}
