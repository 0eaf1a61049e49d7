/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cost of the packet programs by BPF_PROG_TEST_RUN: the kernel's own duration, beside an empty program in the same run.
 *
 *   packet-cost SPREAD-OBJECT      prints a line of JSON for each case: {"case", "emptyNs", "ns"}
 *
 * Each figure is the least of ROUNDS, the two programs taking turns. Counters are checked: a program that counted
 * nothing would look fast.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps.h"
#include "flowglass.skel.h"

#define ROUNDS 5

static void die(const char *what)
{
	fprintf(stderr, "packet-cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct setup {
	const char *name;
	bool latency, tc;
	__u32 flows, timestamps; /* through the spreading program when either is set */
	__u32 snaplen;           /* 0 = not recording */
	__u32 repeat;
	__u32 slots;
	__u32 length;            /* of the frame */
};

static int empty_program(enum bpf_prog_type type)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = type == BPF_PROG_TYPE_XDP ? 2 : -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = type == BPF_PROG_TYPE_XDP ? BPF_F_XDP_HAS_FRAGS : 0,
		    .expected_attach_type = type == BPF_PROG_TYPE_XDP ? BPF_XDP : 0);
	int fd = bpf_prog_load(type, "empty", "GPL", insns, 2, &options);

	if (fd < 0)
		die("empty program");
	return fd;
}

/* A TCP segment with a timestamp option, no payload at 66 bytes. */
static void make_frame(unsigned char *frame, __u32 length)
{
	static const unsigned char head[66] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 52, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x80, 0x10, 1, 0, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1,
	};

	memset(frame, 'x', length);
	memcpy(frame, head, sizeof(head));
	frame[16] = (unsigned char)((length - 14) >> 8);
	frame[17] = (unsigned char)(length - 14);
}

static double run_once(int fd, unsigned char *frame, __u32 length, __u32 repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = length, .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(fd, &options) != 0)
		die("BPF_PROG_TEST_RUN");
	return options.duration;
}

static struct flowglass *load(const struct setup *s, int cpus)
{
	struct flowglass *skeleton = flowglass__open();
	struct bpf_program *program;

	if (!skeleton)
		die("open");
	bpf_object__for_each_program(program, skeleton->obj) {
		const char *name = bpf_program__name(program);

		bpf_program__set_autoload(program, strcmp(name, "fg_xdp") == 0 || strcmp(name, "fg_ingress") == 0);
	}
	bpf_map__set_max_entries(skeleton->maps.flow_table, (__u32)cpus * s->slots);
	bpf_map__set_max_entries(skeleton->maps.flow_dirty, fg_dirty_entries((__u32)cpus * s->slots));
	bpf_map__set_max_entries(skeleton->maps.flow_tags, (__u32)cpus * s->slots / FG_WAYS);
	bpf_map__set_max_entries(skeleton->maps.conversations, s->slots);
	bpf_map__set_max_entries(skeleton->maps.totals, (__u32)cpus * FG_IFACE_MAX);
	bpf_map__set_max_entries(skeleton->maps.losses, (__u32)cpus);
	bpf_map__set_max_entries(skeleton->maps.scratch, (__u32)cpus);
	bpf_map__set_max_entries(skeleton->maps.state_ring, 64 << 20);
	bpf_map__set_max_entries(skeleton->maps.packet_ring, 256 << 20);
	skeleton->rodata->cfg_slots_per_cpu = s->slots;
	skeleton->rodata->cfg_slots_mask = s->slots - 1;
	skeleton->rodata->cfg_latency = s->latency;
	if (flowglass__load(skeleton) != 0)
		die("load");
	struct fg_iface_slot *entry = &skeleton->bss->ifaces[fg_iface_place(1)]; /* test runs happen on lo, ifindex 1 */

	entry->iface = 0;
	entry->kind = FG_LINK_ETHERNET;
	entry->flags = 0;
	entry->ifindex = 1;
	skeleton->bss->capture.snaplen = s->snaplen;
	skeleton->bss->capture.enabled = s->snaplen != 0;
	return skeleton;
}

static __u64 counted(struct flowglass *skeleton, int cpu, __u64 *stored)
{
	static struct fg_totals totals;
	__u32 place = (__u32)cpu * FG_IFACE_MAX;

	if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.totals), &place, &totals) != 0)
		die("totals");
	*stored = totals.captured_packets;
	return totals.direction[0].packets;
}

static int discard(void *context, void *data, size_t length)
{
	(void)context;
	(void)data;
	(void)length;
	return 0;
}

