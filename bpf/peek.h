/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Looking at payload: the first bytes of each direction of a flow go to peek_ring, and what they are decides whether
 * more is worth a look. A flow whose beginning has passed costs one comparison of a counter that is at hand anyway; it
 * is looked at again only where requests and answers are in the clear (each turn), or in DNS (each datagram). The
 * counter is a CPU's own: a flow that moves to another CPU is looked at there once more.
 */
#ifndef FLOWGLASS_PEEK_H
#define FLOWGLASS_PEEK_H

#include "conversation.h"
#include "copy.h"

struct fg_peek_head {
	__u8 bytes[16];
};

struct fg_peek_record {
	struct fg_peek peek;
	union {
		struct fg_peek_head head;
		__u8 bytes[FG_PEEK_BYTES];
	};
};

/* Where a peek is put together before it goes to the ring at its true length. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fg_peek_record);
} peeks SEC(".maps");

/* Is this packet, which has been counted, worth a look? Global: one path for the verifier. */
__noinline int fg_peek_wanted(struct fg_flow *flow, struct fg_parsed *p)
{
	__u64 before;

	if (!flow || !p || p->kind != FG_PARSED_FLOW)
		return 0;
	if (p->key.protocol != IPPROTO_TCP && p->key.protocol != IPPROTO_UDP)
		return 0;
	before = flow->direction[p->direction & 1].payload - p->payload;
	if (before < FG_PEEK_BYTES || flow->flags & FG_FLOW_PEEK_ALL)
		return 1;
	return p->flags & FG_PARSED_TURNED && (before < FG_PEEK_TURNS_UNTIL || flow->flags & FG_FLOW_PEEK_TURNS);
}

static __always_inline bool fg_starts(const struct fg_peek_head *head, const char *word, __u32 length)
{
	for (__u32 i = 0; i < length; i++)
		if (head->bytes[i] != (__u8)word[i])
			return false;
	return true;
}

#define FG_STARTS(head, word) fg_starts(head, word, sizeof(word) - 1)

/* A DNS header (RFC 1035, 4.1.1): opcode 0, reserved bit 0, one question (multicast answers have none), few records. */
static __always_inline bool fg_is_dns(const struct fg_peek_head *head, __u32 at)
{
	const __u8 *b = head->bytes + at;

	return !(b[2] & 0x78) && !(b[3] & 0x40) && !b[4] && b[5] <= 1 && !b[6] && !b[8] && !b[10] && b[5] + b[7] > 0;
}

/* Bits of a flow with these first bytes. May only find too much: what it is, the engine decides. Global: verified once. */
__noinline __u32 fg_peek_class(struct fg_peek_head *head, __u32 protocol, __u32 length)
{
	const __u8 *b;

	if (!head)
		return 0;
	b = head->bytes;
	if (protocol == IPPROTO_UDP)
		return length >= 17 && fg_is_dns(head, 0) ? FG_FLOW_PEEK_ALL : 0;
	if (FG_STARTS(head, "HTTP/1.") || FG_STARTS(head, "GET ") || FG_STARTS(head, "POST ") ||
	    FG_STARTS(head, "PUT ") || FG_STARTS(head, "HEAD ") || FG_STARTS(head, "DELETE ") ||
	    FG_STARTS(head, "PATCH ") || FG_STARTS(head, "OPTIONS ") || FG_STARTS(head, "PRI * HTTP/2"))
		return FG_FLOW_PEEK_TURNS;
	if (length >= 19 && b[0] < 16 && (((__u32)b[0] << 8 | b[1]) + 2 == length) && fg_is_dns(head, 2))
		return FG_FLOW_PEEK_TURNS;
	if (b[0] == '*' && b[1] >= '1' && b[1] <= '9' && (b[2] == '\r' || b[3] == '\r')) /* Redis: an array of strings */
		return FG_FLOW_PEEK_TURNS;
	if (length >= 8 && !b[0] && !b[1] && ((!b[4] && b[5] == 3 && !b[6]) || (b[4] == 4 && b[5] == 0xd2))) /* PostgreSQL */
		return FG_FLOW_PEEK_TURNS;
	if (length >= 16 && !b[2] && !b[3] && b[4] == 10 && b[5] >= '3' && b[5] <= '9') /* MySQL: the server's greeting */
		return FG_FLOW_PEEK_TURNS;
	return 0;
}

/* Hands over the payload's beginning; the bits that the flow has from it. `frame` = bytes of the frame. */
static __always_inline __u32 fg_peek(void *ctx, bool xdp, const struct fg_moment *m, __u32 frame, __u64 cookie)
{
	const struct fg_parsed *p = m->p;
	__u32 cpu = bpf_get_smp_processor_id(), offset = p->header_length, length = p->payload;
	struct fg_peek_record *r = bpf_map_lookup_elem(&peeks, &cpu);

	if (!r || frame <= offset)
		return 0;
	if (length > frame - offset)
		length = frame - offset;
	if (length > FG_PEEK_BYTES)
		length = FG_PEEK_BYTES;
	if (length < 1)
		return 0;
	__builtin_memset(&r->head, 0, sizeof r->head);
	r->peek.at_ns = m->now;
	r->peek.cookie = cookie;
	r->peek.sequence = p->seq + !!(p->tcp_flags & TCPHDR_SYN); /* the SYN takes one itself (RFC 7413: data may come with it) */
	r->peek.payload = p->payload;
	r->peek.captured = length;
	r->peek.flags = (p->direction == FG_HI_TO_LO ? FG_PEEK_HI_TO_LO : 0) |
			(p->flags & FG_PARSED_TURNED ? FG_PEEK_TURN : 0) | (m->egress ? FG_PEEK_EGRESS : 0);
	r->peek.epoch = m->epoch;
	r->peek.key = p->key;
	length = fg_bounded(length, FG_PEEK_BYTES);
	if (xdp ? bpf_xdp_load_bytes(ctx, offset, r->bytes, length) : bpf_skb_load_bytes(ctx, offset, r->bytes, length))
		return 0;
	if (bpf_ringbuf_output(&peek_ring, r, sizeof r->peek + length, BPF_RB_NO_WAKEUP)) {
		struct fg_ring_losses *l = fg_losses();

		if (l)
			__sync_fetch_and_add(&l->peeks, 1);
	}
	return fg_peek_class(&r->head, p->key.protocol, p->payload);
}

#endif
