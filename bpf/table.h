/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: one direct-mapped, mmapped array a CPU. Both hooks run with bottom halves off, so a CPU's part has
 * one writer and plain adds are exact; on PREEMPT_RT (cfg_atomics) they are atomic.
 *
 * A flow that needs an occupied slot displaces the resident: its counters go to state_ring as a FINAL record. When the
 * ring is full the resident stays, and the packet is counted in totals.flow_lost_packets.
 */
#ifndef FLOWGLASS_TABLE_H
#define FLOWGLASS_TABLE_H

#include "emit.h"
#include "parse.h"

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

/* Gives the slot to `key`; 0 when its resident could not be handed over. Rare, so not inlined; global, so that it is
 * verified once. */
__noinline int fg_slot_take(__u32 cpu, __u32 index, struct fg_key *key, __u32 epoch, __u32 flags)
{
	__u32 place = cpu * cfg_slots_per_cpu + index, generation;
	struct fg_slot *slot = bpf_map_lookup_elem(&flow_table, &place);

	if (!slot || !key)
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
