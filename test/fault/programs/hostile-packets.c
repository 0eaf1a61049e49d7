/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hostile packets into the packet programs by BPF_PROG_TEST_RUN: well-formed ones of every kind that we parse, then cut,
 * with wrong lengths, with bits flipped, with headers that lead to themselves, and plain noise.
 *
 *   hostile-packets COUNT SEED        one line of JSON for each entry point and link type
 *   hostile-packets known             one line for each packet of which the reason is known beforehand
 *   hostile-packets full COUNT        as many flows of one packet while nobody reads what the table hands over
 *
 * After every packet: it was let through unchanged, its interface counted exactly it, and it is either in one flow, with no
 * more payload than it has bytes, or in `unparsed` by one reason. The first that is not ends the run with its bytes.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "maps.h"
#include "flowglass.skel.h"

#define FRAME_MAX 1600
#define SLOTS 1024
#define STATE_RING_BYTES (512 << 10)

static int cpu, cpus;
static unsigned long long seed;

static void die(const char *what)
{
	fprintf(stderr, "hostile-packets: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* xorshift64*: the same packets for the same seed. */
static unsigned int any(unsigned int below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return below ? (unsigned int)(((seed * 0x2545f4914f6cdd1dULL) >> 33) % below) : 0;
}

/* ---- packets ----------------------------------------------------------------------------------------------- */

struct frame {
	unsigned char bytes[FRAME_MAX];
	unsigned int length;
};

static void put(struct frame *f, const void *bytes, unsigned int length)
{
	memcpy(f->bytes + f->length, bytes, length);
	f->length += length;
}

static void byte(struct frame *f, unsigned int value)
{
	f->bytes[f->length++] = (unsigned char)value;
}

static void two(struct frame *f, unsigned int value)
{
	byte(f, value >> 8);
	byte(f, value & 255);
}

static void zeros(struct frame *f, unsigned int count)
{
	memset(f->bytes + f->length, 0, count);
	f->length += count;
}

static void ethernet(struct frame *f, unsigned int type)
{
	put(f, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	two(f, type);
}

static void ipv4(struct frame *f, unsigned int protocol, unsigned int payload, unsigned int fragment, unsigned int options)
{
	byte(f, 0x45 + options / 4);
	byte(f, 0);
	two(f, 20 + options + payload);
	two(f, 7);
	two(f, fragment);
	byte(f, 64);
	byte(f, protocol);
	two(f, 0);
	put(f, "\x0a\0\0\1\x0a\0\0\2", 8);
	zeros(f, options);
}

static void ipv6(struct frame *f, unsigned int next, unsigned int payload)
{
	put(f, "\x60\0\0\0", 4);
	two(f, payload);
	byte(f, next);
	byte(f, 64);
	put(f, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 32);
}

static void tcp(struct frame *f, unsigned int flags, unsigned int options, unsigned int payload)
{
	two(f, 40000 + any(4));
	two(f, 80);
	zeros(f, 8);
	byte(f, (5 + options / 4) << 4);
	byte(f, flags);
	zeros(f, 6);
	if (options >= 12)
		put(f, "\1\1\x08\x0a\0\0\0\1\0\0\0\1", 12);
	zeros(f, options >= 12 ? options - 12 : options);
	zeros(f, payload);
}

static void udp(struct frame *f, unsigned int port, unsigned int payload)
{
	two(f, 5000 + any(4));
	two(f, port);
	two(f, 8 + payload);
	two(f, 0);
	zeros(f, payload);
}

/* A well-formed packet of one of the kinds that the parser follows. */
static void good(struct frame *f, int link)
{
	unsigned int kind = any(14), tags = link == FG_LINK_ETHERNET ? any(3) : 0, payload = any(200);
	bool six = any(2);

	f->length = 0;
	if (link == FG_LINK_ETHERNET) {
		ethernet(f, tags == 2 ? 0x88a8 : tags == 1 ? 0x8100 : kind == 12 ? 0x0806 : six ? 0x86dd : 0x0800);
		for (; tags; tags--) {
			two(f, 1 + any(4094));
			two(f, tags == 2 ? 0x8100 : six ? 0x86dd : 0x0800);
		}
	}
	switch (kind) {
	case 0: /* TCP without and with options */
	case 1:
	case 2:
		payload = kind == 0 ? 0 : payload;
		if (six)
			ipv6(f, 6, 20 + kind * 12 + payload);
		else
			ipv4(f, 6, 20 + kind * 12 + payload, 0, kind == 2 ? 8 : 0);
		tcp(f, kind ? any(64) : 2, kind * 12, payload);
		break;
	case 3: /* datagram */
		if (six)
			ipv6(f, 17, 8 + payload);
		else
			ipv4(f, 17, 8 + payload, 0x4000, 0);
		udp(f, 53, payload);
		break;
	case 4: /* extension headers, each leading to the next */
	case 5: {
		unsigned int count = any(12);

		ipv6(f, count ? 0 : 6, count * 8 + 20 + payload);
		for (unsigned int i = 0; i < count; i++) {
			byte(f, i + 1 == count ? 6 : any(2) ? 60 : 43);
			zeros(f, 7);
		}
		tcp(f, 16, 0, payload);
		break;
	}
	case 6: /* fragments, first and later */
		if (six) {
			ipv6(f, 44, 8 + 8 + payload);
			byte(f, 17);
			byte(f, 0);
			two(f, any(2) ? 1 : any(64) << 3 | any(2));
			zeros(f, 4);
		} else {
			ipv4(f, 17, 8 + payload, any(2) ? 0x2000 : any(64) | any(2) << 13, 0);
		}
		udp(f, 53, payload);
		break;
	case 7: /* ICMP error with a quote */
		ipv4(f, 1, 8 + 28, 0, 0);
		byte(f, 3);
		byte(f, 3);
		zeros(f, 6);
		ipv4(f, 17, 8, 0, 0);
		udp(f, 53, 0);
		break;
	case 8:
		ipv6(f, 58, 8 + 48);
		byte(f, 1);
		byte(f, 4);
		zeros(f, 6);
		ipv6(f, 17, 8);
		udp(f, 53, 0);
		break;
	case 9: /* tunnels */
		ipv4(f, 47, 4 + 20 + 20, 0, 0);
		two(f, any(2) ? 0 : 0xb000);
		two(f, 0x0800);
		ipv4(f, 6, 20, 0, 0);
		tcp(f, 16, 0, 0);
		break;
	case 10:
		ipv4(f, 17, 8 + 8 + 14 + 28, 0, 0);
		udp(f, any(2) ? 4789 : 6081, 0);
		zeros(f, 8);
		ethernet(f, 0x0800);
		ipv4(f, 17, 8, 0, 0);
		udp(f, 53, 0);
		break;
	case 11: /* echo */
		ipv4(f, 1, 8 + payload, 0, 0);
		byte(f, any(2) ? 8 : 0);
		zeros(f, 7 + payload);
		break;
	default:
		ipv4(f, any(256), payload, 0, 0);
		zeros(f, payload);
	}
}

/* Something wrong with it, or noise altogether. */
static void spoil(struct frame *f)
{
	unsigned int how = any(6);

	if (how == 0 && f->length > 15) {
		f->length = 14 + any(f->length - 14); /* cut */
	} else if (how == 1) {
		for (unsigned int i = 1 + any(8); i; i--) /* bits flipped, most of them in headers */
			f->bytes[any(f->length < 80 ? f->length : 80)] ^= (unsigned char)(1 << any(8));
	} else if (how == 2) { /* lengths that lie */
		static const unsigned char at[] = { 16, 17, 14, 18, 19, 20, 21, 38, 39, 46, 47, 55, 2, 3, 4, 5, 0 };

		for (unsigned int i = 1 + any(3); i; i--)
			f->bytes[at[any(sizeof at)]] = (unsigned char)(any(2) ? any(256) : any(2) ? 255 : 0);
	} else if (how == 3) { /* a stretch of noise */
		for (unsigned int i = any(f->length), n = any(40); n && i < f->length; n--, i++)
			f->bytes[i] = (unsigned char)any(256);
	} else if (how == 4) {
		f->length = 14 + any(FRAME_MAX - 14);
		for (unsigned int i = any(2) ? 12 : 0; i < f->length; i++)
			f->bytes[i] = (unsigned char)any(256);
	} /* else as it is */
}

/* ---- the programs ------------------------------------------------------------------------------------------ */

static struct flowglass *load(void)
{
	struct flowglass *skeleton = flowglass__open();
	struct bpf_program *program;

	if (!skeleton)
		die("open");
	bpf_object__for_each_program(program, skeleton->obj) {
		const char *section = bpf_program__section_name(program);

		bpf_program__set_autoload(program, !strcmp(section, "tc") || !strncmp(section, "xdp", 3));
	}
	bpf_map__set_max_entries(skeleton->maps.flow_table, (__u32)cpus * SLOTS);
	bpf_map__set_max_entries(skeleton->maps.flow_dirty, fg_dirty_entries((__u32)cpus * SLOTS));
	bpf_map__set_max_entries(skeleton->maps.flow_tags, (__u32)cpus * SLOTS / FG_WAYS);
	bpf_map__set_max_entries(skeleton->maps.conversations, SLOTS);
	bpf_map__set_max_entries(skeleton->maps.totals, (__u32)cpus * FG_IFACE_MAX);
	bpf_map__set_max_entries(skeleton->maps.losses, (__u32)cpus);
	bpf_map__set_max_entries(skeleton->maps.scratch, (__u32)cpus);
	bpf_map__set_max_entries(skeleton->maps.state_ring, STATE_RING_BYTES);
	skeleton->rodata->cfg_slots_per_cpu = SLOTS;
	skeleton->rodata->cfg_slots_mask = SLOTS - 1;
	if (flowglass__load(skeleton))
		die("load");
	skeleton->bss->ifaces[fg_iface_place(1)] = (struct fg_iface_slot){ .kind = FG_LINK_ETHERNET, .ifindex = 1 };
	skeleton->bss->capture.snaplen = 96;
	skeleton->bss->capture.enabled = 1;
	return skeleton;
}

/* What the maps say, all flows together; `settled` = records of displaced ones. */
struct sums {
	struct fg_counters total, flows, settled;
	__u64 unparsed[FG_UNPARSED_REASONS], unparsed_all, lost, stored, stored_packets;
};

static struct flowglass *programs;
static struct sums now;
static const struct fg_slot *table;
static const struct fg_totals *all_totals;
static struct ring_buffer *ring;

static void add(struct fg_counters *to, const struct fg_flow *flow)
{
	for (int i = 0; i < 2; i++) {
		to->packets += flow->direction[i].packets;
		to->bytes += flow->direction[i].bytes;
		to->payload += flow->direction[i].payload;
		to->frames += flow->direction[i].frames;
		to->frame_bytes += flow->direction[i].frame_bytes;
	}
}

static int on_state(void *context, void *data, size_t length)
{
	const struct fg_ring_header *header = data;

	(void)context;
	(void)length;
	if (header->type == FG_FRAME_FLOWS)
		add(&now.settled, &((const struct fg_flow_record *)(header + 1))->flow);
	return 0;
}

static int discard(void *context, void *data, size_t length)
{
	(void)context;
	(void)data;
	(void)length;
	return 0;
}

/* Which slots may have changed is not known here: all of this CPU's are added up. */
static void sum_flows(void)
{
	ring_buffer__consume(ring);
	now.flows = now.settled;
	for (int i = 0; i < SLOTS; i++) {
		const struct fg_slot *slot = &table[cpu * SLOTS + i];

		if (slot->generation)
			add(&now.flows, &slot->flow);
	}
}

static void sum_totals(void)
{
	const struct fg_totals *t = &all_totals[cpu * FG_IFACE_MAX];

	memset(&now.total, 0, sizeof now.total);
	for (int i = 0; i < 2; i++) {
		now.total.packets += t->direction[i].packets;
		now.total.bytes += t->direction[i].bytes;
		now.total.frames += t->direction[i].frames;
		now.total.frame_bytes += t->direction[i].frame_bytes;
	}
	now.unparsed_all = 0;
	for (int i = 0; i < FG_UNPARSED_REASONS; i++)
		now.unparsed_all += now.unparsed[i] = t->unparsed[i];
	now.lost = t->flow_lost_packets;
	now.stored = t->captured_frames + t->lost_frames;
	now.stored_packets = t->captured_packets + t->lost_packets;
}

static void complain(const char *what, const struct frame *f)
{
	printf("{\"wrong\":\"%s\",\"bytes\":\"", what);
	for (unsigned int i = 0; i < f->length; i++)
		printf("%02x", f->bytes[i]);
	printf("\"}\n");
	exit(1);
}

struct entry {
	const char *name;
	struct bpf_program *program;
	bool xdp;
};

/* One packet through one program; `segments` > 0 makes it an offload frame of that many. False = not run: for an skb the
 * kernel's own test run wants a whole IP header behind an EtherType of IP (test/kernel/links.test.ts sends such ones). */
static bool run(const struct entry *entry, const struct frame *f, unsigned int segments)
{
	static unsigned char out[FRAME_MAX + 64];
	struct __sk_buff skb = { .gso_segs = segments, .gso_size = segments ? 100 : 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f->bytes, .data_size_in = f->length, .data_out = out,
		    .data_size_out = sizeof out, .repeat = 1);

	if (!entry->xdp) {
		options.ctx_in = &skb;
		options.ctx_size_in = sizeof skb;
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(entry->program), &options)) {
		if (errno == EINVAL && !entry->xdp && f->length < 54)
			return false;
		complain(strerror(errno), f);
	}
	if (options.retval != (entry->xdp ? 2u : 0xffffffffu))
		complain("another verdict", f);
	if (options.data_size_out != f->length || memcmp(out, f->bytes, f->length))
		complain("it was changed", f);
	return true;
}

static void hostile(const struct entry *entry, int link, unsigned int count)
{
	struct sums before;
	__u64 bytes = 0, wire = 0;

	programs->bss->ifaces[fg_iface_place(1)].kind = (__u8)link;
	sum_totals();
	sum_flows();
	before = now;
	for (unsigned int i = 0; i < count; i++) {
		struct sums last = now;
		struct frame f;
		unsigned int segments;

		segments = !entry->xdp && !any(16) ? 1 + any(40) : 0;
		do {
			good(&f, link);
			if (any(8))
				spoil(&f);
			if (f.length < 14) /* the least that the kernel's own test run takes */
				zeros(&f, 14 - f.length);
		} while (!run(entry, &f, segments));
		sum_totals();
		if (now.total.frames != last.total.frames + 1 || now.total.frame_bytes != last.total.frame_bytes + f.length)
			complain("not counted as one frame of its length", &f);
		if (now.total.packets != last.total.packets + (segments ? segments : 1))
			complain("not counted as the packets that it stands for", &f);
		if (now.stored != last.stored + 1)
			complain("not stored or counted as lost", &f);
		if (now.unparsed_all != last.unparsed_all && now.unparsed_all - last.unparsed_all != (segments ? segments : 1))
			complain("unparsed by more than one reason", &f);
		bytes += f.length;
		wire += segments ? segments : 1;
		if (i % 64 && i + 1 != count)
			continue;
		sum_flows();
		if (now.flows.packets + now.unparsed_all + now.lost != now.total.packets)
			complain("flows, unparsed and lost are not all packets", &f);
		if (now.flows.frame_bytes > now.total.frame_bytes || now.flows.payload > now.flows.frame_bytes)
			complain("more payload than bytes", &f);
	}
	printf("{\"entry\":\"%s\",\"link\":%d,\"sent\":%u,\"packets\":%llu,\"wire\":%llu,\"frameBytes\":%llu,\"bytes\":%llu,"
	       "\"flows\":%llu,\"unparsed\":%llu,\"reasons\":%d,\"lost\":%llu}\n",
	       entry->name, link, count, now.total.packets - before.total.packets, wire,
	       now.total.frame_bytes - before.total.frame_bytes, bytes, now.flows.packets - before.flows.packets,
	       now.unparsed_all - before.unparsed_all,
	       (now.unparsed[0] > 0) + (now.unparsed[1] > 0) + (now.unparsed[2] > 0) + (now.unparsed[3] > 0) +
		       (now.unparsed[4] > 0) + (now.unparsed[5] > 0) + (now.unparsed[6] > 0) + (now.unparsed[7] > 0) +
		       (now.unparsed[8] > 0),
	       now.lost - before.lost);
	fflush(stdout);
}

/* ---- known ones -------------------------------------------------------------------------------------------- */

static void make_known(unsigned int number, struct frame *f)
{
	f->length = 0;
	switch (number) {
	case 0: /* IPv4 that says it is longer than the frame */
		ethernet(f, 0x0800);
		ipv4(f, 17, 500, 0, 0);
		udp(f, 53, 20);
		break;
	case 1: /* a TCP header longer than the packet */
		ethernet(f, 0x0800);
		ipv4(f, 6, 20, 0, 0);
		tcp(f, 16, 0, 0);
		f->bytes[46] = 0xf0;
		break;
	case 2: /* one shorter than a TCP header can be */
		ethernet(f, 0x0800);
		ipv4(f, 6, 20, 0, 0);
		tcp(f, 16, 0, 0);
		f->bytes[46] = 0x10;
		break;
	case 3: /* an IPv4 header of less than its least length */
		ethernet(f, 0x0800);
		ipv4(f, 6, 20, 0, 0);
		tcp(f, 16, 0, 0);
		f->bytes[14] = 0x42;
		break;
	case 4: /* IPv4 whose total length is less than its header */
		ethernet(f, 0x0800);
		ipv4(f, 17, 8, 0, 0);
		udp(f, 53, 0);
		f->bytes[16] = 0;
		f->bytes[17] = 12;
		break;
	case 5: /* an IP version that does not exist */
		ethernet(f, 0x0800);
		ipv4(f, 17, 8, 0, 0);
		udp(f, 53, 0);
		f->bytes[14] = 0x95;
		break;
	case 6: /* IPv6 where the type says IPv4 */
		ethernet(f, 0x0800);
		ipv6(f, 17, 8);
		udp(f, 53, 0);
		break;
	case 7: /* nine extension headers */
		ethernet(f, 0x86dd);
		ipv6(f, 0, 9 * 8 + 20);
		for (int i = 0; i < 9; i++) {
			byte(f, i == 8 ? 6 : 60);
			zeros(f, 7);
		}
		tcp(f, 16, 0, 0);
		break;
	case 8: /* an extension header longer than the packet */
		ethernet(f, 0x86dd);
		ipv6(f, 60, 24);
		byte(f, 6);
		byte(f, 200);
		zeros(f, 22);
		break;
	case 9: /* extension headers without end: each says that another follows */
		ethernet(f, 0x86dd);
		ipv6(f, 60, 400);
		for (int i = 0; i < 50; i++) {
			byte(f, 60);
			zeros(f, 7);
		}
		break;
	case 10: /* three VLAN tags */
		ethernet(f, 0x88a8);
		for (int i = 0; i < 3; i++) {
			two(f, 5);
			two(f, i == 2 ? 0x0800 : 0x8100);
		}
		ipv4(f, 17, 8, 0, 0);
		udp(f, 53, 0);
		break;
	case 11: /* the second tag is cut */
		ethernet(f, 0x88a8);
		two(f, 5);
		two(f, 0x8100);
		byte(f, 0);
		break;
	case 12: /* a later fragment of nothing */
		ethernet(f, 0x0800);
		ipv4(f, 17, 32, 0x2000 | 100, 0);
		f->bytes[18] = 0xee; /* an identification of its own */
		zeros(f, 32);
		break;
	case 13:
		ethernet(f, 0x0806);
		zeros(f, 46);
		break;
	case 14: /* IEEE 802.3: a length */
		ethernet(f, 46);
		zeros(f, 46);
		break;
	case 15:
		ethernet(f, 0x88cc);
		zeros(f, 46);
		break;
	case 16: /* nothing behind the Ethernet header */
		ethernet(f, 0x0800);
		break;
	case 17: /* the IPv6 header is cut */
		ethernet(f, 0x86dd);
		ipv6(f, 17, 8);
		f->length = 14 + 30;
		break;
	}
}

#define KNOWN 18

static void known(const struct entry *entry)
{
	for (unsigned int i = 0; i < KNOWN; i++) {
		struct sums before;
		struct frame f;
		int reason = -1;

		make_known(i, &f);
		sum_totals();
		before = now;
		if (!run(entry, &f, 0))
			continue;
		sum_totals();
		for (int r = 0; r < FG_UNPARSED_REASONS; r++)
			if (now.unparsed[r] != before.unparsed[r])
				reason = r;
		printf("{\"entry\":\"%s\",\"known\":%u,\"reason\":%d}\n", entry->name, i, reason);
	}
}

/* Every packet is of another flow: the table is full at once, then the ring. Nothing is read before the end. */
static void full(const struct entry *entry, unsigned int count)
{
	struct sums before;
	struct frame f = { .length = 0 };

	ethernet(&f, 0x0800);
	ipv4(&f, 17, 8, 0, 0);
	udp(&f, 53, 0);
	sum_totals();
	sum_flows();
	before = now;
	for (unsigned int i = 0; i < count; i++) {
		memcpy(f.bytes + 26, &i, sizeof i);
		f.bytes[29] = 10;
		run(entry, &f, 0);
	}
	sum_totals();
	sum_flows();
	printf("{\"entry\":\"%s\",\"sent\":%u,\"packets\":%llu,\"flows\":%llu,\"lost\":%llu}\n", entry->name, count,
	       now.total.packets - before.total.packets, now.flows.packets - before.flows.packets, now.lost - before.lost);
}

int main(int argc, char **argv)
{
	bool fill = argc > 2 && !strcmp(argv[1], "full");
	unsigned int count = argc > 1 && strcmp(argv[1], "known") ? (unsigned int)strtoul(argv[fill ? 2 : 1], NULL, 10) : 0;
	size_t size;
	cpu_set_t set;

	cpus = libbpf_num_possible_cpus();
	cpu = sched_getcpu();
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof set, &set);
	seed = argc > 2 && !fill ? strtoull(argv[2], NULL, 10) * 2 + 1 : 1;
	programs = load();
	{
		int fd = bpf_map__fd(programs->maps.flow_table), totals = bpf_map__fd(programs->maps.totals);
		size_t page = (size_t)sysconf(_SC_PAGESIZE);

		size = ((size_t)cpus * SLOTS * sizeof(struct fg_slot) + page - 1) / page * page;
		table = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		size = ((size_t)cpus * FG_IFACE_MAX * sizeof(struct fg_totals) + page - 1) / page * page;
		all_totals = mmap(NULL, size, PROT_READ, MAP_SHARED, totals, 0);
		if (table == MAP_FAILED || all_totals == MAP_FAILED)
			die("mmap");
	}
	ring = ring_buffer__new(bpf_map__fd(programs->maps.state_ring), on_state, NULL, NULL);
	if (!ring || ring_buffer__add(ring, bpf_map__fd(programs->maps.event_ring), discard, NULL) ||
	    ring_buffer__add(ring, bpf_map__fd(programs->maps.packet_ring), discard, NULL))
		die("ring buffers");

	const struct entry entries[] = {
		{ "xdp", programs->progs.fg_xdp, true },
		{ "ingress", programs->progs.fg_ingress, false },
		{ "egress", programs->progs.fg_egress, false },
	};
	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
		if (!count) {
			known(&entries[i]);
			continue;
		}
		if (fill) {
			full(&entries[i], count);
			continue;
		}
		hostile(&entries[i], FG_LINK_ETHERNET, count * 3 / 5);
		hostile(&entries[i], FG_LINK_RAW_IP, count * 2 / 5 - 1000);
		hostile(&entries[i], FG_LINK_UNKNOWN, 1000);
	}
	ring_buffer__free(ring);
	flowglass__destroy(programs);
	return 0;
}
