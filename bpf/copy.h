/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Copying packets to packet_ring while recording: the filter, the scratch space, the record. */
#ifndef FLOWGLASS_COPY_H
#define FLOWGLASS_COPY_H

#include "emit.h"
#include "parse.h"

/* Where a packet's head is copied for the slow parser, and a record is put together before it goes to the ring at its
 * true length. Bottom halves are off, so one a CPU is enough. A plain array: per-CPU values may not exceed 32 KiB. */
struct fg_scratch {
	struct fg_packet packet;
	__u8 bytes[FG_SCRATCH_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fg_scratch);
} scratch SEC(".maps");

/* Is an address within a rule's prefix? Both in network order, IPv4 in the first four bytes. */
static __always_inline bool fg_within(const __u8 *address, const struct fg_rule *rule)
{
	const __be32 *a = (const __be32 *)address, *b = (const __be32 *)rule->address;

	for (__u32 word = 0; word < 4; word++) {
		__u32 bits = rule->prefix_length > word * 32 ? rule->prefix_length - word * 32 : 0;

		if (!bits)
			return true;
		if (bpf_ntohl(a[word] ^ b[word]) >> (bits < 32 ? 32 - bits : 0))
			return false;
	}
	return true;
}

static __always_inline bool fg_rule_matches(const struct fg_rule *rule, const struct fg_parsed *p)
{
	const struct fg_key *key = &p->key;
	__u32 fields = rule->fields;

	if (fields & FG_RULE_IFACE && rule->iface != key->iface)
		return false;
	if (!(fields & (FG_RULE_PROTOCOL | FG_RULE_FAMILY | FG_RULE_ADDRESS | FG_RULE_PORT)))
		return true;
	if (p->kind == FG_PARSED_UNPARSED)
		return false;
	if (fields & FG_RULE_PROTOCOL && rule->protocol != key->protocol)
		return false;
	if (fields & (FG_RULE_FAMILY | FG_RULE_ADDRESS) && rule->family && rule->family != key->family)
		return false;
	if (fields & FG_RULE_PORT && (key->lo_port < rule->port_from || key->lo_port > rule->port_to) &&
	    (key->hi_port < rule->port_from || key->hi_port > rule->port_to))
		return false;
	return !(fields & FG_RULE_ADDRESS) || fg_within(key->lo_address, rule) || fg_within(key->hi_address, rule);
}

/* Does the kernel's part of the filter let this packet through? It may only let through too much. Global: verified
 * once a program, not at each of 64 rules. */
__noinline int fg_wanted(struct fg_parsed *p)
{
	__u32 count = capture.rule_count;

	if (!p)
		return 0;
	if (!count)
		return 1;
	for (__u32 i = 0; i < FG_RULES_MAX; i++) {
		if (i >= count)
			break;
		if (fg_rule_matches(&rules[i], p))
			return 1;
	}
	return 0;
}

/* Is it known that this flow's packets are not wanted? Asked while there are such flows only: 5 ns. */
static __always_inline bool fg_unwanted(const struct fg_parsed *p, __u32 epoch)
{
	const struct fg_command_verdict *verdict = &verdicts[fg_verdict_place(epoch, p->key.iface) & (FG_VERDICTS - 1)];

	return p->kind != FG_PARSED_UNPARSED && verdict->unwanted && verdict->epoch == epoch &&
	       fg_key_equal(&verdict->key, &p->key);
}

static __always_inline long fg_load_bytes(void *ctx, bool xdp, void *to, __u32 length)
{
	return xdp ? bpf_xdp_load_bytes(ctx, 0, to, length) : bpf_skb_load_bytes(ctx, 0, to, length);
}

/* Hands over one record; what it is and whose, is in `s->packet` already. */
static __always_inline void fg_copy(void *ctx, bool xdp, struct fg_scratch *s, struct fg_totals *t)
{
	__u32 snaplen = capture.snaplen, length = s->packet.original;

	if (snaplen && length > snaplen)
		length = snaplen;
	if (length > FG_SCRATCH_BYTES)
		length = FG_SCRATCH_BYTES;
	if (length < 1)
		return;
	s->packet.captured = length;
	/* Numbers count what was lost too. Only this CPU writes them. */
	s->packet.sequence = t->captured_frames + t->lost_frames;
	length = fg_bounded(length, FG_SCRATCH_BYTES);
	if (!fg_load_bytes(ctx, xdp, s->bytes, length) &&
	    !bpf_ringbuf_output(&packet_ring, s, sizeof s->packet + length, BPF_RB_NO_WAKEUP)) {
		t->captured_frames += 1;
		t->captured_packets += s->packet.wire_packets;
	} else {
		struct fg_ring_losses *l = fg_losses();

		t->lost_frames += 1;
		t->lost_packets += s->packet.wire_packets;
		if (l)
			__sync_fetch_and_add(&l->packets, 1);
	}
}

#endif