static void measure(const struct setup *s, const char *spread_path, int cpus, int cpu)
{
	struct flowglass *skeleton = load(s, cpus);
	enum bpf_prog_type type = s->tc ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_XDP;
	int ours = bpf_program__fd(s->tc ? skeleton->progs.fg_ingress : skeleton->progs.fg_xdp);
	int programs[2] = { empty_program(type), ours }, next = -1;
	struct bpf_object *object = NULL;
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(skeleton->maps.packet_ring), discard, NULL, NULL);

	ring_buffer__add(ring, bpf_map__fd(skeleton->maps.state_ring), discard, NULL);
	unsigned char frame[2048];
	double least[2] = { 1e9, 1e9 };
	__u64 before, after, stored_before, stored;

	make_frame(frame, s->length);
	if (s->flows || s->timestamps) {
		struct bpf_map *data;
		__u32 zero = 0, flows = s->flows ? s->flows : 1, fresh[2] = { 0, s->timestamps };

		object = bpf_object__open_file(spread_path, NULL);
		if (!object || bpf_object__load(object) != 0)
			die(spread_path);
		next = bpf_object__find_map_fd_by_name(object, "next");
				/* .data holds flows; .bss holds count and timestamps, in declaration order */
		bpf_object__for_each_map(data, object) {
			size_t size;
			__u32 *values = bpf_map__is_internal(data) ? (__u32 *)bpf_map__initial_value(data, &size) : NULL;

			if (!values || bpf_map__type(data) != BPF_MAP_TYPE_ARRAY)
				continue;
			if (strstr(bpf_map__name(data), ".data"))
				bpf_map_update_elem(bpf_map__fd(data), &zero, &flows, BPF_ANY);
			else if (strstr(bpf_map__name(data), ".bss") && size >= sizeof(fresh))
				bpf_map_update_elem(bpf_map__fd(data), &zero, fresh, BPF_ANY);
		}
	}
	before = counted(skeleton, cpu, &stored_before);
	for (int round = 0; round < ROUNDS * 2 + 2; round++) { /* the first of each warms up */
		__u32 zero = 0;
		int fd = programs[round % 2];

		if (object) {
			if (bpf_map_update_elem(next, &zero, &fd, BPF_ANY) != 0)
				die("tail call");
			fd = bpf_program__fd(bpf_object__find_program_by_name(object, "spread"));
		}
		double ns = run_once(fd, frame, s->length, s->repeat);

		if (round >= 2 && ns < least[round % 2])
			least[round % 2] = ns;
		ring_buffer__consume(ring);
	}
	after = counted(skeleton, cpu, &stored);
	if (after - before != (__u64)s->repeat * (ROUNDS + 1) ||
	    (s->snaplen && stored - stored_before != (__u64)s->repeat * (ROUNDS + 1))) {
		fprintf(stderr, "packet-cost: %s: %llu packets counted, %llu stored of %llu sent\n", s->name,
			(unsigned long long)(after - before), (unsigned long long)(stored - stored_before),
			(unsigned long long)s->repeat * (ROUNDS + 1));
		exit(1);
	}
	printf("{\"case\":\"%s\",\"emptyNs\":%.0f,\"ns\":%.0f}\n", s->name, least[0], least[1]);
	fflush(stdout);
	ring_buffer__free(ring);
	bpf_object__close(object);
	close(programs[0]);
	flowglass__destroy(skeleton);
}

int main(int argc, char **argv)
{
	static const struct setup setups[] = {
		{ .name = "counting", .repeat = 1000000, .slots = 1 << 17, .length = 66 },
		{ .name = "counting tc", .tc = true, .repeat = 1000000, .slots = 1 << 17, .length = 66 },
		{ .name = "latency", .latency = true, .repeat = 1000000, .slots = 1 << 17, .length = 66 },
		{ .name = "latency advancing", .latency = true, .timestamps = 1, .repeat = 1000000, .slots = 1 << 17, .length = 66 },
		{ .name = "100000 flows", .flows = 100000, .repeat = 400000, .slots = 1 << 17, .length = 66 },
		{ .name = "recording", .snaplen = 96, .repeat = 400000, .slots = 1 << 17, .length = 256 },
		{ .name = "counting 256", .repeat = 1000000, .slots = 1 << 17, .length = 256 },
	};
	int cpus = libbpf_num_possible_cpus(), cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
		measure(&setups[i], argc > 1 ? argv[1] : "spread.bpf.o", cpus, cpu);
	return 0;
}
