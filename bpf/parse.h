/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one packet parser, link layer to transport, for every hook.
 *
 * fg_parse_fast reads the common case in place with constant offsets: Ethernet or raw IP, IPv4 without options or IPv6
 * without extensions, TCP or UDP, not fragmented, headers in the linear area. Anything else goes to fg_parse_slow over
 * a copy of the first FG_HEAD_BYTES, which is complete: VLAN and QinQ, IP options, extension headers, fragments, ICMP
 * with what it quotes, and tunnels as far as segmentation offload needs them. Both only read.
 */
#ifndef FLOWGLASS_PARSE_H
#define FLOWGLASS_PARSE_H

#include "headers.h"
#include "kernel.h"
#include "maps.h"

#define FG_HEAD_BYTES 512      /* bytes that the slow path looks at, a power of two */
#define FG_HEADER_MAX 64       /* the longest piece it takes at once */
#define FG_VLAN_TAGS_MAX 2
#define FG_EXTENSIONS_MAX 8    /* IPv6 extension headers followed */

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
	__u8 reserved;
};

struct fg_head {
	__u8 bytes[FG_HEAD_BYTES + FG_HEADER_MAX];
};

/* ---- key --------------------------------------------------------------------------------------------------- */

static __always_inline void fg_key_ports(struct fg_parsed *p, __u16 source, __u16 target)
{
	p->source_port = source;
	p->target_port = target;
	p->key.lo_port = p->direction == FG_LO_TO_HI ? source : target;
	p->key.hi_port = p->direction == FG_LO_TO_HI ? target : source;
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
	fg_key_ports(p, source, target);
	p->key.protocol = protocol;
	p->key.family = 4;
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
	fg_key_ports(p, source, target);
	p->key.protocol = protocol;
	p->key.family = 6;
}

/* Gives a later fragment the ports of its first. */
static __always_inline void fg_key_complete(struct fg_parsed *p, __u16 source, __u16 target)
{
	const __u64 *key = (const __u64 *)&p->key;

	if (key[0] == key[2] && key[1] == key[3] && source > target)
		p->direction = FG_HI_TO_LO; /* a host with itself: the ports alone decide */
	fg_key_ports(p, source, target);
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

/* ---- transport --------------------------------------------------------------------------------------------- */

/* Timestamps where RFC 7323, appendix A, and the common stacks put them: after two NOPs at the start, and in a SYN
 * after MSS and SACK-permitted (Linux) or MSS, NOP and window scale (BSD, macOS). `room` = bytes of options. */
static __always_inline void fg_parse_timestamp(const struct tcphdr *tcp, __u32 room, struct fg_parsed *p)
{
	const __be32 nop_nop_timestamp = bpf_htonl(0x0101080a), sack_timestamp = bpf_htonl(0x0402080a);
	const __be32 *value = NULL;

	if (room >= 12 && tcp->options[0] == nop_nop_timestamp)
		value = &tcp->options[1];
	else if (room >= 16 && p->tcp_flags & TCPHDR_SYN && tcp->options[1] == sack_timestamp)
		value = &tcp->options[2];
	else if (room >= 20 && p->tcp_flags & TCPHDR_SYN && tcp->options[2] == nop_nop_timestamp)
		value = &tcp->options[3];
	if (!value)
		return;
	p->tsval = bpf_ntohl(value[0]);
	p->tsecr = bpf_ntohl(value[1]);
	p->flags |= FG_PARSED_TIMESTAMP;
}

static __always_inline void fg_parse_tcp(const struct tcphdr *tcp, struct fg_parsed *p)
{
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack_seq);
	p->window = bpf_ntohs(tcp->window);
	p->tcp_flags = tcp->flags;
}

/* True when the packet was the common case; p is then complete but for key.iface. p must be zero. `frame` = bytes from
 * data on, also those that are not in the linear area; `gso` = segmentation offload frame. */
static __always_inline bool fg_parse_fast(void *data, void *data_end, bool ethernet, __u32 frame, bool gso,
					  struct fg_parsed *p)
{
	struct ethhdr *eth = data;
	void *network = data;
	__u32 link = 0, transport, length;
	__u16 source, target;
	__u8 protocol;
	bool ipv4;
	void *l4;

