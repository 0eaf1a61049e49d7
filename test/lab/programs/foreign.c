/* SPDX-License-Identifier: MIT */
/*
 * Somebody else's programs on a device: they count and pass. Held by links of this process; ends after --seconds (300).
 *
 *   lab-foreign DEVICE [--xdp]     tcx ingress and egress, with --xdp also XDP (native where the driver has it)
 *
 * Prints {"event":"attached"}, and for each line on standard input
 * {"event":"counts","tcxIngress":{"on","packets"},"tcxEgress":…,"xdp":…}: who the kernel says is there, and what it saw.
 */
#include "common.h"
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>

enum { TCX_INGRESS = 46, TCX_EGRESS = 47, XDP = 37 };

struct attached {
	const char *name;
	unsigned int type, id;
	int map, link;
};

static int bpf(int command, void *attr, size_t size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

static void attach(struct attached *a, unsigned int ifindex, const char *name, unsigned int type)
{
	struct bpf_insn code[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_VALUE }, { 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 1 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 1, .src_reg = 2, .imm = BPF_ADD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = type == XDP ? 2 : -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	struct bpf_prog_info info = { 0 };
	int program;

	a->name = name;
	a->type = type;
	a->map = bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	code[0].imm = a->map;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type == XDP ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS;
	attr.insn_cnt = sizeof(code) / sizeof(*code);
	attr.insns = (uintptr_t)code;
	attr.license = (uintptr_t)"GPL";
	memcpy(attr.prog_name, "foreign", 8);
	program = bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0)
		die("load");
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (unsigned int)program;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) != 0)
		die("info");
	a->id = info.id;
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (unsigned int)program;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = type;
	a->link = bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
	if (a->link < 0)
		die(name);
}

/* The device that the kernel says the link is still on, 0 = none. */
static unsigned int still_on(const struct attached *a)
{
	struct bpf_link_info info = { 0 };
	union bpf_attr attr = { .info = { .bpf_fd = (unsigned int)a->link, .info_len = sizeof(info), .info = (uintptr_t)&info } };

	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) != 0 || info.prog_id != a->id)
		return 0;
	return info.xdp.ifindex; /* the same place for tcx */
}

int main(int argc, char **argv)
{
	unsigned int ifindex = argc > 1 ? if_nametoindex(argv[1]) : 0;
	struct attached all[3];
	int count = given(argc, argv, "--xdp") ? 3 : 2;
	char line[64];

	alarm((unsigned)number(argc, argv, "--seconds", 300));
	if (ifindex == 0)
		die("device");
	attach(&all[0], ifindex, "tcxIngress", TCX_INGRESS);
	attach(&all[1], ifindex, "tcxEgress", TCX_EGRESS);
	if (count == 3)
		attach(&all[2], ifindex, "xdp", XDP);
	printf("{\"event\":\"attached\"}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		printf("{\"event\":\"counts\"");
		for (int i = 0; i < count; i++) {
			uint64_t packets = 0;
			int key = 0;
			union bpf_attr attr = { .map_fd = (unsigned int)all[i].map, .key = (uintptr_t)&key, .value = (uintptr_t)&packets };

			bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));
			printf(",\"%s\":{\"on\":%s,\"packets\":%llu}", all[i].name, still_on(&all[i]) == ifindex ? "true" : "false",
			       (unsigned long long)packets);
		}
		printf("}\n");
		fflush(stdout);
	}
	return 0;
}
