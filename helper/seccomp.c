/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two filters, in classic BPF written by hand. The first goes in before the first byte from the engine is read: what
 * loading programs takes, and nothing that starts a program, a process or a debugger. The second goes in before HELLO
 * leaves: reading, writing, waiting, and of bpf() only what serving needs. Anything else fails with EPERM; a foreign
 * instruction set ends the process.
 */
#include "helper.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "no seccomp filter for this instruction set"
#endif

#define MAX_INSTRUCTIONS 256U

struct program {
	struct sock_filter code[MAX_INSTRUCTIONS];
	unsigned int length;
};

static void emit(struct program *program, uint16_t code, uint8_t yes, uint8_t no, uint32_t value)
{
	if (program->length < MAX_INSTRUCTIONS)
		program->code[program->length] = (struct sock_filter){ .code = code, .jt = yes, .jf = no, .k = value };
	program->length++;
}

static void load(struct program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void give(struct program *program, uint32_t verdict)
{
	emit(program, BPF_RET | BPF_K, 0, 0, verdict);
}

static void begin(struct program *program)
{
	program->length = 0;
	load(program, offsetof(struct seccomp_data, arch));
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, OUR_ARCH);
	give(program, SECCOMP_RET_KILL_PROCESS);
	load(program, offsetof(struct seccomp_data, nr)); /* x32 numbers have bit 30 set: they match nothing below */
}

static void allow(struct program *program, long number)
{
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)number);
	give(program, SECCOMP_RET_ALLOW);
}

/* Allows `number` when the low word of its argument `index` is one of the values and the high word is 0. */
static void allow_when(struct program *program, long number, unsigned int index, const uint32_t *values,
		       uint8_t count)
{
	size_t argument = offsetof(struct seccomp_data, args) + 8 * index;

	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(5 + count), (uint32_t)number);
	load(program, argument + 4); /* little-endian: high word */
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(count + 1), 0);
	load(program, argument);
	for (uint8_t i = 0; i < count; i++)
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(count - i), 0, values[i]);
	give(program, SECCOMP_RET_ERRNO | EPERM);
	give(program, SECCOMP_RET_ALLOW);
}

static int install(struct program *program)
{
	struct sock_fprog filter = { .filter = program->code };

	give(program, SECCOMP_RET_ERRNO | EPERM);
	if (program->length > MAX_INSTRUCTIONS)
		return -E2BIG;
	filter.len = (unsigned short)program->length;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) ? -errno : 0;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Needed in both lives. */
static const long always[] = {
	SYS_read, SYS_write, SYS_writev, SYS_pread64, SYS_close, SYS_ppoll, SYS_sendto, SYS_sendmsg, SYS_recvfrom,
	SYS_recvmsg, SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_timerfd_settime, SYS_mmap, SYS_munmap,
	SYS_mremap, SYS_madvise, SYS_brk, SYS_futex, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask,
	SYS_restart_syscall, SYS_getpid, SYS_gettid, SYS_tgkill, SYS_capget, SYS_capset, SYS_getrandom, SYS_sched_yield,
#ifdef SYS_poll
	SYS_poll,
#endif
};

static const long loading[] = {
	SYS_bpf, SYS_openat, SYS_fstat, SYS_newfstatat, SYS_statfs, SYS_fstatfs, SYS_lseek, SYS_fcntl, SYS_dup, SYS_dup3,
	SYS_mprotect, SYS_uname, SYS_sysinfo, SYS_sched_getaffinity, SYS_socket, SYS_bind, SYS_setsockopt, SYS_getsockopt,
	SYS_getsockname, SYS_prctl, SYS_seccomp, SYS_timerfd_create, SYS_signalfd4, SYS_prlimit64, SYS_getuid, SYS_geteuid,
	SYS_readlinkat, SYS_faccessat, SYS_faccessat2, SYS_rt_sigaction, SYS_setns, SYS_getdents64, SYS_readv,
#ifdef SYS_open
	SYS_open,
#endif
#ifdef SYS_access
	SYS_access,
#endif
};

static const uint32_t ethtool[] = { SIOCETHTOOL };

int seccomp_loading(void)
{
	struct program program;

	begin(&program);
	for (size_t i = 0; i < COUNT(always); i++)
		allow(&program, always[i]);
	for (size_t i = 0; i < COUNT(loading); i++)
		allow(&program, loading[i]);
	allow_when(&program, SYS_ioctl, 1, ethtool, COUNT(ethtool));
	return install(&program);
}

int seccomp_serving(void)
{
	static const uint32_t commands[] = { BPF_LINK_CREATE, BPF_ITER_CREATE, BPF_OBJ_GET_INFO_BY_FD,
					     BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM };
	struct program program;

	begin(&program);
	for (size_t i = 0; i < COUNT(always); i++)
		allow(&program, always[i]);
	allow_when(&program, SYS_bpf, 0, commands, COUNT(commands));
	allow_when(&program, SYS_ioctl, 1, ethtool, COUNT(ethtool));
	return install(&program);
}
