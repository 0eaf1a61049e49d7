/* SPDX-License-Identifier: MIT */
/*
 * What is attached to a device of this network namespace, asked from the kernel itself (BPF_PROG_QUERY for tcx, which
 * this distribution's bpftool does not list; the rest is `tc` and `ip`).
 *
 *   lab-attached DEVICE      prints {"event":"attached","tcxIngress":N,"tcxEgress":N}; -1 = the kernel has no tcx
 */
#include "programs/common.h"
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>

static int count(unsigned int ifindex, unsigned int type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = ifindex; /* the same place as target_ifindex of newer headers */
	attr.query.attach_type = type;
	if (syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)) != 0)
		return errno == ENOENT ? 0 : -1;
	return (int)attr.query.prog_cnt;
}

int main(int argc, char **argv)
{
	unsigned int ifindex = argc > 1 ? if_nametoindex(argv[1]) : 0;

	if (ifindex == 0)
		die("device");
	printf("{\"event\":\"attached\",\"tcxIngress\":%d,\"tcxEgress\":%d}\n", count(ifindex, 46), count(ifindex, 47));
	return 0;
}
