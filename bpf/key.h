/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parser finds in a packet, and the flow key: which end is lo, equality, the hash. */
#ifndef FLOWGLASS_KEY_H
#define FLOWGLASS_KEY_H

#include "kernel.h"
#include "maps.h"

enum fg_parsed_kind {
	FG_PARSED_FLOW = 0,
	FG_PARSED_UNPARSED = 1,       /* reason says why */
	FG_PARSED_ICMP_ERROR = 2,     /* key and direction are those of the flow it quotes, travelling back */
	FG_PARSED_LATER_FRAGMENT = 3, /* key has no ports yet */
};

enum fg_parsed_flags {
	FG_PARSED_TIMESTAMP = 1,      /* tsval and tsecr are filled in */
	FG_PARSED_FIRST_FRAGMENT = 2, /* more follow under fragment_id */
	FG_PARSED_ECHO_REQUEST = 4,   /* seq is the echo's sequence number */
	FG_PARSED_ECHO_REPLY = 8,
	FG_PARSED_TURNED = 16,        /* the first payload after the other side's, or of all */
};

/* What is known of who sent a packet that leaves, beside the cookie of its socket. */
enum fg_sender_kind {
	FG_SENDER_KERNEL = 1,    /* this kernel itself */
	FG_SENDER_ELSEWHERE = 2, /* a socket of another network namespace */
};

/* What the parser found. All in host byte order but the addresses in key. */
struct fg_parsed {
	struct fg_key key;
	__u32 seq;
	__u32 ack;
	__u32 tsval;
	__u32 tsecr;
	__u32 payload;       /* of the frame, transport payload; a segmentation offload frame's is all of its segments' */
	__u32 fragment_id;
	__u16 header_length; /* from the frame's start to the payload: what each segment of an offload frame repeats */
	__u16 window;
	__u16 source_port;
	__u16 target_port;
	__u8 direction;      /* enum fg_direction */
	__u8 kind;           /* enum fg_parsed_kind */
	__u8 flags;          /* enum fg_parsed_flags */
	__u8 reason;         /* enum fg_unparsed_reason */
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 sender;         /* enum fg_sender_kind */
};

/* ---- key --------------------------------------------------------------------------------------------------- */

/* The last word of the key is put together in a register and stored as one: the hash and the comparison read it as one,
 * and a load that spans several smaller stores has to wait until all of them, and every store before them, have left for
 * the cache; with many flows that means waiting for the previous packet's misses. */
static __always_inline void fg_key_ports(struct fg_parsed *p, __u16 source, __u16 target, __u16 iface, __u8 protocol,
					 __u8 family)
{
	__u16 lo = p->direction == FG_LO_TO_HI ? source : target, hi = p->direction == FG_LO_TO_HI ? target : source;

	p->source_port = source;
	p->target_port = target;
	((__u64 *)&p->key)[4] = (__u64)family << 56 | (__u64)protocol << 48 | (__u64)iface << 32 | (__u64)hi << 16 | lo;
}

/* Fills key (but iface) and direction. */
static __always_inline void fg_key_ipv4(struct fg_parsed *p, __be32 saddr, __be32 daddr, __u16 source, __u16 target,
					__u8 protocol)
{
	__u64 from = (__u64)bpf_ntohl(saddr) << 16 | source, to = (__u64)bpf_ntohl(daddr) << 16 | target;
	__u64 *key = (__u64 *)&p->key;
	bool swap = from > to;

	p->direction = swap ? FG_HI_TO_LO : FG_LO_TO_HI;
	key[0] = swap ? daddr : saddr;
	key[1] = 0;
	key[2] = swap ? saddr : daddr;
	key[3] = 0;
	fg_key_ports(p, source, target, p->key.iface, protocol, 4);
}

static __always_inline void fg_key_ipv6(struct fg_parsed *p, const __be32 *saddr, const __be32 *daddr, __u16 source,
					__u16 target, __u8 protocol)
{
	const __u64 *s = (const __u64 *)saddr, *d = (const __u64 *)daddr;
	__u64 s0 = s[0], s1 = s[1], d0 = d[0], d1 = d[1];
	__u64 *key = (__u64 *)&p->key;
	bool swap = s0 != d0   ? bpf_be64_to_cpu(s0) > bpf_be64_to_cpu(d0)
		    : s1 != d1 ? bpf_be64_to_cpu(s1) > bpf_be64_to_cpu(d1)
			       : source > target;

	p->direction = swap ? FG_HI_TO_LO : FG_LO_TO_HI;
	key[0] = swap ? d0 : s0;
	key[1] = swap ? d1 : s1;
	key[2] = swap ? s0 : d0;
	key[3] = swap ? s1 : d1;
	fg_key_ports(p, source, target, p->key.iface, protocol, 6);
}

/* Gives a later fragment the ports of its first. */
static __always_inline void fg_key_complete(struct fg_parsed *p, __u16 source, __u16 target)
{
	const __u64 *key = (const __u64 *)&p->key;

	if (key[0] == key[2] && key[1] == key[3] && source > target)
		p->direction = FG_HI_TO_LO; /* a host with itself: the ports alone decide */
	fg_key_ports(p, source, target, p->key.iface, p->key.protocol, p->key.family);
}

static __always_inline bool fg_key_equal(const struct fg_key *a, const struct fg_key *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

/* Low bits choose the place in the tables, high bits are the tag that tells flows at one place apart. Not keyed: who
 * makes flows collide gets them displaced to the ring, counted all the same. */
static __always_inline __u64 fg_key_hash(const struct fg_key *key)
{
	const __u64 *word = (const __u64 *)key;
	__u64 h = word[0] * 0x9e3779b97f4a7c15ULL + word[1] * 0xc2b2ae3d27d4eb4fULL + word[2] * 0x165667b19e3779f9ULL +
		  word[3] * 0xd6e8feb86659fd93ULL + word[4] * 0xff51afd7ed558ccdULL;

	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ULL;
	return h ^ h >> 29;
}

#endif
