/*
 * Every name that stands before one of libc's, and what it is asked: the table
 * that odd.c goes through, and test/interpose/exports.sh compares with what the
 * library exports.
 */
#ifndef ODD_TABLE_H
#define ODD_TABLE_H

#include "odd_values.h"

enum { MOST = 7 }; /* arguments */

enum gives { A_NUMBER, A_SIZE, A_POINTER, A_PID, A_WORD };
enum serves { NOTHING, READS, DRAWS };

static const struct row {
	const char *name;
	enum gives gives;
	enum serves serves;
	const struct kind *kinds[MOST];
	const char *without; /* what is called instead of a name of ours */
} rows[] = {
	/* reads */
	{"read", A_SIZE, READS, {&fd, &memory, &length}, 0},
	{"__read", A_SIZE, READS, {&fd, &memory, &length}, 0},
	{"__read_chk", A_SIZE, READS, {&fd, &memory, &length, &chk_room}, 0},
	{"pread", A_SIZE, READS, {&fd, &memory, &length, &offset}, 0},
	{"pread64", A_SIZE, READS, {&fd, &memory, &length, &offset}, 0},
	{"__pread64", A_SIZE, READS, {&fd, &memory, &length, &offset}, 0},
	{"__pread_chk", A_SIZE, READS,
	 {&fd, &memory, &length, &offset, &chk_room}, 0},
	{"__pread64_chk", A_SIZE, READS,
	 {&fd, &memory, &length, &offset, &chk_room}, 0},
	{"readv", A_SIZE, READS, {&fd, &iovec, &iovecs}, 0},
	{"preadv", A_SIZE, READS, {&fd, &iovec, &iovecs, &offset}, 0},
	{"preadv64", A_SIZE, READS, {&fd, &iovec, &iovecs, &offset}, 0},
	{"preadv2", A_SIZE, READS,
	 {&fd, &iovec, &iovecs, &offset, &read_flags}, 0},
	{"preadv64v2", A_SIZE, READS,
	 {&fd, &iovec, &iovecs, &offset, &read_flags}, 0},
	{"fread", A_SIZE, READS, {&memory, &how_many, &large, &stream}, 0},
	{"fread_unlocked", A_SIZE, READS,
	 {&memory, &how_many, &large, &stream}, 0},
	{"__fread_chk", A_SIZE, READS,
	 {&memory, &chk_room, &how_many, &large, &stream}, 0},
	{"__fread_unlocked_chk", A_SIZE, READS,
	 {&memory, &chk_room, &how_many, &large, &stream}, 0},

	/* draws */
	{"getrandom", A_SIZE, DRAWS, {&memory, &length, &random_flags}, 0},
	{"getentropy", A_NUMBER, DRAWS, {&memory, &entropy}, 0},
	{"arc4random", A_WORD, DRAWS, {0}, 0},
	{"arc4random_buf", A_WORD, DRAWS, {&memory, &length}, 0},
	{"arc4random_uniform", A_NUMBER, DRAWS, {&bound}, 0},
	{"arc4random_uniform", A_WORD, DRAWS, {&larger_bound}, 0},
	{"fastrand_getrandom", A_SIZE, DRAWS,
	 {&memory, &length, &random_flags}, "getrandom"},
	{"fastrand_buf", A_WORD, DRAWS, {&memory, &length}, "arc4random_buf"},
	{"fastrand_u32", A_WORD, DRAWS, {0}, "arc4random"},
	{"fastrand_uniform", A_NUMBER, DRAWS, {&bound}, "arc4random_uniform"},

	/* system calls by number */
	{"syscall", A_SIZE, READS, {&sys_read, &fd, &memory, &length}, 0},
	{"syscall", A_SIZE, DRAWS,
	 {&sys_getrandom, &memory, &length, &random_flags}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_openat, &at, &path, &open_flags, &mode}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_dup, &fd}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_dup3, &fd, &to, &flags}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_fcntl, &fd, &fcntl_command, &fcntl_argument}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_close, &fd}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_close_range, &from, &from, &range_flags}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_unshare, &unshared}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_prctl, &prctl_option, &prctl_argument, &prctl_argument}, 0},
	{"syscall", A_SIZE, NOTHING,
	 {&sys_seccomp, &number, &flags, &memory}, 0},
	{"syscall", A_SIZE, NOTHING, {&sys_odd, &fd, &memory, &length}, 0},

	/* opens */
	{"open", A_NUMBER, NOTHING, {&path, &open_flags, &mode}, 0},
	{"open64", A_NUMBER, NOTHING, {&path, &open_flags, &mode}, 0},
	{"__open", A_NUMBER, NOTHING, {&path, &open_flags, &mode}, 0},
	{"__open64", A_NUMBER, NOTHING, {&path, &open_flags, &mode}, 0},
	{"__open_2", A_NUMBER, NOTHING, {&path, &open_flags}, 0},
	{"__open64_2", A_NUMBER, NOTHING, {&path, &open_flags}, 0},
	{"openat", A_NUMBER, NOTHING, {&at, &path, &open_flags, &mode}, 0},
	{"openat64", A_NUMBER, NOTHING, {&at, &path, &open_flags, &mode}, 0},
	{"__openat_2", A_NUMBER, NOTHING, {&at, &path, &open_flags}, 0},
	{"__openat64_2", A_NUMBER, NOTHING, {&at, &path, &open_flags}, 0},
	{"creat", A_NUMBER, NOTHING, {&path, &mode}, 0},
	{"creat64", A_NUMBER, NOTHING, {&path, &mode}, 0},
	{"fopen", A_POINTER, NOTHING, {&path, &stdio_mode}, 0},
	{"fopen64", A_POINTER, NOTHING, {&path, &stdio_mode}, 0},
	{"_IO_fopen", A_POINTER, NOTHING, {&path, &stdio_mode}, 0},
	{"freopen", A_POINTER, NOTHING, {&path, &stdio_mode, &stream}, 0},
	{"freopen64", A_POINTER, NOTHING, {&path, &stdio_mode, &stream}, 0},
	{"setmntent", A_POINTER, NOTHING, {&path, &stdio_mode}, 0},
	{"opendir", A_POINTER, NOTHING, {&path}, 0},
	{"fdopendir", A_POINTER, NOTHING, {&fd}, 0},
	{"popen", A_POINTER, NOTHING, {&command, &popen_mode}, 0},
	{"shm_open", A_NUMBER, NOTHING, {&path, &open_only, &mode}, 0},
	{"mq_open", A_NUMBER, NOTHING, {&path, &open_only, &mode, &memory}, 0},

	/* births of other things */
	{"mkstemp", A_NUMBER, NOTHING, {&template_}, 0},
	{"mkstemp64", A_NUMBER, NOTHING, {&template_}, 0},
	{"mkostemp", A_NUMBER, NOTHING, {&template_, &flags}, 0},
	{"mkostemp64", A_NUMBER, NOTHING, {&template_, &flags}, 0},
	{"mkstemps", A_NUMBER, NOTHING, {&template_, &suffix}, 0},
	{"mkstemps64", A_NUMBER, NOTHING, {&template_, &suffix}, 0},
	{"mkostemps", A_NUMBER, NOTHING, {&template_, &suffix, &flags}, 0},
	{"mkostemps64", A_NUMBER, NOTHING, {&template_, &suffix, &flags}, 0},
	{"tmpfile", A_POINTER, NOTHING, {0}, 0},
	{"tmpfile64", A_POINTER, NOTHING, {0}, 0},
	{"memfd_create", A_NUMBER, NOTHING, {&path, &flags}, 0},
	{"socket", A_NUMBER, NOTHING, {&domain, &type, &protocol}, 0},
	{"socketpair", A_NUMBER, NOTHING,
	 {&domain, &type, &protocol, &memory}, 0},
	{"accept", A_NUMBER, NOTHING,
	 {&listener, &memory_or_null, &memory_or_null}, 0},
	{"accept4", A_NUMBER, NOTHING,
	 {&listener, &memory_or_null, &memory_or_null, &flags}, 0},
	{"recvmsg", A_SIZE, NOTHING, {&socket_, &message_, &message_flags}, 0},
	{"recvmmsg", A_NUMBER, NOTHING,
	 {&socket_, &message_, &messages_, &message_flags, &memory_or_null}, 0},
	{"pipe", A_NUMBER, NOTHING, {&memory}, 0},
	{"pipe2", A_NUMBER, NOTHING, {&memory, &flags}, 0},
	{"epoll_create", A_NUMBER, NOTHING, {&number}, 0},
	{"epoll_create1", A_NUMBER, NOTHING, {&flags}, 0},
	{"eventfd", A_NUMBER, NOTHING, {&number, &flags}, 0},
	{"signalfd", A_NUMBER, NOTHING, {&fd, &memory, &flags}, 0},
	{"timerfd_create", A_NUMBER, NOTHING, {&clock_, &flags}, 0},
	{"inotify_init", A_NUMBER, NOTHING, {0}, 0},
	{"inotify_init1", A_NUMBER, NOTHING, {&flags}, 0},
	{"fanotify_init", A_NUMBER, NOTHING, {&flags, &open_only}, 0},
	{"pidfd_open", A_NUMBER, NOTHING, {&pid, &flags}, 0},
	{"pidfd_getfd", A_NUMBER, NOTHING, {&pidfd, &fd, &flags}, 0},
	{"getpt", A_NUMBER, NOTHING, {0}, 0},
	{"posix_openpt", A_NUMBER, NOTHING, {&open_flags}, 0},
	{"openpty", A_NUMBER, NOTHING,
	 {&memory, &memory, &memory_or_null, &memory_or_null, &memory_or_null},
	 0},
	{"forkpty", A_PID, NOTHING,
	 {&memory, &memory_or_null, &memory_or_null, &memory_or_null}, 0},

	/* copies */
	{"dup", A_NUMBER, NOTHING, {&fd}, 0},
	{"dup2", A_NUMBER, NOTHING, {&fd, &to}, 0},
	{"__dup2", A_NUMBER, NOTHING, {&fd, &to}, 0},
	{"dup3", A_NUMBER, NOTHING, {&fd, &to, &flags}, 0},
	{"fcntl", A_NUMBER, NOTHING,
	 {&fd, &fcntl_command, &fcntl_argument}, 0},
	{"fcntl64", A_NUMBER, NOTHING,
	 {&fd, &fcntl_command, &fcntl_argument}, 0},
	{"__fcntl", A_NUMBER, NOTHING,
	 {&fd, &fcntl_command, &fcntl_argument}, 0},

	/* ends */
	{"close", A_NUMBER, NOTHING, {&fd}, 0},
	{"__close", A_NUMBER, NOTHING, {&fd}, 0},
	{"mq_close", A_NUMBER, NOTHING, {&fd}, 0},
	{"close_range", A_NUMBER, NOTHING, {&from, &from, &range_flags}, 0},
	{"closefrom", A_WORD, NOTHING, {&from}, 0},
	{"fclose", A_NUMBER, NOTHING, {&stream}, 0},
	{"_IO_fclose", A_NUMBER, NOTHING, {&stream}, 0},
	{"pclose", A_NUMBER, NOTHING, {&stream}, 0},
	{"endmntent", A_NUMBER, NOTHING, {&stream}, 0},
	{"closedir", A_NUMBER, NOTHING, {&dir}, 0},
	{"daemon", A_NUMBER, NOTHING, {&number, &number}, 0},
	{"login_tty", A_NUMBER, NOTHING, {&fd}, 0},
	{"unshare", A_NUMBER, NOTHING, {&unshared}, 0},
	{"prctl", A_NUMBER, NOTHING,
	 {&prctl_option, &prctl_argument, &prctl_argument}, 0},
};

/* Does something for every call of a row; choice: which value of each kind. */
static void for_each_call(const struct row *row,
			  void (*act)(const struct row *row,
				      const size_t choice[MOST]))
{
	size_t choice[MOST] = {0};

	act(row, choice);
	for (size_t p = 0; p < MOST && row->kinds[p]; p++) {
		for (size_t v = 1; v < row->kinds[p]->count; v++) {
			choice[p] = v;
			act(row, choice);
			for (size_t q = p + 1; q < MOST && row->kinds[q]; q++) {
				for (size_t w = 1; w < row->kinds[q]->count;
				     w++) {
					choice[q] = w;
					act(row, choice);
				}
				choice[q] = 0;
			}
		}
		choice[p] = 0;
	}
}

#endif