	if (ethernet) {
		network = data + ETH_HLEN;
		link = ETH_HLEN;
	}
	if (network + IPV4_HLEN + UDP_HLEN > data_end)
		return false;
	ipv4 = *(__u8 *)network == 0x45;
	if (ipv4) {
		struct iphdr *ip = network;

		if (ethernet && eth->h_proto != bpf_htons(ETH_P_IP))
			return false;
		if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
			return false;
		protocol = ip->protocol;
		length = bpf_ntohs(ip->tot_len);
		if (!length && gso) /* BIG TCP */
			length = frame - link;
		if (length < IPV4_HLEN + UDP_HLEN || link + length > frame)
			return false;
		length -= IPV4_HLEN;
		transport = link + IPV4_HLEN;
		l4 = network + IPV4_HLEN;
	} else {
		struct ipv6hdr *ip = network;

		if (network + IPV6_HLEN + UDP_HLEN > data_end || *(__u8 *)network >> 4 != 6)
			return false;
		if (ethernet && eth->h_proto != bpf_htons(ETH_P_IPV6))
			return false;
		protocol = ip->nexthdr;
		length = bpf_ntohs(ip->payload_len);
		if (!length && gso)
			length = frame - link - IPV6_HLEN;
		if (length < UDP_HLEN || link + IPV6_HLEN + length > frame)
			return false;
		transport = link + IPV6_HLEN;
		l4 = network + IPV6_HLEN;
	}
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;
		__u32 header;

		if (l4 + TCP_HLEN > data_end)
			return false;
		header = tcp->doff >> 4 << 2;
		if (header < TCP_HLEN || header > length)
			return false;
		fg_parse_tcp(tcp, p);
		/* Nearly every segment carries 12 bytes of options, nearly every SYN 20. */
		if (p->tcp_flags & TCPHDR_SYN && header > TCP_HLEN) {
			if (header != TCP_HLEN + 20 || l4 + TCP_HLEN + 20 > data_end)
				return false;
			fg_parse_timestamp(tcp, 20, p);
		} else if (header >= TCP_HLEN + 12) {
			if (l4 + TCP_HLEN + 12 > data_end)
				return false;
			fg_parse_timestamp(tcp, 12, p);
		}
		source = bpf_ntohs(tcp->source);
		target = bpf_ntohs(tcp->dest);
		p->header_length = transport + header;
		p->payload = length - header;
	} else if (protocol == IPPROTO_UDP && !gso) { /* an offload frame may be a tunnel */
		struct udphdr *udp = l4;

		source = bpf_ntohs(udp->source);
		target = bpf_ntohs(udp->dest);
		p->header_length = transport + UDP_HLEN;
		p->payload = length - UDP_HLEN;
	} else {
		return false;
	}
	if (ipv4)
		fg_key_ipv4(p, ((struct iphdr *)network)->saddr, ((struct iphdr *)network)->daddr, source, target, protocol);
	else
		fg_key_ipv6(p, ((struct ipv6hdr *)network)->saddr, ((struct ipv6hdr *)network)->daddr, source, target,
			    protocol);
	return true;
}

/* ---- everything else --------------------------------------------------------------------------------------- */

struct fg_cursor {
	struct fg_head *head;
	__u32 length; /* bytes in head */
	__u32 frame;  /* bytes in the frame */
};

/* `need` bytes (at most FG_HEADER_MAX) at an offset, or NULL. The mask is for the verifier of 6.1, which follows paths
 * on which the bounds it knows contradict each other; the barrier keeps clang from leaving it out. */
static __always_inline void *fg_at(const struct fg_cursor *c, __u32 offset, __u32 need)
{
	if (offset > FG_HEAD_BYTES - FG_HEADER_MAX || offset + need > c->length)
		return NULL;
	barrier_var(offset);
	return c->head->bytes + (offset & (FG_HEAD_BYTES - 1));
}

static __always_inline int fg_unparsed(struct fg_parsed *p, __u8 reason)
{
	p->kind = FG_PARSED_UNPARSED;
	p->reason = reason;
	return 0;
}

/* Why fg_at gave nothing: the frame ends, or the headers go on beyond what we copy. */
static __always_inline int fg_unparsed_short(struct fg_parsed *p, const struct fg_cursor *c)
{
	return fg_unparsed(p, c->length == c->frame ? FG_UNPARSED_TRUNCATED : FG_UNPARSED_IPV6_EXTENSION);
}

static __always_inline bool fg_has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_UDPLITE || protocol == IPPROTO_DCCP;
}

