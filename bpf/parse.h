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
#include "key.h"

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

#endif
