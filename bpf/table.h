/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: one mmapped array a CPU. Both hooks run with bottom halves off, so a CPU's part has one writer and
 * plain adds are exact; on PREEMPT_RT (cfg_atomics) they are atomic.
 *
 * The hash chooses FG_WAYS slots that lie together; flow_tags has a byte of the hash for each of them in one word, dense
 * enough to stay in the cache, so a packet touches only the slot that is its own. With 100,000 flows in 131,072 slots
 * one packet in 16 displaces another flow; with one slot for each hash it was one in three.
 *
 * A flow that finds all of them occupied displaces a resident: its counters go to state_ring as a FINAL record. When the
 * ring is full the resident stays, and the packet is counted in totals.flow_lost_packets.
 */
#ifndef FLOWGLASS_TABLE_H
#define FLOWGLASS_TABLE_H

#include "emit.h"
#include "parse.h"

/* Tags of FG_WAYS slots, way 0 in the low byte; 0 = never used. Not more than a hint, as hooks of one CPU may interleave on
 * PREEMPT_RT: the slot says whose it is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024 / FG_WAYS);
	__type(key, __u32);
	__type(value, __u64);
} flow_tags SEC(".maps");

#define FG_EACH_WAY 0x0101010101010101ULL

static __always_inline __u64 fg_way_tag(__u64 hash)
{
	__u64 tag = hash >> 56;

	return tag ? tag : 1;
}

/* The high bit of each byte of `tags` that equals `tag`; above the lowest, which is certain, there may be false ones. */
static __always_inline __u64 fg_ways_of(__u64 tags, __u64 tag)
{
	__u64 differ = tags ^ tag * FG_EACH_WAY;

	return (differ - FG_EACH_WAY) & ~differ & FG_EACH_WAY << 7;
}

/* Number of the lowest byte marked, 0 when none is: a shift by 8 for each way moves that byte of the factor to the top. */
static __always_inline __u32 fg_first_way(__u64 ways)
{
	return ((ways & -ways) >> 7) * 0x0001020304050607ULL >> 56;
}

/* The first slot of those that the hash chooses. */
static __always_inline __u32 fg_first_place(__u32 cpu, __u64 hash)
{
	return cpu * cfg_slots_per_cpu + (hash & cfg_slots_mask & ~(FG_WAYS - 1));
}

/* Where a flow is whose slot the first matching tag does not name, or where it may go. Global, so that it is verified
 * once. */
__noinline __u32 fg_slot_search(__u32 cpu, __u64 hash, struct fg_key *key)
{
	__u32 first = fg_first_place(cpu, hash), set = first / FG_WAYS;
	__u64 *tags = bpf_map_lookup_elem(&flow_tags, &set), ways;

	if (!tags || !key)
		return first;
	ways = fg_ways_of(*tags, fg_way_tag(hash));
	for (__u32 i = 0; i < FG_WAYS && ways; i++) {
		__u32 place = first + fg_first_way(ways);
		struct fg_slot *slot = bpf_map_lookup_elem(&flow_table, &place);

		if (slot && slot->generation && fg_key_equal(&slot->flow.key, key))
			return place;
		ways &= ways - 1;
	}
	ways = fg_ways_of(*tags, 0);
	return first + (ways ? fg_first_way(ways) : bpf_get_prandom_u32() & (FG_WAYS - 1));
}

#define FG_ADD(member, n)                                                                                              \
	do {                                                                                                           \
		if (cfg_atomics)                                                                                       \
			__sync_fetch_and_add(&(member), (n));                                                          \
		else                                                                                                   \
			(member) += (n);                                                                               \
	} while (0)

/* One frame in both units (docs/wire.md, Units). */
struct fg_units {
	__u32 packets; /* wire packets */
	__u32 length;  /* of the frame */
	__u64 bytes;   /* wire bytes */
};

static __always_inline void fg_count(struct fg_counters *c, const struct fg_units *u, __u32 payload)
{
	FG_ADD(c->packets, u->packets);
	FG_ADD(c->bytes, u->bytes);
	if (payload)
		FG_ADD(c->payload, payload);
	FG_ADD(c->frames, 1);
	FG_ADD(c->frame_bytes, u->length);
}

/* Gives a CPU's slot `index` to `key`; 0 when its resident could not be handed over. Rare, so not inlined; global, so that it is
 * verified once. */
__noinline int fg_slot_take(__u32 cpu, __u32 index, struct fg_key *key, __u32 epoch, __u32 flags)
{
	__u32 place = cpu * cfg_slots_per_cpu + index, set = place / FG_WAYS, shift = place % FG_WAYS * 8, generation;
	struct fg_slot *slot = bpf_map_lookup_elem(&flow_table, &place);
	__u64 *tags = bpf_map_lookup_elem(&flow_tags, &set);

	if (!slot || !tags || !key)
		return 0;
	if (slot->generation) {
		struct fg_ring_flow *displaced = bpf_ringbuf_reserve(&state_ring, sizeof *displaced, 0);

		if (!displaced)
			return 0;
		displaced->header.type = FG_FRAME_FLOWS;
		displaced->header.length = sizeof displaced->record;
		displaced->record.cpu = cpu;
		displaced->record.record_flags = FG_RECORD_FINAL;
		displaced->record.slot = index;
		displaced->record.generation = slot->generation;
		displaced->record.reserved = 0;
		__builtin_memcpy(&displaced->record.flow, &slot->flow, sizeof slot->flow);
		bpf_ringbuf_submit(displaced, BPF_RB_NO_WAKEUP);
	}
	*tags = (*tags & ~(0xffULL << shift)) | fg_way_tag(fg_key_hash(key)) << shift;
	generation = slot->generation + 1;
	__sync_fetch_and_add(&slot->seq, 1); /* odd; a full barrier, as the one below */
	slot->generation = generation ? generation : 1;
	__builtin_memset(&slot->flow, 0, sizeof slot->flow);
	slot->flow.key = *key;
	slot->flow.epoch = epoch;
	slot->flow.flags = flags;
	slot->flow.first_ns = bpf_ktime_get_boot_ns();
	__sync_fetch_and_add(&slot->seq, 1);
	return 1;
}

static __always_inline __u32 fg_flow_bits(const struct fg_parsed *p, bool egress)
{
	__u32 bits = 0;

	if (p->kind != FG_PARSED_ICMP_ERROR)
		bits |= egress ? FG_FLOW_EGRESS_LO : FG_FLOW_INGRESS_LO;
	if (p->tcp_flags & TCPHDR_SYN)
		bits |= p->tcp_flags & TCPHDR_ACK ? FG_FLOW_SYNACK_LO : FG_FLOW_SYN_LO;
	if (p->tcp_flags & TCPHDR_FIN)
		bits |= FG_FLOW_FIN_LO;
	if (p->tcp_flags & TCPHDR_RST)
		bits |= FG_FLOW_RST_LO;
	return bits << p->direction;
}

/* Tells the reader that this slot changed. After the counters, and always stored: a store that was left out because
 * the byte is set already could be seen before the counters. */
static __always_inline void fg_slot_dirty(__u32 place)
{
	__u32 element = place / (FG_DIRTY_GROUP * FG_DIRTY_BYTES);
	struct fg_dirty *dirty = bpf_map_lookup_elem(&flow_dirty, &element);

	barrier();
	if (dirty)
		*(volatile __u8 *)&dirty->group[place / FG_DIRTY_GROUP % FG_DIRTY_BYTES] = 1;
}

#endif