static __always_inline bool fg_icmp_is_error(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_ICMPV6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

static __always_inline bool fg_icmp_is_echo(__u8 protocol, __u8 type)
{
	return protocol == IPPROTO_ICMPV6 ? type == ICMPV6_ECHO_REQUEST || type == ICMPV6_ECHO_REPLY
					  : type == ICMP_ECHO || type == ICMP_ECHOREPLY;
}

/* Ports of a quoted packet (or its echo identifier) from the eight bytes of its transport header. */
static __always_inline bool fg_quoted_ports(const struct fg_cursor *c, __u32 offset, __u8 protocol, __u16 *source,
					    __u16 *target)
{
	struct icmphdr *icmp = fg_at(c, offset, 8);

	*source = *target = 0;
	if (!icmp)
		return false;
	if (fg_has_ports(protocol)) {
		struct udphdr *udp = (void *)icmp;

		*source = bpf_ntohs(udp->source);
		*target = bpf_ntohs(udp->dest);
	} else if ((protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) && fg_icmp_is_echo(protocol, icmp->type)) {
		*source = *target = bpf_ntohs(icmp->id);
	}
	return true;
}

/* Turns p into an error of the flow whose packet is quoted at `offset`; it stays an ICMP flow of its own when the quote
 * does not name a flow. An error travels against the packet it quotes. */
static __always_inline void fg_parse_quote(const struct fg_cursor *c, __u32 offset, bool ipv4, struct fg_parsed *p)
{
	__u16 source, target;

	if (ipv4) {
		struct iphdr *ip = fg_at(c, offset, IPV4_HLEN);
		__u32 header;

		if (!ip || ip->version_ihl >> 4 != 4 || ip->frag_off & bpf_htons(IP_OFFSET))
			return;
		header = (ip->version_ihl & 15) * 4;
		if (header < IPV4_HLEN || !fg_quoted_ports(c, offset + header, ip->protocol, &source, &target))
			return;
		fg_key_ipv4(p, ip->daddr, ip->saddr, target, source, ip->protocol);
	} else {
		struct ipv6hdr *ip = fg_at(c, offset, IPV6_HLEN);
		__u32 transport = offset + IPV6_HLEN;
		__u8 protocol;

		if (!ip || ip->version_class >> 4 != 6)
			return;
		protocol = ip->nexthdr;
		if (protocol == IPPROTO_FRAGMENT) {
			struct ipv6_fragment *fragment = fg_at(c, transport, sizeof *fragment);

			if (!fragment || fragment->frag_off & bpf_htons(IP6_OFFSET))
				return;
			protocol = fragment->nexthdr;
			transport += sizeof *fragment;
		}
		if (!fg_quoted_ports(c, transport, protocol, &source, &target))
			return;
		fg_key_ipv6(p, ip->daddr, ip->saddr, target, source, protocol);
	}
	p->kind = FG_PARSED_ICMP_ERROR;
	p->payload = 0;
}

/* Where the payload of a tunnelled packet begins, 0 = not a tunnel that we know. An offload frame repeats the inner
 * headers with every segment too. */
static __always_inline __u32 fg_tunnel_payload(const struct fg_cursor *c, __u32 offset, __u8 protocol, __u16 target)
{
	__be16 inner = 0;
	__u8 *at;

	if (protocol == IPPROTO_GRE) {
		at = fg_at(c, offset, GRE_HLEN);
		if (!at)
			return 0;
		inner = ((__be16 *)at)[1];
		offset += GRE_HLEN + (at[0] & 0x80 ? 4 : 0) + (at[0] & 0x20 ? 4 : 0) + (at[0] & 0x10 ? 4 : 0);
	} else if (protocol == IPPROTO_UDP && (target == VXLAN_PORT || target == VXLAN_PORT_LINUX)) {
		inner = bpf_htons(ETH_P_TEB);
		offset += UDP_HLEN + VXLAN_HLEN;
	} else if (protocol == IPPROTO_UDP && target == GENEVE_PORT) {
		at = fg_at(c, offset, UDP_HLEN + GENEVE_HLEN);
		if (!at)
			return 0;
		inner = ((__be16 *)at)[UDP_HLEN / 2 + 1];
		offset += UDP_HLEN + GENEVE_HLEN + (at[UDP_HLEN] & 0x3f) * 4;
	} else if (protocol != IPPROTO_IPIP && protocol != IPPROTO_IPV6) {
		return 0;
	}
	if (inner == bpf_htons(ETH_P_TEB))
		offset += ETH_HLEN;
	at = fg_at(c, offset, IPV4_HLEN);
	if (!at)
		return 0;
	if (at[0] >> 4 == 4) {
		protocol = ((struct iphdr *)at)->protocol;
		offset += (at[0] & 15) * 4;
	} else if (at[0] >> 4 == 6) {
		protocol = ((struct ipv6hdr *)at)->nexthdr;
		offset += IPV6_HLEN;
	} else {
		return 0;
	}
	at = fg_at(c, offset, TCP_HLEN);
	if (!at)
		return 0;
	return protocol == IPPROTO_TCP ? offset + (((struct tcphdr *)at)->doff >> 4 << 2)
	       : protocol == IPPROTO_UDP ? offset + UDP_HLEN
					 : 0;
}

/* Ports, header length and what else the transport header says; the rest of the key follows in the caller. */
static __always_inline int fg_parse_transport(const struct fg_cursor *c, __u32 offset, __u32 length, bool ipv4,
					      __u8 protocol, struct fg_parsed *p)
{
	__u32 header = 0;

	if (fg_has_ports(protocol)) {
		struct tcphdr *tcp = fg_at(c, offset, UDP_HLEN);

		if (!tcp)
			return fg_unparsed_short(p, c);
		p->source_port = bpf_ntohs(tcp->source);
		p->target_port = bpf_ntohs(tcp->dest);
		header = protocol == IPPROTO_SCTP ? SCTP_HLEN : UDP_HLEN;
		if (protocol == IPPROTO_DCCP)
			header = ((__u8 *)tcp)[4] * 4;
		if (protocol == IPPROTO_TCP) {
			if (!fg_at(c, offset, TCP_HLEN))
				return fg_unparsed_short(p, c);
			header = tcp->doff >> 4 << 2;
			if (header < TCP_HLEN)
				return fg_unparsed(p, FG_UNPARSED_TRUNCATED);
			fg_parse_tcp(tcp, p);
			if (fg_at(c, offset, header))
				fg_parse_timestamp(tcp, header - TCP_HLEN, p);
		}
	} else if (protocol == (ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		struct icmphdr *icmp = fg_at(c, offset, ICMP_HLEN);

		if (!icmp)
			return fg_unparsed_short(p, c);
		header = ICMP_HLEN;
		p->icmp_type = icmp->type;
		p->icmp_code = icmp->code;
		if (fg_icmp_is_echo(protocol, icmp->type)) {
			p->source_port = p->target_port = bpf_ntohs(icmp->id);
			p->seq = bpf_ntohs(icmp->sequence);
			p->flags |= icmp->type == ICMP_ECHO || icmp->type == ICMPV6_ECHO_REQUEST ? FG_PARSED_ECHO_REQUEST
												 : FG_PARSED_ECHO_REPLY;
		}
	}
	if (header > length)
		return fg_unparsed(p, FG_UNPARSED_TRUNCATED);
	p->header_length = offset + header;
	p->payload = length - header;
	return 0;
}

/* The complete parser. `length` = bytes in head, `frame` = bytes in the frame, `kind` = enum fg_link_kind,
 * `gso` = segmentation offload frame. p must be zero; key.iface stays as it is. Global: verified once a program. */
__noinline int fg_parse_slow(struct fg_head *head, __u64 length_frame, __u32 kind, __u32 gso, struct fg_parsed *p)
{
	struct fg_cursor c = {head, (__u32)(length_frame >> 32), (__u32)length_frame};
	__u32 network = 0, transport, length;
	__u16 type = 0;
	__u8 protocol, later = 0;
	bool ipv4;
	__u8 *at;

	if (!head || !p)
		return 0;
	if (kind == FG_LINK_ETHERNET) {
		at = fg_at(&c, 0, ETH_HLEN);
		if (!at)
			return fg_unparsed(p, FG_UNPARSED_TRUNCATED);
		type = bpf_ntohs(((struct ethhdr *)at)->h_proto);
		network = ETH_HLEN;
		for (int tags = 0; tags < FG_VLAN_TAGS_MAX; tags++) {
			if (type != ETH_P_8021Q && type != ETH_P_8021AD && type != ETH_P_QINQ1)
				break;
			at = fg_at(&c, network, VLAN_HLEN);
			if (!at)
				return fg_unparsed(p, FG_UNPARSED_TRUNCATED);
			type = bpf_ntohs(((__be16 *)at)[1]);
			network += VLAN_HLEN;
		}
		if (type == ETH_P_8021Q || type == ETH_P_8021AD || type == ETH_P_QINQ1)
			return fg_unparsed(p, FG_UNPARSED_VLAN);
		if (type == ETH_P_ARP)
			return fg_unparsed(p, FG_UNPARSED_ARP);
		if (type < ETH_P_802_3_MIN)
			return fg_unparsed(p, FG_UNPARSED_LLC);
		if (type != ETH_P_IP && type != ETH_P_IPV6)
			return fg_unparsed(p, FG_UNPARSED_ETHERTYPE);
	} else if (kind != FG_LINK_RAW_IP) {
		return fg_unparsed(p, FG_UNPARSED_LINK_TYPE);
	}
	at = fg_at(&c, network, IPV4_HLEN);
	if (!at)
		return fg_unparsed_short(p, &c);
	ipv4 = at[0] >> 4 == 4;
	if ((!ipv4 && at[0] >> 4 != 6) || (type && ipv4 != (type == ETH_P_IP)))
		return fg_unparsed(p, FG_UNPARSED_IP_HEADER);
	if (ipv4) {
		struct iphdr *ip = (void *)at;
		__u32 header = (ip->version_ihl & 15) * 4;
		__u16 fragment = bpf_ntohs(ip->frag_off);

		length = bpf_ntohs(ip->tot_len);
		if (!length && gso) /* BIG TCP */
			length = c.frame - network;
		if (header < IPV4_HLEN || length < header)
			return fg_unparsed(p, FG_UNPARSED_IP_HEADER);
		if (network + length > c.frame)
			return fg_unparsed(p, FG_UNPARSED_TRUNCATED);
		protocol = ip->protocol;
		transport = network + header;
		length -= header;
		p->fragment_id = bpf_ntohs(ip->id);
		later = (fragment & IP_OFFSET) != 0;
		if (fragment & IP_MF && !later)
			p->flags |= FG_PARSED_FIRST_FRAGMENT;
	} else {
		struct ipv6hdr *ip = fg_at(&c, network, IPV6_HLEN);

		if (!ip)
			return fg_unparsed_short(p, &c);
		length = bpf_ntohs(ip->payload_len);
		protocol = ip->nexthdr;
		transport = network + IPV6_HLEN;
		if (!length && (gso || protocol == IPPROTO_HOPOPTS)) /* BIG TCP, jumbogram */
			length = c.frame - transport;
		if (transport + length > c.frame)
			return fg_unparsed(p, FG_UNPARSED_TRUNCATED);
		/* Unrolled: clang would enter the loop in its middle, a back-edge that 6.1 refuses. */
#pragma clang loop unroll(full)
		for (int i = 0; i <= FG_EXTENSIONS_MAX; i++) {
			__u32 header;

			if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING && protocol != IPPROTO_DSTOPTS &&
			    protocol != IPPROTO_FRAGMENT && protocol != IPPROTO_AH)
				break;
			if (later) /* the rest of a later fragment is not headers */
				break;
			if (i == FG_EXTENSIONS_MAX)
				return fg_unparsed(p, FG_UNPARSED_IPV6_EXTENSION);
			at = fg_at(&c, transport, 8);
			if (!at)
				return fg_unparsed_short(p, &c);
			header = protocol == IPPROTO_FRAGMENT ? 8 : protocol == IPPROTO_AH ? (at[1] + 2) * 4 : (at[1] + 1) * 8;
			if (protocol == IPPROTO_FRAGMENT) {
				struct ipv6_fragment *fragment = (void *)at;

				p->fragment_id = bpf_ntohl(fragment->identification);
				later = (fragment->frag_off & bpf_htons(IP6_OFFSET)) != 0;
				if (fragment->frag_off & bpf_htons(IP6_MF) && !later)
					p->flags |= FG_PARSED_FIRST_FRAGMENT;
			}
			if (header > length)
				return fg_unparsed(p, FG_UNPARSED_TRUNCATED);
			protocol = at[0];
			transport += header;
			length -= header;
		}
	}
	if (later) {
		p->kind = FG_PARSED_LATER_FRAGMENT;
		p->payload = length;
		p->header_length = transport;
	} else {
		fg_parse_transport(&c, transport, length, ipv4, protocol, p);
		if (p->kind == FG_PARSED_UNPARSED)
			return 0;
	}
	at = fg_at(&c, network, ipv4 ? IPV4_HLEN : IPV6_HLEN);
	if (!at)
		return fg_unparsed_short(p, &c);
	if (ipv4)
		fg_key_ipv4(p, ((struct iphdr *)at)->saddr, ((struct iphdr *)at)->daddr, p->source_port, p->target_port,
			    protocol);
	else
		fg_key_ipv6(p, ((struct ipv6hdr *)at)->saddr, ((struct ipv6hdr *)at)->daddr, p->source_port, p->target_port,
			    protocol);
	if (later)
		return 0;
	if (protocol == (ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) && fg_icmp_is_error(protocol, p->icmp_type))
		fg_parse_quote(&c, transport + ICMP_HLEN, ipv4, p);
	if (gso) {
		__u32 payload = fg_tunnel_payload(&c, transport, protocol, p->target_port);

		if (payload > p->header_length)
			p->header_length = payload;
	}
	return 0;
}

#endif
