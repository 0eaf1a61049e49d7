/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capabilities by the raw system calls, so that nothing but the kernel's own interface has to be audited.
 *
 * What is needed when (measured on 6.1, 6.12, 6.18): loading CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN; attaching XDP and
 * tcx links nothing; clsact filters CAP_NET_ADMIN, also to take them away; another network namespace CAP_SYS_ADMIN.
 * The installed helper has file capabilities "=p" (not "=ep": that would make exec fail where one of them is missing
 * from the bounding set), so they are raised here.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int capabilities_get(uint64_t *permitted, uint64_t *effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return -errno;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	*effective = data[0].effective | (uint64_t)data[1].effective << 32;
	return 0;
}

static int capabilities_set(uint64_t set)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(set >> (32 * i));
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int privilege_raise(void)
{
	uint64_t permitted, effective;
	int error = capabilities_get(&permitted, &effective);

	return error ? error : capabilities_set(permitted);
}

bool privilege_has(unsigned int capability)
{
	uint64_t permitted, effective;

	return capabilities_get(&permitted, &effective) == 0 && (effective >> capability & 1);
}

int privilege_keep(uint64_t capabilities)
{
	uint64_t permitted, effective;
	int error = capabilities_get(&permitted, &effective);

	if (error)
		return error;
	/* While we may: nothing comes back through uid 0 or through an exec, should one ever happen. */
	if (effective >> CAP_SETPCAP & 1) {
		for (unsigned int capability = 0; capability <= 63; capability++)
			if (!(capabilities >> capability & 1))
				(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
		(void)prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
			    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
			    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, 0, 0, 0);
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return capabilities_set(permitted & capabilities);
}

int privilege_no_new(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
}

/*
 * The path comes from whoever started us. It is looked at without being opened (O_PATH), and opened only when it is
 * a namespace: opening a device or a FIFO can do something by itself.
 */
int privilege_enter_netns(const char *path, char *failure, size_t failure_size)
{
	struct statfs statistics;
	char again[40];
	int error = 0;
	int fd;
	int handle = open(path, O_PATH | O_CLOEXEC);

	if (handle < 0) {
		error = -errno;
		snprintf(failure, failure_size, "network namespace %s: %s, check the name or the process id", path,
			 log_error(error));
		return error;
	}
	if (fstatfs(handle, &statistics) || statistics.f_type != NSFS_MAGIC) {
		close(handle);
		snprintf(failure, failure_size, "%s: not a network namespace, name a file under /run/netns or /proc/PID/ns/net",
			 path);
		return -EINVAL;
	}
	snprintf(again, sizeof again, "/proc/self/fd/%d", handle);
	fd = open(again, O_RDONLY | O_CLOEXEC);
	close(handle);
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		error = -errno;
		if (error == -EPERM)
			snprintf(failure, failure_size,
				 "network namespace %s: entering it needs CAP_SYS_ADMIN, run as root or through pkexec", path);
		else
			snprintf(failure, failure_size, "network namespace %s: %s", path,
				 error == -EINVAL ? "not a network namespace, name a file under /run/netns or /proc/PID/ns/net"
						  : log_error(error));
	}
	if (fd >= 0)
		close(fd);
	return error;
}

static bool is_uid(const char *text, uint32_t uid)
{
	char *end;
	unsigned long value;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	return errno == 0 && *end == 0 && value == uid;
}

/* The engine may be root, the user who started us, or the user for whom sudo or pkexec did: only root can set those
 * variables for a process that is root. */
bool privilege_peer_allowed(uint32_t uid)
{
	uint32_t real = (uint32_t)getuid();

	if (uid == 0 || uid == real)
		return true;
	return real == 0 && (is_uid(getenv("SUDO_UID"), uid) || is_uid(getenv("PKEXEC_UID"), uid));
}
