/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The complete parser, over a copy of the packet's head; see parse.h. */
#ifndef FLOWGLASS_PARSE_SLOW_H
#define FLOWGLASS_PARSE_SLOW_H

#include "parse.h"

#define FG_HEAD_BYTES 512      /* bytes that the slow path looks at, a power of two */
#define FG_HEADER_MAX 64       /* the longest piece it takes at once */
#define FG_VLAN_TAGS_MAX 2
#define FG_LINK_TAGGED 256     /* beside enum fg_link_kind: one tag is in the skb's metadata, not in the bytes */
#define FG_EXTENSIONS_MAX 8    /* IPv6 extension headers followed */

struct fg_head {
	__u8 bytes[FG_HEAD_BYTES + FG_HEADER_MAX];
};

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

/* The complete parser. `length` = bytes in head, `frame` = bytes in the frame, `kind` = enum fg_link_kind and FG_LINK_TAGGED,
 * `gso` = segmentation offload frame. p must be zero; key.iface stays as it is. Global: verified once a program. */
__noinline int fg_parse_slow(struct fg_head *head, __u64 length_frame, __u32 kind, __u32 gso, struct fg_parsed *p)
{
	struct fg_cursor c = {head, (__u32)(length_frame >> 32), (__u32)length_frame};
	__u32 network = 0, transport, length;
	__u16 type = 0;
	__u8 protocol, later = 0;
	bool ipv4, tagged = kind & FG_LINK_TAGGED;
	__u8 *at;

	if (!head || !p)
		return 0;
	kind &= ~FG_LINK_TAGGED;
	if (kind == FG_LINK_ETHERNET) {
		at = fg_at(&c, 0, ETH_HLEN);
		if (!at)
			return fg_unparsed(p, FG_UNPARSED_TRUNCATED);
		type = bpf_ntohs(((struct ethhdr *)at)->h_proto);
		network = ETH_HLEN;
		for (__u32 tags = 0; tags < FG_VLAN_TAGS_MAX; tags++) {
			if (tags == FG_VLAN_TAGS_MAX - 1 && tagged)
				break;
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
